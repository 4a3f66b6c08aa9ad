//! A visit's own link, which its client has and nobody else.

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, NOW_MS, TestApi, visit};

const HOUR_MS: i64 = 3_600_000;

/// Books a visit; gives its number and the path that its link leads to.
async fn booked(api: &TestApi, booking_date: &str) -> (i64, String) {
    let answer = api.post("/api/v1/public/booking", visit(booking_date)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let id = answer.body["booking_id"].as_i64().expect("id");
    (id, link_in(api, id, "confirmation").await)
}

/// The path of the link in a message about a visit.
async fn link_in(api: &TestApi, booking_id: i64, kind: &str) -> String {
    let (text,) = db::fetch_one!(
        &mut api.platform.db.read().await.expect("database"),
        (String,),
        "select text from outbox where booking_id = $1 and kind = $2 order by id desc limit 1",
        booking_id,
        kind,
    )
    .expect("the message");
    let link = text.split_whitespace().find_map(|word| word.strip_prefix("http://api.test"));
    link.unwrap_or_else(|| panic!("a link in {text}")).to_owned()
}

async fn act(api: &TestApi, path: &str, what: &str, body: Value) -> Answer {
    api.post(&format!("{path}/{what}"), body).await
}

#[tokio::test]
async fn a_client_sees_confirms_moves_and_cancels_by_their_link() {
    let api = TestApi::start().await;
    let (id, path) = booked(&api, "2026-01-15T14:00:00").await;
    let shown = api.get(&path).await;
    assert_eq!((shown.status, &shown.body["first_name"]), (StatusCode::OK, &json!("Иван")), "{shown:?}");
    assert_eq!(shown.headers["content-type"], "application/json");
    for hidden in ["Иванов", "7779876543", "Первый визит", "booking_id"] {
        assert!(!shown.body.to_string().contains(hidden), "{hidden} in {shown:?}");
    }
    let said = act(&api, &path, "confirm", Value::Null).await;
    assert_eq!((said.status, &said.body["is_confirmed_by_client"]), (StatusCode::OK, &json!(true)), "{said:?}");
    // Within its own time, as nobody else could.
    let moved = act(&api, &path, "move", json!({ "start": "2026-01-15T14:30:00", "version": 1 })).await;
    assert_eq!(
        (moved.status, &moved.body["booking_date"]),
        (StatusCode::OK, &json!("2026-01-15T14:30:00")),
        "{moved:?}"
    );
    assert_eq!(moved.body["is_confirmed_by_client"], false, "they have not said that they come at the new time");
    let stale = act(&api, &path, "move", json!({ "start": "2026-01-15T16:00:00", "version": 1 })).await;
    assert_eq!((stale.status, &stale.body["code"]), (StatusCode::CONFLICT, &json!("booking-changed")), "{stale:?}");
    assert!(!stale.body.to_string().contains("Иванов") && !stale.body.to_string().contains("7779876543"), "{stale:?}");
    let taken = booked(&api, "2026-01-15T17:00:00").await;
    let refused = act(&api, &path, "move", json!({ "start": "2026-01-15T17:30:00" })).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("slot-taken")), "{refused:?}");
    assert!(!refused.body["alternatives"].as_array().expect("alternatives").is_empty());
    // The link in the message about the move leads to the same visit.
    let again = link_in(&api, id, "change").await;
    assert_ne!(again, path);
    let cancelled = act(&api, &again, "cancel", Value::Null).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (StatusCode::OK, &json!("cancelled")), "{cancelled:?}");
    assert!(cancelled.body.get("can_move_until").is_none());
    let twice = act(&api, &path, "cancel", Value::Null).await;
    assert!(twice.status.is_client_error(), "{twice:?}");
    assert_eq!(api.get(&taken.1).await.body["status"], "confirmed", "one link, one visit");
    // The log knows who it was.
    let owner = api.login(demo::OWNER).await;
    let log = api.request(Method::GET, &format!("/api/v1/bookings/{id}"), Some(&owner), None).await;
    let steps = log.body["transitions"].as_array().expect("steps");
    assert_eq!(steps.iter().map(|step| &step["to"]).collect::<Vec<_>>(), ["confirmed", "confirmed", "cancelled"]);
}

#[tokio::test]
async fn a_link_ends_its_windows_in_time_and_dies_with_the_visit() {
    let api = TestApi::start().await;
    let (_, path) = booked(&api, "2026-01-12T14:00:00").await;
    // An hour before the visit it is too late for both, and the answer says whom to call.
    api.clock.store(NOW_MS + 5 * HOUR_MS, Ordering::Relaxed);
    let shown = api.get(&path).await;
    assert!(shown.body.get("can_cancel_until").is_none(), "{shown:?}");
    for (what, body) in [("cancel", Value::Null), ("move", json!({ "start": "2026-01-13T14:00:00" }))] {
        let late = act(&api, &path, what, body).await;
        assert!(late.status.is_client_error(), "{late:?}");
        assert!(late.body["detail"].as_str().is_some_and(|detail| detail.contains("701")), "{late:?}");
    }
    // From 14:00 to 15:00 in Almaty: over is over, to the second.
    api.clock.store(NOW_MS + 7 * HOUR_MS - 1_000, Ordering::Relaxed);
    assert_eq!(api.get(&path).await.status, StatusCode::OK);
    api.clock.store(NOW_MS + 7 * HOUR_MS, Ordering::Relaxed);
    for answer in [api.get(&path).await, act(&api, &path, "confirm", Value::Null).await] {
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::NOT_FOUND, &json!("visit-not-found")));
    }
}

#[tokio::test]
async fn tokens_of_nobody_lead_nowhere_and_guessing_is_limited() {
    let api = TestApi::with_limit(Some(20)).await;
    let (_, path) = booked(&api, "2026-01-15T14:00:00").await;
    let other = format!("{}{}", &path[..path.len() - 1], if path.ends_with('0') { '1' } else { '0' });
    for guess in [other.as_str(), "/api/v1/visit/x", "/api/v1/visit/0123456789abcdef0123456789abcdef"] {
        let shown = api.get(guess).await;
        assert_eq!((shown.status, &shown.body["code"]), (StatusCode::NOT_FOUND, &json!("visit-not-found")));
        for (what, body) in
            [("cancel", Value::Null), ("confirm", Value::Null), ("move", json!({ "start": "2026-01-15T16:00:00" }))]
        {
            assert_eq!(act(&api, guess, what, body).await.status, StatusCode::NOT_FOUND, "{guess} {what}");
        }
    }
    let mut limited = None;
    for _ in 0..20 {
        limited = Some(api.get(&other).await).filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
        if limited.is_some() {
            break;
        }
    }
    let limited = limited.expect("whoever guesses on is refused");
    assert!(limited.headers.contains_key("retry-after"), "{limited:?}");
}
