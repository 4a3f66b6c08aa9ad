//! How fast an account may send: a token bucket.

use std::time::Duration;

use tokio::time::Instant;

/// How fast an account may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Messages that may go out at once after a pause.
    pub burst: u32,
    /// The time in which one more message becomes allowed.
    pub interval: Duration,
}

impl Pace {
    /// Fast enough that nobody waits: the sandbox punishes no one.
    pub const SANDBOX: Self = Self { burst: 100, interval: Duration::from_millis(10) };
    /// Careful: a few at once, then one every few seconds.
    ///
    /// Source: observed (gateways that published their pacing send 8 to 20 messages a minute).
    pub const WHATSAPP: Self = Self { burst: 3, interval: Duration::from_secs(4) };
}

/// A token bucket, kept as the one instant at which it was last empty.
#[derive(Debug)]
pub struct Pacer {
    pace: Pace,
    /// When the bucket would have been empty; the tokens are the time since, in intervals.
    empty_at: Instant,
}

impl Pacer {
    /// Makes a full bucket at `now`.
    #[must_use]
    pub fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, empty_at: now.checked_sub(pace.interval * pace.burst).unwrap_or(now) }
    }

    /// Takes one message's right to go out; the answer is when it may, at or after `now`.
    pub fn take(&mut self, now: Instant) -> Instant {
        let full_since = now.checked_sub(self.pace.interval * self.pace.burst).unwrap_or(self.empty_at);
        self.empty_at = self.empty_at.max(full_since) + self.pace.interval;
        self.empty_at.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { burst: 2, interval: Duration::from_secs(10) };

    #[test]
    fn a_burst_goes_at_once_and_the_rest_one_by_one() {
        let start = Instant::now();
        let mut pacer = Pacer::new(PACE, start);
        let waits: Vec<_> = (0..4).map(|_| (pacer.take(start) - start).as_secs()).collect();
        assert_eq!(waits, [0, 0, 10, 20]);
    }

    #[test]
    fn a_pause_earns_no_more_than_one_burst() {
        let start = Instant::now();
        let mut pacer = Pacer::new(PACE, start);
        let later = start + Duration::from_hours(1);
        let waits: Vec<_> = (0..3).map(|_| (pacer.take(later) - later).as_secs()).collect();
        assert_eq!(waits, [0, 0, 10]);
    }
}
