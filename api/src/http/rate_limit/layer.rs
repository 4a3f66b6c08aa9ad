//! The layer that holds requests to the limits and tells of them in headers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use booking::api_key::KeyText;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Bucket, Quota, RateLimit, Subject};
use crate::http::context::RequestContext;
use crate::http::problem::{ApiError, ProblemKind};
use crate::http::token::Bearer;
use crate::outline::Operation;
use crate::state::AppState;

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Token,
    /// It writes all the same, and is told apart by this number.
    Nothing {
        number: usize,
    },
}

/// Keys of programs remembered at once.
const PROGRAMS_MAX: usize = 4096;

/// What the layer works with. A cheap handle.
#[derive(Debug, Clone)]
pub struct Limited {
    limit: RateLimit,
    state: AppState,
    /// The operations that ask for a token, and those that write without one.
    operations: Arc<HashMap<(Method, String), Asks>>,
    /// Hashes of keys that were right when they last came: any other key is a stranger's.
    programs: Arc<Mutex<HashSet<[u8; 16]>>>,
}

impl Limited {
    /// Holds requests to `limit`; the operations tell what writes without a token.
    #[must_use]
    pub fn new(limit: RateLimit, state: AppState, operations: &[Operation]) -> Self {
        let asks = |(number, operation): (usize, &Operation)| {
            let asks = match (operation.is_open, &operation.method) {
                (false, _) => Asks::Token,
                (true, &Method::GET) => return None,
                (true, _) => Asks::Nothing { number },
            };
            Some(((operation.method.clone(), operation.path.clone()), asks))
        };
        let operations: HashMap<(Method, String), Asks> = operations.iter().enumerate().filter_map(asks).collect();
        Self { limit, state, operations: Arc::new(operations), programs: Arc::default() }
    }

    fn buckets(&self, request: &Request) -> Vec<Bucket> {
        let limits = self.limit.limits();
        let Some(context) = request.extensions().get::<RequestContext>() else { return Vec::new() };
        let user = limits.user.and_then(|limit| Some((self.subject(token(request.headers())?)?, limit)));
        let general = match user {
            Some((subject, limit)) => Some(Bucket { subject, limit }),
            None => limits.address.map(|limit| Bucket { subject: Subject::Address(context.client), limit }),
        };
        let strict = match self.asks(request) {
            Some(Asks::Nothing { number }) => Some(Subject::Strict(number, context.client)),
            Some(Asks::Token) | None => None,
        };
        let strict = strict.zip(limits.strict).map(|(subject, limit)| Bucket { subject, limit });
        general.into_iter().chain(strict).collect()
    }

    fn asks(&self, request: &Request) -> Option<Asks> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        self.operations.get(&(request.method().clone(), path)).copied()
    }

    /// The key of a program, on an operation that looks it up.
    fn program(&self, request: &Request) -> Option<[u8; 16]> {
        let key = token(request.headers()).filter(|token| KeyText::parse(token).is_some())?;
        (self.asks(request) == Some(Asks::Token)).then(|| key_hash(key))
    }

    /// Whose token it is, if it was signed by us and still runs; whether the session has ended is for the handler. A
    /// program's key has to be looked up for that, so it counts from its second request on.
    fn subject(&self, token: &str) -> Option<Subject> {
        if KeyText::parse(token).is_some() {
            let key = key_hash(token);
            return self.programs().contains(&key).then_some(Subject::Program(key));
        }
        let now = self.state.platform.clock.real_now().seconds();
        Some(match self.state.tokens.verify(token, now).ok()? {
            Bearer::User { user, .. } => Subject::User(user),
            Bearer::Client { client, .. } => Subject::Client(client),
        })
    }

    /// Remembers a key that was right, and forgets one that was not.
    fn learn(&self, key: [u8; 16], status: StatusCode) {
        let mut programs = self.programs();
        if status == StatusCode::UNAUTHORIZED {
            programs.remove(&key);
        } else if !status.is_success() {
            // It may have been refused before anybody looked at the key.
        } else if programs.len() < PROGRAMS_MAX || programs.contains(&key) {
            programs.insert(key);
        } else {
            // They are learnt again with their next requests.
            programs.clear();
        }
    }

    fn programs(&self) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of a request. Source: RFC 9110 §11.1.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn key_hash(key: &str) -> [u8; 16] {
    let hash = Sha256::digest(key.as_bytes());
    hash.first_chunk().copied().unwrap_or_default()
}

/// Refuses what is over a limit with 429, and writes `RateLimit-*` on every answer.
pub async fn limited(State(limited): State<Limited>, request: Request, next: Next) -> Response {
    let buckets = limited.buckets(&request);
    let Some((quota, bucket)) = limited.limit.take(&buckets, Instant::now()).await else {
        return next.run(request).await;
    };
    let mut response = if let Some(seconds) = quota.retry_after {
        limited.state.metrics.rate_limited(bucket.subject);
        ApiError::new(ProblemKind::TooManyRequests).with_retry_after(seconds).into_response()
    } else {
        let key = limited.program(&request);
        let response = next.run(request).await;
        if let Some(key) = key {
            limited.learn(key, response.status());
        }
        response
    };
    write_headers(response.headers_mut(), quota);
    response
}

fn write_headers(headers: &mut HeaderMap, quota: Quota) {
    headers.insert("ratelimit-limit", quota.limit.into());
    headers.insert("ratelimit-remaining", quota.remaining.into());
    headers.insert("ratelimit-reset", quota.reset.into());
}
