//! The bookings of one's own business.

pub mod change;
pub mod create;
pub mod out;
pub mod parts;

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::access::Staff;
use booking::booking::{self as visits, Booking, BookingState, By, Filter, MOST_ROWS};
use booking::clock::Timestamp;
use booking::id::{BookingId, ClientId, MasterId};
use booking::outbox;
use booking::platform::Platform;
use booking::zone::Zone;
use jiff::Span;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use self::out::BookingOut;
use self::out::{BookingDetailOut, MessageOut, TransitionOut};
pub use self::parts::PartIn;
use crate::authority::{BookingsRead, Tenant};
use crate::http::context::RequestContext;
use crate::http::etag::Versioned;
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;
use crate::state::AppState;

/// Bookings on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_bookings))
        .routes(routes!(show_booking))
        .merge(create::routes())
        .merge(change::routes())
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
    /// Only visits on this date or later.
    #[param(example = "2024-01-15", format = Date)]
    from: Option<String>,
    /// Only visits on this date or earlier.
    #[param(example = "2024-01-31", format = Date)]
    to: Option<String>,
    /// Only visits in this status: pending, confirmed, arrived, completed, cancelled, `no_show` or expired.
    #[param(example = "confirmed")]
    status: Option<String>,
    /// Only visits of this client.
    client_id: Option<i64>,
    /// Only visits with a part by this master.
    master_id: Option<i64>,
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

/// Lists the bookings of the business, the newest booked first.
///
/// Who does not see others' calendars gets their own.
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

/// Shows a booking with its steps and messages.
///
/// `ETag` is its version.
#[utoipa::path(
    get, path = "/api/v1/bookings/{booking_id}", tag = "bookings", security(("bearer" = [])),
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
) -> Result<Versioned<BookingDetailOut>, ApiError> {
    let mut connection = state.platform.db.read().await?;
    let found = visits::find(&mut connection, tenant.business.id, booking_id(&id)?).await?;
    let found = found.filter(|booking| By::Staff(&tenant.access).sees(booking));
    let found: Booking = found.ok_or(ApiError::new(ProblemKind::BookingNotFound))?;
    let steps = visits::transitions(&mut connection, tenant.business.id, found.id).await?;
    let messages = outbox::of_booking(&mut connection, tenant.business.id, found.id).await?;
    let messages = messages.into_iter().map(|message| {
        let error = message.error.as_deref().map(|code| state.texts.message_error(context.language, code));
        MessageOut::new(message, error)
    });
    let booking = BookingOut::new(&found, &tenant.access);
    let transitions = steps.into_iter().map(|step| TransitionOut::new(step, &tenant.access)).collect();
    Ok(Versioned(found.version, BookingDetailOut { booking, transitions, messages: messages.collect() }))
}

/// Reads the number of a booking in a path; what is none is no booking.
fn booking_id(text: &str) -> Result<BookingId, ApiError> {
    let id = text.parse().map_err(|_| ApiError::new(ProblemKind::BookingNotFound))?;
    Ok(BookingId::new(id))
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
    let day = |field, text: &Option<String>, more| day(&tenant.business.zone, field, text.as_deref(), more);
    let from = day("date", &query.date, 0)?.max(day("from", &query.from, 0)?);
    let to = [day("date", &query.date, 1)?, day("to", &query.to, 1)?].into_iter().flatten().min();
    let unknown = || ApiError::field("status", "field-invalid", vec![("problem", "pending, confirmed, …".to_owned())]);
    let state = query.status.as_deref().map(|text| BookingState::from_text(text).ok_or_else(unknown)).transpose()?;
    let client_id = query.client_id.map(ClientId::new);
    let before = query.cursor.as_deref().map(|text| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(BookingId::new).ok_or_else(|| ApiError::field("cursor", "cursor-invalid", Vec::new()))
    });
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_ROWS.to_string())]));
    }
    Ok(Some(Filter { before: before.transpose()?, master_id, from, to, state, client_id, limit }))
}

/// The first instant of a date on the salon's calendar, or of one `more` days later.
fn day(zone: &Zone, field: &'static str, text: Option<&str>, more: i64) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let date = input::date(field, text)?.saturating_add(Span::new().days(more));
    Ok(Some(zone.nearest_instant(date.at(0, 0, 0, 0))))
}
