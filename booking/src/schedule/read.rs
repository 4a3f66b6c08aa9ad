//! What a schedule says, as it was set and as it comes out.

use db::Connection;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use crate::availability::DayHours;
use crate::id::{BusinessId, MasterId};
use crate::schedule::{ScheduleError, ShiftPattern, WeeklyInterval, audited_interval, load};
use crate::slots::MOST_DAYS;
use crate::store::StoreError;

/// A master's schedule as it was set; time off is apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The weekly hours.
    pub weekly: Vec<WeeklyInterval>,
    /// What stands in their place, from its first day on.
    pub pattern: Option<ShiftPattern>,
    /// What is taken out of both.
    pub breaks: Vec<WeeklyInterval>,
    /// The dates with hours of their own, in order; past ones too.
    pub dates: Vec<DayHours>,
}

/// A master's hours on each date from `from` to `to`, in order. None for a master of another business.
///
/// A date has its own hours, if it was given some; else those of its day in the shift pattern, from the pattern's first
/// day on; else those of its weekday; breaks are taken out of the latter two. Time off of the master or of the salon
/// comes before all of them, and so does a holiday on which the salon closes.
///
/// # Errors
///
/// [`StoreError`].
pub async fn hours(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    from: Date,
    to: Date,
) -> Result<Vec<DayHours>, StoreError> {
    load(connection, business_id, Some(master_id), from, to).await?.days(master_id, from, to)
}

/// The hours of all masters who can be booked, in their order, on each date from `from` to `to`.
///
/// # Errors
///
/// [`ScheduleError::Dates`], [`ScheduleError::Store`].
pub async fn hours_of_all(
    connection: &mut Connection,
    business_id: BusinessId,
    from: Date,
    to: Date,
) -> Result<Vec<(MasterId, Vec<DayHours>)>, ScheduleError> {
    if from > to || from.until(to).map_or(true, |span| span.get_days() >= MOST_DAYS) {
        return Err(ScheduleError::Dates);
    }
    let masters = crate::master::active_ids(connection, business_id).await?;
    let plans = load(connection, business_id, None, from, to).await?;
    masters.into_iter().map(|id| Ok((id, plans.days(id, from, to)?))).collect()
}

/// A master's schedule as it was set; `None` when the business has no such master.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
) -> Result<Option<Schedule>, StoreError> {
    if !crate::master::exists(connection, business_id, master_id).await? {
        return Ok(None);
    }
    find_any(connection, business_id, master_id).await.map(Some)
}

/// The same of a master who is there.
pub(super) async fn find_any(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
) -> Result<Schedule, StoreError> {
    // From the first to the last date that there can be; neither end is laid out.
    let plans =
        load(connection, business_id, Some(master_id), Date::new(1, 1, 1).unwrap_or(Date::MIN), Date::MAX).await?;
    Ok(plans.schedule(master_id))
}

impl Schedule {
    pub(super) fn audited(&self) -> Value {
        let week = |hours: &[WeeklyInterval]| -> Value {
            let of_day = |weekday: Weekday| {
                let of_day = hours.iter().filter(|hours| hours.weekday == weekday);
                of_day.map(|hours| audited_interval(hours.interval)).collect::<Vec<_>>()
            };
            Weekday::Monday.cycle_forward().take(7).map(of_day).collect()
        };
        let pattern = self.pattern.as_ref().map(|pattern| {
            let days = pattern.days.iter().map(|day| day.iter().map(|i| audited_interval(*i)).collect::<Vec<_>>());
            json!({ "anchor": pattern.anchor.to_string(), "days": days.collect::<Vec<_>>() })
        });
        let mut fields = serde_json::Map::from_iter([
            ("weekly".to_owned(), week(&self.weekly)),
            ("pattern".to_owned(), json!(pattern)),
            ("breaks".to_owned(), week(&self.breaks)),
        ]);
        // Each date by itself, so that only those that changed are kept.
        fields.extend(
            self.dates
                .iter()
                .map(|day| (day.date().to_string(), day.intervals().iter().map(|i| audited_interval(*i)).collect())),
        );
        Value::Object(fields)
    }
}
