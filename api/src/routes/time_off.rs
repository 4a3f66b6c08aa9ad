//! Time off of masters and of the whole salon.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use booking::availability::MINUTES_A_DAY;
use booking::id::{MasterId, TimeOffId};
use booking::name::Notes;
use booking::platform::Platform;
use booking::schedule::{self, NewTimeOff, TimeOff, TimeOffKind};
use booking::zone::Zone;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schedule::{ChangeOut, ChangeQuery};
use crate::authority::{CatalogueRead, CatalogueWrite, Manager, Tenant};
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_time_off, create_time_off)).routes(routes!(remove_time_off))
}

/// Which time off to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimeOffQuery {
    /// What ends on this date or later.
    #[param(example = "2024-01-15", format = Date)]
    from: String,
    /// What begins on this date or earlier.
    #[param(example = "2024-02-15", format = Date)]
    to: String,
    /// Only this master's, and the salon's.
    master_id: Option<i64>,
}

/// Time off to give. Only `from`, a date, closes that day for the whole salon, or for the master.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeOffIn {
    /// Whose; absent or null: the whole salon's.
    #[serde(default)]
    master_id: Option<i64>,
    /// The first date, or the time at which it begins on the salon's wall clock; with an offset, as an instant.
    #[schema(example = "2024-01-15")]
    from: String,
    /// The last date, or the time at which it ends; absent: the date of `from`.
    #[serde(default)]
    #[schema(example = "2024-01-28")]
    to: Option<String>,
    /// vacation, illness, closed or other; closed if absent.
    #[serde(default)]
    #[schema(example = "vacation", pattern = "^(vacation|illness|closed|other)$")]
    kind: Option<String>,
    /// Why, in words, for the staff.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// What became of time off to give.
#[derive(Serialize, ToSchema)]
pub struct TimeOffChangeOut {
    /// Its number, if it was given.
    id: Option<i64>,
    #[serde(flatten)]
    change: ChangeOut,
}

/// Time off.
#[derive(Serialize, ToSchema)]
pub struct TimeOffListOut {
    /// The IANA zone of the wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// In the order of its beginnings; 1000 at most.
    time_off: Vec<TimeOffOut>,
}

/// Time off.
#[derive(Serialize, ToSchema)]
pub struct TimeOffOut {
    /// Its number.
    id: i64,
    /// Whose; null: the whole salon's.
    master_id: Option<i64>,
    /// When it begins, on the salon's wall clock.
    #[schema(example = "2024-01-15T00:00:00")]
    from: String,
    /// When it ends, on the salon's wall clock.
    #[schema(example = "2024-01-29T00:00:00")]
    to: String,
    /// vacation, illness, closed or other.
    #[schema(example = "vacation")]
    kind: &'static str,
    /// Why, in words.
    reason: String,
}

/// Lists time off of masters and of the salon.
#[utoipa::path(
    get, path = "/api/v1/time-off", tag = "schedule", params(TimeOffQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = TimeOffListOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_time_off(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Query(query): Query<TimeOffQuery>,
) -> Result<axum::Json<TimeOffListOut>, ApiError> {
    let (from, to) = (input::date("from", &query.from)?, input::date("to", &query.to)?);
    let master_id = query.master_id.map(MasterId::new);
    let mut connection = platform.db.read().await?;
    let found = schedule::time_off(&mut connection, tenant.business.id, master_id, from, to).await?;
    let time_off = found.iter().map(|row| TimeOffOut::new(row, &tenant.access.text(row.reason.as_str()))).collect();
    Ok(axum::Json(TimeOffListOut { time_zone: tenant.business.zone.name().to_owned(), time_off }))
}

/// Gives time off to a master, or closes the whole salon: a day, some days, or some hours.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed; then they stay.
#[utoipa::path(
    post, path = "/api/v1/time-off", tag = "schedule", params(ChangeQuery), security(("bearer" = [])),
    request_body = TimeOffIn,
    responses(
        (status = 201, body = TimeOffChangeOut),
        (status = 200, body = TimeOffChangeOut, description = "A dry run"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_time_off(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<TimeOffIn>,
) -> Result<Response, ApiError> {
    let reason = form.reason.as_deref().unwrap_or_default().parse().map_err(|error| errors::name("reason", error))?;
    let new = form.read(&reason, &manager.business.zone)?;
    let given = schedule::add_time_off(&platform, &manager, &new, query.intent()).await;
    let (id, outcome) = given.map_err(|error| errors::catalogue::schedule(error, &manager))?;
    let status = if outcome.changed { StatusCode::CREATED } else { StatusCode::OK };
    let change = ChangeOut::new(&outcome, &manager);
    Ok((status, axum::Json(TimeOffChangeOut { id: id.map(TimeOffId::get), change })).into_response())
}

/// Takes time off back.
#[utoipa::path(
    delete, path = "/api/v1/time-off/{time_off_id}", tag = "schedule", security(("bearer" = [])),
    params(("time_off_id" = i64, Path, description = "The time off")),
    responses(
        (status = 204, description = "It is taken back"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove_time_off(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = TimeOffId::new(input::id(&id, ProblemKind::TimeOffNotFound)?);
    let removed = schedule::remove_time_off(&platform, &manager, id).await;
    removed.map_err(|error| errors::catalogue::schedule(error, &manager))?;
    Ok(StatusCode::NO_CONTENT)
}

impl TimeOffIn {
    fn read<'a>(&self, reason: &'a Notes, zone: &Zone) -> Result<NewTimeOff<'a>, ApiError> {
        let kind = self.kind.as_deref().unwrap_or("closed");
        let known = || vec![("problem", "vacation, illness, closed, other".to_owned())];
        let kind = TimeOffKind::from_text(kind).ok_or_else(|| ApiError::field("kind", "field-invalid", known()))?;
        let from = moment("from", &self.from, zone)?;
        let to = self.to.as_deref().map(|to| moment("to", to, zone)).transpose()?;
        let to = match to {
            None => (from.0, MINUTES_A_DAY),
            Some((date, None)) => (date, MINUTES_A_DAY),
            // Midnight is the end of the day before.
            Some((date, Some(0))) => (date.yesterday().unwrap_or(date), MINUTES_A_DAY),
            Some((date, Some(minute))) => (date, minute),
        };
        Ok(NewTimeOff {
            master_id: self.master_id.map(MasterId::new),
            from: (from.0, from.1.unwrap_or(0)),
            to,
            kind,
            reason,
        })
    }
}

/// Reads a date, or a time with its minute of the day.
fn moment(field: &'static str, text: &str, zone: &Zone) -> Result<(Date, Option<u16>), ApiError> {
    if let Ok(date) = input::date(field, text.trim()) {
        return Ok((date, None));
    }
    let wall = input::wall_time(field, text, zone)?;
    let minute = i32::from(wall.hour()) * 60 + i32::from(wall.minute());
    Ok((wall.date(), u16::try_from(minute).ok()))
}

impl TimeOffOut {
    fn new(row: &TimeOff, reason: &str) -> Self {
        Self {
            id: row.id.get(),
            master_id: row.master_id.map(MasterId::get),
            from: moment_text(row.from),
            to: moment_text(row.to),
            kind: row.kind.as_str(),
            reason: reason.to_owned(),
        }
    }
}

fn moment_text((date, minute): (Date, u16)) -> String {
    let (date, minute) = if minute == MINUTES_A_DAY { (date.tomorrow().unwrap_or(date), 0) } else { (date, minute) };
    format!("{date}T{}:00", input::minute_text(minute))
}
