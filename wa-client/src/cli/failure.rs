//! How a command ends when it did not do what it was asked for.

use std::fmt;
use std::process::ExitCode;

use wa_client::store::StoreError;
use wa_client::{PairingCodeError, QueryError, SendError, Status};

/// The kinds of failure; their numbers are the exit codes, and part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The store, the terminal or something else on this machine failed.
    Local = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// No account is linked.
    NotPaired = 3,
    /// The server cannot be reached.
    Network = 4,
    /// The server said no.
    Refused = 5,
    /// It took too long.
    TimedOut = 6,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Usage => "usage",
            Self::NotPaired => "not_paired",
            Self::Network => "network",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
        }
    }
}

/// A failure with its cause.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) cause: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(kind: Kind, cause: impl Into<anyhow::Error>) -> Self {
        Self { kind, cause: cause.into() }
    }

    pub(crate) fn message(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, cause: anyhow::Error::msg(message.into()) }
    }

    pub(crate) fn usage(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Usage, cause)
    }

    /// What a client in `status` cannot do.
    pub(crate) fn status(status: Status) -> Self {
        let (kind, message) = match status {
            Status::NotPaired => (Kind::NotPaired, "no account is linked: run `wa-client pair`"),
            Status::LoggedOut => (Kind::NotPaired, "the device was unlinked: run `wa-client pair` again"),
            Status::Banned { .. } => (Kind::Refused, "the account is banned"),
            Status::Replaced => (Kind::Refused, "another connection with the same keys replaced it"),
            Status::Outdated => (Kind::Refused, "the server wants a newer client version"),
            Status::Refused { .. } => (Kind::Refused, "the server refused the login"),
            Status::PasskeyRequired => (Kind::Refused, "the server asks for a passkey"),
            Status::Superseded => (Kind::Local, "another process has taken over the store"),
            Status::StoreFailed => (Kind::Local, "the store failed"),
            Status::Backoff { .. } | Status::Connecting => (Kind::Network, "the server cannot be reached"),
            Status::WaitingForScan => (Kind::TimedOut, "nobody scanned the code in time"),
            Status::Stopped | Status::Online { .. } => (Kind::Local, "the client has stopped"),
            _ => (Kind::Local, "the client is in a state this command does not know"),
        };
        Self::message(kind, message)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Local, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Kind::Local, error)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::NotOnline | QueryError::Disconnected => Kind::Network,
            QueryError::TimedOut => Kind::TimedOut,
            QueryError::Refused { .. } | QueryError::Malformed => Kind::Refused,
            _ => Kind::Local,
        };
        Self::new(kind, error)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Query(error) => return error.into(),
            SendError::InvalidRecipient | SendError::InvalidText => Kind::Usage,
            SendError::NotOnWhatsApp | SendError::NoUsableDevice | SendError::Refused(_) => Kind::Refused,
            SendError::NotOnline => Kind::Network,
            SendError::Unconfirmed => Kind::TimedOut,
            _ => Kind::Local,
        };
        Self::new(kind, error)
    }
}

impl From<PairingCodeError> for Failure {
    fn from(error: PairingCodeError) -> Self {
        let kind = match error {
            PairingCodeError::Query(error) => return error.into(),
            PairingCodeError::InvalidNumber => Kind::Usage,
            _ => Kind::Refused,
        };
        Self::new(kind, error)
    }
}
