//! A business's own wording of what its clients are sent.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use booking::demo;
use serde_json::{Value, json};

use crate::support::{TestApi, visit};

#[tokio::test]
async fn a_business_words_a_text_and_goes_back() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        api.request(method, &format!("/api/v1/texts{path}"), Some(&owner), body).await
    };
    let all = call(Method::GET, "", None).await;
    let all = all.body["texts"].as_array().expect("texts").clone();
    assert_eq!(all.len(), 21);
    assert!(
        all.iter().all(|text| text.get("text").is_none() && !text["preview"].as_str().expect("preview").is_empty())
    );

    let own = json!({ "text": "{client}! Ждём {when}, {service}.\nСсылка: {link}" });
    let tried =
        call(Method::POST, "/preview", Some(json!({ "event": "confirmation", "language": "ru", "text": own["text"] })))
            .await;
    assert_eq!(tried.body["preview"], "Айгерим! Ждём в среду, 14 января, в 14:00, Стрижка.");
    assert!(call(Method::GET, "/confirmation/ru", None).await.body.get("text").is_none(), "a preview changes nothing");

    let changed = call(Method::PUT, "/confirmation/ru", Some(own.clone())).await;
    assert_eq!((changed.status, &changed.body["text"]), (StatusCode::OK, &own["text"]), "{changed:?}");
    assert_eq!(changed.body["preview"], tried.body["preview"]);
    let mut body = visit("2026-01-15T14:00:00");
    body["language"] = json!("ru");
    let booked = api.post("/api/v1/public/booking", body).await;
    let mut connection = api.platform.db.read().await.expect("connection");
    let sent = db::fetch_one!(
        &mut connection,
        (String,),
        "select text from outbox where booking_id = $1 and kind = 'confirmation'",
        booked.body["booking_id"].as_i64().expect("id"),
    );
    let sent = sent.expect("a message").0;
    assert_eq!(sent.lines().next(), Some("Иван Иванов! Ждём в четверг, 15 января, в 14:00, Стрижка."));

    let back = call(Method::DELETE, "/confirmation/ru", None).await;
    assert!(back.status == StatusCode::OK && back.body.get("text").is_none());
    assert!(back.body["preview"].as_str().expect("preview").contains("Вы записаны"));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let api = TestApi::start().await;
    let owner = api.login(demo::OWNER).await;
    for (text, code, part) in [
        ("{cleint}!", "template-unknown", "cleint"),
        ("{old_when}", "template-unknown", "old_when"),
        ("{ NUMBER($price) }", "template-unknown", "NUMBER($price)"),
        ("a {client", "template-unbalanced", "3"),
        (" ", "field-empty", ""),
        (&"я".repeat(1_001), "field-too-long", "1000"),
    ] {
        for (method, path, body) in [
            (Method::PUT, "/api/v1/texts/reminder/ru", json!({ "text": text })),
            (Method::POST, "/api/v1/texts/preview", json!({ "event": "reminder", "language": "ru", "text": text })),
        ] {
            let refused = api.request(method, path, Some(&owner), Some(body)).await;
            let error = &refused.body["errors"][0];
            assert_eq!((&error["field"], &error["code"]), (&json!("text"), &json!(code)), "{refused:?}");
            assert!(error["detail"].as_str().expect("detail").contains(part), "{refused:?}");
        }
    }
    for path in ["/api/v1/texts/code/ru", "/api/v1/texts/reminder/de"] {
        let answer = api.request(Method::GET, path, Some(&owner), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::NOT_FOUND, &json!("text-not-found")), "{path}");
    }
    let odd = api.request(
        Method::POST,
        "/api/v1/texts/preview",
        Some(&owner),
        Some(json!({ "event": "x", "language": "ru" })),
    );
    assert_eq!(odd.await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// What a browser asks for stands in for a choice; what is asked for and does not exist says nothing.
#[tokio::test]
async fn a_browsers_language_is_the_messages_until_the_client_chooses() {
    let api = TestApi::start().await;
    let book = async |day: u8, browser: Option<&str>, chosen: Option<&str>| {
        let mut body = visit(&format!("2026-01-{day}T14:00:00"));
        if let Some(chosen) = chosen {
            body["language"] = json!(chosen);
        }
        let mut request = Request::post("/api/v1/public/booking").header("content-type", "application/json");
        if let Some(browser) = browser {
            request = request.header("accept-language", browser);
        }
        let answer = api.send(request.body(Body::from(body.to_string())).expect("request")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let mut connection = api.platform.db.read().await.expect("connection");
        let sent = db::fetch_one!(
            &mut connection,
            (String,),
            "select text from outbox where booking_id = $1 and kind = 'confirmation'",
            answer.body["booking_id"].as_i64().expect("id"),
        );
        sent.expect("a message").0
    };
    assert!(book(14, Some("de, *;q=0.5"), None).await.starts_with("Здравствуйте"));
    let kazakh = book(15, Some("kk-KZ,ru;q=0.8"), None).await;
    assert!(kazakh.starts_with("Сәлеметсіз бе") && kazakh.contains("Шаш қию"), "{kazakh}");
    assert!(book(16, Some("en"), None).await.starts_with("Сәлеметсіз бе"), "it is remembered");
    assert!(book(17, Some("en"), Some("ru")).await.starts_with("Здравствуйте"), "a choice counts more");
    assert!(book(18, Some("en"), None).await.starts_with("Здравствуйте"), "and is remembered");
}
