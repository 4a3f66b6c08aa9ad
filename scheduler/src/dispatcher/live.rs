//! The accounts that this process holds now, for whoever asks about them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use booking::id::AccountId;
use wa_client::{Client, Status};

/// An account whose connection is in this process.
#[derive(Debug, Clone)]
pub struct LiveAccount {
    pub(crate) client: Client,
}

impl LiveAccount {
    /// The handle of its client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How its connection is.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.client.status().borrow()
    }
}

/// The accounts that one dispatcher holds. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct LiveAccounts(Arc<RwLock<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    accounts: BTreeMap<AccountId, (u64, LiveAccount)>,
    /// The number of the last entry: one that is replaced while its task still ends must not take its successor away.
    last: u64,
}

impl LiveAccounts {
    /// The account, if this process holds it.
    #[must_use]
    pub fn get(&self, id: AccountId) -> Option<LiveAccount> {
        self.read().accounts.get(&id).map(|(_, account)| account.clone())
    }

    /// How many accounts this process holds, and how many of them are online.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let entries = self.read();
        let online = entries.accounts.values().filter(|(_, account)| account.status().is_online()).count();
        (entries.accounts.len(), online)
    }

    /// Shows an account for as long as the answer lives, however the task that holds it ends.
    pub(crate) fn enter(&self, id: AccountId, account: LiveAccount) -> Entered {
        let mut entries = self.write();
        entries.last = entries.last.wrapping_add(1);
        let number = entries.last;
        entries.accounts.insert(id, (number, account));
        Entered { live: self.clone(), id, number }
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account's place among the live ones; dropping it gives the place up, and with it a handle of the client.
#[derive(Debug)]
#[must_use = "the account is live only as long as this is kept"]
pub(crate) struct Entered {
    live: LiveAccounts,
    id: AccountId,
    number: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut entries = self.live.write();
        if entries.accounts.get(&self.id).is_some_and(|(number, _)| *number == self.number) {
            let left = entries.accounts.remove(&self.id);
            drop(entries);
            // A client's last handle ends its task; whatever that does is done without the lock.
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use wa_client::Endpoint;
    use wa_client::store::MemoryStore;

    use super::*;

    const ACCOUNT: AccountId = AccountId::new(7);

    /// An account whose server is not there.
    fn account() -> LiveAccount {
        let endpoint = Endpoint::sandbox("ws://127.0.0.1:9/ws/chat", *Endpoint::whatsapp().root_key()).unwrap();
        LiveAccount { client: Client::builder(endpoint, Arc::new(MemoryStore::new())).start().0 }
    }

    #[tokio::test]
    async fn an_account_whose_task_panics_is_not_live_any_more_and_its_client_stops() {
        let (live, account) = (LiveAccounts::default(), account());
        let status = account.client().status();
        let entered = live.enter(ACCOUNT, account);
        assert_eq!(live.count(), (1, 0));
        let task = tokio::spawn(async move {
            let _entered = entered;
            panic!("a fault in an account's task");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert!(live.get(ACCOUNT).is_none());
        let mut status = status;
        status.wait_for(|status| *status == Status::Stopped).await.unwrap();
    }

    #[tokio::test]
    async fn who_ends_late_does_not_take_away_who_came_after() {
        let live = LiveAccounts::default();
        let former = live.enter(ACCOUNT, account());
        let present = live.enter(ACCOUNT, account());
        drop(former);
        assert!(live.get(ACCOUNT).is_some());
        drop(present);
        assert_eq!(live.count(), (0, 0));
    }
}
