//! The two messages of group encryption: the distribution of a sender key, and a message under it.

use super::chain::ChainKey;
use super::message::{VERSION, strip_version};
use super::protobuf::{Fields, varint_length, write_bytes, write_bytes_header, write_number};
use super::{SignalError, cipher};
use crate::keys::{PublicKey, Signature};

/// A sender key as its owner hands it out inside of a message to one device: version ‖ protobuf.
///
/// It is to be accepted only from the pairwise part of a stanza of the group that it is for.
#[derive(Clone)]
pub struct SenderKeyDistribution {
    pub(super) key_id: u32,
    pub(super) iteration: u32,
    pub(super) chain: ChainKey,
    pub(super) signing_key: PublicKey,
}

impl SenderKeyDistribution {
    /// Reads the bytes of a `SenderKeyDistributionMessage` (WhatsApp's `axolotlSenderKeyDistributionMessage`).
    ///
    /// # Errors
    ///
    /// [`SignalError::Version`], [`SignalError::Malformed`], or [`SignalError::BadKey`] for a signing key under which
    /// anybody could sign.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignalError> {
        let mut fields = Fields::of(strip_version(bytes)?);
        let (mut key_id, mut iteration, mut chain, mut signing_key) = (None, None, None, None);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => key_id = Some(value.number()?),
                2 => iteration = Some(value.number()?),
                3 => chain = Some(value.bytes()?.try_into().map_err(|_| SignalError::Malformed)?),
                4 => signing_key = Some(PublicKey::from_typed_slice(value.bytes()?)?),
                _ => {}
            }
        }
        let signing_key = signing_key.ok_or(SignalError::Malformed)?;
        signing_key.require_verifying()?;
        Ok(Self {
            key_id: key_id.ok_or(SignalError::Malformed)?,
            iteration: iteration.ok_or(SignalError::Malformed)?,
            chain: ChainKey(chain.ok_or(SignalError::Malformed)?),
            signing_key,
        })
    }

    /// Returns the id under which messages name the key.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }

    /// Writes the message.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 6 + 6 + 34 + 35);
        bytes.push(VERSION);
        write_number(1, self.key_id, &mut bytes);
        write_number(2, self.iteration, &mut bytes);
        write_bytes(3, &self.chain.0, &mut bytes);
        write_bytes(4, &self.signing_key.to_typed_bytes(), &mut bytes);
        bytes
    }
}

impl std::fmt::Debug for SenderKeyDistribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderKeyDistribution")
            .field("key_id", &self.key_id)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

/// A group message (`skmsg`): version ‖ protobuf ‖ 64-byte signature, borrowed from the stanza.
///
/// Parsing checks the form only; whether it is authentic shows when it is decrypted.
#[derive(Clone, Copy)]
pub struct SenderKeyMessage<'a> {
    key_id: u32,
    iteration: u32,
    ciphertext: &'a [u8],
    /// version ‖ protobuf as received: what the signature covers.
    signed: &'a [u8],
    signature: Signature,
}

impl<'a> SenderKeyMessage<'a> {
    /// Reads the content of an `enc` node of type `skmsg`.
    ///
    /// # Errors
    ///
    /// [`SignalError::Version`] or [`SignalError::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SignalError> {
        let (signed, signature) = bytes.split_last_chunk().ok_or(SignalError::Malformed)?;
        let mut fields = Fields::of(strip_version(signed)?);
        let (mut key_id, mut iteration, mut ciphertext) = (None, None, None);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => key_id = Some(value.number()?),
                2 => iteration = Some(value.number()?),
                3 => ciphertext = Some(value.bytes()?),
                _ => {}
            }
        }
        Ok(Self {
            key_id: key_id.ok_or(SignalError::Malformed)?,
            iteration: iteration.ok_or(SignalError::Malformed)?,
            ciphertext: ciphertext.ok_or(SignalError::Malformed)?,
            signed,
            signature: Signature::from_bytes(*signature),
        })
    }

    /// Returns the id of the key under which the message is.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }

    /// Returns the index of the message in the key's chain.
    #[must_use]
    pub const fn iteration(&self) -> u32 {
        self.iteration
    }

    pub(super) const fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }

    pub(super) const fn signed(&self) -> &'a [u8] {
        self.signed
    }

    pub(super) const fn signature(&self) -> &Signature {
        &self.signature
    }
}

impl std::fmt::Debug for SenderKeyMessage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderKeyMessage")
            .field("key_id", &self.key_id)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

/// The header fields of a group message to send.
pub(super) struct SenderKeyHeader {
    pub(super) key_id: u32,
    pub(super) iteration: u32,
    /// Length in bytes of the plaintext that follows.
    pub(super) plaintext_length: usize,
}

impl SenderKeyHeader {
    /// Length in bytes of the whole message.
    pub(super) fn message_length(&self) -> usize {
        let ciphertext = cipher::encrypted_length(self.plaintext_length);
        // version, keys of three fields
        [
            1 + 3 + Signature::LENGTH,
            varint_length(self.key_id),
            varint_length(self.iteration),
            varint_length(u32::try_from(ciphertext).unwrap_or(u32::MAX)),
            ciphertext,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Appends everything in front of the ciphertext.
    pub(super) fn write(&self, output: &mut Vec<u8>) {
        output.push(VERSION);
        write_number(1, self.key_id, output);
        write_number(2, self.iteration, output);
        write_bytes_header(3, cipher::encrypted_length(self.plaintext_length), output);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::PrivateKey;

    fn distribution() -> SenderKeyDistribution {
        SenderKeyDistribution {
            key_id: 1,
            iteration: 0,
            chain: ChainKey([1; 32]),
            signing_key: PrivateKey::from_bytes([9; 32]).public_key(),
        }
    }

    #[test]
    fn a_distribution_needs_all_fields_and_a_strong_key() {
        let whole = distribution().to_bytes();
        assert!(SenderKeyDistribution::parse(&whole).is_ok());
        // version, id, iteration, chain key, signing key
        let cuts = [0..1, 1..3, 3..5, 5..39, 39..74];
        for cut in &cuts[1..] {
            let bytes = [&whole[..cut.start], &whole[cut.end..]].concat();
            assert_eq!(SenderKeyDistribution::parse(&bytes).unwrap_err(), SignalError::Malformed);
        }
        let weak = SenderKeyDistribution { signing_key: PublicKey::from_bytes([0; 32]), ..distribution() };
        assert_eq!(SenderKeyDistribution::parse(&weak.to_bytes()).unwrap_err(), SignalError::BadKey);
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (SenderKeyMessage::parse(&bytes), SenderKeyDistribution::parse(&bytes));
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = (SenderKeyMessage::parse(&bytes), SenderKeyDistribution::parse(&bytes));
        }
    }
}
