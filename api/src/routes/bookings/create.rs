//! Bookings that the staff makes and moves.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::booking::{self as visits, By, Move, NewBooking, Party, Source};
use booking::id::{ClientId, MasterId};
use booking::name::{Name, Notes};
use booking::phone::Phone;
use booking::platform::Platform;
use serde::Deserialize;
use utoipa::ToSchema;

use super::parts::PartIn;
use super::{BookingOut, booking_id};
use crate::authority::{BookingsWrite, Tenant};
use crate::errors;
use crate::http::etag::{IfMatch, Versioned};
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(book_visit)).routes(routes!(move_booking))
}

/// A visit that the staff books.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffBookingIn {
    /// A client of the business; instead of a number.
    #[serde(default)]
    client_id: Option<i64>,
    /// The client's number, as people write it; absent, with no `client_id`, is somebody who came in.
    #[serde(default)]
    #[schema(example = "+77779876543")]
    client_phone: Option<String>,
    /// What they are called; a new client needs it.
    #[serde(default)]
    #[schema(example = "Иван Иванов", min_length = 1, max_length = 100)]
    client_name: Option<String>,
    /// What by whom, or by whoever is free, one after the other.
    #[schema(min_items = 1, max_items = 10)]
    items: Vec<PartIn>,
    /// The start on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-15T14:00:00")]
    start: String,
    /// What is added in words.
    #[serde(default)]
    #[schema(max_length = 1000)]
    notes: Option<String>,
    /// What the client wants to be written to in: ru, kk or en.
    #[serde(default)]
    #[schema(example = "ru", pattern = "^(ru|kk|en)$")]
    language: Option<String>,
    /// On purpose over other visits, or outside of the masters' hours; it is logged.
    #[serde(default)]
    overbook: bool,
}

/// Where a visit is moved to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveIn {
    /// The start on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-16T14:00:00")]
    start: String,
    /// Another master for all parts.
    #[serde(default)]
    master_id: Option<i64>,
    /// Other parts, instead of `master_id`.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 10)]
    items: Option<Vec<PartIn>>,
    /// The version that was seen; `If-Match` may name it instead.
    #[serde(default)]
    #[schema(example = 1, minimum = 1)]
    version: Option<i64>,
    /// Why, for the staff.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// Whether the client is told; they are, unless this is false.
    #[serde(default)]
    notify: Option<bool>,
    /// Also when the time for it is over; for owners and managers, and logged.
    #[serde(default)]
    late: bool,
}

/// Books a visit for a client, or for somebody who came in; a master does so in their own calendar.
#[utoipa::path(
    post, path = "/api/v1/bookings", tag = "bookings", request_body = StaffBookingIn, security(("bearer" = [])),
    responses(
        (status = 201, body = BookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn book_visit(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsWrite>,
    Json(form): Json<StaffBookingIn>,
) -> Result<(StatusCode, Versioned<BookingOut>), ApiError> {
    let phone = form.client_phone.as_deref().map(str::parse::<Phone>).transpose();
    let phone = phone.map_err(|error| errors::phone("client_phone", error))?;
    let name = form.client_name.as_deref().map(str::parse::<Name>).transpose();
    let name = name.map_err(|error| errors::name("client_name", error))?;
    let notes: Notes = form.notes.as_deref().unwrap_or_default().parse().map_err(|e| errors::name("notes", e))?;
    let new = NewBooking {
        client: party(form.client_id, phone.as_ref(), name.as_ref())?,
        parts: &PartIn::parts(&form.items),
        start: input::wall_time("start", &form.start, &tenant.business.zone)?,
        notes: &notes,
        language: form.language.as_deref().map(|code| input::language("language", code)).transpose()?,
        source: Source::Staff { access: &tenant.access, overbook: form.overbook },
    };
    let booked = visits::create(&platform, &tenant.business, &new).await;
    let booked = booked.map_err(|error| errors::bookings::create(error, &tenant.business.zone))?;
    Ok((StatusCode::CREATED, Versioned(booked.version, BookingOut::new(&booked, &tenant.access))))
}

/// Moves a booking to another time or master.
///
/// What it costs stays, unless what or who changes.
///
/// A time that is taken answers 409 with the nearest free times in `alternatives`, and nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/bookings/{booking_id}/move", tag = "bookings", request_body = MoveIn,
    security(("bearer" = [])),
    params(
        ("booking_id" = i64, Path, description = "The booking"),
        ("If-Match" = Option<String>, Header, description = "The version that was seen, as `ETag` has it"),
    ),
    responses(
        (status = 200, body = BookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn move_booking(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsWrite>,
    Path(id): Path<String>,
    seen: IfMatch,
    Json(form): Json<MoveIn>,
) -> Result<Versioned<BookingOut>, ApiError> {
    let (id, version) = (booking_id(&id)?, seen.or_body(form.version)?);
    let reason: Notes = form.reason.as_deref().unwrap_or_default().parse().map_err(|e| errors::name("reason", e))?;
    let items = match (form.items, form.master_id) {
        (Some(_), Some(_)) => return Err(ApiError::field("master_id", "field-unknown", Vec::new())),
        (Some(items), None) => Some(PartIn::parts(&items)),
        (None, Some(master_id)) => {
            Some(visits::parts_by(&platform, By::Staff(&tenant.access), id, MasterId::new(master_id)).await?)
        }
        (None, None) => None,
    };
    let to = Move {
        start: input::wall_time("start", &form.start, &tenant.business.zone)?,
        parts: items.as_deref(),
        reason: Some(&reason),
        version: Some(version),
        late: form.late,
        notify: form.notify.unwrap_or(true),
    };
    let moved = visits::move_visit(&platform, By::Staff(&tenant.access), id, &to).await;
    let moved = moved.map_err(|error| errors::bookings::moving(error, Some(version), &tenant))?;
    Ok(Versioned(moved.version, BookingOut::new(&moved, &tenant.access)))
}

/// Whom a visit is for.
fn party<'a>(id: Option<i64>, phone: Option<&'a Phone>, name: Option<&'a Name>) -> Result<Party<'a>, ApiError> {
    match (id, phone) {
        (Some(_), Some(_)) => Err(ApiError::field("client_phone", "field-unknown", Vec::new())),
        (Some(id), None) => Ok(Party::Known(ClientId::new(id))),
        (None, Some(phone)) => Ok(Party::Phone { phone, name }),
        (None, None) => Ok(Party::WalkIn { name }),
    }
}
