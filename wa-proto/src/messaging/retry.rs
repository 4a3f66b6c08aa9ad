//! Retries, both ways: asking for a message that could not be read, and sending one again.
//!
//! Sending again goes: [`RetryCase::of`] the receipt → look up what it names (the message as it was
//! sent, the record of the device, what was noted about earlier retries) → [`RetryCase::decide`] →
//! repair the session as told → [`encrypt_single`](super::outbound::encrypt_single) → commit → send.
//! The receipt is acknowledged in every case.

use super::MessageId;
use super::addressing::Names;
use super::inbound::Unreadable;
use crate::jid::{Jid, Server};
use crate::keys::PublicKey;
use crate::signal::{LocalDevice, Prekey, PrekeyBundle, SessionRecord, SignedPrekey};
use crate::stanza::message::{Enc, IncomingMessage};
use crate::stanza::prekeys::DeviceBundle;
use crate::stanza::retry::RetryRequest;
use crate::stanza::{Receipt, ReceiptKind};

/// The count at which both sides give up.
pub const MAX_COUNT: u32 = 5;

/// The count from which retry receipts carry our keys.
pub const KEYS_FROM_COUNT: u32 = 2;

/// How often one message is sent again to one device while the process lives.
pub const MAX_ANSWERS: u32 = 10;

/// How long a forced new session with a device stops the next one, in seconds.
pub const REBUILD_PAUSE: u64 = 3600;

/// How long the count of a message that could not be read is kept, in seconds.
pub const COUNTER_AGE: u64 = 3600;

/// The count of the next retry receipt for a message, or `None` when it is time to give up.
///
/// `previous` is the count that was sent last for this chat, id and author. A ciphertext that is
/// itself an answer to a retry says where the count stands, so that a restart does not begin anew.
#[must_use]
pub fn next_count(previous: Option<u32>, message: &IncomingMessage) -> Option<u32> {
    let answered = message.encs.iter().filter_map(|enc: &Enc| enc.count).max();
    let next = previous.max(answered).unwrap_or(0).saturating_add(1);
    (next < MAX_COUNT).then_some(next)
}

/// Whether a retry receipt has to carry our keys, with a new one-time prekey.
#[must_use]
pub fn needs_keys(unreadable: Unreadable, count: u32) -> bool {
    unreadable.needs_keys || count >= KEYS_FROM_COUNT
}

/// Our keys for a retry receipt. `prekey` is a new one, stored and never uploaded.
#[must_use]
pub fn own_keys(
    local: LocalDevice<'_>,
    signed_prekey: &SignedPrekey,
    prekey: &Prekey,
    device_identity: Vec<u8>,
) -> DeviceBundle {
    let bundle = PrekeyBundle {
        registration_id: local.registration_id,
        identity: *local.identity.public(),
        signed_prekey_id: signed_prekey.id(),
        signed_prekey: *signed_prekey.public(),
        signature: *signed_prekey.signature(),
        prekey: Some((prekey.id(), *prekey.public())),
    };
    DeviceBundle { bundle, device_identity: Some(device_identity) }
}

/// The receipt that asks for a message again. Send it before the ack of the message.
#[must_use]
pub fn request(
    message: &IncomingMessage,
    unreadable: Unreadable,
    count: u32,
    registration_id: u32,
    keys: Option<DeviceBundle>,
) -> Receipt {
    let mut receipt = Receipt::new(message.id.clone(), message.from.clone(), ReceiptKind::Retry);
    receipt.participant.clone_from(&message.participant);
    receipt.recipient.clone_from(&message.recipient);
    receipt.category = message.is_peer.then(|| "peer".to_owned());
    receipt.retry = Some(RetryRequest {
        id: message.id.clone(),
        count,
        timestamp: message.timestamp,
        reason: unreadable.reason,
        registration_id,
        keys,
    });
    receipt
}

/// A retry receipt that somebody sent us, understood.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryCase {
    /// The message that is wanted.
    pub id: MessageId,
    /// The chat it was sent to, in the namespace of the receipt; look under its other name too.
    pub chat: Jid,
    /// The device that wants it.
    pub device: Jid,
    /// Whether the device is one of ours: it gets the device-sent form.
    pub is_own: bool,
    /// What it asks.
    pub request: RetryRequest,
}

/// What was noted about a message and a device that asks for it again.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryFacts<'a> {
    /// Whether the message is still kept.
    pub has_message: bool,
    /// Whether the device belongs to whom the message was sent, or to us.
    pub is_recipient: bool,
    /// How often the message was sent again to this device.
    pub answers: u32,
    /// The base key of the session that was noted at count 2 for this message and device.
    pub noted_base_key: Option<&'a PublicKey>,
    /// When a new session with the device was forced last, in Unix seconds.
    pub rebuilt_at: Option<u64>,
}

