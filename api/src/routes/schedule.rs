//! When the masters of one's own business work.
//!
//! Every change that could break visits takes `dry_run` and `confirm`: it is refused with a list of those visits until
//! somebody confirms it, and then they stay as they are.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::access::Staff;
use booking::availability::{DayHours, Interval};
use booking::platform::Platform;
use booking::schedule::{self, Intent, Outcome, Schedule, ScheduleChange, ShiftPattern, WeeklyInterval};
use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::masters::master_id;
use crate::authority::{CatalogueRead, CatalogueWrite, Manager, Tenant};
use crate::errors;
use crate::http::broken::BrokenVisitOut;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(show_schedule))
        .routes(routes!(list_working_days))
        .routes(routes!(set_weekly_hours))
        .routes(routes!(set_shift_pattern, remove_shift_pattern))
        .routes(routes!(set_breaks))
        .routes(routes!(set_hours_of_date, clear_hours_of_date))
}

/// What to do about visits that a change breaks.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Change nothing, and list the visits that the change would break.
    #[serde(default)]
    dry_run: bool,
    /// Make the change although it breaks visits: they stay, and are listed in the answer.
    #[serde(default)]
    confirm: bool,
}

/// What became of a change.
#[derive(Serialize, ToSchema)]
pub struct ChangeOut {
    /// Whether it was made.
    changed: bool,
    /// How many parts of visits it breaks.
    breaks_count: usize,
    /// The first of them in the order of their times, 100 at most: they stay, and somebody has to move them or call
    /// them off. The others are in the list of the master's bookings.
    breaks_visits: Vec<BrokenVisitOut>,
}

/// Working time, or a break, within a day on the salon's wall clock.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalBody {
    /// When it begins.
    #[schema(example = "09:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    start: String,
    /// When it ends; `24:00` is midnight.
    #[schema(example = "13:00", pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    end: String,
}

/// The same on a weekday.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeeklyIntervalBody {
    /// From Monday, 1, to Sunday, 7.
    #[schema(example = 1, minimum = 1, maximum = 7)]
    weekday: i8,
    /// When it begins.
    #[schema(example = "09:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    start: String,
    /// When it ends; `24:00` is midnight.
    #[schema(example = "13:00", pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    end: String,
}

/// The hours of all weekdays, or the breaks, in the place of all before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeekIn {
    /// Several on one day do not overlap; a weekday without any is free.
    intervals: Vec<WeeklyIntervalBody>,
}

/// Days that repeat one after the other: four of which two have hours are "two on, two off", fourteen of which one has
/// hours are "every second Saturday".
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftPatternBody {
    /// The first day of the first cycle; before it the weekly hours count.
    #[schema(example = "2024-01-15", format = Date)]
    anchor: String,
    /// The hours of each day of the cycle, 1 to 56; an empty one is free.
    days: Vec<Vec<IntervalBody>>,
}

/// The hours of one date.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DayIn {
    /// None is a day off.
    intervals: Vec<IntervalBody>,
}

/// The hours of one date.
#[derive(Serialize, ToSchema)]
pub struct DateHoursOut {
    /// The date.
    #[schema(example = "2024-01-15")]
    date: String,
    /// None is a day off.
    intervals: Vec<IntervalBody>,
}

/// A master's schedule as it was set; time off is apart.
#[derive(Serialize, ToSchema)]
pub struct ScheduleOut {
    /// The IANA zone of the wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// The weekly hours.
    weekly: Vec<WeeklyIntervalBody>,
    /// What stands in their place from its anchor on.
    pattern: Option<ShiftPatternBody>,
    /// What is taken out of both.
    breaks: Vec<WeeklyIntervalBody>,
    /// The dates with hours of their own, which say all about them.
    dates: Vec<DateHoursOut>,
}

/// Which dates to lay out.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DaysQuery {
    /// The first date.
    #[param(example = "2024-01-15", format = Date)]
    from: String,
    /// The last date, 62 days at most; absent: the first.
    #[param(format = Date)]
    to: Option<String>,
}

/// When masters work, as it comes out of their schedules, time off and holidays.
#[derive(Serialize, ToSchema)]
pub struct WorkingDaysOut {
    /// The IANA zone of the wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// The masters who can be booked, in their order.
    masters: Vec<MasterDaysOut>,
}

/// When one master works.
#[derive(Serialize, ToSchema)]
pub struct MasterDaysOut {
    /// The master.
    master_id: i64,
    /// Each date.
    days: Vec<DateHoursOut>,
}

