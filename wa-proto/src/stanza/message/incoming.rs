use super::{Addressed, Enc, EncKind};
use crate::jid::Jid;
use crate::messaging::MessageId;
use crate::messaging::addressing::Namespace;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::receipt::require_id;

/// Why a message comes without content: it was not encrypted for this device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The answer of a bot.
    Bot,
    /// A message of a hosted business device.
    Hosted,
    /// View-once content, of which companions get no copy.
    ViewOnce,
    /// No reason is given: the phone can be asked for the message.
    Unspecified,
}

/// A message as the server delivers it to one device.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IncomingMessage {
    /// The message's id.
    pub id: MessageId,
    /// The sender's device, or the group or list it was sent to.
    pub from: Jid,
    /// The author's device in groups, lists and status.
    pub participant: Option<Jid>,
    /// The chat, when another device of our own account is the author.
    pub recipient: Option<Jid>,
    /// The author's account under its other name.
    pub author_other_name: Option<Jid>,
    /// The recipient's account under its other name.
    pub recipient_other_name: Option<Jid>,
    /// The namespace of `participant` in groups.
    pub addressing_mode: Option<Namespace>,
    /// Server time in Unix seconds, 0 when it is missing.
    pub timestamp: u64,
    /// The `type`: `text`, `media`, … Not to be relied on.
    pub kind: String,
    /// The name the sender gave itself.
    pub push_name: Option<String>,
    /// Present when the message waited in the queue.
    pub offline: Option<u64>,
    /// The `edit` attribute.
    pub edit: Option<String>,
    /// Whether it is protocol content between devices of our own account.
    pub is_peer: bool,
    /// The ciphertexts, in order.
    pub encs: Vec<Enc>,
    /// Ciphertexts that name the device they are for.
    pub addressed: Vec<Addressed>,
    /// The signed identity of the sending companion, beside a [`EncKind::PreKey`] ciphertext.
    pub device_identity: Option<Vec<u8>>,
    /// Set when there is no content for this device.
    pub unavailable: Option<Unavailable>,
    /// All other children, e.g. `<meta>`, `<reporting>`, `<biz>`.
    pub extras: Vec<Node>,
}

impl IncomingMessage {
    /// A message with nothing optional in it.
    #[must_use]
    pub fn new(id: MessageId, from: Jid, timestamp: u64, kind: impl Into<String>) -> Self {
        Self {
            id,
            from,
            participant: None,
            recipient: None,
            author_other_name: None,
            recipient_other_name: None,
            addressing_mode: None,
            timestamp,
            kind: kind.into(),
            push_name: None,
            offline: None,
            edit: None,
            is_peer: false,
            encs: Vec::new(),
            addressed: Vec::new(),
            device_identity: None,
            unavailable: None,
            extras: Vec::new(),
        }
    }

    /// Reads a delivered message.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when id or sender is missing or a ciphertext is malformed: refuse it with 487.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("message")?;
        let from = node.require_jid("from")?;
        if needs_participant(&from) {
            node.require_jid("participant")?;
        }
        let first_jid = |keys: [&str; 4]| keys.into_iter().find_map(|key| node.attr_jid(key));
        let mut message = Self::new(
            require_id(node, "id")?,
            from,
            node.attr_u64("t").unwrap_or(0),
            node.attr_str("type").unwrap_or_default(),
        );
        message.participant = node.attr_jid("participant");
        message.recipient = node.attr_jid("recipient");
        message.author_other_name = first_jid(["sender_lid", "sender_pn", "participant_lid", "participant_pn"]);
        message.recipient_other_name =
            first_jid(["peer_recipient_lid", "peer_recipient_pn", "recipient_lid", "recipient_pn"]);
        message.addressing_mode = node.attr_str("addressing_mode").and_then(Namespace::from_attr);
        message.push_name = node.value("notify").map(|name| name.to_text().into_owned());
        message.offline = node.value("offline").map(|_| node.attr_u64("offline").unwrap_or(0));
        message.edit = node.attr_str("edit").map(str::to_owned);
        message.is_peer = node.attr_str("category") == Some("peer");
        message.encs = Enc::children_of(node)?;
        message.addressed = Addressed::children_of(node)?;
        message.device_identity = node.child("device-identity").and_then(NodeRef::content_bytes).map(<[u8]>::to_vec);
        message.unavailable = node.child("unavailable").map(|child| unavailable(node, child));
        message.extras = node.children().filter(|child| !KNOWN.contains(&child.tag())).map(NodeRef::to_owned).collect();
        Ok(message)
    }

    /// Writes the message as the server delivers it.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let author = if needs_participant(&self.from) {
            name_attr(self.author_other_name.as_ref(), "participant_pn", "participant_lid")
        } else {
            name_attr(self.author_other_name.as_ref(), "sender_pn", "sender_lid")
        };
        let recipient = name_attr(self.recipient_other_name.as_ref(), "peer_recipient_pn", "peer_recipient_lid");
        let mut node = Node::new("message")
            .attr("id", self.id.to_string())
            .attr("from", &self.from)
            .attr_opt("participant", self.participant.as_ref())
            .attr_opt("recipient", self.recipient.as_ref())
            .attr_opt("category", self.is_peer.then_some("peer"))
            .attr("type", self.kind.clone())
            .attr("t", self.timestamp)
            .attr_opt("notify", self.push_name.clone())
            .attr_opt("edit", self.edit.clone())
            .attr_opt("addressing_mode", self.addressing_mode.map(Namespace::as_attr))
            .attr_opt("offline", self.offline);
        for (key, name) in [author, recipient].into_iter().flatten() {
            node = node.attr(key, name);
        }
        node = self.encs.iter().fold(node, |node, enc| node.child(enc.to_node()));
        if !self.addressed.is_empty() {
            node = node.child(Addressed::to_participants(&self.addressed));
        }
        if let Some(identity) = &self.device_identity {
            node = node.child(Node::new("device-identity").bytes(identity.clone()));
        }
        if let Some(reason) = &self.unavailable {
            node = unavailable_children(reason).into_iter().fold(node, Node::child);
        }
        self.extras.iter().fold(node, |node, extra| node.child(extra.clone()))
    }

    /// Whether any ciphertext sets up a session.
    #[must_use]
    pub fn has_prekey_message(&self) -> bool {
        self.encs.iter().any(|enc| enc.kind == EncKind::PreKey)
    }
}

