//! `Idempotency-Key`: a request that creates something can be repeated without creating it twice.
//!
//! One layer around the router serves every operation that creates: those which the document gives a 201 or 202. The
//! document tells of the header on just these, so neither list can forget one.

use std::collections::HashSet;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use booking::idempotency::{self, Begin, Key, Ticket};
use serde::Deserialize;
use tracing::Instrument;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, Required};

use super::extract::BODY_MAX;
use super::problem::{ApiError, ProblemKind};
use super::token::AccessTokens;
use crate::authority::{self, Standing};
use crate::outline;
use crate::state::AppState;

/// Marks an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in bytes.
const KEY_MAX: usize = 255;
/// The longest answer that is kept, in bytes.
const ANSWER_MAX: usize = 256 * 1024;
const NONCE_LENGTH: usize = 12;

/// What the layer works with. A cheap handle.
#[derive(Debug, Clone)]
pub struct Once {
    state: AppState,
    /// The paths of operations that create.
    creating: Arc<HashSet<String>>,
}

impl Once {
    /// Serves the operations that create.
    #[must_use]
    pub fn new(state: AppState, operations: &[outline::Operation]) -> Self {
        let creating = operations.iter().filter(|operation| operation.creates);
        Self { state, creating: Arc::new(creating.map(|operation| operation.path.clone()).collect()) }
    }
}

/// Whether a POST creates something.
fn creates(operation: &Operation) -> bool {
    ["201", "202"].iter().any(|status| operation.responses.responses.contains_key(*status))
}

/// Tells of the header on every operation of `document` that creates.
pub fn announce(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        if let Some(operation) = item.post.as_mut().filter(|operation| creates(operation)) {
            operation.parameters.get_or_insert_default().push(parameter().into());
        }
    }
}

fn parameter() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(KEY_MAX));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Any text of the client's choice, such as a UUID. A repetition with the same key and body within 24 hours \
             creates nothing and gets the first answer again, with `Idempotency-Replayed: true`; with another body, or \
             after the rights of whoever asks have changed, it is refused (422). While the first is under way, the \
             answer is 409 with `Retry-After`; `done-before` says that it was carried out and its answer lost.",
        ))
        .schema(Some(text))
        .build()
}

/// Lets a request with an `Idempotency-Key` act once; a repetition within a day gets the first answer again.
///
/// Only success is kept: a request that was refused changed nothing and may be tried again under its key. A request
/// with a key goes on when its client is gone, so that the client finds the answer when it asks again. Its ticket is in
/// the request's extensions, from where it goes with whoever acts ([`Origin`](booking::access::Origin)).
///
/// # Errors
///
/// 422 for a malformed key or one that was used for another request, 409 while the first is under way.
pub async fn once(State(once): State<Once>, request: Request, next: Next) -> Result<Response, ApiError> {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.filter(|path| request.method() == Method::POST && once.creating.contains(path));
    let (Some(route), Some(key)) = (route, request.headers().get(KEY)) else { return Ok(next.run(request).await) };
    let key = checked(key)?.to_owned();
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MAX).await.map_err(|_| ApiError::body_too_large())?;
    let Some(caller) = caller(&mut parts, &body, &once.state).await else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    let mut whole = parts.uri.to_string().into_bytes();
    whole.push(b'\n');
    // An answer shows what its caller was allowed to see: with other rights it is not theirs any more.
    whole.extend_from_slice(caller.rights.as_bytes());
    whole.push(b'\n');
    whole.extend_from_slice(&body);

    let platform = &once.state.platform;
    let found = Key { scope: &route, caller: &caller.who, text: &key };
    let begun = idempotency::begin(&platform.db, found, &whole, platform.clock.real_now()).await?;
    let seal = Seal::new(&once.state.tokens, found);
    match begun {
        Begin::Act(ticket) => {
            let mut request = Request::from_parts(parts, Body::from(body));
            request.extensions_mut().insert(ticket.clone());
            let acting = async move { once.keep(&ticket, &seal, next.run(request).await).await };
            let acting = tokio::spawn(acting.in_current_span());
            acting.await.map_err(|error| ApiError::caused(ProblemKind::Internal, &error))?
        }
        Begin::Replay { status, answer } => {
            once.state.metrics.replayed();
            replay(status, seal.open(&answer))
        }
        Begin::UnderWay => Err(ApiError::new(ProblemKind::RequestUnderWay).with_retry_after(1)),
        Begin::Mismatch => Err(ApiError::new(ProblemKind::IdempotencyKeyReused)),
    }
}

