//! Why something that was asked for did not happen.

use std::time::Duration;

use wa_proto::stanza::{RefusalReaction, SendRefusal};

use crate::store::StoreError;

/// Why a message was not sent, or not taken by the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The recipient is no phone number and no address of a user.
    #[error("the recipient is neither a phone number nor an address")]
    InvalidRecipient,
    /// The text is empty, or longer than a phone accepts.
    #[error("the text is empty or too long")]
    InvalidText,
    /// The recipient's number is not on WhatsApp.
    #[error("the recipient is not on WhatsApp")]
    NotOnWhatsApp,
    /// No device of the recipient could be encrypted for: none has keys on the server. Try later.
    #[error("no device of the recipient can be encrypted for")]
    NoUsableDevice,
    /// There was no connection in time; nothing was sent.
    #[error("not online in time")]
    NotOnline,
    /// The client has stopped for good, as after a logout; see its status. Nothing was sent.
    #[error("the client has stopped")]
    Stopped,
    /// Too many sends wait already; nothing was sent.
    #[error("too many messages wait to be sent")]
    Busy,
    /// A question to the server that comes before the message failed; nothing was sent.
    #[error("a query before the message failed")]
    Query(#[from] QueryError),
    /// The store failed, so the message was not sent: what cannot be remembered must not leave.
    #[error("the store failed before the message was sent")]
    Store(#[from] StoreError),
    /// The message could not be encrypted or written; nothing was sent.
    #[error("the message could not be built")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server refused the message; what it means, and whether sending again makes sense, is in
    /// the refusal.
    #[error("the server refused the message")]
    Refused(#[source] SendRefusal),
    /// The message went out, but no answer came in time: it may or may not have arrived. Send it
    /// again with the same id; the recipient shows it once.
    #[error("the server did not confirm the message in time")]
    Unconfirmed,
}

/// Why a contact was not forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// What was named is no phone number and no address of a user.
    #[error("the contact is neither a phone number nor an address")]
    InvalidContact,
    /// The contact is the own account, whose sessions the other own devices need.
    #[error("the contact is the own account")]
    OwnAccount,
    /// The client has stopped, as after a logout; nothing was forgotten.
    #[error("the client has stopped")]
    Stopped,
    /// The store failed; nothing was forgotten, or all of it. Forgetting once more does no harm.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl SendError {
    /// Whether sending again later, with the same id, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotOnline | Self::Busy | Self::NoUsableDevice | Self::Store(_) | Self::Unconfirmed => true,
            Self::Query(error) => error.is_transient(),
            Self::Refused(refusal) => match refusal.reaction() {
                RefusalReaction::BackOff | RefusalReaction::RetryLater => true,
                // The rest is pointless to repeat, and some of it makes matters worse.
                RefusalReaction::OtherNamespace
                | RefusalReaction::RefreshGroup
                | RefusalReaction::ForgetRecipient
                | RefusalReaction::PauseNewContacts
                | RefusalReaction::RefreshOwnDevices
                | RefusalReaction::Fail
                | _ => false,
            },
            Self::InvalidRecipient | Self::InvalidText | Self::NotOnWhatsApp | Self::Stopped | Self::Build(_) => false,
        }
    }
}

/// Why a question to the server has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There was no connection in time.
    #[error("not online in time")]
    NotOnline,
    /// The connection ended before the answer came.
    #[error("the connection ended before the answer")]
    Disconnected,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The client has stopped for good; see its status.
    #[error("the client has stopped")]
    Stopped,
    /// The server answered with an error.
    #[error("the server answered with error {code}")]
    Refused {
        /// The error number.
        code: u16,
        /// How long to wait before asking again, if the server said so.
        backoff: Option<Duration>,
    },
    /// The server's answer does not have the form it should have.
    #[error("the server's answer is malformed")]
    Malformed,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl QueryError {
    /// Whether asking again later may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotOnline | Self::Disconnected | Self::TimedOut | Self::Store(_) => true,
            Self::Refused { code, .. } => matches!(code, 429 | 500 | 503),
            Self::Stopped | Self::Malformed => false,
        }
    }
}

/// Why there is no pairing code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairingCodeError {
    /// The number is not international: digits only, seven at least, no leading zero.
    #[error("the phone number is not international")]
    InvalidNumber,
    /// The device is linked already.
    #[error("the device is linked already")]
    AlreadyPaired,
    /// A code is shown already; the server routes the phone's answer by number, so wait until it
    /// expires.
    #[error("a code is valid already")]
    CodeActive,
    /// The server could not be asked, or refused: 400 also stands for "too many", 452 for "use the
    /// QR code".
    #[error("the server gave no code")]
    Query(#[from] QueryError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_punish_repetition_are_never_transient() {
        let is_transient = |code| SendError::Refused(SendRefusal::from_code(code)).is_transient();
        for code in [400, 405, 463, 473, 475, 479, 999] {
            assert!(!is_transient(code), "{code}");
        }
        for code in [429, 500, 503] {
            assert!(is_transient(code), "{code}");
        }
    }
}
