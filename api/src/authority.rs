//! Who asks: extractors that prove it. A handler with none of them in its signature is public.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use booking::id::{BusinessId, UserId};
use booking::user::Role;

use crate::http::problem::{ApiError, ProblemKind};
use crate::http::token::{Bearer, TokenError};
use crate::state::AppState;

/// Somebody who signed in, in whatever role.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Bearer);

/// Somebody who works in a business: its owner, a manager or a master.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The business.
    pub id: BusinessId,
    /// Who it is.
    pub user: UserId,
    /// What they may do in it.
    pub role: Role,
}

/// Somebody who runs a business: its owner or a manager.
#[derive(Debug, Clone)]
pub struct Manager(pub Tenant);

/// An administrator of the platform.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub UserId);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).ok_or(ApiError::new(ProblemKind::NotSignedIn))?;
        let token = header.to_str().ok().and_then(bearer).ok_or(ApiError::new(ProblemKind::TokenInvalid))?;
        let now = state.platform.clock.real_now().seconds();
        match state.tokens.verify(token, now) {
            Ok(bearer) => Ok(Self(bearer)),
            Err(TokenError::Forged) => Err(ApiError::new(ProblemKind::TokenInvalid)),
            Err(TokenError::Expired) => Err(ApiError::new(ProblemKind::TokenExpired)),
        }
    }
}

impl FromRequestParts<AppState> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let SignedIn(bearer) = SignedIn::from_request_parts(parts, state).await?;
        match (bearer.role, bearer.business) {
            (Role::Owner | Role::Manager | Role::Master, Some(id)) => {
                Ok(Self { id, user: bearer.user, role: bearer.role })
            }
            (Role::SuperAdmin | Role::Client, _) | (_, None) => Err(ApiError::new(ProblemKind::NotAllowed)),
        }
    }
}

impl FromRequestParts<AppState> for Manager {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tenant = Tenant::from_request_parts(parts, state).await?;
        match tenant.role {
            Role::Owner | Role::Manager => Ok(Self(tenant)),
            Role::SuperAdmin | Role::Master | Role::Client => Err(ApiError::new(ProblemKind::NotAllowed)),
        }
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let SignedIn(bearer) = SignedIn::from_request_parts(parts, state).await?;
        match bearer.role {
            Role::SuperAdmin => Ok(Self(bearer.user)),
            Role::Owner | Role::Manager | Role::Master | Role::Client => Err(ApiError::new(ProblemKind::NotAllowed)),
        }
    }
}

/// The token of a header value; the scheme's case does not matter. Source: RFC 9110 §11.1.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
