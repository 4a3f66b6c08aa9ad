//! The protobuf messages of a handshake, with the fields that have to be there.

use super::HandshakeError;
use crate::keys::PublicKey;
use crate::proto::{ClientFinish, ClientHello, HandshakeMessage, ProtobufMessage, ServerHello};

/// The client's first message, with the encrypted part of an IK attempt.
pub(super) struct Hello {
    pub(super) ephemeral: PublicKey,
    pub(super) resumption: Option<Sealed>,
}

/// The server's answer: with a static key (XX, XXfallback) or without (IK).
pub(super) struct Answer {
    pub(super) ephemeral: PublicKey,
    pub(super) static_key: Option<Vec<u8>>,
    pub(super) payload: Vec<u8>,
}

/// An encrypted static key and an encrypted payload.
pub(super) struct Sealed {
    pub(super) static_key: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl Hello {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let hello = parse(bytes)?.client_hello.ok_or(HandshakeError::Malformed)?;
        let resumption = match (non_empty(hello.r#static), non_empty(hello.payload)) {
            (Some(static_key), Some(payload)) => Some(Sealed { static_key, payload }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(HandshakeError::Malformed),
        };
        Ok(Self { ephemeral: key(hello.ephemeral)?, resumption })
    }

    pub(super) fn write(self) -> Vec<u8> {
        let (static_key, payload) = self.resumption.map(|sealed| (sealed.static_key, sealed.payload)).unzip();
        let ephemeral = Some(self.ephemeral.as_bytes().to_vec());
        let client_hello = Some(ClientHello { ephemeral, r#static: static_key, payload });
        HandshakeMessage { client_hello, ..HandshakeMessage::default() }.encode_to_vec()
    }
}

impl Answer {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let hello = parse(bytes)?.server_hello.ok_or(HandshakeError::Malformed)?;
        Ok(Self {
            ephemeral: key(hello.ephemeral)?,
            static_key: non_empty(hello.r#static),
            payload: non_empty(hello.payload).ok_or(HandshakeError::Malformed)?,
        })
    }

    pub(super) fn write(self) -> Vec<u8> {
        let ephemeral = Some(self.ephemeral.as_bytes().to_vec());
        let server_hello = Some(ServerHello { ephemeral, r#static: self.static_key, payload: Some(self.payload) });
        HandshakeMessage { server_hello, ..HandshakeMessage::default() }.encode_to_vec()
    }
}

impl Sealed {
    /// Reads the client's last message.
    pub(super) fn read_finish(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let finish = parse(bytes)?.client_finish.ok_or(HandshakeError::Malformed)?;
        Ok(Self {
            static_key: non_empty(finish.r#static).ok_or(HandshakeError::Malformed)?,
            payload: non_empty(finish.payload).ok_or(HandshakeError::Malformed)?,
        })
    }

    /// Writes the client's last message.
    pub(super) fn write_finish(self) -> Vec<u8> {
        let client_finish = Some(ClientFinish { r#static: Some(self.static_key), payload: Some(self.payload) });
        HandshakeMessage { client_finish, ..HandshakeMessage::default() }.encode_to_vec()
    }
}

fn parse(bytes: &[u8]) -> Result<HandshakeMessage, HandshakeError> {
    HandshakeMessage::decode(bytes).map_err(|_| HandshakeError::Malformed)
}

fn key(bytes: Option<Vec<u8>>) -> Result<PublicKey, HandshakeError> {
    PublicKey::from_slice(&bytes.ok_or(HandshakeError::Malformed)?).map_err(HandshakeError::Key)
}

fn non_empty(bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
    bytes.filter(|bytes| !bytes.is_empty())
}
