use std::fmt;
use std::hash::{Hash, Hasher};

use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::{Choice, ConstantTimeEq};

use super::{KeyError, Signature, VerifyingKey};

/// The type byte in front of a public key inside Signal messages, signatures and message authentication codes.
pub const TYPE_BYTE: u8 = 5;

/// The u-coordinates of the points of low order (bit 255 masked), little-endian, non-canonical forms included.
///
/// Source: <https://cr.yp.to/ecdh.html#validate>; vectors `x25519.must_reject`.
const LOW_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    field_prime_plus(0xec),
    field_prime_plus(0xed),
    field_prime_plus(0xee),
];

/// `2²⁵⁵ − 256 + low`, little-endian: the values around the prime `p = 2²⁵⁵ − 19`.
const fn field_prime_plus(low: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

/// A Curve25519 public key: the u-coordinate, 32 bytes little-endian.
///
/// Any 32 bytes parse; what makes a key unusable shows in [`is_low_order`](Self::is_low_order), and agreements with
/// such a key fail. Equality compares the 32 bytes in constant time. `Debug` shows nothing of the key: it identifies a
/// person's device.
#[derive(Clone, Copy)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Length of the raw form in bytes, as in stanzas.
    pub const LENGTH: usize = 32;
    /// Length in bytes of the form with the type byte, as inside Signal messages.
    pub const TYPED_LENGTH: usize = 33;

    /// Takes the raw u-coordinate.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the raw form: exactly 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::MalformedKey`] for any other length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::MalformedKey)
    }

    /// Reads the form with the type byte: exactly 33 bytes, the first [`TYPE_BYTE`].
    ///
    /// # Errors
    ///
    /// [`KeyError::MalformedKey`] for anything else; peers that accept trailing bytes are not followed.
    pub fn from_typed_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes.split_first() {
            Some((&TYPE_BYTE, raw)) => Self::from_slice(raw),
            Some(_) | None => Err(KeyError::MalformedKey),
        }
    }

    /// Returns the raw u-coordinate.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns [`TYPE_BYTE`] ‖ u-coordinate.
    #[must_use]
    pub fn to_typed_bytes(self) -> [u8; 33] {
        let mut typed = [TYPE_BYTE; 33];
        if let Some(raw) = typed.last_chunk_mut::<32>() {
            *raw = self.0;
        }
        typed
    }

    /// Says whether an agreement with this key gives the same result whatever the private key.
    #[must_use]
    pub fn is_low_order(&self) -> bool {
        let mut masked = self.0;
        masked[31] &= 0x7f;
        LOW_ORDER.iter().fold(Choice::from(0), |found, low| found | low.ct_eq(&masked)).into()
    }

    /// Refuses keys of low order; to be called before a received key is stored.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakKey`].
    pub fn require_strong(&self) -> Result<(), KeyError> {
        if self.is_low_order() {
            return Err(KeyError::WeakKey);
        }
        Ok(())
    }

    /// Refuses keys that cannot check signatures safely: low order, or not on the curve.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakKey`].
    pub fn require_verifying(&self) -> Result<(), KeyError> {
        self.require_strong()?;
        self.montgomery().to_edwards(0).map(drop).ok_or(KeyError::WeakKey)
    }

    /// Checks an XEdDSA signature over `message`.
    ///
    /// Costs about a third more than [`VerifyingKey::verify`], which is for keys that check many signatures.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakKey`] if the key has low order or no Edwards form, [`KeyError::MalformedSignature`] if the
    /// scalar is not below the group order, else [`KeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        VerifyingKey::new(self, signature.sign_bit())?.verify(message, signature)
    }

    pub(super) const fn montgomery(&self) -> MontgomeryPoint {
        MontgomeryPoint(self.0)
    }
}

impl ConstantTimeEq for PublicKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}
