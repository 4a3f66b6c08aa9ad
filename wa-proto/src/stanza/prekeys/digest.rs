use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::public::{prekey_id, public_key};
use super::{PublicSignedPrekey, XMLNS};
use crate::device::RegistrationId;
use crate::keys::{PublicKey, TYPE_BYTE};
use crate::node::{Node, NodeRef, ShapeError};
use crate::signal::PrekeyId;
use crate::stanza::iq::{self, Kind, Request};

/// Asks what the server has of our keys. Error 404 says that it has none: upload all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchDigest;

/// What the server has of our keys.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeyDigest {
    /// Our registration id.
    pub registration_id: RegistrationId,
    /// Our identity key.
    pub identity: PublicKey,
    /// Our signed prekey.
    pub signed_prekey: PublicSignedPrekey,
    /// Ids of the one-time prekeys that are left, in the order in which they are hashed.
    pub prekey_ids: Vec<PrekeyId>,
    /// SHA-1 over the keys.
    pub hash: [u8; 20],
}

/// Hashes a device's published keys: identity ‖ signed prekey ‖ its signature ‖ one-time prekeys, all raw.
///
/// Source: observed, vector `key_bundle_digest`.
#[must_use]
pub fn bundle_digest<'a>(
    identity: &PublicKey,
    signed_prekey: &PublicSignedPrekey,
    prekeys: impl IntoIterator<Item = &'a PublicKey>,
) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(identity.as_bytes());
    hash.update(signed_prekey.key.as_bytes());
    hash.update(signed_prekey.signature.as_bytes());
    for prekey in prekeys {
        hash.update(prekey.as_bytes());
    }
    hash.finalize().into()
}

impl KeyDigest {
    /// Describes what the server has, as the server does.
    #[must_use]
    pub fn new<'a>(
        registration_id: RegistrationId,
        identity: PublicKey,
        signed_prekey: PublicSignedPrekey,
        prekeys: impl IntoIterator<Item = &'a super::PublicPrekey>,
    ) -> Self {
        let (prekey_ids, keys): (Vec<_>, Vec<_>) = prekeys.into_iter().map(|prekey| (prekey.id, prekey.key)).unzip();
        let hash = bundle_digest(&identity, &signed_prekey, &keys);
        Self { registration_id, identity, signed_prekey, prekey_ids, hash }
    }

    /// Tells whether the server has what we have: `own` are our identity and signed prekey, `prekey` finds our own
    /// one-time prekey by id.
    ///
    /// A mismatch is worth a log line and no more: keys of uploads in flight explain it.
    pub fn matches(
        &self,
        identity: &PublicKey,
        signed_prekey: &PublicSignedPrekey,
        mut prekey: impl FnMut(PrekeyId) -> Option<PublicKey>,
    ) -> bool {
        let Some(keys) = self.prekey_ids.iter().map(|id| prekey(*id)).collect::<Option<Vec<_>>>() else {
            return false;
        };
        bundle_digest(identity, signed_prekey, &keys).ct_eq(&self.hash).into()
    }

    /// Writes the answer, as the server does.
    #[must_use]
    pub fn answer(&self, id: &str) -> Node {
        let ids = self.prekey_ids.iter().map(|id| Node::new("id").bytes(id.to_bytes()));
        iq::result(id).child(Node::new("digest").children([
            Node::new("registration").bytes(self.registration_id.to_bytes()),
            Node::new("type").bytes([TYPE_BYTE]),
            Node::new("identity").bytes(*self.identity.as_bytes()),
            self.signed_prekey.to_node(),
            Node::new("list").children(ids),
            Node::new("hash").bytes(self.hash),
        ]))
    }
}

impl FetchDigest {
    /// Tells whether the stanza is this request, as the server does.
    #[must_use]
    pub fn is(node: NodeRef<'_>) -> bool {
        iq::kind_of(node, XMLNS) == Some(Kind::Get) && node.child("digest").is_some()
    }
}

impl Request for FetchDigest {
    type Answer = KeyDigest;

    fn to_node(&self, id: &str) -> Node {
        iq::request(id, Kind::Get, XMLNS).child(Node::new("digest"))
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<KeyDigest, ShapeError> {
        let digest = answer.require_child("digest")?;
        let registration_id = RegistrationId::from_slice(digest.require_child("registration")?.require_bytes()?);
        let ids = digest.child("list").into_iter().flat_map(NodeRef::children);
        Ok(KeyDigest {
            registration_id: registration_id.ok_or(ShapeError::BadContent)?,
            identity: public_key(digest.require_child("identity")?)?,
            signed_prekey: PublicSignedPrekey::read(digest.require_child("skey")?)?,
            prekey_ids: ids.filter(|child| child.tag() == "id").map(prekey_id).collect::<Result<_, _>>()?,
            hash: digest.require_child("hash")?.require_array()?,
        })
    }
}
