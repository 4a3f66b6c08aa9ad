use super::XMLNS;
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq::{self, Kind, Request};

/// Asks how many one-time prekeys the server has of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountPrekeys;

impl CountPrekeys {
    /// Tells whether the stanza is this request, as the server does.
    #[must_use]
    pub fn is(node: NodeRef<'_>) -> bool {
        iq::kind_of(node, XMLNS) == Some(Kind::Get) && node.child("count").is_some()
    }

    /// Writes the server's answer.
    #[must_use]
    pub fn answer(id: &str, count: u32) -> Node {
        iq::result(id).child(Node::new("count").attr("value", count))
    }
}

impl Request for CountPrekeys {
    /// The number; 0 if the server's is missing or unreadable, so that keys are uploaded.
    type Answer = u32;

    fn to_node(&self, id: &str) -> Node {
        iq::request(id, Kind::Get, XMLNS).child(Node::new("count"))
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<u32, ShapeError> {
        Ok(answer.child("count").map_or(0, value))
    }
}

/// The server's remarks about our published keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNotification {
    /// Few one-time prekeys are left: upload more.
    Low {
        /// How many are left.
        count: u32,
    },
    /// Compare what the server has with [`FetchDigest`](super::FetchDigest).
    CheckDigest,
}

impl KeyNotification {
    /// Reads the notification; others, also those of type `encrypt` about somebody's changed identity, give `None`.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        let is_ours = node.tag() == "notification"
            && node.attr_str("type") == Some("encrypt")
            && node.value("from").is_some()
            && iq::is_from_server(node);
        if !is_ours {
            return None;
        }
        if let Some(count) = node.child("count") {
            return Some(Self::Low { count: value(count) });
        }
        node.child("digest").map(|_| Self::CheckDigest)
    }

    /// Writes the notification, as the server does. `time` is in unix seconds.
    #[must_use]
    pub fn to_node(self, id: &str, time: u64) -> Node {
        let child = match self {
            Self::Low { count } => Node::new("count").attr("value", count),
            Self::CheckDigest => Node::new("digest"),
        };
        Node::new("notification")
            .attr("from", Jid::SERVER)
            .attr("type", XMLNS)
            .attr("id", id.to_owned())
            .attr("t", time)
            .child(child)
    }
}

fn value(count: NodeRef<'_>) -> u32 {
    count.attr_u64("value").and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}
