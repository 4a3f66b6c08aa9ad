//! A client's own visits at one business.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::booking::{self as visits, Action, Booking, By, Change, Filter, MOST_ROWS, Move};
use booking::id::BookingId;
use booking::name::Notes;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::ClientSession;
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::wall_text;
use crate::input;
use crate::money;
use crate::routes::availability::{AvailabilityOut, DatesQuery, to_move_by_client};

/// Visits on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_client_bookings))
        .routes(routes!(show_client_booking))
        .routes(routes!(cancel_client_booking))
        .routes(routes!(move_client_booking))
        .routes(routes!(list_slots_of_client))
}

/// Which visits to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClientBookingsQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Visits on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page of the client's visits, the newest booked first.
#[derive(Serialize, ToSchema)]
pub struct ClientBookingsOut {
    /// The visits.
    bookings: Vec<ClientBookingOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A visit as its client sees it.
#[derive(Serialize, ToSchema)]
pub struct ClientBookingOut {
    /// The booking.
    id: i64,
    /// Where it is in its life: pending, confirmed, arrived, completed, cancelled, `no_show` or expired.
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
    /// What is done, with commas.
    #[schema(example = "Стрижка")]
    services: String,
    /// Who does it, with commas.
    #[schema(example = "Айгуль")]
    masters: String,
    /// The price in tenge.
    price: f64,
    /// The price in tiyn, hundredths of a tenge.
    price_tiyn: i64,
    /// Always `KZT`.
    currency: &'static str,
    /// Until when the client can cancel it; absent when they no longer can.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2024-01-15T12:00:00+05:00")]
    cancel_until: Option<String>,
    /// Until when the client can move it; absent when they no longer can.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2024-01-15T12:00:00+05:00")]
    move_until: Option<String>,
}

/// Why a client cancels.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCancelIn {
    /// The version that was seen; the visit as it is if absent.
    #[serde(default)]
    version: Option<i64>,
    /// In words, for the staff.
    #[serde(default)]
    #[schema(example = "Заболела", max_length = 1000)]
    reason: Option<String>,
}

/// Where a client moves a visit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientMoveIn {
    /// The version that was seen; the visit as it is if absent.
    #[serde(default)]
    version: Option<i64>,
    /// The new start on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-16T14:00:00")]
    start: String,
}

