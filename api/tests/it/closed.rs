//! A business that is closed: what each route is to its clients.

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, NOW_MS, TestApi, visit};

/// A client with a link to one visit and a session with another.
struct Client {
    link: String,
    session: String,
    own: String,
}

impl Client {
    async fn of(api: &TestApi) -> Self {
        let booked = api.post("/api/v1/public/booking", visit("2026-01-15T14:00:00")).await;
        assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
        let text = newest(api, "confirmation").await;
        let link = text.split_whitespace().find_map(|word| word.strip_prefix("http://api.test")).expect("a link");
        let other = api.post("/api/v1/public/booking", visit("2026-01-16T14:00:00")).await;
        let own = format!("/api/v1/client/bookings/{}", other.body["booking_id"]);
        let session = sign_in(api).await;
        Self { link: link.to_owned(), session, own }
    }
}

async fn newest(api: &TestApi, kind: &str) -> String {
    let mut connection = api.platform.db.read().await.expect("database");
    let sql = "select text from outbox where kind = $1 order by id desc limit 1";
    db::fetch_one!(&mut connection, (String,), sql, kind).expect("a message").0
}

/// Signs the client in by a code; gives the access token of the session, exchanged once.
async fn sign_in(api: &TestApi) -> String {
    let ask = json!({ "subdomain": "demo", "phone": "87779876543" });
    let sent = api.post("/api/v1/client/code", ask).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{sent:?}");
    let code: String = newest(api, "code").await.chars().take(6).collect();
    let form = json!({ "subdomain": "demo", "phone": "87779876543", "code": code });
    let tokens = api.post("/api/v1/client/login", form).await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
    let refresh = json!({ "refresh_token": tokens.body["refresh_token"] });
    let next = api.post("/api/v1/client/refresh-token", refresh).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    next.body["access_token"].as_str().expect("token").to_owned()
}

#[track_caller]
fn is_closed(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("business-closed")), "{answer:?}");
}

#[track_caller]
fn is_fine(answer: &Answer) -> &Value {
    assert!(answer.status.is_success(), "{answer:?}");
    &answer.body
}

/// What everybody sees: who the business is, and that it cannot be booked.
async fn public_routes(api: &TestApi) {
    let business = "/api/v1/public/business/demo";
    assert_eq!(is_fine(&api.get(business).await)["takes_bookings"], false);
    for list in ["services", "masters"] {
        is_fine(&api.get(&format!("{business}/{list}")).await);
    }
    is_closed(&api.get(&format!("{business}/availability?date=2026-01-15")).await);
    is_closed(&api.post("/api/v1/public/booking", visit("2026-01-15T16:00:00")).await);
    let hold = json!({ "subdomain": "demo", "items": [{ "service_id": 1 }], "start": "2026-01-15T16:00:00" });
    is_closed(&api.post("/api/v1/public/holds", hold).await);
    is_fine(&api.request(Method::DELETE, "/api/v1/public/holds/none?subdomain=demo", None, None).await);
}

async fn routes_of_a_link(api: &TestApi, link: &str) {
    let shown = api.get(link).await;
    assert!(is_fine(&shown).get("can_move_until").is_none() && shown.body.get("can_cancel_until").is_some());
    is_closed(&api.get(&format!("{link}/availability?date=2026-01-15")).await);
    is_closed(&api.post(&format!("{link}/move"), json!({ "start": "2026-01-15T16:00:00" })).await);
    let said = api.post(&format!("{link}/confirm"), Value::Null).await;
    assert_eq!(is_fine(&said)["is_confirmed_by_client"], true);
    let cancelled = api.post(&format!("{link}/cancel"), Value::Null).await;
    assert_eq!(is_fine(&cancelled)["status"], "cancelled");
}

async fn routes_of_a_session(api: &TestApi, token: &str, own: &str) {
    let ask = async |method, path: &str, body| api.request(method, path, Some(token), body).await;
    let listed = ask(Method::GET, "/api/v1/client/bookings", None).await;
    assert_eq!(is_fine(&listed)["bookings"].as_array().map(Vec::len), Some(2));
    let shown = ask(Method::GET, own, None).await;
    assert!(is_fine(&shown).get("move_until").is_none() && shown.body.get("cancel_until").is_some());
    is_closed(&ask(Method::GET, &format!("{own}/availability?date=2026-01-16"), None).await);
    let to = json!({ "start": "2026-01-16T16:00:00" });
    is_closed(&ask(Method::POST, &format!("{own}/move"), Some(to)).await);
    let cancelled = ask(Method::POST, &format!("{own}/cancel"), Some(json!({}))).await;
    assert_eq!(is_fine(&cancelled)["status"], "cancelled");
}

