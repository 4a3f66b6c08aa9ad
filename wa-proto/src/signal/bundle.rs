//! What a device publishes so that a session with it can be started, and its validation.

use super::{PrekeyId, SignedPrekeyId};
use crate::keys::{KeyError, PublicKey, Signature};

/// A device's published keys as received, not checked yet.
#[derive(Debug, Clone)]
pub struct PrekeyBundle {
    /// The device's registration id.
    pub registration_id: u32,
    /// Its identity key. For companions the caller also checks the account's signature over it.
    pub identity: PublicKey,
    /// The id of its signed prekey.
    pub signed_prekey_id: SignedPrekeyId,
    /// Its signed prekey.
    pub signed_prekey: PublicKey,
    /// The identity key's signature over the signed prekey, type byte included.
    pub signature: Signature,
    /// A one-time prekey; that the server has none left is normal.
    pub prekey: Option<(PrekeyId, PublicKey)>,
}

impl PrekeyBundle {
    /// Checks all keys and the signature.
    ///
    /// # Errors
    ///
    /// [`BundleError`]; no session may be started then.
    pub fn validate(self) -> Result<ValidBundle, BundleError> {
        self.identity.require_strong().map_err(BundleError::Key)?;
        self.signed_prekey.require_strong().map_err(BundleError::Key)?;
        if let Some((_, prekey)) = &self.prekey {
            prekey.require_strong().map_err(BundleError::Key)?;
        }
        self.identity.verify(&self.signed_prekey.to_typed_bytes(), &self.signature).map_err(BundleError::Signature)?;
        Ok(ValidBundle(self))
    }
}

/// Proof that a bundle was checked; only [`PrekeyBundle::validate`] makes one, and only it starts sessions.
#[derive(Debug, Clone)]
pub struct ValidBundle(PrekeyBundle);

impl ValidBundle {
    /// Returns the checked bundle.
    #[must_use]
    pub const fn as_bundle(&self) -> &PrekeyBundle {
        &self.0
    }
}

/// Why no session may be started with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// One of the keys is of low order.
    #[error("bundle carries an unusable key")]
    Key(#[source] KeyError),
    /// The signed prekey is not signed by the identity key.
    #[error("signed prekey is not vouched for")]
    Signature(#[source] KeyError),
    /// The bundle is that of the device that would start the session.
    #[error("bundle is our own")]
    OwnDevice,
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::keys::KeyPair;
    use crate::signal::SignedPrekey;

    fn bundle() -> PrekeyBundle {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let identity = KeyPair::generate(&mut rng);
        let signed = SignedPrekey::generate(SignedPrekeyId::FIRST, identity.private(), &mut rng);
        PrekeyBundle {
            registration_id: 1,
            identity: *identity.public(),
            signed_prekey_id: signed.id(),
            signed_prekey: *signed.public(),
            signature: *signed.signature(),
            prekey: Some((PrekeyId::FIRST, *KeyPair::generate(&mut rng).public())),
        }
    }

    #[test]
    fn a_sound_bundle_is_accepted_also_without_one_time_prekey() {
        assert!(bundle().validate().is_ok());
        assert!(PrekeyBundle { prekey: None, ..bundle() }.validate().is_ok());
    }

    #[test]
    fn a_signature_by_another_key_is_refused() {
        let mut other = bundle();
        other.identity = *KeyPair::generate(&mut ChaCha20Rng::seed_from_u64(6)).public();
        assert!(matches!(other.validate(), Err(BundleError::Signature(KeyError::BadSignature))));
        let mut other = bundle();
        other.signed_prekey = *KeyPair::generate(&mut ChaCha20Rng::seed_from_u64(7)).public();
        assert!(matches!(other.validate(), Err(BundleError::Signature(KeyError::BadSignature))));
    }

    #[test]
    fn keys_of_low_order_are_refused() {
        let weak = PublicKey::from_bytes([0; 32]);
        for other in [
            PrekeyBundle { identity: weak, ..bundle() },
            PrekeyBundle { signed_prekey: weak, ..bundle() },
            PrekeyBundle { prekey: Some((PrekeyId::FIRST, weak)), ..bundle() },
        ] {
            assert!(matches!(other.validate(), Err(BundleError::Key(KeyError::WeakKey))));
        }
    }
}
