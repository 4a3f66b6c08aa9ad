//! The rate limit, request ids, metrics, the pages.

use std::net::SocketAddr;

use api::http::rate_limit::{Limits, RateLimit};
use api::metrics;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};

use booking::demo;
use scheduler::dispatcher::{LiveAccounts, Tally};
use scheduler::watch::{Watch, Watched};
use serde_json::json;
use tower::ServiceExt;

use crate::support::{TestApi, visit};

fn from(address: &str) -> Request<Body> {
    let address: SocketAddr = address.parse().expect("address");
    let request = Request::get("/health").extension(ConnectInfo(address));
    request.body(Body::empty()).expect("request")
}

#[tokio::test]
async fn one_address_is_limited_and_another_is_not() {
    let api = TestApi::with_limit(Some(100)).await;
    for left in (0..100).rev() {
        let answer = api.send(from("198.51.100.1:1000")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["ratelimit-remaining"], left.to_string());
        assert_eq!(answer.headers["ratelimit-limit"], "100");
    }
    let refused = api.send(from("198.51.100.1:2000")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.body["code"], "too-many-requests");
    let wait: u64 = refused.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=120).contains(&wait));
    assert_eq!(api.send(from("198.51.100.2:1000")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_id_is_kept_or_made() {
    let api = TestApi::start().await;
    let given = Request::get("/health").header("x-request-id", "mine-1").body(Body::empty()).expect("request");
    assert_eq!(api.send(given).await.headers["x-request-id"], "mine-1");
    let made = api.get("/health").await;
    assert_eq!(made.headers["x-request-id"].len(), 24);
}

#[tokio::test]
async fn health_tells_of_the_database_and_whatsapp() {
    let api = TestApi::start().await;
    let answer = api.get("/health").await;
    assert_eq!(
        (answer.body["status"].as_str(), answer.body["database"].as_str()),
        (Some("healthy"), Some("connected"))
    );
    assert_eq!(answer.body["whatsapp"]["accounts"], 1);
    assert_eq!(answer.body["whatsapp"]["state"], "offline");
    assert_eq!(answer.body["rate_limit"], "off");
}

#[tokio::test]
async fn a_user_has_a_limit_of_their_own_and_writing_without_a_token_a_smaller_one() {
    let limits = Limits { address: Some(5), user: Some(8), strict: Some(2) };
    let api = TestApi::with_rate_limit(Some(RateLimit::in_process(limits, tokio::time::Instant::now()))).await;
    let login = json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 });
    let first = api.post("/api/v1/login", login.clone()).await;
    assert_eq!((first.status, first.headers["ratelimit-limit"].as_bytes()), (StatusCode::OK, b"2".as_slice()));
    let owner = first.body["access_token"].as_str().expect("token").to_owned();
    assert_eq!(api.post("/api/v1/login", login.clone()).await.status, StatusCode::OK);
    let refused = api.post("/api/v1/login", login).await;
    assert_eq!(refused.body["code"], "too-many-requests");
    // Another such operation has a bucket of its own, and the address's is not full yet.
    let booked = api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await;
    assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    for left in (0..8).rev() {
        let list = api.request(Method::GET, "/api/v1/bookings", Some(&owner), None).await;
        assert_eq!((list.status, &list.headers["ratelimit-remaining"]), (StatusCode::OK, &left.into()));
    }
    let list = api.request(Method::GET, "/api/v1/bookings", Some(&owner), None).await;
    assert_eq!(list.status, StatusCode::TOO_MANY_REQUESTS);
    // A token that does not hold counts as none.
    let forged = api.request(Method::GET, "/api/v1/bookings", Some("forged"), None).await;
    assert_eq!((forged.status, &forged.headers["ratelimit-limit"]), (StatusCode::UNAUTHORIZED, &5.into()));
    let page = metrics_page(&api).await;
    for line in [
        "rate_limited_requests_total{bucket=\"strict\"} 1",
        "rate_limited_requests_total{bucket=\"user\"} 1",
        "bookings_made_total 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
}

/// The page that Prometheus reads.
async fn metrics_page(api: &TestApi) -> String {
    let watched = Watched {
        service: "api",
        platform: api.platform.clone(),
        live: LiveAccounts::default(),
        tally: Tally::default(),
        readiness: api.readiness.clone(),
    };
    let watch = Watch::new(watched, |registry| api.metrics.register(registry, None));
    let request = Request::get("/metrics").body(Body::empty()).expect("request");
    let response = watch.router().oneshot(request).await.expect("answer");
    assert_eq!(response.status(), StatusCode::OK);
    let page = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("body");
    String::from_utf8(page.to_vec()).expect("text")
}

#[tokio::test]
async fn the_metrics_tell_of_requests_messages_accounts_and_memory_and_of_no_person() {
    let api = TestApi::start().await;
    assert_eq!(api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await.status, StatusCode::CREATED);
    assert_eq!(api.get("/api/v1/public/business/demo/services").await.status, StatusCode::OK);
    assert_eq!(api.get("/no/such/77779876543").await.status, StatusCode::NOT_FOUND);
    let page = metrics_page(&api).await;
    for line in [
        "http_requests_total{method=\"POST\",route=\"/api/v1/public/booking\",status=\"201\"} 1",
        "http_requests_total{method=\"GET\",route=\"/api/v1/public/business/{subdomain}/services\",status=\"200\"} 1",
        "http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "http_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/public/booking\"} 1",
        "bookings_made_total 1",
        "database_up 1",
        "whatsapp_accounts{state=\"unpaired\"} 1",
        "whatsapp_accounts_down{seconds=\"120\"} 0",
        "account_leases_held 0",
        "messages_sent_total 0",
        "idempotency_replays_total 0",
        "rate_limit_shared 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse::<u64>().expect("number")
    };
    assert!(value("process_resident_memory_bytes ") > 1_000_000);
    assert!(value("outbox_messages{state=\"planned\"} ") >= 1);
    assert!(!page.contains("7779876543"), "{page}");
    assert!(page.ends_with("# EOF\n"));
    let document = serde_json::to_value(api::router::document()).expect("document");
    for route in metrics::BOOKING_ROUTES {
        assert!(document["paths"].get(route).is_some(), "{route}");
    }
}

#[tokio::test]
async fn a_process_that_was_told_to_stop_is_not_ready() {
    let api = TestApi::start().await;
    let ready = api.get("/ready").await;
    assert_eq!((ready.status, &ready.body["status"]), (StatusCode::OK, &json!("ready")));
    assert_eq!((&ready.body["migrations"], &ready.body["dispatcher"]), (&json!("current"), &json!("off")));
    api.readiness.stopping.cancel();
    let stopping = api.get("/ready").await;
    assert_eq!((stopping.status, &stopping.body["stopping"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(true)));
    assert_eq!(api.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_documentation_is_served_from_the_program() {
    let api = TestApi::start().await;
    assert_eq!(api.get("/api/docs").await.status, StatusCode::SEE_OTHER);
    assert_eq!(api.get("/api/docs/").await.status, StatusCode::OK);
    assert_eq!(api.get("/api/docs/swagger-ui-bundle.js").await.status, StatusCode::OK);
    let document = api.get("/api/openapi.json").await;
    assert_eq!(document.status, StatusCode::OK);
    assert!(document.body["openapi"].as_str().expect("version").starts_with("3.1"));
    assert_eq!(api.get("/").await.headers["location"], "/api/docs/");
}

#[tokio::test]
async fn every_kind_of_problem_is_explained() {
    let api = TestApi::start().await;
    assert_eq!(api.get("/api/problems/slot-taken").await.status, StatusCode::OK);
    assert_eq!(api.get("/api/problems/no-such").await.status, StatusCode::NOT_FOUND);
}
