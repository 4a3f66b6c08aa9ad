//! What the staff and clients do to visits, over HTTP.

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, visit};

async fn book(api: &TestApi, booking_date: &str) -> i64 {
    let answer = api.post("/api/v1/public/booking", visit(booking_date)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.body["booking_id"].as_i64().expect("id")
}

async fn act(api: &TestApi, token: &str, path: &str, body: Value) -> Answer {
    api.request(Method::POST, path, Some(token), Some(body)).await
}

#[tokio::test]
async fn a_stale_version_is_told_both() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let id = book(&api, "2026-01-15T14:00:00").await;
    let arrive = format!("/api/v1/bookings/{id}/arrive");
    let none = act(&api, &owner, &arrive, json!({})).await;
    assert_eq!((none.status, &none.body["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("version")));
    let done = act(&api, &owner, &arrive, json!({ "version": 1 })).await;
    assert_eq!((done.status, &done.body["status"]), (StatusCode::OK, &json!("arrived")), "{done:?}");
    assert_eq!(done.headers["etag"], "\"2\"");
    let stale = act(&api, &owner, &arrive, json!({ "version": 1 })).await;
    assert_eq!((stale.status, &stale.body["code"]), (StatusCode::CONFLICT, &json!("booking-changed")));
    assert_eq!((&stale.body["sent_version"], &stale.body["current"]["version"]), (&json!(1), &json!(2)));
    assert_eq!(stale.body["current"]["status"], "arrived");
    let early = act(&api, &owner, &format!("/api/v1/bookings/{id}/complete"), json!({ "version": 2 })).await;
    assert_eq!((early.status, &early.body["code"]), (StatusCode::CONFLICT, &json!("visit-not-begun")));
    let undone = act(&api, &owner, &format!("/api/v1/bookings/{id}/reopen"), json!({ "version": 2 })).await;
    assert_eq!(undone.body["status"], "confirmed");
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&owner), None).await;
    let steps: Vec<_> = shown.body["transitions"].as_array().expect("steps").iter().map(|step| &step["to"]).collect();
    assert_eq!(steps, ["confirmed", "arrived", "confirmed"]);
}

#[tokio::test]
async fn the_staff_books_moves_and_lists() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let walk_in = json!({ "items": [{ "service_id": 1 }], "start": "2026-01-15T10:00:00" });
    let booked = act(&api, &owner, "/api/v1/bookings", walk_in).await;
    assert_eq!((booked.status, &booked.body["client_name"]), (StatusCode::CREATED, &Value::Null), "{booked:?}");
    let id = booked.body["id"].as_i64().expect("id");
    let taken = book(&api, "2026-01-16T14:00:00").await;
    let to = |start: &str, version: i64| json!({ "start": start, "master_id": 1, "version": version });
    let path = format!("/api/v1/bookings/{id}/move");
    let refused = act(&api, &owner, &path, to("2026-01-16T14:00:00", 1)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("slot-taken")), "{refused:?}");
    assert!(!refused.body["alternatives"].as_array().expect("alternatives").is_empty());
    let moved = act(&api, &owner, &path, to("2026-01-16T15:00:00", 1)).await;
    assert_eq!((moved.status, &moved.body["version"]), (StatusCode::OK, &json!(2)), "{moved:?}");
    let stale = act(&api, &owner, &path, to("2026-01-16T16:00:00", 1)).await;
    assert_eq!((&stale.body["code"], &stale.body["current"]["version"]), (&json!("booking-changed"), &json!(2)));
    let over = json!({ "client_phone": "87001112233", "client_name": "Дана", "start": "2026-01-16T14:30:00",
        "items": [{ "service_id": 1, "master_id": 1 }], "overbook": true });
    assert_eq!(act(&api, &owner, "/api/v1/bookings", over).await.status, StatusCode::CREATED);
    let list = |query: &'static str| {
        let (api, owner) = (&api, &owner);
        async move {
            let answer = api.request(Method::GET, &format!("/api/v1/bookings?{query}"), Some(owner), None).await;
            answer.body["bookings"].as_array().expect("bookings").len()
        }
    };
    assert_eq!(list("from=2026-01-16&to=2026-01-16").await, 3);
    assert_eq!(list("to=2026-01-15").await, 0);
    let cancelled = api.request(Method::DELETE, &format!("/api/v1/booking/{taken}"), Some(&owner), None).await;
    assert_eq!(cancelled.status, StatusCode::OK);
    assert_eq!(list("status=cancelled").await, 1);
}

#[tokio::test]
async fn a_held_time_becomes_its_visitors_visit() {
    let api = TestApi::start().await;
    let form = json!({ "subdomain": "demo", "start": "2026-01-15T14:00:00",
        "items": [{ "service_id": 1, "master_id": 1 }, { "service_id": 2 }] });
    let held = api.post("/api/v1/public/holds", form).await;
    assert_eq!(held.status, StatusCode::CREATED, "{held:?}");
    let other = api.post("/api/v1/public/booking", visit("2026-01-15T14:30:00")).await;
    assert_eq!((other.status, &other.body["code"]), (StatusCode::CONFLICT, &json!("slot-taken")));
    let booking = json!({ "subdomain": "demo", "client_phone": "+77779876543", "client_name": "Иван",
        "hold_token": held.body["hold_token"] });
    let booked = api.post("/api/v1/public/booking", booking.clone()).await;
    assert_eq!((booked.status, &booked.body["booking_date"]), (StatusCode::CREATED, &json!("2026-01-15T14:00:00")));
    assert!(booked.body["price_tiyn"].as_i64().expect("price") > 0);
    let again = api.post("/api/v1/public/booking", booking).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::CONFLICT, &json!("hold-over")));
    let gone = api.request(Method::DELETE, "/api/v1/public/holds/nothing?subdomain=demo", None, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let missing = json!({ "subdomain": "demo", "client_phone": "+77779876543", "client_name": "Иван" });
    let refused = api.post("/api/v1/public/booking", missing).await;
    assert_eq!(refused.body["errors"][0]["field"], "service_id");
}

#[tokio::test]
async fn a_wrong_link_leads_nowhere() {
    let api = TestApi::start().await;
    book(&api, "2026-01-15T14:00:00").await;
    let shown = api.get("/api/v1/visit/0123456789abcdef0123456789abcdef").await;
    assert_eq!((shown.status, &shown.body["code"]), (StatusCode::NOT_FOUND, &json!("visit-not-found")));
    let cancelled = api.request(Method::POST, "/api/v1/visit/x/cancel", None, None).await;
    assert_eq!(cancelled.status, StatusCode::NOT_FOUND);
}
