//! Clients over HTTP: who may see, find and change what.

use axum::http::{Method, StatusCode};
use booking::demo;
use booking::settings::Switches;
use serde_json::{Value, json};

use crate::support::{TestApi, visit};

async fn write(api: &TestApi, token: &str, body: Value) -> Value {
    let answer = api.request(Method::POST, "/api/v1/clients", Some(token), Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.body
}

async fn found(api: &TestApi, token: &str, query: &str) -> Vec<String> {
    let answer = api.request(Method::GET, &format!("/api/v1/clients?{query}"), Some(token), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let clients = answer.body["clients"].as_array().expect("clients").iter();
    clients.map(|client| client["name"].as_str().expect("name").to_owned()).collect()
}

#[tokio::test]
async fn a_client_is_written_down_found_and_changed() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let form = json!({ "name": "Әйгерім", "phone": "8 777 123 45 67", "tags": ["VIP"], "health_notes": "аллергия" });
    let client = write(&api, &owner, form.clone()).await;
    assert_eq!(client["phone"], "+77771234567");
    assert_eq!(client["phone_display"], "+7 777 123 45 67");
    assert_eq!((&client["tags"], &client["health_notes"]), (&json!(["vip"]), &json!("аллергия")));
    let again = api.request(Method::POST, "/api/v1/clients", Some(&owner), Some(form)).await;
    assert_eq!((again.status, &again.body["code"]), (StatusCode::CONFLICT, &json!("client-exists")));
    assert_eq!(again.body["client_id"], client["id"]);
    write(&api, &owner, json!({ "name": "Гость" })).await;
    for query in ["search=aigerim", "search=4567", "search=%D0%B0%D0%B9%D0%B3", "tag=vip", "search=%2B7777123"] {
        assert_eq!(found(&api, &owner, query).await, ["Әйгерім"], "{query}");
    }
    assert_eq!(found(&api, &owner, "limit=1").await, ["Гость"]);
    let path = format!("/api/v1/clients/{}", client["id"]);
    let changed = api.request(Method::PATCH, &path, Some(&owner), Some(json!({ "language": "kk" }))).await;
    assert_eq!((&changed.body["language"], &changed.body["name"]), (&json!("kk"), &json!("Әйгерім")));
    for (body, field, code) in [
        (json!({ "phone": "+7 778 123 45 6" }), "phone", "phone-too-short"),
        (json!({ "phone": "88001234567" }), "phone", "phone-service"),
        (json!({ "name": " " }), "name", "field-empty"),
        (json!({ "tags": ["a%b"] }), "tags", "tag-invalid"),
        (json!({ "tags": vec!["a"; 21] }), "tags", "tags-too-many"),
        (json!({ "language": "de" }), "language", "field-invalid"),
        (json!({ "notes": "я".repeat(1_001) }), "notes", "field-too-long"),
        (json!({ "birthday": "2000-01-01" }), "birthday", "field-unknown"),
    ] {
        let refused = api.request(Method::PATCH, &path, Some(&owner), Some(body)).await;
        let error = &refused.body["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{refused:?}");
    }
    for query in ["limit=0", "cursor=x", "tag=a%25", "color=red"] {
        let refused = api.request(Method::GET, &format!("/api/v1/clients?{query}"), Some(&owner), None).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

#[tokio::test]
async fn a_client_is_blocked_merged_and_erased() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let booked = api.post("/api/v1/public/booking", visit("2026-01-15T14:00:00")).await;
    assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    let other = write(&api, &owner, json!({ "name": "Она же", "phone": "87001112233", "notes": "с собакой" })).await;
    let list = api.request(Method::GET, "/api/v1/clients?search=9876543", Some(&owner), None).await;
    let id = list.body["clients"][0]["id"].as_i64().expect("id");
    let post = async |action: &str, body: Option<Value>| {
        api.request(Method::POST, &format!("/api/v1/clients/{id}/{action}"), Some(&owner), body).await
    };
    let blocked = post("block", Some(json!({ "reason": "не пришёл" }))).await;
    assert_eq!(blocked.body["blocked_reason"], "не пришёл");
    let refused = api.post("/api/v1/public/booking", visit("2026-01-16T14:00:00")).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::FORBIDDEN, &json!("client-blocked")));
    assert!(!refused.body.to_string().contains("не пришёл"));
    assert!(post("unblock", None).await.body.get("blocked_at").is_none());
    let empty = post("block", Some(json!({ "reason": " " }))).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);

    let merged = post("merge", Some(json!({ "other_id": other["id"] }))).await;
    assert_eq!((merged.status, &merged.body["notes"]), (StatusCode::OK, &json!("с собакой")));
    let same = post("merge", Some(json!({ "other_id": id }))).await;
    assert_eq!((same.status, &same.body["code"]), (StatusCode::CONFLICT, &json!("client-same")));
    let shown = api.request(Method::GET, &format!("/api/v1/clients/{}", other["id"]), Some(&owner), None).await;
    assert_eq!((&shown.body["id"], &shown.body["other_phones"]), (&json!(id), &json!(["+7 700 111 22 33"])));
    assert_eq!(shown.body["upcoming"][0]["booking_id"], booked.body["booking_id"]);

    let out = post("opt-out", Some(json!({ "purpose": "service" }))).await;
    assert!(out.body["service_stopped_at"].is_string(), "{out:?}");
    let path = format!("/api/v1/bookings/{}", booked.body["booking_id"]);
    let messages = api.request(Method::GET, &path, Some(&owner), None).await;
    for message in messages.body["messages"].as_array().expect("messages") {
        assert_eq!((&message["status"], &message["error_code"]), (&json!("cancelled"), &json!("opted-out")));
        assert_eq!(message["error"], "the recipient does not want any messages");
    }
    let back = post("opt-in", Some(json!({ "purpose": "service" }))).await;
    assert!(back.body.get("service_stopped_at").is_none(), "{back:?}");
    let shown = api.request(Method::GET, &format!("/api/v1/clients/{id}"), Some(&owner), None).await;
    let said: Vec<_> =
        shown.body["consents"].as_array().expect("consents").iter().map(|said| &said["granted"]).collect();
    assert_eq!(said[..2], [&json!(true), &json!(false)]);
    let odd = post("opt-in", Some(json!({ "purpose": "x" }))).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);

    let refused = post("erase", Some(json!({}))).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("client-has-visits")));
    assert!(refused.body["detail"].as_str().expect("detail").contains('1'), "{refused:?}");
    for _ in 0..2 {
        let erased = post("erase", Some(json!({ "cancel_visits": true }))).await;
        assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
        assert!(erased.body["erased_at"].is_string() && erased.body.get("phone").is_none());
    }
    let refused = post("block", Some(json!({ "reason": "x" }))).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("client-erased")));
    assert!(found(&api, &owner, "").await.is_empty());
}