impl Once {
    async fn keep(&self, ticket: &Ticket, seal: &Seal, response: Response) -> Result<Response, ApiError> {
        let platform = &self.state.platform;
        if !response.status().is_success() {
            idempotency::forget(&platform.db, ticket).await?;
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let answer = axum::body::to_bytes(body, ANSWER_MAX).await;
        let answer = answer.map_err(|error| ApiError::caused(ProblemKind::Internal, &error))?;
        let status = i64::from(parts.status.as_u16());
        let sealed = seal.close(platform.entropy.bytes(), &answer);
        let kept = idempotency::finish(&platform.db, ticket, status, &sealed).await;
        if let Err(error) = kept {
            // The request has acted, so the client must hear of it; its key is under way for a minute.
            tracing::error!("cannot keep an answer: {}", scheduler::telemetry::chain(&error));
        }
        Ok(Response::from_parts(parts, Body::from(answer)))
    }
}

/// Who asks: the user behind a token that holds, else everybody at this business. `None` for a token that does not
/// hold, or in a business that is closed to its user: the handler refuses those, and nothing kept is shown to them.
///
/// A client of the public page may change its address between two tries, so the address does not count.
async fn caller(parts: &mut Parts, body: &Bytes, state: &AppState) -> Option<Standing> {
    #[derive(Deserialize)]
    struct Target {
        subdomain: Option<String>,
    }
    if parts.headers.contains_key(AUTHORIZATION) {
        return authority::standing(parts, state).await.ok();
    }
    let public = |who: String| Some(Standing { who, rights: String::new() });
    let target = serde_json::from_slice::<Target>(body).ok();
    if let Some(subdomain) = target.and_then(|target| target.subdomain) {
        return public(format!("public {}", subdomain.to_lowercase()));
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    public(format!("public {} {host}", parts.uri.path()))
}

fn replay(status: i64, answer: Option<Vec<u8>>) -> Result<Response, ApiError> {
    // The signing secret was changed meanwhile: what was done is not done again.
    let answer = answer.ok_or(ApiError::new(ProblemKind::IdempotencyKeyReused))?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let is_empty = answer.is_empty();
    let mut response = (status.unwrap_or(StatusCode::OK), answer).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if !is_empty {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn checked(key: &HeaderValue) -> Result<&str, ApiError> {
    let text = key.to_str().ok().map(str::trim);
    let is_fine = |text: &&str| (1..=KEY_MAX).contains(&text.len());
    text.filter(is_fine).ok_or_else(|| ApiError::field("Idempotency-Key", "idempotency-key-invalid", Vec::new()))
}

/// Seals kept answers: some hold tokens, most hold numbers. The key is made of our secret and the request's own key,
/// which the database does not have.
struct Seal {
    cipher: Aes256Gcm,
    scope: String,
}

impl Seal {
    fn new(tokens: &AccessTokens, key: Key<'_>) -> Self {
        let secret = tokens.derived(&["idempotency answer", key.scope, key.caller, key.text]);
        Self { cipher: Aes256Gcm::new(&secret.into()), scope: key.scope.to_owned() }
    }

    /// Nonce and ciphertext. Empty, and so never opened, if the answer is beyond what the cipher takes.
    fn close(&self, nonce: [u8; NONCE_LENGTH], answer: &[u8]) -> Vec<u8> {
        let payload = Payload { msg: answer, aad: self.scope.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        sealed.map(|sealed| [nonce.as_slice(), &sealed].concat()).unwrap_or_default()
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload { msg: sealed, aad: self.scope.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()
    }
}
