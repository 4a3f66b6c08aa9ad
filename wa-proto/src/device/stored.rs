//! The bytes of a device record: a protobuf message of our own, so that later versions can add fields.

use prost::Message;
use zeroize::Zeroizing;

use super::{DeviceKeys, DeviceRecord, LinkedAccount, LoginMemory, PrekeyProgress, RegistrationId};
use crate::keys::{KeyPair, PrivateKey, Signature};
use crate::pairing::adv::{AdvSecret, SignedDeviceIdentity};
use crate::signal::{PrekeyId, SignedPrekey, SignedPrekeyId};

/// Layout of the bytes. A change that older programs would misread raises it.
const VERSION: u32 = 1;

/// Why stored bytes are not a device record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceRecordError {
    /// Not a record at all.
    #[error("stored device record does not parse")]
    Malformed,
    /// Written by a newer program.
    #[error("stored device record has version {version}, this program knows {VERSION}")]
    Newer {
        /// The version found.
        version: u32,
    },
    /// A field is missing or out of range.
    #[error("stored device record has no usable {field}")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Stored {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    noise: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    identity: Vec<u8>,
    #[prost(uint32, tag = "4")]
    registration_id: u32,
    #[prost(uint32, tag = "5")]
    signed_prekey_id: u32,
    #[prost(bytes = "vec", tag = "6")]
    signed_prekey: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    signed_prekey_signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    adv_secret: Vec<u8>,
    #[prost(uint32, tag = "9")]
    next_prekey: u32,
    #[prost(uint32, tag = "10")]
    first_not_uploaded: u32,
    #[prost(bool, tag = "11")]
    server_has_prekeys: bool,
    #[prost(uint64, tag = "12")]
    signed_prekey_rotated_at: u64,
    #[prost(message, optional, tag = "13")]
    linked: Option<StoredAccount>,
    #[prost(message, optional, tag = "14")]
    login: Option<StoredLogin>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct StoredAccount {
    #[prost(string, tag = "1")]
    jid: String,
    #[prost(string, tag = "2")]
    lid: String,
    #[prost(bytes = "vec", tag = "3")]
    identity: Vec<u8>,
    #[prost(string, optional, tag = "4")]
    platform: Option<String>,
    #[prost(string, optional, tag = "5")]
    business_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct StoredLogin {
    #[prost(string, optional, tag = "1")]
    push_name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    routing_info: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    props_hash: Option<String>,
    #[prost(uint32, tag = "4")]
    login_counter: u32,
    #[prost(bytes = "vec", optional, tag = "5")]
    server_chain: Option<Vec<u8>>,
    #[prost(bool, tag = "6")]
    lid_migrated: bool,
    #[prost(bool, tag = "7")]
    is_logged_out: bool,
}

impl DeviceRecord {
    /// Writes the record. The bytes contain private keys: they are to be stored sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let keys = &self.keys;
        let signed_prekey = &keys.signed_prekey;
        let stored = Stored {
            version: VERSION,
            noise: keys.noise.private().expose().to_vec(),
            identity: keys.identity.private().expose().to_vec(),
            registration_id: keys.registration_id.value(),
            signed_prekey_id: signed_prekey.id().value(),
            signed_prekey: signed_prekey.private().expose().to_vec(),
            signed_prekey_signature: signed_prekey.signature().as_bytes().to_vec(),
            adv_secret: keys.adv_secret.expose().to_vec(),
            next_prekey: self.prekeys.next.value(),
            first_not_uploaded: self.prekeys.first_not_uploaded.value(),
            server_has_prekeys: self.prekeys.server_has_prekeys,
            signed_prekey_rotated_at: self.prekeys.signed_prekey_rotated_at,
            linked: self.linked.as_ref().map(StoredAccount::from),
            login: Some(StoredLogin::from(&self.login)),
        };
        let bytes = Zeroizing::new(stored.encode_to_vec());
        stored.wipe();
        bytes
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    ///
    /// [`DeviceRecordError`]: the bytes are damaged or from a newer program; there is nothing to continue with.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DeviceRecordError> {
        let stored = Stored::decode(bytes).map_err(|_| DeviceRecordError::Malformed)?;
        let record = stored.read();
        stored.wipe();
        record
    }
}

