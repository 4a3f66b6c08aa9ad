use std::time::Duration;

use rand::CryptoRng;

use super::output::CodeEnd;
use crate::jid::Jid;
use crate::keys::{KeyPair, PublicKey};
use crate::pairing::adv::AdvSecret;
use crate::pairing::code::{CompanionCode, PairingCode, WrappedKey};
use crate::stanza::pair::CompanionFinish;

/// How long a code is valid, from the moment it is made. Source: observed.
pub const CODE_LIFE: Duration = Duration::from_mins(3);
/// How long pair-success may take after the phone's hello. Source: observed.
pub const FINISH_TIMEOUT: Duration = Duration::from_mins(1);
/// How many hellos of the phone one code answers. Source: observed.
pub const MAX_ATTEMPTS: u8 = 3;

/// Where linking by code is.
pub(super) enum CodeFlow {
    /// There is no code.
    Idle,
    /// The hello is sent; the server's reference is missing.
    Requested(LiveCode),
    /// The user can type the code.
    Shown { code: LiveCode, reference: Vec<u8> },
    /// The phone has answered, and we have sent the bundle.
    Finishing { code: LiveCode, reference: Vec<u8>, attempts: u8, give_up_at: Duration },
}

pub(super) struct LiveCode {
    half: CompanionCode,
    phone: Jid,
    valid_until: Duration,
}

/// The phone's hello.
pub(super) struct Hello<'a> {
    pub(super) reference: &'a [u8],
    pub(super) ephemeral: &'a WrappedKey,
    pub(super) identity: &'a PublicKey,
}

impl CodeFlow {
    pub(super) const fn is_live(&self) -> bool {
        !matches!(self, Self::Idle)
    }

    /// Tells whether a pair-success under the derived secret may be on its way.
    pub(super) fn is_finishing(&self, now: Duration) -> bool {
        matches!(self, Self::Finishing { give_up_at, .. } if now < *give_up_at)
    }

    /// Tells whether a code with this reference is live.
    pub(super) fn is_about(&self, of_phone: &[u8]) -> bool {
        match self {
            Self::Idle | Self::Requested(_) => false,
            Self::Shown { reference, .. } | Self::Finishing { reference, .. } => reference == of_phone,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Idle => None,
            Self::Requested(code) | Self::Shown { code, .. } => Some(code.valid_until),
            Self::Finishing { give_up_at, .. } => Some(*give_up_at),
        }
    }

    /// Starts with a new code and returns our half of it.
    pub(super) fn begin<R: CryptoRng + ?Sized>(
        &mut self,
        code: PairingCode,
        phone: Jid,
        now: Duration,
        rng: &mut R,
    ) -> CompanionCode {
        let half = CompanionCode::generate(code, rng);
        *self = Self::Requested(LiveCode { half: half.clone(), phone, valid_until: now.saturating_add(CODE_LIFE) });
        half
    }

    /// Takes the server's reference; returns the code to show and its end.
    pub(super) fn show(&mut self, reference: Vec<u8>) -> Option<(PairingCode, Duration)> {
        match std::mem::replace(self, Self::Idle) {
            Self::Requested(code) => {
                let shown = (code.half.code().clone(), code.valid_until);
                *self = Self::Shown { code, reference };
                Some(shown)
            }
            other @ (Self::Idle | Self::Shown { .. } | Self::Finishing { .. }) => {
                *self = other;
                None
            }
        }
    }

    /// Drops the code; returns why, if there was one.
    pub(super) fn end(&mut self, end: CodeEnd) -> Option<CodeEnd> {
        let was_live = self.is_live();
        *self = Self::Idle;
        was_live.then_some(end)
    }

    /// Drops a code whose time is over.
    pub(super) fn expire(&mut self, now: Duration) -> Option<CodeEnd> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        let end = if matches!(self, Self::Finishing { .. }) { CodeEnd::PhoneSilent } else { CodeEnd::Expired };
        self.end(end)
    }

    /// Answers the phone's hello with the bundle, and returns the adv secret that both sides now have.
    ///
    /// Nothing happens if no code is shown, the reference is of another code, the code is too old or has been answered
    /// [`MAX_ATTEMPTS`] times, or a key of the phone is worthless.
    pub(super) fn answer<R: CryptoRng + ?Sized>(
        &mut self,
        hello: &Hello<'_>,
        identity: &KeyPair,
        now: Duration,
        rng: &mut R,
    ) -> Option<(CompanionFinish, AdvSecret)> {
        let (code, reference, attempts) = match self {
            Self::Idle | Self::Requested(_) => return None,
            Self::Shown { code, reference } => (code, reference, 0),
            Self::Finishing { code, reference, attempts, .. } => (code, reference, *attempts),
        };
        if hello.reference != reference.as_slice() || now >= code.valid_until || attempts >= MAX_ATTEMPTS {
            return None;
        }
        let finish = code.half.finish(hello.ephemeral, hello.identity, identity, rng).ok()?;
        let stanza = CompanionFinish {
            phone: code.phone.clone(),
            bundle: finish.bundle,
            identity: *identity.public(),
            reference: reference.clone(),
        };
        self.finishing(attempts.saturating_add(1), now.saturating_add(FINISH_TIMEOUT));
        Some((stanza, finish.adv_secret))
    }

    fn finishing(&mut self, attempts: u8, give_up_at: Duration) {
        *self = match std::mem::replace(self, Self::Idle) {
            Self::Shown { code, reference } | Self::Finishing { code, reference, .. } => {
                Self::Finishing { code, reference, attempts, give_up_at }
            }
            other @ (Self::Idle | Self::Requested(_)) => other,
        };
    }
}
