//! Registering a business, signing in, staying signed in.

use axum::extract::State;
use axum::http::StatusCode;
use booking::platform::Platform;
use booking::session::{self, RefreshToken};
use booking::user::{self, Registration, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::token::{AccessTokens, Bearer};
use crate::state::AppState;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register_business))
        .routes(routes!(login_user))
        .routes(routes!(refresh_token))
        .routes(routes!(logout_user))
}

/// A business to register, with its owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterIn {
    /// What the owner signs in with.
    #[schema(example = "aigerim@example.com", format = Email, max_length = 254)]
    email: String,
    /// At least 8 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 256)]
    password: String,
    /// The owner's name.
    #[schema(example = "Айгерим Сатпаева", min_length = 1, max_length = 100)]
    full_name: String,
    /// The number of owner and salon, as people write it.
    #[schema(example = "87771234567")]
    phone: String,
    /// The salon's name.
    #[schema(example = "Салон Айгерим", min_length = 1, max_length = 100)]
    business_name: String,
    /// The salon's name in addresses: 3 to 40 of a-z, 0-9 and inner hyphens.
    #[schema(example = "aigerim", pattern = "^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$")]
    subdomain: String,
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginIn {
    /// The address given at registration.
    #[schema(example = "owner@demo.jazyl.tech")]
    email: String,
    /// The password.
    #[schema(example = "demo123")]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshIn {
    /// From the last login or refresh; good for one use.
    refresh_token: String,
}

/// A new business and its owner's tokens.
#[derive(Serialize, ToSchema)]
pub struct RegisterOut {
    /// The owner.
    user_id: i64,
    /// The business.
    business_id: i64,
    /// Its name in addresses.
    subdomain: String,
    #[serde(flatten)]
    tokens: TokensOut,
}

/// Who signed in, and their tokens.
#[derive(Serialize, ToSchema)]
pub struct LoginOut {
    /// Who signed in.
    user: UserOut,
    #[serde(flatten)]
    tokens: TokensOut,
}

/// Somebody who can sign in.
#[derive(Serialize, ToSchema)]
pub struct UserOut {
    /// The user.
    id: i64,
    /// What they sign in with, unless it is their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Their name.
    full_name: String,
    /// `SUPER_ADMIN`, `OWNER`, `MANAGER`, `MASTER` or `CLIENT`.
    #[schema(example = "OWNER")]
    role: String,
    /// Their business; absent for administrators of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    business_id: Option<i64>,
}

/// An access token and what renews it.
#[derive(Serialize, ToSchema)]
pub struct TokensOut {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    /// For `POST /api/v1/refresh-token`; good for one use.
    refresh_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Life of the access token in seconds.
    #[schema(example = 86400)]
    expires_in: i64,
}

/// Registers a business on trial, with its owner, and signs the owner in.
#[utoipa::path(
    post, path = "/api/v1/register", tag = "auth", request_body = RegisterIn,
    responses(
        (status = 201, body = RegisterOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn register_business(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    Json(form): Json<RegisterIn>,
) -> Result<(StatusCode, axum::Json<RegisterOut>), ApiError> {
    let registration = Registration {
        email: &form.email,
        password: &form.password,
        full_name: &form.full_name,
        phone: &form.phone,
        business_name: &form.business_name,
        subdomain: &form.subdomain,
    };
    let owner = user::register(&platform, &registration).await?;
    let refresh = session::start(&platform, &owner).await?;
    let out = RegisterOut {
        user_id: owner.id.get(),
        business_id: owner.business_id.map_or(0, booking::id::BusinessId::get),
        subdomain: form.subdomain.trim().to_ascii_lowercase(),
        tokens: issue(&platform, &tokens, &owner, &refresh)?,
    };
    Ok((StatusCode::CREATED, axum::Json(out)))
}

/// Signs somebody in.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "auth", request_body = LoginIn,
    responses(
        (status = 200, body = LoginOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn login_user(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    Json(form): Json<LoginIn>,
) -> Result<axum::Json<LoginOut>, ApiError> {
    let (user, refresh) = user::login(&platform, &form.email, &form.password).await?;
    let tokens = issue(&platform, &tokens, &user, &refresh)?;
    Ok(axum::Json(LoginOut { user: user.into(), tokens }))
}

/// Exchanges a refresh token for new tokens. A token that comes back a second time ends its session.
#[utoipa::path(
    post, path = "/api/v1/refresh-token", tag = "auth", request_body = RefreshIn,
    responses(
        (status = 200, body = TokensOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn refresh_token(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    Json(form): Json<RefreshIn>,
) -> Result<axum::Json<TokensOut>, ApiError> {
    let (user, refresh) = session::refresh(&platform, &form.refresh_token).await?;
    Ok(axum::Json(issue(&platform, &tokens, &user, &refresh)?))
}

/// Ends the session of a refresh token, and with it every access token that was given out in it.
#[utoipa::path(
    post, path = "/api/v1/logout", tag = "auth", request_body = RefreshIn,
    responses(
        (status = 204, description = "The session has ended, if there was one"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn logout_user(State(platform): State<Platform>, Json(form): Json<RefreshIn>) -> Result<StatusCode, ApiError> {
    session::end(&platform, &form.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn issue(
    platform: &Platform,
    tokens: &AccessTokens,
    user: &User,
    refresh: &RefreshToken,
) -> Result<TokensOut, ApiError> {
    let bearer = Bearer::User { user: user.id, business: user.business_id, session: refresh.session() };
    let access = tokens.issue(&bearer, platform.clock.real_now().seconds());
    Ok(TokensOut {
        access_token: access.map_err(|error| ApiError::caused(ProblemKind::Internal, &error))?,
        refresh_token: refresh.expose().to_owned(),
        token_type: "bearer",
        expires_in: tokens.lifetime_seconds(),
    })
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id.get(),
            email: user.email.map(|email| email.as_str().to_owned()),
            full_name: user.full_name.as_str().to_owned(),
            role: user.role.as_str().to_owned(),
            business_id: user.business_id.map(booking::id::BusinessId::get),
        }
    }
}
