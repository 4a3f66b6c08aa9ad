//! Who asks: extractors that prove it. A handler with none of them in its signature is public.
//!
//! A token says who asks and in which session; what they may do is looked up at each request. A route that programs may
//! use names the right that it asks of their key, as in `Tenant<BookingsRead>`; without one it is closed to keys.

mod scope;

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use booking::access::{Access, Origin, Staff, Who};
use booking::api_key::{self, KeyText, Scope};
use booking::authority;
use booking::business::{Business, BusinessState};
use booking::id::{BusinessId, ClientId, SessionId, UserId};
use booking::user::Role;

pub use self::scope::{
    Admits, BookingsRead, BookingsWrite, CatalogueRead, CatalogueWrite, ClientsRead, ClientsWrite, MessagesRead,
    MessagesWrite, People, SettingsRead,
};
use crate::http::context::RequestContext;
use crate::http::problem::{ApiError, ProblemKind};
use crate::http::token::{Bearer, TokenError};
use crate::state::AppState;

/// A user in a session that goes on, in whatever role, whatever the state of their business.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// What they may do.
    pub role: Role,
    /// Their business; none is the operator.
    pub business_id: Option<BusinessId>,
    /// Who acts, and from where, for the audit log.
    pub origin: Origin,
}

/// Somebody who works in a business, its owner, a manager or a master, or a program of theirs with the right `S`.
///
/// Gives [`Staff`]: `access` with role, switches, own master and [`Origin`], and `business` with its settings.
#[derive(Debug, Clone)]
pub struct Tenant<S = People> {
    staff: Staff,
    scope: PhantomData<S>,
}

/// Somebody who runs a business: its owner or a manager; or a program with the right `S`.
#[derive(Debug, Clone)]
pub struct Manager<S = People>(Tenant<S>);

/// The owner of a business; or a program with the right `S`.
#[derive(Debug, Clone)]
pub struct Owner<S = People>(Tenant<S>);

/// An administrator of the platform.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Who.
    pub user: UserId,
    /// Who acts, and from where, for the audit log.
    pub origin: Origin,
}

/// A client of a business, who proved their number. They see and manage their own visits and nothing else, also in a
/// business that is closed: what they can do there is for the rules of visits to say.
#[derive(Debug, Clone)]
pub struct ClientSession {
    /// Who.
    pub client_id: ClientId,
    /// The business.
    pub business: Business,
    /// Who acts, and from where, for the audit log.
    pub origin: Origin,
}

impl SignedIn {
    /// Refuses the operator who acts in somebody's name: passwords and sessions are the user's own.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn must_be_themselves(&self) -> Result<(), ApiError> {
        match self.origin.who {
            Who::User { impersonator: None, .. } => Ok(()),
            Who::User { .. } | Who::Client(_) | Who::ApiKey(_) | Who::System => {
                Err(ApiError::new(ProblemKind::NotAllowed))
            }
        }
    }
}

impl<S> Tenant<S> {
    /// Who acts, and from where, for the audit log.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.staff.access.origin
    }

    /// Refuses those who do not see prices and sums.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn must_see_money(&self) -> Result<(), ApiError> {
        if self.staff.access.sees.money { Ok(()) } else { Err(ApiError::new(ProblemKind::NotAllowed)) }
    }

    /// Refuses those who do not see full numbers.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn must_see_phones(&self) -> Result<(), ApiError> {
        if self.staff.access.sees.phones { Ok(()) } else { Err(ApiError::new(ProblemKind::NotAllowed)) }
    }
}

impl<S> Deref for Tenant<S> {
    type Target = Staff;

    fn deref(&self) -> &Staff {
        &self.staff
    }
}

impl<S> Deref for Manager<S> {
    type Target = Tenant<S>;

    fn deref(&self) -> &Tenant<S> {
        &self.0
    }
}

impl<S> Deref for Owner<S> {
    type Target = Tenant<S>;

    fn deref(&self) -> &Tenant<S> {
        &self.0
    }
}

impl<S: Admits> FromRequestParts<AppState> for Tenant<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let staff = match KeyText::parse(token(parts)?) {
            Some(key) => program(key, S::SCOPE, origin(parts), state).await?,
            None => person(bearer(parts, state)?, origin(parts), state).await?,
        };
        check_state(&staff.business, parts, state)?;
        Ok(Self { staff, scope: PhantomData })
    }
}

impl<S: Admits> FromRequestParts<AppState> for Manager<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tenant = Tenant::from_request_parts(parts, state).await?;
        if tenant.access.runs_business() { Ok(Self(tenant)) } else { Err(ApiError::new(ProblemKind::NotAllowed)) }
    }
}

impl<S: Admits> FromRequestParts<AppState> for Owner<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tenant = Tenant::from_request_parts(parts, state).await?;
        // A key that the owner gave this right to is let in by it.
        let is_program = matches!(tenant.access.origin.who, Who::ApiKey(_));
        let is_let_in = is_program || tenant.access.owns_business();
        if is_let_in { Ok(Self(tenant)) } else { Err(ApiError::new(ProblemKind::NotAllowed)) }
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Bearer::User { user, session, .. } = bearer(parts, state)? else {
            return Err(ApiError::new(ProblemKind::NotAllowed));
        };
        let present = authority::user(&mut state.platform.db.read().await?, session, user).await?;
        let present = present.ok_or(ApiError::new(ProblemKind::SessionEnded))?;
        let who = Who::User { id: user, impersonator: present.impersonator };
        let origin = Origin { who, ..origin(parts) };
        Ok(Self { user, session, role: present.role, business_id: present.business_id, origin })
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let SignedIn { user, role, origin, .. } = SignedIn::from_request_parts(parts, state).await?;
        match role {
            Role::SuperAdmin => Ok(Self { user, origin }),
            Role::Owner | Role::Manager | Role::Master | Role::Client => Err(ApiError::new(ProblemKind::NotAllowed)),
        }
    }
}

