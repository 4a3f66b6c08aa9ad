use std::fmt;

use prost::Message as _;

use super::XMLNS;
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};
use crate::proto::ClientPairingProps;
use crate::stanza::iq::{self, IqError, Kind};

/// The phone has scanned our code or taken our bundle: what it says about us, not checked yet.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PairSuccess {
    /// Id of the request, to be repeated in the [`PairReply`].
    pub id: String,
    /// Our phone-number JID, with our device number.
    pub jid: Jid,
    /// Our LID, with the same device number.
    pub lid: Jid,
    /// The signed device identity, authenticated with the adv secret.
    pub container: Vec<u8>,
    /// Kind of phone, e.g. `android`.
    pub platform: Option<String>,
    /// Name of the business, for business accounts.
    pub business_name: Option<String>,
    /// The phone's advice; `None` if there is none or it does not parse.
    pub props: Option<ClientPairingProps>,
    /// When, unix seconds.
    pub time: Option<u64>,
}

/// A pair-success that cannot be read; still to be refused by its id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pair-success is malformed")]
pub struct MalformedPairSuccess {
    /// Id of the request; empty if even that is missing.
    pub id: String,
    /// What is wrong.
    #[source]
    pub source: ShapeError,
}

impl PairSuccess {
    /// Puts together what a phone says, with nothing optional.
    #[must_use]
    pub fn new(id: &str, jid: Jid, lid: Jid, container: Vec<u8>) -> Self {
        let id = id.to_owned();
        Self { id, jid, lid, container, platform: None, business_name: None, props: None, time: None }
    }

    /// Reads the request; `None` if it is another stanza, or not the server's.
    ///
    /// # Errors
    ///
    /// [`MalformedPairSuccess`] if the identity or one of the two addresses is missing, or they are not those of one
    /// companion.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, MalformedPairSuccess>> {
        if iq::kind_of(node, XMLNS) != Some(Kind::Set) || !iq::is_from_server(node) {
            return None;
        }
        let success = node.child("pair-success")?;
        let id = node.attr_str("id").unwrap_or_default();
        let read = Self::read_parts(id, success).map(|read| Self { time: node.attr_u64("t"), ..read });
        Some(read.map_err(|source| MalformedPairSuccess { id: id.to_owned(), source }))
    }

    fn read_parts(id: &str, success: NodeRef<'_>) -> Result<Self, ShapeError> {
        let device = success.require_child("device")?;
        let (jid, lid) = (device.require_jid("jid")?, device.require_jid("lid")?);
        if !jid.is_pn() || jid.device() == 0 {
            return Err(ShapeError::BadAttr { key: "jid" });
        }
        if !lid.is_lid() || lid.device() != jid.device() {
            return Err(ShapeError::BadAttr { key: "lid" });
        }
        let container = success.require_child("device-identity")?.require_bytes()?.to_vec();
        let name = |tag| success.child(tag).and_then(|child| child.attr_str("name")).map(str::to_owned);
        let props = success.child("client-props").and_then(NodeRef::content_bytes);
        Ok(Self {
            platform: name("platform"),
            business_name: name("biz"),
            props: props.and_then(|props| ClientPairingProps::decode(props).ok()),
            ..Self::new(id, jid, lid, container)
        })
    }

    /// Writes the request, as the server does.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let named = |tag: &'static str, name: &Option<String>| {
            name.as_ref().map(|name| Node::new(tag).attr("name", name.clone()))
        };
        let mut children = vec![
            Node::new("device-identity").bytes(self.container.clone()),
            Node::new("device").attr("jid", &self.jid).attr("lid", &self.lid),
        ];
        children.extend(named("platform", &self.platform));
        children.extend(named("biz", &self.business_name));
        children.extend(self.props.as_ref().map(|props| Node::new("client-props").bytes(props.encode_to_vec())));
        iq::server_request(&self.id, Kind::Set, XMLNS)
            .attr_opt("t", self.time)
            .child(Node::new("pair-success").children(children))
    }
}

impl fmt::Debug for PairSuccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairSuccess").field("jid", &self.jid).field("platform", &self.platform).finish_non_exhaustive()
    }
}

/// Why a companion refuses to be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairRefusal {
    /// Whoever answered does not know our adv secret.
    #[error("the answer to the pairing is not from the phone that read our code")]
    HmacMismatch,
    /// The primary's signature over us does not verify.
    #[error("the phone's signature does not verify")]
    SignatureMismatch,
    /// The answer is malformed, or we do not want to.
    #[error("the answer to the pairing cannot be used")]
    Internal,
}

impl PairRefusal {
    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::HmacMismatch => (iq::code::NOT_AUTHORIZED, "hmac-mismatch"),
            Self::SignatureMismatch => (iq::code::NOT_AUTHORIZED, "signature-mismatch"),
            Self::Internal => (iq::code::INTERNAL, "internal-error"),
        }
    }
}

/// The companion's answer to pair-success.
#[derive(Clone, PartialEq, Eq)]
pub enum PairReply {
    /// Linked.
    Signed {
        /// The key index that the phone gave us.
        key_index: u32,
        /// The device identity with our signature, the primary's key left out.
        identity: Vec<u8>,
    },
    /// Not linked.
    Refused(IqError),
}

impl PairReply {
    /// Refuses.
    #[must_use]
    pub fn refused(refusal: PairRefusal) -> Self {
        let (code, text) = refusal.parts();
        Self::Refused(IqError::new(code, text))
    }

    /// Writes the answer to the request with this id.
    #[must_use]
    pub fn to_node(&self, id: &str) -> Node {
        match self {
            Self::Signed { key_index, identity } => {
                let identity = Node::new("device-identity").attr("key-index", *key_index).bytes(identity.clone());
                iq::client_result(id).child(Node::new("pair-device-sign").child(identity))
            }
            Self::Refused(error) => Node::new("iq")
                .attr("to", Jid::SERVER)
                .attr("type", "error")
                .attr("id", id.to_owned())
                .child(error.to_node()),
        }
    }

    /// Reads the answer, as the server does; the caller has matched the id.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if it is neither.
    pub fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        match node.require_str("type")? {
            "result" => {
                let identity = node.require_child("pair-device-sign")?.require_child("device-identity")?;
                let key_index = u32::try_from(identity.require_u64("key-index")?);
                Ok(Self::Signed {
                    key_index: key_index.map_err(|_| ShapeError::BadAttr { key: "key-index" })?,
                    identity: identity.require_bytes()?.to_vec(),
                })
            }
            "error" => Ok(Self::Refused(IqError::read(node.require_child("error")?))),
            _ => Err(ShapeError::BadAttr { key: "type" }),
        }
    }
}

impl fmt::Debug for PairReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed { key_index, .. } => {
                f.debug_struct("Signed").field("key_index", key_index).finish_non_exhaustive()
            }
            Self::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
        }
    }
}
