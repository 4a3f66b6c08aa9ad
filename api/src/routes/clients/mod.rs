//! The clients of one's own business.

mod shape;

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::access::Access;
use booking::client::Search;
use booking::client::erase::erase;
use booking::client::merge::merge;
use booking::client::read::{Filter, MOST_ROWS, list, show};
use booking::client::write::{ClientEdit, NewClient, block, create, update};
use booking::consent::{self, Purpose};
use booking::id::ClientId;
use booking::language::Language;
use booking::name::{Name, Notes};
use booking::phone::Phone;
use booking::platform::Platform;

use self::shape::{
    BlockIn, ClientDetailOut, ClientIn, ClientOut, ClientPatch, ClientsOut, ClientsQuery, EraseIn, MergeIn, PurposeIn,
};
use crate::authority::{ClientsRead, ClientsWrite, Tenant};
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// Clients on a page, unless the request says otherwise.
const PAGE: u32 = 50;
/// The longest search, in characters.
const SEARCH_MAX: usize = 100;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_clients, create_client))
        .routes(routes!(show_client, update_client))
        .routes(routes!(merge_client))
        .routes(routes!(block_client))
        .routes(routes!(unblock_client))
        .routes(routes!(erase_client))
        .routes(routes!(opt_out_client))
        .routes(routes!(opt_in_client))
}

