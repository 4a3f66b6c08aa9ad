use std::fmt;

use aes_gcm::aead::Aead as _;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message as _;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{NONCE_LENGTH, PasskeyError, commitment, request_cipher, verification_code};
use crate::device::DeviceKeys;
use crate::keys::{KeyPair, PublicKey};
use crate::pairing::adv::AdvSecret;
use crate::pairing::code::PairingCode;
use crate::proto::{
    CompanionCommitment, CompanionEphemeralIdentity, DevicePlatform, EncryptedPairingRequest, PairingRequest,
    PrimaryEphemeralIdentity, ProloguePayload,
};

/// Proves that the companion is the one whose code was on the screen before: derived from the adv secret of that code.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct HandoffKey([u8; 32]);

impl HandoffKey {
    /// Derives the key from the adv secret that is being replaced.
    ///
    /// # Errors
    ///
    /// Never in practice; the length of the key is fixed.
    pub fn derive(old: &AdvSecret) -> Result<Self, PasskeyError> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, old.expose())
            .expand(b"shortcake-passkey-handoff-v1", &mut key)
            .map_err(|_| PasskeyError::Malformed)?;
        Ok(Self(key))
    }

    /// Authenticates a prologue.
    #[must_use]
    pub fn prove(&self, prologue: &[u8]) -> [u8; 32] {
        // HMAC pads a key to the block of the hash with zero bytes (RFC 2104 §2).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(prologue);
        mac.finalize().into_bytes().into()
    }

    #[cfg(test)]
    pub(super) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for HandoffKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandoffKey(..)")
    }
}

/// The phone's answer to the prologue.
#[derive(Debug, Clone)]
pub struct PrimaryEphemeral {
    /// Its ephemeral key.
    pub key: PublicKey,
    /// Its nonce.
    pub nonce: [u8; NONCE_LENGTH],
}

impl PrimaryEphemeral {
    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let wire = PrimaryEphemeralIdentity::decode(bytes).map_err(|_| PasskeyError::Malformed)?;
        let key = PublicKey::from_slice(&wire.public_key.unwrap_or_default());
        Ok(Self {
            key: key.map_err(|_| PasskeyError::Malformed)?,
            nonce: wire.nonce.unwrap_or_default().try_into().map_err(|_| PasskeyError::Malformed)?,
        })
    }

    /// Writes the message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let public_key = Some(self.key.as_bytes().to_vec());
        PrimaryEphemeralIdentity { public_key, nonce: Some(self.nonce.to_vec()) }.encode_to_vec()
    }
}

/// The companion's half of one exchange.
#[derive(Clone)]
pub struct PasskeyCompanion {
    ephemeral: KeyPair,
    nonce: [u8; NONCE_LENGTH],
    device_type: DevicePlatform,
    reference: String,
}

impl PasskeyCompanion {
    /// Makes an ephemeral key and a nonce for the server's reference.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(device_type: DevicePlatform, reference: &str, rng: &mut R) -> Self {
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill_bytes(&mut nonce);
        Self::from_parts(KeyPair::generate(rng), nonce, device_type, reference)
    }

    /// Puts together known parts.
    pub(super) fn from_parts(
        ephemeral: KeyPair,
        nonce: [u8; NONCE_LENGTH],
        device_type: DevicePlatform,
        reference: &str,
    ) -> Self {
        Self { ephemeral, nonce, device_type, reference: reference.to_owned() }
    }

    /// Returns our first message: the ephemeral identity, and the commitment to the nonce.
    #[must_use]
    pub fn prologue(&self) -> Vec<u8> {
        let identity = CompanionEphemeralIdentity {
            public_key: Some(self.ephemeral.public().as_bytes().to_vec()),
            device_type: Some(self.device_type.into()),
            r#ref: Some(self.reference.clone()),
        }
        .encode_to_vec();
        let hash = Some(commitment(&identity, &self.nonce).to_vec());
        ProloguePayload { companion_ephemeral_identity: Some(identity), commitment: Some(CompanionCommitment { hash }) }
            .encode_to_vec()
    }

    /// Returns the nonce, to be sent once the phone has answered.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; NONCE_LENGTH] {
        &self.nonce
    }

    /// Returns the code to compare with the phone's.
    #[must_use]
    pub fn verification_code(&self, primary: &PrimaryEphemeral) -> PairingCode {
        verification_code(&self.nonce, &primary.key, &primary.nonce)
    }

    /// Seals our keys and the new adv secret for the phone, after the user has confirmed the code.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::WeakKey`] if the phone's key is of low order.
    pub fn seal<R: CryptoRng + ?Sized>(
        &self,
        primary: &PrimaryEphemeral,
        keys: &DeviceKeys,
        rng: &mut R,
    ) -> Result<Vec<u8>, PasskeyError> {
        let mut iv = [0; 12];
        rng.fill_bytes(&mut iv);
        self.seal_with(primary, keys, iv)
    }

    /// As [`seal`](Self::seal) with a given nonce of the cipher.
    pub(super) fn seal_with(
        &self,
        primary: &PrimaryEphemeral,
        keys: &DeviceKeys,
        iv: [u8; 12],
    ) -> Result<Vec<u8>, PasskeyError> {
        let shared = self.ephemeral.private().agree(&primary.key).map_err(|_| PasskeyError::WeakKey)?;
        let request = PairingRequest {
            companion_public_key: Some(keys.noise.public().as_bytes().to_vec()),
            companion_identity_key: Some(keys.identity.public().as_bytes().to_vec()),
            adv_secret: Some(keys.adv_secret.expose().to_vec()),
        };
        let request = Zeroizing::new(request.encode_to_vec());
        let sealed = request_cipher(&shared, self.device_type.into(), &self.reference)?
            .encrypt((&iv).into(), request.as_slice())
            .map_err(|_| PasskeyError::Malformed)?;
        Ok(EncryptedPairingRequest { encrypted_payload: Some(sealed), iv: Some(iv.to_vec()) }.encode_to_vec())
    }
}

impl fmt::Debug for PasskeyCompanion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyCompanion").finish_non_exhaustive()
    }
}
