//! The masters of one's own business.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::id::{MasterId, ServiceId, UserId};
use booking::master::{self, Master, MasterFields, MasterService};
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schedule::{ChangeOut, ChangeQuery};
use crate::authority::{CatalogueRead, CatalogueWrite, Manager, Tenant};
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_own_masters, create_master))
        .routes(routes!(order_masters))
        .routes(routes!(show_master, change_master, archive_master))
        .routes(routes!(set_services_of_master))
}

/// A master, as the staff writes them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterIn {
    /// Their name.
    #[schema(example = "Айгуль", min_length = 1, max_length = 100)]
    full_name: String,
    /// Their login, if they have one: somebody of the staff who is no other master.
    #[serde(default)]
    user_id: Option<i64>,
    /// Whether they can be booked; false archives them.
    #[serde(default = "yes")]
    active: bool,
}

/// What a master offers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterServicesIn {
    /// Each service once, in the place of all before.
    services: Vec<MasterServiceBody>,
}

/// A service that a master offers; what is null or absent is as the service has it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterServiceBody {
    /// The service.
    service_id: i64,
    /// How long they take.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 720)]
    duration_minutes: Option<u16>,
    /// Their price in tiyn, hundredths of a tenge.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000_000_000_i64)]
    price_tiyn: Option<i64>,
    /// What they need before.
    #[serde(default)]
    #[schema(maximum = 240)]
    buffer_before_minutes: Option<u16>,
    /// What they need after.
    #[serde(default)]
    #[schema(maximum = 240)]
    buffer_after_minutes: Option<u16>,
}

/// The masters of one's own business.
#[derive(Serialize, ToSchema)]
pub struct OwnMastersOut {
    /// In their order, archived ones too; 200 at most.
    masters: Vec<OwnMasterOut>,
}

/// A master, as the staff sees them.
#[derive(Serialize, ToSchema)]
pub struct OwnMasterOut {
    /// The master.
    id: i64,
    /// Their name.
    #[schema(example = "Айгуль")]
    full_name: String,
    /// Their login, if they have one.
    user_id: Option<i64>,
    /// Whether they can be booked; one who cannot is archived.
    active: bool,
    /// What they offer, archived services too.
    services: Vec<MasterServiceBody>,
}

/// What became of a change of what a master offers.
#[derive(Serialize, ToSchema)]
pub struct MasterChangeOut {
    /// The master as they are now.
    #[serde(flatten)]
    master: OwnMasterOut,
    /// What became of the change.
    #[serde(flatten)]
    change: ChangeOut,
}

/// Another order of the masters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterOrderIn {
    /// Each of them once, archived ones too.
    master_ids: Vec<i64>,
}

const fn yes() -> bool {
    true
}

