//! When masters work: weekly hours, and dates that are different.

use std::collections::BTreeMap;

use db::Connection;
use jiff::civil::{Date, Weekday};

use crate::availability::{Busy, DayHours, Interval, IntervalError};
use crate::clock::Timestamp;
use crate::id::{BusinessId, MasterId};
use crate::store::{StoreError, from_store};

/// The longest time that one segment of a visit may take, buffers included, in seconds: the schema's rule
/// `booking_segments_interval`, which lets a search for what is busy begin this long before its range.
pub const LONGEST_BUSY: i64 = 86_400;

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
    let rows = db::fetch_all!(
        connection,
        HoursRow,
        "select id, weekday, null as date, start_minute, end_minute
         from weekly_hours where business_id = $1 and master_id = $2
         union all
         select id, 0 as weekday, date, start_minute, end_minute
         from schedule_exceptions where business_id = $1 and master_id = $2 and date between $3 and $4",
        business_id,
        master_id,
        from.to_string(),
        to.to_string(),
    )?;
    lay_out(&rows, master_id, from, to)
}

/// Reads the rows of [`hours`] from JSON.
///
/// # Errors
///
/// [`StoreError::Row`].
pub(crate) fn parse_hours(json: Option<&str>, master_id: MasterId) -> Result<Vec<HoursRow>, StoreError> {
    let broken = |_| StoreError::Row { table: "weekly_hours", id: master_id.get(), rule: "hours are malformed" };
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(broken))
}

/// The hours of each date from `from` to `to`, in order: the date's own, or its weekday's.
///
/// # Errors
///
/// [`StoreError::Row`].
pub(crate) fn lay_out(
    rows: &[HoursRow],
    master_id: MasterId,
    from: Date,
    to: Date,
) -> Result<Vec<DayHours>, StoreError> {
    let (mut weekly, mut dated) = (BTreeMap::<i64, Vec<Interval>>::new(), BTreeMap::<&str, Vec<Interval>>::new());
    for row in rows {
        let interval = row.interval()?;
        match row.date.as_deref() {
            Some(date) => dated.entry(date).or_default().extend(interval),
            None => weekly.entry(row.weekday).or_default().extend(interval),
        }
    }
    from.series(jiff::Span::new().days(1))
        .take_while(|date| *date <= to)
        .map(|date| {
            let weekday = i64::from(date.weekday().to_monday_one_offset());
            let intervals = dated.get(date.to_string().as_str()).or_else(|| weekly.get(&weekday)).cloned();
            let broken = |_| StoreError::Row { table: "weekly_hours", id: master_id.get(), rule: "intervals overlap" };
            DayHours::new(date, intervals.unwrap_or_default()).map_err(broken)
        })
        .collect()
}

/// What is taken of a master's time between two instants, by visits of any kind, in order of the beginnings.
///
/// # Errors
///
/// [`StoreError`].
pub async fn busy(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Busy>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (Timestamp, Timestamp),
        "select busy_from, busy_to from booking_segments
         where master_id = $2 and business_id = $1 and live = true
             and busy_from < $4 and busy_from > $5 and busy_to > $3
         order by busy_from",
        business_id,
        master_id,
        from,
        to,
        from.plus(-LONGEST_BUSY),
    )?;
    Ok(rows.into_iter().map(|(from, to)| Busy { from, to }).collect())
}

/// A working interval of a weekday or a date, as the statements give it.
#[derive(sqlx::FromRow, serde::Deserialize)]
pub(crate) struct HoursRow {
    id: i64,
    weekday: i64,
    date: Option<String>,
    start_minute: Option<i64>,
    end_minute: Option<i64>,
}

impl HoursRow {
    fn interval(&self) -> Result<Option<Interval>, StoreError> {
        let table = if self.date.is_some() { "schedule_exceptions" } else { "weekly_hours" };
        let broken = StoreError::Row { table, id: self.id, rule: "an interval is out of range" };
        let Some((start, end)) = self.start_minute.zip(self.end_minute) else { return Ok(None) };
        let (Ok(start), Ok(end)) = (u16::try_from(start), u16::try_from(end)) else { return Err(broken) };
        Interval::new(start, end).map(Some).map_err(|_| broken)
    }
}
