//! The two messages between devices as they stand in a stanza.

use std::fmt;

use subtle::ConstantTimeEq;

use super::SignalError;
use super::cipher;
use super::protobuf::{Fields, varint_length, write_bytes, write_bytes_header, write_number};
use crate::keys::PublicKey;

/// The version byte that we write: message version 3, highest known version 3.
pub(super) const VERSION: u8 = 0x33;

/// Length in bytes of the message authentication code.
const MAC_LENGTH: usize = 8;

/// What kind of message a ciphertext is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CiphertextKind {
    /// Starts a session, or belongs to one that the peer has not confirmed yet.
    Prekey,
    /// Belongs to a session that both sides know.
    Signal,
    /// Is for a group.
    SenderKey,
}

impl CiphertextKind {
    /// Returns the `type` of the stanza's `enc` node: `pkmsg`, `msg` or `skmsg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prekey => "pkmsg",
            Self::Signal => "msg",
            Self::SenderKey => "skmsg",
        }
    }

    /// Reads the `type` of an `enc` node.
    #[must_use]
    pub fn from_type(text: &str) -> Option<Self> {
        match text {
            "pkmsg" => Some(Self::Prekey),
            "msg" => Some(Self::Signal),
            "skmsg" => Some(Self::SenderKey),
            _ => None,
        }
    }
}

/// An encrypted message, ready for an `enc` node. `Debug` shows its kind and length.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext {
    /// What the `type` of the node has to be.
    pub kind: CiphertextKind,
    /// The content of the node.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ciphertext").field("kind", &self.kind).field("length", &self.bytes.len()).finish()
    }
}

/// A message of a session (`msg`): version ‖ protobuf ‖ 8-byte MAC, borrowed from the stanza.
///
/// Parsing checks the form only; whether it is authentic shows when it is decrypted.
#[derive(Clone, Copy)]
pub struct SignalMessage<'a> {
    ratchet_key: PublicKey,
    counter: u32,
    ciphertext: &'a [u8],
    /// version ‖ protobuf as received: what the code covers.
    authenticated: &'a [u8],
    mac: &'a [u8; MAC_LENGTH],
}

impl<'a> SignalMessage<'a> {
    /// Reads the content of an `enc` node of type `msg`.
    ///
    /// # Errors
    ///
    /// [`SignalError::Version`] or [`SignalError::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SignalError> {
        let (authenticated, mac) = bytes.split_last_chunk().ok_or(SignalError::Malformed)?;
        let mut fields = Fields::of(strip_version(authenticated)?);
        let (mut ratchet_key, mut counter, mut ciphertext) = (None, None, None);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => ratchet_key = Some(PublicKey::from_typed_slice(value.bytes()?)?),
                2 => counter = Some(value.number()?),
                3 => drop(value.number()?), // the previous counter: never trusted
                4 => ciphertext = Some(value.bytes()?),
                _ => {}
            }
        }
        let ciphertext = ciphertext.ok_or(SignalError::Malformed)?;
        if ciphertext.is_empty() || ciphertext.len() % cipher::BLOCK != 0 {
            return Err(SignalError::Malformed);
        }
        Ok(Self {
            ratchet_key: ratchet_key.ok_or(SignalError::Malformed)?,
            counter: counter.ok_or(SignalError::Malformed)?,
            ciphertext,
            authenticated,
            mac,
        })
    }

    /// Returns the sender's current ratchet key.
    #[must_use]
    pub const fn ratchet_key(&self) -> &PublicKey {
        &self.ratchet_key
    }

    /// Returns the index of the message in its chain.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }

    pub(super) const fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }

    pub(super) const fn authenticated(&self) -> &'a [u8] {
        self.authenticated
    }

    /// Compares the code with the first bytes of `computed`, in constant time.
    pub(super) fn mac_is(&self, computed: &[u8; 32]) -> bool {
        computed.first_chunk::<MAC_LENGTH>().is_some_and(|start| start.ct_eq(self.mac).into())
    }
}

impl fmt::Debug for SignalMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalMessage").field("counter", &self.counter).finish_non_exhaustive()
    }
}

