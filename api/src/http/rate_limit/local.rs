//! Buckets in this process.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Bucket, Counted, Subject, WINDOW, Window};

/// Buckets remembered at once. When so many are in use, new ones of a kind share one, so that memory stays bounded
/// (about 6 MB) and the limit still holds.
const BUCKETS_MAX: usize = 65_536;

/// The table of buckets.
#[derive(Debug)]
pub(super) struct Local {
    started: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    windows: HashMap<Subject, Numbered>,
    swept: u64,
}

/// A window and its number, counted from the start.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    number: u64,
    window: Window,
}

impl Local {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, table: Mutex::default() }
    }

    /// Counts a request in all of `buckets`, or in none if one of them is full.
    pub(super) fn count(&self, buckets: &[Bucket], now: Instant) -> Counted {
        let elapsed = now.saturating_duration_since(self.started);
        let number = elapsed.as_secs() / WINDOW.as_secs();
        let passed = Duration::from_secs(elapsed.as_secs() % WINDOW.as_secs());
        let mut table = self.table();
        let before: Vec<_> = buckets.iter().map(|bucket| *table.window(bucket.subject, number)).collect();
        if buckets.iter().zip(&before).all(|(bucket, window)| window.used(passed) < bucket.limit) {
            for bucket in buckets {
                let window = table.window(bucket.subject, number);
                window.current = window.current.saturating_add(1);
            }
        }
        Counted { before, passed }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The window of `subject` at the window number `number`: its own, or the shared one while the table is full.
    fn window(&mut self, subject: Subject, number: u64) -> &mut Window {
        let subject = subject.of_subscriber();
        let is_full = self.windows.len() >= BUCKETS_MAX && !self.windows.contains_key(&subject);
        if is_full && self.swept < number {
            // Once in a window is enough: nothing gets old in between.
            self.swept = number;
            self.windows.retain(|_, window| window.number.saturating_add(1) >= number);
        }
        let is_full = is_full && self.windows.len() >= BUCKETS_MAX;
        let key = if is_full { subject.everybody() } else { subject };
        let fresh = Numbered { number, window: Window { current: 0, previous: 0 } };
        let found = self.windows.entry(key).or_insert(fresh);
        found.advance(number);
        &mut found.window
    }
}

impl Numbered {
    fn advance(&mut self, number: u64) {
        if number > self.number {
            let adjacent = number == self.number.saturating_add(1);
            let previous = if adjacent { self.window.current } else { 0 };
            *self = Self { number, window: Window { current: 0, previous } };
        }
    }
}

impl Subject {
    /// The subject with the part of its address that one subscriber holds: all of IPv4, the first half of IPv6.
    pub(super) fn of_subscriber(self) -> Self {
        match self {
            Self::Address(address) => Self::Address(subscriber(address)),
            Self::Strict(operation, address) => Self::Strict(operation, subscriber(address)),
            Self::User(_) | Self::Client(_) | Self::Program(_) => self,
        }
    }

    /// The bucket that those share who come when the table is full.
    fn everybody(self) -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        match self {
            Self::Address(_) => Self::Address(nowhere),
            Self::Strict(operation, _) => Self::Strict(operation, nowhere),
            Self::User(_) | Self::Client(_) | Self::Program(_) => Self::Program([0; 16]),
        }
    }
}

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
    use crate::http::rate_limit::Quota;

    fn bucket(address: &str, limit: u32) -> Bucket {
        Bucket { subject: Subject::Address(address.parse().expect("address")), limit }
    }

    fn take(local: &Local, bucket: Bucket, now: Instant) -> Quota {
        let counted = local.count(&[bucket], now);
        counted.before[0].quota(bucket.limit, counted.passed)
    }

    #[test]
    fn the_hundred_and_first_request_has_to_wait() {
        let start = Instant::now();
        let local = Local::new(start);
        let client = bucket("198.51.100.1", 100);
        for left in (0..100).rev() {
            let quota = take(&local, client, start);
            assert_eq!((quota.remaining, quota.retry_after), (left, None));
        }
        let wait = take(&local, client, start).retry_after.expect("request is over the limit");
        assert!(wait <= 61, "{wait}");
        let again = start + Duration::from_secs(wait);
        assert_eq!(take(&local, client, again).retry_after, None);
        assert_eq!(take(&local, bucket("198.51.100.2", 100), start).retry_after, None);
    }

    #[test]
    fn no_minute_sees_much_more_than_the_limit() {
        let start = Instant::now();
        let client = bucket("198.51.100.1", 60);
        let mut counts = Vec::new();
        let local = Local::new(start);
        for second in 0..240_u64 {
            let now = start + Duration::from_secs(second);
            counts.push((0..10).filter(|_| take(&local, client, now).retry_after.is_none()).count());
        }
        for minute in counts.windows(60) {
            assert!(minute.iter().sum::<usize>() <= 66, "{minute:?}");
        }
    }

    #[test]
    fn one_household_of_ipv6_is_one_client() {
        let start = Instant::now();
        let local = Local::new(start);
        assert_eq!(take(&local, bucket("2001:db8::1", 1), start).retry_after, None);
        assert!(take(&local, bucket("2001:db8::2", 1), start).retry_after.is_some());
        assert_eq!(take(&local, bucket("2001:db8:0:1::1", 1), start).retry_after, None);
    }

    #[test]
    fn a_request_that_one_bucket_refuses_does_not_fill_the_other() {
        let start = Instant::now();
        let local = Local::new(start);
        let address = bucket("198.51.100.1", 10);
        let strict = Bucket { subject: Subject::Strict(0, "198.51.100.1".parse().expect("address")), limit: 1 };
        for _ in 0..5 {
            local.count(&[strict, address], start);
        }
        let counted = local.count(&[strict, address], start);
        let used: Vec<_> = counted.before.iter().map(|window| window.current).collect();
        assert_eq!(used, [1, 1]);
    }

    #[test]
    fn memory_stays_bounded_and_the_limit_holds_when_the_table_is_full() {
        let start = Instant::now();
        let local = Local::new(start);
        let numbered = |number: usize| {
            let address = IpAddr::V4(u32::try_from(number).expect("small").into());
            Bucket { subject: Subject::Address(address), limit: 5 }
        };
        for number in 1..=BUCKETS_MAX {
            assert_eq!(take(&local, numbered(number), start).retry_after, None);
        }
        let refused = (0..10)
            .filter(|extra| take(&local, numbered(BUCKETS_MAX * 2 + extra), start).retry_after.is_some())
            .count();
        assert_eq!(refused, 5);
        assert!(local.table().windows.len() <= BUCKETS_MAX + 1);
        let later = start + Duration::from_mins(3);
        assert_eq!(take(&local, numbered(BUCKETS_MAX * 3), later).retry_after, None);
        assert_eq!(local.table().windows.len(), 1);
    }
}
