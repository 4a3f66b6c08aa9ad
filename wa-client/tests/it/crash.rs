//! The rule that everything rests on: what was not committed was not sent and not acknowledged.
//!
//! A process is killed before and after each of its commits, and its connection is cut after each piece
//! of data. Whatever happens, no message is lost or shown twice, none becomes unreadable, and the device
//! stays linked.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use wa_client::store::{AccountStore, MemoryStore};
use wa_client::{Event, SendError, SendOptions};

use crate::support::faulty_store::{Fault, FaultyStore};
use crate::support::journal::no_message_key_was_used_twice;
use crate::support::process::{PATIENCE, Process};
use crate::support::scene::{GUEST, SALON, Scene, next_texts, send_with};

/// Sends with a fixed id until the server has confirmed it, as the outbox does.
async fn send_surely(process: &Process, to: &str, text: &str, id: &str) {
    let sent = async {
        loop {
            let options = SendOptions::default().id(id).deadline(Duration::from_secs(20));
            match send_with(process, to, text, options).await {
                Ok(_) => return,
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        }
    };
    timeout(PATIENCE, sent).await.expect("not confirmed in time");
}

/// How many commits a flow of messages may take; each of them is struck once.
const COMMITS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_commit_of_a_send_loses_and_repeats_nothing() {
    let scene = Scene::start().await;
    let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
    let mut guest = scene.other(GUEST).await;
    // An established session: an index of it that is used twice would make a message unreadable.
    let mut salon = scene.linked(Arc::clone(&store), SALON).await;
    send_surely(&guest, SALON, "hello", "3EB0CCCCCCCCCCCCCCCCCC").await;
    assert_eq!(next_texts(&mut salon, 1).await, ["hello"]);
    salon.client.shutdown().await;
    let mut round = 0;
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Refuse] {
        for at in 0..COMMITS {
            round += 1;
            let faulty = FaultyStore::new(Arc::clone(&store), fault, at);
            let salon = Process::start_with(scene.builder(faulty.clone()));
            let (one, two) = (format!("3EB0{round:017}1"), format!("3EB0{round:017}2"));
            let texts = [format!("{round}: one"), format!("{round}: two")];
            let both = async {
                send_surely(&salon, GUEST, &texts[0], &one).await;
                send_surely(&salon, GUEST, &texts[1], &two).await;
            };
            tokio::select! {
                () = both => {}
                // A refused commit is no crash: the process goes on and tries again.
                () = faulty.struck.notified(), if fault != Fault::Refuse => {}
            }
            salon.kill();
            let salon = scene.linked(Arc::clone(&store), SALON).await;
            send_surely(&salon, GUEST, &texts[0], &one).await;
            send_surely(&salon, GUEST, &texts[1], &two).await;
            let mut got = next_texts(&mut guest, 2).await;
            got.sort();
            assert_eq!(got, texts, "{fault:?} at commit {at}");
            salon.client.shutdown().await;
        }
    }
    // The phone of the guest has all of it too, and what the guest wrote.
    let shown = scene.phone_shows(GUEST, 2 * round + 1).await;
    assert_eq!(shown.len(), 2 * round + 1);
    assert!(shown.iter().all(|message| message.undecryptable.is_none()));
    // To the phone and to the companion, each message at least once.
    assert!(no_message_key_was_used_twice(&scene, SALON).await >= 4 * round);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_commit_of_a_receipt_loses_nothing() {
    let scene = Scene::start().await;
    let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
    scene.linked(Arc::clone(&store), SALON).await.client.shutdown().await;
    let mut round = 0;
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Refuse] {
        for at in 0..COMMITS {
            round += 1;
            let mut wanted: Vec<String> = (1..=3).map(|number| format!("{round}: {number}")).collect();
            for text in &wanted {
                scene.sandbox.send_from_phone(GUEST, SALON, text).unwrap();
            }
            let faulty = FaultyStore::new(Arc::clone(&store), fault, at);
            let mut salon = Process::start_with(scene.builder(faulty.clone()));
            let mut got = Vec::new();
            {
                let taken = async {
                    while got.len() < wanted.len() {
                        match salon.events.recv().await {
                            Some(Event::Message(message)) => got.extend(message.text),
                            Some(_) => {}
                            None => break,
                        }
                    }
                };
                tokio::select! {
                    () = taken => {}
                    () = faulty.struck.notified(), if fault != Fault::Refuse => {}
                    () = tokio::time::sleep(PATIENCE) => panic!("{fault:?} at commit {at}: stuck"),
                }
            }
            salon.kill();
            // What was handed over and not confirmed comes again; what was not, comes first.
            let mut salon = scene.linked(Arc::clone(&store), SALON).await;
            while !wanted.iter().all(|text| got.contains(text)) {
                got.extend(next_texts(&mut salon, 1).await);
            }
            salon.client.shutdown().await;
            while let Some(event) = salon.events.recv().await {
                if let Event::Message(message) = event {
                    got.extend(message.text);
                }
            }
            got.sort();
            for text in &wanted {
                let times = got.iter().filter(|other| *other == text).count();
                assert!((1..=2).contains(&times), "{fault:?} at commit {at}: {text} came {times} times");
            }
            wanted.sort();
            got.dedup();
            assert_eq!(got, wanted, "{fault:?} at commit {at}");
        }
    }
}

