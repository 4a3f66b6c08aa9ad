//! From a delivered stanza to what it says.
//!
//! The order of a receipt: [`Source::of`] → learn the mappings it shows → load the session record of
//! the author under its [`session_address`](super::sessions::session_address), joined with what is
//! still stored under its phone number ([`join`](super::sessions::join)) → load the
//! [`named_prekeys`] → [`open`] → **commit** the records, the deletion of used prekeys and the
//! message → send the [`answers`](super::answer::answers). A failed message changes nothing.

use rand::CryptoRng;

use super::addressing::Names;
use super::content::{Content, Decoded, decode};
use super::padding::unpad;
use super::sessions::{PrimaryIdentity, check_companion};
use super::source::{ChatKind, Source};
use crate::jid::Jid;
use crate::proto;
use crate::signal::{
    IdentityChange, LocalDevice, NamedPrekeys, Prekey, PrekeyId, PrekeyMessage, SenderKeyDistribution,
    SenderKeyMessage, SenderKeyRecord, SessionRecord, SignalError, SignalMessage, SignedPrekey,
};
use crate::stanza::ack::Rejection;
use crate::stanza::message::{Enc, EncKind, IncomingMessage, Unavailable};
use crate::stanza::retry::RetryReason;

/// Padded plaintexts have this version; those of any other have no padding.
const PADDED_VERSION: u64 = Enc::VERSION;

/// Our own device, by both names of its account.
#[derive(Debug, Clone, Copy)]
pub struct OwnDevice<'a> {
    /// The account's names.
    pub names: &'a Names,
    /// The device number.
    pub device: u16,
}

impl OwnDevice<'_> {
    /// The device's address by phone number, which goes into acks.
    #[must_use]
    pub fn pn(&self) -> Option<Jid> {
        self.names.pn().map(|pn| pn.with_device(self.device))
    }

    /// Whether `jid` is this very device, under either name.
    #[must_use]
    pub fn is(&self, jid: &Jid) -> bool {
        jid.device() == self.device && self.names.contains(jid)
    }
}

/// Our keys, as far as a message needs them.
#[derive(Debug, Clone, Copy)]
pub struct OwnKeys<'a> {
    /// Identity and registration id.
    pub local: LocalDevice<'a>,
    /// The signed prekeys that are still kept, at least those the message names.
    pub signed_prekeys: &'a [SignedPrekey],
    /// The one-time prekeys that the message names, if they are still there.
    pub prekeys: &'a [Prekey],
}

/// What is stored about the author.
#[derive(Debug)]
pub struct Records<'a> {
    /// Identity and sessions of the author's device.
    pub session: &'a mut SessionRecord,
    /// Its sender keys for the chat, for group and status messages.
    pub sender_keys: Option<&'a mut SenderKeyRecord>,
    /// The identity of the phone of the author's account.
    pub primary: PrimaryIdentity<'a>,
}

/// What a stanza turned out to be, and what has to be committed with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// What it is.
    pub outcome: Outcome,
    /// Whether the session record has to be stored.
    pub session_changed: bool,
    /// Whether the sender-key record has to be stored.
    pub sender_keys_changed: bool,
    /// One-time prekeys to delete in the same commit.
    pub consumed_prekeys: Vec<PrekeyId>,
    /// Whether the author's identity is new or another one.
    pub identity: IdentityChange,
}

/// What a delivered message is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// A message for the application.
    Content(Content),
    /// Traffic between our own devices.
    Protocol(Box<proto::ProtocolMessage>),
    /// Read, and nothing to do: a sender key, or content its author has no right to send.
    Nothing,
    /// It was decrypted before: hand over the inbox row if it is still there, then answer.
    Duplicate,
    /// It could not be decrypted: ask for it again.
    Unreadable(Unreadable),
    /// It is refused for good.
    Rejected(Rejection),
    /// It has no content for this device.
    Unavailable(Unavailable),
    /// It is not encrypted: a channel's post, which this client does not read.
    Unencrypted,
}

/// A message that could not be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// Why, for the retry receipt.
    pub reason: RetryReason,
    /// Whether the first retry receipt should already carry our keys: asking without could not help.
    pub needs_keys: bool,
    /// Whether the sender wants nothing shown.
    pub hides_failure: bool,
}

/// The ids of our prekeys that a stanza names: load these before [`open`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedIds {
    /// One-time prekeys.
    pub prekeys: Vec<u32>,
    /// Signed prekeys.
    pub signed_prekeys: Vec<u32>,
}

