//! Messages to clients, and what became of them.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::booking as visits;
use booking::clock::Timestamp;
use booking::direct::{self, MessageText};
use booking::id::{BookingId, MessageId};
use booking::outbox::{self, MOST_MESSAGES, MessageFilter, MessageKind, MessageState, MessageStatus};
use booking::phone::Phone;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::{BookingsRead, Manager, MessagesRead, MessagesWrite, Tenant};
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::texts::Texts;
use crate::state::AppState;

/// Messages on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_messages, send_message))
        .routes(routes!(show_message))
        .routes(routes!(list_messages_of_booking))
}

/// A text to one person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageIn {
    /// To whom, in any form.
    #[schema(example = "+7 777 123 45 67")]
    phone: String,
    /// What to say, 1 to 4096 characters.
    #[schema(min_length = 1, max_length = 4096)]
    text: String,
}

/// A message that is planned: nothing has left yet.
#[derive(Serialize, ToSchema)]
pub struct AcceptedOut {
    /// The message, to ask about under `GET /api/v1/whatsapp/messages/{message_id}`.
    id: i64,
    /// Always planned.
    #[schema(example = "planned")]
    status: &'static str,
}

impl AcceptedOut {
    /// A planned message.
    pub(super) fn new(id: MessageId) -> Self {
        Self { id: id.get(), status: MessageState::Planned.as_str() }
    }
}

/// A message to a client, and what became of it.
#[derive(Serialize, ToSchema)]
pub struct SentMessageOut {
    /// The message.
    id: i64,
    /// request, confirmation, reminder, cancellation, change, expiry, code, invitation, reply, direct, relay or bulk.
    #[schema(example = "direct")]
    kind: &'static str,
    /// planned, sent (the server has it), delivered, read, failed, cancelled or expired.
    #[schema(example = "delivered")]
    status: &'static str,
    /// To whom; absent once the client was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// What it says; a code is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The visit it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_id: Option<i64>,
    /// When it goes out or was to go out.
    due_at: String,
    /// When it is tried next, while it is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// From when on it is not sent any more.
    expires_at: String,
    /// How often it was tried.
    attempts: i64,
    /// Why it was not sent, or not yet, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// Why it was not sent, or not yet, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When the server took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    /// When a device of the client had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// When the client saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<String>,
    /// The IANA zone of the times.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
}

/// A page of messages, the newest planned first.
#[derive(Serialize, ToSchema)]
pub struct MessagesOut {
    /// The messages.
    messages: Vec<SentMessageOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which messages to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Messages on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those in this state.
    status: Option<String>,
    /// Only those for this.
    kind: Option<String>,
    /// Only those to this number, in any form.
    phone: Option<String>,
}

/// Sends a text to one person, who wrote first or agreed to messages.
///
/// The answer says that it is planned: whether it left and arrived is under `messages/{message_id}`.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/messages", tag = "whatsapp", security(("bearer" = [])), request_body = MessageIn,
    responses(
        (status = 202, body = AcceptedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn send_message(
    State(platform): State<Platform>,
    manager: Manager<MessagesWrite>,
    Json(form): Json<MessageIn>,
) -> Result<(StatusCode, axum::Json<AcceptedOut>), ApiError> {
    let phone: Phone = form.phone.parse().map_err(|error| errors::phone("phone", error))?;
    let text: MessageText = form.text.parse()?;
    let ticket = manager.access.origin.ticket.as_ref();
    let id = direct::send(&platform, &manager.business, &phone, &text, ticket).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(AcceptedOut::new(id))))
}

