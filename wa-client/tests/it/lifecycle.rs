//! Connections that end, and come back or stay away.

use std::sync::Arc;
use std::time::Duration;

use fixtures::sandbox::{Fault, FaultKind};
use wa_client::store::MemoryStore;
use wa_client::{Disconnect, Event, Status};

use crate::support::process::{PATIENCE, Process};
use crate::support::scene::{GUEST, SALON, Scene, next_message, send};

/// Waits for a back-off and returns its reason.
async fn backoff(process: &mut Process) -> Disconnect {
    process
        .wait_for(|event| match event {
            Event::Status(Status::Backoff { reason, .. }) => Some(*reason),
            _ => None,
        })
        .await
}

fn login_failure(reason: u16, times: u64) -> Fault {
    let kind = FaultKind::LoginFailure { reason, expire: Some(3600), code: Some(101) };
    Fault { kind, account: None, device: None, times: Some(times) }
}

#[tokio::test]
async fn a_lost_connection_comes_back_and_messages_go_on() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    scene.network.cut();
    assert_eq!(backoff(&mut salon).await, Disconnect::Closed);
    salon.online().await;
    scene.sandbox.drop_connections(SALON);
    backoff(&mut salon).await;
    // Sent while there is no connection: it waits for the next one.
    send(&salon, GUEST, "after the storm").await.unwrap();
    scene.phone_shows(GUEST, 1).await;
}

#[tokio::test]
async fn an_unreachable_server_is_tried_again_until_it_is_there() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    scene.network.set_down(true);
    for _ in 0..3 {
        backoff(&mut salon).await;
    }
    scene.network.set_down(false);
    salon.online().await;
}

#[tokio::test]
async fn a_dead_but_open_connection_is_found_by_its_silence() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    scene.network.freeze();
    assert_eq!(backoff(&mut salon).await, Disconnect::Silent);
    scene.network.thaw();
    salon.online().await;
    scene.sandbox.send_from_phone(GUEST, SALON, "still there?").unwrap();
    next_message(&mut salon).await;
}

#[tokio::test]
async fn a_quiet_connection_is_kept_alive() {
    let scene = Scene::start().await;
    let salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    let mut status = salon.client.status();
    let Status::Online { since, .. } = *status.borrow() else { panic!("not online") };
    let pong = status.wait_for(|status| matches!(status, Status::Online { last_pong, .. } if *last_pong > since));
    let pong = *tokio::time::timeout(PATIENCE, pong).await.expect("no pong in time").unwrap();
    assert!(matches!(pong, Status::Online { since: still, .. } if still == since));
}

#[tokio::test]
async fn who_is_replaced_stays_away() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let mut first = scene.linked(store.clone(), SALON).await;
    let connections = scene.network.connections();
    let mut second = Process::start_with(scene.builder(store));
    second.online().await;
    first.wait_for(|event| (*event == Event::Status(Status::Replaced)).then_some(())).await;
    assert!(first.events.recv().await.is_none());
    let made = *connections.borrow();
    send(&second, GUEST, "only one of us").await.unwrap();
    assert_eq!(*connections.borrow(), made);
}

#[tokio::test]
async fn login_failures_are_what_they_mean() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    scene.linked(store.clone(), SALON).await.client.shutdown().await;
    for reason in [402, 405, 409, 400] {
        let fault = scene.sandbox.add_fault(login_failure(reason, u64::MAX));
        let salon = Process::start_with(scene.builder(store.clone()));
        let status = salon.client.settled().await;
        match (reason, status) {
            (402, Status::Banned { until: Some(_) }) | (405, Status::Outdated) => {}
            (409 | 400, Status::Refused { reason: told }) if told == u32::from(reason) => {}
            other => panic!("{other:?}"),
        }
        scene.sandbox.remove_fault(fault);
    }
    // Trouble on the server's side passes.
    scene.sandbox.add_fault(login_failure(503, 2));
    let mut salon = Process::start_with(scene.builder(store));
    assert_eq!(backoff(&mut salon).await, Disconnect::ServerTrouble);
    salon.online().await;
}

