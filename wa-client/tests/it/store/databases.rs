//! The suite on SQL databases, and what is particular to them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use db::Db;
use wa_client::store::{AccountStore, Changes, Key, Kind, SealError, SealingKey, SqlStores, StoreError};

use super::conformance::{self, Maker};

/// Makes accounts of one database: each test has an account of its own, beside all the others.
struct Accounts {
    stores: SqlStores,
    next: AtomicI64,
}

impl Maker for Accounts {
    fn make(&self) -> Pin<Box<dyn Future<Output = Arc<dyn AccountStore>> + '_>> {
        Box::pin(async {
            let account_id = self.next.fetch_add(1, Ordering::Relaxed);
            let store = self.stores.account(account_id).await.unwrap();
            Arc::new(store) as Arc<dyn AccountStore>
        })
    }
}

fn key() -> SealingKey {
    SealingKey::new([7; 32])
}

fn put(kind: Kind, key: &str, value: &[u8]) -> Changes {
    let mut changes = Changes::new();
    changes.put(kind, Key::from(key), value.to_vec());
    changes
}

#[tokio::test]
async fn the_sql_store_conforms() {
    db::testing::on_each(|db| async move {
        let stores = SqlStores::open(db, key()).await.unwrap();
        conformance::run(&Accounts { stores, next: AtomicI64::new(1) }).await;
    })
    .await;
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    db::testing::on_each(|db| async move {
        let stores = SqlStores::open(db, key()).await.unwrap();
        let (one, two) = (stores.account(1).await.unwrap(), stores.account(2).await.unwrap());
        one.commit(put(Kind::Session, "a", b"one")).await.unwrap();
        two.commit(put(Kind::Session, "a", b"two")).await.unwrap();
        let mut changes = Changes::new();
        changes.clear();
        one.commit(changes).await.unwrap();
        assert!(one.get(Kind::Session, &Key::from("a")).await.unwrap().is_none());
        assert_eq!(*two.get(Kind::Session, &Key::from("a")).await.unwrap().unwrap(), b"two");

        stores.remove(2).await.unwrap();
        assert!(two.get(Kind::Session, &Key::from("a")).await.unwrap().is_none());
        let refused = two.commit(put(Kind::Session, "a", b"late")).await;
        assert!(matches!(refused, Err(StoreError::Superseded)));
    })
    .await;
}

#[tokio::test]
async fn who_opens_an_account_last_is_the_only_one_who_writes() {
    db::testing::on_each(|db| async move {
        let first_process = SqlStores::open(db.clone(), key()).await.unwrap();
        let first = first_process.account(1).await.unwrap();
        first.commit(put(Kind::Session, "a", b"first")).await.unwrap();

        let second = SqlStores::open(db, key()).await.unwrap().account(1).await.unwrap();
        let refused = first.commit(put(Kind::Session, "a", b"late")).await;
        assert!(matches!(refused, Err(StoreError::Superseded)));
        assert_eq!(*second.get(Kind::Session, &Key::from("a")).await.unwrap().unwrap(), b"first");
        second.commit(put(Kind::Session, "a", b"second")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn another_sealing_key_opens_nothing() {
    db::testing::on_each(|db| async move {
        let store = SqlStores::open(db.clone(), key()).await.unwrap().account(1).await.unwrap();
        store.commit(put(Kind::Device, "", b"keys")).await.unwrap();

        let wrong = SqlStores::open(db, SealingKey::new([8; 32])).await.unwrap();
        let store = wrong.account(1).await.unwrap();
        let refused = store.get(Kind::Device, &Key::only()).await;
        assert!(matches!(refused, Err(StoreError::Sealed(SealError::Unauthentic))));
    })
    .await;
}

#[tokio::test]
async fn no_value_is_readable_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("wa.db").display());
    let db = Db::connect(&url).await.unwrap();
    let store = SqlStores::open(db.clone(), key()).await.unwrap().account(1).await.unwrap();
    for kind in Kind::ALL {
        store.commit(put(kind, "k", b"plain words in a record")).await.unwrap();
    }
    drop(store);
    db.close().await;
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"plain words"));
        files += 1;
    }
    assert!(files > 0);
}
