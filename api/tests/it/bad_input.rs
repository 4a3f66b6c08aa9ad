//! Wrong requests: each has a clear problem, and nothing changes.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, visit};

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.body["type"], format!("/api/problems/{code}"));
    assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().expect("request id"));
    assert!(!answer.body["title"].as_str().expect("title").is_empty());
    assert!(!answer.body["detail"].as_str().expect("detail").is_empty());
}

async fn refused(change: impl FnOnce(&mut Value)) -> Answer {
    let api = TestApi::start().await;
    let mut body = visit("2026-01-13T14:00:00");
    change(&mut body);
    api.post("/api/v1/public/booking", body).await
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let api = TestApi::start().await;
    for path in ["", "/services", "/masters", "/availability?master_id=1&date=2026-01-13"] {
        let answer = api.get(&format!("/api/v1/public/business/nowhere{path}")).await;
        assert_problem(&answer, 404, "business-not-found");
    }
    assert_problem(&refused(|body| body["subdomain"] = json!("nowhere")).await, 404, "business-not-found");
    assert_problem(&refused(|body| body["master_id"] = json!(999)).await, 404, "master-not-found");
    assert_problem(&refused(|body| body["service_id"] = json!(999)).await, 404, "service-not-found");
    let path = "/api/v1/public/business/demo/availability?master_id=999&date=2026-01-13";
    assert_problem(&api.get(path).await, 404, "master-not-found");
    assert_problem(&api.get("/api/v1/nothing").await, 404, "route-not-found");
    assert_problem(&api.request(Method::PUT, "/api/v1/bookings", None, None).await, 405, "method-not-allowed");
}

#[tokio::test]
async fn a_master_of_another_business_is_not_found() {
    let api = TestApi::start().await;
    api.register("stranger").await;
    let mut body = visit("2026-01-13T14:00:00");
    body["subdomain"] = json!("stranger");
    assert_problem(&api.post("/api/v1/public/booking", body).await, 404, "master-not-found");
    let path = "/api/v1/public/business/stranger/availability?master_id=1&date=2026-01-13";
    assert_problem(&api.get(path).await, 404, "master-not-found");
}

#[tokio::test]
async fn times_that_cannot_be_are_refused() {
    let at = |text: &'static str| refused(move |body| body["booking_date"] = json!(text));
    assert_problem(&at("2024-01-15T14:00:00").await, 422, "time-past");
    assert_problem(&at("2026-02-30T14:00:00").await, 422, "invalid-fields");
    assert_problem(&at("2026-01-13T25:00:00").await, 422, "invalid-fields");
    assert_problem(&at("tomorrow at two").await, 422, "invalid-fields");
    assert_problem(&at("2026-01-13").await, 422, "invalid-fields");
    assert_problem(&at("2030-01-15T14:00:00").await, 422, "time-too-far");
    let night = at("2026-01-13T03:00:00").await;
    assert_problem(&night, 422, "outside-hours");
    assert!(!night.body["alternatives"].as_array().expect("alternatives").is_empty());
    let api = TestApi::start().await;
    let answer = api.get("/api/v1/public/business/demo/availability?master_id=1&date=13.01.2026").await;
    assert_problem(&answer, 422, "invalid-fields");
    assert_eq!(answer.body["errors"][0]["field"], "date");
}