/// Lists the messages of the business, the newest planned first.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/messages", tag = "whatsapp", security(("bearer" = [])), params(MessagesQuery),
    responses(
        (status = 200, body = MessagesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_messages(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesRead>,
    Query(query): Query<MessagesQuery>,
) -> Result<axum::Json<MessagesOut>, ApiError> {
    let filter = filter(&query)?;
    if filter.phone.is_some() {
        // Whoever does not see numbers must not find them out one by one.
        manager.must_see_phones()?;
    }
    let found = outbox::list(&mut state.platform.db.read().await?, manager.business.id, &filter).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = found.last().filter(|_| is_full).map(|last| last.id.to_string());
    let messages = found.into_iter().map(|message| SentMessageOut::new(message, &manager, &state.texts, &context));
    Ok(axum::Json(MessagesOut { messages: messages.collect(), next_cursor }))
}

/// Shows a message and what became of it.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/messages/{message_id}", tag = "whatsapp", security(("bearer" = [])),
    params(("message_id" = i64, Path, description = "The message")),
    responses(
        (status = 200, body = SentMessageOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_message(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<SentMessageOut>, ApiError> {
    let not_found = || ApiError::new(ProblemKind::MessageNotFound);
    let id = MessageId::new(id.parse().map_err(|_| not_found())?);
    let found = outbox::find(&mut state.platform.db.read().await?, manager.business.id, id).await?;
    Ok(axum::Json(SentMessageOut::new(found.ok_or_else(not_found)?, &manager, &state.texts, &context)))
}

/// Lists the messages of a visit, in the order of their times.
#[utoipa::path(
    get, path = "/api/v1/bookings/{booking_id}/messages", tag = "bookings", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking")),
    responses(
        (status = 200, body = MessagesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_messages_of_booking(
    State(state): State<AppState>,
    context: RequestContext,
    tenant: Tenant<BookingsRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<MessagesOut>, ApiError> {
    let not_found = || ApiError::new(ProblemKind::BookingNotFound);
    let id = BookingId::new(id.parse().map_err(|_| not_found())?);
    let mut connection = state.platform.db.read().await?;
    let booking = visits::find(&mut connection, tenant.business.id, id).await?.ok_or_else(not_found)?;
    if !booking.segments.iter().any(|segment| tenant.access.sees_master(segment.master_id)) {
        return Err(not_found());
    }
    let found = outbox::of_booking(&mut connection, tenant.business.id, id).await?;
    let messages = found.into_iter().map(|message| SentMessageOut::new(message, &tenant, &state.texts, &context));
    Ok(axum::Json(MessagesOut { messages: messages.collect(), next_cursor: None }))
}

fn filter(query: &MessagesQuery) -> Result<MessageFilter, ApiError> {
    let before = query.cursor.as_deref().map(|text| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(MessageId::new).ok_or_else(|| ApiError::field("cursor", "cursor-invalid", Vec::new()))
    });
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_MESSAGES).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_MESSAGES.to_string())]));
    }
    let unknown = |field, text: &str| ApiError::field(field, "field-invalid", vec![("problem", text.to_owned())]);
    let state =
        query.status.as_deref().map(|text| MessageState::from_text(text).ok_or_else(|| unknown("status", text)));
    let kind = query.kind.as_deref().map(|text| MessageKind::from_text(text).ok_or_else(|| unknown("kind", text)));
    let phone = query.phone.as_deref().map(|text| text.parse().map_err(|error| errors::phone("phone", error)));
    Ok(MessageFilter {
        before: before.transpose()?,
        state: state.transpose()?,
        kind: kind.transpose()?,
        phone: phone.transpose()?,
        booking_id: None,
        limit,
    })
}

impl SentMessageOut {
    fn new<S>(message: MessageStatus, tenant: &Tenant<S>, texts: &Texts, context: &RequestContext) -> Self {
        let time = |at: Timestamp| tenant.business.zone.rfc_3339(at);
        let is_planned = message.state == MessageState::Planned;
        let error = message.error.as_deref().map(|code| texts.message_error(context.language, code));
        Self {
            id: message.id.get(),
            kind: message.kind.as_str(),
            status: message.state.as_str(),
            phone: message.phone.as_ref().map(|phone| tenant.access.phone(phone)),
            // Codes sign people in, and links of invitations too.
            text: match message.kind {
                MessageKind::Code | MessageKind::Invitation => None,
                MessageKind::Request
                | MessageKind::Expiry
                | MessageKind::Confirmation
                | MessageKind::Reminder
                | MessageKind::Cancellation
                | MessageKind::Change
                | MessageKind::Reply
                | MessageKind::Direct
                | MessageKind::Relay
                | MessageKind::Bulk => Some(tenant.access.text(&message.text)),
            },
            booking_id: message.booking_id.map(BookingId::get),
            due_at: time(message.due_at),
            next_at: is_planned.then(|| time(message.next_at)),
            expires_at: time(message.expires_at),
            attempts: message.attempts,
            error_code: message.error,
            error,
            sent_at: message.sent_at.map(time),
            delivered_at: message.delivered_at.map(time),
            read_at: message.read_at.map(time),
            time_zone: tenant.business.zone.name().to_owned(),
        }
    }
}
