//! How many requests one client address may make in a minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_mins(1);
/// Addresses remembered at once. When so many are active, new ones share one window, so that
/// memory stays bounded (about 6 MB) and the limit still holds.
const ADDRESSES_MAX: usize = 65_536;

/// Counts requests per address over a sliding minute.
///
/// The sliding count is the current window's plus the share of the previous one that still lies
/// within the last minute, so an address costs 24 bytes whatever its limit.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: u32,
    started: Instant,
    table: Mutex<Table>,
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

#[derive(Debug, Default)]
struct Table {
    windows: HashMap<IpAddr, Window>,
    swept: u64,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    number: u64,
    current: u32,
    previous: u32,
}

impl RateLimit {
    /// Makes a limit of `per_minute` requests for each address; windows are counted from `now`.
    #[must_use]
    pub fn new(per_minute: u32, now: Instant) -> Self {
        Self { per_minute, started: now, table: Mutex::default() }
    }

    /// Counts one request of `address` at `now`.
    pub fn take(&self, address: IpAddr, now: Instant) -> Quota {
        let elapsed = now.saturating_duration_since(self.started);
        let number = elapsed.as_secs() / WINDOW.as_secs();
        let passed = Duration::from_secs(elapsed.as_secs() % WINDOW.as_secs());
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let window = table.window(subscriber(address), number);
        let used = window.used(passed);
        let admitted = used < self.per_minute;
        if admitted {
            window.current = window.current.saturating_add(1);
        }
        Quota {
            limit: self.per_minute,
            remaining: self.per_minute.saturating_sub(used.saturating_add(1)),
            reset: WINDOW.saturating_sub(passed).as_secs().max(1),
            retry_after: (!admitted).then(|| window.wait(self.per_minute, passed)),
        }
    }
}

impl Table {
    /// The window of `address` at the window number `number`: its own, or the shared one while the table is full.
    fn window(&mut self, address: IpAddr, number: u64) -> &mut Window {
        let is_full = self.windows.len() >= ADDRESSES_MAX && !self.windows.contains_key(&address);
        if is_full && self.swept < number {
            // Once in a window is enough: nothing gets old in between.
            self.swept = number;
            self.windows.retain(|_, window| window.number.saturating_add(1) >= number);
        }
        let is_full = is_full && self.windows.len() >= ADDRESSES_MAX;
        let key = if is_full { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { address };
        let window = self.windows.entry(key).or_insert(Window { number, current: 0, previous: 0 });
        window.advance(number);
        window
    }
}

impl Window {
    fn advance(&mut self, number: u64) {
        if number > self.number {
            let adjacent = number == self.number.saturating_add(1);
            self.previous = if adjacent { self.current } else { 0 };
            self.current = 0;
            self.number = number;
        }
    }

    /// Requests of the last minute when `passed` of the current window has gone by.
    fn used(&self, passed: Duration) -> u32 {
        let left = u64::try_from(WINDOW.saturating_sub(passed).as_millis()).unwrap_or(0);
        let whole = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        let share = u64::from(self.previous).saturating_mul(left).div_ceil(whole);
        self.current.saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
    }

    /// Whole seconds until a request is admitted again: at most to the end of the next window.
    fn wait(&self, limit: u32, passed: Duration) -> u64 {
        let admits = |seconds: u64| {
            let later = passed.saturating_add(Duration::from_secs(seconds));
            match later.checked_sub(WINDOW) {
                None => self.used(later) < limit,
                Some(passed) => {
                    let next = Window { number: self.number, current: 0, previous: self.current };
                    next.used(passed) < limit
                }
            }
        };
        (1..=120).find(|seconds| admits(*seconds)).unwrap_or(120)
    }
}

/// The part of an address that one subscriber holds: all of IPv4, the first half of IPv6.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn the_hundred_and_first_request_has_to_wait() {
        let start = Instant::now();
        let limit = RateLimit::new(100, start);
        let client = address("198.51.100.1");
        for left in (0..100).rev() {
            let quota = limit.take(client, start);
            assert_eq!((quota.remaining, quota.retry_after), (left, None));
        }
        let refused = limit.take(client, start);
        let wait = refused.retry_after.expect("request is over the limit");
        assert!(wait <= 61, "{wait}");
        let again = start + Duration::from_secs(wait);
        assert_eq!(limit.take(client, again).retry_after, None);
        assert_eq!(limit.take(address("198.51.100.2"), start).retry_after, None);
    }

    #[test]
    fn no_minute_sees_much_more_than_the_limit() {
        let start = Instant::now();
        let client = address("198.51.100.1");
        let mut counts = Vec::new();
        let limit = RateLimit::new(60, start);
        for second in 0..240_u64 {
            let now = start + Duration::from_secs(second);
            counts.push((0..10).filter(|_| limit.take(client, now).retry_after.is_none()).count());
        }
        for minute in counts.windows(60) {
            assert!(minute.iter().sum::<usize>() <= 66, "{minute:?}");
        }
    }

    #[test]
    fn one_household_of_ipv6_is_one_client() {
        let start = Instant::now();
        let limit = RateLimit::new(1, start);
        assert_eq!(limit.take(address("2001:db8::1"), start).retry_after, None);
        assert!(limit.take(address("2001:db8::2"), start).retry_after.is_some());
        assert_eq!(limit.take(address("2001:db8:0:1::1"), start).retry_after, None);
    }

    #[test]
    fn memory_stays_bounded_and_the_limit_holds_when_the_table_is_full() {
        let start = Instant::now();
        let limit = RateLimit::new(5, start);
        let numbered = |number: usize| IpAddr::V4(u32::try_from(number).expect("small").into());
        for number in 1..=ADDRESSES_MAX {
            assert_eq!(limit.take(numbered(number), start).retry_after, None);
        }
        let refused = (0..10)
            .filter(|extra| limit.take(numbered(ADDRESSES_MAX * 2 + extra), start).retry_after.is_some())
            .count();
        assert_eq!(refused, 5);
        assert!(limit.table.lock().expect("lock").windows.len() <= ADDRESSES_MAX + 1);
        let later = start + Duration::from_mins(3);
        assert_eq!(limit.take(numbered(ADDRESSES_MAX * 3), later).retry_after, None);
        assert_eq!(limit.table.lock().expect("lock").windows.len(), 1);
    }
}
