use rand::CryptoRng;
use zeroize::Zeroizing;

use super::bundle::{self, Bundle, agree};
use super::{CodeError, PairingCode, WrappedKey};
use crate::keys::{KeyPair, PublicKey};
use crate::pairing::adv::AdvSecret;

/// The companion's half of one code: the code, and the ephemeral key made for it.
#[derive(Debug, Clone)]
pub struct CompanionCode {
    code: PairingCode,
    ephemeral: KeyPair,
    wrapped: WrappedKey,
}

/// What a companion sends to finish, and the secret that it keeps.
#[derive(Debug, Clone)]
pub struct CompanionFinish {
    /// The bundle for the phone, [`BUNDLE_LENGTH`](super::BUNDLE_LENGTH) bytes.
    pub bundle: Vec<u8>,
    /// Replaces the adv secret of the device. To be stored before the bundle is sent.
    pub adv_secret: AdvSecret,
}

/// The random parts of a [`CompanionFinish`].
pub(super) struct FinishRandom {
    pub(super) random: Zeroizing<[u8; 32]>,
    pub(super) salt: [u8; 32],
    pub(super) nonce: [u8; 12],
}

impl CompanionCode {
    /// Makes an ephemeral key for `code`. Costs one PBKDF2, about 30 ms.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(code: PairingCode, rng: &mut R) -> Self {
        let ephemeral = KeyPair::generate(rng);
        let wrapped = WrappedKey::wrap(&code, ephemeral.public(), rng);
        Self { code, ephemeral, wrapped }
    }

    /// Returns the code to show.
    #[must_use]
    pub const fn code(&self) -> &PairingCode {
        &self.code
    }

    /// Returns the ephemeral key as companion-hello carries it.
    #[must_use]
    pub const fn wrapped(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// Answers the phone's hello. Costs one PBKDF2, about 30 ms.
    ///
    /// That the code was right is not known yet: the phone stays silent if it was not.
    ///
    /// # Errors
    ///
    /// [`CodeError::WeakKey`] if one of the phone's keys is of low order.
    pub fn finish<R: CryptoRng + ?Sized>(
        &self,
        primary_ephemeral: &WrappedKey,
        primary_identity: &PublicKey,
        identity: &KeyPair,
        rng: &mut R,
    ) -> Result<CompanionFinish, CodeError> {
        let mut random = FinishRandom { random: Zeroizing::new([0; 32]), salt: [0; 32], nonce: [0; 12] };
        rng.fill_bytes(random.random.as_mut());
        rng.fill_bytes(&mut random.salt);
        rng.fill_bytes(&mut random.nonce);
        self.finish_with(primary_ephemeral, primary_identity, identity, random)
    }

    /// As [`finish`](Self::finish) with given random bytes.
    pub(super) fn finish_with(
        &self,
        primary_ephemeral: &WrappedKey,
        primary_identity: &PublicKey,
        identity: &KeyPair,
        random: FinishRandom,
    ) -> Result<CompanionFinish, CodeError> {
        let ephemeral_shared = agree(&self.ephemeral, &primary_ephemeral.open(&self.code))?;
        let identity_shared = agree(identity, primary_identity)?;
        let bundle = Bundle { companion: *identity.public(), primary: *primary_identity, random: random.random };
        Ok(CompanionFinish {
            bundle: bundle.seal(&ephemeral_shared, &random.salt, &random.nonce)?,
            adv_secret: bundle::adv_secret(&ephemeral_shared, &identity_shared, &bundle.random)?,
        })
    }

    /// Puts together a code with a known ephemeral key.
    #[cfg(test)]
    pub(super) const fn from_parts(code: PairingCode, ephemeral: KeyPair, wrapped: WrappedKey) -> Self {
        Self { code, ephemeral, wrapped }
    }
}