/// Lists the clients of the business, the newest first.
///
/// A master who sees no other calendars sees those they serve. `search` finds by any part of a name, in Cyrillic or
/// Latin, with Kazakh letters or their neighbours, in any order, and by any digits of a number. Where numbers are
/// hidden, digits find nothing.
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "clients", params(ClientsQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = ClientsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_clients(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsRead>,
    Query(query): Query<ClientsQuery>,
) -> Result<axum::Json<ClientsOut>, ApiError> {
    let filter = filter(&tenant.access, &query)?;
    let clients = list(&platform, &tenant.access, &filter).await?;
    let is_full = u32::try_from(clients.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = clients.last().filter(|_| is_full).map(|last| last.id.to_string());
    let clients = clients.iter().map(|client| ClientOut::new(client, &tenant)).collect();
    Ok(axum::Json(ClientsOut { clients, next_cursor }))
}

/// Writes a client down; for who runs the business.
///
/// A number is one client: 409 names the one who has it in `client_id`.
#[utoipa::path(
    post, path = "/api/v1/clients", tag = "clients", request_body = ClientIn, security(("bearer" = [])),
    responses(
        (status = 201, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Json(form): Json<ClientIn>,
) -> Result<(StatusCode, axum::Json<ClientOut>), ApiError> {
    let phone = form.phone.as_deref().map(phone).transpose()?;
    let new = NewClient {
        phone: phone.as_ref(),
        name: &name(&form.name)?,
        language: form.language.as_deref().map(language).transpose()?,
        notes: &notes("notes", &form.notes)?,
        health_notes: &notes("health_notes", &form.health_notes)?,
        tags: &errors::clients::tags("tags", &form.tags)?,
    };
    let client = create(&platform, &tenant.access, &new).await?;
    Ok((StatusCode::CREATED, axum::Json(ClientOut::new(&client, &tenant))))
}

/// Shows a client with their visits to come and what they agreed to.
///
/// The number of a client who was merged shows the one they became.
#[utoipa::path(
    get, path = "/api/v1/clients/{client_id}", tag = "clients", security(("bearer" = [])),
    params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientDetailOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientDetailOut>, ApiError> {
    let (client, upcoming) = show(&platform, &tenant.access, client_id(&id)?).await?;
    let mut connection = platform.db.read().await?;
    let consents = consent::of_client(&mut connection, tenant.business.id, client.id).await?;
    Ok(axum::Json(ClientDetailOut::new(&client, &upcoming, &consents, &tenant)))
}

/// Changes what is known of a client; a field that is absent stays.
///
/// A master may change the notes of those they serve.
///
/// Messages that are planned go to the new number.
#[utoipa::path(
    patch, path = "/api/v1/clients/{client_id}", tag = "clients", request_body = ClientPatch, security(("bearer" = [])),
    params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn update_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<ClientPatch>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let edit = ClientEdit {
        phone: form.phone.as_deref().map(phone).transpose()?,
        name: form.name.as_deref().map(name).transpose()?,
        language: form.language.as_deref().map(language).transpose()?,
        notes: form.notes.as_deref().map(|text| notes("notes", text)).transpose()?,
        health_notes: form.health_notes.as_deref().map(|text| notes("health_notes", text)).transpose()?,
        tags: form.tags.as_deref().map(|tags| errors::clients::tags("tags", tags)).transpose()?,
    };
    let client = update(&platform, &tenant.access, client_id(&id)?, &edit).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Makes one client of two.
///
/// The visits, consents, notes and tags of the other come here, and their number finds this one.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/merge", tag = "clients", request_body = MergeIn,
    security(("bearer" = [])), params(("client_id" = i64, Path, description = "The client who stays")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn merge_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<MergeIn>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let client = merge(&platform, &tenant.access, client_id(&id)?, ClientId::new(form.other_id)).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Keeps a client from booking on their own; staff sees why, the client does not.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/block", tag = "clients", request_body = BlockIn,
    security(("bearer" = [])), params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn block_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<BlockIn>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let reason = notes("reason", &form.reason)?;
    if reason.as_str().is_empty() {
        return Err(ApiError::field("reason", "field-empty", Vec::new()));
    }
    let client = block(&platform, &tenant.access, client_id(&id)?, Some(&reason)).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Lets a client book on their own again.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/unblock", tag = "clients", security(("bearer" = [])),
    params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn unblock_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let client = block(&platform, &tenant.access, client_id(&id)?, None).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Erases a client.
///
/// Numbers, name, notes and messages are gone for good; their visits stay in the statistics. Visits to come are in the
/// way (409), unless `cancel_visits` calls them off. A repetition changes nothing.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/erase", tag = "clients", request_body = EraseIn,
    security(("bearer" = [])), params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn erase_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<EraseIn>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let client = erase(&platform, &tenant.access, client_id(&id)?, form.cancel_visits).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Notes that a client does not want to be written to: what is planned for them is taken back.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/opt-out", tag = "clients", request_body = PurposeIn,
    security(("bearer" = [])), params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn opt_out_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<PurposeIn>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let client = consent::told(&platform, &tenant.access, client_id(&id)?, purpose(&form)?, false).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

/// Notes that a client agrees to be written to.
///
/// Reminders that were taken back and are still to come are planned again.
#[utoipa::path(
    post, path = "/api/v1/clients/{client_id}/opt-in", tag = "clients", request_body = PurposeIn,
    security(("bearer" = [])), params(("client_id" = i64, Path, description = "The client")),
    responses(
        (status = 200, body = ClientOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn opt_in_client(
    State(platform): State<Platform>,
    tenant: Tenant<ClientsWrite>,
    Path(id): Path<String>,
    Json(form): Json<PurposeIn>,
) -> Result<axum::Json<ClientOut>, ApiError> {
    let client = consent::told(&platform, &tenant.access, client_id(&id)?, purpose(&form)?, true).await?;
    Ok(axum::Json(ClientOut::new(&client, &tenant)))
}

fn filter(access: &Access, query: &ClientsQuery) -> Result<Filter, ApiError> {
    let before = query.cursor.as_deref().map(|text| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(ClientId::new).ok_or_else(|| ApiError::field("cursor", "cursor-invalid", Vec::new()))
    });
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(ApiError::field("limit", "limit-invalid", vec![("max", MOST_ROWS.to_string())]));
    }
    let typed = query.search.as_deref().unwrap_or_default();
    if typed.chars().count() > SEARCH_MAX {
        return Err(ApiError::field("search", "search-too-long", vec![("max", SEARCH_MAX.to_string())]));
    }
    let tag = query.tag.as_ref().map(|tag| errors::clients::tags("tag", std::slice::from_ref(tag))).transpose()?;
    let tag = tag.and_then(|mut tags| tags.pop());
    Ok(Filter { before: before.transpose()?, search: Search::new(typed, access.sees.phones), tag, limit })
}

fn client_id(text: &str) -> Result<ClientId, ApiError> {
    text.parse().map(ClientId::new).map_err(|_| ApiError::new(ProblemKind::ClientNotFound))
}

fn phone(text: &str) -> Result<Phone, ApiError> {
    text.parse().map_err(|error| errors::phone("phone", error))
}

fn name(text: &str) -> Result<Name, ApiError> {
    text.parse().map_err(|error| errors::name("name", error))
}

fn notes(field: &'static str, text: &str) -> Result<Notes, ApiError> {
    text.parse().map_err(|error| errors::name(field, error))
}

fn language(code: &str) -> Result<Language, ApiError> {
    input::language("language", code)
}

fn purpose(form: &PurposeIn) -> Result<Purpose, ApiError> {
    let unknown = || ApiError::field("purpose", "field-invalid", vec![("problem", "service, marketing".to_owned())]);
    Purpose::from_text(&form.purpose).ok_or_else(unknown)
}