async fn set(api: &TestApi, sql: &'static str) {
    let mut tx = api.platform.db.begin().await.expect("transaction");
    tx.run_script(sql).await.expect("statement");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn a_closed_business_lets_its_clients_see_and_cancel_and_nobody_book() {
    let suspended = "update businesses set state = 'suspended'";
    for close in [suspended, "update businesses set state = 'trial', trial_ends_at = 1"] {
        let api = TestApi::start().await;
        let client = Client::of(&api).await;
        set(&api, close).await;
        public_routes(&api).await;
        // Another code a while later, by which somebody signs in who had not.
        api.clock.store(NOW_MS + 120_000, Ordering::Relaxed);
        let session = sign_in(&api).await;
        routes_of_a_link(&api, &client.link).await;
        routes_of_a_session(&api, &client.session, &client.own).await;
        routes_of_a_session_after(&api, &session, &client.own).await;
        // Its staff is shut out of a suspended one, and reads on after a trial.
        let login = json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 });
        let owner = api.post("/api/v1/login", login).await.body["access_token"].as_str().map(str::to_owned);
        let read = api.request(Method::GET, "/api/v1/bookings", owner.as_deref(), None).await;
        assert_eq!(read.status == StatusCode::OK, close != suspended, "{read:?}");
    }
}

async fn routes_of_a_session_after(api: &TestApi, token: &str, own: &str) {
    let shown = api.request(Method::GET, own, Some(token), None).await;
    assert_eq!(is_fine(&shown)["status"], "cancelled");
}

#[tokio::test]
async fn what_was_booked_before_is_answered_again_under_its_key() {
    let api = TestApi::start().await;
    let ask = async || {
        let request = axum::http::Request::post("/api/v1/public/booking")
            .header("content-type", "application/json")
            .header("idempotency-key", "once")
            .body(axum::body::Body::from(visit("2026-01-15T14:00:00").to_string()));
        api.send(request.expect("request")).await
    };
    let booked = ask().await;
    assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    set(&api, "update businesses set state = 'suspended'").await;
    let again = ask().await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &booked.body), "it is booked all the same");
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

#[tokio::test]
async fn the_times_for_a_move_are_told_to_whoever_may_move_it() {
    let api = TestApi::start().await;
    let client = Client::of(&api).await;
    let times = |answer: &Answer| -> Vec<String> {
        let slots = is_fine(answer)["available_slots"].as_array().expect("times").clone();
        slots.iter().map(|time| time.as_str().expect("a time").to_owned()).collect()
    };
    let half_past = "14:30".to_owned();
    let public = "/api/v1/public/business/demo/availability?service_id=1&master_id=1&date=2026-01-15";
    assert!(!times(&api.get(public).await).contains(&half_past));
    let by_link = api.get(&format!("{}/availability?date=2026-01-15", client.link)).await;
    assert!(times(&by_link).contains(&half_past), "{by_link:?}");
    for hidden in ["Иван", "7779876543"] {
        assert!(!by_link.body.to_string().contains(hidden), "{by_link:?}");
    }
    // The visit of the other day is not theirs to move by this link.
    let other_day = api.get(&format!("{}/availability?date=2026-01-16", client.link)).await;
    assert!(!times(&other_day).contains(&half_past), "{other_day:?}");
    let path = format!("{}/availability?from=2026-01-15&to=2026-01-16", client.own);
    let by_session = api.request(Method::GET, &path, Some(&client.session), None).await;
    assert_eq!(is_fine(&by_session)["days"].as_array().map(Vec::len), Some(2));
    let owner = api.login(demo::OWNER).await;
    let id = client.own.rsplit('/').next().expect("an id");
    for query in ["date=2026-01-16", "date=2026-01-16&master_id=1", "date=2026-01-16&items=1:1"] {
        let path = format!("/api/v1/bookings/{id}/availability?{query}");
        let by_staff = api.request(Method::GET, &path, Some(&owner), None).await;
        assert!(times(&by_staff).contains(&half_past), "{query}: {by_staff:?}");
    }
    let both = format!("/api/v1/bookings/{id}/availability?date=2026-01-16&items=1:1&master_id=1");
    let refused = api.request(Method::GET, &both, Some(&owner), None).await;
    assert_eq!(refused.body["errors"][0]["field"], "items", "{refused:?}");
    let nobodys = api.get("/api/v1/visit/0123456789abcdef0123456789abcdef/availability?date=2026-01-15").await;
    assert_eq!((nobodys.status, &nobodys.body["code"]), (StatusCode::NOT_FOUND, &json!("visit-not-found")));
}
