use std::fmt;

use prost::Message as _;

use super::{ACCOUNT_PREFIX, AdvError, DEVICE_PREFIX, HOSTED_ACCOUNT_PREFIX, HOSTED_DEVICE_PREFIX};
use crate::keys::{PublicKey, Signature};
use crate::proto::{AdvDeviceIdentity, AdvEncryptionType, AdvSignedDeviceIdentity};

/// Who keeps the keys of an account or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hosting {
    /// Its own hardware; the normal case.
    #[default]
    Own,
    /// A hosting service of the vendor.
    Hosted,
}

impl Hosting {
    /// Reads the wire value; absent and unknown ones count as [`Own`](Self::Own), whose checks are the stricter.
    pub(super) fn from_wire(value: Option<i32>) -> Self {
        if value == Some(AdvEncryptionType::Hosted.into()) { Self::Hosted } else { Self::Own }
    }

    /// The wire value; nothing is written for [`Own`](Self::Own).
    pub(super) fn to_wire(self) -> Option<i32> {
        match self {
            Self::Own => None,
            Self::Hosted => Some(AdvEncryptionType::Hosted.into()),
        }
    }

    pub(super) const fn account_prefix(self) -> [u8; 2] {
        match self {
            Self::Own => ACCOUNT_PREFIX,
            Self::Hosted => HOSTED_ACCOUNT_PREFIX,
        }
    }

    pub(super) const fn device_prefix(self) -> [u8; 2] {
        match self {
            Self::Own => DEVICE_PREFIX,
            Self::Hosted => HOSTED_DEVICE_PREFIX,
        }
    }
}

/// What the primary states about a companion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceIdentityDetails {
    /// Random number of the account's identity; a new one means that the account was registered anew.
    pub raw_id: u32,
    /// When the companion was linked, unix seconds.
    pub timestamp: u64,
    /// Counts up with every linked companion of the account.
    pub key_index: u32,
    /// Who keeps the account's keys.
    pub account_type: Hosting,
    /// Who keeps the companion's keys.
    pub device_type: Hosting,
}

impl DeviceIdentityDetails {
    /// Reads the signed bytes.
    ///
    /// # Errors
    ///
    /// [`AdvError::Malformed`] if they do not parse or have no key index: a device without one cannot be listed.
    pub fn parse(details: &[u8]) -> Result<Self, AdvError> {
        let details = AdvDeviceIdentity::decode(details).map_err(|_| AdvError::Malformed)?;
        Ok(Self {
            raw_id: details.raw_id.unwrap_or_default(),
            timestamp: details.timestamp.unwrap_or_default(),
            key_index: details.key_index.ok_or(AdvError::Malformed)?,
            account_type: Hosting::from_wire(details.account_type),
            device_type: Hosting::from_wire(details.device_type),
        })
    }

    /// Writes the bytes that are going to be signed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        AdvDeviceIdentity {
            raw_id: Some(self.raw_id),
            timestamp: Some(self.timestamp),
            key_index: Some(self.key_index),
            account_type: self.account_type.to_wire(),
            device_type: self.device_type.to_wire(),
        }
        .encode_to_vec()
    }
}

/// A companion's identity with the signatures of both sides: what a linked device proves its membership with.
#[derive(Clone)]
pub struct SignedDeviceIdentity {
    details: Vec<u8>,
    account_key: PublicKey,
    account_signature: Signature,
    device_signature: Signature,
}

impl SignedDeviceIdentity {
    pub(super) const fn new(
        details: Vec<u8>,
        account_key: PublicKey,
        account_signature: Signature,
        device_signature: Signature,
    ) -> Self {
        Self { details, account_key, account_signature, device_signature }
    }

