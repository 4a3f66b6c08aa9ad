//! What rows say about working time, laid out over dates: the pure part, and the one statement that loads it.
//!
//! For each date of a master, the first of these that there is:
//! 1. the hours of that date itself, an exception: they say all about it;
//! 2. from its anchor on, the day of the master's shift pattern;
//! 3. the weekly hours;
//!
//! from 2 and 3 the breaks of the weekday are taken out, and from all of them time off: the master's own, the
//! salon's, and a holiday that the salon decided to close on.

use std::collections::BTreeMap;

use db::Connection;
use jiff::civil::{Date, Weekday};

use crate::availability::{DayHours, Interval, MINUTES_A_DAY};
use crate::id::{BusinessId, MasterId};
use crate::schedule::{Schedule, ShiftPattern, WeeklyInterval};
use crate::store::StoreError;

/// The rows of all that decides when masters work, as one `select`. Parameters by their names: the business, the
/// master or 0 for all, the first and the last date.
macro_rules! hours_sql {
    ($business:literal, $master:literal, $from:literal, $to:literal) => {
        concat!(
            "select id, master_id, 'weekly' as layer, weekday as day, 0 as cycle, cast(null as text) as date,
                 cast(null as text) as until, start_minute, end_minute
             from weekly_hours where business_id = ", $business, " and (", $master, " = 0 or master_id = ", $master, ")
             union all
             select id, master_id, 'date', 0, 0, date, cast(null as text), start_minute, end_minute
             from schedule_exceptions where business_id = ", $business,
            " and (", $master, " = 0 or master_id = ", $master, ") and date between ", $from, " and ", $to, "
             union all
             select p.master_id, p.master_id, 'shift', coalesce(h.day, 0), p.cycle_days, p.anchor, cast(null as text),
                 h.start_minute, h.end_minute
             from shift_patterns p
                 left join shift_hours h on h.business_id = p.business_id and h.master_id = p.master_id
             where p.business_id = ", $business, " and (", $master, " = 0 or p.master_id = ", $master, ")
             union all
             select id, master_id, 'break', weekday, 0, cast(null as text), cast(null as text), start_minute, end_minute
             from breaks where business_id = ", $business, " and (", $master, " = 0 or master_id = ", $master, ")
             union all
             select id, coalesce(master_id, 0), 'off', 0, 0, from_date, to_date, start_minute, end_minute
             from time_off where business_id = ", $business,
            " and (master_id is null or ", $master, " = 0 or master_id = ", $master, ")
                 and to_date >= ", $from, " and from_date <= ", $to, "
             union all
             select 0, 0, 'off', 0, 0, date, date, 0, 1440
             from holidays where business_id = ", $business,
            " and closed = true and date between ", $from, " and ", $to
        )
    };
}
pub(crate) use hours_sql;

/// One row of [`hours_sql!`](hours_sql).
#[derive(Debug, sqlx::FromRow, serde::Deserialize)]
pub(crate) struct HoursRow {
    id: i64,
    /// 0 is the whole salon.
    master_id: i64,
    layer: String,
    day: i64,
    cycle: i64,
    date: Option<String>,
    until: Option<String>,
    start_minute: Option<i64>,
    end_minute: Option<i64>,
}

/// When the masters of a business work.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    masters: BTreeMap<i64, Plan>,
    /// What nobody works at.
    salon_off: Vec<Off>,
}

#[derive(Debug, Default)]
struct Plan {
    /// By weekday, from Monday, 1.
    weekly: BTreeMap<i64, Vec<Interval>>,
    dates: BTreeMap<Date, Vec<Interval>>,
    shift: Option<Shift>,
    breaks: BTreeMap<i64, Vec<Interval>>,
    off: Vec<Off>,
}

#[derive(Debug)]
struct Shift {
    anchor: Date,
    cycle: i64,
    /// By the day of the cycle, from 0.
    days: BTreeMap<i64, Vec<Interval>>,
}

