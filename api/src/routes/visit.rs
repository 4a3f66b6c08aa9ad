//! One visit, for its client, who has the link to it and need not sign in.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::access::{Origin, Who};
use booking::booking::{self as visits, Action, Booking, By, Change, Move};
use booking::business::{self, Business};
use booking::id::ClientId;
use booking::link::{self, LinkToken};
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::wall_text;
use crate::input;
use crate::money;
use crate::routes::availability::{AvailabilityOut, DatesQuery, to_move_by_client};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(show_visit))
        .routes(routes!(cancel_visit))
        .routes(routes!(move_visit))
        .routes(routes!(list_slots_of_visit))
        .routes(routes!(confirm_visit))
}

/// A visit, as its client sees it.
#[derive(Serialize, ToSchema)]
pub struct VisitOut {
    /// Where it is in its life.
    #[schema(example = "confirmed")]
    status: &'static str,
    /// Counts its changes, from 1.
    version: i64,
    /// The client's first name.
    #[schema(example = "Иван")]
    first_name: Option<String>,
    /// The business.
    business_name: String,
    /// Its number, in E.164 form.
    #[schema(example = "+77010000001")]
    business_phone: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
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
    /// What is done by whom, in order.
    parts: Vec<VisitPartOut>,
    /// The price in tenge.
    price: f64,
    /// The price in tiyn, hundredths of a tenge.
    price_tiyn: i64,
    /// Always `KZT`.
    currency: &'static str,
    /// Until when it can be cancelled; absent when it no longer can.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_cancel_until: Option<String>,
    /// Until when it can be moved; absent when it no longer can.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_move_until: Option<String>,
    /// Whether the client has said that they will come.
    is_confirmed_by_client: bool,
}

/// A part of a visit.
#[derive(Serialize, ToSchema)]
pub struct VisitPartOut {
    /// What.
    service_id: i64,
    /// Its name.
    service: String,
    /// By whom.
    master_id: i64,
    /// Their name.
    master: String,
}

/// Where a client moves a visit to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitMoveIn {
    /// The start on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-16T14:00:00")]
    start: String,
    /// The version that was seen; absent takes it as it is.
    #[serde(default)]
    version: Option<i64>,
}

