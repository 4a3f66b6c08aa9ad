//! Whoever is signed in.

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::StatusCode;
use booking::business;
use booking::platform::Platform;
use booking::{master, user};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::SignedIn;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::routes::auth::UserOut;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(show_me)).routes(routes!(change_my_password))
}

/// Whoever is signed in, and what they may do.
#[derive(Serialize, ToSchema)]
pub struct MeOut {
    /// Who.
    user: UserOut,
    /// Where they work; absent for administrators of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<MyBusinessOut>,
    /// The master they are, if they are one.
    #[serde(skip_serializing_if = "Option::is_none")]
    master_id: Option<i64>,
    /// What they see.
    sees: SeesOut,
    /// Whether an administrator of the platform acts in their name.
    impersonated: bool,
}

/// Where somebody works.
#[derive(Serialize, ToSchema)]
pub struct MyBusinessOut {
    /// The business.
    id: i64,
    /// Its name.
    name: String,
    /// Its name in addresses.
    #[schema(example = "demo")]
    subdomain: String,
    /// trial, active or suspended.
    #[schema(example = "active")]
    state: &'static str,
    /// When its trial ends or ended, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_ends_at: Option<String>,
    /// Whether it takes bookings and can be changed: not suspended, and no trial that is over.
    is_open: bool,
}

/// What somebody sees beyond their own visits.
#[derive(Serialize, ToSchema)]
pub struct SeesOut {
    /// Full numbers of clients.
    phones: bool,
    /// The visits of other masters.
    calendars: bool,
    /// Prices and sums.
    money: bool,
}

/// Another password for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordIn {
    /// The present one.
    current_password: String,
    /// At least 8 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 256)]
    password: String,
}

/// Shows whoever is signed in, and what they may do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, body = MeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_me(State(platform): State<Platform>, somebody: SignedIn) -> Result<axum::Json<MeOut>, ApiError> {
    let mut connection = platform.db.read().await?;
    let user = user::by_id(&mut connection, somebody.user).await?.ok_or(ApiError::new(ProblemKind::SessionEnded))?;
    let (mut business, mut master_id) = (None, None);
    if let Some(id) = somebody.business_id {
        business = business::by_id(&mut connection, id).await?;
        master_id = master::of_user(&mut connection, id, somebody.user).await?;
    }
    let staff = business.as_ref().map(|business| business.settings.staff.clone()).unwrap_or_default();
    let sees = staff.of(somebody.role);
    let now = platform.clock.real_now();
    Ok(axum::Json(MeOut {
        user: user.into(),
        business: business.map(|business| MyBusinessOut {
            id: business.id.get(),
            name: business.name.as_str().to_owned(),
            subdomain: business.subdomain.to_string(),
            state: business.state.as_str(),
            trial_ends_at: business.trial_ends_at.map(|at| at.to_string()),
            is_open: business.is_open(now),
        }),
        master_id: master_id.map(booking::id::MasterId::get),
        sees: SeesOut { phones: sees.phones, calendars: sees.calendars, money: sees.money },
        impersonated: somebody.must_be_themselves().is_err(),
    }))
}

/// Changes one's own password and ends all other sessions.
#[utoipa::path(
    put, path = "/api/v1/me/password", tag = "auth", request_body = PasswordIn, security(("bearer" = [])),
    responses(
        (status = 204, description = "The password is changed"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change_my_password(
    State(platform): State<Platform>,
    somebody: SignedIn,
    Json(form): Json<PasswordIn>,
) -> Result<StatusCode, ApiError> {
    somebody.must_be_themselves()?;
    let passwords = (form.current_password.as_str(), form.password.as_str());
    user::change_password(&platform, somebody.user, somebody.session, passwords, &somebody.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
