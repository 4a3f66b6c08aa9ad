//! What a client of a business sees and does.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, visit};

#[tokio::test]
async fn a_client_finds_a_business_its_services_and_masters() {
    let api = TestApi::start().await;
    let business = api.get("/api/v1/public/business/demo").await;
    assert_eq!(business.status, StatusCode::OK);
    assert_eq!(business.body["time_zone"], "Asia/Almaty");
    assert_eq!(business.body["phone"], "+77010000001");
    let services = api.get("/api/v1/public/business/demo/services").await;
    let services = services.body["services"].as_array().expect("services").clone();
    assert!(services.len() >= 2);
    let first = &services[0];
    assert_eq!(first["price"].as_f64(), first["price_tiyn"].as_f64().map(|tiyn| tiyn / 100.0));
    let masters = api.get("/api/v1/public/business/demo/masters").await;
    let masters = masters.body["masters"].as_array().expect("masters").clone();
    assert!(masters.iter().all(|master| master.get("phone").is_none()), "masters' phones are not public");
    let service = masters[0]["service_ids"][0].as_i64().expect("a service");
    let some = api.get(&format!("/api/v1/public/business/demo/masters?service_id={service}")).await;
    let some = some.body["masters"].as_array().expect("masters").clone();
    assert!(some.len() <= masters.len() && some.iter().any(|master| master["id"] == masters[0]["id"]));
}

#[tokio::test]
async fn free_times_are_told_on_the_wall_and_as_instants() {
    let api = TestApi::start().await;
    let path = "/api/v1/public/business/demo/availability?master_id=1&date=2026-01-13&service_id=1";
    let answer = api.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let slots = answer.body["slots"].as_array().expect("slots");
    assert_eq!(slots.len(), answer.body["available_slots"].as_array().expect("slots").len());
    let first = &slots[0];
    assert_eq!(first["booking_date"], format!("2026-01-13T{}:00", first["time"].as_str().expect("time")));
    assert_eq!(first["starts_at"], format!("{}+05:00", first["booking_date"].as_str().expect("date")));
    let without_service = api.get("/api/v1/public/business/demo/availability?master_id=1&date=2026-01-13").await;
    assert_eq!(without_service.status, StatusCode::OK);
}

#[tokio::test]
async fn a_visit_is_booked_at_a_free_time_and_the_time_is_gone() {
    let api = TestApi::start().await;
    let answer = api.post("/api/v1/public/booking", visit("2026-01-13T14:00:00")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.body["status"], "confirmed");
    assert_eq!(answer.body["starts_at"], "2026-01-13T14:00:00+05:00");
    assert_eq!(answer.body["client_phone"], "+77779876543");
    let path = "/api/v1/public/business/demo/availability?master_id=1&date=2026-01-13&service_id=1";
    let free = api.get(path).await;
    let free = free.body["available_slots"].as_array().expect("slots");
    for taken in ["13:30", "14:00", "14:30"] {
        assert!(!free.contains(&json!(taken)), "{taken}");
    }
}

#[tokio::test]
async fn a_time_with_an_offset_is_an_instant() {
    let api = TestApi::start().await;
    let answer = api.post("/api/v1/public/booking", visit("2026-01-13T09:00:00Z")).await;
    assert_eq!(answer.body["booking_date"], "2026-01-13T14:00:00", "{answer:?}");
}

#[tokio::test]
async fn of_many_who_want_one_slot_one_gets_it_and_the_others_get_alternatives() {
    let api = TestApi::start().await;
    let mut answers = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (router, mut body) = (api.router.clone(), visit("2026-01-13T14:00:00"));
        body["client_phone"] = json!(format!("+7777000{number:04}"));
        answers.spawn(async move {
            let request = axum::http::Request::post("/api/v1/public/booking")
                .header("content-type", "application/json")
                .body(axum::body::Body::from(body.to_string()))
                .expect("request");
            let response = tower::ServiceExt::oneshot(router, request).await.expect("answer");
            let status = response.status();
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("body");
            (status, serde_json::from_slice::<Value>(&bytes).expect("json"))
        });
    }
    let answers = answers.join_all().await;
    let won = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    assert_eq!(won, 1);
    for (status, body) in answers.iter().filter(|(status, _)| *status != StatusCode::CREATED) {
        assert_eq!((*status, &body["code"]), (StatusCode::CONFLICT, &json!("slot-taken")));
        let alternatives = body["alternatives"].as_array().expect("alternatives");
        assert!(!alternatives.is_empty());
        assert!(alternatives.iter().all(|slot| slot["booking_date"] != "2026-01-13T14:00:00"));
    }
}