/// The server repeats what was not acknowledged, but the repetition of what is committed tells nothing new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_told_without_a_restart_when_the_store_or_the_connection_fails() {
    let scene = Scene::start().await;
    let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
    scene.linked(Arc::clone(&store), SALON).await.client.shutdown().await;
    for fault in [Fault::LoseAnswer, Fault::AnswerLate] {
        for at in 0..COMMITS {
            let wanted: Vec<String> = (1..=3).map(|number| format!("{fault:?} {at}: {number}")).collect();
            for text in &wanted {
                scene.sandbox.send_from_phone(GUEST, SALON, text).unwrap();
            }
            let faulty = FaultyStore::new(Arc::clone(&store), fault, at);
            let mut salon = Process::start_with(scene.builder(faulty.clone()));
            let mut got = Vec::new();
            let told = async {
                while got.len() < wanted.len() {
                    tokio::select! {
                        text = next_texts(&mut salon, 1) => got.extend(text),
                        // While whoever committed has not heard of it yet.
                        () = faulty.struck.notified(), if fault == Fault::AnswerLate => scene.network.cut(),
                    }
                }
            };
            timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{fault:?} at commit {at}: not told in time"));
            got.sort();
            assert_eq!(got, wanted, "{fault:?} at commit {at}");
            salon.client.shutdown().await;
            while salon.events.recv().await.is_some() {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_commit_of_the_pairing_ends_linked() {
    let scene = Scene::start().await;
    for fault in [Fault::DieBefore, Fault::DieAfter, Fault::Refuse] {
        for at in 0..6 {
            let store: Arc<dyn AccountStore> = Arc::new(MemoryStore::new());
            let faulty = FaultyStore::new(Arc::clone(&store), fault, at);
            let process = Process::start_with(scene.builder(faulty.clone()));
            tokio::select! {
                process = scene.link(process, SALON) => process.kill(),
                () = faulty.struck.notified(), if fault != Fault::Refuse => {}
            }
            let salon = scene.linked(store, SALON).await;
            send_surely(&salon, GUEST, "linked", "3EB0BBBBBBBBBBBBBBBBBB").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_after_any_piece_of_data_loses_and_repeats_nothing() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;
    for pieces in 0..30 {
        scene.network.cut_after(pieces);
        let id = format!("3EB0{pieces:018}");
        let text = format!("to the guest {pieces}");
        let answer = format!("to the salon {pieces}");
        send_surely(&salon, GUEST, &text, &id).await;
        send_surely(&guest, SALON, &answer, &id).await;
        assert_eq!(next_texts(&mut guest, 1).await, [text]);
        assert_eq!(next_texts(&mut salon, 1).await, [answer]);
    }
    assert!(no_message_key_was_used_twice(&scene, SALON).await >= 60);
}

#[tokio::test]
async fn who_was_superseded_sends_nothing_any_more() {
    let scene = Scene::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("wa.db").display());
    let db = db::Db::connect(&url).await.unwrap();
    let key = wa_client::store::SealingKey::new([7; 32]);
    let stores = wa_client::store::SqlStores::open(db, key).await.unwrap();
    let first = scene.linked(Arc::new(stores.account(1).await.unwrap()), SALON).await;
    // Another process takes the account over; its connection has not even begun.
    let _second = stores.account(1).await.unwrap();
    let refused = send_with(&first, GUEST, "too late", SendOptions::default()).await;
    assert!(matches!(refused, Err(SendError::Store(_) | SendError::Stopped | SendError::Query(_))), "{refused:?}");
    assert!(scene.sandbox.inbox(GUEST, 0).unwrap_or_default().is_empty());
}
