//! Binary nodes: the XML-like elements that connections carry, in the server's compact encoding.
//!
//! Three shapes of one thing:
//!
//! - [`Tree`] and [`NodeRef`]: what [`decode`] makes of a frame; text and bytes are borrowed from it.
//! - [`Node`]: owned, for building a stanza and for what outlives its frame. [`Node::tree`] lends it as a
//!   [`Tree`], so that a reader of stanzas needs to know [`NodeRef`] only.
//! - [`encode_with`]: writes an element straight into a buffer, for stanzas on the hot path.
//!
//! ```
//! use wa_proto::jid::Jid;
//! use wa_proto::node::{self, Node};
//!
//! let ping = Node::new("iq").attr("id", "195.7-2").attr("xmlns", "w:p").attr("type", "get").attr("to", Jid::SERVER);
//! let mut wire = Vec::new();
//! node::encode_into(&ping, &mut wire)?;
//! let tree = node::decode(&wire)?;
//! assert_eq!(tree.root().attr_str("xmlns"), Some("w:p"));
//! assert_eq!(tree.root().attr_jid("to"), Some(Jid::SERVER));
//! assert_eq!(tree.root().to_owned(), ping);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: observed; `vectors/noise-and-codec.json` holds what three public clients write and read.

mod debug;
mod decode;
mod encode;
mod owned;
mod reader;
mod shape;
mod text;
mod tree;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use self::decode::peek_tag;
pub use self::decode::{DecodeError, decode};
pub use self::encode::{EncodeError, encode_into};
pub use self::owned::{Content, Node, Value};
pub use self::reader::{Children, ContentRef, JidRef, NodeRef, ValueRef};
pub use self::shape::ShapeError;
pub use self::tree::Tree;
pub use self::write::{ChildrenWriter, ElementWriter, encode_with};

/// Deepest nesting that is read or written; real stanzas have under ten levels.
pub const MAX_DEPTH: usize = 128;

/// First bytes of the values that are no token.
mod tag {
    pub(super) const LIST_EMPTY: u8 = 0;
    pub(super) const DICTIONARY_0: u8 = 236;
    pub(super) const DICTIONARY_3: u8 = 239;
    pub(super) const INTEROP_JID: u8 = 245;
    pub(super) const FB_JID: u8 = 246;
    pub(super) const AD_JID: u8 = 247;
    pub(super) const LIST_8: u8 = 248;
    pub(super) const LIST_16: u8 = 249;
    pub(super) const JID_PAIR: u8 = 250;
    pub(super) const HEX_8: u8 = 251;
    pub(super) const BINARY_8: u8 = 252;
    pub(super) const BINARY_20: u8 = 253;
    pub(super) const BINARY_32: u8 = 254;
    pub(super) const NIBBLE_8: u8 = 255;

    // The tokens of the servers that addresses mostly have.
    pub(super) const SERVER_PN: u8 = 3;
    pub(super) const SERVER_GROUP: u8 = 28;
    pub(super) const SERVER_LID: u8 = 118;
}
