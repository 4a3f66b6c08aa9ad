//! The whole program over real ports: from a request to the text on a client's phone.

use std::net::SocketAddr;
use std::time::Duration;

use api::banner;
use api::program::{Program, ProgramError};
use bytes::Bytes;
use db::testing::on_each_url;
use fixtures::sandbox::{Sandbox, SandboxConfig};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use scheduler::settings::{Settings, Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::visit;

pub(crate) const CLIENT: &str = "77779876543";
/// Signs tokens and seals accounts here.
const SECRET: &str = "5a17c0de9b3f68245a17c0de9b3f68245a17c0de9b3f68245a17c0de9b3f6824";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, running on ports that the system chose.
pub(crate) struct Running {
    pub(crate) api: SocketAddr,
    pub(crate) compat: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ProgramError>>,
    /// Where a demo keeps its secrets.
    _folder: TempDir,
}

impl Running {
    /// On a SQLite file of its own.
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let url = format!("sqlite:///{}", folder.path().join("data/booking.db").display());
        Self::start_on(&url, folder, sandbox).await
    }

    async fn start_on(url: &str, folder: TempDir, sandbox: &Sandbox) -> Self {
        let base = sandbox.base_url();
        let source = Source::from_pairs([
            ("DATABASE_URL", url),
            ("JWT_SECRET_KEY", SECRET),
            ("SEALING_KEY", SECRET),
            ("API_ADDR", "127.0.0.1:0"),
            ("COMPAT_ADDR", "127.0.0.1:0"),
            ("METRICS_ADDR", "127.0.0.1:0"),
            ("SANDBOX_URL", base.as_str()),
        ]);
        let settings = Settings::parse(&source).expect("settings are valid");
        let program = Program::start(&settings).await.expect("the program starts");
        let text = banner::text(&program, &settings);
        assert!(text.contains("/api/docs/") && text.contains("/ui/") && text.contains("demo123"), "{text}");
        let (api, compat) = (program.api_address(), program.compat_address().expect("the old routes are open"));
        let (platform, stop) = (program.platform().clone(), CancellationToken::new());
        let task = tokio::spawn(program.run(stop.clone()));
        let online = banner::demo_account_online(&platform, &stop);
        let number = tokio::time::timeout(PATIENCE, online).await.expect("the demo pairs in time");
        assert_eq!(number.as_deref(), Some("+77010000001"));
        Self { api, compat, stop, task, _folder: folder }
    }

    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.task.await.expect("the program ends").expect("it ends well");
    }
}

/// Runs `test` with the program on SQLite, then on PostgreSQL if there is a server.
async fn on_each(test: impl AsyncFn(&Sandbox, &Running)) {
    on_each_url(async |url| {
        let (sandbox, folder) = (sandbox().await, tempfile::tempdir().expect("temporary folder"));
        let running = Running::start_on(url, folder, &sandbox).await;
        test(&sandbox, &running).await;
        running.finish().await;
    })
    .await;
}

