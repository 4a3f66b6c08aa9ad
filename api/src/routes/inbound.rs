//! What clients wrote, for the people it is left to.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::id::InboundId;
use booking::inbound::{self, Inbound, InboundFilter, MOST_INBOUND, Outcome};
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::{Manager, MessagesRead, MessagesWrite, Tenant};
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem, ProblemKind};

/// Messages on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_inbound)).routes(routes!(mark_inbound_read))
}

/// Which messages to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboundQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Messages on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those that are left to a person, and that nobody has seen.
    #[serde(default)]
    unread: bool,
}

/// A page of what clients wrote, the newest first.
#[derive(Serialize, ToSchema)]
pub struct InboundsOut {
    /// The messages.
    messages: Vec<InboundOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A message that a client wrote.
#[derive(Serialize, ToSchema)]
pub struct InboundOut {
    /// The message.
    id: i64,
    /// Who wrote; absent while their number is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// What they wrote; absent for pictures, voice and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What came of it: confirmed, `cancel_asked`, cancelled, `cancel_refused`, stopped, started; or unread: it is left
    /// to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "unread")]
    outcome: Option<&'static str>,
    /// The visit it was taken to be about.
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_id: Option<i64>,
    /// When it came.
    received_at: String,
    /// When somebody saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<String>,
    /// The IANA zone of the times.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
}

/// Lists what clients wrote, the newest first.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/inbound", tag = "whatsapp", security(("bearer" = [])), params(InboundQuery),
    responses(
        (status = 200, body = InboundsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_inbound(
    State(platform): State<Platform>,
    manager: Manager<MessagesRead>,
    Query(query): Query<InboundQuery>,
) -> Result<axum::Json<InboundsOut>, ApiError> {
    let before = query.cursor.as_deref().map(|text| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(InboundId::new).ok_or_else(|| ApiError::field("cursor", "cursor-invalid", Vec::new()))
    });
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_INBOUND).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_INBOUND.to_string())]));
    }
    let filter = InboundFilter { before: before.transpose()?, unread: query.unread, limit };
    let found = inbound::list(&mut platform.db.read().await?, manager.business.id, &filter).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count >= limit);
    let next_cursor = found.last().filter(|_| is_full).map(|last| last.id.to_string());
    let messages = found.into_iter().map(|message| InboundOut::new(message, &manager)).collect();
    Ok(axum::Json(InboundsOut { messages, next_cursor }))
}

/// Notes that somebody saw a message.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/inbound/{inbound_id}/read", tag = "whatsapp", security(("bearer" = [])),
    params(("inbound_id" = i64, Path, description = "The message")),
    responses(
        (status = 204, description = "Noted"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn mark_inbound_read(
    State(platform): State<Platform>,
    manager: Manager<MessagesWrite>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::new(ProblemKind::MessageNotFound);
    let id = InboundId::new(id.parse().map_err(|_| not_found())?);
    let mut tx = platform.db.begin().await?;
    if !inbound::mark_read(&mut tx, manager.business.id, id, platform.clock.now()).await? {
        return Err(not_found());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl InboundOut {
    fn new<S>(message: Inbound, tenant: &Tenant<S>) -> Self {
        let zone = &tenant.business.zone;
        Self {
            id: message.id.get(),
            phone: message.phone.as_ref().map(|phone| tenant.access.phone(phone)),
            text: message.text.map(|text| tenant.access.text(&text)),
            outcome: message.outcome.map(Outcome::as_str),
            booking_id: message.booking_id.map(booking::id::BookingId::get),
            received_at: zone.rfc_3339(message.received_at),
            read_at: message.read_at.map(|at| zone.rfc_3339(at)),
            time_zone: zone.name().to_owned(),
        }
    }
}
