//! The bookings of one's own business.

use axum::extract::{Path, State};
use booking::access::{Access, Staff};
use booking::booking::{self as visits, Actor, Booking, Cancellation, Filter, MOST_ROWS, Segment};
use booking::clock::Timestamp;
use booking::id::{BookingId, MasterId};
use booking::outbox::{self, MessageStatus};
use booking::platform::Platform;
use booking::zone::Zone;
use jiff::Span;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::{BookingsRead, BookingsWrite, Tenant};
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::wall_text;
use crate::input;
use crate::money;
use crate::state::AppState;

/// Bookings on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_bookings)).routes(routes!(show_booking, cancel_booking))
}

/// Which bookings to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BookingsQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Bookings on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only visits on this date of the salon's calendar.
    #[param(example = "2024-01-15", format = Date)]
    date: Option<String>,
    /// Only visits with a part by this master.
    master_id: Option<i64>,
}

/// How to cancel.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// Also when the time for it is over; for owners and managers, and logged.
    #[serde(default)]
    late: bool,
}

/// A page of bookings, the newest booked first.
#[derive(Serialize, ToSchema)]
pub struct BookingsOut {
    /// The bookings.
    bookings: Vec<BookingOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A visit.
#[derive(Serialize, ToSchema)]
pub struct BookingOut {
    /// The booking.
    id: i64,
    /// Where it is in its life: held, pending, confirmed, arrived, completed, cancelled, `no_show` or expired.
    #[schema(example = "confirmed")]
    status: &'static str,
    /// Counts its changes, from 1.
    version: i64,
    /// The start on the salon's wall clock.
    #[schema(example = "2024-01-15T14:00:00")]
    booking_date: String,
    /// The start as an instant.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    starts_at: String,
    /// The end as an instant.
    #[schema(example = "2024-01-15T15:00:00+05:00")]
    ends_at: String,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// Whom it is for.
    client_name: String,
    /// Their number in E.164 form; its last two digits for those who do not see numbers.
    client_phone: Option<String>,
    /// The names of those who serve, with commas.
    master_name: String,
    /// The price in tenge; absent for those who do not see money.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
    /// The price in tiyn, hundredths of a tenge; absent for those who do not see money.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_tiyn: Option<i64>,
    /// Always `KZT`.
    currency: &'static str,
    /// What the client is written to in.
    language: &'static str,
    /// What was added in words.
    notes: String,
    /// Its parts, in order.
    segments: Vec<SegmentOut>,
    /// When it was booked, in UTC.
    created_at: String,
}

/// A part of a visit: a service by a master.
#[derive(Serialize, ToSchema)]
pub struct SegmentOut {
    /// What.
    service_id: i64,
    /// Its name.
    service: String,
    /// By whom.
    master_id: i64,
    /// Their name.
    master: String,
    /// When it begins.
    starts_at: String,
    /// When it ends.
    ends_at: String,
}

/// A visit with what its client was or will be written.
#[derive(Serialize, ToSchema)]
pub struct BookingDetailOut {
    #[serde(flatten)]
    booking: BookingOut,
    /// The messages, in the order of their times.
    messages: Vec<MessageOut>,
}

/// A message to a client.
#[derive(Serialize, ToSchema)]
pub struct MessageOut {
    /// The message.
    id: i64,
    /// confirmation, reminder, cancellation or direct.
    #[schema(example = "confirmation")]
    kind: &'static str,
    /// planned, sent (the server has it), delivered, read, failed, cancelled or expired.
    #[schema(example = "delivered")]
    status: &'static str,
    /// The WhatsApp message id, the same at every attempt.
    whatsapp_message_id: String,
    /// When it goes out or was to go out, in UTC.
    due_at: String,
    /// How often it was tried.
    attempts: i64,
    /// Why the last attempt failed, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// Why the last attempt failed, for people.
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
}

/// Lists the bookings of the business, the newest booked first; who does not see others' calendars gets their own.
#[utoipa::path(
    get, path = "/api/v1/bookings", tag = "bookings", params(BookingsQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = BookingsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_bookings(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsRead>,
    Query(query): Query<BookingsQuery>,
) -> Result<axum::Json<BookingsOut>, ApiError> {
    let filter = filter(&tenant, &query)?;
    let Some(filter) = filter else {
        return Ok(axum::Json(BookingsOut { bookings: Vec::new(), next_cursor: None }));
    };
    let bookings = visits::list(&mut platform.db.read().await?, tenant.business.id, &filter).await?;
    let is_full = u32::try_from(bookings.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = bookings.last().filter(|_| is_full).map(|last| last.id.to_string());
    let bookings = bookings.iter().map(|booking| BookingOut::new(booking, &tenant.access)).collect();
    Ok(axum::Json(BookingsOut { bookings, next_cursor }))
}

/// Shows a booking with its messages.
#[utoipa::path(
    get, path = "/api/v1/booking/{booking_id}", tag = "bookings", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking")),
    responses(
        (status = 200, body = BookingDetailOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_booking(
    State(state): State<AppState>,
    context: RequestContext,
    tenant: Tenant<BookingsRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<BookingDetailOut>, ApiError> {
    let found = find(&state.platform, &tenant, &id).await?;
    let messages = outbox::of_booking(&mut state.platform.db.read().await?, tenant.business.id, found.id).await?;
    let messages = messages.into_iter().map(|message| {
        let error = message.error.as_deref().map(|code| state.texts.message_error(context.language, code));
        MessageOut::new(message, error)
    });
    let booking = BookingOut::new(&found, &tenant.access);
    Ok(axum::Json(BookingDetailOut { booking, messages: messages.collect() }))
}

/// Cancels a booking: its time is free again, its reminders are taken back, and the client is told.
#[utoipa::path(
    delete, path = "/api/v1/booking/{booking_id}", tag = "bookings", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking"), CancelQuery),
    responses(
        (status = 200, body = BookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_booking(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsWrite>,
    Path(id): Path<String>,
    Query(query): Query<CancelQuery>,
) -> Result<axum::Json<BookingOut>, ApiError> {
    if query.late && !tenant.access.runs_business() {
        return Err(ApiError::new(ProblemKind::NotAllowed));
    }
    let found = find(&platform, &tenant, &id).await?;
    let actor = tenant.access.user_id().map_or(Actor::System, Actor::User);
    let cancellation = Cancellation { actor, reason: None, version: Some(found.version), late: query.late };
    let cancelled = visits::cancel(&platform, tenant.business.id, found.id, &cancellation).await;
    let cancelled = cancelled.map_err(|error| errors::cancel(&error, platform.policy.cancellation_hours))?;
    Ok(axum::Json(BookingOut::new(&cancelled, &tenant.access)))
}

/// A booking of the business that the tenant may see; everything else does not exist for them.
async fn find(platform: &Platform, tenant: &Staff, id: &str) -> Result<Booking, ApiError> {
    let not_found = || ApiError::new(ProblemKind::BookingNotFound);
    let id = BookingId::new(id.parse().map_err(|_| not_found())?);
    let mut connection = platform.db.read().await?;
    let found = visits::find(&mut connection, tenant.business.id, id).await?.ok_or_else(not_found)?;
    let is_seen = found.segments.iter().any(|segment| tenant.access.sees_master(segment.master_id));
    if is_seen { Ok(found) } else { Err(not_found()) }
}

/// What to list; `None` when there can be nothing.
fn filter(tenant: &Staff, query: &BookingsQuery) -> Result<Option<Filter>, ApiError> {
    let mut master_id = query.master_id.map(MasterId::new);
    if !tenant.access.sees.calendars {
        let own = tenant.access.master_id;
        if own.is_none() || master_id.is_some_and(|wanted| Some(wanted) != own) {
            return Ok(None);
        }
        master_id = own;
    }
    let (from, to) = match &query.date {
        Some(text) => day(&tenant.business.zone, text)?,
        None => (None, None),
    };
    let before = query.cursor.as_deref().map(|text| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(BookingId::new).ok_or_else(|| ApiError::field("cursor", "cursor-invalid", Vec::new()))
    });
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_ROWS.to_string())]));
    }
    Ok(Some(Filter { before: before.transpose()?, master_id, from, to, limit }))
}

/// The first instant of a date on the salon's calendar, and the first of the next.
fn day(zone: &Zone, text: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
    let date = input::date("date", text)?;
    let midnight = |date: jiff::civil::Date| zone.nearest_instant(date.at(0, 0, 0, 0));
    Ok((Some(midnight(date)), Some(midnight(date.saturating_add(Span::new().days(1))))))
}

impl BookingOut {
    fn new(booking: &Booking, access: &Access) -> Self {
        let price_tiyn = access.money(booking.price_tiyn);
        let masters: Vec<&str> = booking.segments.iter().map(|segment| segment.master.as_str()).collect();
        Self {
            id: booking.id.get(),
            status: booking.state.as_str(),
            version: booking.version,
            booking_date: wall_text(booking.wall_start),
            starts_at: booking.zone.rfc_3339(booking.starts_at),
            ends_at: booking.zone.rfc_3339(booking.ends_at),
            time_zone: booking.zone.name().to_owned(),
            client_name: access.text(booking.client_name.as_str()),
            client_phone: booking.client_phone.as_ref().map(|phone| access.phone(phone)),
            master_name: masters.join(", "),
            price: price_tiyn.map(money::tenge),
            price_tiyn,
            currency: money::CURRENCY,
            language: booking.language.as_str(),
            notes: access.text(booking.notes.as_str()),
            segments: booking.segments.iter().map(|segment| SegmentOut::new(segment, &booking.zone)).collect(),
            created_at: booking.created_at.to_string(),
        }
    }
}

impl SegmentOut {
    fn new(segment: &Segment, zone: &Zone) -> Self {
        Self {
            service_id: segment.service_id.get(),
            service: segment.service.as_str().to_owned(),
            master_id: segment.master_id.get(),
            master: segment.master.as_str().to_owned(),
            starts_at: zone.rfc_3339(segment.starts_at),
            ends_at: zone.rfc_3339(segment.ends_at),
        }
    }
}

impl MessageOut {
    fn new(message: MessageStatus, error: Option<String>) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: message.id.get(),
            kind: message.kind.as_str(),
            status: message.state.as_str(),
            whatsapp_message_id: message.wa_message_id,
            due_at: message.due_at.to_string(),
            attempts: message.attempts,
            error_code: message.error,
            error,
            sent_at: text(message.sent_at),
            delivered_at: text(message.delivered_at),
            read_at: text(message.read_at),
        }
    }
}
