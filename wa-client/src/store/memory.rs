//! A store that forgets when it is dropped.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{AccountStore, Change, Changes, Key, Kind, StoreFuture, Value, prefix_end};

type Records = BTreeMap<(Kind, Key), Record>;

struct Record {
    value: Value,
    expires_at: Option<i64>,
}

/// Keeps the records of one account in memory: for tests, experiments, throw-away clients.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<Records>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // No code that holds the lock can panic half-way through a change of the map.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.records().len()).finish()
    }
}

impl AccountStore for MemoryStore {
    fn get<'a>(&'a self, kind: Kind, key: &'a Key) -> StoreFuture<'a, Option<Value>> {
        let records = self.records();
        let found = records.get(&(kind, key.clone())).map(|record| record.value.clone());
        Box::pin(ready(Ok(found)))
    }

    fn get_many<'a>(&'a self, kind: Kind, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Value>>> {
        let records = self.records();
        let found =
            keys.iter().map(|key| records.get(&(kind, key.clone())).map(|record| record.value.clone())).collect();
        Box::pin(ready(Ok(found)))
    }

    fn scan<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(Key, Value)>> {
        let records = self.records();
        let found = records
            .range((kind, Key::from(prefix.to_vec()))..)
            .take_while(|((found_kind, key), _)| *found_kind == kind && key.as_bytes().starts_with(prefix))
            .filter(|((_, key), _)| after.is_none_or(|after| key > after))
            .take(limit)
            .map(|((_, key), record)| (key.clone(), record.value.clone()))
            .collect();
        Box::pin(ready(Ok(found)))
    }

    fn commit(&self, changes: Changes) -> StoreFuture<'_, ()> {
        let mut records = self.records();
        for change in changes {
            apply(&mut records, change);
        }
        Box::pin(ready(Ok(())))
    }
}

fn apply(records: &mut Records, change: Change) {
    match change {
        Change::Put { kind, key, value, expires_at } => {
            records.insert((kind, key), Record { value, expires_at });
        }
        Change::Delete { kind, key } => {
            records.remove(&(kind, key));
        }
        Change::DeletePrefix { kind, prefix } => {
            let end = prefix_end(&prefix);
            records.retain(|(found, key), _| {
                *found != kind
                    || key.as_bytes() < prefix.as_ref()
                    || end.as_deref().is_some_and(|end| key.as_bytes() >= end)
            });
        }
        Change::Purge { now } => {
            records.retain(|_, record| record.expires_at.is_none_or(|at| at > now));
        }
    }
}
