use std::fmt;

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use pbkdf2::pbkdf2_hmac;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{CodeError, PairingCode};
use crate::keys::PublicKey;

/// Iterations of PBKDF2; about 30 ms on a present machine.
const ITERATIONS: u32 = 131_072;
const SALT_LENGTH: usize = 32;
const IV_LENGTH: usize = 16;

/// An ephemeral public key encrypted under a pairing code: salt (32) ‖ counter block (16) ‖ AES-256-CTR (32).
#[derive(Clone)]
pub struct WrappedKey {
    salt: [u8; SALT_LENGTH],
    iv: [u8; IV_LENGTH],
    ciphertext: [u8; PublicKey::LENGTH],
}

impl WrappedKey {
    /// Length in bytes.
    pub const LENGTH: usize = SALT_LENGTH + IV_LENGTH + PublicKey::LENGTH;

    /// Encrypts `key` under `code` with a fresh salt and counter block. Costs one PBKDF2, about 30 ms.
    #[must_use]
    pub fn wrap<R: CryptoRng + ?Sized>(code: &PairingCode, key: &PublicKey, rng: &mut R) -> Self {
        let (mut salt, mut iv) = ([0; SALT_LENGTH], [0; IV_LENGTH]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut iv);
        Self::wrap_with(code, key, salt, iv)
    }

    /// As [`wrap`](Self::wrap) with given salt and counter block.
    pub(super) fn wrap_with(code: &PairingCode, key: &PublicKey, salt: [u8; SALT_LENGTH], iv: [u8; IV_LENGTH]) -> Self {
        let mut ciphertext = *key.as_bytes();
        apply(code, &salt, &iv, &mut ciphertext);
        Self { salt, iv, ciphertext }
    }

    /// Decrypts the key. Costs one PBKDF2, about 30 ms. A wrong code gives a wrong key and no error.
    #[must_use]
    pub fn open(&self, code: &PairingCode) -> PublicKey {
        let mut key = self.ciphertext;
        apply(code, &self.salt, &self.iv, &mut key);
        PublicKey::from_bytes(key)
    }

    /// Reads exactly [`LENGTH`](Self::LENGTH) bytes.
    ///
    /// # Errors
    ///
    /// [`CodeError::MalformedMessage`] for any other length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CodeError> {
        let parts = bytes.split_first_chunk().and_then(|(salt, rest)| Some((salt, rest.split_first_chunk()?)));
        let Some((&salt, (&iv, ciphertext))) = parts else {
            return Err(CodeError::MalformedMessage);
        };
        let ciphertext = ciphertext.try_into().map_err(|_| CodeError::MalformedMessage)?;
        Ok(Self { salt, iv, ciphertext })
    }

    /// Returns the wire form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.salt.as_slice(), &self.iv, &self.ciphertext].concat()
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey(..)")
    }
}

/// Derives the key that a code stands for.
pub(super) fn code_key(code: &PairingCode, salt: &[u8; SALT_LENGTH]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2_hmac::<Sha256>(code.as_bytes(), salt, ITERATIONS, key.as_mut());
    key
}

fn apply(code: &PairingCode, salt: &[u8; SALT_LENGTH], iv: &[u8; IV_LENGTH], data: &mut [u8; PublicKey::LENGTH]) {
    let key = code_key(code, salt);
    Ctr128BE::<Aes256>::new((&*key).into(), iv.into()).apply_keystream(data);
}
