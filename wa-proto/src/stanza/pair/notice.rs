use std::fmt;

use crate::jid::Jid;
use crate::node::{Node, NodeRef};
use crate::stanza::iq;

/// Asks the companion for a new adv secret: the code that is shown may have been seen by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRefresh;

impl SecretRefresh {
    const KIND: &'static str = "companion_reg_refresh";

    /// Reads the notification; `None` if it is another one, not the server's, or asks for nothing known.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        let is_asked = is_notification(node, Self::KIND)
            && node.children().any(|child| matches!(child.tag(), Self::KIND | "pair-device-rotate-qr"));
        is_asked.then_some(Self)
    }

    /// Writes the notification, as the server does.
    #[must_use]
    pub fn to_node(self, id: &str) -> Node {
        notification(id, Self::KIND).child(Node::new(Self::KIND))
    }
}

/// The server demands a passkey before it links the device. Needs an authenticator outside of this program.
#[derive(Clone, PartialEq, Eq)]
pub struct PasskeyRequest {
    /// `PublicKeyCredentialRequestOptions` as JSON; `None` if they are to be asked for.
    pub options: Option<String>,
}

impl PasskeyRequest {
    const KIND: &'static str = "passkey_prologue_request";

    /// Reads the notification; `None` if it is another one, or not the server's.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        is_notification(node, Self::KIND).then(|| Self {
            options: node.child("passkey_request_options").and_then(NodeRef::content_str).map(str::to_owned),
        })
    }

    /// Writes the notification, as the server does.
    #[must_use]
    pub fn to_node(&self, id: &str) -> Node {
        let options =
            self.options.as_ref().map(|options| Node::new("passkey_request_options").bytes(options.as_bytes()));
        notification(id, Self::KIND).children(options)
    }
}

impl fmt::Debug for PasskeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyRequest").field("has_options", &self.options.is_some()).finish()
    }
}

fn is_notification(node: NodeRef<'_>, kind: &str) -> bool {
    node.tag() == "notification" && node.attr_str("type") == Some(kind) && iq::is_from_server(node)
}

fn notification(id: &str, kind: &'static str) -> Node {
    Node::new("notification").attr("from", Jid::SERVER).attr("type", kind).attr("id", id.to_owned())
}
