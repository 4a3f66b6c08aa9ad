//! `<receipt>`: what became of a message at one of its receivers.

use super::retry::{self, RetryRequest};
use crate::jid::Jid;
use crate::messaging::MessageId;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::Direction;

/// Most ids that one receipt of ours names, the one of the stanza included.
pub const MAX_IDS: usize = 256;

/// Most ids that are read from one receipt; what a server sends beyond it is dropped.
const MAX_IDS_READ: usize = 4096;

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiptKind {
    /// No type: the device has the message; shown as two ticks.
    Delivered,
    /// The device has the message but its user is not there; not shown.
    Inactive,
    /// Another device of the sender has its copy.
    Sender,
    /// The message was read.
    Read,
    /// Another device of the reader's own account read it.
    ReadSelf,
    /// A voice note or view-once picture was opened.
    Played,
    /// The same, told to the own devices only.
    PlayedSelf,
    /// Media has to be uploaded again.
    ServerError,
    /// The message could not be decrypted and is wanted again.
    Retry,
    /// A protocol message between devices of one account was handled.
    PeerMessage,
    /// A history notification was taken over.
    HistorySync,
    /// The same as retry, for calls.
    CallRetry,
    /// A newsletter post was seen.
    View,
    /// Anything else, as it stands.
    Other(String),
}

impl ReceiptKind {
    /// The value of the `type` attribute; delivered has none.
    #[must_use]
    pub fn as_attr(&self) -> Option<&str> {
        Some(match self {
            Self::Delivered => return None,
            Self::Inactive => "inactive",
            Self::Sender => "sender",
            Self::Read => "read",
            Self::ReadSelf => "read-self",
            Self::Played => "played",
            Self::PlayedSelf => "played-self",
            Self::ServerError => "server-error",
            Self::Retry => "retry",
            Self::PeerMessage => "peer_msg",
            Self::HistorySync => "hist_sync",
            Self::CallRetry => "enc_rekey_retry",
            Self::View => "view",
            Self::Other(kind) => kind,
        })
    }

    fn from_attr(kind: Option<&str>) -> Self {
        match kind {
            None => Self::Delivered,
            Some("inactive") => Self::Inactive,
            Some("sender") => Self::Sender,
            Some("read") => Self::Read,
            Some("read-self") => Self::ReadSelf,
            Some("played") => Self::Played,
            Some("played-self") => Self::PlayedSelf,
            Some("server-error") => Self::ServerError,
            Some("retry") => Self::Retry,
            Some("peer_msg") => Self::PeerMessage,
            Some("hist_sync") => Self::HistorySync,
            Some("enc_rekey_retry") => Self::CallRetry,
            Some("view") => Self::View,
            Some(other) => Self::Other(other.to_owned()),
        }
    }
}

/// One reader in an aggregated receipt of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub jid: Jid,
    /// The same person's phone number, if the server says it.
    pub pn: Option<Jid>,
    /// When, in Unix seconds.
    pub timestamp: Option<u64>,
    /// What, if it differs from the receipt's kind.
    pub kind: Option<ReceiptKind>,
}

/// A receipt, in either direction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Receipt {
    /// The message, or the first of several.
    pub id: MessageId,
    /// The other party: `to` on the way up, `from` on the way down.
    pub peer: Jid,
    /// The device that received, in a group; the author's device on the way up.
    pub participant: Option<Jid>,
    /// The chat, when the other party is a device of our own.
    pub recipient: Option<Jid>,
    /// What is said.
    pub kind: ReceiptKind,
    /// When, in Unix seconds. Absent in live delivery receipts on the way up.
    pub timestamp: Option<u64>,
    /// Further messages.
    pub more: Vec<MessageId>,
    /// `peer` when the message was one between devices of one account.
    pub category: Option<String>,
    /// `status` for receipts of status updates.
    pub context: Option<String>,
    /// Who has it, in an aggregated receipt of a group.
    pub readers: Vec<Reader>,
    /// Whether it comes from the queue of an offline time.
    pub is_offline: bool,
    /// Whether the device says that it could not take the message: it stays undelivered.
    pub is_incapable: bool,
    /// What a retry asks for; missing from a malformed one, which is acknowledged like any other.
    pub retry: Option<RetryRequest>,
}

