//! A store that dies at the commit it is told to die at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use wa_client::store::{AccountStore, Changes, Key, Kind, StoreError, StoreFuture, Value};

/// What happens at the chosen commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is stored, and the caller hears that.
    Refuse,
    /// The process dies before anything is stored: the caller never hears again.
    DieBefore,
    /// The process dies right after everything was stored: the caller never hears again.
    DieAfter,
    /// Everything is stored, and the caller hears that it was not.
    LoseAnswer,
    /// Everything is stored, and the caller hears so a second later.
    AnswerLate,
}

/// How late an answer is that is late.
const LATE: Duration = Duration::from_secs(1);

/// Passes everything on to another store, except for one commit.
pub(crate) struct FaultyStore {
    inner: Arc<dyn AccountStore>,
    fault: Fault,
    commits_left: AtomicUsize,
    /// Told once the fault has struck.
    pub(crate) struck: Notify,
}

impl FaultyStore {
    /// Strikes at the commit number `at`, counted from 0.
    pub(crate) fn new(inner: Arc<dyn AccountStore>, fault: Fault, at: usize) -> Arc<Self> {
        Arc::new(Self { inner, fault, commits_left: AtomicUsize::new(at + 1), struck: Notify::new() })
    }
}

impl AccountStore for FaultyStore {
    fn get<'a>(&'a self, kind: Kind, key: &'a Key) -> StoreFuture<'a, Option<Value>> {
        self.inner.get(kind, key)
    }

    fn get_many<'a>(&'a self, kind: Kind, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Value>>> {
        self.inner.get_many(kind, keys)
    }

    fn scan<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(Key, Value)>> {
        self.inner.scan(kind, prefix, after, limit)
    }

    fn commit(&self, changes: Changes) -> StoreFuture<'_, ()> {
        let left = self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        // 1: this is the commit to strike at. 0: it has struck, and a process that died stays dead.
        match (left, self.fault) {
            (Ok(2..), _) | (Err(_), Fault::Refuse | Fault::LoseAnswer | Fault::AnswerLate) => {
                self.inner.commit(changes)
            }
            (Ok(_), Fault::Refuse) => {
                self.struck.notify_one();
                Box::pin(async { Err(StoreError::Refused("the test wants it so")) })
            }
            (Ok(_), Fault::LoseAnswer) => Box::pin(async move {
                self.inner.commit(changes).await?;
                self.struck.notify_one();
                Err(StoreError::Refused("the test wants it so"))
            }),
            (Ok(_), Fault::AnswerLate) => Box::pin(async move {
                self.inner.commit(changes).await?;
                self.struck.notify_one();
                tokio::time::sleep(LATE).await;
                Ok(())
            }),
            (Ok(_), Fault::DieBefore) => {
                self.struck.notify_one();
                Box::pin(std::future::pending())
            }
            (Ok(_), Fault::DieAfter) => Box::pin(async move {
                self.inner.commit(changes).await?;
                self.struck.notify_one();
                std::future::pending().await
            }),
            (Err(_), Fault::DieBefore | Fault::DieAfter) => Box::pin(std::future::pending()),
        }
    }
}
