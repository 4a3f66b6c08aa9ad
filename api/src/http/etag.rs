//! Versions in headers: `ETag` in answers, `If-Match` in requests (RFC 9110 §13.1.1).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::ApiError;

/// An answer whose `ETag` is the version of what it shows.
#[derive(Debug, Clone, Copy)]
pub struct Versioned<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The version that `If-Match` names, if the request has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(&parts.headers).map(Self)
    }
}

impl IfMatch {
    /// The version that a body or this header names; one of them has to.
    ///
    /// # Errors
    ///
    /// A field error for `version` when neither does.
    pub fn or_body(self, version: Option<i64>) -> Result<i64, ApiError> {
        version.or(self.0).ok_or_else(|| ApiError::field("version", "field-required", Vec::new()))
    }
}

fn read(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let invalid = || ApiError::field("If-Match", "version-invalid", Vec::new());
    let text = value.to_str().map_err(|_| invalid())?.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    text.parse().ok().filter(|version| *version > 0).map(Some).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_an_entity_tag() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, value.parse().expect("header"));
            super::read(&headers).ok().flatten()
        };
        assert_eq!((read("\"3\""), read("3"), read("W/\"3\""), read("*")), (Some(3), Some(3), None, None));
        assert_eq!(super::read(&HeaderMap::new()).ok(), Some(None));
        assert!(IfMatch(None).or_body(None).is_err());
        assert_eq!(IfMatch(Some(1)).or_body(Some(2)).ok(), Some(2));
    }
}
