//! The privacy query that issues our token to contacts, and the token lists in it.

use crate::jid::Jid;
use crate::messaging::token::{MAX_TOKEN, TrustedToken};
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::iq::{self, Kind, Request};

/// The kind of token that contacts issue to each other.
const TRUSTED_CONTACT: &str = "trusted_contact";

/// `<iq xmlns="privacy" type="set">` with `<tokens>`: we vouch for a contact.
///
/// The answer may hold tokens of the same shape as the notification: store them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueToken {
    /// The contact, by its LID when it is known.
    pub to: Jid,
    /// The time the token is from, in Unix seconds.
    pub timestamp: u64,
}

impl IssueToken {
    /// Writes the query.
    #[must_use]
    pub fn to_iq(&self, id: &str) -> Node {
        let token = Node::new("token").attr("jid", &self.to).attr("t", self.timestamp).attr("type", TRUSTED_CONTACT);
        iq::request(id, Kind::Set, "privacy").child(Node::new("tokens").child(token))
    }

    /// Reads the tokens that a client issues in a privacy query; `iq` is the whole element.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when there is no `<tokens>`, or a token lacks its contact or time.
    pub fn parse_iq(iq: NodeRef<'_>) -> Result<Vec<Self>, ShapeError> {
        let tokens = iq.require_child("tokens")?.children_named("token");
        tokens
            .filter(|token| token.attr_str("type") == Some(TRUSTED_CONTACT))
            .map(|token| Ok(Self { to: token.require_jid("jid")?, timestamp: token.require_u64("t")? }))
            .collect()
    }

    /// Reads the tokens in the answer to the query.
    #[must_use]
    pub fn parse_answer(iq: NodeRef<'_>) -> Vec<TrustedToken> {
        iq.child("tokens").map(read_tokens).unwrap_or_default()
    }
}

impl Request for IssueToken {
    /// Tokens of the contact's that the server gives in return; mostly none.
    type Answer = Vec<TrustedToken>;

    fn to_node(&self, id: &str) -> Node {
        self.to_iq(id)
    }

    fn read_answer(answer: NodeRef<'_>) -> Result<Vec<TrustedToken>, ShapeError> {
        Ok(Self::parse_answer(answer))
    }
}

/// Reads the usable tokens of a `<tokens>`: others, and those without a time, are passed over.
pub(super) fn read_tokens(tokens: NodeRef<'_>) -> Vec<TrustedToken> {
    tokens
        .children_named("token")
        .filter(|token| token.attr_str("type") == Some(TRUSTED_CONTACT))
        .filter_map(|token| {
            let bytes = token.content_bytes().filter(|bytes| (1..=MAX_TOKEN).contains(&bytes.len()))?;
            Some(TrustedToken { bytes: bytes.to_vec(), timestamp: token.attr_u64("t")? })
        })
        .collect()
}

/// Writes a `<tokens>` with the tokens that somebody issued to `to`.
#[must_use]
pub fn tokens_node(tokens: &[TrustedToken], to: Option<&Jid>) -> Node {
    Node::new("tokens").children(tokens.iter().map(|token| {
        Node::new("token")
            .attr_opt("jid", to)
            .attr("t", token.timestamp)
            .attr("type", TRUSTED_CONTACT)
            .bytes(token.bytes.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_comes_back() {
        let issue = IssueToken { to: Jid::lid("990000000000002"), timestamp: 1_760_000_000 };
        let wire = issue.to_iq("p-1").encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        assert_eq!(IssueToken::parse_iq(tree.root()), Ok(vec![issue]));
    }

    #[test]
    fn only_usable_tokens_of_an_answer_are_taken() {
        let good = TrustedToken { bytes: vec![1; 16], timestamp: 5 };
        let mut tokens = tokens_node(&[good], Some(&Jid::lid("990000000000002")));
        tokens = tokens
            .child(Node::new("token").attr("type", "other").attr("t", "5").bytes([1]))
            .child(Node::new("token").attr("type", "trusted_contact").bytes([1]))
            .child(Node::new("token").attr("type", "trusted_contact").attr("t", "5"));
        let iq = Node::new("iq").child(tokens);
        let read = IssueToken::parse_answer(iq.tree().root());
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].bytes.len(), read[0].timestamp), (16, 5));
    }
}