impl Receipt {
    /// A receipt for one message, everything optional left out.
    #[must_use]
    pub fn new(id: MessageId, peer: Jid, kind: ReceiptKind) -> Self {
        Self {
            id,
            peer,
            participant: None,
            recipient: None,
            kind,
            timestamp: None,
            more: Vec::new(),
            category: None,
            context: None,
            readers: Vec::new(),
            is_offline: false,
            is_incapable: false,
            retry: None,
        }
    }

    /// All messages that the receipt is about.
    pub fn ids(&self) -> impl Iterator<Item = &MessageId> {
        std::iter::once(&self.id).chain(&self.more)
    }

    /// Reads a receipt.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when the id or the other party is missing.
    pub fn parse(node: NodeRef<'_>, direction: Direction) -> Result<Self, ShapeError> {
        let node = node.expect_tag("receipt")?;
        let id = require_id(node, "id")?;
        let kind = ReceiptKind::from_attr(node.attr_str("type"));
        let items = node.child("list").into_iter().flat_map(|list| list.children_named("item"));
        let more = items.filter_map(|item| message_id(item, "id")).take(MAX_IDS_READ).collect();
        let retry = if kind == ReceiptKind::Retry { retry::read(node).ok() } else { None };
        Ok(Self {
            id,
            peer: node.require_jid(direction.peer_attr())?,
            participant: node.attr_jid("participant"),
            recipient: node.attr_jid("recipient"),
            timestamp: node.attr_u64("t"),
            more,
            category: node.attr_str("category").map(str::to_owned),
            context: node.attr_str("context").map(str::to_owned),
            readers: read_readers(node),
            is_offline: node.value("offline").is_some(),
            is_incapable: node.child("error").is_some_and(|error| error.attr_str("type") == Some("feature-incapable")),
            retry,
            kind,
        })
    }

    /// Writes the receipt.
    #[must_use]
    pub fn to_node(&self, direction: Direction) -> Node {
        let mut node = Node::new("receipt")
            .attr("id", self.id.to_string())
            .attr(direction.peer_attr(), &self.peer)
            .attr_opt("type", self.kind.as_attr().map(str::to_owned))
            .attr_opt("participant", self.participant.as_ref())
            .attr_opt("recipient", self.recipient.as_ref())
            .attr_opt("category", self.category.clone())
            .attr_opt("context", self.context.clone())
            .attr_opt("t", self.timestamp)
            .attr_opt("offline", self.is_offline.then_some("0"));
        if !self.more.is_empty() {
            let items = self.more.iter().map(|id| Node::new("item").attr("id", id.to_string()));
            node = node.child(Node::new("list").children(items));
        }
        if !self.readers.is_empty() {
            let readers = self.readers.iter().map(Reader::to_node);
            node = node.child(Node::new("participants").attr("key", self.id.to_string()).children(readers));
        }
        if self.is_incapable {
            node = node.child(Node::new("error").attr("reason", "lid").attr("type", "feature-incapable"));
        }
        match &self.retry {
            Some(retry) => retry::children(retry).into_iter().fold(node, Node::child),
            None => node,
        }
    }

    /// Splits a receipt for many messages into stanzas of at most [`MAX_IDS`].
    ///
    /// `template` gives everything but the ids; without ids there is nothing to send.
    #[must_use]
    pub fn split(template: &Self, ids: &[MessageId]) -> Vec<Self> {
        ids.chunks(MAX_IDS)
            .filter_map(|chunk| {
                let (first, more) = chunk.split_first()?;
                Some(Self { id: first.clone(), more: more.to_vec(), ..template.clone() })
            })
            .collect()
    }
}

impl Reader {
    fn to_node(&self) -> Node {
        Node::new("user")
            .attr("jid", &self.jid)
            .attr_opt("t", self.timestamp)
            .attr_opt("type", self.kind.as_ref().and_then(ReceiptKind::as_attr).map(str::to_owned))
            .attr_opt("participant_pn", self.pn.as_ref())
    }
}

