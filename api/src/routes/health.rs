//! How the platform is, and what its problems mean.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use scheduler::watch::Health;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::context::RequestContext;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::rate_limit::{Place, RateLimit};
use crate::state::AppState;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(show_health)).routes(routes!(show_readiness)).routes(routes!(show_problem))
}

/// How the platform is.
#[derive(Serialize, ToSchema)]
pub struct HealthOut {
    /// `healthy`, or `degraded` while the database does not answer.
    #[schema(example = "healthy")]
    status: &'static str,
    /// Always `api`.
    #[schema(example = "api")]
    service: &'static str,
    /// The program's version.
    version: &'static str,
    /// `connected` or `disconnected`.
    #[schema(example = "connected")]
    database: &'static str,
    /// Where requests are counted for the rate limit: `process`, `redis`, `fallback` (in the process, because Redis
    /// does not answer) or `off`.
    #[schema(example = "process")]
    rate_limit: &'static str,
    /// How the WhatsApp accounts are.
    whatsapp: WhatsAppHealthOut,
}

/// Whether requests should come to this process.
#[derive(Serialize, ToSchema)]
pub struct ReadinessOut {
    /// `ready` or `not_ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `connected` or `disconnected`.
    #[schema(example = "connected")]
    database: &'static str,
    /// `current`, or `pending` while the tables are older than the program.
    #[schema(example = "current")]
    migrations: &'static str,
    /// `running`, `stopped` (also while it waits for a sandbox), or `off` where messages are switched off.
    #[schema(example = "running")]
    dispatcher: &'static str,
    /// Whether the program was told to stop; requests under way still finish.
    stopping: bool,
}

/// How the WhatsApp accounts are, whichever process holds them.
#[derive(Serialize, ToSchema)]
pub struct WhatsAppHealthOut {
    /// `online` if every account is, `degraded` if some are, `offline` if none is, `none` if there is none.
    #[schema(example = "online")]
    state: &'static str,
    /// Accounts there are.
    accounts: usize,
    /// Accounts that are online.
    online: usize,
    /// Accounts that wait for a phone to scan their code.
    waiting_for_scan: usize,
    /// Accounts whose connection is in this process.
    held_here: usize,
}

/// Tells that the process lives, and how the database and WhatsApp are.
///
/// 200 also while the database is away: a restart would not bring it back. `/ready` answers 503 then.
#[utoipa::path(get, path = "/health", tag = "platform", responses((status = 200, body = HealthOut)))]
async fn show_health(State(state): State<AppState>) -> axum::Json<HealthOut> {
    let health = Health::look(&state.platform, &state.live).await;
    let out = HealthOut {
        status: health.status(),
        service: "api",
        version: env!("CARGO_PKG_VERSION"),
        database: health.database_word(),
        rate_limit: match state.rate_limit.as_ref().map(RateLimit::place) {
            None => "off",
            Some(Place::Process) => "process",
            Some(Place::Redis) => "redis",
            Some(Place::Fallback) => "fallback",
        },
        whatsapp: WhatsAppHealthOut {
            state: health.whatsapp.state,
            accounts: health.whatsapp.accounts,
            online: health.whatsapp.online,
            waiting_for_scan: health.whatsapp.waiting_for_scan,
            held_here: health.whatsapp.held_here,
        },
    };
    axum::Json(out)
}

/// Tells whether requests should come to this process.
#[utoipa::path(
    get, path = "/ready", tag = "platform",
    responses((status = 200, body = ReadinessOut), (status = 503, description = "Not now", body = ReadinessOut)),
)]
async fn show_readiness(State(state): State<AppState>) -> (StatusCode, axum::Json<ReadinessOut>) {
    let parts = state.readiness.parts(&state.platform).await;
    let out = ReadinessOut {
        status: parts.status(),
        database: parts.database_word(),
        migrations: parts.tables_word(),
        dispatcher: parts.dispatcher_word(),
        stopping: parts.stopping,
    };
    (if parts.are_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, axum::Json(out))
}

/// Explains a kind of problem.
///
/// The `type` of every problem leads here.
#[utoipa::path(
    get, path = "/api/problems/{code}", tag = "platform",
    params(("code" = String, Path, description = "The code of a problem", example = "slot-taken")),
    responses(
        (status = 200, description = "Title and explanation", body = String),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_problem(
    State(state): State<AppState>,
    context: RequestContext,
    Path(code): Path<String>,
) -> Result<String, ApiError> {
    let kind = ProblemKind::from_code(&code).ok_or(ApiError::new(ProblemKind::RouteNotFound))?;
    let text = state.texts.problem(context.language, kind.code(), &Vec::new());
    Ok(format!("{} {}\n{}\n{}\n", kind.status().as_u16(), kind.code(), text.title, text.detail))
}
