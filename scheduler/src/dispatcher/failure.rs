//! What a failed send means for its message.

use std::time::Duration;

use booking::clock::Timestamp;
use booking::outbox::Failure;
use rand::Rng;
use wa_client::{QueryError, SendError, SendRefusal};

use crate::retry::pause_seconds;

/// How long an account stays silent after the server said that it sends too fast.
const SLOW_DOWN: Duration = Duration::from_mins(1);

/// What to do about a failed send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What becomes of the message.
    pub(crate) failure: Failure,
    /// Why, as one of [`REASONS`].
    pub(crate) reason: &'static str,
    /// How long the whole account stays silent.
    pub(crate) silence: Option<Duration>,
    /// How long it writes to nobody who never wrote to it, in seconds.
    pub(crate) cold_stop: Option<i64>,
}

/// How long an account writes to no strangers after WhatsApp refused one, in seconds. WhatsApp does not say until when;
/// asking more often makes it longer. Source: observed.
const COLD_STOP: i64 = 86_400;

/// Every reason a message can have for not being sent, or for not being sent yet; stable, and translated where it is
/// shown.
pub const REASONS: &[&str] = &[
    "quiet-hours",
    "business-suspended",
    "cold-budget",
    "cold-stopped",
    "account-banned",
    "opted-out",
    "no-consent",
    "expired",
    "cancelled",
    "duplicate",
    "phone-invalid",
    "recipient-invalid",
    "text-invalid",
    "not-on-whatsapp",
    "no-usable-device",
    "not-connected",
    "new-contact-refused",
    "new-chat-limit",
    "not-allowed",
    "slow-down",
    "refused",
    "server-trouble",
    "not-confirmed",
    "internal",
];

/// Judges `error`, which ended attempt number `attempts` at `now`.
pub(crate) fn judge(error: &SendError, attempts: i64, now: Timestamp, rng: &mut impl Rng) -> Verdict {
    let (reason, repeat) = match error {
        SendError::InvalidRecipient => ("recipient-invalid", false),
        SendError::InvalidText => ("text-invalid", false),
        SendError::NotOnWhatsApp => ("not-on-whatsapp", false),
        SendError::NoUsableDevice => ("no-usable-device", true),
        // The client stopped or is away: the message waits for whoever is online next.
        SendError::NotOnline | SendError::Stopped | SendError::Busy => ("not-connected", true),
        SendError::Query(error) => query(error),
        SendError::Store(_) => ("internal", true),
        SendError::Build(_) => ("internal", false),
        SendError::Refused(refusal) => refused(*refusal),
        SendError::Unconfirmed => ("not-confirmed", true),
        _ => ("internal", error.is_transient()),
    };
    let silence = (reason == "slow-down").then_some(SLOW_DOWN);
    let failure = if repeat {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let least = silence.map_or(0, |silence| i64::try_from(silence.as_secs()).unwrap_or(0));
        Failure::Retry { at: now.plus(pause_seconds(attempts, rng).max(least)) }
    } else {
        Failure::Final
    };
    let cold_stop = matches!(reason, "new-contact-refused" | "new-chat-limit").then_some(COLD_STOP);
    Verdict { failure, reason, silence, cold_stop }
}

fn query(error: &QueryError) -> (&'static str, bool) {
    match error {
        QueryError::NotOnline | QueryError::Disconnected | QueryError::TimedOut | QueryError::Stopped => {
            ("not-connected", true)
        }
        QueryError::Refused { code: 429, .. } => ("slow-down", true),
        QueryError::Refused { .. } => ("server-trouble", error.is_transient()),
        QueryError::Malformed => ("server-trouble", true),
        QueryError::Store(_) => ("internal", true),
        _ => ("internal", error.is_transient()),
    }
}

fn refused(refusal: SendRefusal) -> (&'static str, bool) {
    match refusal {
        SendRefusal::NoRecipient => ("not-on-whatsapp", false),
        SendRefusal::NewContactRefused => ("new-contact-refused", false),
        SendRefusal::NewChatsCapped => ("new-chat-limit", false),
        SendRefusal::NotAllowed { .. } | SendRefusal::KindNotAllowed => ("not-allowed", false),
        SendRefusal::RateLimited => ("slow-down", true),
        SendRefusal::ServerFailed { .. } => ("server-trouble", true),
        SendRefusal::Malformed
        | SendRefusal::NotAcceptable
        | SendRefusal::StaleAddressing
        | SendRefusal::ShapeRefused
        | SendRefusal::Invalid
        | SendRefusal::Unknown { .. }
        | _ => ("refused", false),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn verdict(error: &SendError) -> Verdict {
        judge(error, 1, NOW, &mut rand::rngs::StdRng::seed_from_u64(1))
    }

    #[test]
    fn what_repetition_makes_worse_is_never_repeated() {
        for code in [400, 403, 404, 405, 463, 475, 479, 999] {
            let error = SendError::Refused(SendRefusal::from_code(code));
            assert_eq!(verdict(&error).failure, Failure::Final, "{code}");
        }
        assert_eq!(verdict(&SendError::NotOnWhatsApp).failure, Failure::Final);
    }

    #[test]
    fn what_time_heals_is_tried_again_later() {
        for error in [SendError::NotOnline, SendError::Unconfirmed, SendError::Query(QueryError::TimedOut)] {
            let Failure::Retry { at } = verdict(&error).failure else { panic!("{error:?} is final") };
            assert!((2..=5).contains(&at.since(NOW)), "{error:?}");
        }
    }

    #[test]
    fn a_rate_limit_silences_the_account() {
        let verdict = verdict(&SendError::Refused(SendRefusal::RateLimited));
        assert_eq!(verdict.silence, Some(SLOW_DOWN));
        assert_eq!(verdict.failure, Failure::Retry { at: NOW.plus(60) });
    }

    #[test]
    fn every_reason_is_listed() {
        let errors = [SendError::InvalidRecipient, SendError::InvalidText, SendError::Busy, SendError::NoUsableDevice];
        let refusals = [400, 401, 404, 405, 429, 463, 475, 500].map(SendRefusal::from_code);
        let refusals = refusals.map(SendError::Refused);
        for error in errors.iter().chain(&refusals) {
            assert!(REASONS.contains(&verdict(error).reason), "{error:?}");
        }
    }
}
