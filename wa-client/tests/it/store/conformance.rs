//! What every store promises, whatever is under it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wa_client::store::{AccountStore, Change, Changes, Key, Kind, MemoryStore};

/// Makes an empty store of one account, and keeps alive what it needs.
pub(crate) trait Maker {
    /// The store, and something to drop after the test.
    fn make(&self) -> Pin<Box<dyn Future<Output = Arc<dyn AccountStore>> + '_>>;
}

/// Runs every test of the suite, each on an empty store.
pub(crate) async fn run(maker: &impl Maker) {
    a_record_reads_back_until_it_is_deleted(maker.make().await).await;
    kinds_do_not_see_each_other(maker.make().await).await;
    many_records_come_in_the_order_of_the_question(maker.make().await).await;
    a_scan_is_ordered_bounded_and_resumable(maker.make().await).await;
    a_prefix_is_deleted_and_nothing_beside_it(maker.make().await).await;
    changes_take_effect_in_their_order(maker.make().await).await;
    only_what_expired_is_purged(maker.make().await).await;
    clearing_leaves_nothing(maker.make().await).await;
    large_and_empty_values_are_kept(maker.make().await).await;
    concurrent_commits_all_arrive(maker.make().await).await;
}

async fn put(store: &Arc<dyn AccountStore>, kind: Kind, key: Key, value: &[u8]) {
    let mut changes = Changes::new();
    changes.put(kind, key, value.to_vec());
    store.commit(changes).await.unwrap();
}

async fn get(store: &Arc<dyn AccountStore>, kind: Kind, key: &Key) -> Option<Vec<u8>> {
    store.get(kind, key).await.unwrap().map(|value| value.to_vec())
}

async fn a_record_reads_back_until_it_is_deleted(store: Arc<dyn AccountStore>) {
    let key = Key::from("77010000002.5");
    assert_eq!(get(&store, Kind::Session, &key).await, None);
    put(&store, Kind::Session, key.clone(), b"one").await;
    put(&store, Kind::Session, key.clone(), b"two").await;
    assert_eq!(get(&store, Kind::Session, &key).await.as_deref(), Some(&b"two"[..]));
    let mut changes = Changes::new();
    changes.delete(Kind::Session, key.clone());
    changes.delete(Kind::Session, Key::from("never there"));
    store.commit(changes).await.unwrap();
    assert_eq!(get(&store, Kind::Session, &key).await, None);
}

async fn kinds_do_not_see_each_other(store: Arc<dyn AccountStore>) {
    for kind in Kind::ALL {
        put(&store, kind, Key::only(), &kind.code().to_be_bytes()).await;
    }
    for kind in Kind::ALL {
        let value = get(&store, kind, &Key::only()).await;
        assert_eq!(value.as_deref(), Some(&kind.code().to_be_bytes()[..]));
    }
}

async fn many_records_come_in_the_order_of_the_question(store: Arc<dyn AccountStore>) {
    put(&store, Kind::Session, Key::from("a"), b"A").await;
    put(&store, Kind::Session, Key::from("c"), b"C").await;
    let keys = ["c", "b", "a", "c"].map(Key::from);
    let values = store.get_many(Kind::Session, &keys).await.unwrap();
    let values: Vec<_> = values.iter().map(|value| value.as_ref().map(|v| v.as_slice())).collect();
    assert_eq!(values, [Some(&b"C"[..]), None, Some(b"A"), Some(b"C")]);
    assert!(store.get_many(Kind::Session, &[]).await.unwrap().is_empty());
}

async fn a_scan_is_ordered_bounded_and_resumable(store: Arc<dyn AccountStore>) {
    for position in [300_u64, 2, 1, 256] {
        put(&store, Kind::Inbox, Key::sequence(position), &position.to_be_bytes()).await;
    }
    put(&store, Kind::Seen, Key::sequence(7), b"another kind").await;
    let positions =
        |rows: Vec<(Key, _)>| -> Vec<_> { rows.into_iter().map(|(key, _)| key.to_sequence().unwrap()).collect() };
    let all = store.scan(Kind::Inbox, &[], None, 100).await.unwrap();
    assert_eq!(positions(all), [1, 2, 256, 300]);
    let first = store.scan(Kind::Inbox, &[], None, 2).await.unwrap();
    let after = first.last().map(|(key, _)| key.clone());
    assert_eq!(positions(first), [1, 2]);
    let rest = store.scan(Kind::Inbox, &[], after.as_ref(), 100).await.unwrap();
    assert_eq!(positions(rest), [256, 300]);
}

