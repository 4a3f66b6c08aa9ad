//! The rows of schedules.

use db::Connection;
use jiff::civil::Date;

use crate::availability::DayHours;
use crate::id::{BusinessId, MasterId};
use crate::schedule::{ScheduleError, ShiftPattern, WeeklyInterval, check_week};
use crate::store::StoreError;

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
    check_week(hours)?;
    let (clear, write) = (
        "delete from weekly_hours where business_id = $1 and master_id = $2",
        "insert into weekly_hours (business_id, master_id, weekday, start_minute, end_minute)
         values ($1, $2, $3, $4, $5)",
    );
    replace_week(connection, (clear, write), business_id, master_id, hours).await
}

/// Sets a master's breaks, in the place of those before.
pub(super) async fn set_breaks(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    breaks: &[WeeklyInterval],
) -> Result<(), ScheduleError> {
    let (clear, write) = (
        "delete from breaks where business_id = $1 and master_id = $2",
        "insert into breaks (business_id, master_id, weekday, start_minute, end_minute)
         values ($1, $2, $3, $4, $5)",
    );
    replace_week(connection, (clear, write), business_id, master_id, breaks).await
}

/// Writes a master's intervals of the week in the place of those before.
async fn replace_week(
    connection: &mut Connection,
    (clear, write): (&'static str, &'static str),
    business_id: BusinessId,
    master_id: MasterId,
    week: &[WeeklyInterval],
) -> Result<(), ScheduleError> {
    db::execute!(connection, clear, business_id, master_id)?;
    for WeeklyInterval { weekday, interval } in week {
        db::execute!(
            connection,
            write,
            business_id,
            master_id,
            i64::from(weekday.to_monday_one_offset()),
            i64::from(interval.start()),
            i64::from(interval.end()),
        )
        .map_err(unknown_master)?;
    }
    Ok(())
}

/// Sets a master's shift pattern, in the place of the one before, or removes it.
pub(super) async fn set_pattern(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    pattern: Option<&ShiftPattern>,
) -> Result<(), ScheduleError> {
    db::execute!(
        connection,
        "delete from shift_hours where business_id = $1 and master_id = $2",
        business_id,
        master_id,
    )?;
    db::execute!(
        connection,
        "delete from shift_patterns where business_id = $1 and master_id = $2",
        business_id,
        master_id,
    )?;
    let Some(pattern) = pattern else { return Ok(()) };
    db::execute!(
        connection,
        "insert into shift_patterns (master_id, business_id, anchor, cycle_days) values ($1, $2, $3, $4)",
        master_id,
        business_id,
        pattern.anchor.to_string(),
        i64::try_from(pattern.days.len()).unwrap_or(i64::MAX),
    )
    .map_err(unknown_master)?;
    for (day, intervals) in (0_i64..).zip(&pattern.days) {
        for interval in intervals {
            db::execute!(
                connection,
                "insert into shift_hours (business_id, master_id, day, start_minute, end_minute)
                 values ($1, $2, $3, $4, $5)",
                business_id,
                master_id,
                day,
                i64::from(interval.start()),
                i64::from(interval.end()),
            )?;
        }
    }
    Ok(())
}

/// Sets a master's hours on one date, in the place of the regular ones; no interval is a day off.
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

/// Gives a date back to the regular hours.
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
