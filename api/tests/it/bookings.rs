//! The bookings of one's own business, and nobody else's.

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{NOW_MS, TestApi, visit};

async fn book(api: &TestApi, booking_date: &str) -> i64 {
    let answer = api.post("/api/v1/public/booking", visit(booking_date)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.body["booking_id"].as_i64().expect("id")
}

#[tokio::test]
async fn pages_follow_each_other_without_holes_or_doubles() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    for day in 13..18 {
        let mut visit = visit(&format!("2026-01-{day}T10:00:00"));
        visit["client_phone"] = json!(format!("+77770000{day:03}"));
        assert_eq!(api.post("/api/v1/public/booking", visit).await.status, StatusCode::CREATED);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/bookings?limit=2".to_owned();
    loop {
        let page = api.request(Method::GET, &path, Some(&owner), None).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        for booking in page.body["bookings"].as_array().expect("bookings") {
            seen.push(booking["id"].as_i64().expect("id"));
        }
        // Bookings that come in between do not move the pages.
        if seen.len() == 2 {
            book(&api, "2026-01-13T16:00:00").await;
        }
        let Value::String(cursor) = &page.body["next_cursor"] else { break };
        path = format!("/api/v1/bookings?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let day = api.request(Method::GET, "/api/v1/bookings?date=2026-01-13", Some(&owner), None).await;
    assert_eq!(day.body["bookings"].as_array().map(Vec::len), Some(2));
    for query in ["limit=0", "limit=201", "cursor=x", "date=tomorrow", "color=red", "limit=many"] {
        let answer = api.request(Method::GET, &format!("/api/v1/bookings?{query}"), Some(&owner), None).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[tokio::test]
async fn an_owner_sees_a_booking_with_its_messages() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let id = book(&api, "2026-01-15T14:00:00").await;
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&owner), None).await;
    assert_eq!(shown.body["client_phone"], "+77779876543");
    let messages = shown.body["messages"].as_array().expect("messages");
    let kinds: Vec<_> = messages.iter().map(|message| message["kind"].as_str().expect("kind")).collect();
    assert_eq!(kinds, ["confirmation", "reminder", "reminder"]);
    assert!(messages.iter().all(|message| message["status"] == "planned"));
}

#[tokio::test]
async fn a_cancelled_visit_frees_its_time_and_its_reminders() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let id = book(&api, "2026-01-15T14:00:00").await;
    let path = format!("/api/v1/booking/{id}");
    let cancelled = api.request(Method::DELETE, &path, Some(&owner), None).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (StatusCode::OK, &json!("cancelled")));
    let again = api.request(Method::DELETE, &path, Some(&owner), None).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::CONFLICT, &json!("booking-closed")));
    let shown = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&owner), None).await;
    for message in shown.body["messages"].as_array().expect("messages") {
        let expected = if message["kind"] == "cancellation" { "planned" } else { "cancelled" };
        assert_eq!(message["status"], expected, "{message}");
    }
    book(&api, "2026-01-15T14:00:00").await;
}

#[tokio::test]
async fn a_visit_that_is_near_can_only_be_cancelled_on_purpose() {
    let api = TestApi::start().await;
    let id = book(&api, "2026-01-12T14:00:00").await;
    // 12:30, an hour and a half before the visit.
    api.clock.store(NOW_MS + 4 * 3_600_000 + 30 * 60_000, Ordering::Relaxed);
    let owner = api.login(demo::OWNER).await;
    let path = format!("/api/v1/booking/{id}");
    let late = api.request(Method::DELETE, &path, Some(&owner), None).await;
    assert_eq!((late.status, &late.body["code"]), (StatusCode::CONFLICT, &json!("cancellation-too-late")));
    assert!(late.body["detail"].as_str().expect("detail").contains("2 h"), "{late:?}");
    let meant = api.request(Method::DELETE, &format!("{path}?late=true"), Some(&owner), None).await;
    assert_eq!(meant.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_reaches_into_another_business() {
    let api = TestApi::start().await;
    let id = book(&api, "2026-01-15T14:00:00").await;
    let stranger = api.register("stranger").await;
    let list = api.request(Method::GET, "/api/v1/bookings", Some(&stranger), None).await;
    assert_eq!(list.body["bookings"], json!([]));
    for (method, path) in [(Method::GET, "bookings"), (Method::DELETE, "booking")] {
        let answer = api.request(method, &format!("/api/v1/{path}/{id}"), Some(&stranger), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::NOT_FOUND, &json!("booking-not-found")));
    }
    let owner = api.login(demo::OWNER).await;
    let mine = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&owner), None).await;
    assert_eq!(mine.body["status"], "confirmed");
}

#[tokio::test]
async fn the_operator_is_no_tenant() {
    let api = TestApi::start().await;
    book(&api, "2026-01-15T14:00:00").await;
    let admin = api.login(demo::ADMIN).await;
    let list = api.request(Method::GET, "/api/v1/bookings", Some(&admin), None).await;
    assert_eq!((list.status, &list.body["code"]), (StatusCode::FORBIDDEN, &json!("not-allowed")));
}
