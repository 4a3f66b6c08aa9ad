use std::fmt;

use super::public::public_key;
use super::{PublicPrekey, PublicSignedPrekey, XMLNS};
use crate::device::RegistrationId;
use crate::jid::Jid;
use crate::keys::TYPE_BYTE;
use crate::node::{Node, NodeRef, ShapeError};
use crate::signal::PrekeyBundle;
use crate::stanza::iq::{self, IqError, Kind, Request};

/// Why a bundle is fetched; nothing is said for a first session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchReason {
    /// The device's identity has changed.
    Identity,
    /// A message could not be decrypted there.
    Retry,
}

/// Asks for the prekey bundles of devices, of any number of accounts. Each costs the device one of its prekeys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchBundles {
    /// The devices, with their device numbers.
    pub devices: Vec<(Jid, Option<FetchReason>)>,
}

/// The answer for one device.
#[derive(Debug, Clone)]
pub struct FetchedBundle {
    /// The device, as it was asked for.
    pub jid: Jid,
    /// Its keys, or why there are none.
    pub outcome: Result<DeviceBundle, NoBundle>,
}

/// The published keys of one device, not checked yet.
#[derive(Clone)]
pub struct DeviceBundle {
    /// The keys; [`PrekeyBundle::validate`] checks them.
    pub bundle: PrekeyBundle,
    /// A companion's membership in its account, to be checked with
    /// [`check_device_identity`](crate::pairing::adv::check_device_identity); primaries have none.
    pub device_identity: Option<Vec<u8>>,
}

/// Why there is no bundle for a device. Only [`is_gone`](Self::is_gone) takes it off the device list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoBundle {
    /// The server refused.
    #[error("the server has no bundle for the device")]
    Refused(#[source] IqError),
    /// The answer lacks a key, or one has the wrong length or type.
    #[error("the bundle is malformed")]
    Malformed(#[from] ShapeError),
}

impl NoBundle {
    /// Tells whether the device does not exist any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Refused(IqError { code: iq::code::NOT_ACCEPTABLE, .. }))
    }
}

impl FetchBundles {
    /// Asks for first sessions with these devices.
    #[must_use]
    pub fn new(devices: impl IntoIterator<Item = Jid>) -> Self {
        Self { devices: devices.into_iter().map(|device| (device, None)).collect() }
    }

    /// Reads the request, as the server does; `None` if it is another one.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a user has no JID.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        if iq::kind_of(node, XMLNS) != Some(Kind::Get) {
            return None;
        }
        let key = node.child("key")?;
        let devices = key.children_named("user").map(|user| {
            let reason = match user.attr_str("reason") {
                Some("identity") => Some(FetchReason::Identity),
                Some("retry") => Some(FetchReason::Retry),
                Some(_) | None => None,
            };
            Ok((user.require_jid("jid")?, reason))
        });
        Some(devices.collect::<Result<_, _>>().map(|devices| Self { devices }))
    }

    /// Writes the answer, as the server does. `time` is in unix seconds.
    #[must_use]
    pub fn answer<'a>(id: &str, time: u64, bundles: impl IntoIterator<Item = &'a FetchedBundle>) -> Node {
        let users = bundles.into_iter().map(|fetched| fetched.to_node(time));
        iq::result(id).child(Node::new("list").children(users))
    }
}

impl Request for FetchBundles {
    /// One entry per device that the server answered for, in its order. A device without entry has no bundle now.
    type Answer = Vec<FetchedBundle>;

    fn to_node(&self, id: &str) -> Node {
        let users = self.devices.iter().map(|(jid, reason)| {
            let reason = reason.map(|reason| match reason {
                FetchReason::Identity => "identity",
                FetchReason::Retry => "retry",
            });
            Node::new("user").attr("jid", jid).attr_opt("reason", reason)
        });
        iq::request(id, Kind::Get, XMLNS).child(Node::new("key").children(users))
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<Self::Answer, ShapeError> {
        let users = answer.require_child("list")?.children_named("user");
        // One user without a JID must not cost the others their bundles.
        Ok(users
            .filter_map(|user| Some(FetchedBundle { jid: user.attr_jid("jid")?, outcome: DeviceBundle::read(user) }))
            .collect())
    }
}

impl FetchedBundle {
    fn to_node(&self, time: u64) -> Node {
        let user = Node::new("user").attr("jid", &self.jid);
        match &self.outcome {
            Ok(device) => user.attr("t", time).children(device.to_nodes()),
            Err(NoBundle::Refused(error)) => user.child(error.to_node()),
            Err(NoBundle::Malformed(_)) => user.child(IqError::new(iq::code::NOT_FOUND, "item-not-found").to_node()),
        }
    }
}

impl DeviceBundle {
    fn read(user: NodeRef<'_>) -> Result<Self, NoBundle> {
        if let Some(error) = user.child("error") {
            return Err(NoBundle::Refused(IqError::read(error)));
        }
        let keys = user.child("keys").unwrap_or(user);
        if keys.require_child("type")?.require_array()? != [TYPE_BYTE] {
            return Err(NoBundle::Malformed(ShapeError::BadContent));
        }
        let registration_id = RegistrationId::from_slice(keys.require_child("registration")?.require_bytes()?);
        let signed_prekey = PublicSignedPrekey::read(keys.require_child("skey")?)?;
        let prekey = keys.child("key").map(PublicPrekey::read).transpose()?;
        let device_identity = user.child("device-identity").or_else(|| keys.child("device-identity"));
        Ok(Self {
            bundle: PrekeyBundle {
                registration_id: registration_id.ok_or(ShapeError::BadContent)?.value(),
                identity: public_key(keys.require_child("identity")?)?,
                signed_prekey_id: signed_prekey.id,
                signed_prekey: signed_prekey.key,
                signature: signed_prekey.signature,
                prekey: prekey.map(|prekey| (prekey.id, prekey.key)),
            },
            device_identity: device_identity.and_then(NodeRef::content_bytes).map(<[u8]>::to_vec),
        })
    }

    pub(super) fn to_nodes(&self) -> Vec<Node> {
        let bundle = &self.bundle;
        let mut nodes = vec![
            Node::new("registration").bytes(bundle.registration_id.to_be_bytes()),
            Node::new("type").bytes([TYPE_BYTE]),
            Node::new("identity").bytes(*bundle.identity.as_bytes()),
        ];
        nodes.extend(bundle.prekey.map(|(id, key)| PublicPrekey { id, key }.to_node()));
        let signed_prekey =
            PublicSignedPrekey { id: bundle.signed_prekey_id, key: bundle.signed_prekey, signature: bundle.signature };
        nodes.push(signed_prekey.to_node());
        nodes
            .extend(self.device_identity.as_ref().map(|identity| Node::new("device-identity").bytes(identity.clone())));
        nodes
    }
}

impl fmt::Debug for DeviceBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceBundle")
            .field("has_prekey", &self.bundle.prekey.is_some())
            .field("has_device_identity", &self.device_identity.is_some())
            .finish_non_exhaustive()
    }
}
