//! Templates that a new business can begin with.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::name::Name;
use booking::platform::Platform;
use booking::template::{self, Template};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::masters::OwnMasterOut;
use super::services::OwnServiceOut;
use crate::authority::{CatalogueWrite, Manager};
use crate::errors;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(apply_template))
}

/// What a template is to bring along.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateIn {
    /// The names of masters to create, beside those that are there; 20 at most.
    #[serde(default)]
    #[schema(example = json!(["Айгуль", "Дмитрий"]))]
    masters: Vec<String>,
}

/// A business that a template has filled.
#[derive(Serialize, ToSchema)]
pub struct TemplateOut {
    /// Its services.
    services: Vec<OwnServiceOut>,
    /// Its masters; each who offered nothing offers all of them, at the template's hours.
    masters: Vec<OwnMasterOut>,
}

/// Fills a business without services from a template.
///
/// Services, texts in three languages, prices and hours.
#[utoipa::path(
    post, path = "/api/v1/templates/{name}", tag = "catalogue", security(("bearer" = [])),
    params(("name" = String, Path, description = "salon, barbershop or nails", example = "salon")),
    request_body = TemplateIn,
    responses(
        (status = 201, body = TemplateOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn apply_template(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(name): Path<String>,
    Json(form): Json<TemplateIn>,
) -> Result<(StatusCode, axum::Json<TemplateOut>), ApiError> {
    let template = Template::from_text(&name).ok_or(ApiError::new(ProblemKind::TemplateNotFound))?;
    let names: Result<Vec<Name>, ApiError> =
        form.masters.iter().map(|name| name.parse().map_err(|error| errors::name("masters", error))).collect();
    let (services, masters) = template::apply(&platform, &manager, template, &names?).await?;
    let services = services.iter().map(OwnServiceOut::new).collect();
    let masters = masters.iter().map(OwnMasterOut::new).collect();
    Ok((StatusCode::CREATED, axum::Json(TemplateOut { services, masters })))
}
