use super::XMLNS;
use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq::{self, Kind, Request};

/// Unlinks a companion, on the user's wish. The answer is empty; the server then ends that device's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveDevice {
    /// The phone-number JID with the device number.
    pub jid: Jid,
}

impl RemoveDevice {
    /// Reads the request, as the server does; `None` if it is another one.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if the JID is missing.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        if iq::kind_of(node, XMLNS) != Some(Kind::Set) {
            return None;
        }
        let remove = node.child("remove-companion-device")?;
        Some(remove.require_jid("jid").map(|jid| Self { jid }))
    }
}

impl Request for RemoveDevice {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        let remove = Node::new("remove-companion-device").attr("jid", &self.jid).attr("reason", "user_initiated");
        iq::request(id, Kind::Set, XMLNS).child(remove)
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}
