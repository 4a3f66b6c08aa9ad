//! Registering, signing in, staying signed in.

use axum::http::{Method, StatusCode};
use booking::demo;
use serde_json::json;

use crate::support::{TestApi, registration};

#[tokio::test]
async fn an_owner_registers_and_is_signed_in() {
    let api = TestApi::start().await;
    let answer = api.post("/api/v1/register", registration("aigerim")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.body["subdomain"], "aigerim");
    let token = answer.body["access_token"].as_str().expect("token");
    let list = api.request(Method::GET, "/api/v1/bookings", Some(token), None).await;
    assert_eq!((list.status, &list.body["bookings"]), (StatusCode::OK, &json!([])));
    let again = api.post("/api/v1/register", registration("aigerim")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_registration_says_which_field_is_wrong() {
    let api = TestApi::start().await;
    let cases = [
        ("email", "nobody", "email-invalid"),
        ("password", "short", "password-too-short"),
        ("full_name", " ", "field-empty"),
        ("phone", "8777123", "phone-too-short"),
        ("business_name", "", "field-empty"),
        ("subdomain", "a", "subdomain-length"),
        ("subdomain", "сало", "subdomain-character"),
        ("subdomain", "admin", "subdomain-reserved"),
    ];
    for (field, value, code) in cases {
        let mut form = registration("fine");
        form[field] = json!(value);
        let answer = api.post("/api/v1/register", form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(answer.body["errors"][0]["field"], field);
        assert_eq!(answer.body["errors"][0]["code"], code);
    }
}

#[tokio::test]
async fn the_demo_logins_work_and_wrong_ones_do_not() {
    let api = TestApi::start().await;
    let owner = api.post("/api/v1/login", json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 })).await;
    assert_eq!(owner.body["user"]["role"], "OWNER");
    assert_eq!(owner.body["token_type"], "bearer");
    let admin = api.post("/api/v1/login", json!({ "email": demo::ADMIN.0, "password": demo::ADMIN.1 })).await;
    assert_eq!(admin.body["user"]["role"], "SUPER_ADMIN");
    for (email, password) in [(demo::OWNER.0, "demo124"), ("nobody@example.com", "demo123"), ("", "")] {
        let answer = api.post("/api/v1/login", json!({ "email": email, "password": password })).await;
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::UNAUTHORIZED, &json!("wrong-credentials")));
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_theft_ends_the_session() {
    let api = TestApi::start().await;
    let login = api.post("/api/v1/login", json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 })).await;
    let first = json!({ "refresh_token": login.body["refresh_token"] });
    let next = api.post("/api/v1/refresh-token", first.clone()).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    let replayed = api.post("/api/v1/refresh-token", first).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED);
    let second = json!({ "refresh_token": next.body["refresh_token"] });
    let ended = api.post("/api/v1/refresh-token", second).await;
    assert_eq!(ended.body["code"], "refresh-token-invalid");
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let api = TestApi::start().await;
    let login = api.post("/api/v1/login", json!({ "email": demo::OWNER.0, "password": demo::OWNER.1 })).await;
    let token = json!({ "refresh_token": login.body["refresh_token"] });
    assert_eq!(api.post("/api/v1/logout", token.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.post("/api/v1/refresh-token", token).await.status, StatusCode::UNAUTHORIZED);
}
