//! Bookings that are posted more than once.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, registration, visit};

const BOOKING: &str = "/api/v1/public/booking";

async fn post(api: &TestApi, key: &str, body: &Value) -> Answer {
    post_to(api, BOOKING, key, body).await
}

async fn post_to(api: &TestApi, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(path)
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

#[tokio::test]
async fn every_operation_that_creates_takes_a_key_and_says_so() {
    let document = serde_json::to_value(api::router::document()).expect("document");
    let mut creating = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let status = |status: &str| operation["responses"].get(status).is_some();
            let takes_key = operation["parameters"].as_array().is_some_and(|parameters| {
                parameters.iter().filter(|parameter| parameter["name"] == "Idempotency-Key").count() == 1
            });
            assert_eq!(takes_key, method == "post" && (status("201") || status("202")), "{method} {path}");
            creating += usize::from(takes_key);
        }
    }
    assert!(creating >= 2, "{creating}");
}

#[tokio::test]
async fn a_repeated_registration_gets_its_tokens_again_and_the_database_does_not_hold_them() {
    let api = TestApi::start().await;
    let path = "/api/v1/register";
    let first = post_to(&api, path, "once", &registration("aigerim")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let again = post_to(&api, path, "once", &registration("aigerim")).await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    let kept: Vec<(Vec<u8>,)> = {
        let mut connection = api.platform.db.read().await.expect("database");
        db::fetch_all!(&mut connection, (Vec<u8>,), "select answer from idempotency_keys").expect("rows")
    };
    let [(kept,)] = kept.as_slice() else { panic!("{} rows", kept.len()) };
    let token = first.body["refresh_token"].as_str().expect("token").as_bytes();
    assert!(!kept.windows(token.len()).any(|window| window == token));
}

/// Posts with a token and a key, as somebody who asks twice.
async fn post_as(api: &TestApi, token: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("accept-language", "en")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", "once")
        .body(Body::from(body.to_string()));
    api.send(request.expect("request")).await
}

async fn run_sql(api: &TestApi, sql: &'static str) {
    let mut tx = api.platform.db.begin().await.expect("transaction");
    tx.run_script(sql).await.expect("statement");
    tx.commit().await.expect("commit");
}

/// What was answered before is not answered again, and `status` is.
async fn is_no_longer_answered(api: &TestApi, token: &str, path: &str, body: &Value, status: u16, code: &str) {
    let refused = post_as(api, token, path, body).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (status, &json!(code)), "{refused:?}");
    assert!(refused.headers.get("idempotency-replayed").is_none());
}

#[tokio::test]
async fn whoever_lost_a_right_gets_no_answer_that_they_got_with_it() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let (keys, key) = ("/api/v1/api-keys", json!({ "name": "site", "scopes": ["bookings:write"] }));
    let made = post_as(&api, &owner, keys, &key).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(post_as(&api, &owner, keys, &key).await.body["key"], made.body["key"], "their own answer");
    let program = made.body["key"].as_str().expect("key").to_owned();
    let form = json!({ "client_phone": "87001112233", "client_name": "Дана", "start": "2026-01-16T14:30:00",
        "items": [{ "service_id": 1, "master_id": 1 }] });
    let booked = post_as(&api, &program, "/api/v1/bookings", &form).await;
    assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    assert_eq!(post_as(&api, &program, "/api/v1/bookings", &form).await.headers["idempotency-replayed"], "true");

    // Another role: what it may not do is refused, and a secret is not told.
    run_sql(&api, "update users set role = 'MANAGER' where role = 'OWNER'").await;
    is_no_longer_answered(&api, &owner, keys, &key, 422, "idempotency-key-reused").await;
    run_sql(&api, "update users set role = 'OWNER' where role = 'MANAGER'").await;
    // Fewer rights of a key, and none.
    run_sql(&api, "update api_keys set scopes = 'bookings:read'").await;
    is_no_longer_answered(&api, &program, "/api/v1/bookings", &form, 422, "idempotency-key-reused").await;
    run_sql(&api, "update api_keys set revoked_at = 1").await;
    is_no_longer_answered(&api, &program, "/api/v1/bookings", &form, 401, "token-invalid").await;
    // A business that was closed, and a session that has ended.
    run_sql(&api, "update businesses set state = 'suspended'").await;
    is_no_longer_answered(&api, &owner, keys, &key, 403, "business-suspended").await;
    run_sql(&api, "update businesses set state = 'active'; update sessions set ended_at = 1").await;
    is_no_longer_answered(&api, &owner, keys, &key, 401, "session-ended").await;
}

