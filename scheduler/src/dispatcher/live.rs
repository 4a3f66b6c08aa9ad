//! The accounts that this process holds now, for whoever asks about them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

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
pub struct LiveAccounts(Arc<RwLock<BTreeMap<AccountId, LiveAccount>>>);

impl LiveAccounts {
    /// The account, if this process holds it.
    #[must_use]
    pub fn get(&self, id: AccountId) -> Option<LiveAccount> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// How many accounts this process holds, and how many of them are online.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let accounts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let online = accounts.values().filter(|account| account.status().is_online()).count();
        (accounts.len(), online)
    }

    pub(crate) fn insert(&self, id: AccountId, account: LiveAccount) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, account);
    }

    pub(crate) fn remove(&self, id: AccountId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