/// A message that starts a session (`pkmsg`): version ‖ protobuf, with a [`SignalMessage`] inside.
///
/// Nothing in it is authentic before it is decrypted.
#[derive(Debug, Clone, Copy)]
pub struct PrekeyMessage<'a> {
    prekey_id: Option<u32>,
    signed_prekey_id: u32,
    base_key: PublicKey,
    identity_key: PublicKey,
    registration_id: u32,
    message: SignalMessage<'a>,
}

impl<'a> PrekeyMessage<'a> {
    /// Reads the content of an `enc` node of type `pkmsg`, both layers.
    ///
    /// # Errors
    ///
    /// [`SignalError::Version`] or [`SignalError::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SignalError> {
        let mut fields = Fields::of(strip_version(bytes)?);
        let (mut prekey_id, mut registration_id) = (0, 0);
        let (mut base_key, mut identity_key, mut message, mut signed_prekey_id) = (None, None, None, None);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => prekey_id = value.number()?,
                2 => base_key = Some(PublicKey::from_typed_slice(value.bytes()?)?),
                3 => identity_key = Some(PublicKey::from_typed_slice(value.bytes()?)?),
                4 => message = Some(value.bytes()?),
                5 => registration_id = value.number()?,
                6 => signed_prekey_id = Some(value.number()?),
                _ => {}
            }
        }
        Ok(Self {
            prekey_id: (prekey_id != 0).then_some(prekey_id),
            signed_prekey_id: signed_prekey_id.ok_or(SignalError::Malformed)?,
            base_key: base_key.ok_or(SignalError::Malformed)?,
            identity_key: identity_key.ok_or(SignalError::Malformed)?,
            registration_id,
            message: SignalMessage::parse(message.ok_or(SignalError::Malformed)?)?,
        })
    }

    /// Returns the id of the one-time prekey of ours that the sender used, if it used one.
    #[must_use]
    pub const fn prekey_id(&self) -> Option<u32> {
        self.prekey_id
    }

    /// Returns the id of the signed prekey of ours that the sender used.
    #[must_use]
    pub const fn signed_prekey_id(&self) -> u32 {
        self.signed_prekey_id
    }

    /// Returns the key that names the session.
    #[must_use]
    pub const fn base_key(&self) -> &PublicKey {
        &self.base_key
    }

    /// Returns the identity key that the sender claims.
    #[must_use]
    pub const fn identity_key(&self) -> &PublicKey {
        &self.identity_key
    }

    /// Returns the registration id that the sender claims; 0 if it names none.
    #[must_use]
    pub const fn registration_id(&self) -> u32 {
        self.registration_id
    }

    /// Returns the message inside.
    #[must_use]
    pub const fn message(&self) -> &SignalMessage<'a> {
        &self.message
    }
}

/// Checks the version byte and takes it off; the low nibble does not matter on receipt.
pub(super) fn strip_version(bytes: &[u8]) -> Result<&[u8], SignalError> {
    let (version, rest) = bytes.split_first().ok_or(SignalError::Malformed)?;
    if version >> 4 == VERSION >> 4 { Ok(rest) } else { Err(SignalError::Version) }
}

/// The header fields of a message to send.
pub(super) struct SignalHeader<'a> {
    pub(super) ratchet_key: &'a PublicKey,
    pub(super) counter: u32,
    pub(super) previous_counter: u32,
    /// Length in bytes of the plaintext that follows.
    pub(super) plaintext_length: usize,
}

impl SignalHeader<'_> {
    /// Length in bytes of the whole message.
    pub(super) fn message_length(&self) -> usize {
        let ciphertext = cipher::encrypted_length(self.plaintext_length);
        // version, keys of four fields, length of the ratchet key, MAC
        [
            1 + 4 + 1 + MAC_LENGTH,
            PublicKey::TYPED_LENGTH,
            varint_length(self.counter),
            varint_length(self.previous_counter),
            varint_length(u32::try_from(ciphertext).unwrap_or(u32::MAX)),
            ciphertext,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Appends everything in front of the ciphertext.
    pub(super) fn write(&self, output: &mut Vec<u8>) {
        output.push(VERSION);
        write_bytes(1, &self.ratchet_key.to_typed_bytes(), output);
        write_number(2, self.counter, output);
        write_number(3, self.previous_counter, output);
        write_bytes_header(4, cipher::encrypted_length(self.plaintext_length), output);
    }
}

/// Appends the MAC to a message.
pub(super) fn write_mac(code: &[u8; 32], output: &mut Vec<u8>) {
    output.extend(code.iter().take(MAC_LENGTH));
}

/// The fields of a `pkmsg` around the message.
pub(super) struct PrekeyHeader<'a> {
    pub(super) prekey_id: Option<u32>,
    pub(super) base_key: &'a PublicKey,
    pub(super) identity_key: &'a PublicKey,
    pub(super) registration_id: u32,
    pub(super) signed_prekey_id: u32,
}