/// Children that have a field of their own.
const KNOWN: [&str; 4] = ["enc", "participants", "device-identity", "unavailable"];

/// Whether messages from here name their author apart.
fn needs_participant(from: &Jid) -> bool {
    use crate::jid::Server;
    matches!(from.server(), Server::Group | Server::Broadcast)
}

/// The attribute for a name, by its namespace.
fn name_attr<'a>(name: Option<&'a Jid>, pn: &'static str, lid: &'static str) -> Option<(&'static str, &'a Jid)> {
    let name = name?;
    Some((if name.is_lid() { lid } else { pn }, name))
}

/// The reason behind `<unavailable>`.
fn unavailable(message: NodeRef<'_>, child: NodeRef<'_>) -> Unavailable {
    match child.attr_str("type") {
        Some("view_once" | "view_once_unavailable_fanout") => Unavailable::ViewOnce,
        Some("hosted_unavailable_fanout") => Unavailable::Hosted,
        Some("bot_unavailable_fanout") => Unavailable::Bot,
        _ if child.attr_str("hosted") == Some("true") => Unavailable::Hosted,
        _ if message.child("bot").is_some() => Unavailable::Bot,
        _ => Unavailable::Unspecified,
    }
}

/// The children that say why there is no content.
fn unavailable_children(reason: &Unavailable) -> Vec<Node> {
    let node = Node::new("unavailable");
    vec![match reason {
        Unavailable::Bot => node.attr("type", "bot_unavailable_fanout"),
        Unavailable::Hosted => node.attr("hosted", "true"),
        Unavailable::ViewOnce => node.attr("type", "view_once"),
        Unavailable::Unspecified => node,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(message: &IncomingMessage) -> IncomingMessage {
        let wire = message.to_node().encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        IncomingMessage::parse(tree.root()).unwrap()
    }

    fn direct() -> IncomingMessage {
        let from: Jid = "990000000000002:12@lid".parse().unwrap();
        let mut message = IncomingMessage::new(MessageId::parse("3A01").unwrap(), from, 1_760_000_000, "text");
        message.author_other_name = Some(Jid::pn("77010000002"));
        message.push_name = Some("Aset".into());
        message.encs = vec![Enc::new(EncKind::PreKey, vec![1, 2, 3])];
        message.device_identity = Some(vec![9]);
        message
    }

    #[test]
    fn a_direct_message_comes_back() {
        let message = direct();
        assert!(message.to_node().value("sender_pn").is_some());
        let read = round_trip(&message);
        assert_eq!(read.to_node(), message.to_node());
        assert_eq!(read.author_other_name, Some(Jid::pn("77010000002")));
        assert!(read.has_prekey_message() && read.offline.is_none() && !read.is_peer);
    }

    #[test]
    fn a_group_message_names_its_author() {
        let mut message = direct();
        message.from = Jid::group("120363000000000001");
        message.participant = Some("990000000000002:12@lid".parse().unwrap());
        message.addressing_mode = Some(Namespace::Lid);
        let node = message.to_node();
        assert!(node.value("participant_pn").is_some());
        assert_eq!(round_trip(&message).to_node(), node);
        message.participant = None;
        let node = message.to_node();
        let error = IncomingMessage::parse(node.tree().root()).unwrap_err();
        assert_eq!(error, ShapeError::NoAttr { key: "participant" });
    }

    #[test]
    fn an_own_copy_names_the_chat_and_other_children_are_kept() {
        let mut message = direct();
        message.recipient = Some(Jid::lid("990000000000003"));
        message.recipient_other_name = Some(Jid::pn("77010000003"));
        message.offline = Some(2);
        message.extras = vec![Node::new("meta").attr("polltype", "creation")];
        let read = round_trip(&message);
        assert_eq!(read.to_node(), message.to_node());
        assert_eq!(read.extras.len(), 1);
    }

    #[test]
    fn a_message_without_content_says_why() {
        for reason in [Unavailable::Bot, Unavailable::Hosted, Unavailable::ViewOnce, Unavailable::Unspecified] {
            let mut message = direct();
            message.encs.clear();
            message.unavailable = Some(reason.clone());
            assert_eq!(round_trip(&message).unavailable, Some(reason));
        }
    }
}
