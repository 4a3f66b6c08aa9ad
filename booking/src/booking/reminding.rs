//! Which reminders of a visit are planned where some were planned before: pure, but for one look-up.
//!
//! A salon that changes when it reminds should neither remind twice nor not at all:
//! - a reminder that is new to the visit is not planned within [`APART_SECONDS`] of one that has left: 23 hours in place
//!   of 24 come to nothing for whoever was reminded an hour ago;
//! - one that waits to be sent after its time, because the account is down, goes on waiting;
//! - where all new times have passed and none has left, what was planned stays: whoever was to be reminded 2 hours before
//!   is, also if from now on it is the day before.

use db::Connection;

use crate::booking::Booking;
use crate::clock::Timestamp;
use crate::outbox::MessageKind;
use crate::store::StoreError;

/// How far from a reminder that has left a new one is at least, in seconds.
const APART_SECONDS: i64 = 6 * 3_600;

/// A reminder that was planned for the time that a visit has now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// How many hours before the visit.
    hours: u32,
    fate: Fate,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It left.
    Left { at: Timestamp },
    /// Somebody is sending it.
    Leaving { at: Timestamp },
    /// It is to leave.
    Planned,
    /// It was taken back, or failed.
    Gone,
}

/// The key of a reminder so many hours before a visit. It names what it is about, so that planning anew finds it.
pub(super) fn key(booking: &Booking, hours: u32) -> String {
    format!("reminder:{hours}:{}", booking.wall_start)
}

/// What was planned for the time that the visit has now.
///
/// # Errors
///
/// [`StoreError`].
pub(super) async fn known(connection: &mut Connection, booking: &Booking) -> Result<Vec<Known>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (String, String, bool, Timestamp),
        "select dedup_key, state, claim_fence is not null, coalesce(sent_at, due_at) from outbox
         where business_id = $1 and booking_id = $2 and kind = $3",
        booking.business_id,
        booking.id,
        MessageKind::Reminder.as_str(),
    )?;
    let wall = booking.wall_start.to_string();
    let known = |(key, state, is_claimed, at): (String, String, bool, Timestamp)| {
        let (hours, of) = key.strip_prefix("reminder:")?.split_once(':')?;
        let fate = match (state.as_str(), is_claimed) {
            ("sent" | "delivered" | "read", _) => Fate::Left { at },
            ("planned", true) => Fate::Leaving { at },
            ("planned", false) => Fate::Planned,
            _ => Fate::Gone,
        };
        (of == wall).then_some(Known { hours: hours.parse().ok()?, fate })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// How many hours before the visit it is reminded of, if so many are `set` and each is `due` at a time.
pub(super) fn wanted(set: &[u32], known: &[Known], due: impl Fn(u32) -> Timestamp, now: Timestamp) -> Vec<u32> {
    let fate = |hours: u32| known.iter().find(|known| known.hours == hours).map(|known| known.fate);
    let left = || {
        known.iter().filter_map(|known| match known.fate {
            Fate::Left { at } | Fate::Leaving { at } => Some(at),
            Fate::Planned | Fate::Gone => None,
        })
    };
    let is_wanted = |hours: &u32| match fate(*hours) {
        Some(Fate::Planned | Fate::Leaving { .. }) => true,
        Some(Fate::Left { .. } | Fate::Gone) => due(*hours) > now,
        None => due(*hours) > now && left().all(|left| due(*hours).since(left) >= APART_SECONDS),
    };
    let wanted: Vec<u32> = set.iter().copied().filter(is_wanted).collect();
    if !wanted.is_empty() || set.is_empty() || left().next().is_some() {
        return wanted;
    }
    known.iter().filter(|known| known.fate == Fate::Planned).map(|known| known.hours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_000_000;
    const NONE: [u32; 0] = [];

    const fn before(hours: i64) -> Timestamp {
        Timestamp::from_seconds(START - hours * 3_600)
    }

    fn of(set: &[u32], known: &[(u32, Fate)], now: Timestamp) -> Vec<u32> {
        let known: Vec<Known> = known.iter().map(|&(hours, fate)| Known { hours, fate }).collect();
        wanted(set, &known, |hours| before(hours.into()), now)
    }

    #[test]
    fn what_is_set_and_to_come_is_planned() {
        assert_eq!(of(&[24, 2], &[], before(48)), [24, 2]);
        assert_eq!(of(&[24, 2], &[], before(5)), [2]);
        assert_eq!(of(&[], &[(24, Fate::Planned)], before(48)), NONE);
    }

    #[test]
    fn a_new_reminder_close_to_one_that_left_is_none() {
        let left = Fate::Left { at: before(24) };
        assert_eq!(of(&[23], &[(24, left)], before(24)), NONE);
        assert_eq!(of(&[23, 2], &[(24, left), (2, Fate::Planned)], before(24)), [2]);
        assert_eq!(of(&[18, 24], &[(24, left)], before(23)), [18], "far enough");
        assert_eq!(of(&[3], &[(24, left)], before(20)), [3]);
    }

    #[test]
    fn reminders_that_were_always_close_to_each_other_stay() {
        assert_eq!(of(&[3, 2], &[(3, Fate::Left { at: before(3) }), (2, Fate::Planned)], before(3)), [2]);
        assert_eq!(
            of(&[3, 2], &[(3, Fate::Left { at: before(3) }), (2, Fate::Gone)], before(3)),
            [2],
            "taken back once"
        );
    }

    #[test]
    fn nobody_is_left_without_the_reminder_they_were_to_get() {
        let now = before(5);
        assert_eq!(of(&[24], &[(2, Fate::Planned)], now), [2]);
        assert_eq!(of(&[24], &[(2, Fate::Planned), (30, Fate::Left { at: before(30) })], now), NONE);
        assert_eq!(of(&[24, 4], &[(2, Fate::Planned)], now), [4]);
        assert_eq!(of(&[24], &[(2, Fate::Gone)], now), NONE);
    }

    #[test]
    fn one_that_waits_after_its_time_goes_on_waiting() {
        assert_eq!(of(&[24], &[(24, Fate::Planned)], before(23)), [24]);
        assert_eq!(of(&[24], &[(24, Fate::Gone)], before(23)), NONE);
        assert_eq!(of(&[24], &[(24, Fate::Leaving { at: before(24) })], before(23)), [24]);
    }
}
