//! Stanzas as they arrive, and where they go.

use std::fmt;
use std::time::Duration;

use super::requests::RequestError;
use crate::node::{self, DecodeError, Node, NodeRef, Tree};
use crate::plaintext::{self, PlaintextError};

/// A stanza from the server: well-formed, and owning what it was decoded from.
#[derive(Clone)]
pub struct Stanza {
    tree: Tree<'static>,
}

/// Why a frame that decrypted holds no stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameProblem {
    /// It is not a plaintext.
    #[error("the frame cannot be opened")]
    Plaintext(#[source] PlaintextError),
    /// It holds no node.
    #[error("the frame holds no node")]
    Node(#[source] DecodeError),
}

/// Where a stanza goes.
pub(super) enum Route {
    /// To the owner of the connection.
    Deliver,
    /// To whoever made the request with this id.
    Answer {
        id: Box<str>,
        refusal: Option<RequestError>,
    },
    /// Nowhere: it is a ping, and this is the answer.
    Ping(Node),
    StreamEnd,
    StreamError,
}

impl Stanza {
    /// Takes the encoding of a node: a plaintext without its flag byte.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is malformed.
    pub fn new(body: Vec<u8>) -> Result<Self, DecodeError> {
        Ok(Self { tree: Tree::from_bytes(body)? })
    }

    /// Reads a plaintext.
    pub(super) fn read(plaintext: &[u8]) -> Result<(Self, Route), FrameProblem> {
        let body = plaintext::open(plaintext).map_err(FrameProblem::Plaintext)?;
        let stanza = Self::new(body.into_owned()).map_err(FrameProblem::Node)?;
        let route = route(stanza.root());
        Ok((stanza, route))
    }

    /// Returns the element.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        self.tree.root()
    }

    /// Returns the decoded tree.
    #[must_use]
    pub fn tree(&self) -> &Tree<'static> {
        &self.tree
    }

    /// Returns the encoded node.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.tree.frame()
    }
}

impl PartialEq for Stanza {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Stanza {}

impl fmt::Debug for Stanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree().fmt(f)
    }
}

fn route(stanza: NodeRef<'_>) -> Route {
    match stanza.tag() {
        "iq" => route_iq(stanza),
        "xmlstreamend" => Route::StreamEnd,
        "stream:error" => Route::StreamError,
        _ => Route::Deliver,
    }
}

fn route_iq(iq: NodeRef<'_>) -> Route {
    let id = iq.attr_str("id");
    match iq.attr_str("type") {
        None | Some("get") if is_ping(iq) => {
            let pong = Node::new("iq").attr_opt("to", iq.value("from").map(node::ValueRef::to_owned));
            Route::Ping(pong.attr_opt("id", id.map(str::to_owned)).attr("type", "result"))
        }
        Some("get" | "set") => Route::Deliver,
        kind => {
            let refusal = match kind {
                Some("result") => None,
                Some("error") => Some(refusal(iq)),
                _ => Some(RequestError::Unexpected),
            };
            Route::Answer { id: id.unwrap_or_default().into(), refusal }
        }
    }
}

fn is_ping(iq: NodeRef<'_>) -> bool {
    iq.attr_str("xmlns") == Some("urn:xmpp:ping") || iq.child("ping").is_some()
}

fn refusal(iq: NodeRef<'_>) -> RequestError {
    let number = |name| iq.child("error").and_then(|error| error.attr_u64(name));
    RequestError::Refused {
        code: number("code").and_then(|code| u16::try_from(code).ok()).unwrap_or(0),
        backoff: number("backoff").map(Duration::from_secs),
    }
}
