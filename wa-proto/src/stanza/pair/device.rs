use std::fmt;

use super::XMLNS;
use crate::node::{Node, NodeRef};
use crate::stanza::iq::{self, Kind};

/// How many references are kept; the server sends six. More are dropped.
pub const MAX_REFERENCES: usize = 16;

/// The server's references to our connection, for the QR code.
#[derive(Clone, PartialEq, Eq)]
pub struct PairDevice {
    /// Id of the request, to be repeated in [`acknowledgement`](Self::acknowledgement).
    pub id: String,
    /// The references in the order in which they are to be shown; unreadable ones are left out.
    pub references: Vec<String>,
}

impl PairDevice {
    /// Reads the request; `None` if it is another stanza, or not the server's.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        if iq::kind_of(node, XMLNS) != Some(Kind::Set) || !iq::is_from_server(node) {
            return None;
        }
        let references = node.child("pair-device")?.children_named("ref");
        Some(Self {
            id: node.attr_str("id")?.to_owned(),
            references: references
                .filter_map(NodeRef::content_str)
                .filter(|reference| !reference.is_empty())
                .take(MAX_REFERENCES)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Writes the request, as the server does.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let references = self.references.iter().map(|reference| Node::new("ref").bytes(reference.as_bytes()));
        iq::server_request(&self.id, Kind::Set, XMLNS).child(Node::new("pair-device").children(references))
    }

    /// Writes the client's answer, to be sent at once.
    #[must_use]
    pub fn acknowledgement(&self) -> Node {
        iq::client_result(&self.id)
    }
}

impl fmt::Debug for PairDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairDevice").field("references", &self.references.len()).finish_non_exhaustive()
    }
}
