//! A server that refuses, forgets or keeps silent.

use std::sync::Arc;
use std::time::Duration;

use fixtures::sandbox::{Fault, FaultKind};
use wa_client::store::MemoryStore;
use wa_client::{QueryError, SendError, SendOptions};
use wa_proto::stanza::SendRefusal;

use crate::support::scene::{GUEST, SALON, Scene, next_texts, send, send_with};

fn fault(kind: FaultKind, times: Option<u64>) -> Fault {
    Fault { kind, account: Some(SALON.to_owned()), device: None, times }
}

fn iq(xmlns: &str, child: Option<&str>) -> (String, Option<String>) {
    (xmlns.to_owned(), child.map(str::to_owned))
}

#[tokio::test]
async fn refusals_in_acks_are_told_with_their_meaning() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    for (code, want) in [
        (463, SendRefusal::NewContactRefused),
        (429, SendRefusal::RateLimited),
        (404, SendRefusal::NoRecipient),
        (479, SendRefusal::Invalid),
        (503, SendRefusal::ServerFailed { code: 503 }),
        (777, SendRefusal::Unknown { code: 777 }),
    ] {
        scene.sandbox.add_fault(fault(FaultKind::AckError { code }, Some(1)));
        match send(&salon, GUEST, "refused").await {
            Err(error @ SendError::Refused(refusal)) => {
                assert_eq!(refusal, want);
                assert_eq!(error.is_transient(), matches!(code, 429 | 503));
            }
            other => panic!("{code}: {other:?}"),
        }
    }
    // Nothing was repeated behind the caller's back, and the next message goes through.
    send(&salon, GUEST, "taken").await.unwrap();
    let shown = scene.phone_shows(GUEST, 1).await;
    assert_eq!(shown.len(), 1);
}

#[tokio::test]
async fn a_message_refused_in_one_namespace_is_sent_in_the_other_once() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    scene.sandbox.add_fault(fault(FaultKind::AckError { code: 400 }, Some(1)));
    send(&salon, GUEST, "by the other name").await.unwrap();
    assert_eq!(scene.phone_shows(GUEST, 1).await.len(), 1);
    scene.sandbox.add_fault(fault(FaultKind::AckError { code: 400 }, Some(2)));
    let refused = send(&salon, GUEST, "by no name").await;
    assert!(matches!(refused, Err(SendError::Refused(SendRefusal::Malformed))), "{refused:?}");
}

#[tokio::test]
async fn an_ack_that_never_comes_leaves_the_outcome_open_and_the_id_repeatable() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;
    send(&salon, GUEST, "before").await.unwrap();
    let silence = scene.sandbox.add_fault(fault(FaultKind::AckDrop, None));
    let options = || SendOptions::default().id("3EB0AAAAAAAAAAAAAAAAAA");
    let unknown = send_with(&salon, GUEST, "once", options().deadline(Duration::from_millis(300))).await;
    assert!(matches!(unknown, Err(SendError::Unconfirmed)), "{unknown:?}");
    scene.sandbox.remove_fault(silence);
    send_with(&salon, GUEST, "once", options()).await.unwrap();
    send(&salon, GUEST, "after").await.unwrap();
    assert_eq!(next_texts(&mut guest, 3).await, ["before", "once", "after"]);
}

#[tokio::test]
async fn failing_queries_around_the_login_do_not_keep_the_client_offline() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    scene.linked(store.clone(), SALON).await.client.shutdown().await;
    for child in ["count", "list"] {
        let (xmlns, child) = iq("encrypt", Some(child));
        scene.sandbox.add_fault(fault(FaultKind::IqError { xmlns, child, code: 500 }, Some(1)));
    }
    let salon = scene.linked(store, SALON).await;
    send(&salon, GUEST, "hello").await.unwrap();
}

#[tokio::test]
async fn a_query_without_an_answer_ends_in_time() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let (xmlns, child) = iq("usync", None);
    let silence = scene.sandbox.add_fault(fault(FaultKind::IqDrop { xmlns, child }, None));
    let options = SendOptions::default().deadline(Duration::from_millis(300));
    let late = send_with(&salon, GUEST, "hello", options).await;
    assert!(matches!(late, Err(SendError::Query(QueryError::TimedOut) | SendError::NotOnline)), "{late:?}");
    scene.sandbox.remove_fault(silence);
    send(&salon, GUEST, "hello again").await.unwrap();
}

#[tokio::test]
async fn refused_queries_are_told() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let (xmlns, child) = iq("usync", None);
    scene.sandbox.add_fault(fault(FaultKind::IqError { xmlns, child, code: 429 }, Some(1)));
    let refused = salon.client.check_numbers(&[GUEST]).await;
    assert!(matches!(refused, Err(QueryError::Refused { code: 429, .. })), "{refused:?}");
    salon.client.check_numbers(&[GUEST]).await.unwrap();
}

#[tokio::test]
async fn a_recipient_without_bundles_cannot_be_written_to_and_can_later() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let (xmlns, child) = iq("encrypt", Some("key"));
    scene.sandbox.add_fault(fault(FaultKind::IqError { xmlns, child, code: 503 }, Some(1)));
    let refused = send(&salon, GUEST, "hello").await;
    assert!(matches!(refused, Err(SendError::NoUsableDevice)), "{refused:?}");
    send(&salon, GUEST, "hello").await.unwrap();
}
