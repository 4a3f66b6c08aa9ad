//! Requests and their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::CryptoRng;

/// How long a request usually waits for its answer. Source: observed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(75);

/// Most requests that may wait at a time; further ones are refused.
pub const MAX_REQUESTS: usize = 1024;

/// Names a request of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused it.
    #[error("the server refused the request with code {code}")]
    Refused {
        /// The server's code, as in HTTP: 401 not authorised, 404 not found, 429 too many …; 0 if it gave none.
        code: u16,
        /// How long the server wants no such request.
        backoff: Option<Duration>,
    },
    /// The answer is neither a result nor an error.
    #[error("the answer is neither a result nor an error")]
    Unexpected,
    /// No answer in time. Whether the server did it is not known.
    #[error("the request timed out")]
    TimedOut,
    /// The connection ended first. Whether the server did it is not known.
    #[error("the connection ended before the answer")]
    Closed,
}

/// For whom a request was made.
pub(super) enum Purpose {
    Caller,
    Ping { sent: Duration },
}

/// The requests without an answer. Ids are `a.b-n`: two random numbers for the connection, and a count from 1.
pub(super) struct Requests {
    prefix: String,
    last: u64,
    /// `None` once the connection is closed.
    waiting: Option<BTreeMap<RequestId, Waiting>>,
}

struct Waiting {
    purpose: Purpose,
    deadline: Duration,
}

impl Requests {
    pub(super) fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut random = [0; 2];
        rng.fill_bytes(&mut random);
        let [first, second] = random;
        Self { prefix: format!("{first}.{second}-"), last: 0, waiting: Some(BTreeMap::new()) }
    }

    pub(super) fn next_id(&mut self) -> RequestId {
        self.last = self.last.wrapping_add(1);
        RequestId(self.last)
    }

    pub(super) fn text_of(&self, id: RequestId) -> String {
        format!("{}{}", self.prefix, id.0)
    }

    pub(super) fn insert(&mut self, id: RequestId, purpose: Purpose, deadline: Duration) {
        if let Some(waiting) = &mut self.waiting {
            waiting.insert(id, Waiting { purpose, deadline });
        }
    }

    /// Takes the request that an answer with the id `text` belongs to.
    pub(super) fn take(&mut self, text: &str) -> Option<(RequestId, Purpose)> {
        let number = text.strip_prefix(&self.prefix)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let id = RequestId(number.parse().ok()?);
        Some((id, self.waiting.as_mut()?.remove(&id)?.purpose))
    }

    /// Takes the requests whose time is over, in the order in which they were made.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<(RequestId, Purpose)> {
        let Some(waiting) = &mut self.waiting else { return Vec::new() };
        waiting
            .extract_if(.., |_, request| now >= request.deadline)
            .map(|(id, request)| (id, request.purpose))
            .collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.as_ref()?.values().map(|request| request.deadline).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.as_ref().is_none_or(BTreeMap::is_empty)
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.len() >= MAX_REQUESTS)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waiting.is_none()
    }

    /// Takes all requests; no other is accepted from now on.
    pub(super) fn close(&mut self) -> Vec<(RequestId, Purpose)> {
        self.waiting.take().unwrap_or_default().into_iter().map(|(id, request)| (id, request.purpose)).collect()
    }
}
