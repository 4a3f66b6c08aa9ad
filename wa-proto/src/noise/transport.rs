//! The encrypted connection after a handshake.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};

use super::symmetric::{TAG, nonce};
use crate::frame;

/// Why a frame was not sent or received. The two sides are out of step then, or about to be: the connection is
/// to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Wrong key, wrong counter or tampering: the tag does not tell which.
    #[error("the frame failed authentication")]
    Unauthentic,
    /// All 2^32 counter values of this direction are used.
    #[error("the frame counter is exhausted")]
    Exhausted,
    /// The plaintext and its tag do not fit a frame.
    #[error("a plaintext of {0} bytes does not fit a frame")]
    TooLong(usize),
}

/// The two ciphers of a connection, each with its counter. Frames have to be sealed in the order in which they
/// are sent, and opened in the order in which they arrive.
pub struct Transport {
    send: Direction,
    receive: Direction,
}

struct Direction {
    cipher: Aes256Gcm,
    /// Number of the next frame; `None` once all are used.
    counter: Option<u32>,
}

impl Transport {
    /// Makes a transport from the two keys of a handshake, at counter zero.
    #[must_use]
    pub fn new(send: &[u8; 32], receive: &[u8; 32]) -> Self {
        Self { send: Direction::new(send), receive: Direction::new(receive) }
    }

    /// Appends to `out` a whole frame whose plaintext `write` appends: header, ciphertext, tag. The encryption
    /// happens in place; nothing is allocated but what `out` has to grow by.
    ///
    /// # Errors
    ///
    /// The error of `write`, after which the transport can still be used, or a [`TransportError`]. `out` is then
    /// as it was.
    pub fn seal<E: From<TransportError>>(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        out.extend_from_slice(&[0; frame::HEADER]);
        let written = write(out).and_then(|()| Ok(self.seal_written(out, start)?));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn seal_written(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        let body = start.saturating_add(frame::HEADER);
        let length = out.len().saturating_sub(body);
        let header = frame::header(length.saturating_add(TAG)).map_err(|_| TransportError::TooLong(length))?;
        let tag = {
            let plaintext = out.get_mut(body..).unwrap_or_default();
            let (cipher, nonce) = self.send.next()?;
            cipher.encrypt_inout_detached(&nonce, &[], plaintext.into()).map_err(|_| TransportError::TooLong(length))?
        };
        out.extend_from_slice(&tag);
        if let Some(place) = out.get_mut(start..body) {
            place.copy_from_slice(&header);
        }
        Ok(())
    }

    /// Decrypts the payload of a frame in place and returns the plaintext.
    ///
    /// # Errors
    ///
    /// [`TransportError::Unauthentic`] or [`TransportError::Exhausted`].
    pub fn open<'f>(&mut self, payload: &'f mut [u8]) -> Result<&'f mut [u8], TransportError> {
        let (cipher, nonce) = self.receive.next()?;
        let (body, tag) = payload.split_last_chunk_mut::<TAG>().ok_or(TransportError::Unauthentic)?;
        cipher
            .decrypt_inout_detached(&nonce, &[], (&mut *body).into(), &(*tag).into())
            .map_err(|_| TransportError::Unauthentic)?;
        Ok(body)
    }
}

impl Direction {
    fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()), counter: Some(0) }
    }

    /// Returns the cipher and the nonce of the next frame, which is used up by this.
    fn next(&mut self) -> Result<(&Aes256Gcm, super::symmetric::FrameNonce), TransportError> {
        let counter = self.counter.ok_or(TransportError::Exhausted)?;
        self.counter = counter.checked_add(1);
        Ok((&self.cipher, nonce(counter)))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("sent", &self.send.counter)
            .field("received", &self.receive.counter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Transport, Transport) {
        (Transport::new(&[1; 32], &[2; 32]), Transport::new(&[2; 32], &[1; 32]))
    }

    fn seal(transport: &mut Transport, plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        transport
            .seal(&mut out, |out| {
                out.extend_from_slice(plaintext);
                Ok::<_, TransportError>(())
            })
            .unwrap();
        out
    }

    #[test]
    fn frames_are_opened_in_order_only() {
        let (mut client, mut server) = pair();
        let mut first = seal(&mut client, b"first");
        let mut second = seal(&mut client, b"second");
        assert_eq!(server.open(&mut first[3..]).unwrap(), b"first");
        let replayed = server.open(&mut second.clone()[2..]).unwrap_err();
        assert_eq!(replayed, TransportError::Unauthentic);
        assert_eq!(server.open(&mut second[3..]), Err(TransportError::Unauthentic), "the counter has moved on");
    }

    #[test]
    fn a_changed_or_short_frame_is_refused() {
        let (mut client, _) = pair();
        let frame = seal(&mut client, b"text");
        for at in 3..frame.len() {
            let (_, mut server) = pair();
            let mut changed = frame.clone();
            changed[at] ^= 0x80;
            assert_eq!(server.open(&mut changed[3..]), Err(TransportError::Unauthentic));
            let (_, mut server) = pair();
            assert_eq!(server.open(&mut frame.clone()[3..at]), Err(TransportError::Unauthentic));
        }
    }

    #[test]
    fn the_counter_never_wraps() {
        let (mut client, mut server) = pair();
        client.send.counter = Some(u32::MAX);
        server.receive.counter = Some(u32::MAX);
        let mut last = seal(&mut client, b"last");
        assert_eq!(server.open(&mut last[3..]).unwrap(), b"last");
        let refused = client.seal(&mut Vec::new(), |_| Ok::<_, TransportError>(()));
        assert_eq!(refused, Err(TransportError::Exhausted));
        assert_eq!(server.open(&mut last[3..]), Err(TransportError::Exhausted));
    }

    #[test]
    fn a_plaintext_over_the_limit_leaves_counter_and_buffer_alone() {
        let (mut client, mut server) = pair();
        let mut out = vec![9];
        let refused = client.seal(&mut out, |out| {
            out.resize(out.len() + frame::MAX_PAYLOAD - TAG + 1, 0);
            Ok::<_, TransportError>(())
        });
        assert_eq!(refused, Err(TransportError::TooLong(frame::MAX_PAYLOAD - TAG + 1)));
        assert_eq!(out, [9]);
        let mut next = seal(&mut client, b"next");
        assert_eq!(server.open(&mut next[3..]).unwrap(), b"next");
    }
}
