use std::fmt;

use prost::Message as _;
use rand::CryptoRng;

use super::device_identity::{public_key, signature};
use super::{AdvError, Hosting, KEY_INDEX_LIST_PREFIX};
use crate::keys::{KeyPair, PublicKey, Signature};
use crate::proto::{AdvKeyIndexList, AdvSignedKeyIndexList};

/// Which companions of an account are linked, by key index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIndexList {
    /// Random number of the account's identity; a new one means that the account was registered anew.
    pub raw_id: u32,
    /// When the list was made, unix seconds.
    pub timestamp: u64,
    /// The newest index that was given out when the list was made.
    pub current_index: u32,
    /// The indexes that are linked.
    pub valid_indexes: Vec<u32>,
    /// Who keeps the account's keys.
    pub account_type: Hosting,
}

impl KeyIndexList {
    /// Says whether a companion with this key index belongs to the account: it is listed, or newer than the list.
    ///
    /// Device 0, the primary, has no key index and is never asked about.
    #[must_use]
    pub fn admits(&self, key_index: u32) -> bool {
        key_index > self.current_index || self.valid_indexes.contains(&key_index)
    }

    /// Signs the list as the primary and encodes it, with the primary's key in it if `with_key`.
    #[must_use]
    pub fn sign<R: CryptoRng + ?Sized>(&self, primary: &KeyPair, with_key: bool, rng: &mut R) -> Vec<u8> {
        let details = AdvKeyIndexList {
            raw_id: Some(self.raw_id),
            timestamp: Some(self.timestamp),
            current_index: Some(self.current_index),
            valid_indexes: self.valid_indexes.clone(),
            account_type: self.account_type.to_wire(),
        }
        .encode_to_vec();
        let signature = primary.private().sign(&signed_bytes(&details), rng);
        AdvSignedKeyIndexList {
            details: Some(details),
            account_signature: Some(signature.as_bytes().to_vec()),
            account_signature_key: with_key.then(|| primary.public().as_bytes().to_vec()),
        }
        .encode_to_vec()
    }

    fn parse(details: &[u8]) -> Result<Self, AdvError> {
        let list = AdvKeyIndexList::decode(details).map_err(|_| AdvError::Malformed)?;
        Ok(Self {
            raw_id: list.raw_id.unwrap_or_default(),
            timestamp: list.timestamp.unwrap_or_default(),
            current_index: list.current_index.unwrap_or_default(),
            valid_indexes: list.valid_indexes,
            account_type: Hosting::from_wire(list.account_type),
        })
    }
}

/// A key index list as received, its signature not checked yet.
#[derive(Clone)]
pub struct SignedKeyIndexList {
    details: Vec<u8>,
    signature: Option<Signature>,
    account_key: Option<PublicKey>,
}

impl SignedKeyIndexList {
    /// Reads the content of a `key-index-list` element.
    ///
    /// # Errors
    ///
    /// [`AdvError::Malformed`] if it does not parse or carries a key of the wrong length.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdvError> {
        let wire = AdvSignedKeyIndexList::decode(bytes).map_err(|_| AdvError::Malformed)?;
        let account_key = match wire.account_signature_key.as_deref() {
            None | Some([]) => None,
            present @ Some(_) => Some(public_key(present).ok_or(AdvError::Malformed)?),
        };
        Ok(Self {
            details: wire.details.ok_or(AdvError::Malformed)?,
            signature: signature(wire.account_signature.as_deref()),
            account_key,
        })
    }

    /// Returns the primary's key that came with the list, if any.
    #[must_use]
    pub const fn account_key(&self) -> Option<&PublicKey> {
        self.account_key.as_ref()
    }

    /// Checks the signature and returns the list.
    ///
    /// The key is `known_account_key` (the stored identity of the account's device 0), else the one in the message.
    /// With neither, the list is returned unchecked: it came over the authenticated connection to the server, and is to
    /// be checked again once the identity is known.
    ///
    /// # Errors
    ///
    /// [`AdvError::AccountSignature`] if a key is there and the signature is missing or wrong: the list must be
    /// ignored; [`AdvError::Malformed`] if the list itself does not parse.
    pub fn verify(&self, known_account_key: Option<&PublicKey>) -> Result<KeyIndexList, AdvError> {
        if let Some(key) = known_account_key.or(self.account_key.as_ref()) {
            let signature = self.signature.ok_or(AdvError::AccountSignature)?;
            key.verify(&signed_bytes(&self.details), &signature).map_err(|_| AdvError::AccountSignature)?;
        }
        KeyIndexList::parse(&self.details)
    }
}

fn signed_bytes(details: &[u8]) -> Vec<u8> {
    [&KEY_INDEX_LIST_PREFIX, details].concat()
}

impl fmt::Debug for SignedKeyIndexList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedKeyIndexList").finish_non_exhaustive()
    }
}
