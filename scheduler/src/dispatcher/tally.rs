//! What a dispatcher counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of the messages that a process sent, counted since its start. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    sent: Counter,
    retried: Family<Why, Counter>,
    failed: Family<Why, Counter>,
}

/// One of [`REASONS`](super::REASONS).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

impl Tally {
    /// Adds the counters to what is shown.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("messages_sent", "Messages that the server took from this process", self.sent.clone());
        let retried = "Attempts of this process that failed and are made again, by reason";
        registry.register("messages_retried", retried, self.retried.clone());
        let failed = "Messages that this process gave up, by reason";
        registry.register("messages_failed", failed, self.failed.clone());
    }

    pub(super) fn sent(&self) {
        self.sent.inc();
    }

    pub(super) fn retried(&self, reason: &'static str) {
        self.retried.get_or_create(&Why { reason }).inc();
    }

    pub(super) fn failed(&self, reason: &'static str) {
        self.failed.get_or_create(&Why { reason }).inc();
    }
}
