//! From a message to the stanza for all devices.
//!
//! [`encrypt`] changes the records of the devices it could encrypt for and writes the whole stanza
//! at once, without building nodes: it is the hot path of sending. The caller commits the records
//! (and the plaintext, for retries) **before** the stanza leaves; if that fails, it drops both.

use std::ops::Range;

use rand::CryptoRng;

use super::addressing::{Namespace, Route};
use super::padding::{MAX_PADDING, pad};
use super::token::StanzaToken;
use super::{MessageId, ParticipantHash, Plaintext};
use crate::jid::Jid;
use crate::node::{self, ChildrenWriter, EncodeError, Node};
use crate::signal::{CiphertextKind, EncryptError, SessionRecord};
use crate::stanza::message::PushPriority;

/// How the stanza describes what is in the message, so that servers and receivers that cannot read
/// it treat it rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Labels {
    /// `type` of the message.
    pub kind: &'static str,
    /// `mediatype` of every ciphertext; there if and only if the kind is `media`.
    pub media_type: Option<&'static str>,
    /// `edit` of the message.
    pub edit: Option<&'static str>,
    /// Whether receivers that cannot decrypt it show nothing. Never on revokes: the server drops them.
    pub hides_failure: bool,
}

impl Labels {
    /// A text, and all protocol content.
    pub const TEXT: Self = Self { kind: "text", media_type: None, edit: None, hides_failure: false };
}

/// One device to encrypt for.
#[derive(Debug)]
pub struct Target<'a> {
    /// Its address in the namespace of the route.
    pub device: &'a Jid,
    /// Identity and sessions, as loaded under the device's lock.
    pub record: &'a mut SessionRecord,
}

/// A one-to-one message to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Send<'a> {
    /// The id, the same in every attempt.
    pub id: &'a MessageId,
    /// To whom, in which namespace.
    pub route: &'a Route,
    /// Our own device number: never a target.
    pub own_device: u16,
    /// The message.
    pub plaintext: &'a Plaintext,
    /// What is in it.
    pub labels: Labels,
    /// Our signed identity (details, account key, both signatures); goes along with messages that
    /// start a session.
    pub device_identity: &'a [u8],
    /// The privacy token for the recipient.
    pub token: Option<&'a StanzaToken>,
    /// Further children, e.g. `<meta>` and `<reporting>`.
    pub extras: &'a [Node],
}

/// A device that got no ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The device.
    pub device: Jid,
    /// Why. [`EncryptError::NoSession`] when no bundle could be had.
    pub reason: EncryptError,
}

/// A stanza that is ready for the connection.
#[derive(Clone)]
pub struct Outbound {
    /// The encoded stanza. Kept until the server acknowledges it: after a short loss of the
    /// connection these very bytes are sent again.
    pub stanza: Vec<u8>,
    /// The devices with a ciphertext in it; the records of exactly these have changed.
    pub devices: Vec<Jid>,
    /// The devices without one.
    pub skipped: Vec<Skipped>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound")
            .field("stanza_bytes", &self.stanza.len())
            .field("devices", &self.devices.len())
            .field("skipped", &self.skipped.len())
            .finish()
    }
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// No device of the recipient has a session. No record has changed.
    #[error("no device of the recipient can be encrypted for")]
    NobodyReachable,
    /// A target is in another namespace than the route, or no device of the two accounts. No record
    /// has changed.
    #[error("a target does not belong to the route")]
    ForeignTarget,
    /// A target occurs twice. No record has changed.
    #[error("a device is addressed twice")]
    DuplicateTarget,
    /// We are among the targets. No record has changed.
    #[error("our own device is addressed")]
    OwnDevice,
    /// The stanza cannot be encoded. Records have changed: load them anew, or store them; either is safe.
    #[error("the stanza cannot be encoded")]
    Encode(#[from] EncodeError),
}

