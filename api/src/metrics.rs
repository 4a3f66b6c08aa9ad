//! What is counted, and how Prometheus reads it.
//!
//! Counters grow where things happen. What the database knows (messages, accounts) is asked when somebody reads, so it is
//! the same whichever process answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use booking::overview::{self, Overview};
use booking::platform::Platform;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::http::rate_limit::{Place, RateLimit, Subject};

/// Upper bounds of the request durations, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The routes whose 201 is a booking.
pub const BOOKING_ROUTES: [&str; 2] = ["/api/v1/bookings", "/api/v1/public/booking"];
/// How long a read waits for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
/// Source: `OpenMetrics` 1.0, "Content type".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics. A cheap handle.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    limited: Family<Kind, Counter>,
    replays: Counter,
    bookings: Counter,
    read: Read,
}

/// What is asked when somebody reads.
#[derive(Debug, Default)]
struct Read {
    database_up: Gauge,
    connections: Family<Use, Gauge>,
    outbox: Family<Named, Gauge>,
    due: Gauge,
    oldest_due_seconds: Gauge,
    accounts: Family<Named, Gauge>,
    shared_limits: Gauge,
    memory: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    bucket: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Use {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut inner = Inner {
            registry: Registry::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            limited: Family::default(),
            replays: Counter::default(),
            bookings: Counter::default(),
            read: Read::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }
}

impl Inner {
    fn register(&mut self) {
        let Self { registry, read, .. } = self;
        registry.register("http_requests", "Requests answered, by route and status", self.requests.clone());
        registry.register("http_request_duration_seconds", "Time to the answer, by route", self.seconds.clone());
        registry.register(
            "rate_limited_requests",
            "Requests refused with 429, by kind of bucket",
            self.limited.clone(),
        );
        registry.register("idempotency_replays", "Repeated requests that got their first answer", self.replays.clone());
        registry.register("bookings_made", "Bookings made through this process", self.bookings.clone());
        registry.register("database_up", "Whether the database answered this read", read.database_up.clone());
        registry.register("database_connections", "Connections of this process", read.connections.clone());
        let outbox = "Messages by state: all that are planned, the others of the last day";
        registry.register("outbox_messages", outbox, read.outbox.clone());
        registry.register("outbox_due_messages", "Planned messages whose time has come", read.due.clone());
        let oldest = "How long the oldest due message has waited";
        registry.register("outbox_oldest_due_seconds", oldest, read.oldest_due_seconds.clone());
        let accounts = "WhatsApp accounts by state; unheld: no process holds them";
        registry.register("whatsapp_accounts", accounts, read.accounts.clone());
        let shared = "1: limits are counted in Redis; 0: in this process";
        registry.register("rate_limit_shared", shared, read.shared_limits.clone());
        registry.register("process_resident_memory_bytes", "Memory of this process", read.memory.clone());
    }
}

impl Metrics {
    /// Counts a request that was refused because of `subject`'s bucket.
    pub fn rate_limited(&self, subject: Subject) {
        let bucket = match subject {
            Subject::Address(_) => "address",
            Subject::User(_) | Subject::Client(_) | Subject::Program(_) => "user",
            Subject::Strict(..) => "strict",
        };
        self.0.limited.get_or_create(&Kind { bucket }).inc();
    }

    /// Counts a repeated request that got its first answer again.
    pub fn replayed(&self) {
        self.0.replays.inc();
    }

    fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let (method, route) = (method.as_str().to_owned(), route.to_owned());
        if status == StatusCode::CREATED && BOOKING_ROUTES.contains(&route.as_str()) {
            self.0.bookings.inc();
        }
        self.0
            .seconds
            .get_or_create(&Route { method: method.clone(), route: route.clone() })
            .observe(took.as_secs_f64());
        self.0.requests.get_or_create(&Answered { method, route, status: status.as_u16() }).inc();
    }
}

/// Counts each answer and how long it took, under the route's template: never under the path, which may hold a number.
pub async fn measured(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics.answered(&method, route, response.status(), started.elapsed());
    response
}

/// What the page of metrics works with.
#[derive(Debug, Clone)]
pub struct MetricsState {
    /// The metrics.
    pub metrics: Metrics,
    /// Whose database is asked.
    pub platform: Platform,
    /// The rate limit, if there is one.
    pub rate_limit: Option<RateLimit>,
}

/// The router of the metrics' own listener.
pub fn router(state: MetricsState) -> Router {
    Router::new().route("/metrics", get(show_metrics)).with_state(state)
}

async fn show_metrics(State(state): State<MetricsState>) -> Response {
    let read = &state.metrics.0.read;
    let (now, real_now) = (state.platform.clock.now(), state.platform.clock.real_now());
    let asked = overview::overview(&state.platform.db, now, real_now);
    // Without a database the other figures are all the more wanted.
    match tokio::time::timeout(DATABASE_TIMEOUT, asked).await {
        Ok(Ok(overview)) => read.fill(&overview),
        Ok(Err(error)) => {
            tracing::debug!("no figures from the database: {}", scheduler::telemetry::chain(&error));
            read.empty();
        }
        Err(_elapsed) => read.empty(),
    }
    let usage = state.platform.db.usage();
    for (state, count) in [("open", usage.open), ("in_use", usage.in_use)] {
        read.connections.get_or_create(&Use { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let is_shared = state.rate_limit.is_some_and(|limit| limit.place() == Place::Redis);
    read.shared_limits.set(is_shared.into());
    read.memory.set(resident_memory().await.unwrap_or_default());

    let mut page = String::new();
    match text::encode(&mut page, &state.metrics.0.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Read {
    fn fill(&self, overview: &Overview) {
        self.empty();
        self.database_up.set(1);
        for (state, count) in &overview.outbox {
            self.outbox.get_or_create(&Named { state: state.clone() }).set(*count);
        }
        for (state, count) in &overview.accounts {
            self.accounts.get_or_create(&Named { state: state.clone() }).set(*count);
        }
        self.due.set(overview.due);
        self.oldest_due_seconds.set(overview.oldest_due_seconds);
    }

    /// What is not known is not shown as it was.
    fn empty(&self) {
        self.database_up.set(0);
        self.outbox.clear();
        self.accounts.clear();
    }
}

/// Bytes of this process that are in memory. Source: proc(5), `VmRSS`, in kilobytes.
async fn resident_memory() -> Option<i64> {
    let status = tokio::fs::read_to_string("/proc/self/status").await.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
