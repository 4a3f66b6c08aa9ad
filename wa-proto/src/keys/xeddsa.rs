use std::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use rand::CryptoRng;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{KeyError, PrivateKey, PublicKey, Signature};

/// What separates the hash that makes the nonce from the hash that makes the challenge: `FE ‖ FF…`.
const NONCE_PREFIX: [u8; 32] = {
    let mut prefix = [0xff; 32];
    prefix[0] = 0xfe;
    prefix
};

/// A private key made ready for signing: its scalar and its public key in Edwards form are kept.
///
/// Source: <https://signal.org/docs/specifications/xeddsa/>, with one difference of all peers: the key is not negated
/// to make its sign 0; the sign travels in bit 7 of the last byte. Vectors: `xeddsa.sign_exact`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SigningKey {
    private: PrivateKey,
    scalar: Scalar,
    #[zeroize(skip)]
    edwards: CompressedEdwardsY,
}

impl SigningKey {
    /// Prepares `private`; costs as much as one signature.
    #[must_use]
    pub fn new(private: &PrivateKey) -> Self {
        Self::from_stored(private.clone(), private.edwards().compress().to_bytes())
    }

    /// Puts a prepared key together again from the private key and what [`edwards_bytes`](Self::edwards_bytes) gave for
    /// it.
    ///
    /// The caller vouches that the two belong together: signing with a foreign Edwards key reveals the private key.
    #[must_use]
    pub(crate) fn from_stored(private: PrivateKey, edwards: [u8; 32]) -> Self {
        let scalar = Scalar::from_bytes_mod_order(*private.expose());
        Self { private, scalar, edwards: CompressedEdwardsY(edwards) }
    }

    /// Returns the private key.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        &self.private
    }

    /// Returns the public key in compressed Edwards form.
    #[must_use]
    pub const fn edwards_bytes(&self) -> &[u8; 32] {
        self.edwards.as_bytes()
    }

    /// Signs `message` with 64 fresh bytes of `rng`.
    #[must_use]
    pub fn sign<R: CryptoRng + ?Sized>(&self, message: &[u8], rng: &mut R) -> Signature {
        let mut random = [0; 64];
        rng.fill_bytes(&mut random);
        self.sign_with_random(message, &random)
    }

    /// Signs `message` with the given random bytes; see [`PrivateKey::sign_with_random`].
    #[must_use]
    pub fn sign_with_random(&self, message: &[u8], random: &[u8; 64]) -> Signature {
        let mut nonce = hash_to_scalar(&[&NONCE_PREFIX, self.private.expose(), message, random]);
        let commitment = EdwardsPoint::mul_base(&nonce).compress();
        let challenge = hash_to_scalar(&[commitment.as_bytes(), self.edwards.as_bytes(), message]);
        let response = challenge * self.scalar + nonce;
        nonce.zeroize();

        let mut bytes = [0; 64];
        let (front, back) = bytes.split_at_mut(32);
        front.copy_from_slice(commitment.as_bytes());
        back.copy_from_slice(response.as_bytes());
        bytes[63] |= self.edwards.as_bytes()[31] & 0x80;
        Signature::from_bytes(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A public key made ready for checking signatures: its Edwards form is kept.
///
/// It belongs to one sign of the Edwards form, which the signature names; an honest key always signs with the same one.
#[derive(Clone)]
pub struct VerifyingKey {
    negated: EdwardsPoint,
    edwards: CompressedEdwardsY,
}

impl VerifyingKey {
    /// Converts `public` with the sign (0 or 1) that its signatures carry.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakKey`] if the key has no Edwards form, or one of small order, under which anybody can sign.
    pub fn new(public: &PublicKey, sign_bit: u8) -> Result<Self, KeyError> {
        let point = public.montgomery().to_edwards(sign_bit & 1).ok_or(KeyError::WeakKey)?;
        if point.is_small_order() {
            return Err(KeyError::WeakKey);
        }
        Ok(Self { negated: -point, edwards: point.compress() })
    }

    /// Returns the sign for which the key was converted.
    #[must_use]
    pub const fn sign_bit(&self) -> u8 {
        self.edwards.as_bytes()[31] >> 7
    }

    /// Checks `signature` over `message`.
    ///
    /// # Errors
    ///
    /// [`KeyError::MalformedSignature`] if the scalar is not below the group order, [`KeyError::BadSignature`] if the
    /// signature carries the other sign or does not fit.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let (commitment, scalar) = signature.parts();
        let Some(response) = Option::<Scalar>::from(Scalar::from_canonical_bytes(scalar)) else {
            return Err(KeyError::MalformedSignature);
        };
        if signature.sign_bit() != self.sign_bit() {
            return Err(KeyError::BadSignature);
        }
        let challenge = hash_to_scalar(&[&commitment, self.edwards.as_bytes(), message]);
        let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &self.negated, &response);
        if expected.compress().as_bytes().ct_eq(&commitment).into() { Ok(()) } else { Err(KeyError::BadSignature) }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(..)")
    }
}

/// SHA-512 over the parts, read as a little-endian integer modulo the group order.
fn hash_to_scalar(parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    let mut digest: [u8; 64] = hash.finalize().into();
    let scalar = Scalar::from_bytes_mod_order_wide(&digest);
    digest.zeroize();
    scalar
}
