//! When masters work: weekly hours, shift patterns, dates that are different, breaks, time off, holidays.
//!
//! What comes before what is told in [`hours`](self::hours()). Each change is tried first ([`Intent`]): one that breaks
//! visits is refused with a list of them until somebody confirms it.

mod attempt;
mod busy;
mod hours;
mod read;
mod store;
mod time_off;

pub(crate) use attempt::{Attempt, Scope};
pub use attempt::{AttemptError, Broken, BrokenVisit, Intent, MOST_BROKEN, Outcome};
pub(crate) use busy::busy_by_master;
pub use busy::{LONGEST_BUSY, busy};
pub(crate) use hours::{Plans, hours_sql, load};
pub use read::{Schedule, find, hours, hours_of_all};
pub use store::{clear_date, set_date, set_weekly};
pub use time_off::{NewTimeOff, TimeOff, TimeOffKind, add_time_off, remove_time_off, time_off};

use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::availability::{DayHours, Interval, IntervalError};
use crate::catalogue::{OutOfRange, differences, within};
use crate::id::MasterId;
use crate::master;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

/// The longest cycle of a shift pattern, in days: eight weeks.
pub const LONGEST_CYCLE: u16 = 56;
/// The most intervals of one day.
pub const MOST_INTERVALS: usize = 12;

/// A master's working time, or a break, on one weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyInterval {
    /// The weekday.
    pub weekday: Weekday,
    /// The time.
    pub interval: Interval,
}

/// Days that repeat one after the other, from a first one on: "two on, two off", "every second Saturday".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftPattern {
    /// The first day of the first cycle; before it the weekly hours count.
    pub anchor: Date,
    /// The hours of each day of the cycle, from the anchor's; 1 to [`LONGEST_CYCLE`] days.
    pub days: Vec<Vec<Interval>>,
}

/// A change of one master's schedule.
#[derive(Debug, Clone)]
pub enum ScheduleChange<'a> {
    /// Other weekly hours.
    Weekly(&'a [WeeklyInterval]),
    /// Another shift pattern, or none any more.
    Pattern(Option<&'a ShiftPattern>),
    /// Other breaks.
    Breaks(&'a [WeeklyInterval]),
    /// Hours of its own for a date; no interval is a day off.
    Date(&'a DayHours),
    /// No hours of its own for a date any more.
    ClearDate(Date),
}

/// Why a schedule could not be set. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The intervals make no sense.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// A number is out of its range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
    /// The business has no such master.
    #[error("the business has no such master")]
    UnknownMaster,
    /// The business has no such time off.
    #[error("the business has no such time off")]
    UnknownTimeOff,
    /// The dates are in the wrong order, or there are more than [`MOST_DAYS`](crate::slots::MOST_DAYS).
    #[error("the dates are in the wrong order, or too many")]
    Dates,
    /// Time off ends before it begins, or takes longer than two years.
    #[error("time off ends after it begins, within two years")]
    TimeOffRange,
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.count)]
    Breaks(Broken),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ScheduleError);

impl From<AttemptError> for ScheduleError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Breaks(visits) => Self::Breaks(visits),
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

/// Changes the schedule of a master, unless that breaks visits and `intent` is to ask first.
///
/// # Errors
///
/// [`ScheduleError`].
pub async fn change(
    platform: &Platform,
    staff: &Staff,
    master_id: MasterId,
    change: &ScheduleChange<'_>,
    intent: Intent,
) -> Result<Outcome, ScheduleError> {
    change.check()?;
    let business_id = staff.business.id;
    let mut attempt = Attempt::begin(platform, staff, Scope::Master(master_id)).await?;
    let tx = &mut attempt.tx;
    if !master::exists(tx, business_id, master_id).await? {
        return Err(ScheduleError::UnknownMaster);
    }
    let before = read::find_any(tx, business_id, master_id).await?.audited();
    match change {
        ScheduleChange::Weekly(hours) => set_weekly(tx, business_id, master_id, hours).await?,
        ScheduleChange::Pattern(pattern) => store::set_pattern(tx, business_id, master_id, *pattern).await?,
        ScheduleChange::Breaks(breaks) => store::set_breaks(tx, business_id, master_id, breaks).await?,
        ScheduleChange::Date(day) => set_date(tx, business_id, master_id, day).await?,
        ScheduleChange::ClearDate(date) => clear_date(tx, business_id, master_id, *date).await?,
    }
    let after = read::find_any(tx, business_id, master_id).await?.audited();
    if let Some((old, new)) = differences(&before, &after) {
        let entry =
            Change { entity: "schedule", entity_id: master_id.get(), action: "update", old: Some(old), new: Some(new) };
        audit::record(tx, Some(business_id), &staff.access.origin, &entry, attempt.now).await?;
    }
    Ok(attempt.finish(intent).await?)
}

impl ScheduleChange<'_> {
    fn check(&self) -> Result<(), ScheduleError> {
        match self {
            Self::Weekly(hours) | Self::Breaks(hours) => check_week(hours),
            Self::Pattern(None) | Self::ClearDate(_) => Ok(()),
            Self::Pattern(Some(pattern)) => {
                let days = i64::try_from(pattern.days.len()).unwrap_or(i64::MAX);
                within("days", Some(days), 1, LONGEST_CYCLE.into())?;
                pattern.days.iter().try_for_each(|day| check_day(day.clone()))
            }
            Self::Date(day) => check_day(day.intervals().to_vec()),
        }
    }
}

/// Checks the intervals of each weekday.
pub(crate) fn check_week(hours: &[WeeklyInterval]) -> Result<(), ScheduleError> {
    Weekday::Monday.cycle_forward().take(7).try_for_each(|weekday| {
        check_day(hours.iter().filter(|hours| hours.weekday == weekday).map(|hours| hours.interval).collect())
    })
}

fn check_day(intervals: Vec<Interval>) -> Result<(), ScheduleError> {
    let most = i64::try_from(MOST_INTERVALS).unwrap_or(i64::MAX);
    within("intervals", i64::try_from(intervals.len()).ok(), 0, most)?;
    DayHours::new(Date::MIN, intervals)?;
    Ok(())
}

/// An interval as the audit log has it.
fn audited_interval(interval: Interval) -> Value {
    json!([interval.start(), interval.end()])
}