/// From a minute of one date to a minute of another.
#[derive(Debug, Clone, Copy)]
struct Off {
    from: (Date, u16),
    to: (Date, u16),
}

/// Loads what decides when the masters of a business work, or one of them, between two dates.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn load(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: Option<MasterId>,
    from: Date,
    to: Date,
) -> Result<Plans, StoreError> {
    let rows = db::fetch_all!(
        connection,
        HoursRow,
        hours_sql!("$1", "$2", "$3", "$4"),
        business_id,
        master_id.map_or(0, MasterId::get),
        from.to_string(),
        to.to_string(),
    )?;
    Plans::read(&rows)
}

impl Plans {
    /// Sorts rows by their masters and meanings.
    pub(crate) fn read(rows: &[HoursRow]) -> Result<Self, StoreError> {
        let mut plans = Self::default();
        for row in rows {
            if row.layer == "off" {
                let off = row.off()?;
                match row.master_id {
                    0 => plans.salon_off.push(off),
                    id => plans.masters.entry(id).or_default().off.push(off),
                }
            } else {
                plans.masters.entry(row.master_id).or_default().add(row)?;
            }
        }
        Ok(plans)
    }

    /// Reads rows that a statement gave as JSON.
    pub(crate) fn parse(json: Option<&str>, master_id: MasterId) -> Result<Self, StoreError> {
        let broken = |_| StoreError::Row { table: "weekly_hours", id: master_id.get(), rule: "hours are malformed" };
        let rows: Vec<HoursRow> = json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(broken))?;
        Self::read(&rows)
    }

    /// A master's hours on each date from `from` to `to`, in order: none for a master without rows.
    pub(crate) fn days(&self, master_id: MasterId, from: Date, to: Date) -> Result<Vec<DayHours>, StoreError> {
        let nothing = Plan::default();
        let plan = self.masters.get(&master_id.get()).unwrap_or(&nothing);
        from.series(jiff::Span::new().days(1))
            .take_while(|date| *date <= to)
            .map(|date| {
                let mut intervals = plan.hours(date);
                for off in plan.off.iter().chain(&self.salon_off) {
                    off.take_out(date, &mut intervals);
                }
                let broken =
                    |_| StoreError::Row { table: "weekly_hours", id: master_id.get(), rule: "intervals overlap" };
                DayHours::new(date, intervals).map_err(broken)
            })
            .collect()
    }
}

impl Plans {
    /// What was set for a master.
    pub(super) fn schedule(&self, master_id: MasterId) -> Schedule {
        let Some(plan) = self.masters.get(&master_id.get()) else { return Schedule::default() };
        let days = |shift: &Shift| {
            let day = |day: i64| shift.days.get(&day).cloned().unwrap_or_default();
            ShiftPattern { anchor: shift.anchor, days: (0..shift.cycle).map(day).map(sorted).collect() }
        };
        let dates = plan.dates.iter().filter_map(|(date, hours)| DayHours::new(*date, hours.clone()).ok());
        Schedule {
            weekly: week(&plan.weekly),
            pattern: plan.shift.as_ref().map(days),
            breaks: week(&plan.breaks),
            dates: dates.collect(),
        }
    }
}

fn week(hours: &BTreeMap<i64, Vec<Interval>>) -> Vec<WeeklyInterval> {
    let of_day = |(weekday, intervals): (&i64, &Vec<Interval>)| {
        let weekday = i8::try_from(*weekday).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
        sorted(intervals.clone())
            .into_iter()
            .filter_map(move |interval| Some(WeeklyInterval { weekday: weekday?, interval }))
    };
    hours.iter().flat_map(of_day).collect()
}

fn sorted(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    intervals
}