/// Lists the masters of one's own business and what they offer.
#[utoipa::path(
    get, path = "/api/v1/masters", tag = "catalogue", security(("bearer" = [])),
    responses(
        (status = 200, body = OwnMastersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_own_masters(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
) -> Result<axum::Json<OwnMastersOut>, ApiError> {
    let masters = master::list(&mut platform.db.read().await?, tenant.business.id).await?;
    Ok(axum::Json(OwnMastersOut { masters: masters.iter().map(OwnMasterOut::new).collect() }))
}

/// Creates a master, behind the others, who offers nothing yet.
#[utoipa::path(
    post, path = "/api/v1/masters", tag = "catalogue", security(("bearer" = [])), request_body = MasterIn,
    responses(
        (status = 201, body = OwnMasterOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_master(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Json(form): Json<MasterIn>,
) -> Result<(StatusCode, axum::Json<OwnMasterOut>), ApiError> {
    let created = master::add(&platform, &manager, &form.fields()?).await;
    let created = created.map_err(|error| errors::catalogue::master(error, &manager))?;
    Ok((StatusCode::CREATED, axum::Json(OwnMasterOut::new(&created))))
}

/// Puts the masters in another order: "any master" prefers the first of those who are equally free.
#[utoipa::path(
    put, path = "/api/v1/masters/order", tag = "catalogue", security(("bearer" = [])), request_body = MasterOrderIn,
    responses(
        (status = 200, body = OwnMastersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn order_masters(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Json(form): Json<MasterOrderIn>,
) -> Result<axum::Json<OwnMastersOut>, ApiError> {
    let order: Vec<MasterId> = form.master_ids.into_iter().map(MasterId::new).collect();
    let masters = master::reorder(&platform, &manager, &order).await;
    let masters = masters.map_err(|error| errors::catalogue::master(error, &manager))?;
    Ok(axum::Json(OwnMastersOut { masters: masters.iter().map(OwnMasterOut::new).collect() }))
}

/// Shows a master and what they offer.
#[utoipa::path(
    get, path = "/api/v1/masters/{master_id}", tag = "catalogue", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master")),
    responses(
        (status = 200, body = OwnMasterOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_master(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<OwnMasterOut>, ApiError> {
    let found = master::find(&mut platform.db.read().await?, tenant.business.id, master_id(&id)?).await?;
    let found = found.ok_or(ApiError::new(ProblemKind::MasterNotFound))?;
    Ok(axum::Json(OwnMasterOut::new(&found)))
}

/// Changes a master, or archives them, or takes them back.
///
/// Archiving one with visits to come answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}", tag = "catalogue", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery), request_body = MasterIn,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change_master(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<MasterIn>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let outcome = master::change(&platform, &manager, master_id(&id)?, &form.fields()?, query.intent()).await;
    let outcome = outcome.map_err(|error| errors::catalogue::master(error, &manager))?;
    Ok(axum::Json(ChangeOut::new(&outcome, &manager)))
}

/// Archives a master: they can no longer be booked.
///
/// With visits to come it answers 409 `breaks-visits` with a list of them, unless it is confirmed; then they stay.
#[utoipa::path(
    delete, path = "/api/v1/masters/{master_id}", tag = "catalogue", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery),
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn archive_master(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let outcome = master::archive(&platform, &manager, master_id(&id)?, query.intent()).await;
    let outcome = outcome.map_err(|error| errors::catalogue::master(error, &manager))?;
    Ok(axum::Json(ChangeOut::new(&outcome, &manager)))
}

/// Sets what a master offers, with their own times and prices where they differ.
///
/// Visits that are booked stay.
///
/// Taking a service with visits to come from them answers 409 `breaks-visits` with a list of them, unless it is
/// confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}/services", tag = "catalogue", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery), request_body = MasterServicesIn,
    responses(
        (status = 200, body = MasterChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set_services_of_master(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<MasterServicesIn>,
) -> Result<axum::Json<MasterChangeOut>, ApiError> {
    let id = master_id(&id)?;
    let services: Vec<MasterService> = form.services.iter().map(MasterServiceBody::read).collect();
    let outcome = master::set_services(&platform, &manager, id, &services, query.intent()).await;
    let outcome = outcome.map_err(|error| errors::catalogue::master(error, &manager))?;
    let found = master::find(&mut platform.db.read().await?, manager.business.id, id).await?;
    let master = found.ok_or(ApiError::new(ProblemKind::MasterNotFound))?;
    let change = ChangeOut::new(&outcome, &manager);
    Ok(axum::Json(MasterChangeOut { master: OwnMasterOut::new(&master), change }))
}

/// Reads the number of a master in a path.
pub(super) fn master_id(text: &str) -> Result<MasterId, ApiError> {
    input::id(text, ProblemKind::MasterNotFound).map(MasterId::new)
}

impl MasterIn {
    fn fields(&self) -> Result<MasterFields, ApiError> {
        let name = self.full_name.parse().map_err(|error| errors::name("full_name", error))?;
        Ok(MasterFields { name, user_id: self.user_id.map(UserId::new), active: self.active })
    }
}

impl MasterServiceBody {
    const fn read(&self) -> MasterService {
        MasterService {
            service_id: ServiceId::new(self.service_id),
            duration_minutes: self.duration_minutes,
            price_tiyn: self.price_tiyn,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
        }
    }

    const fn new(service: &MasterService) -> Self {
        Self {
            service_id: service.service_id.get(),
            duration_minutes: service.duration_minutes,
            price_tiyn: service.price_tiyn,
            buffer_before_minutes: service.buffer_before_minutes,
            buffer_after_minutes: service.buffer_after_minutes,
        }
    }
}

impl OwnMasterOut {
    pub(super) fn new(master: &Master) -> Self {
        Self {
            id: master.id.get(),
            full_name: master.name.as_str().to_owned(),
            user_id: master.user_id.map(UserId::get),
            active: master.active,
            services: master.offers.iter().map(MasterServiceBody::new).collect(),
        }
    }
}