/// Reads the users of an aggregated receipt.
fn read_readers(node: NodeRef<'_>) -> Vec<Reader> {
    let users = node.child("participants").into_iter().flat_map(|list| list.children_named("user"));
    users
        .filter_map(|user| {
            Some(Reader {
                jid: user.attr_jid("jid")?,
                pn: user.attr_jid("participant_pn"),
                timestamp: user.attr_u64("t"),
                kind: user.attr_str("type").map(|kind| ReceiptKind::from_attr(Some(kind))),
            })
        })
        .take(MAX_IDS_READ)
        .collect()
}

/// A message id in an attribute, if there is a usable one.
pub(crate) fn message_id(node: NodeRef<'_>, key: &str) -> Option<MessageId> {
    MessageId::parse(&node.value(key)?.to_text()).ok()
}

/// A message id that has to be there.
pub(crate) fn require_id(node: NodeRef<'_>, key: &'static str) -> Result<MessageId, ShapeError> {
    let value = node.value(key).ok_or(ShapeError::NoAttr { key })?;
    MessageId::parse(&value.to_text()).map_err(|_| ShapeError::BadAttr { key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).unwrap()
    }

    fn round_trip(receipt: &Receipt, direction: Direction) -> Receipt {
        let wire = receipt.to_node(direction).encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        Receipt::parse(tree.root(), direction).unwrap()
    }

    #[test]
    fn a_delivery_receipt_echoes_the_device_and_has_no_type() {
        let peer: Jid = "990000000000002:12@lid".parse().unwrap();
        let receipt = Receipt::new(id("3A01"), peer.clone(), ReceiptKind::Delivered);
        let node = receipt.to_node(Direction::Up);
        assert!(node.value("type").is_none() && node.value("t").is_none());
        let read = round_trip(&receipt, Direction::Up);
        assert_eq!((read.peer, read.kind), (peer, ReceiptKind::Delivered));
    }

    #[test]
    fn read_receipts_name_several_messages() {
        let peer = Jid::lid("990000000000002");
        let mut receipt = Receipt::new(id("ID1"), peer, ReceiptKind::Read);
        receipt.timestamp = Some(1_760_000_200);
        receipt.more = vec![id("ID2"), id("ID3")];
        let read = round_trip(&receipt, Direction::Down);
        let ids: Vec<&str> = read.ids().map(MessageId::as_str).collect();
        assert_eq!(ids, ["ID1", "ID2", "ID3"]);
        assert_eq!(read.timestamp, Some(1_760_000_200));
    }

    #[test]
    fn many_ids_are_split() {
        let template = Receipt::new(id("x"), Jid::lid("1"), ReceiptKind::Inactive);
        let ids: Vec<MessageId> = (0..600).map(|number| id(&format!("ID{number}"))).collect();
        let split = Receipt::split(&template, &ids);
        assert_eq!(split.iter().map(|one| one.ids().count()).collect::<Vec<_>>(), [256, 256, 88]);
        assert!(Receipt::split(&template, &[]).is_empty());
    }

    #[test]
    fn an_aggregated_receipt_lists_its_readers() {
        let mut receipt = Receipt::new(id("ID1"), Jid::group("120363000000000001"), ReceiptKind::Read);
        receipt.readers = vec![Reader {
            jid: Jid::lid("990000000000002"),
            pn: Some(Jid::pn("77010000002")),
            timestamp: Some(5),
            kind: None,
        }];
        assert_eq!(round_trip(&receipt, Direction::Down).readers, receipt.readers);
    }

    #[test]
    fn unknown_types_are_kept_and_a_missing_id_is_an_error() {
        let node = Node::new("receipt").attr("id", "a").attr("from", Jid::lid("1")).attr("type", "novel");
        let receipt = Receipt::parse(node.tree().root(), Direction::Down).unwrap();
        assert_eq!(receipt.kind, ReceiptKind::Other("novel".into()));
        let node = Node::new("receipt").attr("from", Jid::lid("1"));
        let error = Receipt::parse(node.tree().root(), Direction::Down).unwrap_err();
        assert_eq!(error, ShapeError::NoAttr { key: "id" });
    }
}