    /// Reads a stored or received identity with all four fields. Checks lengths, not signatures.
    ///
    /// # Errors
    ///
    /// [`AdvError::Malformed`] if a field is missing or has the wrong length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AdvError> {
        let wire = AdvSignedDeviceIdentity::decode(bytes).map_err(|_| AdvError::Malformed)?;
        let details = wire.details.ok_or(AdvError::Malformed)?;
        DeviceIdentityDetails::parse(&details)?;
        Ok(Self {
            details,
            account_key: public_key(wire.account_signature_key.as_deref()).ok_or(AdvError::Malformed)?,
            account_signature: signature(wire.account_signature.as_deref()).ok_or(AdvError::Malformed)?,
            device_signature: signature(wire.device_signature.as_deref()).ok_or(AdvError::Malformed)?,
        })
    }

    /// Writes all four fields: the form that is stored, and that goes with prekey messages and retry receipts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_wire(true).encode_to_vec()
    }

    /// Writes the identity without the primary's key: the form of the pairing reply.
    #[must_use]
    pub fn to_reply_bytes(&self) -> Vec<u8> {
        self.to_wire(false).encode_to_vec()
    }

    /// Returns the signed details as received.
    #[must_use]
    pub fn details(&self) -> &[u8] {
        &self.details
    }

    /// Returns the identity key of the primary.
    #[must_use]
    pub const fn account_key(&self) -> &PublicKey {
        &self.account_key
    }

    fn to_wire(&self, with_account_key: bool) -> AdvSignedDeviceIdentity {
        AdvSignedDeviceIdentity {
            details: Some(self.details.clone()),
            account_signature_key: with_account_key.then(|| self.account_key.as_bytes().to_vec()),
            account_signature: Some(self.account_signature.as_bytes().to_vec()),
            device_signature: Some(self.device_signature.as_bytes().to_vec()),
        }
    }
}

/// The outcome of [`check_device_identity`] when nothing speaks against the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityCheck {
    /// Both signatures verify.
    Verified {
        /// The primary's key that they verify with.
        account_key: PublicKey,
    },
    /// The primary's key is neither in the message nor known: nothing could be checked.
    NoAccountKey,
}

/// Checks the signed identity that comes with another companion's prekey bundle or prekey message.
///
/// `companion` is the identity key of that bundle or message, `known_account_key` the stored identity of the
/// account's device 0, used when the message brings no key. Both signatures must verify under the prefixes for
/// own hardware, or both under those for hosted devices.
///
/// # Errors
///
/// [`AdvError::Malformed`] if it does not parse, [`AdvError::AccountSignature`] or [`AdvError::DeviceSignature`] for
/// the signature that failed: the device must then be skipped.
pub fn check_device_identity(
    identity: &[u8],
    companion: &PublicKey,
    known_account_key: Option<&PublicKey>,
) -> Result<IdentityCheck, AdvError> {
    let wire = AdvSignedDeviceIdentity::decode(identity).map_err(|_| AdvError::Malformed)?;
    let details = wire.details.ok_or(AdvError::Malformed)?;
    let carried = match wire.account_signature_key.as_deref() {
        None | Some([]) => None,
        present @ Some(_) => Some(public_key(present).ok_or(AdvError::Malformed)?),
    };
    let Some(account_key) = carried.or(known_account_key.copied()) else {
        return Ok(IdentityCheck::NoAccountKey);
    };
    let account_signature = signature(wire.account_signature.as_deref()).ok_or(AdvError::AccountSignature)?;
    let device_signature = signature(wire.device_signature.as_deref()).ok_or(AdvError::DeviceSignature)?;

    let hosting = [Hosting::Own, Hosting::Hosted]
        .into_iter()
        .find(|hosting| {
            let message = account_message(*hosting, &details, companion);
            account_key.verify(&message, &account_signature).is_ok()
        })
        .ok_or(AdvError::AccountSignature)?;
    let message = device_message(hosting, &details, companion, &account_key);
    companion.verify(&message, &device_signature).map_err(|_| AdvError::DeviceSignature)?;
    Ok(IdentityCheck::Verified { account_key })
}

/// The bytes that the primary signs about a companion.
pub(super) fn account_message(hosting: Hosting, details: &[u8], companion: &PublicKey) -> Vec<u8> {
    [&hosting.account_prefix(), details, companion.as_bytes()].concat()
}

/// The bytes that a companion signs about itself and its primary.
pub(super) fn device_message(
    hosting: Hosting,
    details: &[u8],
    companion: &PublicKey,
    account_key: &PublicKey,
) -> Vec<u8> {
    let prefix = hosting.device_prefix();
    [&prefix, details, companion.as_bytes(), account_key.as_bytes()].concat()
}

pub(super) fn public_key(bytes: Option<&[u8]>) -> Option<PublicKey> {
    PublicKey::from_slice(bytes?).ok()
}

pub(super) fn signature(bytes: Option<&[u8]>) -> Option<Signature> {
    Signature::from_slice(bytes?).ok()
}

impl fmt::Debug for SignedDeviceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedDeviceIdentity").finish_non_exhaustive()
    }
}
