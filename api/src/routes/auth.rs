//! Registering a business, signing in, staying signed in.

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::StatusCode;
use booking::platform::Platform;
use booking::session::{self, RefreshToken};
use booking::user::{self, Credentials, LoginName, Registration, ResetRequest, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::SignedIn;
use crate::http::context::RequestContext;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::token::{AccessTokens, Bearer};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(register_business))
        .routes(routes!(login_user))
        .routes(routes!(refresh_token))
        .routes(routes!(logout_user))
        .routes(routes!(logout_everywhere))
        .routes(routes!(request_password_reset))
        .routes(routes!(reset_password))
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

/// Who signs in: by `email`, or by `phone`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginIn {
    /// The address given at registration.
    #[serde(default)]
    #[schema(example = "owner@demo.jazyl.tech")]
    email: Option<String>,
    /// The number, as people write it.
    #[serde(default)]
    #[schema(example = "87771234567")]
    phone: Option<String>,
    /// Beside `phone`: the business, for who has a login at several.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// The password.
    #[schema(example = "demo123")]
    password: String,
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequestIn {
    /// The number, as people write it.
    #[schema(example = "87771234567")]
    phone: String,
    /// The business, for who has a login at several; else the newest is meant.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
}

/// A new password, by the code that went to the number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetIn {
    /// The number that the code went to.
    #[schema(example = "87771234567")]
    phone: String,
    /// The code.
    #[schema(example = "123456")]
    code: String,
    /// At least 8 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 256)]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshIn {
    /// From the last login or refresh; good for one use.
    pub(super) refresh_token: String,
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
    /// Their number, in E.164 form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+77771234567")]
    phone: Option<String>,
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
///
/// Whoever fails too often waits, longer each time (429 with `Retry-After`).
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
    context: RequestContext,
    Json(form): Json<LoginIn>,
) -> Result<axum::Json<LoginOut>, ApiError> {
    let name = match (&form.email, &form.phone) {
        (Some(email), None) => LoginName::Email(email),
        (None, Some(phone)) => LoginName::Phone { phone, subdomain: form.subdomain.as_deref() },
        (Some(_), Some(_)) | (None, None) => return Err(ApiError::field("email", "email-or-phone", Vec::new())),
    };
    let credentials = Credentials { name, password: &form.password, address: Some(context.client) };
    let (user, refresh) = user::login(&platform, &credentials).await?;
    let tokens = issue(&platform, &tokens, &user, &refresh)?;
    Ok(axum::Json(LoginOut { user: user.into(), tokens }))
}

/// Exchanges a refresh token for new tokens.
///
/// A token that comes back a second time ends its session.
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

/// Ends all sessions of whoever asks, this one too, on every device.
#[utoipa::path(
    post, path = "/api/v1/logout-everywhere", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 204, description = "All sessions have ended"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn logout_everywhere(State(platform): State<Platform>, somebody: SignedIn) -> Result<StatusCode, ApiError> {
    somebody.must_be_themselves()?;
    session::end_all(&platform, somebody.user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a code for a new password to a number's WhatsApp, if somebody of a staff has it.
///
/// The answer does not tell.
#[utoipa::path(
    post, path = "/api/v1/password-reset", tag = "auth", request_body = ResetRequestIn,
    responses(
        (status = 202, description = "The code is on its way, if somebody has the number"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_password_reset(
    State(platform): State<Platform>,
    context: RequestContext,
    Json(form): Json<ResetRequestIn>,
) -> Result<StatusCode, ApiError> {
    let request =
        ResetRequest { phone: &form.phone, subdomain: form.subdomain.as_deref(), address: Some(context.client) };
    user::request_reset(&platform, &request, context.asked).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password by the code, and ends all sessions.
///
/// A code is good for 10 minutes and 5 tries.
#[utoipa::path(
    post, path = "/api/v1/password-reset/confirm", tag = "auth", request_body = ResetIn,
    responses(
        (status = 204, description = "The password is changed"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn reset_password(
    State(platform): State<Platform>,
    context: RequestContext,
    Json(form): Json<ResetIn>,
) -> Result<StatusCode, ApiError> {
    user::reset(&platform, &form.phone, &form.code, &form.password, &context.origin()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs the tokens of a user's session.
pub(super) fn issue(
    platform: &Platform,
    tokens: &AccessTokens,
    user: &User,
    refresh: &RefreshToken,
) -> Result<TokensOut, ApiError> {
    let bearer = Bearer::User { user: user.id, business: user.business_id, session: refresh.session() };
    TokensOut::sign(platform, tokens, &bearer, refresh)
}

impl TokensOut {
    /// Signs the tokens of a session.
    pub(super) fn sign(
        platform: &Platform,
        tokens: &AccessTokens,
        bearer: &Bearer,
        refresh: &RefreshToken,
    ) -> Result<Self, ApiError> {
        let access = tokens.issue(bearer, platform.clock.real_now().seconds());
        Ok(Self {
            access_token: access.map_err(|error| ApiError::caused(ProblemKind::Internal, &error))?,
            refresh_token: refresh.expose().to_owned(),
            token_type: "bearer",
            expires_in: tokens.lifetime_seconds(),
        })
    }
}

impl LoginOut {
    pub(super) fn new(user: User, tokens: TokensOut) -> Self {
        Self { user: user.into(), tokens }
    }
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id.get(),
            email: user.email.map(|email| email.as_str().to_owned()),
            phone: user.phone.map(|phone| format!("+{}", phone.expose())),
            full_name: user.full_name.as_str().to_owned(),
            role: user.role.as_str().to_owned(),
            business_id: user.business_id.map(booking::id::BusinessId::get),
        }
    }
}
