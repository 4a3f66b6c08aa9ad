//! Requests and their answers.
//!
//! A request is a type that implements [`Request`]; the connection gives it an id and hands the answer with that id to
//! [`read_response`]. The server's side builds answers with [`result`] and [`error`].
//!
//! ```
//! use wa_proto::stanza::iq::{self, Ping, Request};
//!
//! let ping = Ping.to_node("7.9-1");
//! assert!(iq::is_ping(ping.tree().root()));
//! let answer = iq::result("7.9-1");
//! assert_eq!(iq::read_response::<Ping>(answer.tree().root()), Ok(None));
//! ```

use std::time::Duration;

use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};

/// Error codes that appear in answers.
pub mod code {
    /// The request is malformed; when linking by code also: too many requests for this number.
    pub const BAD_REQUEST: u16 = 400;
    /// We are not, or no longer, who may ask this.
    pub const NOT_AUTHORIZED: u16 = 401;
    /// Refused.
    pub const FORBIDDEN: u16 = 403;
    /// What was asked for does not exist.
    pub const NOT_FOUND: u16 = 404;
    /// An id or a key in the request is not acceptable.
    pub const NOT_ACCEPTABLE: u16 = 406;
    /// What was sent collides with what the server has.
    pub const CONFLICT: u16 = 409;
    /// Too many requests.
    pub const RATE_LIMIT: u16 = 429;
    /// Linking by code is not available for this number.
    pub const FEATURE_NOT_AVAILABLE: u16 = 452;
    /// Trouble on the server's side.
    pub const INTERNAL: u16 = 500;
    /// The server does not know this request.
    pub const NOT_IMPLEMENTED: u16 = 501;
    /// The server is overloaded or restarting.
    pub const UNAVAILABLE: u16 = 503;
}

/// Whether a request reads or changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Get,
    /// Changes.
    Set,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
        }
    }
}

/// A request that knows its own stanza and the shape of the answer.
pub trait Request {
    /// What a successful answer says.
    type Answer;

    /// Writes the request with the id that the connection chose.
    fn to_node(&self, id: &str) -> Node;

    /// Reads a successful answer.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] if the answer lacks what it should contain.
    fn read_answer(answer: NodeRef<'_>) -> Result<Self::Answer, ShapeError>;
}

/// Starts a request to the server.
#[must_use]
pub fn request(id: &str, kind: Kind, xmlns: &'static str) -> Node {
    Node::new("iq").attr("id", id.to_owned()).attr("xmlns", xmlns).attr("type", kind.name()).attr("to", Jid::SERVER)
}

/// Starts a request of the server to a client.
#[must_use]
pub fn server_request(id: &str, kind: Kind, xmlns: &'static str) -> Node {
    Node::new("iq").attr("from", Jid::SERVER).attr("type", kind.name()).attr("id", id.to_owned()).attr("xmlns", xmlns)
}

/// Starts the client's answer to a request of the server.
#[must_use]
pub fn client_result(id: &str) -> Node {
    Node::new("iq").attr("to", Jid::SERVER).attr("type", "result").attr("id", id.to_owned())
}

/// Writes the client's refusal of a request of the server.
#[must_use]
pub fn client_error(id: &str, code: u16, text: &'static str) -> Node {
    let error = Node::new("error").attr("code", code).attr("text", text);
    Node::new("iq").attr("to", Jid::SERVER).attr("type", "error").attr("id", id.to_owned()).child(error)
}

/// Starts the server's answer to a client's request.
#[must_use]
pub fn result(id: &str) -> Node {
    Node::new("iq").attr("from", Jid::SERVER).attr("type", "result").attr("id", id.to_owned())
}

/// Writes the server's refusal of a client's request.
#[must_use]
pub fn error(id: &str, error: &IqError) -> Node {
    Node::new("iq").attr("from", Jid::SERVER).attr("type", "error").attr("id", id.to_owned()).child(error.to_node())
}

/// Tells whether the stanza is a request in this namespace, and of which kind.
#[must_use]
pub fn kind_of(node: NodeRef<'_>, xmlns: &str) -> Option<Kind> {
    if node.tag() != "iq" || node.attr_str("xmlns") != Some(xmlns) {
        return None;
    }
    match node.attr_str("type") {
        Some("get") => Some(Kind::Get),
        Some("set") => Some(Kind::Set),
        Some(_) | None => None,
    }
}

/// Tells whether the stanza comes from the server itself. Absence counts as yes: only users' stanzas need a sender.
#[must_use]
pub fn is_from_server(node: NodeRef<'_>) -> bool {
    match node.value("from") {
        None => true,
        Some(_) => node.attr_jid("from") == Some(Jid::SERVER),
    }
}

/// Reads the answer to a request of type `R`.
///
/// # Errors
///
/// [`RequestError::Refused`] with the server's error, [`RequestError::Malformed`] if the answer is neither a result nor
/// an error, or lacks what it should contain.
pub fn read_response<R: Request>(node: NodeRef<'_>) -> Result<R::Answer, RequestError> {
    match node.require_str("type")? {
        "result" => Ok(R::read_answer(node)?),
        "error" => Err(RequestError::Refused(IqError::read(node.require_child("error")?))),
        _ => Err(RequestError::Malformed(ShapeError::BadAttr { key: "type" })),
    }
}

/// Why a request has no answer to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused.
    #[error("the server refused the request")]
    Refused(#[source] IqError),
    /// The answer is not one.
    #[error("the answer has an unexpected shape")]
    Malformed(#[from] ShapeError),
}

/// An error in an answer; also per user, inside answers about many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error {code} {text}")]
pub struct IqError {
    /// The code; 0 if it was absent or no number. See [`code`] for the known ones.
    pub code: u16,
    /// The server's text, e.g. `item-not-found`.
    pub text: String,
    /// How long to wait before asking again, if the server says so.
    pub backoff: Option<Duration>,
}

impl IqError {
    /// Makes an error with a code and a text.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        Self { code, text: text.to_owned(), backoff: None }
    }

    /// Reads an `<error>` element; whatever is missing stays empty, because the refusal itself is certain.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Self {
        Self {
            code: node.attr_u64("code").and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
            text: node.attr_str("text").unwrap_or_default().to_owned(),
            backoff: node.attr_u64("backoff").map(Duration::from_secs),
        }
    }