/// Encrypts a message for all targets and writes its stanza.
///
/// Devices of our own account get the message in a device-sent wrapper. A device without a session
/// is skipped; if no device of the recipient is left, nothing is done.
///
/// # Errors
///
/// [`OutboundError`].
pub fn encrypt<R: CryptoRng + ?Sized>(
    send: &Send<'_>,
    targets: &mut [Target<'_>],
    rng: &mut R,
) -> Result<Outbound, OutboundError> {
    check(send, targets)?;
    let sealed = Sealed::seal(send, targets, rng);
    let mut stanza = Vec::with_capacity(sealed.room(send));
    node::encode_with(&mut stanza, "message", |message| {
        message.attr("id", send.id.as_str()).attr_jid("to", &send.route.to).attr("type", send.labels.kind);
        if let Some(pn) = &send.route.peer_recipient_pn {
            message.attr_jid("peer_recipient_pn", pn);
        }
        message.attr_opt("edit", send.labels.edit);
        message.children(|children| {
            children.node("participants", |participants| {
                participants.children(|list| sealed.write(send, targets, list));
            });
            if sealed.starts_session() {
                children.node("device-identity", |identity| identity.bytes(send.device_identity));
            }
            for extra in send.extras {
                children.built(extra);
            }
            if let Some(token) = send.token {
                children.node(token.tag(), |child| child.bytes(token.bytes()));
            }
        });
    })?;
    let devices = sealed.parts.iter().filter_map(|part| Some(targets.get(part.target)?.device.clone())).collect();
    Ok(Outbound { stanza, devices, skipped: sealed.skipped })
}

/// Checks that all targets belong to the route, each once, and that somebody can be reached.
fn check(send: &Send<'_>, targets: &[Target<'_>]) -> Result<(), OutboundError> {
    let route = send.route;
    let namespace = Namespace::of(&route.to).ok_or(OutboundError::ForeignTarget)?;
    if Namespace::of(&route.own) != Some(namespace) {
        return Err(OutboundError::ForeignTarget);
    }
    let mut reachable = false;
    for (at, target) in targets.iter().enumerate() {
        let is_own = is_of(&route.own, target.device);
        let is_recipient = is_of(&route.to, target.device);
        if !(is_own || is_recipient) || Namespace::of(target.device) != Some(namespace) {
            return Err(OutboundError::ForeignTarget);
        }
        if is_own && target.device.device() == send.own_device {
            return Err(OutboundError::OwnDevice);
        }
        let before = targets.get(..at).unwrap_or_default();
        if before.iter().any(|other| other.device == target.device) {
            return Err(OutboundError::DuplicateTarget);
        }
        reachable |= is_recipient && target.record.has_session();
    }
    if reachable { Ok(()) } else { Err(OutboundError::NobodyReachable) }
}

/// The ciphertexts of a stanza, one behind the other.
struct Sealed {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    skipped: Vec<Skipped>,
}

/// The ciphertext for one target.
struct Part {
    target: usize,
    kind: CiphertextKind,
    range: Range<usize>,
}

/// Room in bytes for: what the wrapper for own devices adds to a plaintext; what a ciphertext is longer
/// than its plaintext, and more if it starts a session; the rest of a stanza, and of each of its devices.
const WRAPPER_OVERHEAD: usize = 64;
const MESSAGE_OVERHEAD: usize = 80;
const PREKEY_OVERHEAD: usize = 120;
const STANZA_ROOM: usize = 128;
const DEVICE_ROOM: usize = 32;

