//! When a visit can begin: a pure function from working hours and busy ranges to start times.
//!
//! The rules, for one master:
//! - the master works at every instant at which the clock on the wall shows a working minute of its date;
//! - a visit needs work from its start to its end without a break, also over midnight;
//! - with its buffers it may touch nothing busy; buffers may lie outside the working hours;
//! - start times lie on a grid that begins anew with each working interval; one that the clocks show twice is offered
//!   the first time, and one they jump over not at all;
//! - a salon that wants no gaps ([`Mode::NoGap`]) offers also the times at which a visit touches its neighbour: a
//!   visit, a break, the opening or the closing; and of all times only those that touch one, or leave on both sides at
//!   least the time of the master's shortest service. So no visit leaves a gap that nothing fits in, unless every one
//!   would. A gap is counted without the visit's buffers.
//!
//! What the rules say of a visit of several parts, each in its own master's day, is told in [`slots`](crate::slots).

use jiff::civil::{Date, DateTime, Time};

use crate::clock::Timestamp;
use crate::zone::Zone;

/// Minutes in a day on the wall clock.
pub const MINUTES_A_DAY: u16 = 1_440;

/// The farthest that a clock on a wall has ever been from UTC, in seconds, and some more.
const MOST_OFFSET: i64 = 26 * 3_600;

/// Working time on one day, in minutes from midnight on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    start: u16,
    end: u16,
}

/// Working intervals that make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// It does not end after its start and by midnight.
    #[error("working hours end after they start, by midnight at the latest")]
    Order,
    /// Two of one day overlap.
    #[error("two intervals of one day overlap")]
    Overlap,
}

impl Interval {
    /// From minute `start` up to, not including, minute `end`.
    ///
    /// # Errors
    ///
    /// [`IntervalError::Order`].
    pub const fn new(start: u16, end: u16) -> Result<Self, IntervalError> {
        if start < end && end <= MINUTES_A_DAY { Ok(Self { start, end }) } else { Err(IntervalError::Order) }
    }

    /// The first minute.
    #[must_use]
    pub const fn start(self) -> u16 {
        self.start
    }

    /// The minute after the last.
    #[must_use]
    pub const fn end(self) -> u16 {
        self.end
    }
}

/// The working hours of one date: none, or several intervals that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayHours {
    date: Date,
    intervals: Vec<Interval>,
}

impl DayHours {
    /// Sorts the intervals of a date.
    ///
    /// # Errors
    ///
    /// [`IntervalError::Overlap`].
    pub fn new(date: Date, mut intervals: Vec<Interval>) -> Result<Self, IntervalError> {
        intervals.sort_unstable();
        if intervals.iter().zip(intervals.iter().skip(1)).any(|(one, next)| next.start < one.end) {
            return Err(IntervalError::Overlap);
        }
        Ok(Self { date, intervals })
    }

    /// The date.
    #[must_use]
    pub const fn date(&self) -> Date {
        self.date
    }

    /// The intervals, in order.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }
}

/// How long a visit takes, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitLength {
    /// What the client sees.
    pub duration: u16,
    /// What the master needs before.
    pub buffer_before: u16,
    /// What the master needs after.
    pub buffer_after: u16,
}

/// A stretch of time that is taken, buffers included. Empty or backward ones take nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Busy {
    /// The first instant.
    pub from: Timestamp,
    /// The instant after the last.
    pub to: Timestamp,
}

/// A start time that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// On the salon's wall clock.
    pub wall: DateTime,
    /// As an instant.
    pub at: Timestamp,
}

/// When [`Calendar::start_times`] may lie.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first date.
    pub from: Date,
    /// The last date.
    pub to: Date,
    /// Not before this instant.
    pub not_before: Timestamp,
    /// Not after this instant.
    pub not_after: Timestamp,
    /// The distance between two times of the grid, in minutes; at least 1.
    pub step_minutes: u16,
    /// Which of the free times are offered.
    pub mode: Mode,
}

