use crate::keys::KeyError;

/// Why a Signal message or a sender key from a peer was not accepted. Nothing changed in the record.
///
/// What to do with the stanza (receipt, retry receipt, refusal) follows from the variant alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The counter was already used: deliver from the inbox if the plaintext is still there; never ask for a repeat.
    #[error("message was already decrypted")]
    Duplicate,
    /// There is no session with the sender: ask for a repeat.
    #[error("no session with the sender")]
    NoSession,
    /// The message names a one-time prekey that was used or never existed: ask for a repeat with fresh keys.
    #[error("unknown one-time prekey")]
    UnknownPrekey,
    /// The message names a signed prekey that is no longer kept: ask for a repeat with fresh keys.
    #[error("unknown signed prekey")]
    UnknownSignedPrekey,
    /// No session fits the message, or it was altered: ask for a repeat.
    #[error("message fails authentication")]
    BadMac,
    /// The counter is further ahead than [`MAX_JUMP`](super::MAX_JUMP): ask for a repeat.
    #[error("message is too far ahead of its chain")]
    Future,
    /// Authenticated, but the content does not decrypt: ask for a repeat.
    #[error("content of an authenticated message does not decrypt")]
    BrokenContent,
    /// A key inside of the message is of low order: ask for a repeat.
    #[error("message carries an unusable key")]
    BadKey,
    /// The bytes are not a message, or contradict the session that they name: refuse the stanza.
    #[error("message is malformed")]
    Malformed,
    /// The message is of a version other than 3: refuse the stanza.
    #[error("message has an unknown version")]
    Version,
    /// The sender's key for this group is not known: ask for a repeat.
    #[error("no sender key for this message")]
    NoSenderKey,
    /// The signature of a group message does not verify: ask for a repeat.
    #[error("signature of a group message does not verify")]
    BadSignature,
}

impl SignalError {
    /// Returns the short name of the class, for logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NoSession => "no_session",
            Self::UnknownPrekey => "unknown_prekey",
            Self::UnknownSignedPrekey => "unknown_signed_prekey",
            Self::BadMac => "bad_mac",
            Self::Future => "future",
            Self::BrokenContent | Self::Malformed => "malformed",
            Self::BadKey => "bad_key",
            Self::Version => "version",
            Self::NoSenderKey => "no_sender_key",
            Self::BadSignature => "bad_signature",
        }
    }
}

impl From<KeyError> for SignalError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::MalformedKey => Self::Malformed,
            KeyError::WeakKey => Self::BadKey,
            KeyError::MalformedSignature | KeyError::BadSignature => Self::BadSignature,
        }
    }
}

/// Why nothing can be encrypted with a record. The record is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// There is no current session: fetch a bundle first.
    #[error("no current session with the device")]
    NoSession,
    /// The chain has used up its 2³² − 1 indices: archive the session and fetch a bundle.
    #[error("the sending chain is used up")]
    Exhausted,
}

/// Why a stored record cannot be read back. It was damaged, or written by a newer program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The first byte is not a version that this program knows.
    #[error("stored record has the unknown version {0}")]
    Version(u8),
    /// The bytes after it are too short, too long, or outside of the limits.
    #[error("stored record is damaged")]
    Damaged,
}