impl Plan {
    fn add(&mut self, row: &HoursRow) -> Result<(), StoreError> {
        let interval = row.interval()?;
        match row.layer.as_str() {
            "weekly" => self.weekly.entry(row.day).or_default().extend(interval),
            "date" => self.dates.entry(row.date(row.date.as_deref())?).or_default().extend(interval),
            "break" => self.breaks.entry(row.day).or_default().extend(interval),
            "shift" => {
                let anchor = row.date(row.date.as_deref())?;
                let new = || Shift { anchor, cycle: row.cycle.max(1), days: BTreeMap::new() };
                self.shift.get_or_insert_with(new).days.entry(row.day).or_default().extend(interval);
            }
            _ => return Err(row.broken("an unknown kind of hours")),
        }
        Ok(())
    }

    fn hours(&self, date: Date) -> Vec<Interval> {
        if let Some(own) = self.dates.get(&date) {
            return own.clone();
        }
        let weekday = i64::from(date.weekday().to_monday_one_offset());
        let regular = match self.shift.as_ref().filter(|shift| shift.anchor <= date) {
            Some(shift) => shift.days.get(&(days_between(shift.anchor, date) % shift.cycle)),
            None => self.weekly.get(&weekday),
        };
        let mut hours = regular.cloned().unwrap_or_default();
        for pause in self.breaks.get(&weekday).into_iter().flatten() {
            take_out(&mut hours, pause.start(), pause.end());
        }
        hours
    }
}

impl Off {
    fn take_out(&self, date: Date, hours: &mut Vec<Interval>) {
        if (self.from.0..=self.to.0).contains(&date) {
            let start = if date == self.from.0 { self.from.1 } else { 0 };
            let end = if date == self.to.0 { self.to.1 } else { MINUTES_A_DAY };
            take_out(hours, start, end);
        }
    }
}

/// Leaves of the hours what lies outside of the minutes from `start` to `end`.
fn take_out(hours: &mut Vec<Interval>, start: u16, end: u16) {
    if start >= end || hours.iter().all(|hours| hours.end() <= start || end <= hours.start()) {
        return;
    }
    let rest = |hours: &Interval| {
        let before = Interval::new(hours.start(), hours.end().min(start));
        let after = Interval::new(hours.start().max(end), hours.end());
        [before, after].into_iter().flatten()
    };
    *hours = hours.iter().flat_map(rest).collect();
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| span.get_days().into())
}

impl HoursRow {
    fn broken(&self, rule: &'static str) -> StoreError {
        let table = match self.layer.as_str() {
            "date" => "schedule_exceptions",
            "shift" => "shift_patterns",
            "break" => "breaks",
            "off" => "time_off",
            _ => "weekly_hours",
        };
        StoreError::Row { table, id: self.id, rule }
    }

