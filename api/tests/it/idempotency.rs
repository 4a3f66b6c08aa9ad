//! Bookings that are posted more than once.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use booking::demo;
use serde_json::Value;

use crate::support::{Answer, TestApi, visit};

async fn post(api: &TestApi, key: &str, body: &Value) -> Answer {
    let request = Request::post("/api/v1/public/booking")
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    api.send(request.expect("request")).await
}

#[tokio::test]
async fn a_repeated_booking_is_answered_and_not_made_again() {
    let api = TestApi::start().await;
    let body = visit("2026-01-13T14:00:00");
    let first = post(&api, "one", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert!(first.headers.get("idempotency-replayed").is_none());
    let again = post(&api, "one", &body).await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = post(&api, "one", &visit("2026-01-13T16:00:00")).await;
    assert_eq!((other.status.as_u16(), other.body["code"].as_str()), (422, Some("idempotency-key-reused")));
    let owner = api.login(demo::OWNER).await;
    let list = api.request(axum::http::Method::GET, "/api/v1/bookings", Some(&owner), None).await;
    assert_eq!(list.body["bookings"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn two_equal_requests_at_once_have_one_effect() {
    let api = TestApi::start().await;
    let body = visit("2026-01-13T14:00:00");
    let (one, two) = tokio::join!(post(&api, "same", &body), post(&api, "same", &body));
    for answer in [&one, &two] {
        let is_fine = answer.status == StatusCode::CREATED || answer.body["code"] == "request-under-way";
        assert!(is_fine, "{answer:?}");
    }
    let settled = post(&api, "same", &body).await;
    assert_eq!(settled.headers["idempotency-replayed"], "true");
}

#[tokio::test]
async fn a_refused_booking_leaves_its_key_free() {
    let api = TestApi::start().await;
    let refused = post(&api, "key", &visit("2026-01-13T03:00:00")).await;
    assert_eq!(refused.body["code"], "outside-hours");
    let made = post(&api, "key", &visit("2026-01-13T14:00:00")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    for key in ["", "x".repeat(256).as_str()] {
        let answer = post(&api, key, &visit("2026-01-13T16:00:00")).await;
        assert_eq!(answer.body["errors"][0]["code"], "idempotency-key-invalid");
    }
    let oversize = post(&api, "big", &Value::String("x".repeat(70_000))).await;
    assert_eq!(oversize.body["code"], "body-too-large");
}