/// Finds the prekeys that the ciphertexts of a stanza name.
#[must_use]
pub fn named_prekeys(message: &IncomingMessage, own: OwnDevice<'_>) -> NamedIds {
    let mut named = NamedIds::default();
    for enc in encs_for(message, own).filter(|enc| enc.kind == EncKind::PreKey) {
        if let Ok(parsed) = PrekeyMessage::parse(&enc.ciphertext) {
            named.prekeys.extend(parsed.prekey_id());
            named.signed_prekeys.push(parsed.signed_prekey_id());
        }
    }
    named
}

/// Decrypts a delivered message.
///
/// All failures are outcomes: there is always something to answer. Records change only where the
/// fields of [`Opened`] say so.
pub fn open<R: CryptoRng + ?Sized>(
    message: &IncomingMessage,
    source: &Source,
    own: OwnDevice<'_>,
    keys: OwnKeys<'_>,
    records: Records<'_>,
    rng: &mut R,
) -> Opened {
    let mut opening = Opening {
        message,
        source,
        keys,
        records,
        opened: Opened {
            outcome: Outcome::Nothing,
            session_changed: false,
            sender_keys_changed: false,
            consumed_prekeys: Vec::new(),
            identity: IdentityChange::Unchanged,
        },
    };
    let outcome = opening.run(own, rng);
    Opened { outcome, ..opening.opened }
}

/// The ciphertexts for this device: those without an address, and those with ours.
fn encs_for<'a>(message: &'a IncomingMessage, own: OwnDevice<'a>) -> impl Iterator<Item = &'a Enc> {
    let addressed = message.addressed.iter().filter(move |addressed| own.is(&addressed.jid));
    message.encs.iter().chain(addressed.flat_map(|addressed| &addressed.encs))
}

/// One message in the course of being opened.
struct Opening<'a> {
    message: &'a IncomingMessage,
    source: &'a Source,
    keys: OwnKeys<'a>,
    records: Records<'a>,
    opened: Opened,
}

impl Opening<'_> {
    /// Opens all ciphertexts: pairwise ones first, since they bring the key for the others.
    fn run<R: CryptoRng + ?Sized>(&mut self, own: OwnDevice<'_>, rng: &mut R) -> Outcome {
        if self.source.chat_kind == ChatKind::Newsletter {
            return Outcome::Unencrypted;
        }
        let encs: Vec<&Enc> = encs_for(self.message, own).collect();
        let (pairwise, others): (Vec<&Enc>, Vec<&Enc>) =
            encs.into_iter().partition(|enc| matches!(enc.kind, EncKind::PreKey | EncKind::Session));
        let has_pairwise = !pairwise.is_empty();
        let mut outcome = None;
        for enc in pairwise {
            let next = self.open_pairwise(enc, rng);
            if matches!(next, Outcome::Unreadable(_)) {
                // The key for the rest was in here; one retry covers both.
                return next;
            }
            outcome = Some(better(outcome, next));
        }
        for enc in others {
            let next = match &enc.kind {
                EncKind::SenderKey => self.open_group(enc, has_pairwise),
                EncKind::MessageSecret => Outcome::Rejected(Rejection::MissingMessageSecret),
                EncKind::PreKey | EncKind::Session | EncKind::Other(_) => Outcome::Rejected(Rejection::UnknownStanza),
            };
            outcome = Some(better(outcome, next));
        }
        outcome.unwrap_or_else(|| match &self.message.unavailable {
            Some(reason) => Outcome::Unavailable(reason.clone()),
            None => Outcome::Rejected(Rejection::UnknownStanza),
        })
    }

    /// Opens a ciphertext of the session with the author's device.
    fn open_pairwise<R: CryptoRng + ?Sized>(&mut self, enc: &Enc, rng: &mut R) -> Outcome {
        let decrypted = if enc.kind == EncKind::PreKey {
            self.decrypt_prekey(enc, rng)
        } else {
            let message = SignalMessage::parse(&enc.ciphertext);
            message.and_then(|message| self.records.session.decrypt(&message, rng)).map_err(Failure::Signal)
        };
        match decrypted {
            Ok(decrypted) => {
                self.opened.session_changed = true;
                self.opened.consumed_prekeys.extend(decrypted.consumed_prekey);
                if decrypted.identity != IdentityChange::Unchanged {
                    self.opened.identity = decrypted.identity;
                }
                self.read(enc, &decrypted.plaintext)
            }
            Err(failure) => failure.outcome(enc, false),
        }
    }

    /// Opens a ciphertext that starts a session, having checked that the account vouches for the device.
    fn decrypt_prekey<R: CryptoRng + ?Sized>(
        &mut self,
        enc: &Enc,
        rng: &mut R,
    ) -> Result<crate::signal::Decrypted, Failure> {
        let message = PrekeyMessage::parse(&enc.ciphertext)?;
        if self.source.author.device() != 0
            && let Some(signed) = self.message.device_identity.as_deref()
        {
            check_companion(message.identity_key(), Some(signed), self.records.primary)
                .map_err(|_| Failure::DeviceIdentity)?;
        }
        let signed_prekeys = self.keys.signed_prekeys.iter();
        let prekeys = self.keys.prekeys.iter();
        let named = NamedPrekeys {
            signed_prekey: signed_prekeys.rev().find(|prekey| prekey.id().value() == message.signed_prekey_id()),
            prekey: message.prekey_id().and_then(|id| prekeys.rev().find(|prekey| prekey.id().value() == id)),
        };
        Ok(self.records.session.decrypt_prekey(self.keys.local, &message, named, rng)?)
    }

    /// Opens a ciphertext under the author's sender key.
    fn open_group(&mut self, enc: &Enc, has_pairwise: bool) -> Outcome {
        let Some(sender_keys) = self.records.sender_keys.as_deref_mut() else {
            return Failure::Signal(SignalError::NoSenderKey).outcome(enc, !has_pairwise);
        };
        let decrypted = SenderKeyMessage::parse(&enc.ciphertext).and_then(|message| sender_keys.decrypt(&message));
        match decrypted {
            Ok(plaintext) => {
                self.opened.sender_keys_changed = true;
                self.read(enc, &plaintext)
            }
            Err(error) => Failure::Signal(error).outcome(enc, !has_pairwise),
        }
    }

    /// Takes the padding off, decodes, and takes in a sender key.
    fn read(&mut self, enc: &Enc, padded: &[u8]) -> Outcome {
        let plaintext = if enc.version == PADDED_VERSION { unpad(padded) } else { Ok(padded) };
        let decoding = plaintext.ok().and_then(|plaintext| decode(plaintext, self.message, self.source).ok());
        let Some(decoding) = decoding else {
            return Outcome::Rejected(Rejection::InvalidProtobuf);
        };
        if let (Some(bytes), Some(record)) = (decoding.sender_key, self.records.sender_keys.as_deref_mut())
            && let Ok(distribution) = SenderKeyDistribution::parse(&bytes)
        {
            record.process(&distribution);
            self.opened.sender_keys_changed = true;
        }
        match decoding.decoded {
            Decoded::Content(content) => Outcome::Content(content),
            Decoded::Protocol(protocol) => Outcome::Protocol(protocol),
            Decoded::Nothing => Outcome::Nothing,
        }
    }
}

