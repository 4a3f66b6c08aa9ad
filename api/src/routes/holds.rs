//! Times that are kept free while somebody fills in a form.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::hold::{self, HoldToken};
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bookings::PartIn;
use super::public;
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::host::HostOf;
use crate::http::problem::{ApiError, Problem};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(hold_time)).routes(routes!(release_hold))
}

/// A time to keep free.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldIn {
    /// The business; absent on a business's own address, `demo.example.kz`, where it may be no other.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// What by whom, or by whoever is free, one after the other.
    #[schema(min_items = 1, max_items = 10)]
    items: Vec<PartIn>,
    /// The start on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-15T14:00:00")]
    start: String,
}

/// A time that is kept free.
#[derive(Serialize, ToSchema)]
pub struct HoldOut {
    /// Goes into the booking as `hold_token`; whoever has it may book the time or give it back.
    hold_token: String,
    /// When the time is free again, in the salon's zone.
    #[schema(example = "2024-01-15T13:10:00+05:00")]
    expires_at: String,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
}

/// Of which business a hold is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldQuery {
    /// The business; absent on a business's own address, `demo.example.kz`, where it may be no other.
    #[serde(default)]
    #[param(example = "demo")]
    subdomain: Option<String>,
}

/// Keeps a time free for a few minutes; nobody else can book it meanwhile.
#[utoipa::path(
    post, path = "/api/v1/public/holds", tag = "public", request_body = HoldIn,
    responses(
        (status = 201, body = HoldOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn hold_time(
    State(platform): State<Platform>,
    context: RequestContext,
    host: HostOf,
    Json(form): Json<HoldIn>,
) -> Result<(StatusCode, axum::Json<HoldOut>), ApiError> {
    let business = public::find(&platform, &host, form.subdomain.as_deref()).await?;
    let start = input::wall_time("start", &form.start, &business.zone)?;
    let made = hold::hold(&platform, &business, &PartIn::parts(&form.items), start, &context.origin()).await;
    let made = made.map_err(|error| errors::bookings::hold(error, &business.zone))?;
    let hold = HoldOut {
        hold_token: made.token.expose().to_owned(),
        expires_at: business.zone.rfc_3339(made.until),
        time_zone: business.zone.name().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(hold)))
}

/// Gives a time back.
///
/// Nothing happens when it is not held.
#[utoipa::path(
    delete, path = "/api/v1/public/holds/{hold_token}", tag = "public",
    params(("hold_token" = String, Path, description = "What holding the time gave"), HoldQuery),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn release_hold(
    State(platform): State<Platform>,
    host: HostOf,
    Path(token): Path<String>,
    Query(query): Query<HoldQuery>,
) -> Result<StatusCode, ApiError> {
    let business = public::find(&platform, &host, query.subdomain.as_deref()).await?;
    hold::release(&platform, business.id, &HoldToken::given(&token)).await?;
    Ok(StatusCode::NO_CONTENT)
}
