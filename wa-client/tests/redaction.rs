//! Logs show no people and no keys: the main flows run under a subscriber that keeps all that is
//! logged, at the finest level.

#![expect(clippy::unwrap_used, reason = "a test that fails shall fail loudly")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fixtures::sandbox::{Fault, FaultKind, Sandbox, SandboxConfig, ScanOptions};
use tokio::time::timeout;
use tracing_subscriber::fmt::MakeWriter;
use wa_client::store::MemoryStore;
use wa_client::{Client, Endpoint, Event, Events, SendOptions};

const SALON: &str = "77010000001";
const GUEST: &str = "77010000002";
const TEXT: &str = "a very private appointment";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn linked(sandbox: &Sandbox, number: &str) -> (Client, Events) {
    let endpoint = Endpoint::sandbox(&sandbox.url(), sandbox.root_key()).unwrap();
    let builder = Client::builder(endpoint, Arc::new(MemoryStore::new()));
    let (client, mut events) = builder.push_name("Aigerim Private").start();
    while let Some(event) = events.recv().await {
        // What an application prints by mistake is as harmless.
        tracing::trace!("{event:?}");
        if let Event::Qr { code, .. } = &event {
            sandbox.scan_qr(code, &ScanOptions::by_phone(number)).unwrap();
        }
        if matches!(&event, Event::Status(status) if status.is_online()) {
            break;
        }
    }
    (client, events)
}

async fn next_message(events: &mut Events) {
    while let Some(event) = events.recv().await {
        tracing::trace!("{event:?}");
        if matches!(event, Event::Message(_)) {
            return;
        }
    }
}

#[tokio::test]
async fn nothing_personal_and_no_key_is_logged() {
    let kept = Kept::default();
    // The sandbox is no part of the client: it may say more.
    let directives = "trace,fixtures=off,hyper=off,hyper_util=off,axum=off,tower_http=off";
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(directives);
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(kept.clone()).init();
    let flows = async {
        let config = SandboxConfig { no_tls: true, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let (salon, mut salons) = linked(&sandbox, SALON).await;
        let (guest, mut guests) = linked(&sandbox, GUEST).await;
        salon.send_text(GUEST, TEXT, SendOptions::default()).await.unwrap().ack.await.unwrap();
        next_message(&mut guests).await;
        guest.send_text(SALON, TEXT, SendOptions::default()).await.unwrap().ack.await.unwrap();
        next_message(&mut salons).await;
        let corrupt = Fault { kind: FaultKind::CorruptEnc, account: Some(GUEST.into()), device: None, times: Some(2) };
        sandbox.add_fault(corrupt);
        salon.send_text(GUEST, TEXT, SendOptions::default()).await.unwrap().ack.await.unwrap();
        next_message(&mut guests).await;
        let refused = Fault { kind: FaultKind::AckError { code: 463 }, account: None, device: None, times: Some(1) };
        sandbox.add_fault(refused);
        let error = salon.send_text(GUEST, TEXT, SendOptions::default()).await.unwrap().ack.await.unwrap_err();
        tracing::error!(%error, "{error:?} {salon:?} {:?}", salon.own_account());
        tracing::trace!("{:?}", salon.check_numbers(&[GUEST]).await.unwrap());
        salon.logout().await.unwrap();
        guest.shutdown().await;
    };
    timeout(Duration::from_mins(1), flows).await.expect("the flows take too long");

    let bytes = kept.0.lock().unwrap().clone();
    let log = String::from_utf8_lossy(&bytes);
    assert!(log.contains("linked to an account") && log.contains("status is online"), "nothing was logged");
    for personal in [SALON, GUEST, "0000001", "0000002", TEXT, "Aigerim", "@lid", "linked_devices#"] {
        let line = log.lines().find(|line| line.contains(personal) && !line.contains("Jid(…"));
        assert_eq!(line, None, "{personal} is in the log");
    }
    // A key is 32 bytes: 64 hexadecimal digits. What the WebSocket logs of its frames is on the wire anyway.
    for line in log.lines().filter(|line| !line.starts_with("payload: 0x")) {
        let longest = line.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
        assert!(longest < Some(64), "something like a key is in the log: {line}");
    }
}