/// Of the outcomes of two ciphertexts of one stanza the one that says more.
fn better(former: Option<Outcome>, next: Outcome) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Content(_) => 6,
        Outcome::Protocol(_) => 5,
        Outcome::Unreadable(_) => 4,
        Outcome::Nothing => 3,
        Outcome::Duplicate => 2,
        Outcome::Rejected(_) => 1,
        Outcome::Unavailable(_) | Outcome::Unencrypted => 0,
    };
    match former {
        Some(former) if rank(&former) >= rank(&next) => former,
        Some(_) | None => next,
    }
}

/// Why a ciphertext was not opened.
enum Failure {
    Signal(SignalError),
    DeviceIdentity,
}

impl From<SignalError> for Failure {
    fn from(error: SignalError) -> Self {
        Self::Signal(error)
    }
}

impl Failure {
    /// What follows from the failure; `is_alone` when a group ciphertext came without a pairwise one.
    fn outcome(&self, enc: &Enc, is_alone: bool) -> Outcome {
        let (reason, needs_keys) = match self {
            Self::DeviceIdentity => (RetryReason::DeviceIdentity, true),
            Self::Signal(error) => match error {
                SignalError::Duplicate => return Outcome::Duplicate,
                SignalError::Malformed | SignalError::Version => return Outcome::Rejected(Rejection::Parsing),
                SignalError::NoSession => (RetryReason::NoSession, false),
                SignalError::NoSenderKey => (RetryReason::NoSession, is_alone),
                SignalError::UnknownPrekey | SignalError::UnknownSignedPrekey => (RetryReason::UnknownPrekey, true),
                SignalError::BadMac => (RetryReason::BadMac, false),
                SignalError::Future | SignalError::BrokenContent => (RetryReason::InvalidMessage, false),
                SignalError::BadKey => (RetryReason::InvalidKey, false),
                SignalError::BadSignature => (RetryReason::InvalidSignature, false),
            },
        };
        Outcome::Unreadable(Unreadable { reason, needs_keys, hides_failure: enc.hides_failure })
    }
}

#[cfg(test)]
mod tests;
