//! Nothing personal and no secret reaches the log, however much is logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::matrix::everything_as_an_owner;
use crate::program::{Running, call, free_time, sandbox};
use crate::support::{TestApi, registration, visit};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Starts to keep what this thread logs at `trace`, until both guards are dropped.
fn listen(log: &Log) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
    // The sandbox is the other side: it logs what phones show.
    let filter = EnvFilter::new("trace,fixtures=off");
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone()).with_ansi(false);
    // With a single subscriber, tracing asks the thread that first reaches an event whether it is wanted, and the
    // threads of other tests have none. A second one makes it ask all.
    let another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    (another, tracing::subscriber::set_default(subscriber.finish()))
}

#[tokio::test]
async fn no_route_logs_whom_it_is_about() {
    let api = TestApi::start().await;
    let log = Log::default();
    let guards = listen(&log);
    assert_eq!(api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await.status, 201);
    let answers = everything_as_an_owner(&api).await;
    drop(guards);
    assert!(answers.iter().any(|answer| answer.contains("77779876543")), "the routes were about somebody");
    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("answered"), "the routes were logged");
    for secret in ["7779876543", "Иван", "Первый визит", "Вы записаны", "demo123", "owner@"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was logged");
    }
}

/// One thread, so that the subscriber of this test sees everything and nothing of the others.
#[tokio::test]
async fn the_main_flows_log_no_phone_name_text_password_or_token() {
    let log = Log::default();
    let guard = listen(&log);

    let sandbox = sandbox().await;
    let running = Running::start(&sandbox).await;
    let (_, registered) = call(Method::POST, running.api, "/api/v1/register", Some(registration("aigerim"))).await;
    let login = json!({ "email": "owner@demo.jazyl.tech", "password": "demo123" });
    let (_, signed_in) = call(Method::POST, running.api, "/api/v1/login", Some(login)).await;
    let booking_date = free_time(running.api).await;
    let path = "/api/v1/public/booking";
    let (status, _) = call(Method::POST, running.api, path, Some(visit(&booking_date))).await;
    assert_eq!(status, 201);
    let inbox = sandbox.wait_inbox("77779876543", 0, crate::program::PATIENCE).await.expect("inbox");
    assert_eq!(inbox.len(), 1);
    let mut wrong = visit(&booking_date);
    wrong["client_phone"] = json!("+7 777 987 65 4");
    assert_eq!(call(Method::POST, running.api, path, Some(wrong)).await.0, 422);
    let message = json!({ "phone": "87771234567", "message": "Тайное слово" });
    assert_eq!(call(Method::POST, running.compat, "/send-message", Some(message)).await.0, 200);
    running.finish().await;
    drop(guard);

    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("booked visit") && log.contains("online"), "the flows were logged");
    let mut secrets: Vec<&str> = vec![
        "7779876543",
        "777 987 65",
        "7771234567",
        "7010000001",
        "Иван",
        "Айгерим",
        "Вы записаны",
        "Тайное",
        "demo123",
        "correct horse",
        "owner@",
        "Первый визит",
    ];
    for tokens in [&registered, &signed_in] {
        secrets.extend(["access_token", "refresh_token"].map(|name| tokens[name].as_str().expect("token")));
    }
    assert!(registered["access_token"] != Value::Null);
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was logged");
    }
}