#[tokio::test]
async fn nobody_reaches_into_another_businesss_clients() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let client = write(&api, &owner, json!({ "name": "Дана", "phone": "87771234567" })).await;
    let stranger = api.register("stranger").await;
    assert!(found(&api, &stranger, "").await.is_empty());
    let own = write(&api, &stranger, json!({ "name": "Дана", "phone": "87771234567" })).await;
    assert_ne!(own["id"], client["id"], "a number is one client within a business, not among all");
    let path = format!("/api/v1/clients/{}", client["id"]);
    let into = format!("/api/v1/clients/{}/merge", own["id"]);
    for (method, path, body) in [
        (Method::GET, path.clone(), None),
        (Method::PATCH, path.clone(), Some(json!({ "name": "Иначе" }))),
        (Method::POST, format!("{path}/block"), Some(json!({ "reason": "x" }))),
        (Method::POST, format!("{path}/unblock"), None),
        (Method::POST, format!("{path}/erase"), Some(json!({}))),
        (Method::POST, format!("{path}/opt-out"), Some(json!({ "purpose": "service" }))),
        (Method::POST, into, Some(json!({ "other_id": client["id"] }))),
    ] {
        let answer = api.request(method, &path, Some(&stranger), body).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::NOT_FOUND, &json!("client-not-found")),
            "{path}"
        );
    }
    let untouched = api.request(Method::GET, &path, Some(&owner), None).await;
    assert_eq!(untouched.body["name"], "Дана");
}

#[tokio::test]
async fn with_numbers_hidden_no_answer_about_clients_holds_one() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let form = json!({ "name": "Дана 87012223344", "phone": "87771234567", "notes": "звонить 8 (707) 111-22-33" });
    let client = write(&api, &owner, form).await;
    hide_phones_from_owner(&api).await;
    let path = format!("/api/v1/clients/{}", client["id"]);
    for path in ["/api/v1/clients".to_owned(), "/api/v1/clients?search=dana".to_owned(), path] {
        let answer = api.request(Method::GET, &path, Some(&owner), None).await;
        let digits: String = answer.body.to_string().chars().filter(char::is_ascii_digit).collect();
        for number in ["7012223344", "7771234567", "7071112233"] {
            assert!(!digits.contains(number), "{path}: {}", answer.body);
        }
        assert!(answer.body.to_string().contains("67"), "the last two digits tell them apart");
    }
    for typed in ["4567", "7771234567"] {
        assert!(found(&api, &owner, &format!("search={typed}")).await.is_empty(), "{typed}");
    }
}

/// Owners see everything, so the demo's owner becomes a manager who does not.
async fn hide_phones_from_owner(api: &TestApi) {
    let mut tx = api.platform.db.begin().await.expect("transaction");
    db::execute!(&mut tx, "update users set role = 'MANAGER' where email = $1", demo::OWNER.0).expect("role");
    let switches = serde_json::to_string(&Switches { phones: false, ..Switches::ALL }).expect("switches");
    db::execute!(
        &mut tx,
        "update businesses set settings = $1 where subdomain = 'demo'",
        format!("{{\"staff\":{{\"manager\":{switches}}}}}"),
    )
    .expect("settings");
    tx.commit().await.expect("commit");
}
