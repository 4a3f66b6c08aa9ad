//! Is the server still there?
//!
//! A ping goes out every 15 to 30 seconds, unless something arrived in the last 15 or a request is waiting
//! anyway. The server counts as gone when nothing at all arrives within 20 seconds of the first stanza that it
//! answers.
//!
//! Source: observed (the official web client, as recorded by whatsapp-rust). There every stanza starts the 20
//! seconds; here only those that are sure to be answered do, because an ack or a presence is not, and a server
//! with nothing to say is no dead server.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::CryptoRng;

/// Limits of the random time between two looks at the connection, in milliseconds.
const INTERVAL_MS: RangeInclusive<u64> = 15_000..=30_000;
/// No ping if something arrived this recently.
const RECENT: Duration = Duration::from_secs(15);
/// Longest silence after a stanza that the server answers.
pub(super) const PONG_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct Keepalive {
    next_look: Duration,
    last_received: Duration,
    /// When the first stanza went out since something arrived that has to make something arrive.
    unanswered_since: Option<Duration>,
}

/// Tells whether the server answers a stanza with this tag and type.
pub(super) fn is_answered(tag: &str, kind: Option<&str>) -> bool {
    match tag {
        "message" => true,
        "iq" => matches!(kind, Some("get" | "set")),
        _ => false,
    }
}

impl Keepalive {
    pub(super) fn new<R: CryptoRng + ?Sized>(now: Duration, rng: &mut R) -> Self {
        Self { next_look: later(now, rng), last_received: now, unanswered_since: None }
    }

    pub(super) fn received(&mut self, now: Duration) {
        self.last_received = now;
        self.unanswered_since = None;
    }

    pub(super) fn sent(&mut self, answered: bool, now: Duration) {
        if answered {
            self.unanswered_since.get_or_insert(now);
        }
    }

    pub(super) fn is_dead(&self, now: Duration) -> bool {
        self.death().is_some_and(|death| now >= death)
    }

    /// Tells whether to send a ping now, and sets the time of the next look if it was time for one.
    pub(super) fn ping_is_due<R: CryptoRng + ?Sized>(&mut self, now: Duration, waiting: bool, rng: &mut R) -> bool {
        if now < self.next_look {
            return false;
        }
        self.next_look = later(now, rng);
        !waiting && now.saturating_sub(self.last_received) >= RECENT
    }

    pub(super) fn next_deadline(&self) -> Duration {
        self.death().map_or(self.next_look, |death| death.min(self.next_look))
    }

    fn death(&self) -> Option<Duration> {
        Some(self.unanswered_since?.saturating_add(PONG_TIMEOUT))
    }
}

fn later<R: CryptoRng + ?Sized>(now: Duration, rng: &mut R) -> Duration {
    let span = INTERVAL_MS.end().saturating_sub(*INTERVAL_MS.start()).saturating_add(1);
    let wait = rng.next_u64().checked_rem(span).unwrap_or(0).saturating_add(*INTERVAL_MS.start());
    now.saturating_add(Duration::from_millis(wait))
}
