//! Sealing of stored values.

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Kind, Value};

const NONCE_LENGTH: usize = 12;
const FORMAT: u8 = 1;

/// The key under which stored values are sealed; 32 bytes from the configuration.
///
/// A value is sealed with AES-256-GCM under a key of its account, derived from this one, and bound
/// to account, kind and key: a row copied to another place does not open there.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Takes 32 bytes of key material.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes a key from `rng`.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads the 64 hexadecimal digits of the configuration, blanks around them ignored.
    ///
    /// # Errors
    ///
    /// [`SealError::MalformedKey`] for anything but 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| SealError::MalformedKey)?;
        Ok(Self(bytes))
    }

    /// The form that [`SealingKey::from_hex`] reads.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// Seals `value` for one row. The result is `01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    ///
    /// [`SealError::TooLong`] beyond what AES-GCM can take (64 GiB).
    pub fn seal(
        &self,
        rng: &mut impl CryptoRng,
        account_id: i64,
        kind: Kind,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill_bytes(&mut nonce);
        let aad = associated_data(account_id, kind, key);
        let ciphertext = self
            .cipher(account_id)
            .encrypt(&Nonce::from(nonce), Payload { msg: value, aad: &aad })
            .map_err(|_| SealError::TooLong)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LENGTH + ciphertext.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens what [`SealingKey::seal`] made for the same row.
    ///
    /// # Errors
    ///
    /// [`SealError::Unauthentic`] if the key, the place or a single bit differs,
    /// [`SealError::Malformed`] if the bytes were never sealed by this version.
    pub fn open(&self, account_id: i64, kind: Kind, key: &[u8], sealed: &[u8]) -> Result<Value, SealError> {
        let (format, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(SealError::Malformed)?;
        if *format != FORMAT {
            return Err(SealError::Malformed);
        }
        let aad = associated_data(account_id, kind, key);
        self.cipher(account_id)
            .decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SealError::Unauthentic)
    }

    /// One key per account keeps the number of random nonces under one key far below the 2³² at
    /// which a repetition becomes thinkable.
    fn cipher(&self, account_id: i64) -> Aes256Gcm {
        let mut key = Zeroizing::new([0; 32]);
        let expanded = Hkdf::<Sha256>::new(None, &self.0)
            .expand_multi_info(&[b"wa-client account records", &account_id.to_be_bytes()], key.as_mut_slice());
        debug_assert!(expanded.is_ok(), "32 bytes are within the limit of HKDF");
        Aes256Gcm::new((&*key).into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

fn associated_data(account_id: i64, kind: Kind, key: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(10 + key.len());
    aad.extend_from_slice(&account_id.to_be_bytes());
    aad.extend_from_slice(&kind.code().to_be_bytes());
    aad.extend_from_slice(key);
    aad
}

/// Why a value could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The configured key is not 64 hexadecimal digits.
    #[error("a sealing key has 64 hexadecimal digits")]
    MalformedKey,
    /// The value is longer than AES-GCM can take.
    #[error("the value is too long to be sealed")]
    TooLong,
    /// The stored bytes do not have the form of a sealed value.
    #[error("the value does not have the form of a sealed one")]
    Malformed,
    /// Another key, another row, or tampering: the tag does not tell which.
    #[error("the value failed authentication")]
    Unauthentic,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn a_value_opens_only_in_its_own_row() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = SealingKey::generate(&mut rng);
        let sealed = key.seal(&mut rng, 7, Kind::Session, b"a", b"secret").unwrap();

        assert_eq!(*key.open(7, Kind::Session, b"a", &sealed).unwrap(), b"secret");
        for (account, kind, name) in [(8, Kind::Session, b"a"), (7, Kind::Setting, b"a"), (7, Kind::Session, b"b")] {
            assert_eq!(key.open(account, kind, name, &sealed), Err(SealError::Unauthentic));
        }
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let key = SealingKey::generate(&mut rng);
        let sealed = key.seal(&mut rng, 7, Kind::Device, b"", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open(7, Kind::Device, b"", &altered).is_err());
            assert!(key.open(7, Kind::Device, b"", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let key = SealingKey::generate(&mut rng);
        let first = key.seal(&mut rng, 7, Kind::Device, b"", b"secret").unwrap();
        let second = key.seal(&mut rng, 7, Kind::Device, b"", b"secret").unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn the_hexadecimal_form_reads_back_and_nothing_else_does() {
        let key = SealingKey::new([0xab; 32]);
        let again = SealingKey::from_hex(&format!(" {}\n", *key.to_hex())).unwrap();
        assert_eq!(again.0, key.0);
        for bad in ["", "ab", &"g".repeat(64), &"ab".repeat(33)] {
            assert_eq!(SealingKey::from_hex(bad).unwrap_err(), SealError::MalformedKey);
        }
        assert_eq!(format!("{key:?}"), "SealingKey(..)");
    }
}
