//! What whoever watches a program sees, on a listener of its own: metrics, health, readiness.
//!
//! Counters grow where things happen ([`Tally`] has the dispatcher's). What the database knows
//! (messages, accounts) is asked when somebody reads. No label names a tenant, an account or a person, so the number of
//! series does not grow with theirs.

mod figures;
mod health;
mod probe;
mod readiness;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use booking::platform::Platform;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::dispatcher::{LiveAccounts, Tally};

use self::figures::Figures;

pub use self::health::{Health, WhatsAppHealth};
pub use self::probe::{NotReady, ask_ready};
pub use self::readiness::{Parts, Readiness};

/// Source: `OpenMetrics` 1.0, "Content type".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The program's name.
    pub service: &'static str,
    /// Whose database is asked.
    pub platform: Platform,
    /// The accounts that this process holds.
    pub live: LiveAccounts,
    /// What the dispatcher counts.
    pub tally: Tally,
    /// Whether the process is fit for its work.
    pub readiness: Readiness,
}

/// The pages of one process. A cheap handle.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    watched: Watched,
    registry: Registry,
    figures: Figures,
}

impl Watch {
    /// Puts the pages together; `more` registers what only this program counts.
    #[must_use]
    pub fn new(watched: Watched, more: impl FnOnce(&mut Registry)) -> Self {
        let (mut registry, figures) = (Registry::default(), Figures::default());
        figures.register(&mut registry);
        watched.tally.register(&mut registry);
        more(&mut registry);
        Self(Arc::new(Inner { watched, registry, figures }))
    }

    /// The router of the pages `/metrics`, `/health` and `/ready`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(show_metrics))
            .route("/health", get(show_health))
            .route("/ready", get(show_readiness))
            .with_state(self)
    }
}

async fn show_metrics(State(Watch(inner)): State<Watch>) -> Response {
    inner.figures.read(&inner.watched.platform, &inner.watched.live).await;
    let mut page = String::new();
    match text::encode(&mut page, &inner.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// 200 also while the database is away: a restart would not bring it back.
async fn show_health(State(Watch(inner)): State<Watch>) -> Json<Value> {
    let health = Health::look(&inner.watched.platform, &inner.watched.live).await;
    Json(json!({
        "status": health.status(),
        "service": inner.watched.service,
        "version": env!("CARGO_PKG_VERSION"),
        "database": health.database_word(),
        "whatsapp": {
            "state": health.whatsapp.state,
            "accounts": health.whatsapp.accounts,
            "online": health.whatsapp.online,
            "waiting_for_scan": health.whatsapp.waiting_for_scan,
            "held_here": health.whatsapp.held_here,
        },
    }))
}

async fn show_readiness(State(Watch(inner)): State<Watch>) -> (StatusCode, Json<Value>) {
    let parts = inner.watched.readiness.parts(&inner.watched.platform).await;
    let body = json!({
        "status": parts.status(),
        "database": parts.database_word(),
        "migrations": parts.tables_word(),
        "dispatcher": parts.dispatcher_word(),
        "stopping": parts.stopping,
    });
    (if parts.are_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
