//! The numbers people type, through every route that takes one.

use api::compat::{self, CompatState};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use booking::demo;
use scheduler::desk::Desk;
use serde_json::{Value, json};
use tower::ServiceExt;
use wa_client::store::SealingKey;

use crate::support::{TestApi, visit};

/// What is typed, the number it is or the mistake it has, and what is said of it.
const ROWS: [(&str, Result<&str, &str>, Option<&str>); 19] = [
    ("87771234567", Ok("+77771234567"), None),
    ("+77771234567", Ok("+77771234567"), None),
    ("77771234567", Ok("+77771234567"), None),
    ("7771234567", Ok("+77771234567"), None),
    ("8 (777) 123-45-67", Ok("+77771234567"), None),
    ("8-10-7-777-123-45-67", Ok("+77771234567"), None),
    ("8 (747) 123-45-67", Ok("+77471234567"), None),
    ("9161234567", Ok("+79161234567"), None),
    ("89161234567", Ok("+79161234567"), None),
    ("+7 916 123 45 67", Ok("+79161234567"), None),
    ("7272501234", Ok("+77272501234"), Some("whatsapp_unlikely")),
    ("+7 727 250 1234", Ok("+77272501234"), Some("whatsapp_unlikely")),
    ("88001234567", Err("phone-service"), None),
    ("+7 600 123 45 67", Ok("+76001234567"), Some("number_unusual")),
    ("+7 000 123 45 67", Ok("+70001234567"), Some("number_unusual")),
    ("+996 555 123 456", Ok("+996555123456"), None),
    ("+998 90 123 45 67", Ok("+998901234567"), None),
    ("+86 138 0013 8000", Ok("+8613800138000"), None),
    ("+7 778 123 45 6", Err("phone-too-short"), None),
];

fn said(warning: Option<&str>) -> Value {
    warning.map_or(Value::Null, Value::from)
}

#[tokio::test]
async fn the_public_page_takes_what_people_type() {
    let api = TestApi::start().await;
    // Most of them are one person's number.
    let owner = api.login(demo::OWNER).await;
    let many = Some(json!({ "settings": { "visits": { "most_active": 100 } } }));
    api.request(Method::PATCH, "/api/v1/settings", Some(&owner), many).await;
    for (number, (typed, expected, warning)) in (0..).zip(ROWS) {
        let mut body = visit(&format!("2026-01-{:02}T{:02}:00:00", 13 + number / 8, 10 + number % 8));
        body["client_phone"] = json!(typed);
        let answer = api.post("/api/v1/public/booking", body).await;
        match expected {
            Ok(phone) => {
                assert_eq!(
                    (answer.status, &answer.body["client_phone"]),
                    (StatusCode::CREATED, &json!(phone)),
                    "{typed}"
                );
                assert_eq!(answer.body["phone_warning"], said(warning), "{typed}");
            }
            Err(code) => {
                let error = &answer.body["errors"][0];
                assert_eq!((&error["field"], &error["code"]), (&json!("client_phone"), &json!(code)), "{typed}");
            }
        }
    }
    let mut short = visit("2026-01-19T10:00:00");
    short["client_phone"] = json!("+7 778 123 45 6");
    let request = Request::post("/api/v1/public/booking").header("accept-language", "ru");
    let request = request.header("content-type", "application/json").body(Body::from(short.to_string()));
    let answer = api.send(request.expect("request")).await;
    assert!(answer.body["errors"][0]["detail"].as_str().expect("detail").contains("не хватает 1 цифры"), "{answer:?}");
}

#[tokio::test]
async fn a_clients_card_takes_them_too() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let first = api.request(Method::POST, "/api/v1/clients", Some(&owner), Some(json!({ "name": "Дана" }))).await;
    let path = format!("/api/v1/clients/{}", first.body["id"]);
    for (typed, expected, warning) in ROWS {
        let body = Some(json!({ "phone": typed }));
        let answer = api.request(Method::PATCH, &path, Some(&owner), body).await;
        match expected {
            Ok(phone) => {
                assert_eq!(
                    (&answer.body["phone"], &answer.body["phone_warning"]),
                    (&json!(phone), &said(warning)),
                    "{typed}"
                );
            }
            Err(code) => assert_eq!(answer.body["errors"][0]["code"], code, "{typed}"),
        }
    }
}

/// Without a connected account: a number that is understood is answered 503, one that is not 400.
#[tokio::test]
async fn the_earlier_services_routes_take_them() {
    let api = TestApi::start().await;
    let desk = Desk::new(api.platform.clone(), SealingKey::new([7; 32]));
    let state = CompatState { platform: api.platform.clone(), desk };
    for (typed, expected, _) in ROWS {
        for (path, body) in [
            ("/send-message", json!({ "phone": typed, "message": "Привет" })),
            ("/check-number", json!({ "phone": typed })),
        ] {
            let request = Request::post(path).header("content-type", "application/json");
            let request = request.body(Body::from(body.to_string())).expect("request");
            let response = compat::router(state.clone()).oneshot(request).await.expect("answer");
            let wanted = if expected.is_ok() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
            assert_eq!(response.status(), wanted, "{path} {typed}");
        }
    }
}
