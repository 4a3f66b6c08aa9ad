//! What a retry receipt asks for: `<retry>`, `<registration>` and, from the second attempt on, `<keys>`.

use crate::keys::{PublicKey, TYPE_BYTE};
use crate::messaging::MessageId;
use crate::node::{Node, NodeRef, ShapeError};
use crate::signal::PrekeyBundle;
use crate::stanza::prekeys::{DeviceBundle, PublicPrekey, PublicSignedPrekey};
use crate::stanza::receipt::require_id;

/// Why a message could not be decrypted, as far as the receiver tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryReason {
    /// 0, or nothing said.
    Unknown,
    /// 1: no session, or no sender key.
    NoSession,
    /// 2: a key in the message is invalid.
    InvalidKey,
    /// 3: the prekey that the message names is not there.
    UnknownPrekey,
    /// 4: the message is invalid.
    InvalidMessage,
    /// 5: the signature of a group message is wrong.
    InvalidSignature,
    /// 6: the message is too far ahead.
    FutureMessage,
    /// 7: the message fails authentication.
    BadMac,
    /// 12: the account does not vouch for the sending device.
    DeviceIdentity,
    /// Another code.
    Other(u16),
}

impl RetryReason {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::NoSession => 1,
            Self::InvalidKey => 2,
            Self::UnknownPrekey => 3,
            Self::InvalidMessage => 4,
            Self::InvalidSignature => 5,
            Self::FutureMessage => 6,
            Self::BadMac => 7,
            Self::DeviceIdentity => 12,
            Self::Other(code) => code,
        }
    }

    /// The reason behind a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            0 => Self::Unknown,
            1 => Self::NoSession,
            2 => Self::InvalidKey,
            3 => Self::UnknownPrekey,
            4 => Self::InvalidMessage,
            5 => Self::InvalidSignature,
            6 => Self::FutureMessage,
            7 => Self::BadMac,
            12 => Self::DeviceIdentity,
            code => Self::Other(code),
        }
    }
}

/// A request to send a message again.
#[derive(Debug, Clone)]
pub struct RetryRequest {
    /// The message that is wanted.
    pub id: MessageId,
    /// Which attempt this is, from 1.
    pub count: u32,
    /// The time of the message in Unix seconds.
    pub timestamp: u64,
    /// Why.
    pub reason: RetryReason,
    /// The registration id of the device that asks.
    pub registration_id: u32,
    /// Its fresh keys, if it sends any, not checked yet: a new session can be started at once. The
    /// registration id in them is the receipt's.
    pub keys: Option<DeviceBundle>,
}

/// Reads the children of a retry receipt.
pub(super) fn read(receipt: NodeRef<'_>) -> Result<RetryRequest, ShapeError> {
    let retry = receipt.require_child("retry")?;
    let registration_id = u32::from_be_bytes(receipt.require_child("registration")?.require_array()?);
    let keys = receipt.child("keys").map(|keys| read_keys(keys, registration_id)).transpose()?;
    let reason = retry.attr_u64("error").map_or(0, |code| u16::try_from(code).unwrap_or(u16::MAX));
    Ok(RetryRequest {
        id: require_id(retry, "id")?,
        count: u32::try_from(retry.require_u64("count")?).unwrap_or(u32::MAX),
        timestamp: retry.attr_u64("t").unwrap_or(0),
        reason: RetryReason::from_code(reason),
        registration_id,
        keys,
    })
}

/// Reads `<keys>`.
fn read_keys(keys: NodeRef<'_>, registration_id: u32) -> Result<DeviceBundle, ShapeError> {
    if keys.child("type").is_some_and(|kind| kind.content_bytes() != Some(&[TYPE_BYTE])) {
        return Err(ShapeError::BadContent);
    }
    let signed_prekey = PublicSignedPrekey::read(keys.require_child("skey")?)?;
    let prekey = keys.child("key").map(PublicPrekey::read).transpose()?;
    let bundle = PrekeyBundle {
        registration_id,
        identity: PublicKey::from_bytes(keys.require_child("identity")?.require_array()?),
        signed_prekey_id: signed_prekey.id,
        signed_prekey: signed_prekey.key,
        signature: signed_prekey.signature,
        prekey: prekey.map(|prekey| (prekey.id, prekey.key)),
    };
    let device_identity = keys.child("device-identity").and_then(NodeRef::content_bytes).map(<[u8]>::to_vec);
    Ok(DeviceBundle { bundle, device_identity })
}

