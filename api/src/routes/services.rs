//! The services of one's own business.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::access::Staff;
use booking::availability::VisitLength;
use booking::id::ServiceId;
use booking::language::Language;
use booking::localized::Localized;
use booking::name::NameError;
use booking::platform::Platform;
use booking::schedule::Outcome;
use booking::service::{self, Service, ServiceError, ServiceFields};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::{CatalogueRead, CatalogueWrite, Manager, Tenant};
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;
use crate::money;
use crate::routes::schedule::{ChangeOut, ChangeQuery};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_own_services, create_service)).routes(routes!(order_services)).routes(routes!(
        show_service,
        change_service,
        archive_service
    ))
}

/// A text per language; a missing one falls back to the business's language, then to Russian, Kazakh, English.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextByLanguage {
    /// Russian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Стрижка")]
    ru: Option<String>,
    /// Kazakh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Шаш қию")]
    kk: Option<String>,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Haircut")]
    en: Option<String>,
}

/// A service, as the staff writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceIn {
    /// Its name, in one language at least.
    name: TextByLanguage,
    /// What it is, in a few sentences.
    #[serde(default)]
    description: TextByLanguage,
    /// The heading it stands under.
    #[serde(default)]
    category: TextByLanguage,
    /// Its price in tiyn, hundredths of a tenge. A change touches only what is booked afterwards.
    #[schema(example = 500_000, minimum = 0, maximum = 100_000_000_000_i64)]
    price_tiyn: i64,
    /// Whether the price is the least it can be: "from 5 000 ₸".
    #[serde(default)]
    price_from: bool,
    /// How long it takes.
    #[schema(example = 60, minimum = 1, maximum = 720)]
    duration_minutes: u16,
    /// What the master needs before; clients do not see it.
    #[serde(default)]
    #[schema(maximum = 240)]
    buffer_before_minutes: u16,
    /// What the master needs after; clients do not see it.
    #[serde(default)]
    #[schema(maximum = 240)]
    buffer_after_minutes: u16,
    /// How long before the visit clients must book it.
    #[serde(default)]
    #[schema(maximum = 43_200)]
    notice_minutes: u32,
    /// How far ahead clients can book it; 90 if absent.
    #[serde(default = "horizon")]
    #[schema(example = 90, minimum = 1, maximum = 730)]
    horizon_days: u32,
    /// Hours before the visit until which its client may cancel it; null: as the business has it.
    #[serde(default)]
    #[schema(maximum = 720)]
    cancel_hours: Option<u32>,
    /// Hours before the visit until which its client may move it; null: as the business has it.
    #[serde(default)]
    #[schema(maximum = 720)]
    move_hours: Option<u32>,
    /// Whether it can be booked; false archives it.
    #[serde(default = "yes")]
    active: bool,
}

/// The services of one's own business.
#[derive(Serialize, ToSchema)]
pub struct OwnServicesOut {
    /// In their order, archived ones too; 500 at most.
    services: Vec<OwnServiceOut>,
}

/// A service, as the staff sees it.
#[derive(Serialize, ToSchema)]
pub struct OwnServiceOut {
    /// The service.
    id: i64,
    /// Its name per language.
    name: TextByLanguage,
    /// What it is, per language.
    description: TextByLanguage,
    /// The heading it stands under, per language.
    category: TextByLanguage,
    /// The price in tenge.
    #[schema(example = 5000.0)]
    price: f64,
    /// The price in tiyn, hundredths of a tenge.
    #[schema(example = 500_000)]
    price_tiyn: i64,
    /// Always `KZT`.
    #[schema(example = "KZT")]
    currency: &'static str,
    /// Whether the price is the least it can be.
    price_from: bool,
    /// How long it takes.
    #[schema(example = 60)]
    duration_minutes: u16,
    /// What the master needs before.
    buffer_before_minutes: u16,
    /// What the master needs after.
    buffer_after_minutes: u16,
    /// How long before the visit clients must book it.
    notice_minutes: u32,
    /// How far ahead clients can book it.
    horizon_days: u32,
    /// Hours before the visit until which its client may cancel it; null: as the business has it.
    cancel_hours: Option<u32>,
    /// Hours before the visit until which its client may move it; null: as the business has it.
    move_hours: Option<u32>,
    /// Whether it can be booked; one that cannot is archived.
    active: bool,
}

