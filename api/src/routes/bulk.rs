//! One text for many, with a report.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::bulk::{self, Bulk, ClientFilter, MOST_ROWS, Recipient, Recipients};
use booking::direct::MessageText;
use booking::id::BulkId;
use booking::outbox::MessageState;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::{Manager, MessagesRead, MessagesWrite, Tenant};
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::texts::Texts;
use crate::input;
use crate::state::AppState;

/// Recipients on a page, unless the request says otherwise.
const PAGE: u32 = 100;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(create_bulk)).routes(routes!(show_bulk, cancel_bulk))
}

/// A text for many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkIn {
    /// What to say, 1 to 4096 characters.
    #[schema(min_length = 1, max_length = 4096)]
    text: String,
    /// To these numbers, in any form; at most 1000.
    phones: Option<Vec<String>>,
    /// Or to the clients of the business that fit.
    clients: Option<ClientsIn>,
}

/// Which clients.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsIn {
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those who chose this language: ru, kk or en.
    language: Option<String>,
}

/// A text for many, and how far it is.
#[derive(Serialize, ToSchema)]
pub struct BulkOut {
    /// The job.
    id: i64,
    /// running, done or cancelled.
    #[schema(example = "running")]
    status: &'static str,
    /// What it says.
    text: String,
    /// All recipients.
    total: i64,
    /// How many messages are in each state.
    messages: Vec<CountOut>,
    /// How many recipients were left out, by reason.
    skipped: Vec<SkippedOut>,
    /// When it was planned.
    created_at: String,
    /// When it was called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
}

/// Messages in a state.
#[derive(Serialize, ToSchema)]
pub struct CountOut {
    /// planned, sent, delivered, read, failed, cancelled or expired.
    status: &'static str,
    /// How many.
    count: i64,
}

/// Recipients who were left out.
#[derive(Serialize, ToSchema)]
pub struct SkippedOut {
    /// Why, for programs.
    #[schema(example = "no-consent")]
    reason_code: String,
    /// Why, for people.
    reason: String,
    /// How many.
    count: i64,
}

/// A text for many with a page of its recipients.
#[derive(Serialize, ToSchema)]
pub struct BulkReportOut {
    #[serde(flatten)]
    bulk: BulkOut,
    /// The recipients, in the order of the list.
    recipients: Vec<RecipientOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A recipient, and what became of their message.
#[derive(Serialize, ToSchema)]
pub struct RecipientOut {
    /// Their number; as it was given, if it is none.
    phone: String,
    /// The message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    /// The message's state, or skipped.
    #[schema(example = "delivered")]
    status: &'static str,
    /// Why it was not sent, or not yet, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    /// Why it was not sent, or not yet, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A page of a report.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulkQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Recipients on the page, 1 to 200; 100 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Sends one text to many, at a pace: to those who wrote first or agreed to offers.
///
/// Doubles are merged, and everybody who is left out is in the report with the reason.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/bulk", tag = "whatsapp", security(("bearer" = [])), request_body = BulkIn,
    responses(
        (status = 202, body = BulkOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_bulk(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesWrite>,
    Json(form): Json<BulkIn>,
) -> Result<(StatusCode, axum::Json<BulkOut>), ApiError> {
    let text: MessageText = form.text.parse()?;
    let recipients = recipients(form.phones, form.clients)?;
    let (access, business) = (&manager.access, &manager.business);
    let bulk = bulk::create(&state.platform, access, business, &recipients, &text).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(BulkOut::new(bulk, &manager, &state.texts, &context))))
}

/// Shows how far a text for many is, and what became of each message.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/bulk/{bulk_id}", tag = "whatsapp", security(("bearer" = [])),
    params(("bulk_id" = i64, Path, description = "The job"), BulkQuery),
    responses(
        (status = 200, body = BulkReportOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_bulk(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesRead>,
    Path(id): Path<String>,
    Query(query): Query<BulkQuery>,
) -> Result<axum::Json<BulkReportOut>, ApiError> {
    let id = read_id(&id)?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_ROWS.to_string())]));
    }
    let invalid = |_| ApiError::field("cursor", "cursor-invalid", Vec::new());
    let after = query.cursor.as_deref().map(str::parse).transpose().map_err(invalid)?;
    let mut connection = state.platform.db.read().await?;
    let bulk = bulk::find(&mut connection, manager.business.id, id).await?;
    let rows = bulk::recipients(&mut connection, manager.business.id, id, after, limit).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let next_cursor = rows.last().filter(|_| is_full).map(|last| last.position.to_string());
    let recipients = rows.into_iter().map(|row| RecipientOut::new(row, &manager, &state.texts, &context)).collect();
    let bulk = BulkOut::new(bulk, &manager, &state.texts, &context);
    Ok(axum::Json(BulkReportOut { bulk, recipients, next_cursor }))
}

