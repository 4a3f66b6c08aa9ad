//! Public holidays, and what one's own salon does on them.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::holiday::{self, Decision, HolidayState};
use booking::language::Language;
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schedule::{ChangeOut, ChangeQuery};
use crate::authority::{CatalogueRead, CatalogueWrite, Manager, Tenant};
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_holidays)).routes(routes!(decide_holiday))
}

/// Which holidays to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HolidaysQuery {
    /// Those of this year.
    #[param(example = 2026, minimum = 1970, maximum = 9999)]
    year: i16,
}

/// What the salon does on a holiday.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HolidayIn {
    /// closed, open, or undecided, which is worked as any other day.
    #[schema(example = "closed", pattern = "^(closed|open|undecided)$")]
    state: String,
}

/// The holidays of a year.
#[derive(Serialize, ToSchema)]
pub struct HolidaysOut {
    /// In order.
    holidays: Vec<HolidayOut>,
}

/// A holiday: a suggestion, nothing closes by itself.
#[derive(Serialize, ToSchema)]
pub struct HolidayOut {
    /// The date.
    #[schema(example = "2026-03-09")]
    date: String,
    /// Its name; null when the list does not have it any more.
    #[schema(example = "Международный женский день")]
    name: Option<String>,
    /// The holiday whose day off was moved here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-03-08")]
    moved_from: Option<String>,
    /// closed, open, or undecided, which is worked as any other day.
    #[schema(example = "undecided")]
    state: &'static str,
}

/// Lists the public holidays of a year and what the salon decided about them.
#[utoipa::path(
    get, path = "/api/v1/holidays", tag = "schedule", params(HolidaysQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = HolidaysOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_holidays(
    State(platform): State<Platform>,
    context: RequestContext,
    tenant: Tenant<CatalogueRead>,
    Query(query): Query<HolidaysQuery>,
) -> Result<axum::Json<HolidaysOut>, ApiError> {
    if !(1970..=9999).contains(&query.year) {
        let range = vec![("min", "1970".to_owned()), ("max", "9999".to_owned())];
        return Err(ApiError::field("year", "number-out-of-range", range));
    }
    let mut connection = platform.db.read().await?;
    let holidays = &platform.policy.holidays;
    let decisions = holiday::decisions(&mut connection, holidays, tenant.business.id, query.year).await?;
    let out = |decision: &Decision| HolidayOut::new(decision, context.language, tenant.business.language);
    Ok(axum::Json(HolidaysOut { holidays: decisions.iter().map(out).collect() }))
}

/// Decides what the salon does on a holiday: one tap closes it.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed; then they stay.
#[utoipa::path(
    put, path = "/api/v1/holidays/{date}", tag = "schedule", security(("bearer" = [])),
    params(("date" = String, Path, description = "The date", example = "2026-03-09", format = Date), ChangeQuery),
    request_body = HolidayIn,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn decide_holiday(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(date): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<HolidayIn>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let date = input::date("date", &date)?;
    let known = || vec![("problem", "closed, open, undecided".to_owned())];
    let state = HolidayState::from_text(&form.state);
    let state = state.ok_or_else(|| ApiError::field("state", "field-invalid", known()))?;
    let outcome = holiday::decide(&platform, &manager, date, state, query.intent()).await;
    let outcome = outcome.map_err(|error| errors::catalogue::holiday(error, &manager))?;
    Ok(axum::Json(ChangeOut::new(&outcome, &manager)))
}

impl HolidayOut {
    fn new(decision: &Decision, language: Language, fallback: Language) -> Self {
        let holiday = decision.holiday.as_ref();
        Self {
            date: decision.date.to_string(),
            name: holiday.and_then(|holiday| holiday.name.pick(language, fallback)).cloned(),
            moved_from: holiday.and_then(|holiday| holiday.moved_from).map(|date| date.to_string()),
            state: decision.state.as_str(),
        }
    }
}
