//! Who waits for the server's ack of which message.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use wa_proto::stanza::Ack;

/// The messages without an ack. Each has one waiter; as many wait as there are sends.
#[derive(Debug, Default)]
pub(super) struct Acks(Mutex<BTreeMap<String, oneshot::Sender<Ack>>>);

impl Acks {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, oneshot::Sender<Ack>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to wait for the ack of a message. A second wait for the same id ends the first one.
    pub(super) fn expect(&self, id: &str) -> Expected<'_> {
        let (sender, ack) = oneshot::channel();
        self.waiting().insert(id.to_owned(), sender);
        Expected { acks: self, id: id.to_owned(), ack }
    }

    /// Hands an ack to whoever waits for it.
    pub(super) fn resolve(&self, ack: Ack) {
        let waiter = self.waiting().remove(&ack.id);
        if let Some(waiter) = waiter {
            // The send has ended meanwhile: it told its caller that the outcome is unknown.
            let _ = waiter.send(ack);
        }
    }
}

/// A wait for an ack; it ends when this is dropped.
pub(super) struct Expected<'a> {
    acks: &'a Acks,
    id: String,
    pub(super) ack: oneshot::Receiver<Ack>,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.ack.close();
        let mut waiting = self.acks.waiting();
        // Of two sends with one id, the later one goes on waiting.
        if waiting.get(&self.id).is_some_and(oneshot::Sender::is_closed) {
            waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use wa_proto::jid::Jid;
    use wa_proto::stanza::AckClass;

    use super::*;

    fn ack(id: &str) -> Ack {
        Ack::new(AckClass::Message, id, Jid::SERVER)
    }

    #[tokio::test]
    async fn an_ack_reaches_who_waits_for_it_last() {
        let acks = Acks::default();
        let mut first = acks.expect("A");
        let mut second = acks.expect("A");
        let mut other = acks.expect("B");
        acks.resolve(ack("A"));
        acks.resolve(ack("C"));
        assert!((&mut first.ack).await.is_err());
        assert_eq!((&mut second.ack).await.unwrap().id, "A");
        assert!(other.ack.try_recv().is_err());
    }

    #[test]
    fn a_wait_that_ends_leaves_nothing_and_disturbs_no_later_one() {
        let acks = Acks::default();
        let first = acks.expect("A");
        let second = acks.expect("A");
        drop(first);
        assert_eq!(acks.waiting().len(), 1);
        drop(second);
        assert!(acks.waiting().is_empty());
    }
}
