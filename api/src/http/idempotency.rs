//! `Idempotency-Key`: a request that creates something can be repeated without creating it twice.

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use booking::idempotency::{self, Begin, Ticket};
use booking::platform::Platform;

use super::extract::BODY_MAX;
use super::problem::{ApiError, ProblemKind};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const KEY_MAX: usize = 255;
/// The longest answer that is kept, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// Keeps the keys of bookings apart from what may follow.
const BOOKINGS: &str = "public-booking";

/// Lets a booking with an `Idempotency-Key` act once; a repetition within a day gets the first answer again.
///
/// The platform stands in the request's extensions, because a layer of one route has no state.
///
/// Only success is kept: a request that was refused changed nothing and may be tried again under its key.
///
/// # Errors
///
/// 422 for a malformed key or one that was used for another request, 409 while the first is under way.
pub async fn once(
    Extension(platform): Extension<Platform>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = request.headers().get(KEY).filter(|_| request.method() == Method::POST);
    let Some(key) = key else { return Ok(next.run(request).await) };
    let key = checked(key)?.to_owned();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MAX).await.map_err(|_| ApiError::body_too_large())?;
    let now = platform.clock.real_now();
    match idempotency::begin(&platform.db, BOOKINGS, &key, &body, now).await? {
        Begin::Act(ticket) => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            keep(&platform, &ticket, response).await
        }
        Begin::Replay { status, answer } => Ok(replay(status, answer)),
        Begin::UnderWay => Err(ApiError::new(ProblemKind::RequestUnderWay).with_retry_after(1)),
        Begin::Mismatch => Err(ApiError::new(ProblemKind::IdempotencyKeyReused)),
    }
}

async fn keep(platform: &Platform, ticket: &Ticket, response: Response) -> Result<Response, ApiError> {
    if !response.status().is_success() {
        idempotency::forget(&platform.db, ticket).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let internal = |error: &(dyn std::error::Error + 'static)| ApiError::caused(ProblemKind::Internal, error);
    let answer = axum::body::to_bytes(body, ANSWER_MAX).await.map_err(|error| internal(&error))?;
    let text = std::str::from_utf8(&answer).map_err(|error| internal(&error))?;
    let kept = idempotency::finish(&platform.db, ticket, i64::from(parts.status.as_u16()), text).await;
    if let Err(error) = kept {
        // The booking is made, so the client must hear of it; a repetition finds the time taken.
        tracing::error!("cannot keep an answer: {}", scheduler::telemetry::chain(&error));
    }
    Ok(Response::from_parts(parts, Body::from(answer)))
}

fn replay(status: i64, answer: String) -> Response {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), answer).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn checked(key: &HeaderValue) -> Result<&str, ApiError> {
    let text = key.to_str().ok().map(str::trim);
    let is_fine = |text: &&str| (1..=KEY_MAX).contains(&text.len());
    text.filter(is_fine).ok_or_else(|| ApiError::field("Idempotency-Key", "idempotency-key-invalid", Vec::new()))
}