    /// Writes the `<error>` element.
    #[must_use]
    pub fn to_node(&self) -> Node {
        Node::new("error")
            .attr("code", self.code)
            .attr("text", self.text.clone())
            .attr_opt("backoff", self.backoff.map(|backoff| backoff.as_secs()))
    }
}

/// Asks for a sign of life. The answer may carry the server's time, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping;

impl Request for Ping {
    type Answer = Option<u64>;

    fn to_node(&self, id: &str) -> Node {
        request(id, Kind::Get, "w:p")
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<Self::Answer, ShapeError> {
        Ok(answer.attr_u64("t"))
    }
}

/// Tells whether the stanza is a ping, in any form that clients or the server use.
///
/// The answer is an empty [`client_result`] or [`result`].
#[must_use]
pub fn is_ping(node: NodeRef<'_>) -> bool {
    node.tag() == "iq"
        && matches!(node.attr_str("type"), None | Some("get"))
        && (matches!(node.attr_str("xmlns"), Some("w:p" | "urn:xmpp:ping")) || node.child("ping").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_written_and_read() {
        let refusal = IqError { backoff: Some(Duration::from_secs(30)), ..IqError::new(429, "rate-overlimit") };
        let answer = error("1", &refusal);
        let read = read_response::<Ping>(answer.tree().root());
        assert_eq!(read, Err(RequestError::Refused(refusal)));
    }

    #[test]
    fn an_error_without_details_is_still_a_refusal() {
        let answer = Node::new("iq").attr("type", "error").child(Node::new("error").attr("code", "x"));
        let read = read_response::<Ping>(answer.tree().root());
        assert_eq!(read, Err(RequestError::Refused(IqError::new(0, ""))));
    }

    #[test]
    fn anything_but_a_result_or_an_error_is_malformed() {
        for answer in [Node::new("iq"), Node::new("iq").attr("type", "set"), Node::new("iq").attr("type", "error")] {
            let read = read_response::<Ping>(answer.tree().root());
            assert!(matches!(read, Err(RequestError::Malformed(_))));
        }
    }

    #[test]
    fn pings_of_every_form_are_known() {
        let ping = |node: Node| is_ping(node.tree().root());
        assert!(ping(Ping.to_node("1")));
        assert!(ping(request("1", Kind::Get, "w:p").child(Node::new("ping"))));
        assert!(ping(server_request("1", Kind::Get, "urn:xmpp:ping")));
        assert!(ping(Node::new("iq").attr("from", Jid::SERVER).child(Node::new("ping"))));
        assert!(!ping(result("1")));
        assert!(!ping(request("1", Kind::Set, "w:p")));
        assert!(!ping(Node::new("message").child(Node::new("ping"))));
    }

    #[test]
    fn the_answer_to_a_ping_may_carry_the_time() {
        let answer = result("1").attr("t", 1_760_000_000_u64);
        assert_eq!(read_response::<Ping>(answer.tree().root()), Ok(Some(1_760_000_000)));
    }

    #[test]
    fn only_the_server_speaks_for_the_server() {
        let from = |node: Node| is_from_server(node.tree().root());
        assert!(from(Node::new("iq")));
        assert!(from(Node::new("iq").attr("from", "s.whatsapp.net")));
        assert!(from(Node::new("iq").attr("from", Jid::SERVER)));
        assert!(!from(Node::new("iq").attr("from", Jid::pn("77010000001"))));
    }
}
