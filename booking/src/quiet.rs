//! When clients are left alone.

use jiff::Span;
use jiff::civil::DateTime;

use crate::clock::Timestamp;
use crate::policy::Policy;
use crate::settings::MessageSettings;
use crate::zone::Zone;

/// How long before the quiet hours begin a message goes out that they would hold up, in seconds: time enough to send
/// it.
const AHEAD_SECONDS: i64 = 900;
/// The least time between a late reminder and its visit, in seconds; a shorter one helps nobody.
const LEAST_LEAD_SECONDS: i64 = 3_600;

/// The hours of each day in which nobody is written to who did not just write, on the salon's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When they begin, in minutes of the day.
    pub from: u16,
    /// When they end, in minutes of the day; the same as `from` is never quiet.
    pub to: u16,
}

/// From 21:00 to 09:00.
impl Default for QuietHours {
    fn default() -> Self {
        Self { from: 1_260, to: 540 }
    }
}

impl QuietHours {
    /// Those of a tenant.
    #[must_use]
    pub fn of(settings: &MessageSettings, policy: &Policy) -> Self {
        Self {
            from: settings.quiet_from.unwrap_or(policy.quiet.from),
            to: settings.quiet_to.unwrap_or(policy.quiet.to),
        }
    }

    /// When a message may go out that wants to at `at`: then, or when the quiet hours end.
    #[must_use]
    pub fn opens(self, zone: &Zone, at: Timestamp) -> Timestamp {
        if !self.covers(zone, at) {
            return at;
        }
        let wall = zone.wall(at);
        let today = midnight(wall).saturating_add(Span::new().minutes(i64::from(self.to)));
        let end = if today > wall { today } else { today.saturating_add(Span::new().days(1)) };
        zone.nearest_instant(end).max(at)
    }

    /// When a reminder goes out that is due at `due` before a visit at `starts_at`: then; or when the quiet hours end,
    /// if there is time enough before the visit; or before they began.
    #[must_use]
    pub fn reminder(self, zone: &Zone, due: Timestamp, starts_at: Timestamp) -> Timestamp {
        let opens = self.opens(zone, due);
        let lead = starts_at.since(due).min(LEAST_LEAD_SECONDS);
        if opens <= starts_at.plus(-lead) { opens } else { self.closed(zone, due).plus(-AHEAD_SECONDS) }
    }

    /// Whether an instant lies in them.
    fn covers(self, zone: &Zone, at: Timestamp) -> bool {
        let minute = minute_of(zone.wall(at));
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }

    /// When the quiet hours that cover `at` began.
    fn closed(self, zone: &Zone, at: Timestamp) -> Timestamp {
        let wall = zone.wall(at);
        let today = midnight(wall).saturating_add(Span::new().minutes(i64::from(self.from)));
        let begin = if today <= wall { today } else { today.saturating_sub(Span::new().days(1)) };
        zone.nearest_instant(begin).min(at)
    }
}

fn midnight(wall: DateTime) -> DateTime {
    wall.date().at(0, 0, 0, 0)
}

fn minute_of(wall: DateTime) -> u16 {
    let minute = i16::from(wall.hour()) * 60 + i16::from(wall.minute());
    u16::try_from(minute).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &Zone, wall: &str) -> Timestamp {
        zone.instant(wall.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_message_waits_for_the_morning() {
        let zone: Zone = "Asia/Almaty".parse().unwrap();
        let opens = |quiet: QuietHours, wall| zone.wall(quiet.opens(&zone, at(&zone, wall))).to_string();
        let usual = QuietHours::default();
        assert_eq!(opens(usual, "2026-01-15T08:59:59"), "2026-01-15T09:00:00");
        assert_eq!(opens(usual, "2026-01-15T09:00:00"), "2026-01-15T09:00:00");
        assert_eq!(opens(usual, "2026-01-15T20:59:59"), "2026-01-15T20:59:59");
        assert_eq!(opens(usual, "2026-01-15T21:00:00"), "2026-01-16T09:00:00");
        let siesta = QuietHours { from: 780, to: 900 };
        assert_eq!(opens(siesta, "2026-01-15T13:30:00"), "2026-01-15T15:00:00");
        assert_eq!(opens(siesta, "2026-01-15T23:30:00"), "2026-01-15T23:30:00");
        let never = QuietHours { from: 600, to: 600 };
        assert_eq!(opens(never, "2026-01-15T10:00:00"), "2026-01-15T10:00:00");
    }

    #[test]
    fn a_reminder_in_quiet_hours_comes_late_or_early_and_never_after_the_visit() {
        let zone: Zone = "Asia/Almaty".parse().unwrap();
        let goes = |due, visit| {
            let time = QuietHours::default().reminder(&zone, at(&zone, due), at(&zone, visit));
            zone.wall(time).to_string()
        };
        assert_eq!(goes("2026-01-15T12:00:00", "2026-01-15T14:00:00"), "2026-01-15T12:00:00");
        // The day before at eight: at nine, with a day to go.
        assert_eq!(goes("2026-01-14T08:00:00", "2026-01-15T08:00:00"), "2026-01-14T09:00:00");
        // Two hours before ten: at nine, an hour before.
        assert_eq!(goes("2026-01-15T08:00:00", "2026-01-15T10:00:00"), "2026-01-15T09:00:00");
        // Two hours before half past nine: the evening before.
        assert_eq!(goes("2026-01-15T07:30:00", "2026-01-15T09:30:00"), "2026-01-14T20:45:00");
        assert_eq!(goes("2026-01-15T22:00:00", "2026-01-16T00:00:00"), "2026-01-15T20:45:00");
    }

    #[test]
    fn every_minute_of_two_days_is_sent_in_the_open_and_before_the_visit() {
        let zone: Zone = "Asia/Almaty".parse().unwrap();
        let quiet = QuietHours::default();
        let start = at(&zone, "2024-02-28T12:00:00");
        for minute in 0..2_880 {
            let visit = start.plus(minute * 60);
            for hours in [1, 2, 24] {
                let sent = quiet.reminder(&zone, visit.plus(-hours * 3_600), visit);
                assert!(sent < visit && !quiet.covers(&zone, sent), "{minute} {hours}");
            }
        }
    }
}
