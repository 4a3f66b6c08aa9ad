//! A platform with the demo salon at a fixed time, and a client of its router.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use api::http::context::ContextSettings;
use api::http::rate_limit::{Limits, RateLimit};
use api::http::texts::Texts;
use api::http::token::{AccessTokens, Bearer};
use api::metrics::Metrics;
use api::router::router;
use api::state::{AppParts, AppState};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use booking::clock::Clock;
use booking::demo;
use booking::entropy::Entropy;
use booking::language::Language;
use booking::platform::Platform;
use booking::policy::Policy;
use db::Db;
use scheduler::desk::Desk;
use scheduler::dispatcher::LiveAccounts;
use scheduler::settings::TokenSettings;
use scheduler::watch::Readiness;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use wa_client::store::SealingKey;

/// Monday, 2026-01-12, 08:00 in Almaty.
pub(crate) const NOW_MS: i64 = 1_768_186_800_000;

/// The API on a database of its own, without a port.
pub(crate) struct TestApi {
    pub(crate) router: Router,
    pub(crate) platform: Platform,
    pub(crate) metrics: Metrics,
    tokens: AccessTokens,
    pub(crate) readiness: Readiness,
    pub(crate) clock: Arc<AtomicI64>,
    _folder: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl TestApi {
    pub(crate) async fn start() -> Self {
        Self::with_limit(None).await
    }

    /// With a limit for each address; it counts in this process.
    pub(crate) async fn with_limit(per_minute: Option<u32>) -> Self {
        let limits = Limits { address: per_minute, ..Limits::default() };
        let limit = per_minute.map(|_| RateLimit::in_process(limits, tokio::time::Instant::now()));
        Self::with_rate_limit(limit).await
    }

    pub(crate) async fn with_rate_limit(rate_limit: Option<RateLimit>) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let url = format!("sqlite://{}/booking.db", folder.path().display());
        let db = Db::connect(&url).await.expect("database opens");
        let clock = Arc::new(AtomicI64::new(NOW_MS));
        let mut policy = Policy::default();
        policy.public_url = Some("http://api.test".to_owned());
        policy.public_domain = Some("api.test".to_owned());
        let platform = Platform::open(db, Clock::fixed(clock.clone()), Entropy::seeded(7), policy).await;
        let platform = platform.expect("platform opens");
        demo::seed(&platform).await.expect("demo is seeded");
        let texts = Arc::new(Texts::load());
        let tokens = AccessTokens::new(&TokenSettings {
            secret: "a secret for tests of 32 bytes and more".to_owned().into(),
            access: Duration::from_hours(1),
            refresh_days: 7,
        });
        let (metrics, readiness) = (Metrics::default(), Readiness::default());
        let state = AppState::from(AppParts {
            platform: platform.clone(),
            tokens: tokens.clone(),
            live: LiveAccounts::default(),
            texts: texts.clone(),
            rate_limit,
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            desk: Desk::new(platform.clone(), SealingKey::new([7; 32])),
        });
        let context = ContextSettings {
            texts,
            languages: vec![Language::Ru, Language::En, Language::Kk],
            default_language: Language::Ru,
            trusted_proxies: Vec::new(),
        };
        Self {
            router: router(state, context).expect("router"),
            platform,
            metrics,
            readiness,
            tokens,
            clock,
            _folder: folder,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_whole(request).await.0
    }

    /// The answer, and its body as text.
    pub(crate) async fn send_whole(&self, request: Request<Body>) -> (Answer, String) {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("body is read");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (Answer { status: parts.status, headers: parts.headers, body }, text)
    }

    /// Signs a token as a login does.
    pub(crate) fn token(&self, bearer: &Bearer) -> String {
        self.tokens.issue(bearer, NOW_MS / 1000).expect("token")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path, None, Some(body)).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("accept-language", "en");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("request")).await
    }

    /// Signs in and gives the access token.
    pub(crate) async fn login(&self, (email, password): (&str, &str)) -> String {
        let answer = self.post("/api/v1/login", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["access_token"].as_str().expect("token").to_owned()
    }

    /// Registers another business and gives its owner's access token.
    pub(crate) async fn register(&self, subdomain: &str) -> String {
        let answer = self.post("/api/v1/register", registration(subdomain)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["access_token"].as_str().expect("token").to_owned()
    }
}

/// A valid registration of the business `subdomain`.
pub(crate) fn registration(subdomain: &str) -> Value {
    json!({
        "email": format!("owner@{subdomain}.example.com"),
        "password": "correct horse battery",
        "full_name": "Айгерим Сатпаева",
        "phone": "87771234567",
        "business_name": "Салон",
        "subdomain": subdomain,
    })
}

/// The body of the seed contract, at another time.
pub(crate) fn visit(booking_date: &str) -> Value {
    json!({
        "subdomain": "demo",
        "client_phone": "+77779876543",
        "client_name": "Иван Иванов",
        "master_id": 1,
        "service_id": 1,
        "booking_date": booking_date,
        "notes": "Первый визит",
    })
}
