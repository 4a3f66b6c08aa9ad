//! Invitations to a staff, by a link over WhatsApp.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::business::BusinessState;
use booking::id::{InvitationId, MasterId};
use booking::invitation::{self, Acceptance, Invitation, NewInvitation};
use booking::name::Name;
use booking::phone::Phone;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::Owner;
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::token::AccessTokens;
use crate::input;
use crate::routes::auth::{self, LoginOut};
use crate::routes::users;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_invitations, create_invitation))
        .routes(routes!(delete_invitation))
        .routes(routes!(show_invitation))
        .routes(routes!(accept_invitation))
}

/// Somebody to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationIn {
    /// Their number, as people write it: the link goes to its WhatsApp, and they log in with it.
    #[schema(example = "87771234567")]
    phone: String,
    /// `OWNER`, `MANAGER` or `MASTER`.
    #[schema(example = "MASTER", pattern = "^(OWNER|MANAGER|MASTER)$")]
    role: String,
    /// The master they will be, if they are to be one.
    #[serde(default)]
    master_id: Option<i64>,
    /// What to call them in the message.
    #[serde(default)]
    #[schema(example = "Дмитрий", max_length = 100)]
    full_name: Option<String>,
    /// What to write to them in: ru, kk or en; the business's language if absent.
    #[serde(default)]
    #[schema(example = "ru", pattern = "^(ru|kk|en)$")]
    language: Option<String>,
}

/// The open invitations.
#[derive(Serialize, ToSchema)]
pub struct InvitationsOut {
    /// The newest first.
    invitations: Vec<InvitationOut>,
}

/// An open invitation.
#[derive(Serialize, ToSchema)]
pub struct InvitationOut {
    /// The invitation.
    id: i64,
    /// The number that the link went to, in E.164 form.
    #[schema(example = "+77771234567")]
    phone: String,
    /// `OWNER`, `MANAGER` or `MASTER`.
    #[schema(example = "MASTER")]
    role: &'static str,
    /// The master they will be.
    master_id: Option<i64>,
    /// When it was made, in UTC.
    created_at: String,
    /// From when on the link is worth nothing, in UTC.
    expires_at: String,
}

/// What the link of an invitation leads to.
#[derive(Serialize, ToSchema)]
pub struct InvitedOut {
    /// The business that invites.
    #[schema(example = "Салон «Демо»")]
    business_name: String,
    /// Its name in addresses.
    #[schema(example = "demo")]
    subdomain: String,
    /// What the invited will be: `OWNER`, `MANAGER` or `MASTER`.
    #[schema(example = "MASTER")]
    role: &'static str,
    /// The last two digits of the number they will log in with.
    #[schema(example = "•••67")]
    phone: String,
    /// From when on the link is worth nothing, in UTC.
    expires_at: String,
}

/// What the invited fill in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptIn {
    /// Their name.
    #[schema(example = "Дмитрий Ким", min_length = 1, max_length = 100)]
    full_name: String,
    /// At least 8 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 256)]
    password: String,
    /// An address to log in with beside the number.
    #[serde(default)]
    #[schema(example = "dmitry@example.com", format = Email, max_length = 254)]
    email: Option<String>,
}

/// Invites somebody to the staff: a link, good for 7 days and one use, goes to their WhatsApp.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "staff", request_body = InvitationIn, security(("bearer" = [])),
    responses(
        (status = 201, body = InvitationOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_invitation(
    State(platform): State<Platform>,
    owner: Owner,
    Json(form): Json<InvitationIn>,
) -> Result<(StatusCode, axum::Json<InvitationOut>), ApiError> {
    let phone: Phone = form.phone.parse().map_err(|error| errors::phone("phone", error))?;
    let name = form.full_name.as_deref().map(str::parse::<Name>).transpose();
    let name = name.map_err(|error| errors::name("full_name", error))?;
    let language = form.language.as_deref().map(|code| input::language("language", code)).transpose()?;
    let new = NewInvitation {
        phone: &phone,
        role: users::role(&form.role)?,
        master_id: form.master_id.map(MasterId::new),
        name: name.as_ref(),
        language: language.unwrap_or(owner.business.language),
    };
    let invitation = invitation::invite(&platform, &owner.business, &owner.access, &new).await?;
    Ok((StatusCode::CREATED, axum::Json(invitation.into())))
}

/// Lists the invitations that nobody has accepted yet.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "staff", security(("bearer" = [])),
    responses(
        (status = 200, body = InvitationsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_invitations(
    State(platform): State<Platform>,
    owner: Owner,
) -> Result<axum::Json<InvitationsOut>, ApiError> {
    let now = platform.clock.real_now();
    let open = invitation::open(&mut platform.db.read().await?, owner.business.id, now).await?;
    Ok(axum::Json(InvitationsOut { invitations: open.into_iter().map(InvitationOut::from).collect() }))
}

/// Takes an invitation back: its link is worth nothing any more.
#[utoipa::path(
    delete, path = "/api/v1/invitation/{invitation_id}", tag = "staff", security(("bearer" = [])),
    params(("invitation_id" = i64, Path, description = "The invitation")),
    responses(
        (status = 204, description = "It is taken back"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_invitation(
    State(platform): State<Platform>,
    owner: Owner,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = ProblemKind::InvitationNotFound;
    let id = InvitationId::new(input::id(&id, not_found)?);
    let was_open = invitation::revoke(&platform, owner.business.id, id, owner.origin()).await?;
    if was_open { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::new(not_found)) }
}

/// Shows what the link of an invitation leads to.
#[utoipa::path(
    get, path = "/api/v1/invitations/{token}", tag = "staff",
    params(("token" = String, Path, description = "From the link")),
    responses(
        (status = 200, body = InvitedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_invitation(
    State(platform): State<Platform>,
    Path(token): Path<String>,
) -> Result<axum::Json<InvitedOut>, ApiError> {
    let now = platform.clock.real_now();
    let found = invitation::by_token(&mut platform.db.read().await?, &token, now).await?;
    let (invitation, business) = found.ok_or(ApiError::new(ProblemKind::InvitationNotFound))?;
    if business.state == BusinessState::Suspended {
        return Err(ApiError::new(ProblemKind::BusinessSuspended));
    }
    Ok(axum::Json(InvitedOut {
        business_name: business.name.as_str().to_owned(),
        subdomain: business.subdomain.to_string(),
        role: invitation.role.as_str(),
        phone: booking::access::masked(&invitation.phone),
        expires_at: invitation.expires_at.to_string(),
    }))
}

/// Accepts an invitation and signs its bearer in.
///
/// They are somebody of the staff from then on, and log in with the number.
#[utoipa::path(
    post, path = "/api/v1/invitations/{token}/accept", tag = "staff", request_body = AcceptIn,
    params(("token" = String, Path, description = "From the link")),
    responses(
        (status = 201, body = LoginOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn accept_invitation(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    context: RequestContext,
    Path(token): Path<String>,
    Json(form): Json<AcceptIn>,
) -> Result<(StatusCode, axum::Json<LoginOut>), ApiError> {
    let form = Acceptance { full_name: &form.full_name, password: &form.password, email: form.email.as_deref() };
    let (user, refresh) = invitation::accept(&platform, &token, &form, &context.origin()).await?;
    let tokens = auth::issue(&platform, &tokens, &user, &refresh)?;
    Ok((StatusCode::CREATED, axum::Json(LoginOut::new(user, tokens))))
}

impl From<Invitation> for InvitationOut {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.get(),
            phone: format!("+{}", invitation.phone.expose()),
            role: invitation.role.as_str(),
            master_id: invitation.master_id.map(MasterId::get),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
        }
    }
}