pub(crate) async fn call(method: Method, address: SocketAddr, path: &str, body: Option<Value>) -> (u16, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    let request = request.header("content-type", "application/json");
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let response = client.request(request.body(Full::new(body)).expect("request")).await.expect("answer");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub(crate) async fn sandbox() -> Sandbox {
    let config = SandboxConfig { no_tls: true, auto_deliver: true, ..SandboxConfig::default() };
    Sandbox::start(config).await.expect("the sandbox starts")
}

/// A free time of the demo's first master, the day after tomorrow.
pub(crate) async fn free_time(api: SocketAddr) -> String {
    let tomorrow = booking::clock::Clock::system().now().plus(2 * 86_400).to_string();
    let date = tomorrow.split('T').next().expect("date").to_owned();
    let path = format!("/api/v1/public/business/demo/availability?master_id=1&service_id=1&date={date}");
    let (_, answer) = call(Method::GET, api, &path, None).await;
    answer["slots"][0]["booking_date"].as_str().expect("a free time").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_over_rest_arrives_in_russian_on_the_clients_phone() {
    on_each(async |sandbox, running| {
        let booking_date = free_time(running.api).await;
        let (status, booked) =
            call(Method::POST, running.api, "/api/v1/public/booking", Some(visit(&booking_date))).await;
        assert_eq!(status, 201, "{booked}");
        let inbox = sandbox.wait_inbox(CLIENT, 0, PATIENCE).await.expect("the phone exists");
        let text = inbox.first().and_then(|message| message.text.as_deref()).expect("a text arrives");
        assert!(text.contains("Вы записаны") && text.contains("Салон «Демо»"), "{text}");
        let (_, health) = call(Method::GET, running.api, "/health", None).await;
        assert_eq!((&health["whatsapp"]["state"], &health["whatsapp"]["held_here"]), (&json!("online"), &json!(1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_earlier_services_routes_keep_their_bodies() {
    on_each(async |sandbox, running| {
        let post = |path: &'static str, body: Value| call(Method::POST, running.compat, path, Some(body));

        let (_, health) = call(Method::GET, running.compat, "/health", None).await;
        assert_eq!(
            (&health["status"], &health["ready"], &health["hasQR"]),
            (&json!("healthy"), &json!(true), &json!(false))
        );
        let (_, qr) = call(Method::GET, running.compat, "/qr", None).await;
        assert_eq!(qr["authenticated"], true);

        for (seen, phone) in (1..).zip(["87771234567", "+77771234567", "7771234567"]) {
            let (status, sent) = post("/send-message", json!({ "phone": phone, "message": "Привет" })).await;
            assert_eq!((status, &sent["success"], &sent["phone"]), (200, &json!(true), &json!(phone)));
            assert_eq!(sandbox.inbox("77771234567", 0).expect("inbox").len(), seen);
        }
        let (status, check) = post("/check-number", json!({ "phone": "7771234567" })).await;
        assert_eq!((status, &check["registered"]), (200, &json!(true)));
        let phones = json!({ "phones": ["87771234567", "12"], "message": "Всем" });
        let (status, bulk) = post("/send-bulk", phones).await;
        assert_eq!((status, &bulk["total"], &bulk["sent"], &bulk["failed"]), (200, &json!(2), &json!(1), &json!(1)));

        for (path, body) in [
            ("/send-message", json!({ "phone": "87771234567" })),
            ("/send-message", json!({ "phone": "8777", "message": "x" })),
            ("/send-message", json!({ "phone": "87771234567", "message": "x".repeat(4097) })),
            ("/send-bulk", json!({ "phones": [], "message": "x" })),
            ("/check-number", json!({})),
        ] {
            let (status, answer) = post(path, body).await;
            assert!(status == 400 && answer["error"].is_string(), "{path}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let address = taken.local_addr().expect("address").to_string();
    let folder = tempfile::tempdir().expect("temporary folder");
    let url = format!("sqlite:///{}", folder.path().join("booking.db").display());
    let pairs = [
        ("DATABASE_URL", url.as_str()),
        ("API_ADDR", address.as_str()),
        ("COMPAT_ADDR", "off"),
        ("METRICS_ADDR", "off"),
        ("SANDBOX_ADDR", "127.0.0.1:0"),
    ];
    let settings = Settings::parse(&Source::from_pairs(pairs)).expect("settings are valid");
    let error = Program::start(&settings).await.expect_err("the port is taken");
    assert!(error.to_string().contains("API_ADDR"), "{error}");
}

#[tokio::test]
async fn the_real_network_is_refused_to_a_database_with_demo_logins() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let url = format!("sqlite:///{}", folder.path().join("booking.db").display());
    let key = "5a17c0de9b3f6824".repeat(4);
    let start = |network: &'static str| {
        let pairs = [
            ("DATABASE_URL", url.as_str()),
            ("API_ADDR", "127.0.0.1:0"),
            ("COMPAT_ADDR", "off"),
            ("METRICS_ADDR", "off"),
            ("SANDBOX_ADDR", "127.0.0.1:0"),
            ("JWT_SECRET_KEY", key.as_str()),
            ("SEALING_KEY", key.as_str()),
            ("WHATSAPP_ENABLED", "false"),
            ("WHATSAPP_NETWORK", network),
        ];
        let settings = Settings::parse(&Source::from_pairs(pairs)).expect("settings are valid");
        async move { Program::start(&settings).await }
    };
    start("whatsapp").await.expect("an empty database is fine");
    start("sandbox").await.expect("the demo is set up");
    let error = start("whatsapp").await.expect_err("the demo's logins work");
    assert!(error.to_string().contains("demo's logins"), "{error}");
}
