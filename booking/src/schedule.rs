//! When masters work: weekly hours, shift patterns, dates that are different, breaks, time off, holidays.
//!
//! What comes before what is told in [`hours`](self::hours()).

mod busy;
mod hours;

pub(crate) use busy::busy_by_master;
pub use busy::{LONGEST_BUSY, busy};
pub(crate) use hours::{Plans, hours_sql, load};

use db::Connection;
use jiff::civil::{Date, Weekday};

use crate::availability::{DayHours, Interval, IntervalError};
use crate::id::{BusinessId, MasterId};
use crate::store::{StoreError, from_store};

/// A master's working time on one weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyInterval {
    /// The weekday.
    pub weekday: Weekday,
    /// The time.
    pub interval: Interval,
}

/// Why a schedule could not be set.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The intervals make no sense.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// The business has no such master.
    #[error("the business has no such master")]
    UnknownMaster,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ScheduleError);

/// Sets a master's weekly hours, in the place of those before.
///
/// # Errors
///
/// [`ScheduleError`].
pub async fn set_weekly(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    hours: &[WeeklyInterval],
) -> Result<(), ScheduleError> {
    for weekday in Weekday::Monday.cycle_forward().take(7) {
        let of_day = hours.iter().filter(|hours| hours.weekday == weekday).map(|hours| hours.interval).collect();
        DayHours::new(Date::MIN, of_day)?;
    }
    db::execute!(
        connection,
        "delete from weekly_hours where business_id = $1 and master_id = $2",
        business_id,
        master_id,
    )?;
    for hours in hours {
        db::execute!(
            connection,
            "insert into weekly_hours (business_id, master_id, weekday, start_minute, end_minute)
             values ($1, $2, $3, $4, $5)",
            business_id,
            master_id,
            i64::from(hours.weekday.to_monday_one_offset()),
            i64::from(hours.interval.start()),
            i64::from(hours.interval.end()),
        )
        .map_err(unknown_master)?;
    }
    Ok(())
}

/// Sets a master's hours on one date, in the place of the weekly ones; no interval is a day off.
///
/// # Errors
///
/// [`ScheduleError`].
pub async fn set_date(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    day: &DayHours,
) -> Result<(), ScheduleError> {
    clear_date(connection, business_id, master_id, day.date()).await?;
    let off = [(None, None)];
    let intervals: Vec<_> =
        day.intervals().iter().map(|i| (Some(i64::from(i.start())), Some(i64::from(i.end())))).collect();
    for (start, end) in if intervals.is_empty() { off.as_slice() } else { intervals.as_slice() } {
        db::execute!(
            connection,
            "insert into schedule_exceptions (business_id, master_id, date, start_minute, end_minute)
             values ($1, $2, $3, $4, $5)",
            business_id,
            master_id,
            day.date().to_string(),
            *start,
            *end,
        )
        .map_err(unknown_master)?;
    }
    Ok(())
}

/// Gives a date back to the weekly hours.
///
/// # Errors
///
/// [`StoreError`].
pub async fn clear_date(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    date: Date,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "delete from schedule_exceptions where business_id = $1 and master_id = $2 and date = $3",
        business_id,
        master_id,
        date.to_string(),
    )?;
    Ok(())
}

fn unknown_master(error: db::Error) -> ScheduleError {
    if error.is_constraint("foreign_key") { ScheduleError::UnknownMaster } else { error.into() }
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