/// Calls off what has not left of a text for many.
#[utoipa::path(
    delete, path = "/api/v1/whatsapp/bulk/{bulk_id}", tag = "whatsapp", security(("bearer" = [])),
    params(("bulk_id" = i64, Path, description = "The job")),
    responses(
        (status = 200, body = BulkOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_bulk(
    State(platform): State<Platform>,
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesWrite>,
    Path(id): Path<String>,
) -> Result<axum::Json<BulkOut>, ApiError> {
    let bulk = bulk::cancel(&platform, &manager.access, read_id(&id)?).await?;
    Ok(axum::Json(BulkOut::new(bulk, &manager, &state.texts, &context)))
}

fn read_id(text: &str) -> Result<BulkId, ApiError> {
    text.parse().map(BulkId::new).map_err(|_| ApiError::new(ProblemKind::BulkNotFound))
}

fn recipients(phones: Option<Vec<String>>, clients: Option<ClientsIn>) -> Result<Recipients, ApiError> {
    match (phones, clients) {
        (Some(phones), None) => Ok(Recipients::Given(phones)),
        (None, Some(clients)) => {
            let tag = clients.tag.map(|tag| tag.parse().map_err(|error| errors::name("clients.tag", error)));
            let language = clients.language.map(|code| input::language("clients.language", &code));
            Ok(Recipients::Clients(ClientFilter { tag: tag.transpose()?, language: language.transpose()? }))
        }
        (None, None) | (Some(_), Some(_)) => Err(ApiError::field("phones", "recipients-either", Vec::new())),
    }
}

impl BulkOut {
    fn new<S>(bulk: Bulk, tenant: &Tenant<S>, texts: &Texts, context: &RequestContext) -> Self {
        let zone = &tenant.business.zone;
        let planned = bulk.messages.iter().any(|(state, _)| *state == MessageState::Planned);
        let messages = bulk.messages.iter().map(|(_, count)| count).sum::<i64>();
        let skipped = bulk.skipped.iter().map(|(_, count)| count).sum::<i64>();
        Self {
            id: bulk.id.get(),
            status: match (bulk.cancelled_at, planned) {
                (Some(_), _) => "cancelled",
                (None, true) => "running",
                (None, false) => "done",
            },
            text: tenant.access.text(&bulk.text),
            total: messages + skipped,
            messages: bulk
                .messages
                .iter()
                .map(|(state, count)| CountOut { status: state.as_str(), count: *count })
                .collect(),
            skipped: bulk
                .skipped
                .into_iter()
                .map(|(code, count)| SkippedOut {
                    reason: texts.message_error(context.language, &code),
                    reason_code: code,
                    count,
                })
                .collect(),
            created_at: zone.rfc_3339(bulk.created_at),
            cancelled_at: bulk.cancelled_at.map(|at| zone.rfc_3339(at)),
        }
    }
}

impl RecipientOut {
    fn new<S>(row: Recipient, tenant: &Tenant<S>, texts: &Texts, context: &RequestContext) -> Self {
        Self {
            phone: match &row.phone {
                Some(phone) => tenant.access.phone(phone),
                None => tenant.access.text(&row.given),
            },
            message_id: row.message_id.map(booking::id::MessageId::get),
            status: row.state.map_or("skipped", MessageState::as_str),
            reason: row.reason.as_deref().map(|code| texts.message_error(context.language, code)),
            reason_code: row.reason,
        }
    }
}
