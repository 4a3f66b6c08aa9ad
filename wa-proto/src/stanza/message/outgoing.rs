use super::{Enc, MAX_ADDRESSED};
use crate::jid::Jid;
use crate::messaging::MessageId;
use crate::messaging::addressing::Namespace;
use crate::messaging::token::{CLIENT_SIDE_TOKEN, StanzaToken};
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::receipt::require_id;

/// `<to>` under `<participants>`: the ciphertexts for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The device, or an account where only the audience is told.
    pub jid: Jid,
    /// What it gets.
    pub encs: Vec<Enc>,
}

impl Addressed {
    fn to_node(&self) -> Node {
        let node = Node::new("to").attr("jid", &self.jid);
        self.encs.iter().fold(node, |node, enc| node.child(enc.to_node()))
    }

    /// Writes the `<participants>` child.
    pub(super) fn to_participants(addressed: &[Self]) -> Node {
        Node::new("participants").children(addressed.iter().map(Self::to_node))
    }

    /// Reads the `<participants>` child of a message; none is an empty list.
    pub(super) fn children_of(node: NodeRef<'_>) -> Result<Vec<Self>, ShapeError> {
        let list = node.child("participants").into_iter().flat_map(|list| list.children_named("to"));
        let addressed: Vec<Self> = list
            .take(MAX_ADDRESSED.saturating_add(1))
            .map(|to| Ok(Self { jid: to.require_jid("jid")?, encs: Enc::children_of(to)? }))
            .collect::<Result<_, _>>()?;
        if addressed.len() > MAX_ADDRESSED { Err(ShapeError::BadContent) } else { Ok(addressed) }
    }
}

/// How urgently the phone is woken for a message between our own devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushPriority {
    /// The usual one.
    High,
    /// For requests that a person waits for.
    HighForce,
}

impl PushPriority {
    pub(crate) const fn as_attr(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::HighForce => "high_force",
        }
    }

    fn from_attr(value: &str) -> Option<Self> {
        match value {
            "high" => Some(Self::High),
            "high_force" => Some(Self::HighForce),
            _ => None,
        }
    }
}

/// A message as a client hands it to the server.
///
/// The hot path of sending writes the same bytes without building this (see
/// [`outbound`](crate::messaging::outbound)); the server's role reads it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutgoingMessage {
    /// The message's id.
    pub id: MessageId,
    /// The chat; a device in retries and peer messages.
    pub to: Jid,
    /// The `type`: `text`, `media`, …
    pub kind: String,
    /// The recipient's phone number beside a LID.
    pub peer_recipient_pn: Option<Jid>,
    /// The device a group retry is for.
    pub participant: Option<Jid>,
    /// The chat of a retry for a device of our own.
    pub recipient: Option<Jid>,
    /// The time of the original, in retries.
    pub timestamp: Option<u64>,
    /// Set to false in retries outside of groups: for the named device only.
    pub device_fanout: Option<bool>,
    /// The `edit` attribute.
    pub edit: Option<String>,
    /// Whether it is protocol content for a device of our own account.
    pub is_peer: bool,
    /// How urgently the phone is woken.
    pub push_priority: Option<PushPriority>,
    /// The hash of the addressed devices, in groups and lists.
    pub phash: Option<String>,
    /// The namespace of a group.
    pub addressing_mode: Option<Namespace>,
    /// The ciphertexts by device.
    pub addressed: Vec<Addressed>,
    /// Ciphertexts that stand directly in the message.
    pub encs: Vec<Enc>,
    /// The signed identity of the sending companion, beside ciphertexts that set up a session.
    pub device_identity: Option<Vec<u8>>,
    /// The privacy token.
    pub token: Option<StanzaToken>,
    /// All other children, e.g. `<meta>`, `<reporting>`, `<biz>`.
    pub extras: Vec<Node>,
}

impl OutgoingMessage {
    /// A message with nothing optional in it.
    #[must_use]
    pub fn new(id: MessageId, to: Jid, kind: impl Into<String>) -> Self {
        Self {
            id,
            to,
            kind: kind.into(),
            peer_recipient_pn: None,
            participant: None,
            recipient: None,
            timestamp: None,
            device_fanout: None,
            edit: None,
            is_peer: false,
            push_priority: None,
            phash: None,
            addressing_mode: None,
            addressed: Vec::new(),
            encs: Vec::new(),
            device_identity: None,
            token: None,
            extras: Vec::new(),
        }
    }