/// Which of the free times are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those of the grid.
    Grid,
    /// Those that leave no gap too short for the shortest service.
    NoGap {
        /// How long the master's shortest service takes with its buffers, in minutes.
        shortest: u16,
    },
}

impl Mode {
    const fn offers(self, gaps: Gaps) -> bool {
        match self {
            Self::Grid => true,
            Self::NoGap { shortest } => Side::of(gaps.before, shortest).fills(Side::of(gaps.after, shortest)),
        }
    }
}

/// What is left free on one side of a visit, beyond its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Less than a minute.
    Nothing,
    /// Too little for the master's shortest service.
    Gap,
    /// Enough for it.
    Room,
}

impl Side {
    /// So many seconds, beside a shortest service of so many minutes.
    const fn of(free: i64, shortest: u16) -> Self {
        if free < 60 {
            Self::Nothing
        } else if free < minutes(shortest) {
            Self::Gap
        } else {
            Self::Room
        }
    }

    /// Whether a visit with this side and that other leaves no gap that nothing fits in, or touches what is beside it.
    pub(crate) const fn fills(self, other: Self) -> bool {
        matches!((self, other), (Self::Nothing, _) | (_, Self::Nothing) | (Self::Room, Self::Room))
    }
}

/// What is beside a visit that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Beside {
    pub(crate) before: Side,
    pub(crate) after: Side,
    /// Whether it begins with the work, or its buffer where the visit before ends.
    pub(crate) touches_before: bool,
    /// Whether it ends with the work, or its buffer where the next visit begins.
    pub(crate) touches_after: bool,
}

/// One master's working time and what is taken of it, laid out as instants.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: Zone,
    days: Vec<DayHours>,
    spans: Vec<crate::zone::Span>,
    /// In order, apart from each other.
    work: Vec<Busy>,
    /// In order, apart from each other.
    busy: Vec<Busy>,
}

impl Calendar {
    /// Lays out `days`, which are in order of their dates, one each. For visits that run over midnight they include
    /// the day after the last one that is asked about.
    #[must_use]
    pub fn new(zone: &Zone, days: Vec<DayHours>, busy: Vec<Busy>) -> Self {
        let spans = match (days.first(), days.last()) {
            (Some(first), Some(last)) => {
                let (from, to) = (as_if_utc(first.date, 0), as_if_utc(last.date, MINUTES_A_DAY));
                zone.spans(from.plus(-MOST_OFFSET), to.plus(MOST_OFFSET))
            }
            _ => Vec::new(),
        };
        let mut work = Vec::new();
        for day in &days {
            for interval in &day.intervals {
                let (from, to) = (as_if_utc(day.date, interval.start), as_if_utc(day.date, interval.end));
                work.extend(spans.iter().map(|span| Busy {
                    from: from.plus(-span.offset).max(span.from),
                    to: to.plus(-span.offset).min(span.to),
                }));
            }
        }
        Self { zone: zone.clone(), days, spans, work: union(work), busy: union(busy) }
    }

    /// The free start times for a visit of this length, in order.
    #[must_use]
    pub fn start_times(&self, visit: VisitLength, bounds: Bounds) -> Vec<Slot> {
        let mut slots = self.grid(bounds);
        if let Mode::NoGap { .. } = bounds.mode {
            slots.extend(self.touching(visit).filter_map(|at| self.slot(at, bounds)));
        }
        slots.sort_unstable_by_key(|slot| slot.at);
        slots.dedup_by_key(|slot| slot.at);
        let mut walk = Walk::new(self);
        slots.retain(|slot| walk.gaps(slot.at, visit).is_some_and(|gaps| bounds.mode.offers(gaps)));
        slots
    }

