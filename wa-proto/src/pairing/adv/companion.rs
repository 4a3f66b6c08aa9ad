use std::fmt;

use prost::Message as _;
use rand::CryptoRng;

use super::device_identity::{account_message, device_message, public_key, signature};
use super::{AdvError, AdvSecret, DeviceIdentityDetails, HOSTED_ACCOUNT_PREFIX, Hosting, SignedDeviceIdentity};
use crate::keys::{KeyPair, PublicKey, Signature};
use crate::proto::{AdvSignedDeviceIdentity, AdvSignedDeviceIdentityHmac};

/// Proof that the primary signed our identity key and knows our adv secret.
///
/// Only [`verify_container`] makes one, so nothing can be countersigned without the checks.
pub struct AccountVerified<'a> {
    identity: &'a KeyPair,
    details: Vec<u8>,
    parsed: DeviceIdentityDetails,
    account_key: PublicKey,
    account_signature: Signature,
}

/// Checks the device identity of a pair-success stanza: first the HMAC, then the primary's signature.
///
/// `identity` is our own identity key, `secret` the adv secret of the QR code or pairing code in use. The HMAC prefix
/// follows the container's account type, the signature prefix the device type in the details.
///
/// # Errors
///
/// [`AdvError::Malformed`], [`AdvError::HmacMismatch`] or [`AdvError::AccountSignature`], in the order of the checks.
pub fn verify_container<'a>(
    container: &[u8],
    secret: &AdvSecret,
    identity: &'a KeyPair,
) -> Result<AccountVerified<'a>, AdvError> {
    let container = AdvSignedDeviceIdentityHmac::decode(container).map_err(|_| AdvError::Malformed)?;
    let signed = container.details.ok_or(AdvError::Malformed)?;
    let hmac = container.hmac.ok_or(AdvError::Malformed)?;
    let prefix: &[u8] = match Hosting::from_wire(container.account_type) {
        Hosting::Own => &[],
        Hosting::Hosted => &HOSTED_ACCOUNT_PREFIX,
    };
    if !secret.is_authentic(prefix, &signed, &hmac) {
        return Err(AdvError::HmacMismatch);
    }

    let signed = AdvSignedDeviceIdentity::decode(signed.as_slice()).map_err(|_| AdvError::Malformed)?;
    let details = signed.details.ok_or(AdvError::Malformed)?;
    let parsed = DeviceIdentityDetails::parse(&details)?;
    let account_key = public_key(signed.account_signature_key.as_deref()).ok_or(AdvError::AccountSignature)?;
    let account_signature = signature(signed.account_signature.as_deref()).ok_or(AdvError::AccountSignature)?;
    let message = account_message(parsed.device_type, &details, identity.public());
    account_key.verify(&message, &account_signature).map_err(|_| AdvError::AccountSignature)?;

    Ok(AccountVerified { identity, details, parsed, account_key, account_signature })
}

impl AccountVerified<'_> {
    /// Returns what the primary states about us.
    #[must_use]
    pub const fn details(&self) -> &DeviceIdentityDetails {
        &self.parsed
    }

    /// Returns the primary's identity key.
    #[must_use]
    pub const fn account_key(&self) -> &PublicKey {
        &self.account_key
    }

    /// Countersigns. The prefix is always the one for own hardware: this client is never a hosted device, whatever
    /// its account is.
    #[must_use]
    pub fn sign<R: CryptoRng + ?Sized>(self, rng: &mut R) -> SignedDeviceIdentity {
        let message = device_message(Hosting::Own, &self.details, self.identity.public(), &self.account_key);
        let device_signature = self.identity.private().sign(&message, rng);
        SignedDeviceIdentity::new(self.details, self.account_key, self.account_signature, device_signature)
    }
}

impl fmt::Debug for AccountVerified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountVerified").finish_non_exhaustive()
    }
}
