//! The bell between the transactions of this process that plan messages and its dispatcher.

use std::sync::Arc;

use tokio::sync::Notify;

/// Rings when a message is due at once, so that the dispatcher need not wait for its next look. Clones share it.
///
/// A ring while nobody waits is kept for the next who does; several such rings are one.
#[derive(Debug, Clone, Default)]
pub struct OutboxSignal(Arc<Notify>);

impl OutboxSignal {
    /// Rings. Call it after the commit.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for a ring.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}