impl Stored {
    fn read(&self) -> Result<DeviceRecord, DeviceRecordError> {
        match self.version {
            VERSION => {}
            0 => return Err(DeviceRecordError::Malformed),
            version => return Err(DeviceRecordError::Newer { version }),
        }
        let signature = Signature::from_slice(&self.signed_prekey_signature);
        Ok(DeviceRecord {
            keys: DeviceKeys::from_stored(
                pair(&self.noise, "noise key")?,
                pair(&self.identity, "identity key")?,
                RegistrationId::new(self.registration_id),
                SignedPrekey::from_stored(
                    SignedPrekeyId::new(self.signed_prekey_id).ok_or_else(|| missing("signed prekey id"))?,
                    pair(&self.signed_prekey, "signed prekey")?,
                    signature.map_err(|_| missing("signed prekey signature"))?,
                ),
                AdvSecret::from_slice(&self.adv_secret).ok_or_else(|| missing("adv secret"))?,
            ),
            prekeys: PrekeyProgress {
                next: PrekeyId::new(self.next_prekey).ok_or_else(|| missing("next prekey id"))?,
                first_not_uploaded: PrekeyId::new(self.first_not_uploaded).ok_or_else(|| missing("first prekey id"))?,
                server_has_prekeys: self.server_has_prekeys,
                signed_prekey_rotated_at: self.signed_prekey_rotated_at,
            },
            linked: self.linked.as_ref().map(StoredAccount::read).transpose()?,
            login: self.login.as_ref().map(LoginMemory::from).unwrap_or_default(),
        })
    }

    /// Overwrites the copies of private keys.
    fn wipe(self) {
        for secret in [self.noise, self.identity, self.signed_prekey, self.adv_secret] {
            drop(Zeroizing::new(secret));
        }
    }
}

impl From<&LinkedAccount> for StoredAccount {
    fn from(account: &LinkedAccount) -> Self {
        Self {
            jid: account.jid.to_string(),
            lid: account.lid.to_string(),
            identity: account.identity.to_bytes(),
            platform: account.platform.clone(),
            business_name: account.business_name.clone(),
        }
    }
}

impl StoredAccount {
    fn read(&self) -> Result<LinkedAccount, DeviceRecordError> {
        let identity = SignedDeviceIdentity::from_bytes(&self.identity);
        let account = LinkedAccount::new(
            self.jid.parse().map_err(|_| missing("JID"))?,
            self.lid.parse().map_err(|_| missing("LID"))?,
            identity.map_err(|_| missing("device identity"))?,
        );
        Ok(LinkedAccount { platform: self.platform.clone(), business_name: self.business_name.clone(), ..account })
    }
}

impl From<&LoginMemory> for StoredLogin {
    fn from(login: &LoginMemory) -> Self {
        Self {
            push_name: login.push_name.clone(),
            routing_info: login.routing_info.clone(),
            props_hash: login.props_hash.clone(),
            login_counter: login.login_counter,
            server_chain: login.server_chain.clone(),
            lid_migrated: login.lid_migrated,
            is_logged_out: login.is_logged_out,
        }
    }
}

impl From<&StoredLogin> for LoginMemory {
    fn from(login: &StoredLogin) -> Self {
        Self {
            push_name: login.push_name.clone(),
            routing_info: login.routing_info.clone(),
            props_hash: login.props_hash.clone(),
            login_counter: login.login_counter,
            server_chain: login.server_chain.clone(),
            lid_migrated: login.lid_migrated,
            is_logged_out: login.is_logged_out,
        }
    }
}

/// Completes a stored private key. The public one is computed, not stored: a damaged record then cannot publish a key
/// that we do not hold.
fn pair(private: &[u8], field: &'static str) -> Result<KeyPair, DeviceRecordError> {
    let private = PrivateKey::from_slice(private).map_err(|_| missing(field))?;
    Ok(KeyPair::from_private(private))
}

const fn missing(field: &'static str) -> DeviceRecordError {
    DeviceRecordError::Field { field }
}
