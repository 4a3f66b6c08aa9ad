//! Monotonic time as the protocol wants it: the time since a fixed moment.

use std::time::Duration;

use tokio::time::Instant;

/// A clock that starts when it is made. Tests may let it run faster than time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Monotonic {
    start: Instant,
    speed: u32,
}

impl Monotonic {
    pub(super) fn start(speed: u32) -> Self {
        Self { start: Instant::now(), speed: speed.max(1) }
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_mul(self.speed)
    }

    /// When this clock shows `time`.
    pub(super) fn instant(&self, time: Duration) -> Option<Instant> {
        self.start.checked_add(time.checked_div(self.speed)?)
    }
}