#[tokio::test]
async fn a_number_that_was_hidden_meanwhile_is_not_shown_again() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    run_sql(&api, "update users set role = 'MANAGER' where role = 'OWNER'").await;
    let form = json!({ "phone": "87001112233", "name": "Дана" });
    let made = post_as(&api, &owner, "/api/v1/clients", &form).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert!(made.body.to_string().contains("77001112233"));
    let hidden = r#"{"staff":{"manager":{"phones":false,"calendars":true,"money":true}}}"#;
    let mut tx = api.platform.db.begin().await.expect("transaction");
    db::execute!(&mut tx, "update businesses set settings = $1", hidden).expect("settings");
    tx.commit().await.expect("commit");
    is_no_longer_answered(&api, &owner, "/api/v1/clients", &form, 422, "idempotency-key-reused").await;
}

/// The state in which a process leaves a key that dies after it made something and before it answered.
const DIED: &str = "update idempotency_keys set status = 102, answer = x'0000000000000001'";

#[tokio::test]
async fn what_a_process_made_before_it_died_is_answered_and_not_made_again() {
    for (path, form, rows) in [
        (
            "/api/v1/whatsapp/bulk",
            json!({ "text": "Скидка", "phones": ["87771112233"] }),
            "select count(*) from bulk_jobs",
        ),
        (
            "/api/v1/whatsapp/messages",
            json!({ "text": "Ждём вас", "phone": "87771112233" }),
            "select count(*) from outbox where kind = 'direct'",
        ),
    ] {
        let api = TestApi::start().await;
        run_sql(&api, "insert into contacts (account_id, phone, last_inbound_at) values (1, '77771112233', 1)").await;
        let owner = api.login(demo::OWNER).await;
        let made = post_as(&api, &owner, path, &form).await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
        run_sql(&api, DIED).await;
        let soon = post_as(&api, &owner, path, &form).await;
        assert_eq!((soon.status, &soon.body["code"]), (StatusCode::CONFLICT, &json!("request-under-way")), "{soon:?}");
        api.clock.fetch_add(61_000, std::sync::atomic::Ordering::Relaxed);
        let again = post_as(&api, &owner, path, &form).await;
        assert_eq!((again.status, &again.body), (StatusCode::ACCEPTED, &made.body));
        assert!(again.headers.get("idempotency-replayed").is_none(), "it was never answered");
        assert_eq!(post_as(&api, &owner, path, &form).await.headers["idempotency-replayed"], "true");
        let mut connection = api.platform.db.read().await.expect("database");
        assert_eq!(db::fetch_one!(&mut connection, (i64,), rows).expect("a count").0, 1, "{path}");
    }
}

#[tokio::test]
async fn what_was_made_before_a_death_and_cannot_be_told_again_is_not_made_again() {
    let service = json!({ "name": { "ru": "Уход" }, "price_tiyn": 100, "duration_minutes": 30 });
    let invitation = json!({ "phone": "87001112233", "role": "MANAGER" });
    let key = json!({ "name": "site", "scopes": ["bookings:write"] });
    let time_off = json!({ "master_id": 1, "from": "2026-02-16", "to": "2026-02-17" });
    for (path, form, rows) in [
        ("services", service, "select count(*) from services"),
        ("masters", json!({ "full_name": "Дана" }), "select count(*) from masters"),
        ("clients", json!({ "name": "Дана" }), "select count(*) from clients"),
        ("invitations", invitation, "select count(*) from invitations"),
        ("api-keys", key, "select count(*) from api_keys"),
        ("time-off", time_off, "select count(*) from time_off"),
    ] {
        let api = TestApi::start().await;
        let path = format!("/api/v1/{path}");
        let owner = api.login(demo::OWNER).await;
        let count = async || {
            let mut connection = api.platform.db.read().await.expect("database");
            db::fetch_one!(&mut connection, (i64,), rows).expect("a count").0
        };
        let before = count().await;
        let made = post_as(&api, &owner, &path, &form).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(count().await, before + 1, "{path}");
        run_sql(&api, DIED).await;
        for _ in 0..2 {
            api.clock.fetch_add(61_000, std::sync::atomic::Ordering::Relaxed);
            let again = post_as(&api, &owner, &path, &form).await;
            assert_eq!((again.status, &again.body["code"]), (StatusCode::CONFLICT, &json!("done-before")), "{again:?}");
        }
        assert_eq!(count().await, before + 1, "{path}");
    }
}

#[tokio::test]
async fn businesses_do_not_share_keys_and_what_is_no_creation_takes_none() {
    let api = TestApi::start().await;
    let made = post(&api, "same", &visit("2026-01-13T14:00:00")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let mut elsewhere = visit("2026-01-13T14:00:00");
    elsewhere["subdomain"] = json!("unknown");
    assert_eq!(post(&api, "same", &elsewhere).await.body["code"], "business-not-found");
    let login = json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 });
    for _ in 0..2 {
        let answer = post_to(&api, "/api/v1/login", "same", &login).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.headers.get("idempotency-replayed").is_none());
    }
}
