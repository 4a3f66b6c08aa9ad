//! What a client of a business sees and does.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApi, visit};

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