impl PrekeyHeader<'_> {
    /// The most bytes that the fields take.
    pub(super) const MAX_LENGTH: usize = 1 + 6 + 2 * 35 + 6 + 6 + 6;

    /// Appends everything in front of a message of `length` bytes.
    pub(super) fn write_front(&self, length: usize, output: &mut Vec<u8>) {
        output.push(VERSION);
        if let Some(id) = self.prekey_id {
            write_number(1, id, output);
        }
        write_bytes(2, &self.base_key.to_typed_bytes(), output);
        write_bytes(3, &self.identity_key.to_typed_bytes(), output);
        write_bytes_header(4, length, output);
    }

    /// Appends what follows the message.
    pub(super) fn write_back(&self, output: &mut Vec<u8>) {
        write_number(5, self.registration_id, output);
        write_number(6, self.signed_prekey_id, output);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(fields: &[(u8, Option<&[u8]>, u32)]) -> Vec<u8> {
        let mut bytes = vec![0x34];
        for (field, content, number) in fields {
            match content {
                Some(content) => write_bytes(*field, content, &mut bytes),
                None => write_number(*field, *number, &mut bytes),
            }
        }
        bytes.extend([0; MAC_LENGTH]);
        bytes
    }

    #[test]
    fn required_fields_are_required_and_the_others_are_not() {
        let key = [5; 33];
        let all = [(1, Some(&key[..]), 0), (2, None, 7), (4, Some(&[0; 16][..]), 0), (9, None, 3)];
        let bytes = message(&all);
        let parsed = SignalMessage::parse(&bytes).unwrap();
        assert_eq!((parsed.counter(), parsed.ciphertext()), (7, &[0; 16][..]));
        for missing in 0..3 {
            let mut fields = all.to_vec();
            fields.remove(missing);
            assert_eq!(SignalMessage::parse(&message(&fields)).unwrap_err(), SignalError::Malformed);
        }
    }

    #[test]
    fn debug_output_shows_no_content() {
        let bytes = message(&[(1, Some(&[5; 33]), 0), (2, None, 7), (4, Some(&[0xab; 16]), 0)]);
        assert_eq!(format!("{:?}", SignalMessage::parse(&bytes).unwrap()), "SignalMessage { counter: 7, .. }");
        let ciphertext = Ciphertext { kind: CiphertextKind::Signal, bytes };
        assert_eq!(format!("{ciphertext:?}"), "Ciphertext { kind: Signal, length: 64 }");
    }

    #[test]
    fn wrong_lengths_and_types_of_fields_are_malformed() {
        let key = [5; 33];
        for fields in [
            [(1, Some(&key[..32]), 0), (2, None, 7), (4, Some(&[0; 16][..]), 0)],
            [(1, Some(&key[..]), 0), (2, Some(b"7"), 0), (4, Some(&[0; 16]), 0)],
            [(1, Some(&key[..]), 0), (2, None, 7), (4, Some(&[0; 15]), 0)],
            [(1, Some(&key[..]), 0), (2, None, 7), (4, Some(&[]), 0)],
            [(1, Some(&key[..]), 0), (2, None, 7), (4, None, 0)],
        ] {
            assert_eq!(SignalMessage::parse(&message(&fields)).unwrap_err(), SignalError::Malformed);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (SignalMessage::parse(&bytes), PrekeyMessage::parse(&bytes));
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = (SignalMessage::parse(&bytes), PrekeyMessage::parse(&bytes));
        }
    }
}
