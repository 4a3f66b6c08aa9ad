//! The OpenAPI document tells the truth.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::support::TestApi;

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let committed = std::fs::read_to_string(path).expect("openapi.json is committed");
    let generated = api::router::document().to_pretty_json().expect("document");
    assert!(
        committed.trim_end() == generated,
        "regenerate api/openapi.json with `cargo run -p api -- --print-openapi`"
    );
}

#[tokio::test]
async fn every_documented_route_exists_and_asks_for_what_it_says() {
    let api = TestApi::start().await;
    let document: Value = serde_json::to_value(api::router::document()).expect("document");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let method: Method = method.to_uppercase().parse().expect("method");
            let named = path.replace("{subdomain}", "demo").replace("{code}", "internal");
            let parts = named.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
            let concrete = parts.collect::<Vec<_>>().join("/");
            let answer = api.request(method.clone(), &concrete, None, None).await;
            assert_ne!(answer.body["code"], "route-not-found", "{method} {path}");
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let needs_token = operation.get("security").is_some();
            assert_eq!(answer.status == StatusCode::UNAUTHORIZED, needs_token, "{method} {path}");
            assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{method} {path}");
        }
    }
}

/// Summaries are plain text, and stand in a list: what is marked up or longer belongs into the description.
#[test]
fn summaries_are_one_plain_short_sentence() {
    let document: Value = serde_json::to_value(api::router::document()).expect("document");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let summary = operation["summary"].as_str().expect("a summary");
            let is_plain = !summary.contains(['`', '\n', '*', '[']) && !summary.contains(". ");
            assert!(is_plain && summary.len() <= 100, "{method} {path}: {summary}");
        }
    }
}

#[test]
fn the_seed_contract_is_documented() {
    let document: Value = serde_json::to_value(api::router::document()).expect("document");
    for (method, path) in [
        ("post", "/api/v1/register"),
        ("post", "/api/v1/login"),
        ("get", "/api/v1/public/business/{subdomain}"),
        ("get", "/api/v1/public/business/{subdomain}/services"),
        ("get", "/api/v1/public/business/{subdomain}/masters"),
        ("get", "/api/v1/public/business/{subdomain}/availability"),
        ("post", "/api/v1/public/booking"),
        ("get", "/api/v1/bookings"),
        ("delete", "/api/v1/booking/{booking_id}"),
        ("get", "/health"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}

/// The document keeps one schema for each name, so of two types with the same name one would be told wrongly.
#[test]
fn no_two_schemas_share_a_name() {
    fn names(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                names(&path, found);
            } else {
                let text = std::fs::read_to_string(&path).expect("a source");
                for after in text.split("ToSchema").skip(1) {
                    let is_derived = after.starts_with(")]") || after.starts_with(", ");
                    let name = after.split_once("pub struct ").and_then(|(_, rest)| rest.split([' ', '<', '(']).next());
                    found.extend(name.filter(|_| is_derived).map(str::to_owned));
                }
            }
        }
    }
    let mut found = Vec::new();
    names(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/routes")), &mut found);
    assert!(found.len() > 100, "{} schemas", found.len());
    found.sort();
    let twice: Vec<_> = found.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