impl Sealed {
    /// Encrypts for every target that has a session, with fresh padding each.
    fn seal<R: CryptoRng + ?Sized>(send: &Send<'_>, targets: &mut [Target<'_>], rng: &mut R) -> Self {
        let plain = send.plaintext.as_bytes().len();
        let longest = plain.saturating_add(WRAPPER_OVERHEAD).saturating_add(MAX_PADDING);
        let each = longest.saturating_add(MESSAGE_OVERHEAD).saturating_add(PREKEY_OVERHEAD);
        let mut sealed = Self {
            bytes: Vec::with_capacity(each.saturating_mul(targets.len())),
            parts: Vec::with_capacity(targets.len()),
            skipped: Vec::new(),
        };
        // What is encrypted for the devices of one side, and its length without padding.
        let mut content = Vec::with_capacity(longest);
        let mut filled: Option<(bool, usize)> = None;
        for (at, target) in targets.iter_mut().enumerate() {
            let is_own = is_of(&send.route.own, target.device);
            let length = match filled {
                Some((former, length)) if former == is_own => length,
                _ => {
                    content.clear();
                    fill(send, is_own, &mut content);
                    content.len()
                }
            };
            filled = Some((is_own, length));
            content.truncate(length);
            pad(&mut content, rng);
            let start = sealed.bytes.len();
            match target.record.encrypt_onto(&content, &mut sealed.bytes) {
                Ok(kind) => sealed.parts.push(Part { target: at, kind, range: start..sealed.bytes.len() }),
                Err(reason) => sealed.skipped.push(Skipped { device: target.device.clone(), reason }),
            }
        }
        sealed
    }

    /// Whether any ciphertext starts a session.
    fn starts_session(&self) -> bool {
        self.parts.iter().any(|part| part.kind == CiphertextKind::Prekey)
    }

    /// About how long the stanza will be.
    fn room(&self, send: &Send<'_>) -> usize {
        let devices = self.parts.len().saturating_mul(DEVICE_ROOM);
        let identity = if self.starts_session() { send.device_identity.len() } else { 0 };
        let token = send.token.map_or(0, |token| token.bytes().len());
        [self.bytes.len(), devices, identity, token, STANZA_ROOM].into_iter().fold(0, usize::saturating_add)
    }

    /// Writes a `<to>` for each ciphertext.
    fn write(&self, send: &Send<'_>, targets: &[Target<'_>], list: &mut ChildrenWriter<'_>) {
        for part in &self.parts {
            let Some(target) = targets.get(part.target) else { continue };
            let ciphertext = self.bytes.get(part.range.clone()).unwrap_or_default();
            list.node("to", |to| {
                to.attr_jid("jid", target.device);
                to.children(|encs| write_enc(encs, &send.labels, part.kind, None, ciphertext));
            });
        }
    }
}

/// Writes what the devices of one side are to read: our own get the wrapper.
fn fill(send: &Send<'_>, for_own: bool, content: &mut Vec<u8>) {
    if for_own {
        send.plaintext.wrap_device_sent(&send.route.to, content);
    } else {
        content.extend_from_slice(send.plaintext.as_bytes());
    }
}

/// Whether a device belongs to an account, given that both are in one namespace.
fn is_of(account: &Jid, device: &Jid) -> bool {
    account.user_bytes() == device.user_bytes()
}

/// Writes an `<enc>`.
fn write_enc(
    children: &mut ChildrenWriter<'_>,
    labels: &Labels,
    kind: CiphertextKind,
    count: Option<u32>,
    ciphertext: &[u8],
) {
    children.node("enc", |enc| {
        enc.attr("v", "2").attr("type", kind.as_str()).attr_opt("mediatype", labels.media_type);
        if labels.hides_failure {
            enc.attr("decrypt-fail", "hide");
        }
        if let Some(count) = count {
            enc.attr_u64("count", count.into());
        }
        enc.bytes(ciphertext);
    });
}

