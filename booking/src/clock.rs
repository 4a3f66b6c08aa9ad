//! Time: an instant, and the clock that gives it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant in whole seconds since 1970-01-01T00:00:00Z.
///
/// `Display` is RFC 3339 in UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The instant so many seconds later, or earlier when negative. Stops at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to here; negative when it is later. Stops at the ends of the range.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant as jiff has it; the nearest one it has for a time beyond the year 9999.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        let (least, most) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let nearest = if self.0 < 0 { least } else { most };
        jiff::Timestamp::from_second(self.0).unwrap_or(nearest)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.as_second())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

/// Where the time comes from. A cheap handle; clones share the offset.
///
/// Visits and messages follow [`now`](Self::now), which a demo or a test may move. Leases follow
/// [`real_now`](Self::real_now): two processes that disagree about a demo's time must agree about who holds an account.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Base,
    offset_ms: Arc<AtomicI64>,
}

#[derive(Debug, Clone)]
enum Base {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::shifted(Arc::default())
    }

    /// The system's clock plus `offset_ms` milliseconds, which may change at any time.
    #[must_use]
    pub fn shifted(offset_ms: Arc<AtomicI64>) -> Self {
        Self { base: Base::System, offset_ms }
    }

    /// A clock that stands at `now_ms` milliseconds since 1970 until somebody stores another value.
    #[must_use]
    pub fn fixed(now_ms: Arc<AtomicI64>) -> Self {
        Self { base: Base::Fixed(now_ms), offset_ms: Arc::default() }
    }

    /// The time of visits and messages.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms().div_euclid(1_000))
    }

    /// The time of visits and messages, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.real_ms().saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// The time of leases and logins, which no demo moves.
    #[must_use]
    pub fn real_now(&self) -> Timestamp {
        Timestamp(self.real_ms().div_euclid(1_000))
    }

    /// How far [`now`](Self::now) is ahead of [`real_now`](Self::real_now), to move it or to look.
    #[must_use]
    pub fn offset_ms(&self) -> &Arc<AtomicI64> {
        &self.offset_ms
    }

    fn real_ms(&self) -> i64 {
        match &self.base {
            Base::System => {
                #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
            }
            Base::Fixed(now_ms) => now_ms.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_moves_visits_and_not_leases() {
        let clock = Clock::fixed(Arc::new(AtomicI64::new(1_700_000_000_999)));
        clock.offset_ms().store(-1_000, Ordering::Relaxed);
        assert_eq!(clock.real_now().seconds(), 1_700_000_000);
        assert_eq!((clock.now_ms(), clock.now().seconds()), (1_699_999_999_999, 1_699_999_999));
    }

    #[test]
    fn an_instant_prints_as_rfc_3339() {
        assert_eq!(Timestamp::from_seconds(1_709_146_800).to_string(), "2024-02-28T19:00:00Z");
        assert_eq!(Timestamp::from_seconds(i64::MAX).to_jiff(), jiff::Timestamp::MAX);
    }
}
