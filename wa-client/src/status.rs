//! What is known about an account's connection.

use jiff::Timestamp;

/// Where an account stands: only what was observed, never what is hoped.
///
/// ```text
///              ┌────────────────────────────── Backoff ◄──────────────┐
///              ▼                                                      │ connection lost
///  Stopped ► Connecting ──► WaitingForScan ──► (paired) ──► Connecting ──► Online
///                │                 │                                  │
///                └─────────────────┴─► LoggedOut, Banned, Replaced, Outdated, Failed (final)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A connection is being made, or logged in.
    Connecting,
    /// Not linked to an account yet: a QR code or pairing code waits to be used.
    WaitingForScan,
    /// The server asks for a passkey, which this client does not have: link by QR or code instead.
    PasskeyRequired,
    /// Logged in and active; the connection answered at `last_pong`.
    Online {
        /// When the login was complete.
        since: Timestamp,
        /// When the server last proved to be there.
        last_pong: Timestamp,
    },
    /// Not connected; the next attempt is made at `until`.
    Backoff {
        /// When the next attempt is made.
        until: Timestamp,
        /// Why the last connection ended.
        reason: Disconnect,
    },
    /// No account is linked, and the client was told not to link one.
    NotPaired,
    /// The device is no longer linked: pair again. The keys are of no use any more.
    LoggedOut,
    /// The account is banned.
    Banned {
        /// When the ban ends, if the server said so.
        until: Option<Timestamp>,
    },
    /// Another process connected with the same keys; this one stays away.
    Replaced,
    /// The server wants a newer client version.
    Outdated,
    /// The server refused the login for a reason that waiting does not cure.
    Refused {
        /// The reason number of `<failure>`.
        reason: u32,
    },
    /// Another process has opened the account's store; this one stays away.
    Superseded,
    /// The store failed in a way that makes going on unsafe.
    StoreFailed,
    /// The client was told to stop, or was dropped.
    Stopped,
}

impl Status {
    /// Whether messages can be sent now.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self, Self::Online { .. })
    }

    /// Whether the client has given up: only starting it again, mostly after pairing again, helps.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Connecting
            | Self::WaitingForScan
            | Self::PasskeyRequired
            | Self::Online { .. }
            | Self::Backoff { .. } => false,
            Self::NotPaired
            | Self::LoggedOut
            | Self::Banned { .. }
            | Self::Replaced
            | Self::Outdated
            | Self::Refused { .. }
            | Self::Superseded
            | Self::StoreFailed
            | Self::Stopped => true,
        }
    }

    /// A word for scripts and logs; stable.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::WaitingForScan => "waiting_for_scan",
            Self::PasskeyRequired => "passkey_required",
            Self::Online { .. } => "online",
            Self::Backoff { .. } => "backoff",
            Self::NotPaired => "not_paired",
            Self::LoggedOut => "logged_out",
            Self::Banned { .. } => "banned",
            Self::Replaced => "replaced",
            Self::Outdated => "outdated",
            Self::Refused { .. } => "refused",
            Self::Superseded => "superseded",
            Self::StoreFailed => "store_failed",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a connection ended, or was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The server cannot be reached.
    Unreachable,
    /// The server's certificate, of TLS or Noise, was refused; also a wrong clock has this effect.
    Untrusted,
    /// The handshake failed otherwise, or took too long.
    Handshake,
    /// The server closed the connection, or it broke.
    Closed,
    /// The connection looked open, but nothing came back in time.
    Silent,
    /// The server ended the stream for a reason of its own.
    ServerEnded,
    /// The server said that we ask too much.
    RateLimited,
    /// The server is in trouble or restarts.
    ServerTrouble,
    /// The server broke the protocol.
    Protocol,
    /// Nobody scanned the QR codes while they were valid.
    PairingExpired,
    /// The store of this account failed; nothing is lost, because what was not stored was not
    /// acknowledged.
    Store,
}

impl Disconnect {
    /// A word for scripts and logs; stable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Handshake => "handshake",
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::ServerEnded => "server_ended",
            Self::RateLimited => "rate_limited",
            Self::ServerTrouble => "server_trouble",
            Self::Protocol => "protocol",
            Self::PairingExpired => "pairing_expired",
            Self::Store => "store",
        }
    }
}
