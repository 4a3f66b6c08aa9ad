//! The rate limit, request ids, the pages.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use std::net::SocketAddr;

use crate::support::TestApi;

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
