//! The staff of one's own business; for its owner.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::id::{MasterId, UserId};
use booking::platform::Platform;
use booking::user::{self, Member, Role, StaffChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::Owner;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input::{self, Patch};
use crate::routes::auth::UserOut;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_users)).routes(routes!(update_user, delete_user))
}

/// The staff.
#[derive(Serialize, ToSchema)]
pub struct UsersOut {
    /// In the order they came.
    users: Vec<MemberOut>,
}

/// Somebody of the staff.
#[derive(Serialize, ToSchema)]
pub struct MemberOut {
    #[serde(flatten)]
    user: UserOut,
    /// The master they are, if they are one.
    master_id: Option<i64>,
}

/// What to change of somebody; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserIn {
    /// `OWNER`, `MANAGER` or `MASTER`.
    #[serde(default)]
    #[schema(example = "MANAGER", pattern = "^(OWNER|MANAGER|MASTER)$")]
    role: Option<String>,
    /// The master they are; `null` for none any more.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    master_id: Patch<i64>,
}

/// Lists the staff of the business.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "staff", security(("bearer" = [])),
    responses(
        (status = 200, body = UsersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_users(State(platform): State<Platform>, owner: Owner) -> Result<axum::Json<UsersOut>, ApiError> {
    let members = user::list(&mut platform.db.read().await?, owner.business.id).await?;
    Ok(axum::Json(UsersOut { users: members.into_iter().map(MemberOut::from).collect() }))
}

/// Changes somebody's role or which master they are; it holds from their next request on.
#[utoipa::path(
    patch, path = "/api/v1/users/{user_id}", tag = "staff", request_body = UserIn, security(("bearer" = [])),
    params(("user_id" = i64, Path, description = "The user")),
    responses(
        (status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn update_user(
    State(platform): State<Platform>,
    owner: Owner,
    Path(id): Path<String>,
    Json(form): Json<UserIn>,
) -> Result<axum::Json<MemberOut>, ApiError> {
    let id = UserId::new(input::id(&id, ProblemKind::UserNotFound)?);
    let change = StaffChange {
        role: form.role.as_deref().map(role).transpose()?,
        master_id: form.master_id.change().map(|master| master.map(MasterId::new)),
    };
    let member = user::change(&platform, owner.business.id, id, &change, owner.origin()).await?;
    Ok(axum::Json(member.into()))
}

/// Removes somebody from the staff: they are logged out everywhere.
///
/// What they did stays in the log under their name.
#[utoipa::path(
    delete, path = "/api/v1/users/{user_id}", tag = "staff", security(("bearer" = [])),
    params(("user_id" = i64, Path, description = "The user")),
    responses(
        (status = 204, description = "They are removed"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_user(
    State(platform): State<Platform>,
    owner: Owner,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = UserId::new(input::id(&id, ProblemKind::UserNotFound)?);
    user::deactivate(&platform, owner.business.id, id, owner.origin()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a role of a staff.
pub(super) fn role(text: &str) -> Result<Role, ApiError> {
    let invalid = || ApiError::field("role", "field-invalid", vec![("problem", "OWNER, MANAGER, MASTER".to_owned())]);
    Role::from_text(text).ok_or_else(invalid)
}

impl From<Member> for MemberOut {
    fn from(member: Member) -> Self {
        Self { master_id: member.master_id.map(MasterId::get), user: member.user.into() }
    }
}
