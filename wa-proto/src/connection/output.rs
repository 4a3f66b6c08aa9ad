//! What comes out of a connection.

use std::time::Duration;

use super::requests::{RequestError, RequestId};
use super::stanza::{FrameProblem, Stanza};
use crate::cert::ServerVerified;
use crate::node::EncodeError;
use crate::noise::{HandshakeError, Pattern, TransportError};

/// The next thing to do for a connection.
#[derive(Debug)]
pub enum Output {
    /// Bytes to write, after all earlier ones. If that fails, the connection cannot go on.
    Transmit(Vec<u8>),
    /// Something that the owner of the connection has to know.
    Event(Event),
    /// Nothing to do before more arrives, or before that time: [`timed_out`](super::Connection::timed_out) then.
    Idle {
        /// Time at the latest; `None` once the connection is closed.
        until: Option<Duration>,
    },
}

/// What happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over and the server has proved who it is. Stanzas can be sent from now on.
    Established {
        /// What to keep, if the device is registered, in order to resume next time.
        server: ServerVerified,
        /// Which handshake it became.
        pattern: Pattern,
    },
    /// A stanza that is not an answer to a request.
    Stanza(Stanza),
    /// A request has come to its end, exactly once for each.
    Response {
        /// Which request.
        id: RequestId,
        /// The `<iq type="result">`, or what became of the request instead.
        answer: Result<Stanza, RequestError>,
    },
    /// The server answered a keepalive ping.
    Pong {
        /// Time between ping and answer.
        round_trip: Duration,
        /// The server's clock in unix seconds, if it told.
        server_time: Option<u64>,
    },
    /// A frame that decrypted but holds no stanza; it is dropped, and the connection goes on.
    Dropped(FrameProblem),
    /// The connection is over; nothing comes after this. The socket is to be closed if it is not.
    Closed(CloseReason),
}

/// Why a connection is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The handshake failed: another server than expected, a wrong clock, or a changed protocol.
    Handshake {
        /// What was wrong.
        error: HandshakeError,
        /// Whether it was an attempt to resume: the proof it was made with is then to be forgotten, so that the
        /// next connection does without.
        resumed: bool,
    },
    /// The server did not answer the first message within [`HANDSHAKE_TIMEOUT`](super::HANDSHAKE_TIMEOUT).
    HandshakeTimeout,
    /// A frame was not from the server, or out of order.
    Transport(TransportError),
    /// The server ended the stream in the orderly way.
    StreamEnd,
    /// The server ended the stream with a `<stream:error>`, which says what to do next.
    StreamError(Stanza),
    /// The server was silent for too long after something that it answers.
    Silent,
    /// The socket ended, or the owner said so.
    Disconnected,
}

/// Why a stanza was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake is not over yet, or the connection is.
    #[error("the connection is not open")]
    NotOpen,
    /// The stanza has no encoding; a mistake of the caller.
    #[error("the stanza cannot be encoded")]
    Encode(#[source] EncodeError),
    /// The stanza does not fit a frame, or the connection has used up its counter and is closed.
    #[error("the stanza cannot be encrypted")]
    Transport(#[source] TransportError),
    /// [`MAX_REQUESTS`](super::MAX_REQUESTS) requests have no answer yet.
    #[error("too many requests without an answer")]
    TooManyRequests,
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
