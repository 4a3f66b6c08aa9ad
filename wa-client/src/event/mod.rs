//! What a client tells its application.

mod queue;
mod stored;

use std::fmt;

use jiff::Timestamp;
use wa_proto::jid::Jid;

pub use queue::Events;
pub(crate) use queue::{Durable, EventQueue};

use crate::status::Status;

/// Something that happened.
///
/// [`Message`](Self::Message), [`Receipt`](Self::Receipt), [`Undecryptable`](Self::Undecryptable) and
/// [`IdentityChanged`](Self::IdentityChanged) are durable: they were committed before the server was told
/// that they arrived, and come again after a crash until they were taken. The others tell the
/// state of the moment.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Show this text as a QR code; it replaces the one before.
    Qr {
        /// What the QR code says. It contains a secret: show it, do not log it.
        code: String,
        /// When the next one replaces it.
        valid_until: Timestamp,
    },
    /// Show this code; it is typed into the phone under "link with phone number".
    PairingCode {
        /// Eight characters, with a dash in the middle.
        code: String,
        /// When it stops working.
        valid_until: Timestamp,
    },
    /// The device is linked.
    Paired {
        /// The own device, by phone number.
        jid: Jid,
        /// The own device, by LID.
        lid: Jid,
    },
    /// Linking failed; the client goes on and shows a new code.
    PairingFailed(PairingFailure),
    /// The connection changed.
    Status(Status),
    /// A message arrived, or one that another own device sent.
    Message(Message),
    /// Somebody got or read messages that we sent.
    Receipt(Receipt),
    /// A message arrived that could not be decrypted (yet); the sender was asked to send it again.
    Undecryptable(Undecryptable),
    /// A contact has a new identity key, as after installing WhatsApp on a new phone.
    IdentityChanged {
        /// Whose key it is.
        of: Jid,
    },
}

/// A message, decrypted.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The id, chosen by the sender; unique within the chat.
    pub id: String,
    /// The account that wrote it: by phone number if that is known, else by LID.
    pub from: Jid,
    /// The chat it belongs to: the other side of a one-to-one chat (by phone number if that is
    /// known, else by LID), or a group.
    pub chat: Jid,
    /// The LID of the other side of a one-to-one chat, if known.
    pub chat_lid: Option<Jid>,
    /// Whether another device of the own account wrote it.
    pub from_me: bool,
    /// When the server got it.
    pub timestamp: Timestamp,
    /// The name the sender gave itself.
    pub push_name: Option<String>,
    /// Whether it waited on the server while this client was away.
    pub offline: bool,
    /// Its text, if it has one: a plain text, a caption, an answer to buttons.
    pub text: Option<String>,
    /// The protobuf [`wa_proto::proto::Message`], without wrappers, for everything else.
    pub payload: Vec<u8>,
}

/// What became of messages that were sent.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Receipt {
    /// The messages.
    pub ids: Vec<String>,
    /// The device that says so.
    pub from: Jid,
    /// The chat of the messages.
    pub chat: Jid,
    /// What happened to them.
    pub kind: ReceiptKind,
    /// When.
    pub timestamp: Timestamp,
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReceiptKind {
    /// A device has it. It counts whether the device said so in the foreground or in the background.
    Delivered,
    /// A person saw it.
    Read,
    /// A person listened to it, or opened what can be viewed once.
    Played,
}

impl ReceiptKind {
    /// A word for scripts; stable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
        }
    }
}

/// A message that is there, but cannot be read.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Undecryptable {
    /// The id; if a readable copy arrives, its [`Message`] has the same.
    pub id: String,
    /// The account that wrote it.
    pub from: Jid,
    /// The chat it belongs to.
    pub chat: Jid,
    /// When the server got it.
    pub timestamp: Timestamp,
}

/// Why linking failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairingFailure {
    /// What the phone signed does not verify: it is not the phone that scanned this code.
    Unauthentic,
    /// The server's message about the pairing was malformed.
    Malformed,
    /// The server refused the request for a pairing code.
    CodeRefused {
        /// The error number: 400 also stands for "too many", 429 for "slow down".
        code: u32,
    },
    /// The pairing code was not typed in time.
    CodeExpired,
    /// The phone did not finish after the code was typed: it was probably mistyped.
    CodeMistyped,
    /// The phone does not support linked devices.
    PhoneTooOld,
    /// The result could not be stored.
    NotStored,
}

impl fmt::Display for PairingFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthentic => f.write_str("what the phone signed does not verify"),
            Self::Malformed => f.write_str("the server's answer was malformed"),
            Self::CodeRefused { code } => write!(f, "the server refused a code (error {code})"),
            Self::CodeExpired => f.write_str("the code was not used in time"),
            Self::CodeMistyped => f.write_str("the phone did not finish: the code may have been mistyped"),
            Self::PhoneTooOld => f.write_str("the phone does not support linked devices"),
            Self::NotStored => f.write_str("the result could not be stored"),
        }
    }
}

// Texts, names, codes and addresses stay out of logs, so `Debug` shows shapes only.

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qr { valid_until, .. } => write!(f, "Qr {{ valid_until: {valid_until} }}"),
            Self::PairingCode { valid_until, .. } => {
                write!(f, "PairingCode {{ valid_until: {valid_until} }}")
            }
            Self::Paired { .. } => f.write_str("Paired"),
            Self::PairingFailed(failure) => write!(f, "PairingFailed({failure:?})"),
            Self::Status(status) => write!(f, "Status({status:?})"),
            Self::Message(message) => message.fmt(f),
            Self::Receipt(receipt) => receipt.fmt(f),
            Self::Undecryptable(message) => message.fmt(f),
            Self::IdentityChanged { .. } => f.write_str("IdentityChanged"),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("from_me", &self.from_me)
            .field("offline", &self.offline)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("ids", &self.ids).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for Undecryptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undecryptable").field("id", &self.id).finish_non_exhaustive()
    }
}
