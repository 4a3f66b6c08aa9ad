//! Extractors whose rejections are problems: JSON bodies, query strings, path parameters.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use super::problem::{ApiError, ProblemKind};

/// The longest body that any route takes, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(ProblemKind::UnsupportedMediaType));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.into_response().status();
            body_error(status)
        })?;
        // A struct would also be read from an array, field by field; nobody means that.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(ApiError::new(ProblemKind::MalformedRequest).with("problem", "not an object"));
        }
        let mut reader = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut reader);
        let value = value.map_err(|error| {
            let path = error.path().to_string();
            json_error(&path, &error.into_inner())
        })?;
        reader.end().map_err(|error| json_error(".", &error))?;
        Ok(Self(value))
    }
}

/// The values of a query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let query = query.map_err(|rejection| {
            // "field: what is wrong with it", or only the latter.
            let source = std::error::Error::source(&rejection);
            let text = source.map_or_else(String::new, ToString::to_string);
            match text.split_once(": ") {
                Some((field, problem)) if !field.contains(' ') => invalid_field(field, problem),
                _ => field_message(&text),
            }
        })?;
        Ok(Self(query.0))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    essence.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
    })
}

fn body_error(status: StatusCode) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::body_too_large()
    } else {
        ApiError::new(ProblemKind::MalformedRequest).with("problem", "")
    }
}

fn json_error(path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::new(ProblemKind::MalformedRequest).with("problem", error.to_string());
    }
    // The position is noise beside the field's name.
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if path == "." { field_message(text) } else { known_field(path, text) }
}

/// Reads the field out of serde's sentence, where that is the only place it stands.
fn field_message(text: &str) -> ApiError {
    let named = text.split('`').nth(1);
    match named {
        Some(field) if text.starts_with("missing field") => ApiError::field(field, "field-required", Vec::new()),
        Some(field) if text.starts_with("unknown field") => ApiError::field(field, "field-unknown", Vec::new()),
        Some(_) | None => ApiError::new(ProblemKind::MalformedRequest).with("problem", text),
    }
}

fn known_field(path: &str, text: &str) -> ApiError {
    if text.starts_with("missing field") || text.starts_with("unknown field") {
        return field_message(text);
    }
    invalid_field(path, text)
}

fn invalid_field(field: &str, problem: &str) -> ApiError {
    ApiError::field(field, "field-invalid", vec![("problem", problem.to_owned())])
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use booking::language::Language;
    use serde::Deserialize;

    use super::*;
    use crate::http::texts::Texts;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        #[expect(dead_code, reason = "only its presence is tested")]
        number: i64,
    }

    async fn refused(kind: &str, body: impl Into<Body>) -> (u16, serde_json::Value) {
        let request = Request::builder().header(CONTENT_TYPE, kind).body(body.into()).expect("request");
        let error = Json::<Input>::from_request(request, &()).await.expect_err("body is wrong");
        let response = error.render(&Texts::load(), Language::En, "r");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("body");
        (status, serde_json::from_slice(&body).expect("json"))
    }

    #[tokio::test]
    async fn each_mistake_in_a_body_has_its_problem() {
        let (status, problem) = refused("application/json", "{\"number\": 1").await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed-request")));
        let (status, problem) = refused("application/json", "{\"number\": 1} trailing").await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed-request")));
        let (status, problem) = refused("application/json", "{\"number\": \"x\"}").await;
        assert_eq!((status, problem["errors"][0]["field"].as_str()), (422, Some("number")));
        let (status, problem) = refused("application/json", "{}").await;
        assert_eq!((status, problem["errors"][0]["code"].as_str()), (422, Some("field-required")));
        let (status, problem) = refused("application/json", "{\"number\": 1, \"other\": 2}").await;
        assert_eq!((status, problem["errors"][0]["code"].as_str()), (422, Some("field-unknown")));
        assert_eq!(problem["errors"][0]["field"], "other");
        let (status, _) = refused("text/plain", "{}").await;
        assert_eq!(status, 415);
        let (status, _) = refused("application/json", vec![0xff, 0xfe]).await;
        assert_eq!(status, 400);
    }

    #[tokio::test]
    async fn each_mistake_in_a_query_has_its_problem() {
        let refused = |uri: &'static str| async move {
            let request = Request::builder().uri(uri).body(Body::empty()).expect("request");
            let (mut parts, _) = request.into_parts();
            let error = Query::<Input>::from_request_parts(&mut parts, &()).await.expect_err("query is wrong");
            error.kind().code()
        };
        assert_eq!(refused("/?number=x").await, "invalid-fields");
        assert_eq!(refused("/").await, "invalid-fields");
        assert_eq!(refused("/?number=1&other=2").await, "invalid-fields");
    }
}
