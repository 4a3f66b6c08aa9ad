//! Limits that several processes share through Redis, and what happens when it is lost.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use api::http::rate_limit::{Limits, RateLimit};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::TestApi;

/// A Redis of the test's own; ends with it.
pub(crate) struct Redis {
    port: u16,
    process: Option<Child>,
    folder: TempDir,
}

impl Redis {
    /// `None`, said loudly, where there is no `redis-server` and none is required.
    pub(crate) async fn start() -> Option<Self> {
        let is_there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
        if !is_there {
            #[expect(clippy::disallowed_methods, reason = "tests are set up by their environment")]
            let required = std::env::var("REQUIRE_REDIS").is_ok_and(|value| value == "1");
            assert!(!required, "redis-server is required, but it is not installed");
            eprintln!("SKIPPED with Redis: there is no redis-server");
            return None;
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("address").port();
        drop(free);
        let mut redis = Self { port, process: None, folder: tempfile::tempdir().expect("temporary folder") };
        redis.run().await;
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, again on its port.
    pub(crate) async fn run(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        self.process = Some(process);
        until(async || TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()).await;
    }

    /// Sends it a signal, by the shell: not every machine has a program `kill`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("it runs").id();
        crate::process::run("sh", &["-c", &format!("kill -{name} {id}")]);
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `happened` says so, for half a minute.
pub(crate) async fn until(happened: impl AsyncFn() -> bool) {
    for _ in 0..1200 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen in time");
}

async fn api(redis: &Redis, per_minute: u32) -> TestApi {
    let limits = Limits { address: Some(per_minute), ..Limits::default() };
    let limit = RateLimit::in_redis(limits, &redis.url(), tokio::time::Instant::now()).await.expect("a URL");
    TestApi::with_rate_limit(Some(limit)).await
}

async fn ask(api: &TestApi, address: &str) -> (StatusCode, u32) {
    let address: SocketAddr = address.parse().expect("address");
    let request = Request::get("/health").extension(ConnectInfo(address)).body(Body::empty()).expect("request");
    let answer = api.send(request).await;
    let left = answer.headers["ratelimit-remaining"].to_str().expect("text").parse().expect("number");
    (answer.status, left)
}

#[tokio::test]
async fn two_processes_share_their_limits_and_go_on_alone_while_redis_is_away() {
    let Some(mut redis) = Redis::start().await else { return };
    let (one, two) = (api(&redis, 10).await, api(&redis, 10).await);
    let client = "198.51.100.1:1";
    for left in [8, 6, 4, 2, 0] {
        assert_eq!(ask(&one, client).await, (StatusCode::OK, left + 1));
        assert_eq!(ask(&two, client).await, (StatusCode::OK, left));
    }
    for api in [&one, &two] {
        assert_eq!(ask(api, client).await.0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask(api, "198.51.100.2:1").await.0, StatusCode::OK);
        assert_eq!(api.get("/health").await.body["rate_limit"], "redis");
    }

    redis.kill();
    // Each counts for itself now, and refuses nobody because of Redis.
    assert_eq!(ask(&one, client).await, (StatusCode::OK, 9));
    assert_eq!(ask(&one, client).await, (StatusCode::OK, 8));
    assert_eq!(ask(&two, client).await, (StatusCode::OK, 9));
    assert_eq!(one.get("/health").await.body["rate_limit"], "fallback");

    redis.run().await;
    until(async || one.get("/health").await.body["rate_limit"] == "redis").await;
    until(async || two.get("/health").await.body["rate_limit"] == "redis").await;
    let client = "198.51.100.3:1";
    assert_eq!(ask(&one, client).await, (StatusCode::OK, 9));
    assert_eq!(ask(&two, client).await, (StatusCode::OK, 8));
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_stops_no_start() {
    let Some(mut redis) = Redis::start().await else { return };
    redis.kill();
    let api = api(&redis, 10).await;
    assert_eq!(ask(&api, "198.51.100.1:1").await, (StatusCode::OK, 9));
    assert_eq!(api.get("/health").await.body["rate_limit"], "fallback");
    redis.run().await;
    until(async || api.get("/health").await.body["rate_limit"] == "redis").await;
}

#[tokio::test]
async fn at_once_no_more_are_admitted_than_the_limit() {
    let Some(redis) = Redis::start().await else { return };
    let (one, two) = (api(&redis, 50).await, api(&redis, 50).await);
    let asked = (0..200).map(|number| ask(if number % 2 == 0 { &one } else { &two }, "198.51.100.1:1"));
    let admitted = futures_util::future::join_all(asked).await;
    assert_eq!(admitted.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 50);
}
