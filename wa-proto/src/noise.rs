//! The Noise handshakes and the encrypted transport after them.
//!
//! Three patterns, both roles:
//!
//! - **XX**, when the client does not know the server's static key: [`ClientHandshake::xx`].
//! - **IK**, one round trip, with the key and proof kept from an earlier connection: [`ClientHandshake::ik`].
//! - **XXfallback**, when the server no longer has the key that an IK attempt was made for: it happens inside
//!   [`ClientHandshake::finish`] and [`ServerHandshake::accept`].
//!
//! A handshake is a value that each message consumes. A client's ends in [`ClientEstablished`], which holds the
//! proof that the server's certificates were checked; there is no [`Transport`] without it.
//!
//! Source: Noise rev 34 (`Noise_XX_25519_AESGCM_SHA256` and relatives), with two
//! differences: the key exists from the start (it equals the hash), and public keys sent in clear are hashed only.
//! Observed; `vectors/noise-and-codec.json` holds transcripts of all three patterns.

mod client;
mod message;
mod server;
mod symmetric;
#[cfg(test)]
mod tests;
mod transport;

pub use self::client::{ClientEstablished, ClientHandshake};
pub use self::server::{Accepted, ResumePolicy, ServerEstablished, ServerHandshake, ServerIdentity};
pub use self::symmetric::Pattern;
pub use self::transport::{Transport, TransportError};

use crate::cert::CertificateError;
use crate::keys::KeyError;

/// Why a handshake failed. The connection is to be closed without another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The message is not the protobuf it should be, or lacks a field.
    #[error("the handshake message is malformed")]
    Malformed,
    /// A field failed authentication: other keys than the peer's, or tampering.
    #[error("the handshake message failed authentication")]
    Unauthentic,
    /// A public key of the wrong length, or one that makes the agreement predictable.
    #[error("the peer's public key was refused")]
    Key(#[source] KeyError),
    /// The server's certificate chain was rejected.
    #[error("the server's certificate chain was rejected")]
    Certificate(#[source] CertificateError),
}