/// Shows the visit behind a link; once it is over there is none.
#[utoipa::path(
    get, path = "/api/v1/visit/{token}", tag = "public",
    params(("token" = String, Path, description = "What the link ends with")),
    responses(
        (status = 200, body = VisitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_visit(
    State(platform): State<Platform>,
    context: RequestContext,
    Path(token): Path<String>,
) -> Result<axum::Json<VisitOut>, ApiError> {
    let visit = Visit::find(&platform, &context, &token).await?;
    Ok(axum::Json(visit.out(&platform, &visit.booking)))
}

/// Cancels the visit behind a link, within its window; later the answer says whom to call.
#[utoipa::path(
    post, path = "/api/v1/visit/{token}/cancel", tag = "public",
    params(("token" = String, Path, description = "What the link ends with")),
    responses(
        (status = 200, body = VisitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_visit(
    State(platform): State<Platform>,
    context: RequestContext,
    Path(token): Path<String>,
) -> Result<axum::Json<VisitOut>, ApiError> {
    let visit = Visit::find(&platform, &context, &token).await?;
    let done = visits::change(&platform, visit.by(), visit.booking.id, &Change::of(Action::Cancel)).await;
    let done = done.map_err(|error| errors::bookings::change_by_client(error, &visit.business.zone))?;
    Ok(axum::Json(visit.out(&platform, &done)))
}

/// Moves the visit behind a link, within its window; later the answer says whom to call.
#[utoipa::path(
    post, path = "/api/v1/visit/{token}/move", tag = "public", request_body = VisitMoveIn,
    params(("token" = String, Path, description = "What the link ends with")),
    responses(
        (status = 200, body = VisitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn move_visit(
    State(platform): State<Platform>,
    context: RequestContext,
    Path(token): Path<String>,
    Json(form): Json<VisitMoveIn>,
) -> Result<axum::Json<VisitOut>, ApiError> {
    let visit = Visit::find(&platform, &context, &token).await?;
    let start = input::wall_time("start", &form.start, &visit.business.zone)?;
    let to = Move { start, parts: None, reason: None, version: form.version, late: false, notify: true };
    let done = visits::move_visit(&platform, visit.by(), visit.booking.id, &to).await;
    let done = done.map_err(|error| errors::bookings::moving_by_client(error, &visit.business.zone))?;
    Ok(axum::Json(visit.out(&platform, &done)))
}

/// Lists the times that the visit behind a link could be moved to.
///
/// Those that are free, and those that only it takes itself. When it cannot be moved, the answer is the move's own.
#[utoipa::path(
    get, path = "/api/v1/visit/{token}/availability", tag = "public",
    params(("token" = String, Path, description = "What the link ends with"), DatesQuery),
    responses(
        (status = 200, body = AvailabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_slots_of_visit(
    State(platform): State<Platform>,
    context: RequestContext,
    Path(token): Path<String>,
    Query(query): Query<DatesQuery>,
) -> Result<axum::Json<AvailabilityOut>, ApiError> {
    let visit = Visit::find(&platform, &context, &token).await?;
    to_move_by_client(&platform, visit.by(), visit.booking.id, &query, &visit.business.zone).await
}

/// Notes that the client will come.
///
/// Whether the salon agrees to a visit is still the salon's to say.
#[utoipa::path(
    post, path = "/api/v1/visit/{token}/confirm", tag = "public",
    params(("token" = String, Path, description = "What the link ends with")),
    responses(
        (status = 200, body = VisitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn confirm_visit(
    State(platform): State<Platform>,
    context: RequestContext,
    Path(token): Path<String>,
) -> Result<axum::Json<VisitOut>, ApiError> {
    let visit = Visit::find(&platform, &context, &token).await?;
    let done = visits::acknowledge(&platform, visit.by(), visit.booking.id).await;
    let done = done.map_err(|error| errors::bookings::change_by_client(error, &visit.business.zone))?;
    Ok(axum::Json(visit.out(&platform, &done)))
}

/// The visit that a token leads to, and whoever brought it.
struct Visit {
    booking: Booking,
    business: Business,
    origin: Origin,
}

impl Visit {
    async fn find(platform: &Platform, context: &RequestContext, token: &str) -> Result<Self, ApiError> {
        let not_found = || ApiError::new(ProblemKind::VisitNotFound);
        let mut connection = platform.db.read().await?;
        let found = link::find(&mut connection, &LinkToken::given(token), platform.clock.now()).await?;
        let (business_id, booking_id) = found.ok_or_else(not_found)?;
        let booking = visits::find(&mut connection, business_id, booking_id).await?.ok_or_else(not_found)?;
        let business = business::by_id(&mut connection, business_id).await?.ok_or_else(not_found)?;
        let who = booking.client_id.map_or(Who::System, |id: ClientId| Who::Client(id));
        Ok(Self { booking, business, origin: Origin { who, ..context.origin() } })
    }

    fn by(&self) -> By<'_> {
        By::Client { business_id: self.business.id, origin: &self.origin }
    }

    fn out(&self, platform: &Platform, booking: &Booking) -> VisitOut {
        let business = &self.business;
        let choices = booking.choices(business, platform);
        let first_name = booking.client_name.as_ref().and_then(|name| name.as_str().split_whitespace().next());
        let part = |segment: &visits::Segment| VisitPartOut {
            service_id: segment.service_id.get(),
            service: segment.service.in_language(booking.language).as_str().to_owned(),
            master_id: segment.master_id.get(),
            master: segment.master.as_str().to_owned(),
        };
        VisitOut {
            status: booking.state.as_str(),
            version: booking.version,
            first_name: first_name.map(str::to_owned),
            business_name: business.name.as_str().to_owned(),
            business_phone: format!("+{}", business.phone.expose()),
            address: business.address.clone(),
            booking_date: wall_text(booking.wall_start),
            starts_at: booking.zone.rfc_3339(booking.starts_at),
            ends_at: booking.zone.rfc_3339(booking.ends_at),
            time_zone: booking.zone.name().to_owned(),
            parts: booking.segments.iter().map(part).collect(),
            price: money::tenge(booking.price_tiyn),
            price_tiyn: booking.price_tiyn,
            currency: money::CURRENCY,
            can_cancel_until: choices.cancel_until.map(|until| booking.zone.rfc_3339(until)),
            can_move_until: choices.move_until.map(|until| booking.zone.rfc_3339(until)),
            is_confirmed_by_client: booking.acknowledged_at.is_some(),
        }
    }
}
