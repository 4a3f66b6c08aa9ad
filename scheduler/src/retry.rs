//! When a failed message is tried again.

use rand::{Rng, RngExt};

/// The first pause, in seconds.
const FIRST: i64 = 5;
/// The longest pause, in seconds.
const LONGEST: i64 = 900;

/// Seconds to wait after `attempts` failed tries: doubling from 5 s to 15 min, with a random half.
///
/// The random part keeps the messages of an outage from coming back all at once.
pub fn pause_seconds(attempts: u32, rng: &mut impl Rng) -> i64 {
    let doublings = attempts.saturating_sub(1).min(16);
    let whole = FIRST.checked_shl(doublings).unwrap_or(LONGEST).clamp(FIRST, LONGEST);
    let half = whole / 2;
    half + rng.random_range(0..=whole - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_their_random_half() {
        #[expect(clippy::disallowed_methods, reason = "any random numbers keep the bounds")]
        let mut rng = rand::rng();
        for attempts in 0..40_u32 {
            let whole = (5_i64 << attempts.clamp(1, 20).saturating_sub(1)).min(900);
            for _ in 0..20 {
                let pause = pause_seconds(attempts, &mut rng);
                assert!((whole / 2..=whole).contains(&pause), "{attempts}: {pause}");
            }
        }
    }
}