/// Asks on a business's own address.
async fn on_host(api: &TestApi, method: Method, path: &str, host: &str, body: Option<&Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", host).header("accept-language", "en");
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    api.send(request.expect("request")).await
}

#[tokio::test]
async fn on_its_own_address_a_business_need_not_be_named() {
    let api = TestApi::start().await;
    let (host, booking) = ("demo.api.test:8000", "/api/v1/public/booking");
    let mut unnamed = visit("2026-01-13T14:00:00");
    unnamed.as_object_mut().expect("fields").remove("subdomain");
    let booked = on_host(&api, Method::POST, booking, host, Some(&unnamed)).await;
    assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    // By its name as well.
    let named = on_host(&api, Method::POST, booking, host, Some(&visit("2026-01-13T16:00:00"))).await;
    assert_eq!(named.status, StatusCode::CREATED, "{named:?}");

    let form = json!({ "items": [{ "service_id": 1, "master_id": 1 }], "start": "2026-01-14T14:00:00" });
    let held = on_host(&api, Method::POST, "/api/v1/public/holds", host, Some(&form)).await;
    assert_eq!(held.status, StatusCode::CREATED, "{held:?}");
    let path = format!("/api/v1/public/holds/{}", held.body["hold_token"].as_str().expect("token"));
    assert_eq!(on_host(&api, Method::DELETE, &path, host, None).await.status, StatusCode::NO_CONTENT);
    let code = json!({ "phone": "87779876543" });
    let asked = on_host(&api, Method::POST, "/api/v1/client/code", host, Some(&code)).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let shown = on_host(&api, Method::GET, "/api/v1/public/business/services", host, None).await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
}

#[tokio::test]
async fn a_business_that_nobody_names_or_two_name_is_a_wrong_field() {
    let api = TestApi::start().await;
    api.register("neighbour").await;
    let booking = visit("2026-01-13T14:00:00");
    let hold = json!({ "subdomain": "demo", "items": [{ "service_id": 1 }], "start": "2026-01-14T14:00:00" });
    let code = json!({ "subdomain": "demo", "phone": "87779876543" });
    let login = json!({ "subdomain": "demo", "phone": "87779876543", "code": "123456" });
    for (method, path, body) in [
        (Method::POST, "/api/v1/public/booking", Some(booking)),
        (Method::POST, "/api/v1/public/holds", Some(hold)),
        (Method::DELETE, "/api/v1/public/holds/x?subdomain=demo", None),
        (Method::POST, "/api/v1/client/code", Some(code)),
        (Method::POST, "/api/v1/client/login", Some(login)),
        (Method::GET, "/api/v1/public/business/demo", None),
        (Method::GET, "/api/v1/public/business/demo/services", None),
        (Method::GET, "/api/v1/public/business/demo/masters", None),
        (Method::GET, "/api/v1/public/business/demo/availability?date=2026-01-13", None),
    ] {
        let wrong = async |path: &str, host: &str, body: Option<&Value>, code: &str| {
            let refused = on_host(&api, method.clone(), path, host, body).await;
            let error = &refused.body["errors"][0];
            assert_eq!(
                (refused.status, &error["field"], &error["code"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!("subdomain"), &json!(code)),
                "{path} on {host}: {refused:?}"
            );
        };
        wrong(path, "neighbour.api.test", body.as_ref(), "subdomain-not-of-host").await;
        if path.contains("/business/") {
            continue;
        }
        let body = body.map(|mut body| {
            body.as_object_mut().expect("fields").remove("subdomain");
            body
        });
        let path = path.split('?').next().expect("a path");
        // The platform's own address stands for no business.
        for host in ["api.test", "127.0.0.1:8000"] {
            wrong(path, host, body.as_ref(), "field-required").await;
        }
    }
}
