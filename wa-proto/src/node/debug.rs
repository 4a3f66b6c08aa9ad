//! What of a node may be seen in logs.

use std::fmt;

use super::owned::{Content, Node, Value};
use super::reader::{ContentRef, NodeRef, ValueRef};

/// Attributes whose text is a word of the protocol or a number, never a person or a secret.
const SHOWN: [&str; 28] = [
    "action",
    "category",
    "class",
    "code",
    "count",
    "error",
    "event",
    "expiration",
    "id",
    "index",
    "key-index",
    "last",
    "mode",
    "name_type",
    "offline",
    "platform",
    "reason",
    "retry",
    "sid",
    "state",
    "stanza_type",
    "t",
    "type",
    "v",
    "version",
    "xmlns",
    "addressing_mode",
    "context",
];

impl fmt::Debug for NodeRef<'_> {
    /// Writes tags, protocol words and the kinds of everything else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.tag())?;
        for (key, value) in self.attrs() {
            write!(f, " {key}={:?}", Shown { key, value })?;
        }
        match self.content() {
            ContentRef::None => f.write_str("/>"),
            ContentRef::Bytes(bytes) => write!(f, ">{} bytes</>", bytes.len()),
            ContentRef::Value(value) => write!(f, ">{value:?}</>"),
            ContentRef::Nodes(children) => {
                f.write_str(">")?;
                children.into_iter().try_for_each(|child| child.fmt(f))?;
                f.write_str("</>")
            }
        }
    }
}

struct Shown<'t> {
    key: &'t str,
    value: ValueRef<'t>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            ValueRef::Text(text) if SHOWN.contains(&self.key) => write!(f, "{text:?}"),
            value @ (ValueRef::Text(_) | ValueRef::Jid(_)) => value.fmt(f),
        }
    }
}

impl fmt::Debug for ValueRef<'_> {
    /// Writes the length of text, and an address without its user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "({} bytes of text)", text.len()),
            Self::Jid(jid) => jid.fmt(f),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree().fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => ValueRef::Text(text).fmt(f),
            Self::Jid(jid) => jid.fmt(f),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Nodes(children) => f.debug_list().entries(children).finish(),
            Self::Bytes(bytes) => write!(f, "({} bytes)", bytes.len()),
            Self::Text(text) => write!(f, "({} bytes of text)", text.len()),
        }
    }
}