impl FromRequestParts<AppState> for ClientSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Bearer::Client { client, business, session } = bearer(parts, state)? else {
            return Err(ApiError::new(ProblemKind::NotAllowed));
        };
        let mut connection = state.platform.db.read().await?;
        let business = authority::client(&mut connection, business, session, client).await?;
        let business = business.ok_or(ApiError::new(ProblemKind::SessionEnded))?;
        let origin = Origin { who: Who::Client(client), ..origin(parts) };
        Ok(Self { client_id: client, business, origin })
    }
}

/// Who asks at present, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who: the same text for the same user, client or key.
    pub who: String,
    /// All that decides what they may do and see: a text that changes with it.
    pub rights: String,
}

/// Who asks, in whatever role, by a token or a key that holds, in a business that is open to them.
///
/// # Errors
///
/// As the extractors.
pub async fn standing(parts: &mut Parts, state: &AppState) -> Result<Standing, ApiError> {
    if let Some(key) = KeyText::parse(token(parts)?) {
        let now = state.platform.clock.real_now();
        let found = authority::program(&mut state.platform.db.read().await?, &key, origin(parts), now).await?;
        check_state(&found.staff.business, parts, state)?;
        let scopes: Vec<&str> = found.scopes.iter().map(|scope| scope.as_str()).collect();
        return Ok(Standing { who: format!("key {}", found.key_id), rights: scopes.join(" ") });
    }
    let bearer = bearer(parts, state)?;
    match bearer {
        Bearer::User { user, business: Some(_), .. } => {
            let staff = person(bearer, origin(parts), state).await?;
            check_state(&staff.business, parts, state)?;
            let Access { origin, role, master_id, sees, .. } = &staff.access;
            let rights = format!("{} {master_id:?} {sees:?} {:?}", role.as_str(), origin.who);
            Ok(Standing { who: format!("user {user}"), rights })
        }
        Bearer::User { user, business: None, .. } => {
            let present = SignedIn::from_request_parts(parts, state).await?;
            let rights = format!("{} {:?}", present.role.as_str(), present.origin.who);
            Ok(Standing { who: format!("user {user}"), rights })
        }
        Bearer::Client { client, .. } => {
            ClientSession::from_request_parts(parts, state).await?;
            Ok(Standing { who: format!("client {client}"), rights: String::new() })
        }
    }
}

/// Somebody of a staff.
async fn person(bearer: Bearer, origin: Origin, state: &AppState) -> Result<Staff, ApiError> {
    let Bearer::User { user, business: Some(business), session } = bearer else {
        return Err(ApiError::new(ProblemKind::NotAllowed));
    };
    let mut connection = state.platform.db.read().await?;
    let staff = authority::staff(&mut connection, business, session, user, origin).await?;
    staff.ok_or(ApiError::new(ProblemKind::SessionEnded))
}

/// A program whose key has the right that the route asks for.
async fn program(key: KeyText<'_>, scope: Option<Scope>, origin: Origin, state: &AppState) -> Result<Staff, ApiError> {
    let now = state.platform.clock.real_now();
    let program = authority::program(&mut state.platform.db.read().await?, &key, origin, now).await?;
    let scope = scope.ok_or(ApiError::new(ProblemKind::KeyNotAllowed))?;
    if !program.scopes.contains(&scope) {
        return Err(ApiError::new(ProblemKind::KeyScopeMissing).with("scope", scope.as_str()));
    }
    api_key::used(&state.platform.db, program.key_id, program.last_used_at, now).await?;
    Ok(program.staff)
}

/// A suspended business is closed to its staff; after a trial they read on and change nothing.
fn check_state(business: &Business, parts: &Parts, state: &AppState) -> Result<(), ApiError> {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    match business.state {
        BusinessState::Suspended => Err(ApiError::new(ProblemKind::BusinessSuspended)),
        BusinessState::Trial if !reads && !business.is_open(state.platform.clock.real_now()) => {
            Err(ApiError::new(ProblemKind::TrialExpired))
        }
        BusinessState::Trial | BusinessState::Active => Ok(()),
    }
}

/// From where the request came; who acts is not known yet.
fn origin(parts: &Parts) -> Origin {
    let origin = parts.extensions.get::<RequestContext>().map_or_else(Origin::system, RequestContext::origin);
    Origin { ticket: parts.extensions.get().cloned(), ..origin }
}

/// Whom the request's token names. A key names nobody.
fn bearer(parts: &Parts, state: &AppState) -> Result<Bearer, ApiError> {
    let token = token(parts)?;
    if KeyText::parse(token).is_some() {
        return Err(ApiError::new(ProblemKind::KeyNotAllowed));
    }
    match state.tokens.verify(token, state.platform.clock.real_now().seconds()) {
        Ok(bearer) => Ok(bearer),
        Err(TokenError::Forged) => Err(ApiError::new(ProblemKind::TokenInvalid)),
        Err(TokenError::Expired) => Err(ApiError::new(ProblemKind::TokenExpired)),
    }
}

/// The request's token; the scheme's case does not matter. Source: RFC 9110 §11.1.
fn token(parts: &Parts) -> Result<&str, ApiError> {
    let header = parts.headers.get(AUTHORIZATION).ok_or(ApiError::new(ProblemKind::NotSignedIn))?;
    let pair = header.to_str().ok().and_then(|value| value.split_once(' '));
    let token = pair.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    token.ok_or(ApiError::new(ProblemKind::TokenInvalid))
}
