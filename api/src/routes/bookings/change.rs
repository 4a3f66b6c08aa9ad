//! What the staff does to a booking: one action each, on the version that was seen.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::booking::{self as visits, Action, Booking, By, Change};
use booking::name::Notes;
use booking::platform::Platform;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{BookingOut, booking_id};
use crate::authority::{BookingsWrite, Tenant};
use crate::errors;
use crate::http::etag::{IfMatch, Versioned};
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem};

/// The routes of this resource.
pub(super) fn routes() -> Resource {
    Resource::new()
        .routes(routes!(confirm_booking))
        .routes(routes!(arrive_booking))
        .routes(routes!(complete_booking))
        .routes(routes!(no_show_booking))
        .routes(routes!(cancel_booking))
        .routes(routes!(reopen_booking))
        .routes(routes!(delete_booking))
}

/// A change of a booking's status.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeIn {
    /// The version that was seen; `If-Match` may name it instead.
    #[serde(default)]
    #[schema(example = 1, minimum = 1)]
    version: Option<i64>,
    /// Why, for the staff.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// Also when the time for it is over; for owners and managers, and logged.
    #[serde(default)]
    late: bool,
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

/// Declares the operations, which differ in their action only.
macro_rules! changes {
    ($($(#[doc = $doc:literal])+ $name:ident $path:literal $action:ident;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(
            post, path = $path, tag = "bookings", request_body = ChangeIn, security(("bearer" = [])),
            params(
                ("booking_id" = i64, Path, description = "The booking"),
                ("If-Match" = Option<String>, Header, description = "The version that was seen, as `ETag` has it"),
            ),
            responses(
                (status = 200, body = BookingOut),
                (status = "4XX", body = Problem, content_type = "application/problem+json"),
            ),
        )]
        async fn $name(
            State(platform): State<Platform>,
            tenant: Tenant<BookingsWrite>,
            Path(id): Path<String>,
            seen: IfMatch,
            Json(form): Json<ChangeIn>,
        ) -> Result<Versioned<BookingOut>, ApiError> {
            change(&platform, &tenant, &id, seen, form, Action::$action).await
        }
    )+};
}

changes! {
    /// Confirms a booking that waits for the staff; the confirmation goes out.
    confirm_booking "/api/v1/bookings/{booking_id}/confirm" Confirm;
    /// Notes that the client has come.
    arrive_booking "/api/v1/bookings/{booking_id}/arrive" Arrive;
    /// Notes that the visit is over.
    complete_booking "/api/v1/bookings/{booking_id}/complete" Complete;
    /// Notes that the client has not come; the time is free again.
    no_show_booking "/api/v1/bookings/{booking_id}/no-show" NoShow;
    /// Cancels a booking: its time is free again, its reminders are taken back, and the client is told.
    cancel_booking "/api/v1/bookings/{booking_id}/cancel" Cancel;
    /// Undoes the last step: arrived, completed or not come.
    ///
    /// The time must still be free.
    reopen_booking "/api/v1/bookings/{booking_id}/reopen" Reopen;
}

/// Cancels a booking as it is.
///
/// Its time is free again, its reminders are taken back, and the client is told.
#[utoipa::path(
    delete, path = "/api/v1/booking/{booking_id}", tag = "bookings", security(("bearer" = [])),
    params(("booking_id" = i64, Path, description = "The booking"), CancelQuery),
    responses(
        (status = 200, body = BookingOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_booking(
    State(platform): State<Platform>,
    tenant: Tenant<BookingsWrite>,
    Path(id): Path<String>,
    Query(query): Query<CancelQuery>,
) -> Result<Versioned<BookingOut>, ApiError> {
    let cancel = Change { late: query.late, ..Change::of(Action::Cancel) };
    let done = visits::change(&platform, By::Staff(&tenant.access), booking_id(&id)?, &cancel).await;
    let done = done.map_err(|error| errors::bookings::change(error, None, &tenant))?;
    Ok(shown(&done, &tenant))
}

async fn change(
    platform: &Platform,
    tenant: &Tenant<BookingsWrite>,
    id: &str,
    seen: IfMatch,
    form: ChangeIn,
    action: Action,
) -> Result<Versioned<BookingOut>, ApiError> {
    let version = seen.or_body(form.version)?;
    let reason: Notes = form.reason.as_deref().unwrap_or_default().parse().map_err(|e| errors::name("reason", e))?;
    let change = Change { action, reason: Some(&reason), version: Some(version), late: form.late };
    let done = visits::change(platform, By::Staff(&tenant.access), booking_id(id)?, &change).await;
    let done = done.map_err(|error| errors::bookings::change(error, Some(version), tenant))?;
    Ok(shown(&done, tenant))
}

fn shown(booking: &Booking, tenant: &Tenant<BookingsWrite>) -> Versioned<BookingOut> {
    Versioned(booking.version, BookingOut::new(booking, &tenant.access))
}
