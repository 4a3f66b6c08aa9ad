//! Linking a device to an account.

use std::sync::Arc;

use fixtures::sandbox::ScanOptions;
use wa_client::store::MemoryStore;
use wa_client::{Event, PairingCodeError, PairingFailure, Status};

use crate::support::process::Process;
use crate::support::scene::{GUEST, SALON, Scene, send};

#[tokio::test]
async fn a_scanned_qr_code_links_the_device_for_good() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let mut process = Process::start_with(scene.builder(store.clone()));
    let code = process
        .wait_for(|event| match event {
            Event::Qr { code, .. } => Some(code.clone()),
            _ => None,
        })
        .await;
    assert_eq!(*process.client.status().borrow(), Status::WaitingForScan);
    let paired = scene.sandbox.scan_qr(&code, &ScanOptions::by_phone(SALON)).unwrap();
    let jid = process
        .wait_for(|event| match event {
            Event::Paired { jid, .. } => Some(jid.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(jid, paired.jid);
    process.online().await;
    assert_eq!(process.client.own_account().unwrap().jid.to_string(), paired.jid);
    process.kill();

    // After a crash it is online again, and no code is shown.
    let mut process = Process::start_with(scene.builder(store).require_paired());
    process.online().await;
    process.client.shutdown().await;
    while let Some(event) = process.events.recv().await {
        assert!(!matches!(event, Event::Qr { .. } | Event::Paired { .. }));
    }
}

#[tokio::test]
async fn a_code_typed_into_the_phone_links_the_device() {
    let scene = Scene::start().await;
    // At the true speed: keys are derived slowly here, and a code must not expire meanwhile.
    let builder = scene.builder(Arc::new(MemoryStore::new())).dangerous_speed(1);
    let mut process = Process::start_with(builder);
    let code = process.client.request_pairing_code("+7 701 000 00 01").await.unwrap();
    let refused = process.client.request_pairing_code(SALON).await;
    assert!(matches!(refused, Err(PairingCodeError::CodeActive)));
    scene.sandbox.enter_code(&code, None).await.unwrap();
    process.online().await;
    let own = process.client.own_account().unwrap();
    assert_eq!(own.jid.user(), SALON);
    let refused = process.client.request_pairing_code(SALON).await;
    assert!(matches!(refused, Err(PairingCodeError::AlreadyPaired)));
    let told = process.wait_for(|event| matches!(event, Event::PairingCode { .. }).then_some(())).await;
    assert_eq!(told, ());
}

#[tokio::test]
async fn a_number_that_is_not_international_gets_no_code() {
    let scene = Scene::start().await;
    let process = Process::start_with(scene.builder(Arc::new(MemoryStore::new())));
    for number in ["", "12345", "0123456789", "1234567890123456"] {
        let refused = process.client.request_pairing_code(number).await;
        assert!(matches!(refused, Err(PairingCodeError::InvalidNumber)), "{number}");
    }
}

#[tokio::test]
async fn a_phone_that_does_not_prove_itself_is_refused_and_a_new_code_shown() {
    let scene = Scene::start().await;
    let bad_hmac = |options: &mut ScanOptions| options.bad_hmac = true;
    let bad_signature = |options: &mut ScanOptions| options.bad_account_sig = true;
    for spoil in [bad_hmac as fn(&mut ScanOptions), bad_signature] {
        let mut process = Process::start_with(scene.builder(Arc::new(MemoryStore::new())));
        let qr = |event: &Event| match event {
            Event::Qr { code, .. } => Some(code.clone()),
            _ => None,
        };
        let code = process.wait_for(qr).await;
        let mut options = ScanOptions::by_phone(SALON);
        spoil(&mut options);
        scene.sandbox.scan_qr(&code, &options).unwrap();
        let failure = process
            .wait_for(|event| match event {
                Event::PairingFailed(failure) => Some(*failure),
                _ => None,
            })
            .await;
        assert_eq!(failure, PairingFailure::Unauthentic);
        assert!(process.client.own_account().is_none());
        let next = process.wait_for(qr).await;
        assert_ne!(next, code);
        scene.sandbox.scan_qr(&next, &ScanOptions::by_phone(SALON)).unwrap();
        process.online().await;
    }
}

#[tokio::test]
async fn codes_follow_each_other_and_start_anew_when_nobody_scans() {
    let scene = Scene::start().await;
    let mut process = Process::start_with(scene.builder(Arc::new(MemoryStore::new())));
    let mut codes = Vec::new();
    // Six references of one connection, then those of the next one.
    while codes.len() < 8 {
        codes.push(
            process
                .wait_for(|event| match event {
                    Event::Qr { code, .. } => Some(code.clone()),
                    _ => None,
                })
                .await,
        );
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 8);
}

#[tokio::test]
async fn an_unlinked_device_says_so_and_links_anew_when_started_again() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let mut process = scene.linked(store.clone(), SALON).await;
    let device = process.client.own_account().unwrap().jid.device();
    scene.sandbox.unlink(SALON, device).unwrap();
    process.wait_for(|event| (*event == Event::Status(Status::LoggedOut)).then_some(())).await;
    assert!(process.events.recv().await.is_none(), "the client has stopped");

    let stopped = Process::start_with(scene.builder(store.clone()).require_paired());
    assert_eq!(stopped.client.settled().await, Status::LoggedOut);
    let process = scene.linked(store, SALON).await;
    assert_ne!(process.client.own_account().unwrap().jid.device(), device);
    send(&process, GUEST, "back again").await.unwrap();
    assert_eq!(scene.phone_shows(GUEST, 1).await[0].text.as_deref(), Some("back again"));
}

#[tokio::test]
async fn a_logout_unlinks_the_device_and_leaves_nothing() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let process = scene.linked(store.clone(), SALON).await;
    assert_eq!(scene.sandbox.phone(SALON).unwrap().devices.len(), 1);
    process.client.logout().await.unwrap();
    process.client.shutdown().await;
    assert!(scene.sandbox.phone(SALON).unwrap().devices.is_empty());
    let stopped = Process::start_with(scene.builder(store).require_paired());
    assert_eq!(stopped.client.settled().await, Status::NotPaired);
}
