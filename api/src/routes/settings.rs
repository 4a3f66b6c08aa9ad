//! One's own business and its settings; for its owner.

use crate::resource::{Resource, routes};
use axum::extract::State;
use booking::business::Business;
use booking::platform::Platform;
use booking::profile::{self, ProfileChange, ProfileError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::authority::{Owner, SettingsRead};
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input::{self, Patch};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(show_settings, update_settings))
}

/// The business and its settings.
#[derive(Serialize, ToSchema)]
pub struct SettingsOut {
    /// Its name.
    #[schema(example = "Салон красоты «Демо»")]
    name: String,
    /// Its name in addresses.
    #[schema(example = "demo")]
    subdomain: String,
    /// Where it is.
    address: Option<String>,
    /// Its number, in E.164 form.
    #[schema(example = "+77010000001")]
    phone: String,
    /// The IANA zone of its wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// What its clients are written to in who have not chosen: ru, kk or en.
    #[schema(example = "ru")]
    language: &'static str,
    /// trial, active or suspended.
    #[schema(example = "active")]
    state: &'static str,
    /// When its trial ends or ended, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_ends_at: Option<String>,
    /// All that it sets for itself; `null` is as the operator has it.
    #[schema(value_type = Object)]
    settings: Value,
    /// Counts the changes of all this, from 1.
    version: i64,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsIn {
    /// The version it was seen in. If somebody changed it since, nothing is changed: 409 with `current`.
    #[serde(default)]
    version: Option<i64>,
    /// Its name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Where it is; `null` for nowhere to be told.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    address: Patch<String>,
    /// Its number, as people write it.
    #[serde(default)]
    phone: Option<String>,
    /// The IANA zone of its wall clock. Visits that are booked keep the clock they were promised by.
    #[serde(default)]
    #[schema(example = "Asia/Almaty")]
    time_zone: Option<String>,
    /// What its clients are written to in who have not chosen: ru, kk or en.
    #[serde(default)]
    #[schema(pattern = "^(ru|kk|en)$")]
    language: Option<String>,
    /// A part of the document, merged into it; `null` gives a field back to the operator (RFC 7396).
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({ "staff": { "manager": { "phones": false } } }))]
    settings: Option<Value>,
}

/// Shows the business and its settings.
#[utoipa::path(
    get, path = "/api/v1/settings", tag = "settings", security(("bearer" = [])),
    responses(
        (status = 200, body = SettingsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_settings(owner: Owner<SettingsRead>) -> Result<axum::Json<SettingsOut>, ApiError> {
    Ok(axum::Json(SettingsOut::new(&owner.business)))
}

/// Changes the business or its settings; switches of roles hold from the next request on.
#[utoipa::path(
    patch, path = "/api/v1/settings", tag = "settings", request_body = SettingsIn, security(("bearer" = [])),
    responses(
        (status = 200, body = SettingsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn update_settings(
    State(platform): State<Platform>,
    owner: Owner,
    Json(form): Json<SettingsIn>,
) -> Result<axum::Json<SettingsOut>, ApiError> {
    let language = form.language.as_deref().map(|code| input::language("language", code)).transpose()?;
    let address = form.address.change();
    let change = ProfileChange {
        version: form.version,
        name: form.name.as_deref(),
        address: address.as_ref().map(Option::as_deref),
        phone: form.phone.as_deref(),
        time_zone: form.time_zone.as_deref(),
        language,
        settings: form.settings.as_ref(),
    };
    let changed = profile::change(&platform, owner.business.id, &change, owner.origin()).await;
    let (_, after) = changed.map_err(|error| {
        if let ProfileError::Changed { current } = &error {
            let current = SettingsOut::new(current);
            return ApiError::new(ProblemKind::SettingsChanged).with_versions(form.version, &current);
        }
        error.into()
    })?;
    Ok(axum::Json(SettingsOut::new(&after)))
}

impl SettingsOut {
    fn new(business: &Business) -> Self {
        Self {
            name: business.name.as_str().to_owned(),
            subdomain: business.subdomain.to_string(),
            address: business.address.clone(),
            phone: format!("+{}", business.phone.expose()),
            time_zone: business.zone.name().to_owned(),
            language: business.language.as_str(),
            state: business.state.as_str(),
            trial_ends_at: business.trial_ends_at.map(|at| at.to_string()),
            settings: serde_json::to_value(&business.settings).unwrap_or_default(),
            version: business.version,
        }
    }
}
