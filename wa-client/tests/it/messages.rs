//! Texts between people.

use std::sync::Arc;

use fixtures::sandbox::{Fault, FaultKind, NewPhone, Receipts};
use wa_client::store::{AccountStore, Key, Kind, MemoryStore};
use wa_client::{Event, ForgetError, ReceiptKind, SendError, SendOptions};

use crate::support::scene::{GUEST, SALON, Scene, next_message, next_texts, send, send_with};

#[tokio::test]
async fn texts_go_both_ways_and_delivery_is_told() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;

    let sent = salon.client.send_text(GUEST, "Ждём вас в 14:00", SendOptions::default()).await.unwrap();
    let id = sent.id.clone();
    assert_eq!(sent.chat.user(), GUEST);
    sent.ack.await.unwrap();
    let message = next_message(&mut guest).await;
    assert_eq!(message.text.as_deref(), Some("Ждём вас в 14:00"));
    assert_eq!((message.id.as_str(), message.from.user()), (id.as_str(), SALON));
    assert_eq!(message.chat.user(), SALON);
    assert!(!message.from_me && !message.offline);
    assert_eq!(message.push_name.as_deref(), Some("Salon"));
    let receipt = salon
        .wait_for(|event| match event {
            Event::Receipt(receipt) if receipt.ids.contains(&id) => Some(receipt.clone()),
            _ => None,
        })
        .await;
    assert_eq!(receipt.kind, ReceiptKind::Delivered);
    assert_eq!((receipt.chat.user(), receipt.from.user()), (GUEST, GUEST));

    send(&guest, SALON, "1").await.unwrap();
    assert_eq!(next_message(&mut salon).await.text.as_deref(), Some("1"));
    // The phones of both have it all.
    assert_eq!(scene.phone_shows(GUEST, 2).await.len(), 2);
    assert_eq!(scene.phone_shows(SALON, 2).await.len(), 2);
}

#[tokio::test]
async fn what_another_own_device_writes_arrives_as_our_own() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    scene.sandbox.send_from_phone(SALON, GUEST, "from the phone").unwrap();
    let message = next_message(&mut salon).await;
    assert!(message.from_me);
    assert_eq!((message.from.user(), message.chat.user()), (SALON, GUEST));
    assert_eq!(message.text.as_deref(), Some("from the phone"));
}

#[tokio::test]
async fn a_read_receipt_is_told() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    send(&salon, GUEST, "hello").await.unwrap();
    scene.phone_shows(GUEST, 1).await;
    scene.sandbox.deliver(GUEST, &Receipts::default()).unwrap();
    scene.sandbox.read(GUEST, &Receipts::default()).unwrap();
    for wanted in [ReceiptKind::Delivered, ReceiptKind::Read] {
        let kind = salon
            .wait_for(|event| match event {
                Event::Receipt(receipt) => Some(receipt.kind),
                _ => None,
            })
            .await;
        assert_eq!(kind, wanted);
    }
}

#[tokio::test]
async fn what_was_sent_while_we_were_away_arrives_in_order() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let salon = scene.linked(store.clone(), SALON).await;
    salon.client.shutdown().await;
    for number in 1..=5 {
        scene.sandbox.send_from_phone(GUEST, SALON, &number.to_string()).unwrap();
    }
    let mut salon = scene.linked(store, SALON).await;
    for number in 1..=5 {
        let message = next_message(&mut salon).await;
        assert_eq!(message.text, Some(number.to_string()));
        assert!(message.offline);
    }
}

#[tokio::test]
async fn messages_of_one_chat_leave_in_the_order_of_the_calls() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let sends: Vec<_> = (0..20)
        .map(|number| {
            let client = salon.client.clone();
            async move { client.send_text(GUEST, &number.to_string(), SendOptions::default()).await?.ack.await }
        })
        .collect();
    for sent in futures_util::future::join_all(sends).await {
        sent.unwrap();
    }
    let shown = scene.phone_shows(GUEST, 20).await;
    let texts: Vec<_> = shown.into_iter().filter_map(|message| message.text).collect();
    assert_eq!(texts, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_repeated_id_shows_once() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;
    for _ in 0..3 {
        let options = SendOptions::default().id("3EB0123456789ABCDEF012");
        send_with(&salon, GUEST, "once", options).await.unwrap();
    }
    send(&salon, GUEST, "twice").await.unwrap();
    assert_eq!(next_texts(&mut guest, 2).await, ["once", "twice"]);
}

#[tokio::test]
async fn numbers_are_checked() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let absent = "77019999999".to_owned();
    let new = NewPhone { phone: Some(absent.clone()), exists: Some(false), ..NewPhone::default() };
    scene.sandbox.create_phone(new).unwrap();
    let checked = salon.client.check_numbers(&["+7 701 000 00 02", &absent]).await.unwrap();
    assert_eq!(checked[0].exists, Some(true));
    assert_eq!(checked[0].jid.as_ref().unwrap().user(), GUEST);
    assert!(checked[0].lid.is_some());
    assert_eq!((checked[1].exists, checked[1].jid.as_ref()), (Some(false), None));

    let refused = send(&salon, &absent, "nobody").await;
    assert!(matches!(refused, Err(SendError::NotOnWhatsApp)), "{refused:?}");
}

