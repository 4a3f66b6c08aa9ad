use prost::Message as _;

use super::{ClientProfile, PayloadError};
use crate::device::{DeviceKeys, RegistrationId};
use crate::keys::{PublicKey, Signature, TYPE_BYTE};
use crate::proto::{ClientPayload, DevicePairingData, DeviceProps};
use crate::signal::SignedPrekeyId;

impl ClientPayload {
    /// Writes the payload of a device that wants to be linked.
    #[must_use]
    pub fn registration(keys: &DeviceKeys, profile: &ClientProfile, push_name: Option<&str>) -> Self {
        let signed_prekey = &keys.signed_prekey;
        let pairing = DevicePairingData {
            e_regid: Some(keys.registration_id.to_bytes().to_vec()),
            e_keytype: Some(vec![TYPE_BYTE]),
            e_ident: Some(keys.identity.public().as_bytes().to_vec()),
            e_skey_id: Some(signed_prekey.id().to_bytes().to_vec()),
            e_skey_val: Some(signed_prekey.public().as_bytes().to_vec()),
            e_skey_sig: Some(signed_prekey.signature().as_bytes().to_vec()),
            build_hash: Some(profile.version.build_hash().to_vec()),
            device_props: Some(profile.device_props()),
        };
        Self {
            passive: Some(false),
            push_name: push_name.map(str::to_owned),
            device_pairing_data: Some(pairing),
            pull: Some(false),
            ..profile.payload()
        }
    }
}

/// A registration as the server sees it, the signature on the signed prekey checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Registration {
    /// The device's registration id.
    pub registration_id: RegistrationId,
    /// Its identity key.
    pub identity: PublicKey,
    /// Id of its signed prekey.
    pub signed_prekey_id: SignedPrekeyId,
    /// Its signed prekey.
    pub signed_prekey: PublicKey,
    /// The identity key's signature over the signed prekey.
    pub signature: Signature,
    /// What it wants to be shown as; `None` if that does not parse.
    pub device_props: Option<DeviceProps>,
    /// The whole payload.
    pub payload: ClientPayload,
}

impl Registration {
    /// Reads the pairing data of `payload`.
    pub(super) fn read(pairing: &DevicePairingData, payload: &ClientPayload) -> Result<Self, PayloadError> {
        let id = array::<3>(pairing.e_skey_id.as_deref(), "signed prekey id")?;
        let [high, middle, low] = id;
        let id = u32::from_be_bytes([0, high, middle, low]);
        if pairing.e_keytype.as_deref() != Some(&[TYPE_BYTE]) {
            return Err(PayloadError::Field { field: "key type" });
        }
        let registration = Self {
            registration_id: RegistrationId::new(u32::from_be_bytes(array(
                pairing.e_regid.as_deref(),
                "registration id",
            )?)),
            identity: PublicKey::from_bytes(array(pairing.e_ident.as_deref(), "identity key")?),
            signed_prekey_id: SignedPrekeyId::new(id).ok_or(PayloadError::Field { field: "signed prekey id" })?,
            signed_prekey: PublicKey::from_bytes(array(pairing.e_skey_val.as_deref(), "signed prekey")?),
            signature: Signature::from_bytes(array(pairing.e_skey_sig.as_deref(), "signature")?),
            device_props: pairing.device_props.as_deref().and_then(|props| DeviceProps::decode(props).ok()),
            payload: payload.clone(),
        };
        registration
            .identity
            .verify(&registration.signed_prekey.to_typed_bytes(), &registration.signature)
            .map_err(|_| PayloadError::SignedPrekey)?;
        Ok(registration)
    }
}

fn array<const N: usize>(bytes: Option<&[u8]>, field: &'static str) -> Result<[u8; N], PayloadError> {
    let bytes = bytes.ok_or(PayloadError::Field { field })?;
    bytes.try_into().map_err(|_| PayloadError::Field { field })
}
