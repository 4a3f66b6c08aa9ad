use super::{PublicSignedPrekey, XMLNS};
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq::{self, Kind, Request};

/// Replaces the signed prekey. The new one is stored before and used only once the answer is there; error 406 or 409
/// means that the server refuses this key for good.
#[derive(Debug, Clone, Copy)]
pub struct RotateSignedPrekey(pub PublicSignedPrekey);

impl RotateSignedPrekey {
    /// Reads the request, as the server does; `None` if it is another one. The signature is not checked here.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if a part is missing or has the wrong length.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Result<Self, ShapeError>> {
        if iq::kind_of(node, XMLNS) != Some(Kind::Set) {
            return None;
        }
        let rotate = node.child("rotate")?;
        Some(rotate.require_child("skey").and_then(PublicSignedPrekey::read).map(Self))
    }
}

impl Request for RotateSignedPrekey {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        iq::request(id, Kind::Set, XMLNS).child(Node::new("rotate").child(self.0.to_node()))
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}
