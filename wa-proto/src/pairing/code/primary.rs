use rand::CryptoRng;

use super::bundle::{self, Bundle, agree};
use super::{CodeError, PairingCode, WrappedKey};
use crate::keys::{KeyPair, PublicKey};
use crate::pairing::adv::AdvSecret;

/// The phone's half of one code, from the moment the user has typed it.
#[derive(Debug, Clone)]
pub struct PrimaryCode {
    ephemeral: KeyPair,
    wrapped: WrappedKey,
    companion_ephemeral: PublicKey,
}

impl PrimaryCode {
    /// Answers the companion's hello with an ephemeral key of our own. Costs two PBKDF2, about 60 ms.
    ///
    /// Whether the user typed the right code shows in [`open`](Self::open).
    #[must_use]
    pub fn answer<R: CryptoRng + ?Sized>(code: &PairingCode, companion_ephemeral: &WrappedKey, rng: &mut R) -> Self {
        let ephemeral = KeyPair::generate(rng);
        Self {
            wrapped: WrappedKey::wrap(code, ephemeral.public(), rng),
            companion_ephemeral: companion_ephemeral.open(code),
            ephemeral,
        }
    }

    /// Returns the ephemeral key as primary-hello carries it.
    #[must_use]
    pub const fn wrapped(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// Opens the companion's bundle and derives the adv secret.
    ///
    /// # Errors
    ///
    /// [`CodeError::WrongCode`] if the bundle does not open, [`CodeError::IdentityMismatch`] if it names other
    /// identities than `companion_identity` and our own, [`CodeError::WeakKey`] or [`CodeError::MalformedMessage`] for
    /// bad input.
    pub fn open(
        &self,
        bundle: &[u8],
        companion_identity: &PublicKey,
        identity: &KeyPair,
    ) -> Result<AdvSecret, CodeError> {
        let ephemeral_shared = agree(&self.ephemeral, &self.companion_ephemeral)?;
        let bundle = Bundle::open(bundle, &ephemeral_shared)?;
        if bundle.companion != *companion_identity || bundle.primary != *identity.public() {
            return Err(CodeError::IdentityMismatch);
        }
        let identity_shared = agree(identity, companion_identity)?;
        bundle::adv_secret(&ephemeral_shared, &identity_shared, &bundle.random)
    }

    /// Puts together an answer with a known ephemeral key.
    #[cfg(test)]
    pub(super) fn from_parts(
        code: &PairingCode,
        ephemeral: KeyPair,
        wrapped: WrappedKey,
        companion_ephemeral: &WrappedKey,
    ) -> Self {
        Self { companion_ephemeral: companion_ephemeral.open(code), ephemeral, wrapped }
    }
}
