use crate::keys::{KeyError, PublicKey, Signature};
use crate::node::{Node, NodeRef, ShapeError};
use crate::signal::{Prekey, PrekeyId, SignedPrekey, SignedPrekeyId};

/// The public part of a one-time prekey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicPrekey {
    /// Its id.
    pub id: PrekeyId,
    /// Its key.
    pub key: PublicKey,
}

impl PublicPrekey {
    /// Reads `<key><id/><value/></key>`.
    pub(in crate::stanza) fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        Ok(Self { id: prekey_id(node.require_child("id")?)?, key: public_key(node.require_child("value")?)? })
    }

    pub(in crate::stanza) fn to_node(self) -> Node {
        Node::new("key")
            .children([Node::new("id").bytes(self.id.to_bytes()), Node::new("value").bytes(*self.key.as_bytes())])
    }
}

impl From<&Prekey> for PublicPrekey {
    fn from(prekey: &Prekey) -> Self {
        Self { id: prekey.id(), key: *prekey.public() }
    }
}

/// The public part of a signed prekey.
#[derive(Debug, Clone, Copy)]
pub struct PublicSignedPrekey {
    /// Its id.
    pub id: SignedPrekeyId,
    /// Its key.
    pub key: PublicKey,
    /// The identity key's signature over it.
    pub signature: Signature,
}

impl PublicSignedPrekey {
    /// Checks the signature.
    ///
    /// # Errors
    ///
    /// As [`PublicKey::verify`].
    pub fn verify(&self, identity: &PublicKey) -> Result<(), KeyError> {
        identity.verify(&self.key.to_typed_bytes(), &self.signature)
    }

    /// Reads `<skey><id/><value/><signature/></skey>`.
    pub(in crate::stanza) fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let [high, middle, low] = node.require_child("id")?.require_array()?;
        Ok(Self {
            id: SignedPrekeyId::new(u32::from_be_bytes([0, high, middle, low])).ok_or(ShapeError::BadContent)?,
            key: public_key(node.require_child("value")?)?,
            signature: Signature::from_bytes(node.require_child("signature")?.require_array()?),
        })
    }

    pub(in crate::stanza) fn to_node(self) -> Node {
        Node::new("skey").children([
            Node::new("id").bytes(self.id.to_bytes()),
            Node::new("value").bytes(*self.key.as_bytes()),
            Node::new("signature").bytes(*self.signature.as_bytes()),
        ])
    }
}

impl From<&SignedPrekey> for PublicSignedPrekey {
    fn from(prekey: &SignedPrekey) -> Self {
        Self { id: prekey.id(), key: *prekey.public(), signature: *prekey.signature() }
    }
}

pub(super) fn public_key(node: NodeRef<'_>) -> Result<PublicKey, ShapeError> {
    node.require_array().map(PublicKey::from_bytes)
}

/// Reads three bytes; zero is no prekey.
pub(super) fn prekey_id(node: NodeRef<'_>) -> Result<PrekeyId, ShapeError> {
    let [high, middle, low] = node.require_array()?;
    PrekeyId::new(u32::from_be_bytes([0, high, middle, low])).ok_or(ShapeError::BadContent)
}