    /// Reads a message that a client sent.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when id or recipient is missing or a ciphertext is malformed.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("message")?;
        let kind = node.attr_str("type").unwrap_or_default();
        let mut message = Self::new(require_id(node, "id")?, node.require_jid("to")?, kind);
        message.peer_recipient_pn = node.attr_jid("peer_recipient_pn");
        message.participant = node.attr_jid("participant");
        message.recipient = node.attr_jid("recipient");
        message.timestamp = node.attr_u64("t");
        message.device_fanout = node.attr_str("device_fanout").map(|value| value == "true");
        message.edit = node.attr_str("edit").map(str::to_owned);
        message.is_peer = node.attr_str("category") == Some("peer");
        message.push_priority = node.attr_str("push_priority").and_then(PushPriority::from_attr);
        message.phash = node.attr_str("phash").map(str::to_owned);
        message.addressing_mode = node.attr_str("addressing_mode").and_then(Namespace::from_attr);
        message.addressed = Addressed::children_of(node)?;
        message.encs = Enc::children_of(node)?;
        for child in node.children() {
            match child.tag() {
                "participants" | "enc" => {}
                "device-identity" => message.device_identity = child.content_bytes().map(<[u8]>::to_vec),
                "tctoken" => message.token = child.content_bytes().map(|bytes| StanzaToken::Trusted(bytes.to_vec())),
                "cstoken" => {
                    message.token = Some(StanzaToken::ClientSide(child.require_array::<CLIENT_SIDE_TOKEN>()?));
                }
                _ => message.extras.push(child.to_owned()),
            }
        }
        Ok(message)
    }

    /// Writes the message.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let mut node = Node::new("message")
            .attr("id", self.id.to_string())
            .attr("to", &self.to)
            .attr_opt("participant", self.participant.as_ref())
            .attr_opt("recipient", self.recipient.as_ref())
            .attr("type", self.kind.clone())
            .attr_opt("peer_recipient_pn", self.peer_recipient_pn.as_ref())
            .attr_opt("category", self.is_peer.then_some("peer"))
            .attr_opt("push_priority", self.push_priority.map(PushPriority::as_attr))
            .attr_opt("t", self.timestamp)
            .attr_opt("edit", self.edit.clone())
            .attr_opt("phash", self.phash.clone())
            .attr_opt("addressing_mode", self.addressing_mode.map(Namespace::as_attr))
            .attr_opt("device_fanout", self.device_fanout.map(|fanout| if fanout { "true" } else { "false" }));
        if !self.addressed.is_empty() {
            node = node.child(Addressed::to_participants(&self.addressed));
        }
        node = self.encs.iter().fold(node, |node, enc| node.child(enc.to_node()));
        if let Some(identity) = &self.device_identity {
            node = node.child(Node::new("device-identity").bytes(identity.clone()));
        }
        node = self.extras.iter().fold(node, |node, extra| node.child(extra.clone()));
        match &self.token {
            Some(token) => node.child(Node::new(token.tag()).bytes(token.bytes())),
            None => node,
        }
    }

    /// All devices that the stanza has a ciphertext for; the server delivers to these and no others.
    pub fn recipients(&self) -> impl Iterator<Item = &Jid> {
        self.addressed.iter().filter(|addressed| !addressed.encs.is_empty()).map(|addressed| &addressed.jid)
    }
}

#[cfg(test)]
mod tests {
    use super::super::EncKind;
    use super::*;

    #[test]
    fn a_fan_out_comes_back() {
        let to = Jid::lid("990000000000002");
        let mut message = OutgoingMessage::new(MessageId::parse("3EB0A1").unwrap(), to.clone(), "text");
        message.peer_recipient_pn = Some(Jid::pn("77010000002"));
        message.addressed = [0, 12]
            .map(|device| Addressed { jid: to.with_device(device), encs: vec![Enc::new(EncKind::Session, vec![1, 2])] })
            .into();
        message.device_identity = Some(vec![4]);
        message.token = Some(StanzaToken::Trusted(vec![5; 16]));
        message.extras = vec![Node::new("meta").attr("polltype", "creation")];
        let wire = message.to_node().encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        let read = OutgoingMessage::parse(tree.root()).unwrap();
        assert_eq!(read.to_node(), message.to_node());
        assert_eq!(read.recipients().count(), 2);
    }

    #[test]
    fn a_peer_message_and_a_retry_come_back() {
        let to: Jid = "990000000000002:12@lid".parse().unwrap();
        let mut message = OutgoingMessage::new(MessageId::parse("3EB0A1").unwrap(), to, "text");
        let mut enc = Enc::new(EncKind::PreKey, vec![1]);
        enc.count = Some(2);
        message.encs = vec![enc];
        message.timestamp = Some(1_760_000_000);
        message.device_fanout = Some(false);
        let node = message.to_node();
        assert_eq!(OutgoingMessage::parse(node.tree().root()).unwrap().to_node(), node);
        message.is_peer = true;
        message.push_priority = Some(PushPriority::HighForce);
        let node = message.to_node();
        let read = OutgoingMessage::parse(node.tree().root()).unwrap();
        assert!(read.is_peer);
        assert_eq!(read.push_priority, Some(PushPriority::HighForce));
    }

    #[test]
    fn a_client_side_token_has_one_length() {
        let node = Node::new("message")
            .attr("id", "A")
            .attr("to", Jid::lid("1"))
            .children([Node::new("cstoken").bytes([1; 31])]);
        assert_eq!(OutgoingMessage::parse(node.tree().root()).unwrap_err(), ShapeError::BadContent);
    }
}