/// Writes the children of a retry receipt.
pub(super) fn children(request: &RetryRequest) -> Vec<Node> {
    let error = Some(request.reason.code()).filter(|&code| code != RetryReason::Unknown.code());
    let retry = Node::new("retry")
        .attr("count", request.count)
        .attr("id", request.id.to_string())
        .attr("t", request.timestamp)
        .attr("v", "1")
        .attr_opt("error", error);
    let registration = Node::new("registration").bytes(request.registration_id.to_be_bytes());
    let keys = request.keys.as_ref().map(keys_node);
    [retry, registration].into_iter().chain(keys).collect()
}

/// Writes `<keys>`.
fn keys_node(keys: &DeviceBundle) -> Node {
    let bundle = &keys.bundle;
    let mut node = Node::new("keys")
        .child(Node::new("type").bytes([TYPE_BYTE]))
        .child(Node::new("identity").bytes(*bundle.identity.as_bytes()));
    if let Some((id, key)) = bundle.prekey {
        node = node.child(PublicPrekey { id, key }.to_node());
    }
    let (id, key, signature) = (bundle.signed_prekey_id, bundle.signed_prekey, bundle.signature);
    node = node.child(PublicSignedPrekey { id, key, signature }.to_node());
    match &keys.device_identity {
        Some(identity) => node.child(Node::new("device-identity").bytes(identity.clone())),
        None => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jid::Jid;
    use crate::keys::Signature;
    use crate::signal::{PrekeyId, SignedPrekeyId};
    use crate::stanza::{Direction, Receipt, ReceiptKind};

    fn request(keys: Option<DeviceBundle>) -> RetryRequest {
        RetryRequest {
            id: MessageId::parse("3A01").unwrap(),
            count: 2,
            timestamp: 1_760_000_000,
            reason: RetryReason::BadMac,
            registration_id: 4321,
            keys,
        }
    }

    fn keys() -> DeviceBundle {
        let bundle = PrekeyBundle {
            registration_id: 4321,
            identity: PublicKey::from_bytes([1; 32]),
            signed_prekey_id: SignedPrekeyId::FIRST,
            signed_prekey: PublicKey::from_bytes([2; 32]),
            signature: Signature::from_bytes([3; 64]),
            prekey: Some((PrekeyId::new(700).unwrap(), PublicKey::from_bytes([4; 32]))),
        };
        DeviceBundle { bundle, device_identity: Some(vec![5]) }
    }

    #[test]
    fn a_request_comes_back_with_and_without_keys() {
        for keys in [None, Some(keys())] {
            let id = MessageId::parse("3A01").unwrap();
            let mut receipt = Receipt::new(id, Jid::lid("990000000000002").with_device(12), ReceiptKind::Retry);
            receipt.retry = Some(request(keys));
            let wire = receipt.to_node(Direction::Up).encode().unwrap();
            let tree = crate::node::decode(&wire).unwrap();
            let read = Receipt::parse(tree.root(), Direction::Up).unwrap();
            assert_eq!(read.to_node(Direction::Up), receipt.to_node(Direction::Up));
        }
    }

    #[test]
    fn a_malformed_request_leaves_the_receipt_readable() {
        let node = Node::new("receipt")
            .attr("id", "A")
            .attr("from", Jid::lid("1"))
            .attr("type", "retry")
            .children([Node::new("retry").attr("count", "1").attr("id", "A")]);
        let receipt = Receipt::parse(node.tree().root(), Direction::Down).unwrap();
        assert_eq!(receipt.kind, ReceiptKind::Retry);
        assert!(receipt.retry.is_none());
    }

    #[test]
    fn reasons_survive() {
        for code in 0..20 {
            assert_eq!(RetryReason::from_code(code).code(), code);
        }
    }
}