    /// Every time of the grid, free or not.
    pub(crate) fn grid(&self, bounds: Bounds) -> Vec<Slot> {
        let mut slots = Vec::new();
        let step = usize::from(bounds.step_minutes.max(1));
        for day in self.days.iter().filter(|day| (bounds.from..=bounds.to).contains(&day.date)) {
            let midnight = as_if_utc(day.date, 0);
            for interval in &day.intervals {
                for minute in (interval.start..interval.end).step_by(step) {
                    let Some(at) = self.first_instant(midnight.plus(minutes(minute))) else { continue };
                    if bounds.not_before <= at && at <= bounds.not_after {
                        slots.push(Slot { wall: day.date.to_datetime(time(minute)), at });
                    }
                }
            }
        }
        slots
    }

    /// The full minutes at which a visit would touch what is before or after it.
    pub(crate) fn touching(&self, visit: VisitLength) -> impl Iterator<Item = Timestamp> {
        let (before, after) = (minutes(visit.buffer_before), minutes(visit.buffer_after));
        let duration = minutes(visit.duration);
        let down = |at: Timestamp| at.plus(-at.seconds().rem_euclid(60));
        let up = move |at: Timestamp| down(at.plus(59));
        let work = self.work.iter().flat_map(move |work| [up(work.from), down(work.to.plus(-duration))]);
        let busy =
            self.busy.iter().flat_map(move |busy| [up(busy.to.plus(before)), down(busy.from.plus(-after - duration))]);
        work.chain(busy)
    }

    /// An instant as a start time: none out of bounds, and none that the clock on the wall does not show by itself.
    pub(crate) fn slot(&self, at: Timestamp, bounds: Bounds) -> Option<Slot> {
        if at < bounds.not_before || at > bounds.not_after {
            return None;
        }
        let wall = self.zone.wall(at);
        let minute = u16::try_from(wall.hour()).ok()? * 60 + u16::try_from(wall.minute()).ok()?;
        let is_first = wall.second() == 0 && self.first_instant(as_if_utc(wall.date(), minute)) == Some(at);
        ((bounds.from..=bounds.to).contains(&wall.date()) && is_first).then_some(Slot { wall, at })
    }

    /// Whether the master works during the whole of a visit that begins at `at`, buffers not counted.
    #[must_use]
    pub fn is_open(&self, at: Timestamp, visit: VisitLength) -> bool {
        let end = at.plus(minutes(visit.duration));
        let next = self.work.partition_point(|work| work.from <= at);
        next.checked_sub(1).and_then(|last| self.work.get(last)).is_some_and(|work| end <= work.to)
    }

    /// Whether a visit that begins at `at` finds the master working and touches nothing busy with its buffers.
    #[must_use]
    pub fn is_free(&self, at: Timestamp, visit: VisitLength) -> bool {
        let from = at.plus(-minutes(visit.buffer_before));
        let to = at.plus(minutes(visit.duration) + minutes(visit.buffer_after));
        let next = self.busy.partition_point(|busy| busy.to <= from);
        self.is_open(at, visit) && self.busy.get(next).is_none_or(|busy| busy.from >= to)
    }

    /// What a visit that begins at `at` has beside it, with a shortest service of so many minutes; none when it is not
    /// free.
    pub(crate) fn beside(&self, at: Timestamp, visit: VisitLength, shortest: u16) -> Option<Beside> {
        if !self.is_free(at, visit) {
            return None;
        }
        let end = at.plus(minutes(visit.duration));
        let (from, to) = (at.plus(-minutes(visit.buffer_before)), end.plus(minutes(visit.buffer_after)));
        let work = self.work.get(self.work.partition_point(|work| work.from <= at).checked_sub(1)?)?;
        let next = self.busy.partition_point(|busy| busy.to <= from);
        let last_end = next.checked_sub(1).and_then(|last| self.busy.get(last)).map(|busy| busy.to);
        let next_from = self.busy.get(next).map(|busy| busy.from);
        let before = from.since(last_end.map_or(work.from, |end| end.max(work.from))).max(0);
        let after = next_from.map_or(work.to, |from| from.min(work.to)).since(to).max(0);
        let touch = |seconds: i64| (0..60).contains(&seconds);
        Some(Beside {
            before: Side::of(before, shortest),
            after: Side::of(after, shortest),
            touches_before: touch(at.since(work.from)) || last_end.is_some_and(|end| touch(from.since(end))),
            touches_after: touch(work.to.since(end)) || next_from.is_some_and(|from| touch(from.since(to))),
        })
    }

