//! How a connection ends, and what that means for the next one.

use std::time::Duration;

use jiff::Timestamp;
use wa_proto::connection::{RequestError, Stanza};
use wa_proto::node::NodeRef;
use wa_proto::noise::HandshakeError;
use wa_proto::stanza::login::{Failure, FailureReason, FailureStep, StreamError, StreamErrorStep};

use crate::error::QueryError;
use crate::status::{Disconnect, Status};
use crate::store::StoreError;
use crate::transport::TransportError;

/// How a connection ended.
#[derive(Debug)]
pub(in crate::driver) enum End {
    /// Connect again at once, as after pairing.
    Restart,
    /// Connect again after a pause.
    Lost {
        reason: Disconnect,
        /// How long it was logged in.
        online_for: Duration,
    },
    /// Do not connect again.
    Final(Status),
    /// The client was told to stop.
    Stopped,
}

impl End {
    pub(in crate::driver) fn lost(reason: Disconnect) -> Self {
        Self::Lost { reason, online_for: Duration::ZERO }
    }

    /// What a failure of the store means for the connection.
    pub(in crate::driver) fn from_store(error: &StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Superseded => Self::Final(Status::Superseded),
            StoreError::Sealed(_) | StoreError::Damaged(_) | StoreError::Migration(_) => {
                Self::Final(Status::StoreFailed)
            }
            // What was not committed is delivered again after a reconnect.
            StoreError::Database(_) | StoreError::Refused(_) => Self::lost(Disconnect::Store),
        }
    }

    /// What a failed query means for the connection that cannot do without its answer.
    pub(in crate::driver) fn from_query(error: &QueryError) -> Self {
        match error {
            QueryError::Store(error) => Self::from_store(error),
            QueryError::Disconnected | QueryError::NotOnline | QueryError::Stopped => Self::lost(Disconnect::Closed),
            QueryError::TimedOut => Self::lost(Disconnect::Silent),
            QueryError::Refused { code: 429, .. } => Self::lost(Disconnect::RateLimited),
            QueryError::Refused { .. } => Self::lost(Disconnect::ServerTrouble),
            QueryError::Malformed => Self::lost(Disconnect::Protocol),
        }
    }

    /// Why there is no connection.
    pub(in crate::driver) fn unreachable(error: &TransportError) -> Self {
        tracing::info!(%error, "could not connect");
        Self::lost(match error {
            TransportError::Tls(_) => Disconnect::Untrusted,
            TransportError::Connect(_)
            | TransportError::Refused { .. }
            | TransportError::TimedOut
            | TransportError::Closed
            | TransportError::Broken(_) => Disconnect::Unreachable,
        })
    }

    /// What a failed handshake means.
    pub(in crate::driver) fn handshake(error: &HandshakeError) -> Self {
        tracing::warn!(%error, "the handshake failed");
        Self::lost(match error {
            HandshakeError::Certificate(_) => Disconnect::Untrusted,
            HandshakeError::Malformed | HandshakeError::Unauthentic | HandshakeError::Key(_) | _ => {
                Disconnect::Handshake
            }
        })
    }

    /// What a refused login means.
    pub(in crate::driver) fn login_failure(node: NodeRef<'_>, now: Timestamp) -> Self {
        let Ok(failure) = Failure::read(node) else { return Self::lost(Disconnect::Protocol) };
        tracing::warn!(reason = ?failure.reason, "the server refused the login");
        match failure.reason.step() {
            FailureStep::Reconnect => Self::lost(Disconnect::ServerTrouble),
            FailureStep::LoggedOut => Self::Final(Status::LoggedOut),
            FailureStep::UpdateVersion => Self::Final(Status::Outdated),
            FailureStep::Stop => {
                if let FailureReason::TemporaryBan { expires_in, .. } = failure.reason {
                    let until = expires_in.and_then(|time| now.checked_add(time).ok());
                    return Self::Final(Status::Banned { until });
                }
                let reason = node.attr_u64("reason").and_then(|reason| reason.try_into().ok());
                Self::Final(Status::Refused { reason: reason.unwrap_or(0) })
            }
        }
    }

    /// What the server's last words mean.
    pub(in crate::driver) fn stream_error(stanza: &Stanza) -> Self {
        let Ok(error) = StreamError::read(stanza.tree().root()) else {
            return Self::lost(Disconnect::Protocol);
        };
        tracing::info!(?error, "the server ended the stream");
        match error.step() {
            StreamErrorStep::ReconnectNow => Self::Restart,
            StreamErrorStep::Reconnect => Self::lost(Disconnect::ServerEnded),
            StreamErrorStep::ReconnectSlowly => Self::lost(Disconnect::RateLimited),
            StreamErrorStep::LoggedOut => Self::Final(Status::LoggedOut),
            StreamErrorStep::StopReplaced => Self::Final(Status::Replaced),
        }
    }
}

impl From<RequestError> for QueryError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused { code, backoff } => Self::Refused { code, backoff },
            RequestError::TimedOut => Self::TimedOut,
            RequestError::Closed => Self::Disconnected,
            RequestError::Unexpected | _ => Self::Malformed,
        }
    }
}
