use std::fmt;

use aes_gcm::aead::Aead as _;
use prost::Message as _;
use rand::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{NONCE_LENGTH, PasskeyError, PrimaryEphemeral, commitment, request_cipher, verification_code};
use crate::keys::{KeyPair, PublicKey};
use crate::pairing::adv::AdvSecret;
use crate::pairing::code::PairingCode;
use crate::proto::{CompanionEphemeralIdentity, EncryptedPairingRequest, PairingRequest, ProloguePayload};

/// The phone's half of one exchange, before the companion has revealed its nonce.
#[derive(Clone)]
pub struct PasskeyPrimary {
    ephemeral: KeyPair,
    nonce: [u8; NONCE_LENGTH],
    companion: Companion,
    commitment: [u8; 32],
}

/// What the prologue says about the companion.
#[derive(Clone)]
struct Companion {
    /// The ephemeral identity as received, which the commitment is over.
    identity: Vec<u8>,
    key: PublicKey,
    device_type: i32,
    reference: String,
}

impl PasskeyPrimary {
    /// Answers a prologue with an ephemeral key and a nonce of our own.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::Malformed`].
    pub fn answer<R: CryptoRng + ?Sized>(prologue: &[u8], rng: &mut R) -> Result<Self, PasskeyError> {
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill_bytes(&mut nonce);
        Self::answer_with(prologue, KeyPair::generate(rng), nonce)
    }

    /// As [`answer`](Self::answer) with known parts.
    pub(super) fn answer_with(
        prologue: &[u8],
        ephemeral: KeyPair,
        nonce: [u8; NONCE_LENGTH],
    ) -> Result<Self, PasskeyError> {
        let malformed = || PasskeyError::Malformed;
        let prologue = ProloguePayload::decode(prologue).map_err(|_| malformed())?;
        let identity = prologue.companion_ephemeral_identity.ok_or_else(malformed)?;
        let hash = prologue.commitment.and_then(|commitment| commitment.hash).ok_or_else(malformed)?;
        let parsed = CompanionEphemeralIdentity::decode(identity.as_slice()).map_err(|_| malformed())?;
        let key = PublicKey::from_slice(&parsed.public_key.unwrap_or_default()).map_err(|_| malformed())?;
        let device_type = parsed.device_type.unwrap_or_default();
        let reference = parsed.r#ref.ok_or_else(malformed)?;
        Ok(Self {
            ephemeral,
            nonce,
            companion: Companion { identity, key, device_type, reference },
            commitment: hash.try_into().map_err(|_| malformed())?,
        })
    }

    /// Returns our answer.
    #[must_use]
    pub fn ephemeral(&self) -> PrimaryEphemeral {
        PrimaryEphemeral { key: *self.ephemeral.public(), nonce: self.nonce }
    }

    /// Takes the companion's nonce.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::Commitment`] if it is not the one that the prologue committed to.
    pub fn confirm(self, companion_nonce: &[u8; NONCE_LENGTH]) -> Result<PasskeyConfirmed, PasskeyError> {
        let expected = commitment(&self.companion.identity, companion_nonce);
        if !bool::from(expected.ct_eq(&self.commitment)) {
            return Err(PasskeyError::Commitment);
        }
        let code = verification_code(companion_nonce, self.ephemeral.public(), &self.nonce);
        Ok(PasskeyConfirmed { ephemeral: self.ephemeral, companion: self.companion, code })
    }
}

impl fmt::Debug for PasskeyPrimary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyPrimary").finish_non_exhaustive()
    }
}

/// Proof that the companion kept to its commitment; only [`PasskeyPrimary::confirm`] makes one.
#[derive(Clone)]
pub struct PasskeyConfirmed {
    ephemeral: KeyPair,
    companion: Companion,
    code: PairingCode,
}

/// What the companion asks to be linked with: the contents of a QR code.
#[derive(Clone)]
pub struct PasskeyRequested {
    /// The companion's noise key.
    pub noise: PublicKey,
    /// Its identity key.
    pub identity: PublicKey,
    /// The adv secret.
    pub adv_secret: AdvSecret,
}

impl PasskeyConfirmed {
    /// Returns the code to compare with the companion's.
    #[must_use]
    pub const fn verification_code(&self) -> &PairingCode {
        &self.code
    }

    /// Opens the companion's request, after the user has confirmed the code.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::Unauthentic`] if it does not open, [`PasskeyError::Malformed`] or [`PasskeyError::WeakKey`].
    pub fn open(&self, request: &[u8]) -> Result<PasskeyRequested, PasskeyError> {
        let sealed = EncryptedPairingRequest::decode(request).map_err(|_| PasskeyError::Malformed)?;
        let iv: [u8; 12] = sealed.iv.unwrap_or_default().try_into().map_err(|_| PasskeyError::Malformed)?;
        let payload = sealed.encrypted_payload.unwrap_or_default();
        let shared = self.ephemeral.private().agree(&self.companion.key).map_err(|_| PasskeyError::WeakKey)?;
        let opened = request_cipher(&shared, self.companion.device_type, &self.companion.reference)?
            .decrypt((&iv).into(), payload.as_slice())
            .map_err(|_| PasskeyError::Unauthentic)?;
        let opened = Zeroizing::new(opened);
        let request = PairingRequest::decode(opened.as_slice()).map_err(|_| PasskeyError::Malformed)?;
        let key = |bytes: Option<Vec<u8>>| PublicKey::from_slice(&bytes.unwrap_or_default());
        let secret = Zeroizing::new(request.adv_secret.unwrap_or_default());
        Ok(PasskeyRequested {
            noise: key(request.companion_public_key).map_err(|_| PasskeyError::Malformed)?,
            identity: key(request.companion_identity_key).map_err(|_| PasskeyError::Malformed)?,
            adv_secret: AdvSecret::from_slice(&secret).ok_or(PasskeyError::Malformed)?,
        })
    }
}

impl fmt::Debug for PasskeyConfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyConfirmed").finish_non_exhaustive()
    }
}

impl fmt::Debug for PasskeyRequested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyRequested").finish_non_exhaustive()
    }
}