/// A message for one device only: an answer to its retry receipt, or a peer message to our phone.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Single<'a> {
    /// The message once more, for the device that could not read it.
    Resend {
        /// The sender of the retry receipt, verbatim.
        to: &'a Jid,
        /// The receipt's `participant`, in groups.
        participant: Option<&'a Jid>,
        /// The receipt's `recipient`: the chat, when a device of our own asks.
        recipient: Option<&'a Jid>,
        /// The time in the receipt's `<retry>`.
        timestamp: u64,
        /// The receipt's count.
        count: u32,
    },
    /// Protocol content for our own phone.
    Peer {
        /// Our account, without device.
        to: &'a Jid,
        /// How urgently the phone is woken.
        priority: PushPriority,
        /// Whether the content is a request for history, which is marked as private.
        is_privacy_sensitive: bool,
    },
}

/// Encrypts a message for one device and writes its stanza, with the ciphertext directly in it.
///
/// `content` is what the device gets: for a resend to a device of our own, the device-sent form. No
/// tokens and no reporting node ever go along: the server refuses them here.
///
/// # Errors
///
/// [`OutboundError::NobodyReachable`] when there is no session, [`OutboundError::Encode`].
pub fn encrypt_single<R: CryptoRng + ?Sized>(
    id: &MessageId,
    single: Single<'_>,
    labels: Labels,
    content: &[u8],
    target: &mut Target<'_>,
    device_identity: &[u8],
    rng: &mut R,
) -> Result<Outbound, OutboundError> {
    let mut padded = Vec::with_capacity(content.len().saturating_add(MAX_PADDING));
    padded.extend_from_slice(content);
    pad(&mut padded, rng);
    let ciphertext = target.record.encrypt(&padded).map_err(|_| OutboundError::NobodyReachable)?;
    let mut stanza = Vec::with_capacity(ciphertext.bytes.len().saturating_add(STANZA_ROOM));
    let count = match single {
        Single::Resend { count, .. } => Some(count),
        Single::Peer { .. } => None,
    };
    node::encode_with(&mut stanza, "message", |message| {
        message.attr("id", id.as_str());
        write_single(message, single, labels);
        message.children(|children| {
            if let Single::Peer { .. } = single {
                children.node("meta", |meta| {
                    meta.attr("appdata", "default");
                });
            }
            write_enc(children, &labels, ciphertext.kind, count, &ciphertext.bytes);
            if ciphertext.kind == CiphertextKind::Prekey {
                children.node("device-identity", |identity| identity.bytes(device_identity));
            }
        });
    })?;
    Ok(Outbound { stanza, devices: vec![target.device.clone()], skipped: Vec::new() })
}

/// Writes the attributes of a message for one device.
fn write_single(message: &mut node::ElementWriter<'_>, single: Single<'_>, labels: Labels) {
    match single {
        Single::Resend { to, participant, recipient, timestamp, .. } => {
            message.attr_jid("to", to).attr("type", labels.kind).attr_opt("edit", labels.edit);
            message.attr_u64("t", timestamp);
            if let Some(participant) = participant {
                message.attr_jid("participant", participant);
            } else if !to.is_group() {
                message.attr("device_fanout", "false");
            }
            if let Some(recipient) = recipient {
                message.attr_jid("recipient", recipient);
            }
        }
        Single::Peer { to, priority, is_privacy_sensitive } => {
            message.attr_jid("to", to).attr("type", labels.kind).attr("category", "peer");
            message.attr("push_priority", priority.as_attr());
            if is_privacy_sensitive {
                message.attr("privacy_sensitive", "1");
            }
        }
    }
}

/// Whether the hash in a server's ack agrees with the devices we addressed.
///
/// Clients differ on whether this device is part of the set, so either value counts. On a mismatch
/// some device missed the message: drop the device lists of the recipient and of our own account.
#[must_use]
pub fn phash_agrees(phash: &str, devices: &[Jid], own: &Jid, own_device: u16) -> bool {
    let Ok(theirs) = phash.parse::<ParticipantHash>() else {
        return false;
    };
    let this_device = own.with_device(own_device);
    theirs == ParticipantHash::of(devices) || theirs == ParticipantHash::of(devices.iter().chain([&this_device]))
}

#[cfg(test)]
mod tests;
