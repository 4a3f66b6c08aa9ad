//! The audit log of one's own business; for its owner.

use crate::resource::{Resource, routes};
use axum::extract::State;
use booking::audit::{self, Entry, Filter, MOST_ROWS};
use booking::id::UserId;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::authority::Owner;
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem};
use crate::input;

/// Entries on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_changes))
}

/// Which changes to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Changes on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only changes of this kind of thing.
    #[param(example = "booking")]
    entity: Option<String>,
    /// Only changes of this one.
    entity_id: Option<i64>,
    /// Only changes by this user.
    user_id: Option<i64>,
    /// Only changes at this instant or later.
    #[param(example = "2024-01-15T00:00:00+05:00", format = DateTime)]
    from: Option<String>,
    /// Only changes before this instant.
    #[param(example = "2024-01-16T00:00:00+05:00", format = DateTime)]
    to: Option<String>,
}

/// A page of changes, the newest first.
#[derive(Serialize, ToSchema)]
pub struct AuditOut {
    /// The changes.
    changes: Vec<AuditEntryOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A change: who, what, what it was, what it is, when, and from where.
#[derive(Serialize, ToSchema)]
pub struct AuditEntryOut {
    /// The entry.
    id: i64,
    /// When, in UTC.
    at: String,
    /// user, client, `api_key` or system.
    #[schema(example = "user")]
    actor: &'static str,
    /// The number of the user, the client or the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<i64>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    /// Whether the platform's operator acted in the user's name.
    impersonated: bool,
    /// The address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The request's id in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// What kind of thing was changed.
    #[schema(example = "service")]
    entity: String,
    /// Which one.
    entity_id: i64,
    /// What was done to it.
    #[schema(example = "update")]
    action: String,
    /// The fields that changed, as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    old: Option<Value>,
    /// The same fields, as they were then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    new: Option<Value>,
}

/// Lists what was changed in the business, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "settings", params(AuditQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = AuditOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_changes(
    State(platform): State<Platform>,
    owner: Owner,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<AuditOut>, ApiError> {
    let filter = Filter {
        before: input::cursor(query.cursor.as_deref())?,
        entity: query.entity.as_deref(),
        entity_id: query.entity_id,
        user_id: query.user_id.map(UserId::new),
        from: query.from.as_deref().map(|text| input::instant("from", text)).transpose()?,
        to: query.to.as_deref().map(|text| input::instant("to", text)).transpose()?,
        limit: input::limit(query.limit, PAGE, MOST_ROWS)?,
    };
    let entries = audit::list(&mut platform.db.read().await?, owner.business.id, &filter).await?;
    let is_full = u32::try_from(entries.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = entries.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(axum::Json(AuditOut { changes: entries.into_iter().map(AuditEntryOut::from).collect(), next_cursor }))
}

impl From<Entry> for AuditEntryOut {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.to_string(),
            actor: entry.actor.as_str(),
            actor_id: entry.actor_id,
            actor_name: entry.actor_name,
            impersonated: entry.impersonator.is_some(),
            address: entry.address,
            request_id: entry.request_id,
            entity: entry.entity,
            entity_id: entry.entity_id,
            action: entry.action,
            old: entry.old,
            new: entry.new,
        }
    }
}