    /// How many minutes between two instants are taken.
    #[must_use]
    pub fn busy_minutes(&self, from: Timestamp, to: Timestamp) -> i64 {
        let first = self.busy.partition_point(|busy| busy.to <= from);
        let busy = self.busy.iter().skip(first).take_while(|busy| busy.from < to);
        busy.map(|busy| busy.to.min(to).since(busy.from.max(from)) / 60).sum()
    }

    /// The zone of the wall clock.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first instant at which the clock on the wall shows what it would show in UTC at `wall`.
    fn first_instant(&self, wall: Timestamp) -> Option<Timestamp> {
        self.spans.iter().find_map(|span| {
            let at = wall.plus(-span.offset);
            (span.from <= at && at < span.to).then_some(at)
        })
    }
}

/// The seconds that the master stays free right before and after a visit, beyond its buffers.
#[derive(Debug, Clone, Copy)]
struct Gaps {
    before: i64,
    after: i64,
}

/// A walk through a calendar for visits of one length, in the order of their times: each step goes on where the last
/// one ended.
struct Walk<'a> {
    /// From the first that has not ended.
    work: &'a [Busy],
    /// From the first that has not ended.
    busy: &'a [Busy],
    /// When the one before ended.
    last_end: Timestamp,
}

impl<'a> Walk<'a> {
    fn new(calendar: &'a Calendar) -> Self {
        Self { work: &calendar.work, busy: &calendar.busy, last_end: Timestamp::from_seconds(i64::MIN) }
    }

    /// What a visit that begins at `at` leaves free around it; none when it cannot be.
    fn gaps(&mut self, at: Timestamp, visit: VisitLength) -> Option<Gaps> {
        let end = at.plus(minutes(visit.duration));
        let (from, to) = (at.plus(-minutes(visit.buffer_before)), end.plus(minutes(visit.buffer_after)));
        while let Some((_, rest)) = self.work.split_first().filter(|(work, _)| work.to <= at) {
            self.work = rest;
        }
        while let Some((busy, rest)) = self.busy.split_first().filter(|(busy, _)| busy.to <= from) {
            (self.last_end, self.busy) = (busy.to, rest);
        }
        let work = self.work.first().filter(|work| work.from <= at && end <= work.to)?;
        let next = self.busy.first().map_or(work.to, |busy| busy.from);
        if self.busy.first().is_some_and(|busy| busy.from < to) {
            return None;
        }
        let before = from.since(work.from.max(self.last_end)).max(0);
        Some(Gaps { before, after: work.to.min(next).since(to).max(0) })
    }
}

/// Puts ranges in order and joins those that touch.
fn union(mut ranges: Vec<Busy>) -> Vec<Busy> {
    ranges.retain(|range| range.from < range.to);
    ranges.sort_unstable();
    let mut joined: Vec<Busy> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

/// The instant of a wall time if the wall were in UTC.
fn as_if_utc(date: Date, minute: u16) -> Timestamp {
    let days = date.since(jiff::civil::date(1970, 1, 1)).map_or(0, |span| span.get_days());
    Timestamp::from_seconds(i64::from(days) * 86_400 + minutes(minute))
}

const fn minutes(minutes: u16) -> i64 {
    minutes as i64 * 60
}

fn time(minute: u16) -> Time {
    let (hour, minute) = (i8::try_from(minute / 60), i8::try_from(minute % 60));
    hour.ok().zip(minute.ok()).and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok()).unwrap_or(Time::MIN)
}

#[cfg(test)]
mod tests;
