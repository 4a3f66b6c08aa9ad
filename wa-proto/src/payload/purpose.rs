use prost::Message as _;

use super::{Login, Registration};
use crate::proto::ClientPayload;

/// Why a client connects: the server's first decision.
#[derive(Debug, Clone)]
pub enum ClientPurpose {
    /// A device that wants to be linked.
    Registration(Box<Registration>),
    /// A linked device.
    Login(Box<Login>),
}

/// Why a payload is refused; the server answers failure 400 to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Not a client payload.
    #[error("client payload does not parse")]
    Malformed,
    /// Neither a user name nor pairing data.
    #[error("client payload is neither a login nor a registration")]
    NoPurpose,
    /// A field is missing or has the wrong length.
    #[error("client payload has no usable {field}")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
    /// The signed prekey is not signed by the identity key.
    #[error("signed prekey in the client payload is not vouched for")]
    SignedPrekey,
}

impl ClientPurpose {
    /// Reads and checks the payload of a handshake.
    ///
    /// # Errors
    ///
    /// [`PayloadError`].
    pub fn read(payload: &[u8]) -> Result<Self, PayloadError> {
        let payload = ClientPayload::decode(payload).map_err(|_| PayloadError::Malformed)?;
        if let Some(username) = payload.username {
            return Ok(Self::Login(Box::new(Login::read(username, &payload)?)));
        }
        let Some(pairing) = &payload.device_pairing_data else {
            return Err(PayloadError::NoPurpose);
        };
        Ok(Self::Registration(Box::new(Registration::read(pairing, &payload)?)))
    }
}
