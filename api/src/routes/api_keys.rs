//! Keys of programs that call the API for one's own business; for its owner.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::api_key::{self, ApiKey, Scope};
use booking::id::ApiKeyId;
use booking::name::Name;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::Owner;
use crate::errors;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_api_keys, create_api_key)).routes(routes!(delete_api_key))
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyIn {
    /// What it is for.
    #[schema(example = "Сайт", min_length = 1, max_length = 100)]
    name: String,
    /// What it may do.
    #[schema(example = json!(["bookings:read", "catalogue:read"]))]
    scopes: Vec<String>,
    /// From when on it opens nothing; never if absent.
    #[serde(default)]
    #[schema(example = "2030-01-01T00:00:00Z", format = DateTime)]
    expires_at: Option<String>,
}

/// The keys.
#[derive(Serialize, ToSchema)]
pub struct ApiKeysOut {
    /// The newest first; the revoked are gone.
    api_keys: Vec<ApiKeyOut>,
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyOut {
    /// The key.
    id: i64,
    /// What it is for.
    name: String,
    /// What it begins with, to tell it from others.
    #[schema(example = "bk_1f2e3d4c")]
    prefix: String,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// When it was made, in UTC.
    created_at: String,
    /// From when on it opens nothing, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was last used, to a minute, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct NewApiKeyOut {
    #[serde(flatten)]
    api_key: ApiKeyOut,
    /// The whole key, for the header `Authorization: Bearer …`. It is shown here and never again.
    #[schema(example = "bk_1f2e3d4c_…")]
    key: String,
}

/// Makes a key.
///
/// Its secret is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "settings", request_body = ApiKeyIn, security(("bearer" = [])),
    responses(
        (status = 201, body = NewApiKeyOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_api_key(
    State(platform): State<Platform>,
    owner: Owner,
    Json(form): Json<ApiKeyIn>,
) -> Result<(StatusCode, axum::Json<NewApiKeyOut>), ApiError> {
    let name: Name = form.name.parse().map_err(|error| errors::name("name", error))?;
    let scopes = form.scopes.iter().map(|text| scope(text)).collect::<Result<Vec<_>, _>>()?;
    let expires_at = form.expires_at.as_deref().map(|text| input::instant("expires_at", text)).transpose()?;
    let (key, secret) = api_key::create(&platform, &owner.access, &name, &scopes, expires_at).await?;
    let out = NewApiKeyOut { api_key: key.into(), key: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, axum::Json(out)))
}

/// Lists the keys of the business.
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "settings", security(("bearer" = [])),
    responses(
        (status = 200, body = ApiKeysOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_api_keys(State(platform): State<Platform>, owner: Owner) -> Result<axum::Json<ApiKeysOut>, ApiError> {
    let keys = api_key::list(&mut platform.db.read().await?, owner.business.id).await?;
    Ok(axum::Json(ApiKeysOut { api_keys: keys.into_iter().map(ApiKeyOut::from).collect() }))
}

/// Revokes a key: it opens nothing from the next request on.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{api_key_id}", tag = "settings", security(("bearer" = [])),
    params(("api_key_id" = i64, Path, description = "The key")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_api_key(
    State(platform): State<Platform>,
    owner: Owner,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = ProblemKind::ApiKeyNotFound;
    let id = ApiKeyId::new(input::id(&id, not_found)?);
    let was_there = api_key::revoke(&platform, owner.business.id, id, owner.origin()).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::new(not_found)) }
}

fn scope(text: &str) -> Result<Scope, ApiError> {
    let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let invalid = || ApiError::field("scopes", "field-invalid", vec![("problem", known.join(", "))]);
    Scope::from_text(text).ok_or_else(invalid)
}

impl From<ApiKey> for ApiKeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.get(),
            name: key.name.as_str().to_owned(),
            prefix: format!("bk_{}", key.public),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
        }
    }
}
