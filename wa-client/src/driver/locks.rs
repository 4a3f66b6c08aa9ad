//! Small locks of an account: one send at a time per chat, one request at a time per contact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex, OwnedMutexGuard};
use wa_proto::jid::Jid;

/// Beyond this number of chats, those nobody writes to are forgotten.
const KEPT: usize = 64;

/// Lets the messages of one chat leave in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct ChatLocks(SyncMutex<BTreeMap<Jid, Arc<Mutex<()>>>>);

impl ChatLocks {
    /// Waits until the sends before this one to the same chat are done.
    pub(super) async fn lock(&self, chat: &Jid) -> OwnedMutexGuard<()> {
        let lock = {
            let mut chats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if chats.len() > KEPT {
                chats.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(chats.entry(chat.account()).or_default())
        };
        lock.lock_owned().await
    }
}

/// What is being done right now, so that it is not done twice.
#[derive(Debug, Default)]
pub(super) struct InProgress(SyncMutex<BTreeSet<Jid>>);

impl InProgress {
    /// Begins; nothing if it has begun already. It ends when the answer is dropped.
    pub(super) fn begin(&self, what: &Jid) -> Option<Begun<'_>> {
        let is_new = self.begun().insert(what.clone());
        is_new.then(|| Begun { of: self, what: what.clone() })
    }

    fn begun(&self) -> MutexGuard<'_, BTreeSet<Jid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is being done.
pub(super) struct Begun<'a> {
    of: &'a InProgress,
    what: Jid,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.of.begun().remove(&self.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_chat_is_locked_for_one_and_forgotten_when_nobody_writes_to_it() {
        let locks = ChatLocks::default();
        let chat = Jid::pn("77010000002");
        let held = locks.lock(&chat).await;
        let waiting = locks.lock(&chat);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(locks.lock(&Jid::pn("77010000003")).await);
        drop(held);
        drop(waiting.await);
        for number in 0..10 * KEPT {
            drop(locks.lock(&Jid::pn(&number.to_string())).await);
        }
        assert!(locks.0.lock().unwrap().len() <= KEPT + 1);
    }

    #[test]
    fn what_has_begun_does_not_begin_again_before_it_ends() {
        let issuing = InProgress::default();
        let contact = Jid::lid("990000000000002");
        let begun = issuing.begin(&contact);
        assert!(begun.is_some() && issuing.begin(&contact).is_none());
        drop(begun);
        assert!(issuing.begin(&contact).is_some());
    }
}
