use std::fmt;

use rand::CryptoRng;

use crate::keys::KeyPair;
use crate::pairing::adv::AdvSecret;
use crate::signal::{SignedPrekey, SignedPrekeyId};

/// Tells a device from an earlier one at the same address; not secret.
///
/// Ours are 1 to 16,380, as Signal has them; peers use more of the 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegistrationId(u32);

impl RegistrationId {
    /// Draws one between 1 and 16,380.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        // Uneven by four in a million, which an id may be.
        Self((rng.next_u32() % 16_380).wrapping_add(1))
    }

    /// Takes a received or stored one.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Returns the four bytes of stanzas and payloads, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// Reads exactly four bytes, big-endian; any other length gives `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(u32::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// The keys that a device is made with.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceKeys {
    /// Static key of the Noise handshake; the server knows the device by it.
    pub noise: KeyPair,
    /// Signal identity; others know the device by it.
    pub identity: KeyPair,
    /// Registration id.
    pub registration_id: RegistrationId,
    /// The signed prekey in use.
    pub signed_prekey: SignedPrekey,
    /// Authenticates the primary's answer while the device is being linked.
    pub adv_secret: AdvSecret,
}

impl DeviceKeys {
    /// Makes all keys anew.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let identity = KeyPair::generate(rng);
        Self {
            noise: KeyPair::generate(rng),
            registration_id: RegistrationId::generate(rng),
            signed_prekey: SignedPrekey::generate(SignedPrekeyId::FIRST, identity.private(), rng),
            adv_secret: AdvSecret::generate(rng),
            identity,
        }
    }

    /// Puts stored keys together again.
    #[must_use]
    pub const fn from_stored(
        noise: KeyPair,
        identity: KeyPair,
        registration_id: RegistrationId,
        signed_prekey: SignedPrekey,
        adv_secret: AdvSecret,
    ) -> Self {
        Self { noise, identity, registration_id, signed_prekey, adv_secret }
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKeys").finish_non_exhaustive()
    }
}
