//! The wall clock and the random source of the process: the only place that asks for them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{SeedableRng, TryCryptoRng, TryRng};

/// Tells the wall time. Clones tell the same.
///
/// Deadlines do not use it: they run on tokio's monotonic clock, which a changed wall clock does not
/// touch. It dates messages, tokens, device lists and what is kept for a while.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it: for tests.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(start))))
    }

    /// Moves a manual clock and all of its clones; the system's clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            let mut now = manual.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => *manual.lock().unwrap_or_else(PoisonError::into_inner),
            None => system_now(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

/// The random source of one account, shared by what runs in its task.
#[derive(Clone)]
pub(crate) struct SharedRng(Arc<Mutex<StdRng>>);

impl SharedRng {
    /// Seeded by the operating system, or by `seed` for a run that can be repeated.
    pub(crate) fn new(seed: Option<[u8; 32]>) -> Self {
        let rng = seed.map_or_else(rand::make_rng, StdRng::from_seed);
        Self(Arc::new(Mutex::new(rng)))
    }

    fn with<T>(&self, run: impl FnOnce(&mut StdRng) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TryRng for SharedRng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.with(TryRng::try_next_u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.with(TryRng::try_next_u64)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.with(|rng| rng.try_fill_bytes(bytes))
    }
}

impl TryCryptoRng for SharedRng {}