#[tokio::test]
async fn devices_are_listed() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let own: Vec<_> = salon.client.devices(None).await.unwrap().iter().map(wa_proto::jid::Jid::device).collect();
    assert_eq!(own, [0, salon.client.own_account().unwrap().jid.device()]);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_asked_for_again_and_arrives() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;
    send(&salon, GUEST, "first").await.unwrap();
    assert_eq!(next_message(&mut guest).await.text.as_deref(), Some("first"));
    // An answer completes the session: what is damaged next is the tag of a message.
    send(&guest, SALON, "answer").await.unwrap();
    assert_eq!(next_message(&mut salon).await.text.as_deref(), Some("answer"));
    let device = guest.client.own_account().unwrap().jid.device();
    let fault =
        Fault { kind: FaultKind::CorruptEnc, account: Some(GUEST.into()), device: Some(device), times: Some(1) };
    scene.sandbox.add_fault(fault);
    send(&salon, GUEST, "second").await.unwrap();
    let undecryptable = guest.wait_for(|event| matches!(event, Event::Undecryptable(_)).then_some(())).await;
    assert_eq!(undecryptable, ());
    assert_eq!(next_message(&mut guest).await.text.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_retry_is_answered_after_a_restart_too() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let salon = scene.linked(store.clone(), SALON).await;
    let guest_store = Arc::new(MemoryStore::new());
    let guest = scene.linked_directly(guest_store.clone(), GUEST).await;
    let device = guest.client.own_account().unwrap().jid.device();
    guest.client.shutdown().await;
    // The message waits for the guest, and the salon is gone when the guest cannot read it.
    let fault =
        Fault { kind: FaultKind::CorruptEnc, account: Some(GUEST.into()), device: Some(device), times: Some(1) };
    scene.sandbox.add_fault(fault);
    send(&salon, GUEST, "kept").await.unwrap();
    salon.kill();
    let mut guest = scene.linked_directly(guest_store, GUEST).await;
    guest.wait_for(|event| matches!(event, Event::Undecryptable(_)).then_some(())).await;
    let _salon = scene.linked(store, SALON).await;
    assert_eq!(next_message(&mut guest).await.text.as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_new_phone_of_a_contact_is_told_and_written_to() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    send(&salon, GUEST, "old phone").await.unwrap();
    scene.phone_shows(GUEST, 1).await;
    scene.sandbox.reregister(GUEST).unwrap();
    salon.wait_for(|event| matches!(event, Event::IdentityChanged { of } if of.user() == GUEST).then_some(())).await;
    send(&salon, GUEST, "new phone").await.unwrap();
    let shown = scene.phone_shows(GUEST, 1).await;
    assert!(shown.iter().any(|message| message.text.as_deref() == Some("new phone")), "{shown:?}");
}

#[tokio::test]
async fn a_contact_without_one_time_prekeys_is_written_to_all_the_same() {
    let scene = Scene::start().await;
    scene.sandbox.add_fault(Fault { kind: FaultKind::PrekeysExhausted, account: None, device: None, times: None });
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut guest = scene.other(GUEST).await;
    send(&salon, GUEST, "hello").await.unwrap();
    assert_eq!(next_message(&mut guest).await.text.as_deref(), Some("hello"));
}

/// The kinds of records whose key or value names one of `names`.
async fn naming(store: &dyn AccountStore, names: &[&str]) -> Vec<Kind> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let rows: Vec<(Key, _)> = store.scan(kind, &[], None, usize::MAX).await.unwrap();
        let names_them =
            |bytes: &[u8]| names.iter().any(|name| bytes.windows(name.len()).any(|at| at == name.as_bytes()));
        if rows.iter().any(|(key, value)| names_them(key.as_bytes()) || names_them(value)) {
            found.push(kind);
        }
    }
    found
}

#[tokio::test]
async fn a_contact_who_is_forgotten_leaves_nothing_and_can_be_met_again() {
    const BYSTANDER: &str = "77010000003";
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let mut salon = scene.linked(store.clone(), SALON).await;
    let mut guest = scene.other(GUEST).await;
    let guest_lid = guest.client.own_account().unwrap().lid.user().to_owned();
    send(&guest, SALON, "hello").await.unwrap();
    next_message(&mut salon).await;
    for to in [GUEST, BYSTANDER] {
        send(&salon, to, "welcome").await.unwrap();
    }
    assert_eq!(next_texts(&mut guest, 1).await, ["welcome"]);
    // What a send does after its ack is done, or not done any more, once the client has stopped.
    salon.client.shutdown().await;
    while salon.events.recv().await.is_some() {}
    let mut salon = scene.linked(store.clone(), SALON).await;

    let guest_names = [GUEST, guest_lid.as_str()];
    let known = naming(store.as_ref(), &guest_names).await;
    for kind in [Kind::Session, Kind::LidMap, Kind::DeviceList, Kind::Sent] {
        assert!(known.contains(&kind), "{kind:?}");
    }
    let of_bystander = naming(store.as_ref(), &[BYSTANDER]).await;
    salon.client.forget(GUEST).await.unwrap();
    assert_eq!(naming(store.as_ref(), &guest_names).await, []);
    assert_eq!(naming(store.as_ref(), &[BYSTANDER]).await, of_bystander);

    // Once more does no harm, and who writes is known again.
    salon.client.forget(&format!("{GUEST}@s.whatsapp.net")).await.unwrap();
    send(&guest, SALON, "it is me").await.unwrap();
    assert_eq!(next_texts(&mut salon, 1).await, ["it is me"]);
    send(&salon, GUEST, "nice to meet you").await.unwrap();
    assert_eq!(next_texts(&mut guest, 1).await, ["nice to meet you"]);

    assert!(matches!(salon.client.forget(SALON).await, Err(ForgetError::OwnAccount)));
    assert!(matches!(salon.client.forget("nobody").await, Err(ForgetError::InvalidContact)));
    salon.client.shutdown().await;
    assert!(matches!(salon.client.forget(GUEST).await, Err(ForgetError::Stopped)));
}