#[tokio::test]
async fn a_login_without_an_answer_is_given_up_and_tried_again() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    scene.linked(store.clone(), SALON).await.client.shutdown().await;
    let fault = Fault { kind: FaultKind::LoginNoSuccess, account: None, device: None, times: Some(1) };
    scene.sandbox.add_fault(fault);
    let mut salon = Process::start_with(scene.builder(store));
    // Whichever notices first: the deadline of the login, or that of the ping.
    let reason = backoff(&mut salon).await;
    assert!(matches!(reason, Disconnect::Handshake | Disconnect::Silent), "{reason:?}");
    salon.online().await;
}

#[tokio::test]
async fn a_server_with_a_new_key_is_logged_into_all_the_same() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    // The second login resumes with the key of the first one, the third one falls back.
    for _ in 0..2 {
        scene.linked(store.clone(), SALON).await.client.shutdown().await;
    }
    scene.sandbox.rotate_static_key();
    let salon = scene.linked(store, SALON).await;
    send(&salon, GUEST, "hello").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_vouched_for_is_refused() {
    let scene = Scene::start().await;
    let stranger = wa_proto::keys::PublicKey::from_bytes([9; 32]);
    let endpoint = scene.endpoint().with_root_key(stranger);
    let builder = wa_client::Client::builder(endpoint, Arc::new(MemoryStore::new()));
    let mut process = Process::start_with(builder);
    assert_eq!(backoff(&mut process).await, Disconnect::Untrusted);
}

#[tokio::test]
async fn tls_is_checked_against_the_given_authority() {
    let sandbox = fixtures::sandbox::Sandbox::start(fixtures::sandbox::SandboxConfig::default()).await.unwrap();
    let url = sandbox.tls_url().unwrap();
    let plain = wa_client::Endpoint::sandbox(&url, sandbox.root_key()).unwrap();
    let mut refused = Process::start(&plain, Arc::new(MemoryStore::new()), "Salon");
    assert_eq!(backoff(&mut refused).await, Disconnect::Untrusted);

    let trusting = plain.trust_authority(sandbox.certificate_authority().unwrap().as_bytes()).unwrap();
    let mut trusted = Process::start(&trusting, Arc::new(MemoryStore::new()), "Salon");
    trusted.wait_for(|event| matches!(event, Event::Qr { .. }).then_some(())).await;
}

#[tokio::test]
async fn prekeys_are_uploaded_and_topped_up_and_never_offered_twice() {
    let scene = Scene::start().await;
    let store = Arc::new(MemoryStore::new());
    let mut salon = scene.linked(store.clone(), SALON).await;
    let prekeys = |scene: &Scene| {
        let device = &scene.sandbox.phone(SALON).unwrap().devices[0];
        (device.prekeys, device.replaced_prekeys)
    };
    let (full, _) = prekeys(&scene);
    assert!(full > 800, "{full}");
    // Each stranger who writes takes one.
    for number in 0..3 {
        let stranger = format!("7702000000{number}");
        let new = fixtures::sandbox::NewPhone { phone: Some(stranger.clone()), ..Default::default() };
        scene.sandbox.create_phone(new).unwrap();
        scene.sandbox.send_from_phone(&stranger, SALON, "hello").unwrap();
        next_message(&mut salon).await;
    }
    assert_eq!(prekeys(&scene), (full - 3, 0));
    salon.client.shutdown().await;
    let _salon = scene.linked(store, SALON).await;
    assert_eq!(prekeys(&scene), (full - 3, 0));
}

#[tokio::test]
async fn a_shutdown_closes_the_connection_and_ends_the_events() {
    let scene = Scene::start().await;
    let mut salon = scene.linked(Arc::new(MemoryStore::new()), SALON).await;
    tokio::time::timeout(PATIENCE, salon.client.shutdown()).await.unwrap();
    assert_eq!(*salon.client.status().borrow(), Status::Stopped);
    while salon.events.recv().await.is_some() {}
    let online = async {
        while scene.sandbox.phone(SALON).unwrap().devices[0].online {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, online).await.expect("the server still sees a connection");
}
