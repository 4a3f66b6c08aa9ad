//! The program as a process: how it starts, stops, and makes an administrator.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use db::Db;
use http_body_util::BodyExt;
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{PATIENCE, call, free_time};
use crate::redis::until;
use crate::support::visit;

/// The program in a folder of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) api: SocketAddr,
}

/// The program with `environment` and nothing else, in `folder`, on ports that the system chooses.
pub(crate) fn command(folder: &Path, environment: &[(&str, &str)]) -> Command {
    // A size limit that a test sets must make a write fail, not kill the process.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_api")]);
    let url = format!("sqlite:///{}", folder.join("data/booking.db").display());
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("DATABASE_URL", url);
    command.envs([("API_ADDR", "127.0.0.1:0"), ("COMPAT_ADDR", "off"), ("METRICS_ADDR", "off")]);
    command.envs([("SANDBOX_ADDR", "127.0.0.1:0"), ("LOG_LEVEL", "warn"), ("RATE_LIMIT_PER_MINUTE", "0")]);
    command.envs(environment.iter().copied()).stderr(Stdio::null());
    command
}

impl Process {
    /// Starts it and waits until its ports are open.
    pub(crate) fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = command(folder, environment).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let api = lines.find_map(|line| {
            let line = line.expect("text");
            line.trim().strip_prefix("API ")?.trim().strip_prefix("http://")?.parse().ok()
        });
        // What it prints later is read too, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, api: api.expect("it tells its address") }
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own: not every machine has a program of this name.
        run("sh", &["-c", &format!("kill -{name} {}", self.child.id())]);
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        for _ in 0..1200 {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the program did not end");
    }

    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        assert!(self.ended().await.success());
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        call(Method::GET, self.api, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        call(Method::POST, self.api, path, Some(body)).await
    }

    /// Books as a client does.
    pub(crate) async fn book(&self, booking_date: &str) -> (u16, Value) {
        self.post("/api/v1/public/booking", visit(booking_date)).await
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.get("/ready").await.0 == 200
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    assert!(status.expect(program).success(), "{program} {arguments:?}");
}

/// Free times of the demo's first master, the day after tomorrow.
pub(crate) async fn free_times(api: SocketAddr) -> Vec<String> {
    let first = free_time(api).await;
    let date = first.split('T').next().expect("date").to_owned();
    let path = format!("/api/v1/public/business/demo/availability?master_id=1&service_id=1&date={date}");
    let (_, answer) = call(Method::GET, api, &path, None).await;
    let slots = answer["slots"].as_array().expect("slots");
    slots.iter().map(|slot| slot["booking_date"].as_str().expect("time").to_owned()).collect()
}

/// A request that is under way: its head is read, and its body is waited for.
struct Halfway {
    stream: TcpStream,
    body: String,
}

impl Halfway {
    async fn begin(api: SocketAddr, booking_date: &str) -> Self {
        let mut stream = TcpStream::connect(api).await.expect("connects");
        let body = visit(booking_date).to_string();
        let head = format!(
            "POST /api/v1/public/booking HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sends");
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.expect("reads");
        assert!(answer.starts_with(b"HTTP/1.1 100 Continue"));
        Self { stream, body }
    }

    async fn finish(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.expect("reads");
        answer
    }
}

async fn is_closed(api: SocketAddr) -> bool {
    TcpStream::connect(api).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish_and_gives_the_leases_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut process = Process::start(folder.path(), &[]);
    until(async || process.get("/health").await.1["whatsapp"]["held_here"] == 1).await;
    until(async || process.is_ready().await).await;
    let booking_date = free_time(process.api).await;
    let halfway = Halfway::begin(process.api, &booking_date).await;

    process.signal("TERM");
    until(async || is_closed(process.api).await).await;
    let answer = halfway.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(process.ended().await.code(), Some(0));

    let url = format!("sqlite:{}", folder.path().join("data/booking.db").display());
    let db = Db::connect(&url).await.expect("database");
    let mut connection = db.read().await.expect("connection");
    let now = booking::clock::Clock::system().real_now();
    let (held,) =
        db::fetch_one!(&mut connection, (i64,), "select count(*) from account_leases where until_at > $1", now)
            .expect("leases");
    let (visits,) = db::fetch_one!(&mut connection, (i64,), "select count(*) from bookings").expect("visits");
    assert_eq!((held, visits), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut process = Process::start(folder.path(), &[("WHATSAPP_ENABLED", "false")]);
    let booking_date = free_time(process.api).await;
    let _halfway = Halfway::begin(process.api, &booking_date).await;
    process.signal("TERM");
    until(async || is_closed(process.api).await).await;
    assert!(process.child.try_wait().expect("status").is_none(), "it waits for the request");
    process.signal("INT");
    assert_eq!(process.ended().await.code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_made_without_a_password_on_the_command_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let create = |email: &'static str, input: &'static str, environment: &[(&str, &str)]| {
        let mut command = command(folder.path(), environment);
        command.args(["create-admin", email]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("input").write_all(input.as_bytes()).expect("writes");
        child.wait_with_output().expect("it ends").status.success()
    };
    assert!(create("one@example.com", "correct horse battery\n", &[]));
    assert!(create("two@example.com", "", &[("ADMIN_PASSWORD", "correct horse battery")]));
    assert!(!create("two@example.com", "correct horse battery\n", &[]), "the address is taken");
    assert!(!create("three@example.com", "short\n", &[]));
    assert!(!create("no address", "correct horse battery\n", &[]));

    let process = Process::start(folder.path(), &[("WHATSAPP_ENABLED", "false")]);
    for email in ["one@example.com", "two@example.com"] {
        let login = json!({ "email": email, "password": "correct horse battery" });
        let (status, answer) = process.post("/api/v1/login", login).await;
        assert!(status == 200 && answer["access_token"].is_string(), "{answer}");
    }
    process.stop().await;
}

/// An answer with what it says about its type and about when to try again.
pub(crate) async fn whole(method: Method, api: SocketAddr, path: &str, body: Option<Value>) -> (u16, String, Value) {
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = hyper::Request::builder().method(method).uri(format!("http://{api}{path}"));
    let body = body.map(|body| bytes::Bytes::from(body.to_string())).unwrap_or_default();
    let request = request.header("content-type", "application/json").body(http_body_util::Full::new(body));
    let asked = tokio::time::timeout(PATIENCE, client.request(request.expect("request")));
    let response = asked.await.expect("it answers in time").expect("answer");
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let headers = format!("{} retry-after={}", header("content-type"), header("retry-after"));
    let bytes = response.into_body().collect().await.expect("body").to_bytes();
    (status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// An empty folder for a program to work in.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("temporary folder")
}