/// What became of a change of a service.
#[derive(Serialize, ToSchema)]
pub struct ServiceChangeOut {
    /// The service as it is now.
    #[serde(flatten)]
    service: OwnServiceOut,
    /// What became of the change.
    #[serde(flatten)]
    change: ChangeOut,
}

/// Another order of the services.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceOrderIn {
    /// Each of them once, archived ones too.
    service_ids: Vec<i64>,
}

const fn horizon() -> u32 {
    90
}

const fn yes() -> bool {
    true
}

/// Lists the services of one's own business with their texts in all languages.
#[utoipa::path(
    get, path = "/api/v1/services", tag = "catalogue", security(("bearer" = [])),
    responses(
        (status = 200, body = OwnServicesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_own_services(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
) -> Result<axum::Json<OwnServicesOut>, ApiError> {
    let services = service::list(&mut platform.db.read().await?, tenant.business.id).await?;
    Ok(axum::Json(OwnServicesOut::new(&services)))
}

/// Creates a service, behind the others.
#[utoipa::path(
    post, path = "/api/v1/services", tag = "catalogue", security(("bearer" = [])), request_body = ServiceIn,
    responses(
        (status = 201, body = OwnServiceOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_service(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Json(form): Json<ServiceIn>,
) -> Result<(StatusCode, axum::Json<OwnServiceOut>), ApiError> {
    let service = service::add(&platform, &manager, &form.fields()?).await;
    let service = service.map_err(|error| errors::catalogue::service(error, &manager))?;
    Ok((StatusCode::CREATED, axum::Json(OwnServiceOut::new(&service))))
}

/// Puts the services in another order.
#[utoipa::path(
    put, path = "/api/v1/services/order", tag = "catalogue", security(("bearer" = [])), request_body = ServiceOrderIn,
    responses(
        (status = 200, body = OwnServicesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn order_services(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Json(form): Json<ServiceOrderIn>,
) -> Result<axum::Json<OwnServicesOut>, ApiError> {
    let order: Vec<ServiceId> = form.service_ids.into_iter().map(ServiceId::new).collect();
    let services = service::reorder(&platform, &manager, &order).await;
    let services = services.map_err(|error| errors::catalogue::service(error, &manager))?;
    Ok(axum::Json(OwnServicesOut::new(&services)))
}

/// Shows a service with its texts in all languages.
#[utoipa::path(
    get, path = "/api/v1/services/{service_id}", tag = "catalogue", security(("bearer" = [])),
    params(("service_id" = i64, Path, description = "The service")),
    responses(
        (status = 200, body = OwnServiceOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_service(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<OwnServiceOut>, ApiError> {
    let found = service::find(&mut platform.db.read().await?, tenant.business.id, service_id(&id)?).await?;
    let service = found.ok_or(ApiError::new(ProblemKind::ServiceNotFound))?;
    Ok(axum::Json(OwnServiceOut::new(&service)))
}

/// Changes a service: what the body leaves out is as in a new one.
///
/// Visits that are booked keep their price and length; the name and the windows for cancelling and moving hold for them
/// too, and their reminders follow soon.
///
/// Archiving one with visits to come answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/services/{service_id}", tag = "catalogue", security(("bearer" = [])),
    params(("service_id" = i64, Path, description = "The service"), ChangeQuery), request_body = ServiceIn,
    responses(
        (status = 200, body = ServiceChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change_service(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<ServiceIn>,
) -> Result<axum::Json<ServiceChangeOut>, ApiError> {
    let id = service_id(&id)?;
    let outcome = service::change(&platform, &manager, id, &form.fields()?, query.intent()).await;
    changed(&platform, &manager, id, outcome).await
}

/// Archives a service: it can no longer be booked.
///
/// With visits to come it answers 409 `breaks-visits` with a list of them, unless it is confirmed; then they stay.
#[utoipa::path(
    delete, path = "/api/v1/services/{service_id}", tag = "catalogue", security(("bearer" = [])),
    params(("service_id" = i64, Path, description = "The service"), ChangeQuery),
    responses(
        (status = 200, body = ServiceChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn archive_service(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
) -> Result<axum::Json<ServiceChangeOut>, ApiError> {
    let id = service_id(&id)?;
    let outcome = service::archive(&platform, &manager, id, query.intent()).await;
    changed(&platform, &manager, id, outcome).await
}

/// What became of a change, with the service as it is now.
async fn changed(
    platform: &Platform,
    staff: &Staff,
    id: ServiceId,
    outcome: Result<Outcome, ServiceError>,
) -> Result<axum::Json<ServiceChangeOut>, ApiError> {
    let outcome = outcome.map_err(|error| errors::catalogue::service(error, staff))?;
    let found = service::find(&mut platform.db.read().await?, staff.business.id, id).await?;
    let service = found.ok_or(ApiError::new(ProblemKind::ServiceNotFound))?;
    Ok(axum::Json(ServiceChangeOut { service: OwnServiceOut::new(&service), change: ChangeOut::new(&outcome, staff) }))
}

fn service_id(text: &str) -> Result<ServiceId, ApiError> {
    input::id(text, ProblemKind::ServiceNotFound).map(ServiceId::new)
}

impl ServiceIn {
    fn fields(&self) -> Result<ServiceFields, ApiError> {
        Ok(ServiceFields {
            name: self.name.read("name")?,
            description: self.description.read("description")?,
            category: self.category.read("category")?,
            price_tiyn: self.price_tiyn,
            price_from: self.price_from,
            length: VisitLength {
                duration: self.duration_minutes,
                buffer_before: self.buffer_before_minutes,
                buffer_after: self.buffer_after_minutes,
            },
            notice_minutes: self.notice_minutes,
            horizon_days: self.horizon_days,
            cancel_hours: self.cancel_hours,
            move_hours: self.move_hours,
            active: self.active,
        })
    }
}

impl TextByLanguage {
    fn read<T: std::str::FromStr<Err = NameError>>(&self, field: &str) -> Result<Localized<T>, ApiError> {
        let texts = Localized { ru: self.ru.as_deref(), kk: self.kk.as_deref(), en: self.en.as_deref() };
        let named = |(language, error): (Language, NameError)| errors::name(format!("{field}.{language}"), error);
        texts.try_map(|text| text.parse()).map_err(named)
    }

    fn of<T>(texts: &Localized<T>, text: impl Fn(&T) -> &str) -> Self {
        let texts = texts.map(|each| text(each).to_owned());
        Self { ru: texts.ru, kk: texts.kk, en: texts.en }
    }
}

impl OwnServicesOut {
    fn new(services: &[Service]) -> Self {
        Self { services: services.iter().map(OwnServiceOut::new).collect() }
    }
}

impl OwnServiceOut {
    pub(super) fn new(service: &Service) -> Self {
        let fields = &service.fields;
        Self {
            id: service.id.get(),
            name: TextByLanguage::of(&fields.name, |name| name.as_str()),
            description: TextByLanguage::of(&fields.description, |text| text.as_str()),
            category: TextByLanguage::of(&fields.category, |name| name.as_str()),
            price: money::tenge(fields.price_tiyn),
            price_tiyn: fields.price_tiyn,
            currency: money::CURRENCY,
            price_from: fields.price_from,
            duration_minutes: fields.length.duration,
            buffer_before_minutes: fields.length.buffer_before,
            buffer_after_minutes: fields.length.buffer_after,
            notice_minutes: fields.notice_minutes,
            horizon_days: fields.horizon_days,
            cancel_hours: fields.cancel_hours,
            move_hours: fields.move_hours,
            active: fields.active,
        }
    }
}