    fn date(&self, text: Option<&str>) -> Result<Date, StoreError> {
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.broken("a date is malformed"))
    }

    fn minutes(&self) -> Result<Option<(u16, u16)>, StoreError> {
        let Some((start, end)) = self.start_minute.zip(self.end_minute) else { return Ok(None) };
        let minutes = u16::try_from(start).ok().zip(u16::try_from(end).ok());
        minutes.map(Some).ok_or_else(|| self.broken("an interval is out of range"))
    }

    fn interval(&self) -> Result<Option<Interval>, StoreError> {
        let read = |(start, end)| Interval::new(start, end).map_err(|_| self.broken("an interval is out of range"));
        self.minutes()?.map(read).transpose()
    }

    fn off(&self) -> Result<Off, StoreError> {
        let (start, end) = self.minutes()?.ok_or_else(|| self.broken("an interval is missing"))?;
        let (from, to) = (self.date(self.date.as_deref())?, self.date(self.until.as_deref())?);
        Ok(Off { from: (from, start), to: (to, end) })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn row(layer: &str, day: i64, dates: (Option<&str>, Option<&str>), minutes: Option<(i64, i64)>) -> HoursRow {
        HoursRow {
            id: 1,
            master_id: 1,
            layer: layer.to_owned(),
            day,
            cycle: 0,
            date: dates.0.map(str::to_owned),
            until: dates.1.map(str::to_owned),
            start_minute: minutes.map(|minutes| minutes.0),
            end_minute: minutes.map(|minutes| minutes.1),
        }
    }

    fn shift(cycle: i64, day: i64, minutes: Option<(i64, i64)>) -> HoursRow {
        HoursRow { cycle, ..row("shift", day, (Some("2026-01-14"), None), minutes) }
    }

    fn laid_out(rows: &[HoursRow], from: Date, to: Date) -> Vec<Vec<(u16, u16)>> {
        let days = Plans::read(rows).unwrap().days(MasterId::new(1), from, to).unwrap();
        days.iter().map(|day| day.intervals().iter().map(|hours| (hours.start(), hours.end())).collect()).collect()
    }

    #[test]
    fn time_off_comes_before_a_date_before_a_pattern_before_the_week() {
        let day = date(2026, 1, 14);
        let hours = |rows: &[HoursRow]| laid_out(rows, day, day).remove(0);
        let mut rows = vec![row("weekly", 3, (None, None), Some((540, 1_080)))];
        rows.push(row("break", 3, (None, None), Some((720, 780))));
        assert_eq!(hours(&rows), [(540, 720), (780, 1_080)]);
        rows.push(shift(1, 0, Some((600, 840))));
        assert_eq!(hours(&rows), [(600, 720), (780, 840)], "the break is taken out of the pattern too");
        rows.push(row("date", 0, (Some("2026-01-14"), None), Some((660, 800))));
        assert_eq!(hours(&rows), [(660, 800)], "a date says all about itself");
        rows.push(HoursRow {
            master_id: 0,
            ..row("off", 0, (Some("2026-01-14"), Some("2026-01-14")), Some((0, 1_440)))
        });
        assert_eq!(hours(&rows), []);
    }

    #[test]
    fn two_days_on_and_two_off_repeat_from_the_anchor() {
        let rows = [
            shift(4, 0, Some((540, 1_200))),
            shift(4, 1, Some((540, 1_200))),
            row("weekly", 2, (None, None), Some((1, 2))),
        ];
        let worked: Vec<bool> =
            laid_out(&rows, date(2026, 1, 13), date(2026, 1, 22)).iter().map(|day| !day.is_empty()).collect();
        // The week counts until the anchor, a Wednesday; the Tuesdays after it are the pattern's.
        assert_eq!(worked, [true, true, true, false, false, true, true, false, false, true]);
    }

    #[test]
    fn every_second_saturday_is_a_cycle_of_fourteen_days() {
        // The anchor is a Wednesday: its first Saturday is day 3.
        let rows = [shift(14, 3, Some((600, 900)))];
        let worked: Vec<Date> = Plans::read(&rows)
            .unwrap()
            .days(MasterId::new(1), date(2026, 1, 14), date(2026, 2, 20))
            .unwrap()
            .iter()
            .filter(|day| !day.intervals().is_empty())
            .map(DayHours::date)
            .collect();
        assert_eq!(worked, [date(2026, 1, 17), date(2026, 1, 31), date(2026, 2, 14)]);
    }

    #[test]
    fn a_pattern_without_hours_is_a_rest() {
        let rows = [row("weekly", 3, (None, None), Some((540, 600))), shift(7, 0, None)];
        assert_eq!(laid_out(&rows, date(2026, 1, 14), date(2026, 1, 14)), [vec![]]);
    }

    #[test]
    fn time_off_may_begin_and_end_within_a_day() {
        let mut rows: Vec<_> = (1..=7).map(|day| row("weekly", day, (None, None), Some((540, 1_080)))).collect();
        rows.push(row("off", 0, (Some("2026-01-14"), Some("2026-01-16")), Some((720, 600))));
        let days = laid_out(&rows, date(2026, 1, 14), date(2026, 1, 17));
        assert_eq!(days, [vec![(540, 720)], vec![], vec![(600, 1_080)], vec![(540, 1_080)]]);
        rows.push(row("off", 0, (Some("2026-01-17"), Some("2026-01-17")), Some((600, 660))));
        assert_eq!(laid_out(&rows, date(2026, 1, 17), date(2026, 1, 17)), [vec![(540, 600), (660, 1_080)]]);
    }
}
