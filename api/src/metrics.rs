//! What the API counts, beside what every program does ([`scheduler::watch`]).

use std::fmt;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::http::rate_limit::{Place, RateLimit, Subject};

/// Upper bounds of the request durations, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The routes whose 201 is a booking.
pub const BOOKING_ROUTES: [&str; 2] = ["/api/v1/bookings", "/api/v1/public/booking"];

/// The API's counters. A cheap handle.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    limited: Family<Kind, Counter>,
    replays: Counter,
    bookings: Counter,
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

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            limited: Family::default(),
            replays: Counter::default(),
            bookings: Counter::default(),
        }
    }
}

impl Metrics {
    /// Adds the counters, and where `rate_limit` counts, to what is shown.
    pub fn register(&self, registry: &mut Registry, rate_limit: Option<RateLimit>) {
        registry.register("http_requests", "Requests answered, by route and status", self.requests.clone());
        registry.register("http_request_duration_seconds", "Time to the answer, by route", self.seconds.clone());
        let limited = "Requests refused with 429, by kind of bucket";
        registry.register("rate_limited_requests", limited, self.limited.clone());
        registry.register("idempotency_replays", "Repeated requests that got their first answer", self.replays.clone());
        registry.register("bookings_made", "Bookings made through this process", self.bookings.clone());
        registry.register_collector(Box::new(WhereCounted(rate_limit)));
    }

    /// Counts a request that was refused because of `subject`'s bucket.
    pub fn rate_limited(&self, subject: Subject) {
        let bucket = match subject {
            Subject::Address(_) => "address",
            Subject::User(_) | Subject::Client(_) | Subject::Program(_) => "user",
            Subject::Strict(..) => "strict",
        };
        self.limited.get_or_create(&Kind { bucket }).inc();
    }

    /// Counts a repeated request that got its first answer again.
    pub fn replayed(&self) {
        self.replays.inc();
    }

    fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let (method, route) = (method.as_str().to_owned(), route.to_owned());
        if status == StatusCode::CREATED && BOOKING_ROUTES.contains(&route.as_str()) {
            self.bookings.inc();
        }
        self.seconds.get_or_create(&Route { method: method.clone(), route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status: status.as_u16() }).inc();
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

/// Whether limits are counted in Redis.
#[derive(Debug)]
struct WhereCounted(Option<RateLimit>);

impl Collector for WhereCounted {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let is_shared = self.0.as_ref().is_some_and(|limit| limit.place() == Place::Redis);
        let gauge = ConstGauge::new(i64::from(is_shared));
        let help = "1: limits are counted in Redis; 0: in this process";
        gauge.encode(encoder.encode_descriptor("rate_limit_shared", help, None, gauge.metric_type())?)
    }
}