#[tokio::test]
async fn overlapping_visits_are_refused_with_the_nearest_free_times() {
    let api = TestApi::start().await;
    let first = api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    for overlapping in ["2026-01-13T14:00:00", "2026-01-13T13:30:00", "2026-01-13T14:30:00"] {
        let answer = api.post("/api/v1/public/booking", visit(overlapping)).await;
        assert_problem(&answer, 409, "slot-taken");
        assert!(!answer.body["alternatives"].as_array().expect("alternatives").is_empty());
    }
    let after = api.post("/api/v1/public/booking", visit("2026-01-13T15:00:00")).await;
    assert_eq!(after.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_malformed_phone_says_what_is_wrong_in_the_clients_language() {
    let cases = [
        ("+7 778 123 45 6", "phone-too-short", "1"),
        ("8777123456789", "phone-too-long", "2"),
        ("", "phone-empty", ""),
        ("call me", "phone-unexpected", "c"),
        ("88001234567", "phone-service", ""),
    ];
    for (phone, code, told) in cases {
        let answer = refused(|body| body["client_phone"] = json!(phone)).await;
        assert_problem(&answer, 422, "invalid-fields");
        let error = &answer.body["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("client_phone"), &json!(code)), "{phone}");
        assert!(error["detail"].as_str().expect("detail").contains(told), "{error}");
    }
    let api = TestApi::start().await;
    let mut body = visit("2026-01-13T14:00:00");
    body["client_phone"] = json!("+7 778 123 45 6");
    for (language, expected) in [("ru", "не хватает 1 цифры"), ("kk", "1 цифр жетпейді"), ("de", "не хватает")]
    {
        let request = Request::post("/api/v1/public/booking")
            .header("content-type", "application/json")
            .header("accept-language", language)
            .body(Body::from(body.to_string()))
            .expect("request");
        let answer = api.send(request).await;
        let detail = answer.body["errors"][0]["detail"].as_str().expect("detail").to_owned();
        assert!(detail.contains(expected), "{language}: {detail}");
    }
}

#[tokio::test]
async fn missing_and_forged_tokens_are_told_apart() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    for (method, path) in
        [(Method::GET, "/api/v1/bookings"), (Method::GET, "/api/v1/bookings/1"), (Method::DELETE, "/api/v1/booking/1")]
    {
        let missing = api.request(method.clone(), path, None, None).await;
        assert_problem(&missing, 401, "not-signed-in");
        assert_eq!(missing.headers["www-authenticate"], "Bearer");
        let (head, _) = owner.rsplit_once('.').expect("three parts");
        for forged in ["x", "", "a.b.c", &format!("{head}.AAAA")] {
            let answer = api.request(method.clone(), path, Some(forged), None).await;
            assert_problem(&answer, 401, "token-invalid");
        }
    }
    api.clock.fetch_add(3_600_000, std::sync::atomic::Ordering::Relaxed);
    let expired = api.request(Method::GET, "/api/v1/bookings", Some(&owner), None).await;
    assert_problem(&expired, 401, "token-expired");
}

#[tokio::test]
async fn broken_and_oversize_bodies_are_refused() {
    let api = TestApi::start().await;
    let send = |body: Vec<u8>| {
        let request = Request::post("/api/v1/public/booking")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .expect("request");
        api.send(request)
    };
    for broken in [&b"{"[..], b"", b"\xff\xfe\x00", b"[1, 2", b"{\"subdomain\": demo}"] {
        assert_problem(&send(broken.to_vec()).await, 400, "malformed-request");
    }
    assert_problem(&send(b"[]".to_vec()).await, 400, "malformed-request");
    assert_problem(&send(b"{}".to_vec()).await, 422, "invalid-fields");
    assert_problem(&send(vec![b' '; 65 * 1024]).await, 413, "body-too-large");
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert_problem(&send(deep.into_bytes()).await, 400, "malformed-request");
    let request = Request::post("/api/v1/public/booking").body(Body::from("{}")).expect("request");
    assert_problem(&api.send(request).await, 415, "unsupported-media-type");
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_name_the_field() {
    let cases: [(&str, Value); 5] = [
        ("master_id", json!("one")),
        ("master_id", json!(1.5)),
        ("client_name", json!(7)),
        ("colour", json!("red")),
        ("language", json!("de")),
    ];
    for (field, value) in cases {
        let answer = refused(|body| body[field] = value).await;
        assert_problem(&answer, 422, "invalid-fields");
        assert_eq!(answer.body["errors"][0]["field"], field);
    }
    let long = refused(|body| body["notes"] = json!("x".repeat(1001))).await;
    assert_problem(&long, 422, "invalid-fields");
    let missing = refused(|body| drop(body.as_object_mut().expect("object").remove("service_id"))).await;
    assert_eq!(missing.body["errors"][0]["code"], "field-required");
}