/// Shows a master's schedule as it was set.
#[utoipa::path(
    get, path = "/api/v1/masters/{master_id}/schedule", tag = "schedule", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master")),
    responses(
        (status = 200, body = ScheduleOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_schedule(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Path(id): Path<String>,
) -> Result<axum::Json<ScheduleOut>, ApiError> {
    let found = schedule::find(&mut platform.db.read().await?, tenant.business.id, master_id(&id)?).await?;
    let found = found.ok_or(ApiError::new(ProblemKind::MasterNotFound))?;
    Ok(axum::Json(ScheduleOut::new(&found, &tenant)))
}

/// Lists when all masters work, on up to 62 dates.
///
/// A date's own hours come before the shift pattern, that before the weekly hours; breaks are taken out of the latter
/// two, and time off and holidays out of all.
#[utoipa::path(
    get, path = "/api/v1/schedule/days", tag = "schedule", params(DaysQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = WorkingDaysOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_working_days(
    State(platform): State<Platform>,
    tenant: Tenant<CatalogueRead>,
    Query(query): Query<DaysQuery>,
) -> Result<axum::Json<WorkingDaysOut>, ApiError> {
    let from = input::date("from", &query.from)?;
    let to = query.to.as_deref().map_or(Ok(from), |to| input::date("to", to))?;
    let masters = schedule::hours_of_all(&mut platform.db.read().await?, tenant.business.id, from, to).await;
    let masters = masters.map_err(|error| errors::catalogue::schedule(error, &tenant))?;
    let masters = masters
        .into_iter()
        .map(|(id, days)| MasterDaysOut { master_id: id.get(), days: days.iter().map(DateHoursOut::new).collect() });
    let time_zone = tenant.business.zone.name().to_owned();
    Ok(axum::Json(WorkingDaysOut { time_zone, masters: masters.collect() }))
}

/// Sets a master's weekly hours.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}/schedule/weekly", tag = "schedule", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery), request_body = WeekIn,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set_weekly_hours(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<WeekIn>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let hours = form.read()?;
    change(&platform, &manager, &id, &ScheduleChange::Weekly(&hours), query).await
}

/// Sets a master's shift pattern: days that repeat, in the place of the weekly hours.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}/schedule/pattern", tag = "schedule", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery), request_body = ShiftPatternBody,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set_shift_pattern(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<ShiftPatternBody>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let days = form.days.iter().map(|day| intervals("days", day)).collect::<Result<Vec<_>, _>>()?;
    let pattern = ShiftPattern { anchor: input::date("anchor", &form.anchor)?, days };
    change(&platform, &manager, &id, &ScheduleChange::Pattern(Some(&pattern)), query).await
}

/// Removes a master's shift pattern: the weekly hours count again.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    delete, path = "/api/v1/masters/{master_id}/schedule/pattern", tag = "schedule", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery),
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove_shift_pattern(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    change(&platform, &manager, &id, &ScheduleChange::Pattern(None), query).await
}

/// Sets a master's breaks, which are taken out of the weekly hours and of the shift pattern.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}/schedule/breaks", tag = "schedule", security(("bearer" = [])),
    params(("master_id" = i64, Path, description = "The master"), ChangeQuery), request_body = WeekIn,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set_breaks(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path(id): Path<String>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<WeekIn>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let breaks = form.read()?;
    change(&platform, &manager, &id, &ScheduleChange::Breaks(&breaks), query).await
}

/// Sets a master's hours on one date, which say all about it; none is a day off.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    put, path = "/api/v1/masters/{master_id}/schedule/dates/{date}", tag = "schedule", security(("bearer" = [])),
    params(
        ("master_id" = i64, Path, description = "The master"),
        ("date" = String, Path, description = "The date", example = "2024-01-15", format = Date), ChangeQuery,
    ),
    request_body = DayIn,
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set_hours_of_date(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path((id, date)): Path<(String, String)>,
    Query(query): Query<ChangeQuery>,
    Json(form): Json<DayIn>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let day = DayHours::new(input::date("date", &date)?, intervals("intervals", &form.intervals)?)?;
    change(&platform, &manager, &id, &ScheduleChange::Date(&day), query).await
}

/// Gives a date back to the shift pattern or the weekly hours.
///
/// If that breaks visits, it answers 409 `breaks-visits` with a list of them, unless it is confirmed.
#[utoipa::path(
    delete, path = "/api/v1/masters/{master_id}/schedule/dates/{date}", tag = "schedule", security(("bearer" = [])),
    params(
        ("master_id" = i64, Path, description = "The master"),
        ("date" = String, Path, description = "The date", example = "2024-01-15", format = Date), ChangeQuery,
    ),
    responses(
        (status = 200, body = ChangeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn clear_hours_of_date(
    State(platform): State<Platform>,
    manager: Manager<CatalogueWrite>,
    Path((id, date)): Path<(String, String)>,
    Query(query): Query<ChangeQuery>,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let date = input::date("date", &date)?;
    change(&platform, &manager, &id, &ScheduleChange::ClearDate(date), query).await
}

async fn change(
    platform: &Platform,
    staff: &Staff,
    id: &str,
    change: &ScheduleChange<'_>,
    query: ChangeQuery,
) -> Result<axum::Json<ChangeOut>, ApiError> {
    let outcome = schedule::change(platform, staff, master_id(id)?, change, query.intent()).await;
    let outcome = outcome.map_err(|error| errors::catalogue::schedule(error, staff))?;
    Ok(axum::Json(ChangeOut::new(&outcome, staff)))
}

impl ChangeQuery {
    /// A dry run comes before a confirmation.
    pub(super) const fn intent(self) -> Intent {
        match (self.dry_run, self.confirm) {
            (true, _) => Intent::DryRun,
            (false, true) => Intent::Confirmed,
            (false, false) => Intent::Ask,
        }
    }
}

impl ChangeOut {
    pub(super) fn new(outcome: &Outcome, staff: &Staff) -> Self {
        Self {
            changed: outcome.changed,
            breaks_count: outcome.broken.count,
            breaks_visits: BrokenVisitOut::first(&outcome.broken, staff),
        }
    }
}

fn interval(field: &'static str, start: &str, end: &str) -> Result<Interval, ApiError> {
    let read = input::minute(start).zip(input::minute(end)).and_then(|(start, end)| Interval::new(start, end).ok());
    read.ok_or_else(|| ApiError::field(field, "interval-invalid", Vec::new()))
}

fn intervals(field: &'static str, bodies: &[IntervalBody]) -> Result<Vec<Interval>, ApiError> {
    bodies.iter().map(|body| interval(field, &body.start, &body.end)).collect()
}

impl WeekIn {
    fn read(&self) -> Result<Vec<WeeklyInterval>, ApiError> {
        let read = |body: &WeeklyIntervalBody| {
            let range = || vec![("min", "1".to_owned()), ("max", "7".to_owned())];
            let weekday = Weekday::from_monday_one_offset(body.weekday);
            let weekday = weekday.map_err(|_| ApiError::field("weekday", "number-out-of-range", range()))?;
            Ok(WeeklyInterval { weekday, interval: interval("intervals", &body.start, &body.end)? })
        };
        self.intervals.iter().map(read).collect()
    }
}

impl IntervalBody {
    fn all(intervals: &[Interval]) -> Vec<Self> {
        let body =
            |hours: &Interval| Self { start: input::minute_text(hours.start()), end: input::minute_text(hours.end()) };
        intervals.iter().map(body).collect()
    }
}

impl WeeklyIntervalBody {
    fn all(intervals: &[WeeklyInterval]) -> Vec<Self> {
        let body = |hours: &WeeklyInterval| Self {
            weekday: hours.weekday.to_monday_one_offset(),
            start: input::minute_text(hours.interval.start()),
            end: input::minute_text(hours.interval.end()),
        };
        intervals.iter().map(body).collect()
    }
}

impl DateHoursOut {
    fn new(day: &DayHours) -> Self {
        Self { date: day.date().to_string(), intervals: IntervalBody::all(day.intervals()) }
    }
}

impl ScheduleOut {
    fn new(schedule: &Schedule, staff: &Staff) -> Self {
        let pattern = schedule.pattern.as_ref().map(|pattern| ShiftPatternBody {
            anchor: pattern.anchor.to_string(),
            days: pattern.days.iter().map(|day| IntervalBody::all(day)).collect(),
        });
        Self {
            time_zone: staff.business.zone.name().to_owned(),
            weekly: WeeklyIntervalBody::all(&schedule.weekly),
            pattern,
            breaks: WeeklyIntervalBody::all(&schedule.breaks),
            dates: schedule.dates.iter().map(DateHoursOut::new).collect(),
        }
    }
}
