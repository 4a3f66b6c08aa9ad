//! What layers around the router have to know of its operations, read from the committed OpenAPI document.
//!
//! The document is part of the program, as text; a test holds it against what the routes say.

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The OpenAPI document, as it is committed.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// One operation of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: String,
    /// Whether it makes something: a POST that answers 201 or 202.
    pub creates: bool,
    /// Whether it needs no token.
    pub is_open: bool,
}

#[derive(Deserialize)]
struct Document {
    paths: BTreeMap<String, Methods>,
}

#[derive(Deserialize)]
struct Methods {
    get: Option<Told>,
    post: Option<Told>,
    put: Option<Told>,
    patch: Option<Told>,
    delete: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    responses: Responses,
    #[serde(default)]
    security: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Responses {
    #[serde(rename = "201")]
    created: Option<IgnoredAny>,
    #[serde(rename = "202")]
    accepted: Option<IgnoredAny>,
}

/// The operations of [`DOCUMENT`], in the order of their paths.
///
/// # Errors
///
/// When the program was built with something else in the document's place.
pub fn operations() -> Result<Vec<Operation>, serde_json::Error> {
    let document: Document = serde_json::from_str(DOCUMENT)?;
    let of_path = |(path, methods): (String, Methods)| {
        let Methods { get, post, put, patch, delete } = methods;
        [(Method::GET, get), (Method::POST, post), (Method::PUT, put), (Method::PATCH, patch), (Method::DELETE, delete)]
            .into_iter()
            .filter_map(move |(method, told)| Some(operation(method, path.clone(), &told?)))
    };
    Ok(document.paths.into_iter().flat_map(of_path).collect())
}

fn operation(method: Method, path: String, told: &Told) -> Operation {
    let made = told.responses.created.is_some() || told.responses.accepted.is_some();
    Operation { creates: made && method == Method::POST, is_open: told.security.is_empty(), method, path }
}
