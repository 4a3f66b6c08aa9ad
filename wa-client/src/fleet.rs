//! What many accounts of one process share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections of one process that may be in the making at once, unless configured otherwise.
const DEFAULT_AT_ONCE: usize = 32;

/// Limits how many accounts connect and log in at the same time.
///
/// After the server or the network was away, all accounts of a process come back together: the
/// jitter of their delays spreads them over seconds, this gate bounds what is left. Give clones of
/// one gate to all clients of a process.
#[derive(Debug, Clone)]
pub struct ConnectGate(Arc<Semaphore>);

impl ConnectGate {
    /// Lets `at_once` accounts connect at the same time, at least one.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a turn, which ends when the permit is dropped.
    pub(crate) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed; if it were, connecting without a turn is the safe answer.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

impl Default for ConnectGate {
    fn default() -> Self {
        Self::new(DEFAULT_AT_ONCE)
    }
}