async fn a_prefix_is_deleted_and_nothing_beside_it(store: Arc<dyn AccountStore>) {
    let keys: [&[u8]; 6] = [b"a", b"b", b"b.1", b"b.2", b"c", &[b'b', 0xff, 0xff]];
    for key in keys {
        put(&store, Kind::Session, Key::from(key.to_vec()), key).await;
    }
    put(&store, Kind::Session, Key::from(vec![0xff, 0xff, 1]), b"end").await;
    assert_eq!(store.scan(Kind::Session, b"b.", None, 9).await.unwrap().len(), 2);
    assert_eq!(store.scan(Kind::Session, &[0xff, 0xff], None, 9).await.unwrap().len(), 1);

    let mut changes = Changes::new();
    changes.delete_prefix(Kind::Session, b"b");
    store.commit(changes).await.unwrap();
    let left = store.scan(Kind::Session, &[], None, 9).await.unwrap();
    let left: Vec<_> = left.iter().map(|(key, _)| key.as_bytes()).collect();
    assert_eq!(left, [&b"a"[..], b"c", &[0xff, 0xff, 1]]);

    let mut changes = Changes::new();
    changes.delete_prefix(Kind::Session, &[0xff, 0xff]);
    store.commit(changes).await.unwrap();
    assert_eq!(store.scan(Kind::Session, &[], None, 9).await.unwrap().len(), 2);
}

async fn changes_take_effect_in_their_order(store: Arc<dyn AccountStore>) {
    let (kept, gone) = (Key::from("kept"), Key::from("gone"));
    let mut changes = Changes::new();
    changes.put(Kind::Setting, kept.clone(), b"1".to_vec());
    changes.delete(Kind::Setting, kept.clone());
    changes.put(Kind::Setting, gone.clone(), b"2".to_vec());
    changes.delete_prefix(Kind::Setting, b"");
    changes.put(Kind::Setting, kept.clone(), b"3".to_vec());
    store.commit(changes).await.unwrap();
    assert_eq!(get(&store, Kind::Setting, &kept).await.as_deref(), Some(&b"3"[..]));
    assert_eq!(get(&store, Kind::Setting, &gone).await, None);
}

async fn only_what_expired_is_purged(store: Arc<dyn AccountStore>) {
    let mut changes = Changes::new();
    changes.put_until(Kind::Sent, Key::from("old"), b"1".to_vec(), 100);
    changes.put_until(Kind::Sent, Key::from("young"), b"2".to_vec(), 101);
    changes.put(Kind::Sent, Key::from("timeless"), b"3".to_vec());
    store.commit(changes).await.unwrap();
    let mut changes = Changes::new();
    changes.purge(100);
    store.commit(changes).await.unwrap();
    let left = store.scan(Kind::Sent, &[], None, 9).await.unwrap();
    let left: Vec<_> = left.iter().map(|(key, _)| key.as_bytes()).collect();
    assert_eq!(left, [&b"timeless"[..], b"young"]);

    // Writing a record again without an expiry keeps it for good.
    let mut changes = Changes::new();
    changes.push(Change::Put {
        kind: Kind::Sent,
        key: Key::from("young"),
        value: b"4".to_vec().into(),
        expires_at: None,
    });
    changes.purge(i64::MAX);
    store.commit(changes).await.unwrap();
    assert!(get(&store, Kind::Sent, &Key::from("young")).await.is_some());
}

async fn clearing_leaves_nothing(store: Arc<dyn AccountStore>) {
    for kind in Kind::ALL {
        put(&store, kind, Key::from("x"), b"x").await;
    }
    let mut changes = Changes::new();
    changes.clear();
    store.commit(changes).await.unwrap();
    for kind in Kind::ALL {
        assert!(store.scan(kind, &[], None, 1).await.unwrap().is_empty());
    }
}

async fn large_and_empty_values_are_kept(store: Arc<dyn AccountStore>) {
    let large = vec![7; 300_000];
    put(&store, Kind::Session, Key::from("large"), &large).await;
    put(&store, Kind::Session, Key::from("empty"), b"").await;
    assert_eq!(get(&store, Kind::Session, &Key::from("large")).await, Some(large));
    assert_eq!(get(&store, Kind::Session, &Key::from("empty")).await, Some(Vec::new()));
}

async fn concurrent_commits_all_arrive(store: Arc<dyn AccountStore>) {
    let tasks: Vec<_> = (0..64_u32)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut changes = Changes::new();
                changes.put(Kind::PreKey, Key::number(number), number.to_be_bytes().to_vec());
                store.commit(changes).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = store.scan(Kind::PreKey, &[], None, 100).await.unwrap();
    let numbers: Vec<_> = rows.iter().map(|(key, _)| key.to_number().unwrap()).collect();
    assert_eq!(numbers, (0..64).collect::<Vec<_>>());
}

struct Memory;

impl Maker for Memory {
    fn make(&self) -> Pin<Box<dyn Future<Output = Arc<dyn AccountStore>> + '_>> {
        Box::pin(async { Arc::new(MemoryStore::new()) as Arc<dyn AccountStore> })
    }
}

#[tokio::test]
async fn the_memory_store_conforms() {
    run(&Memory).await;
}
