use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::CodeError;
use crate::keys::{KeyPair, PublicKey, SharedSecret};
use crate::pairing::adv::AdvSecret;

const SALT_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;
const PLAINTEXT_LENGTH: usize = 96;
const TAG_LENGTH: usize = 16;

/// Length of a sealed bundle: salt (32) ‖ nonce (12) ‖ ciphertext (96) ‖ tag (16).
pub const BUNDLE_LENGTH: usize = SALT_LENGTH + NONCE_LENGTH + PLAINTEXT_LENGTH + TAG_LENGTH;

/// What the companion hands to the phone: companion identity ‖ primary identity ‖ 32 random bytes.
pub(super) struct Bundle {
    pub(super) companion: PublicKey,
    pub(super) primary: PublicKey,
    pub(super) random: Zeroizing<[u8; 32]>,
}

impl Bundle {
    /// Encrypts the bundle under the agreement of the two ephemeral keys.
    pub(super) fn seal(
        &self,
        ephemeral: &SharedSecret,
        salt: &[u8; SALT_LENGTH],
        nonce: &[u8; NONCE_LENGTH],
    ) -> Result<Vec<u8>, CodeError> {
        let plaintext = Zeroizing::new(
            [self.companion.as_bytes().as_slice(), self.primary.as_bytes(), self.random.as_slice()].concat(),
        );
        let sealed = cipher(ephemeral, salt)?
            .encrypt(nonce.into(), plaintext.as_slice())
            .map_err(|_| CodeError::MalformedMessage)?;
        Ok([salt.as_slice(), nonce, &sealed].concat())
    }

    /// Decrypts a bundle.
    pub(super) fn open(sealed: &[u8], ephemeral: &SharedSecret) -> Result<Self, CodeError> {
        if sealed.len() != BUNDLE_LENGTH {
            return Err(CodeError::MalformedMessage);
        }
        let (salt, rest) = sealed.split_first_chunk::<SALT_LENGTH>().ok_or(CodeError::MalformedMessage)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(CodeError::MalformedMessage)?;
        let plaintext = Zeroizing::new(
            cipher(ephemeral, salt)?.decrypt(nonce.into(), ciphertext).map_err(|_| CodeError::WrongCode)?,
        );
        let (keys, random) = plaintext.split_at_checked(64).ok_or(CodeError::MalformedMessage)?;
        let (companion, primary) = keys.split_at_checked(32).ok_or(CodeError::MalformedMessage)?;
        let key = |bytes| PublicKey::from_slice(bytes).map_err(|_| CodeError::MalformedMessage);
        Ok(Self {
            companion: key(companion)?,
            primary: key(primary)?,
            random: Zeroizing::new(random.try_into().map_err(|_| CodeError::MalformedMessage)?),
        })
    }
}

/// X25519 between two of the four keys.
pub(super) fn agree(ours: &KeyPair, theirs: &PublicKey) -> Result<SharedSecret, CodeError> {
    let shared = ours.private().agree(theirs);
    shared.map_err(|_| CodeError::WeakKey)
}

/// The adv secret that both sides derive: from both agreements and the bundle's random bytes.
pub(super) fn adv_secret(
    ephemeral: &SharedSecret,
    identity: &SharedSecret,
    random: &[u8; 32],
) -> Result<AdvSecret, CodeError> {
    let material = Zeroizing::new([ephemeral.as_bytes().as_slice(), identity.as_bytes(), random].concat());
    let mut secret = [0; 32];
    Hkdf::<Sha256>::new(None, &material).expand(b"adv_secret", &mut secret).map_err(|_| CodeError::MalformedMessage)?;
    Ok(AdvSecret::from_bytes(secret))
}

fn cipher(ephemeral: &SharedSecret, salt: &[u8; SALT_LENGTH]) -> Result<Aes256Gcm, CodeError> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), ephemeral.as_bytes())
        .expand(b"link_code_pairing_key_bundle_encryption_key", key.as_mut())
        .map_err(|_| CodeError::MalformedMessage)?;
    Ok(Aes256Gcm::new((&*key).into()))
}
