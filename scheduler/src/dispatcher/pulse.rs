//! A dispatcher's sign of life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so long without a beat a dispatcher is stuck: it beats every two seconds.
const ALIVE: Duration = Duration::from_secs(30);

/// When the dispatcher last looked for accounts. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    /// Whether the dispatcher is at work; not before it has reached its network.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < ALIVE)
    }

    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
