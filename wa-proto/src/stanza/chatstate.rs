//! `<chatstate>` and `<presence>`: who is typing, who is there.

use crate::jid::Jid;
use crate::messaging::token::StanzaToken;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::Direction;

/// What somebody is doing in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Typing {
    /// Writing a text.
    Composing,
    /// Recording a voice note.
    Recording,
    /// Neither any more.
    Paused,
}

/// `<chatstate>`: somebody is typing, or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatState {
    /// The chat: `to` on the way up, `from` on the way down.
    pub peer: Jid,
    /// Who, in a group.
    pub participant: Option<Jid>,
    /// What.
    pub typing: Typing,
}

impl ChatState {
    /// Reads a chat state.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when the chat or the state is missing.
    pub fn parse(node: NodeRef<'_>, direction: Direction) -> Result<Self, ShapeError> {
        let node = node.expect_tag("chatstate")?;
        let state = node.children().next().ok_or(ShapeError::NoChild { tag: "composing" })?;
        let typing = match (state.tag(), state.attr_str("media")) {
            ("composing", Some("audio")) => Typing::Recording,
            ("composing", _) => Typing::Composing,
            ("paused", _) => Typing::Paused,
            _ => return Err(ShapeError::NoChild { tag: "composing" }),
        };
        let participant = node.attr_jid("participant");
        Ok(Self { peer: node.require_jid(direction.peer_attr())?, participant, typing })
    }

    /// Writes the chat state.
    #[must_use]
    pub fn to_node(&self, direction: Direction) -> Node {
        let state = match self.typing {
            Typing::Composing => Node::new("composing"),
            Typing::Recording => Node::new("composing").attr("media", "audio"),
            Typing::Paused => Node::new("paused"),
        };
        Node::new("chatstate")
            .attr(direction.peer_attr(), &self.peer)
            .attr_opt("participant", self.participant.as_ref())
            .child(state)
    }
}

/// `<presence>` as a client sends it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PresenceRequest {
    /// We are there. Receipts become visible, and others' presence is delivered to us. The server
    /// requires a name.
    Available {
        /// Our push name.
        name: String,
    },
    /// We are not there.
    Unavailable {
        /// Our push name, if there is one.
        name: Option<String>,
    },
    /// Only the name changes, or nothing.
    Named {
        /// Our push name, if it is given.
        name: Option<String>,
    },
    /// Asks for somebody's presence, until the connection ends.
    Subscribe {
        /// Who.
        to: Jid,
        /// The privacy token for them.
        token: Option<StanzaToken>,
    },
    /// Ends that.
    Unsubscribe {
        /// Who.
        to: Jid,
    },
}

impl PresenceRequest {
    /// Reads what a client sent.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] for a subscription without an address or a type that is not known.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("presence")?;
        let name = node.value("name").map(|name| name.to_text().into_owned());
        match node.attr_str("type") {
            Some("available") => Ok(Self::Available { name: name.unwrap_or_default() }),
            Some("unavailable") => Ok(Self::Unavailable { name }),
            Some("subscribe") => {
                let token = node.child("tctoken").and_then(NodeRef::content_bytes);
                let token = token.map(|bytes| StanzaToken::Trusted(bytes.to_vec()));
                Ok(Self::Subscribe { to: node.require_jid("to")?, token })
            }
            Some("unsubscribe") => Ok(Self::Unsubscribe { to: node.require_jid("to")? }),
            Some(_) => Err(ShapeError::BadAttr { key: "type" }),
            None => Ok(Self::Named { name }),
        }
    }

    /// Writes the presence.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let node = Node::new("presence");
        match self {
            Self::Available { name } => node.attr("type", "available").attr("name", name.clone()),
            Self::Unavailable { name } => node.attr("type", "unavailable").attr_opt("name", name.clone()),
            Self::Named { name } => node.attr_opt("name", name.clone()),
            Self::Subscribe { to, token } => {
                let node = node.attr("type", "subscribe").attr("to", to);
                let children = token.iter().map(|token| Node::new(token.tag()).bytes(token.bytes()));
                children.fold(node, Node::child)
            }
            Self::Unsubscribe { to } => node.attr("type", "unsubscribe").attr("to", to),
        }
    }
}

/// When somebody was last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LastSeen {
    /// They do not tell.
    Hidden,
    /// At this time, in Unix seconds.
    At(u64),
}

/// `<presence>` as the server delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub from: Jid,
    /// Whether they are there.
    pub is_available: bool,
    /// When they were last there, if it is said.
    pub last_seen: Option<LastSeen>,
}

impl Presence {
    /// Reads somebody's presence.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when it is nobody's.
    pub fn parse(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        let node = node.expect_tag("presence")?;
        let last_seen = match node.attr_str("last") {
            Some("deny" | "none" | "error") => Some(LastSeen::Hidden),
            Some(time) => time.parse().ok().map(LastSeen::At),
            None => None,
        };
        let is_available = node.attr_str("type") != Some("unavailable");
        Ok(Self { from: node.require_jid("from")?, is_available, last_seen })
    }

    /// Writes somebody's presence.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let last = self.last_seen.map(|last| match last {
            LastSeen::Hidden => "deny".to_owned(),
            LastSeen::At(time) => time.to_string(),
        });
        Node::new("presence")
            .attr("from", &self.from)
            .attr_opt("type", (!self.is_available).then_some("unavailable"))
            .attr_opt("last", last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_comes_back_in_both_directions() {
        for typing in [Typing::Composing, Typing::Recording, Typing::Paused] {
            for direction in [Direction::Up, Direction::Down] {
                let participant = Some(Jid::lid("990000000000002"));
                let state = ChatState { peer: Jid::group("120363000000000001"), participant, typing };
                let node = state.to_node(direction);
                assert_eq!(ChatState::parse(node.tree().root(), direction), Ok(state));
            }
        }
        let empty = Node::new("chatstate").attr("from", Jid::lid("1"));
        assert!(ChatState::parse(empty.tree().root(), Direction::Down).is_err());
    }

    #[test]
    fn presence_requests_come_back() {
        let to = Jid::lid("990000000000002");
        for request in [
            PresenceRequest::Available { name: "Salon".into() },
            PresenceRequest::Unavailable { name: None },
            PresenceRequest::Named { name: None },
            PresenceRequest::Subscribe { to: to.clone(), token: Some(StanzaToken::Trusted(vec![1])) },
            PresenceRequest::Unsubscribe { to },
        ] {
            let node = request.to_node();
            assert_eq!(PresenceRequest::parse(node.tree().root()).unwrap().to_node(), node);
        }
    }

    #[test]
    fn presence_comes_back() {
        for (is_available, last_seen) in
            [(true, None), (false, Some(LastSeen::Hidden)), (false, Some(LastSeen::At(1_760_000_000)))]
        {
            let presence = Presence { from: Jid::lid("990000000000002"), is_available, last_seen };
            let node = presence.to_node();
            assert_eq!(Presence::parse(node.tree().root()), Ok(presence));
        }
    }
}