/// What to do about a retry receipt. It is acknowledged in every case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RetryDecision {
    /// Nothing more.
    Ignore(Ignored),
    /// Repair the session, then send the message again to that one device.
    Resend(Repair),
}

/// Why a retry receipt is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ignored {
    /// It failed too often: [`MAX_COUNT`].
    TooManyAttempts,
    /// It was answered too often: [`MAX_ANSWERS`].
    TooManyAnswers,
    /// The device is not one the message was for. Ask for the account's device list once.
    Stranger,
    /// The message is not kept any more.
    UnknownMessage,
}

/// What to do with the session before the message is sent again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Repair {
    /// Nothing: there is a session, and it has not yet been shown to be broken.
    Keep {
        /// The base key to note for this message and device.
        note_base_key: Option<PublicKey>,
    },
    /// Start a session from the keys in the receipt ([`install`](super::sessions::install)).
    UseKeys(Box<DeviceBundle>),
    /// Fetch a bundle and start a session from it; note the time.
    FetchBundle,
}

impl RetryCase {
    /// Understands a retry receipt from the server; `None` for other receipts, malformed retries and
    /// notes to ourselves.
    #[must_use]
    pub fn of(receipt: &Receipt, own: &Names) -> Option<Self> {
        let request = receipt.retry.clone()?;
        let device = receipt.participant.as_ref().unwrap_or(&receipt.peer).clone();
        let is_own = own.contains(&device);
        let is_group = matches!(receipt.peer.server(), Server::Group | Server::Broadcast);
        let chat = if is_group {
            receipt.peer.clone()
        } else if is_own || *receipt.peer.server() == Server::Bot {
            receipt.recipient.as_ref()?.account()
        } else {
            receipt.peer.account()
        };
        Some(Self { id: request.id.clone(), chat, device, is_own, request })
    }

    /// Decides whether and how the message is sent again. `record` is that of the device, `now` in
    /// Unix seconds.
    ///
    /// The caller archives the current session before it follows [`Repair::FetchBundle`]: a session
    /// that a peer cannot use must not be used again.
    #[must_use]
    pub fn decide(&self, facts: RetryFacts<'_>, record: &SessionRecord, now: u64) -> RetryDecision {
        if self.request.count >= MAX_COUNT {
            return RetryDecision::Ignore(Ignored::TooManyAttempts);
        }
        if facts.answers >= MAX_ANSWERS {
            return RetryDecision::Ignore(Ignored::TooManyAnswers);
        }
        if !facts.is_recipient {
            return RetryDecision::Ignore(Ignored::Stranger);
        }
        if !facts.has_message {
            return RetryDecision::Ignore(Ignored::UnknownMessage);
        }
        RetryDecision::Resend(self.repair(facts, record, now))
    }

    fn repair(&self, facts: RetryFacts<'_>, record: &SessionRecord, now: u64) -> Repair {
        if let Some(keys) = self.usable_keys(record) {
            return Repair::UseKeys(Box::new(keys));
        }
        let known = record.remote_registration_id().unwrap_or(0);
        let reinstalled = known != 0 && known != self.request.registration_id;
        let base_key = record.base_key().copied();
        let repair_failed = self.request.count > KEYS_FROM_COUNT
            && base_key.is_some_and(|base_key| facts.noted_base_key == Some(&base_key));
        let may_rebuild = facts.rebuilt_at.is_none_or(|at| now.saturating_sub(at) > REBUILD_PAUSE);
        let is_repeated = self.request.count >= KEYS_FROM_COUNT;
        if !record.has_session() || reinstalled || repair_failed || (is_repeated && may_rebuild) {
            return Repair::FetchBundle;
        }
        Repair::Keep { note_base_key: base_key.filter(|_| self.request.count == KEYS_FROM_COUNT) }
    }

    /// The keys of the receipt, if a session may be started from them. They need a one-time prekey;
    /// and a device of our own that shows another identity is believed only with the registration id
    /// we know.
    fn usable_keys(&self, record: &SessionRecord) -> Option<DeviceBundle> {
        let keys = self.request.keys.as_ref()?;
        keys.bundle.prekey?;
        let identity_changed = record.identity().is_some_and(|known| *known != keys.bundle.identity);
        let known_id = record.remote_registration_id().unwrap_or(0);
        let is_doubtful = self.is_own && identity_changed && known_id != 0 && known_id != self.request.registration_id;
        (!is_doubtful).then(|| keys.clone())
    }
}

#[cfg(test)]
mod tests;
