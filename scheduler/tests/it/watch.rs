//! What whoever watches the program sees of it.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use booking::account::AccountState;
use booking::outbox::MessageState::{Delivered, Planned};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::support::{CLIENT, PATIENCE, free_port, on_each};

/// A page's status and text; none where nobody listens.
async fn page(port: u16, path: &str) -> Option<(u16, String)> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let uri = format!("http://127.0.0.1:{port}{path}").parse().expect("address");
    let answer = client.get(uri).await.ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("body").to_bytes();
    Some((status, String::from_utf8(body.to_vec()).expect("text")))
}

async fn body(port: u16, path: &str) -> (u16, Value) {
    let (status, text) = page(port, path).await.expect("it listens");
    (status, serde_json::from_str(&text).expect("json"))
}

/// Waits until the metrics have `line`.
async fn metric(port: u16, line: &str) -> String {
    let shown = async {
        loop {
            if let Some((200, text)) = page(port, "/metrics").await
                && text.lines().any(|found| found == line)
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("no line {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_tells_of_its_messages_accounts_and_readiness_and_of_no_person() {
    on_each(async |salon| {
        let port = free_port();
        let process = salon.spawn_process_with(&[("SCHEDULER_METRICS_ADDR", &format!("127.0.0.1:{port}"))]);
        salon.wait_for(AccountState::Online).await;
        let booking = salon.book(0, CLIENT).await;
        salon.wait_for_states(&booking, &[Delivered, Planned, Planned]).await;
        let text = metric(port, "messages_sent_total 1").await;
        for line in [
            "database_up 1",
            "whatsapp_accounts{state=\"online\"} 1",
            "whatsapp_account_down_seconds{state=\"online\"} 0",
            "whatsapp_accounts_down{seconds=\"120\"} 0",
            "account_leases_held 1",
            "accounts_online_here 1",
            "outbox_messages{state=\"delivered\"} 1",
            "outbox_messages{state=\"planned\"} 2",
            "outbox_due_messages 0",
            "outbox_oldest_due_seconds 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let ahead = text.lines().find_map(|line| line.strip_prefix("clock_ahead_seconds ")).expect("the clocks' gap");
        assert!((-1..=1).contains(&ahead.parse::<i64>().expect("a number")), "{ahead}");
        assert!(!text.contains("7779876543") && !text.contains("77010000001") && !text.contains("demo"), "{text}");
        let (status, ready) = body(port, "/ready").await;
        assert_eq!((status, &ready["status"], &ready["dispatcher"]), (200, &json!("ready"), &json!("running")));
        let (status, health) = body(port, "/health").await;
        assert_eq!(
            (status, &health["service"], &health["whatsapp"]["state"]),
            (200, &json!("scheduler"), &json!("online"))
        );
        drop(process);
        assert!(page(port, "/ready").await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_down_shows_in_its_state_and_for_how_long() {
    on_each(async |salon| {
        let port = free_port();
        let process = salon.spawn_process_with(&[("SCHEDULER_METRICS_ADDR", &format!("127.0.0.1:{port}"))]);
        salon.wait_for(AccountState::Online).await;
        drop(process);
        // Nobody comes for it: it counts from the moment on until which it was held.
        salon.let_leases_end_ago(700).await;
        let process = salon.spawn_process_with(&[
            ("SCHEDULER_METRICS_ADDR", &format!("127.0.0.1:{port}")),
            ("WHATSAPP_ENABLED", "false"),
        ]);
        let text = metric(port, "whatsapp_accounts{state=\"unheld\"} 1").await;
        for line in [
            "whatsapp_accounts_down{seconds=\"120\"} 1",
            "whatsapp_accounts_down{seconds=\"600\"} 1",
            "whatsapp_accounts_down{seconds=\"3600\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        drop(process);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_asks_the_running_scheduler() {
    on_each(async |salon| {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let ask = || {
            let mut command = salon.command(&[("SCHEDULER_METRICS_ADDR", &address)]);
            command.arg("ready").stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs").success()
        };
        assert!(!ask());
        let process = salon.spawn_process_with(&[("SCHEDULER_METRICS_ADDR", &address)]);
        salon.wait_for(AccountState::Online).await;
        assert!(ask());
        drop(process);
        assert!(!ask());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_supervisor_hears_that_it_started_lives_and_stops() {
    on_each(async |salon| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let hear = || {
            let mut word = [0; 64];
            let length = socket.recv(&mut word).expect("a word in time");
            String::from_utf8_lossy(&word[..length]).trim().to_owned()
        };
        let path = path.display().to_string();
        let watched = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "200000")];
        let mut process = salon.spawn_process_with(&watched);
        assert_eq!(hear(), "READY=1");
        assert_eq!((hear(), hear()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
        process.signal("TERM");
        let words = std::iter::repeat_with(hear).find(|word| word != "WATCHDOG=1");
        assert_eq!(words.as_deref(), Some("STOPPING=1"));
        assert!(process.ended().success());
    })
    .await;
}
