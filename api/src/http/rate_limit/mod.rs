//! How many requests somebody may make in a minute.
//!
//! A request counts in one or two buckets: its address or, with a token that holds, its user; and on operations that
//! write without a token, such as signing in or the public booking, one of that operation and address, which is
//! smaller. Buckets are counted in this process or, with `REDIS_URL`, in a Redis that several processes share.

pub mod layer;
mod local;
mod shared;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use booking::id::{ClientId, UserId};
use tokio::time::Instant;

pub use self::shared::RedisUrlError;

use self::local::Local;
use self::shared::Shared;

const WINDOW: Duration = Duration::from_mins(1);

/// How many requests each kind of bucket takes in a minute; `None` for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// One address without a token.
    pub address: Option<u32>,
    /// One user, client or program, wherever they are.
    pub user: Option<u32>,
    /// One address on one operation that writes without a token.
    pub strict: Option<u32>,
}

/// Whose requests a bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An address without a token.
    Address(IpAddr),
    /// A user with a token that holds.
    User(UserId),
    /// A client of a business with a token that holds.
    Client(ClientId),
    /// A program whose key was right before; the key's hash.
    Program([u8; 16]),
    /// An address on one operation, which has this number in the document.
    Strict(usize, IpAddr),
}

/// One bucket that a request counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Whose requests it counts.
    pub subject: Subject,
    /// How many a minute it takes.
    pub limit: u32,
}

/// What a client may still do, as the `RateLimit-*` headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests per minute.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// Seconds until the current window ends.
    pub reset: u64,
    /// Seconds to wait if this request was over the limit; `None` if it may go on.
    pub retry_after: Option<u64>,
}

/// Where requests are counted at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this process, as configured.
    Process,
    /// In the Redis of `REDIS_URL`.
    Redis,
    /// In this process, because that Redis does not answer.
    Fallback,
}

/// Counts requests over a sliding minute. A cheap handle.
///
/// The sliding count is the current window's plus the share of the previous one that still lies within the last minute,
/// so a bucket costs a few bytes whatever its limit.
#[derive(Debug, Clone)]
pub struct RateLimit {
    limits: Limits,
    local: Arc<Local>,
    shared: Option<Arc<Shared>>,
}

impl RateLimit {
    /// Counts in this process; windows are counted from `now`.
    #[must_use]
    pub fn in_process(limits: Limits, now: Instant) -> Self {
        Self { limits, local: Arc::new(Local::new(now)), shared: None }
    }

    /// Counts in the Redis at `url`, and in this process while it does not answer.
    ///
    /// A Redis that is not there yet is tried again every second.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError`] when `url` is none.
    pub async fn in_redis(limits: Limits, url: &str, now: Instant) -> Result<Self, RedisUrlError> {
        let shared = Shared::open(url).await?;
        Ok(Self { shared: Some(shared), ..Self::in_process(limits, now) })
    }

    /// How much each kind of bucket takes.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Where requests are counted at present.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.shared {
            None => Place::Process,
            Some(shared) if shared.is_up() => Place::Redis,
            Some(_) => Place::Fallback,
        }
    }

    /// Counts one request at `now` in all of `buckets`, or in none if one of them is full; gives the quota of the
    /// fullest, and its bucket.
    pub async fn take(&self, buckets: &[Bucket], now: Instant) -> Option<(Quota, Bucket)> {
        let counted = match &self.shared {
            Some(shared) => shared.count(buckets).await,
            None => None,
        };
        let counted = counted.unwrap_or_else(|| self.local.count(buckets, now));
        let quotas = buckets.iter().zip(&counted.before).map(|(bucket, window)| {
            let quota = window.quota(bucket.limit, counted.passed);
            (quota, *bucket)
        });
        quotas.max_by_key(|(quota, _)| (quota.retry_after, std::cmp::Reverse(quota.remaining)))
    }
}

/// How full buckets were before a request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    /// One for each bucket that was asked for.
    before: Vec<Window>,
    /// How much of the current window has gone by.
    passed: Duration,
}

/// The requests of one bucket in the current window and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    current: u32,
    previous: u32,
}

impl Window {
    /// Requests of the last minute when `passed` of the current window has gone by.
    fn used(self, passed: Duration) -> u32 {
        let left = u64::try_from(WINDOW.saturating_sub(passed).as_millis()).unwrap_or(0);
        let whole = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        let share = u64::from(self.previous).saturating_mul(left).div_ceil(whole);
        self.current.saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
    }

    /// What a request may still do that finds the bucket like this.
    fn quota(self, limit: u32, passed: Duration) -> Quota {
        let used = self.used(passed);
        Quota {
            limit,
            remaining: limit.saturating_sub(used.saturating_add(1)),
            reset: WINDOW.saturating_sub(passed).as_secs().max(1),
            retry_after: (used >= limit).then(|| self.wait(limit, passed)),
        }
    }

    /// Whole seconds until a request is admitted again: at most to the end of the next window.
    fn wait(self, limit: u32, passed: Duration) -> u64 {
        let admits = |seconds: u64| {
            let later = passed.saturating_add(Duration::from_secs(seconds));
            match later.checked_sub(WINDOW) {
                None => self.used(later) < limit,
                Some(passed) => Self { current: 0, previous: self.current }.used(passed) < limit,
            }
        };
        (1..=120).find(|seconds| admits(*seconds)).unwrap_or(120)
    }
}
