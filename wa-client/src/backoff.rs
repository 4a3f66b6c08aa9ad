//! How long to wait before connecting again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Longest delay, before jitter.
const CAP: Duration = Duration::from_mins(15);
/// Steps that "too many requests" adds, and that a stable connection does not take back.
const RATE_LIMIT_STEPS: u32 = 5;
/// A connection that held this long forgives the attempts before it.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Delays that grow like Fibonacci numbers: 1, 1, 2, 3, 5, 8 … 900 s, each ±10 %.
///
/// The jitter keeps the accounts of a process, and processes of each other, from coming back in
/// one wave after the server went away. Source: observed (the official web client).
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    attempts: u32,
    rate_limited: bool,
}

impl Backoff {
    /// The delay before the next attempt.
    pub(crate) fn next_delay(&mut self, rng: &mut impl Rng) -> Duration {
        let base = fibonacci_seconds(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        base.mul_f64(rng.random_range(0.9..=1.1))
    }

    /// Takes note that a connection was logged in for `uptime` before it ended.
    pub(crate) fn connection_held(&mut self, uptime: Duration) {
        if uptime < STABLE_AFTER {
            return;
        }
        self.attempts = if self.rate_limited { RATE_LIMIT_STEPS } else { 0 };
        self.rate_limited = false;
    }

    /// Takes note that the server said "too many requests".
    pub(crate) fn rate_limited(&mut self) {
        self.attempts = self.attempts.saturating_add(RATE_LIMIT_STEPS);
        self.rate_limited = true;
    }
}

fn fibonacci_seconds(attempt: u32) -> Duration {
    let (mut now, mut next) = (1_u64, 1_u64);
    for _ in 0..attempt.min(32) {
        (now, next) = (next, now.saturating_add(next));
    }
    Duration::from_secs(now).min(CAP)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn delays_are_fibonacci_numbers_up_to_a_cap_within_ten_percent() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for want in [1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0] {
            let got = backoff.next_delay(&mut rng).as_secs_f64();
            assert!((want * 0.899..=want * 1.101).contains(&got), "{want}: {got}");
        }
        for _ in 0..100 {
            backoff.next_delay(&mut rng);
        }
        let got = backoff.next_delay(&mut rng).as_secs_f64();
        assert!((809.0..=991.0).contains(&got), "{got}");
    }

    #[test]
    fn only_a_stable_connection_resets_the_delays() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for _ in 0..6 {
            backoff.next_delay(&mut rng);
        }
        backoff.connection_held(Duration::from_secs(29));
        assert!(backoff.next_delay(&mut rng) > Duration::from_secs(5));
        backoff.connection_held(STABLE_AFTER);
        assert!(backoff.next_delay(&mut rng) < Duration::from_secs(2));
    }

    #[test]
    fn a_rate_limit_outlives_one_stable_connection() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        backoff.rate_limited();
        assert!(backoff.next_delay(&mut rng) > Duration::from_secs(6));
        backoff.connection_held(STABLE_AFTER);
        assert!(backoff.next_delay(&mut rng) > Duration::from_secs(6));
        backoff.connection_held(STABLE_AFTER);
        assert!(backoff.next_delay(&mut rng) < Duration::from_secs(2));
    }
}
