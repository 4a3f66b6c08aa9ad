//! Time zones: from the clock on the wall to an instant and back.
//!
//! A visit is promised by the clock on the wall, so a wall time that does not exist is an error, and one that happens
//! twice means the first.

use std::fmt;
use std::str::FromStr;

use db::Connection;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::clock::Timestamp;

/// An IANA time zone, such as `Asia/Almaty`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// No such zone is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time zone has this name")]
pub struct UnknownZone;

/// The clocks jump over the wall time, or it lies beyond the years that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this time does not exist on the clocks of the place")]
pub struct NonExistentTime;

/// What the zone data must know. Source: the decree of 2024-01-19 that put all of Kazakhstan on UTC+5 from 2024-03-01.
const KNOWN_FACTS: [(&str, i64, i64); 2] = [
    // 2024-02-15 12:00 UTC, 2024-03-15 12:00 UTC
    ("Asia/Almaty", 1_707_998_400, 6),
    ("Asia/Almaty", 1_710_504_000, 5),
];

/// The zone data of the database is too old to tell the time in Kazakhstan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the time zone data of PostgreSQL is out of date: install a tzdata of 2024 or later on its machine and restart it"
)]
pub struct StaleDatabaseZoneData;

/// Checks that the database knows what changed last. SQLite has no zone data of its own.
///
/// # Errors
///
/// The database's, also when it does not know the zone at all.
pub(crate) async fn database_self_test(
    connection: &mut Connection,
) -> Result<Result<(), StaleDatabaseZoneData>, db::Error> {
    for (name, seconds, hours) in KNOWN_FACTS {
        let (offset,) = db::fetch_one!(
            connection,
            (i64,),
            sqlite: "select cast($3 as integer) where $1 <> '' and $2 > 0",
            postgres: "select extract(epoch from
                 (to_timestamp($2::bigint) at time zone $1) - (to_timestamp($2::bigint) at time zone 'UTC'))::bigint
                 where $3::bigint is not null",
            name,
            seconds,
            hours * 3_600,
        )?;
        if offset != hours * 3_600 {
            return Ok(Err(StaleDatabaseZoneData));
        }
    }
    Ok(Ok(()))
}

/// The zone data of this machine is missing or too old to tell the time in Kazakhstan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time zone data is out of date: install a tzdata of 2024 or later")]
pub struct StaleZoneData;

/// Checks that the zone data knows what changed last; programs refuse to start without.
///
/// # Errors
///
/// [`StaleZoneData`].
pub fn self_test() -> Result<(), StaleZoneData> {
    for (name, seconds, hours) in KNOWN_FACTS {
        let zone: Zone = name.parse().map_err(|UnknownZone| StaleZoneData)?;
        let offset = zone.offset_seconds(Timestamp::from_seconds(seconds));
        if i64::from(offset) != hours * 3_600 {
            return Err(StaleZoneData);
        }
    }
    Ok(())
}

impl Zone {
    /// The clock on the wall at an instant.
    #[must_use]
    pub fn wall(&self, at: Timestamp) -> DateTime {
        self.0.to_datetime(at.to_jiff())
    }

    /// The instant at which the clock on the wall shows `wall`; the first, when it shows it twice.
    ///
    /// # Errors
    ///
    /// [`NonExistentTime`] when the clocks jump over it.
    pub fn instant(&self, wall: DateTime) -> Result<Timestamp, NonExistentTime> {
        let ambiguous = self.0.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.compatible().map(Timestamp::from).map_err(|_| NonExistentTime)
            }
            AmbiguousOffset::Gap { .. } => Err(NonExistentTime),
        }
    }

    /// The instant of `wall`, or the one at which the clocks jump over it: for reminders, which must go out some time.
    #[must_use]
    pub fn nearest_instant(&self, wall: DateTime) -> Timestamp {
        self.0.to_timestamp(wall).map_or_else(|_| Timestamp::from_seconds(i64::MAX), Timestamp::from)
    }

    /// Seconds that the clock on the wall is ahead of UTC at an instant.
    #[must_use]
    pub fn offset_seconds(&self, at: Timestamp) -> i32 {
        self.0.to_offset(at.to_jiff()).seconds()
    }

    /// An instant as RFC 3339 with the zone's offset: `2024-01-15T14:00:00+06:00`.
    #[must_use]
    pub fn rfc_3339(&self, at: Timestamp) -> String {
        let offset = self.0.to_offset(at.to_jiff());
        at.to_jiff().display_with_offset(offset).to_string()
    }

    /// The date at an instant.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> Date {
        self.wall(at).date()
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The spans of one offset between two instants, in order: what the clock shows is `instant + offset` in each.
    pub(crate) fn spans(&self, from: Timestamp, to: Timestamp) -> Vec<Span> {
        let mut spans = Vec::with_capacity(1);
        let mut start = from;
        for transition in self.0.following(from.to_jiff()) {
            let at = Timestamp::from(transition.timestamp());
            if at >= to {
                break;
            }
            spans.push(Span { from: start, to: at, offset: self.offset_seconds(start).into() });
            start = at;
        }
        spans.push(Span { from: start, to, offset: self.offset_seconds(start).into() });
        spans
    }
}

/// A stretch of time with one offset from UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Seconds ahead of UTC.
    pub(crate) offset: i64,
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(name).map_err(|_| UnknownZone)?;
        // A name that the database has under another one, such as `utc`, is kept as the database has it.
        if zone.iana_name().is_some() { Ok(Self(zone)) } else { Err(UnknownZone) }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn kazakhstan_is_known() {
        assert_eq!(self_test(), Ok(()));
    }

    #[test]
    fn a_wall_time_that_happens_twice_is_the_first() {
        let almaty: Zone = "Asia/Almaty".parse().unwrap();
        let twice = date(2024, 2, 29).at(23, 30, 0, 0);
        let first = almaty.instant(twice).unwrap();
        assert_eq!(almaty.rfc_3339(first), "2024-02-29T23:30:00+06:00");
        assert_eq!(almaty.wall(first.plus(3_600)), twice);
        let day = almaty.spans(
            almaty.instant(date(2024, 2, 29).at(0, 0, 0, 0)).unwrap(),
            almaty.instant(date(2024, 3, 1).at(0, 0, 0, 0)).unwrap(),
        );
        assert_eq!(day.iter().map(|span| span.to.since(span.from)).collect::<Vec<_>>(), [86_400, 3_600]);
    }

    #[test]
    fn a_wall_time_the_clocks_jump_over_is_an_error() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        assert_eq!(berlin.instant(date(2026, 3, 29).at(2, 30, 0, 0)), Err(NonExistentTime));
        assert_eq!("Mars/Olympus".parse::<Zone>(), Err(UnknownZone));
    }
}
