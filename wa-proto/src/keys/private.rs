use std::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{AgreementKey, KeyError, PublicKey, SharedSecret, Signature, SigningKey};

/// A Curve25519 private key: 32 bytes, always clamped, overwritten on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

impl PrivateKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// Draws 32 bytes from `rng` and clamps them.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        let key = Self::from_bytes(bytes);
        bytes.zeroize();
        key
    }

    /// Takes 32 bytes of any origin and clamps them.
    ///
    /// Source: RFC 7748 §5.
    #[must_use]
    pub const fn from_bytes(mut bytes: [u8; 32]) -> Self {
        bytes[0] &= 0xf8;
        bytes[31] &= 0x7f;
        bytes[31] |= 0x40;
        Self(bytes)
    }

    /// Reads a stored key: exactly 32 bytes, clamped again.
    ///
    /// # Errors
    ///
    /// [`KeyError::MalformedKey`] for any other length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = bytes.try_into().map_err(|_| KeyError::MalformedKey)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Returns the clamped bytes, for storing them sealed.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Computes the public key that belongs to this one; about a third of the cost of an agreement.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.edwards().to_montgomery().to_bytes())
    }

    /// Computes the shared secret with `theirs` (X25519).
    ///
    /// Source: RFC 7748 §5 and §6.1.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakKey`] if the result is all zero, which only a key of low order causes.
    pub fn agree(&self, theirs: &PublicKey) -> Result<SharedSecret, KeyError> {
        self.agree_prepared(&AgreementKey::new(theirs))
    }

    /// Like [`agree`](Self::agree), with a key that was prepared for several agreements.
    ///
    /// # Errors
    ///
    /// As for [`agree`](Self::agree).
    pub fn agree_prepared(&self, theirs: &AgreementKey) -> Result<SharedSecret, KeyError> {
        theirs.agree(self)
    }

    /// Signs `message` (XEdDSA) with 64 fresh bytes of `rng`.
    ///
    /// Costs about twice a [`SigningKey::sign`], which is for keys that sign often.
    #[must_use]
    pub fn sign<R: CryptoRng + ?Sized>(&self, message: &[u8], rng: &mut R) -> Signature {
        SigningKey::new(self).sign(message, rng)
    }

    /// Signs `message` with the given random bytes, so that a published signature can be reproduced.
    ///
    /// The bytes must never serve two messages: that reveals nothing by itself in XEdDSA, but takes away its
    /// protection against faults.
    #[must_use]
    pub fn sign_with_random(&self, message: &[u8], random: &[u8; 64]) -> Signature {
        SigningKey::new(self).sign_with_random(message, random)
    }

    pub(super) fn edwards(&self) -> EdwardsPoint {
        EdwardsPoint::mul_base_clamped(self.0)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
