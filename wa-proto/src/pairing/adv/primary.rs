use std::fmt;

use prost::Message as _;
use rand::CryptoRng;

use super::device_identity::{account_message, device_message, signature};
use super::{AdvError, AdvSecret, DeviceIdentityDetails, HOSTED_ACCOUNT_PREFIX, Hosting, SignedDeviceIdentity};
use crate::keys::{KeyPair, PublicKey, Signature};
use crate::proto::{AdvSignedDeviceIdentity, AdvSignedDeviceIdentityHmac};

/// What a primary phone needs in order to link a companion.
#[derive(Debug, Clone, Copy)]
pub struct Linking<'a> {
    /// The phone's own identity key.
    pub primary: &'a KeyPair,
    /// The companion's identity key, from the QR code or the pairing code.
    pub companion: &'a PublicKey,
    /// The adv secret shared with the companion.
    pub secret: &'a AdvSecret,
    /// What is stated about the companion.
    pub details: DeviceIdentityDetails,
}

/// An offer to a companion that has not been answered yet.
#[derive(Clone)]
pub struct PendingLink {
    container: Vec<u8>,
    companion: PublicKey,
    primary: PublicKey,
    details: Vec<u8>,
    account_signature: Signature,
    account_type: Hosting,
    key_index: u32,
}

impl Linking<'_> {
    /// Signs the companion and authenticates the whole with the adv secret.
    #[must_use]
    pub fn offer<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> PendingLink {
        let details = self.details.to_bytes();
        let message = account_message(self.details.device_type, &details, self.companion);
        let account_signature = self.primary.private().sign(&message, rng);
        let signed = AdvSignedDeviceIdentity {
            details: Some(details.clone()),
            account_signature_key: Some(self.primary.public().as_bytes().to_vec()),
            account_signature: Some(account_signature.as_bytes().to_vec()),
            device_signature: None,
        }
        .encode_to_vec();
        let prefix: &[u8] = match self.details.account_type {
            Hosting::Own => &[],
            Hosting::Hosted => &HOSTED_ACCOUNT_PREFIX,
        };
        let hmac = self.secret.authenticate(prefix, &signed);
        let container = AdvSignedDeviceIdentityHmac {
            details: Some(signed),
            hmac: Some(hmac.to_vec()),
            account_type: self.details.account_type.to_wire(),
        };
        PendingLink {
            container: container.encode_to_vec(),
            companion: *self.companion,
            primary: *self.primary.public(),
            details,
            account_signature,
            account_type: self.details.account_type,
            key_index: self.details.key_index,
        }
    }
}

impl PendingLink {
    /// Returns the key index that the companion gets.
    #[must_use]
    pub const fn key_index(&self) -> u32 {
        self.key_index
    }

    /// Returns the content of the pair-success stanza's `device-identity`.
    #[must_use]
    pub fn container(&self) -> &[u8] {
        &self.container
    }

    /// Checks the companion's reply and puts the primary's key back, which companions leave out.
    ///
    /// Companions of a hosted account sign with the prefix for own hardware or, in one implementation, with the hosted
    /// one; both are taken there.
    ///
    /// # Errors
    ///
    /// [`AdvError::Malformed`] if it does not parse, [`AdvError::Changed`] if it is about another identity than the one
    /// offered, [`AdvError::DeviceSignature`]: the device must then be dropped.
    pub fn accept_reply(&self, reply: &[u8]) -> Result<SignedDeviceIdentity, AdvError> {
        let reply = AdvSignedDeviceIdentity::decode(reply).map_err(|_| AdvError::Malformed)?;
        let account_key_agrees = match reply.account_signature_key.as_deref() {
            None | Some([]) => true,
            Some(key) => key == self.primary.as_bytes(),
        };
        if !account_key_agrees
            || reply.details.as_deref() != Some(self.details.as_slice())
            || reply.account_signature.as_deref() != Some(self.account_signature.as_bytes())
        {
            return Err(AdvError::Changed);
        }
        let device_signature = signature(reply.device_signature.as_deref()).ok_or(AdvError::DeviceSignature)?;
        let prefixes: &[Hosting] = match self.account_type {
            Hosting::Own => &[Hosting::Own],
            Hosting::Hosted => &[Hosting::Own, Hosting::Hosted],
        };
        let is_signed = prefixes.iter().any(|hosting| {
            let message = device_message(*hosting, &self.details, &self.companion, &self.primary);
            self.companion.verify(&message, &device_signature).is_ok()
        });
        if !is_signed {
            return Err(AdvError::DeviceSignature);
        }
        Ok(SignedDeviceIdentity::new(self.details.clone(), self.primary, self.account_signature, device_signature))
    }

    /// Replaces our randomised signature by a published one, so that a published reply is its answer.
    #[cfg(test)]
    pub(super) fn with_account_signature(mut self, signature: &[u8]) -> Self {
        self.account_signature = Signature::from_slice(signature).unwrap();
        self
    }
}

impl fmt::Debug for PendingLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLink").finish_non_exhaustive()
    }
}
