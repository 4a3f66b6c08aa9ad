//! Buckets in a Redis that several processes share.
//!
//! ```text
//!         an answer fails or takes too long              connected again
//!   up ─────────────────────────────────────► down ─────────────────────► up
//!                                            (each second one try; requests do not wait)
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use sha2::{Digest, Sha256};

use super::{Bucket, Counted, Subject, Window};

/// How long a request waits for Redis; a healthy one answers in less than a millisecond.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a Redis that is away is tried.
const RETRY: Duration = Duration::from_secs(1);

/// The same count as in this process, by the clock of Redis: milliseconds of the window that have gone by, then
/// current and previous of each bucket. One script, so that two processes cannot both take the last place.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / 60000)
local passed = now - window * 60000
local answer = {passed}
local admitted = true
for i, key in ipairs(KEYS) do
    local current = tonumber(redis.call('GET', key .. ':' .. window) or '0')
    local previous = tonumber(redis.call('GET', key .. ':' .. (window - 1)) or '0')
    admitted = admitted and current + math.ceil(previous * (60000 - passed) / 60000) < tonumber(ARGV[i])
    table.insert(answer, current)
    table.insert(answer, previous)
end
if admitted then
    for _, key in ipairs(KEYS) do
        redis.call('INCR', key .. ':' .. window)
        redis.call('PEXPIRE', key .. ':' .. window, 120000)
    end
end
return answer
";

/// `REDIS_URL` is not a URL of a Redis. The URL itself is not shown: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("setting REDIS_URL: expected redis://[user:password@]host[:port][/database]")]
pub struct RedisUrlError;

/// The connection to Redis.
pub(super) struct Shared {
    client: Client,
    config: AsyncConnectionConfig,
    script: Script,
    /// None while Redis does not answer.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Shared {
    pub(super) async fn open(url: &str) -> Result<Arc<Self>, RedisUrlError> {
        let client = Client::open(url).map_err(|_| RedisUrlError)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let shared = Arc::new(Self { client, config, script: Script::new(SCRIPT), connection: Mutex::default() });
        match shared.connect().await {
            Ok(connection) => *shared.connection() = Some(connection),
            Err(error) => shared.lost(&error),
        }
        Ok(shared)
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection().is_some()
    }

    /// Counts a request in all of `buckets`, or in none if one of them is full; `None` while Redis does not answer.
    pub(super) async fn count(self: &Arc<Self>, buckets: &[Bucket]) -> Option<Counted> {
        let mut connection = self.connection().clone()?;
        let mut call = self.script.prepare_invoke();
        for bucket in buckets {
            call.key(key(bucket.subject)).arg(bucket.limit);
        }
        let answer: Result<Vec<u64>, RedisError> = call.invoke_async(&mut connection).await;
        match answer {
            Ok(answer) => read(&answer),
            Err(error) => {
                // Of many requests that fail at once, the first one tells.
                if self.connection().take().is_some() {
                    self.lost(&error);
                }
                None
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        // A server that still loads its data, or refuses our password, accepts connections too.
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        Ok(connection)
    }

    /// Says so once, and tries to connect until it works.
    fn lost(self: &Arc<Self>, error: &RedisError) {
        let kind = error.kind();
        tracing::warn!(?kind, "the Redis of REDIS_URL does not answer: limits are counted in this process meanwhile");
        // Ends with the rate limit: a task that kept it alive would outlive the program's router.
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(RETRY).await;
                let Some(shared) = weak.upgrade() else { return };
                if let Ok(connection) = shared.connect().await {
                    *shared.connection() = Some(connection);
                    tracing::info!("the Redis of REDIS_URL answers again");
                    return;
                }
            }
        });
    }

    fn connection(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client holds the URL, which may hold a password.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}

fn read(answer: &[u64]) -> Option<Counted> {
    let (passed, counts) = answer.split_first()?;
    let count = |number: &u64| u32::try_from(*number).unwrap_or(u32::MAX);
    let windows = counts.chunks_exact(2).filter_map(|pair| match pair {
        [current, previous] => Some(Window { current: count(current), previous: count(previous) }),
        _ => None,
    });
    Some(Counted { before: windows.collect(), passed: Duration::from_millis(*passed) })
}

/// The key of a bucket. Addresses are personal, so it is a hash.
fn key(subject: Subject) -> String {
    let text = match subject.of_subscriber() {
        Subject::Address(address) => format!("address {address}"),
        Subject::User(user) => format!("user {user}"),
        Subject::Client(client) => format!("client {client}"),
        Subject::Program(key) => format!("program {}", hex::encode(key)),
        Subject::Strict(operation, address) => format!("strict {operation} {address}"),
    };
    let hash = Sha256::digest(text.as_bytes());
    format!("rate-limit:{}", hex::encode(hash.get(..16).unwrap_or_default()))
}