/// Lists the client's visits at the business, the newest booked first.
#[utoipa::path(
    get, path = "/api/v1/client/bookings", tag = "client", params(ClientBookingsQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = ClientBookingsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_client_bookings(
    State(platform): State<Platform>,
    client: ClientSession,
    Query(query): Query<ClientBookingsQuery>,
) -> Result<axum::Json<ClientBookingsOut>, ApiError> {
    let filter = Filter {
        before: input::cursor(query.cursor.as_deref())?.map(BookingId::new),
        client_id: Some(client.client_id),
        limit: input::limit(query.limit, PAGE, MOST_ROWS)?,
        ..Filter::default()
    };
    let bookings = visits::list(&mut platform.db.read().await?, client.business.id, &filter).await?;
    let is_full = u32::try_from(bookings.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = bookings.last().filter(|_| is_full).map(|last| last.id.to_string());
    let bookings = bookings.iter().map(|booking| ClientBookingOut::new(booking, &client, &platform)).collect();
    Ok(axum::Json(ClientBookingsOut { bookings, next_cursor }))
}

/// Shows a visit of the client.
#[utoipa::path(
    get, path = "/api/v1/client/bookings/{booking_id}", tag = "client", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking")),
    responses(
        (status = 200, body = ClientBookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_client_booking(
    State(platform): State<Platform>,
    client: ClientSession,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientBookingOut>, ApiError> {
    let booking = own(&platform, &client, &id).await?;
    Ok(axum::Json(ClientBookingOut::new(&booking, &client, &platform)))
}

/// Cancels a visit of the client, within the time for it.
///
/// Its time is free again and its reminders are taken back.
#[utoipa::path(
    post, path = "/api/v1/client/bookings/{booking_id}/cancel", tag = "client", request_body = ClientCancelIn,
    security(("bearer" = [])), params(("booking_id" = i64, Path, description = "The booking")),
    responses(
        (status = 200, body = ClientBookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_client_booking(
    State(platform): State<Platform>,
    client: ClientSession,
    Path(id): Path<String>,
    Json(form): Json<ClientCancelIn>,
) -> Result<axum::Json<ClientBookingOut>, ApiError> {
    let reason: Notes = form.reason.as_deref().unwrap_or_default().parse().map_err(|e| errors::name("reason", e))?;
    let booking = own(&platform, &client, &id).await?;
    let by = By::Client { business_id: client.business.id, origin: &client.origin };
    let change = Change { reason: Some(&reason), version: form.version, ..Change::of(Action::Cancel) };
    let done = visits::change(&platform, by, booking.id, &change).await;
    let done = done.map_err(|error| errors::bookings::change_by_client(error, &client.business.zone))?;
    Ok(axum::Json(ClientBookingOut::new(&done, &client, &platform)))
}

/// Moves a visit of the client to another free time, within the time for it; what and by whom stays.
#[utoipa::path(
    post, path = "/api/v1/client/bookings/{booking_id}/move", tag = "client", request_body = ClientMoveIn,
    security(("bearer" = [])), params(("booking_id" = i64, Path, description = "The booking")),
    responses(
        (status = 200, body = ClientBookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn move_client_booking(
    State(platform): State<Platform>,
    client: ClientSession,
    Path(id): Path<String>,
    Json(form): Json<ClientMoveIn>,
) -> Result<axum::Json<ClientBookingOut>, ApiError> {
    let booking = own(&platform, &client, &id).await?;
    let start = input::wall_time("start", &form.start, &client.business.zone)?;
    let by = By::Client { business_id: client.business.id, origin: &client.origin };
    let to = Move { start, parts: None, reason: None, version: form.version, late: false, notify: true };
    let done = visits::move_visit(&platform, by, booking.id, &to).await;
    let done = done.map_err(|error| errors::bookings::moving_by_client(error, &client.business.zone))?;
    Ok(axum::Json(ClientBookingOut::new(&done, &client, &platform)))
}

/// Lists the times that a visit of the client could be moved to.
///
/// Those that are free, and those that only it takes itself. When it cannot be moved, the answer is the move's own.
#[utoipa::path(
    get, path = "/api/v1/client/bookings/{booking_id}/availability", tag = "client", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking"), DatesQuery),
    responses(
        (status = 200, body = AvailabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_slots_of_client(
    State(platform): State<Platform>,
    client: ClientSession,
    Path(id): Path<String>,
    Query(query): Query<DatesQuery>,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    let booking = own(&platform, &client, &id).await?;
    let by = By::Client { business_id: client.business.id, origin: &client.origin };
    to_move_by_client(&platform, by, booking.id, &query, &client.business.zone).await
}

/// A visit of the client; everybody else's does not exist for them.
async fn own(platform: &Platform, client: &ClientSession, id: &str) -> Result<Booking, ApiError> {
    let id = BookingId::new(input::id(id, ProblemKind::BookingNotFound)?);
    let found = visits::find(&mut platform.db.read().await?, client.business.id, id).await?;
    let own = found.filter(|booking| booking.client_id == Some(client.client_id));
    own.ok_or(ApiError::new(ProblemKind::BookingNotFound))
}

impl ClientBookingOut {
    fn new(booking: &Booking, client: &ClientSession, platform: &Platform) -> Self {
        let choices = booking.choices(&client.business, platform);
        Self {
            id: booking.id.get(),
            status: booking.state.as_str(),
            version: booking.version,
            booking_date: wall_text(booking.wall_start),
            starts_at: booking.zone.rfc_3339(booking.starts_at),
            ends_at: booking.zone.rfc_3339(booking.ends_at),
            time_zone: booking.zone.name().to_owned(),
            services: booking.services(booking.language),
            masters: booking.masters(),
            price: money::tenge(booking.price_tiyn),
            price_tiyn: booking.price_tiyn,
            currency: money::CURRENCY,
            cancel_until: choices.cancel_until.map(|until| booking.zone.rfc_3339(until)),
            move_until: choices.move_until.map(|until| booking.zone.rfc_3339(until)),
        }
    }
}
