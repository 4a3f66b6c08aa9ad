use std::fmt;

use super::KeyError;

/// An XEdDSA signature: R (32 bytes) ‖ s (32 bytes little-endian), the sign of the public key in bit 7 of the last
/// byte.
///
/// Not compared: two signatures of one message by one key differ.
#[derive(Clone, Copy)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Length in bytes.
    pub const LENGTH: usize = 64;

    /// Takes the 64 bytes as received; whether they are well formed shows when the signature is checked.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Reads exactly 64 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::MalformedSignature`] for any other length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::MalformedSignature)
    }

    /// Returns the 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Returns the sign of the signer's Edwards key: 0 or 1.
    pub(crate) const fn sign_bit(&self) -> u8 {
        self.0[63] >> 7
    }

    /// Returns R and, without the sign, s.
    pub(super) fn parts(&self) -> ([u8; 32], [u8; 32]) {
        let (mut commitment, mut scalar) = ([0; 32], [0; 32]);
        let (front, back) = self.0.split_at(32);
        commitment.copy_from_slice(front);
        scalar.copy_from_slice(back);
        scalar[31] &= 0x7f;
        (commitment, scalar)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}
