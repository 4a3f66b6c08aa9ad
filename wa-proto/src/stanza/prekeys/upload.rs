use super::public::public_key;
use super::{PublicPrekey, PublicSignedPrekey, XMLNS};
use crate::device::{DeviceKeys, RegistrationId};
use crate::keys::{PublicKey, TYPE_BYTE};
use crate::node::{Node, NodeRef, ShapeError};
use crate::signal::Prekey;
use crate::stanza::iq::{self, Kind, Request};

/// Publishes our keys: adds one-time prekeys and replaces the signed one. The answer is empty.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UploadPrekeys {
    /// Our registration id.
    pub registration_id: RegistrationId,
    /// Our identity key.
    pub identity: PublicKey,
    /// One-time prekeys, all stored by now.
    pub prekeys: Vec<PublicPrekey>,
    /// The signed prekey in use.
    pub signed_prekey: PublicSignedPrekey,
}

impl UploadPrekeys {
    /// Publishes `prekeys` beside the device's signed prekey.
    #[must_use]
    pub fn new<'a>(keys: &DeviceKeys, prekeys: impl IntoIterator<Item = &'a Prekey>) -> Self {
        Self {
            registration_id: keys.registration_id,
            identity: *keys.identity.public(),
            prekeys: prekeys.into_iter().map(PublicPrekey::from).collect(),
            signed_prekey: PublicSignedPrekey::from(&keys.signed_prekey),
        }
    }

    /// Reads the request, as the server does; `None` if it is another one. Signatures are not checked here.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a key is missing or has the wrong length.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        let is_upload = iq::kind_of(node, XMLNS) == Some(Kind::Set) && node.child("list").is_some();
        is_upload.then(|| Self::read_parts(node))
    }

    fn read_parts(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        if node.require_child("type")?.require_array()? != [TYPE_BYTE] {
            return Err(ShapeError::BadContent);
        }
        let registration_id = RegistrationId::from_slice(node.require_child("registration")?.require_bytes()?);
        let prekeys = node.require_child("list")?.children_named("key").map(PublicPrekey::read);
        Ok(Self {
            registration_id: registration_id.ok_or(ShapeError::BadContent)?,
            identity: public_key(node.require_child("identity")?)?,
            prekeys: prekeys.collect::<Result<_, _>>()?,
            signed_prekey: PublicSignedPrekey::read(node.require_child("skey")?)?,
        })
    }
}

impl Request for UploadPrekeys {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        iq::request(id, Kind::Set, XMLNS).children([
            Node::new("registration").bytes(self.registration_id.to_bytes()),
            Node::new("type").bytes([TYPE_BYTE]),
            Node::new("identity").bytes(*self.identity.as_bytes()),
            Node::new("list").children(self.prekeys.iter().map(|prekey| prekey.to_node())),
            self.signed_prekey.to_node(),
        ])
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}
