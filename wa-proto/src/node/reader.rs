//! Reading decoded nodes.

use std::borrow::Cow;
use std::fmt;

use super::owned::{Content, Node, Value};
use super::shape::ShapeError;
use super::tree::{ContentEntry, Entry, Tree};
use crate::jid::{self, Jid, Server};

/// An element of a [`Tree`].
///
/// Where a key occurs twice, the last one counts. An attribute whose value is null is not there at all.
#[derive(Clone, Copy)]
pub struct NodeRef<'t> {
    tree: &'t Tree<'t>,
    /// Index of the element's entry.
    at: u32,
}

impl<'t> NodeRef<'t> {
    pub(super) fn new(tree: &'t Tree<'t>, at: u32) -> Self {
        Self { tree, at }
    }

    /// Returns the tag; it is never empty.
    #[must_use]
    pub fn tag(self) -> &'t str {
        self.tree.text(self.tree.node(self.at).tag)
    }

    /// Returns the attributes in the order of the wire.
    #[must_use]
    pub fn attrs(self) -> impl DoubleEndedIterator<Item = (&'t str, ValueRef<'t>)> {
        self.attr_entries().iter().filter_map(move |entry| match entry {
            Entry::Text { key, .. } | Entry::Jid { key, .. } => Some((self.tree.text(*key), self.tree.value(*entry)?)),
            Entry::Node(_) => None,
        })
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn value(self, key: &str) -> Option<ValueRef<'t>> {
        let is_wanted = |entry: &&Entry| match entry {
            Entry::Text { key: name, .. } | Entry::Jid { key: name, .. } => self.tree.bytes(*name) == key.as_bytes(),
            Entry::Node(_) => false,
        };
        self.tree.value(*self.attr_entries().iter().rev().find(is_wanted)?)
    }

    /// Returns an attribute that is text. An address is none, even one without a user.
    #[must_use]
    pub fn attr_str(self, key: &str) -> Option<&'t str> {
        match self.value(key)? {
            ValueRef::Text(text) => Some(text),
            ValueRef::Jid(_) => None,
        }
    }

    /// Returns an attribute that is an address, in either form: the server also sends addresses as text.
    #[must_use]
    pub fn attr_jid(self, key: &str) -> Option<Jid> {
        self.value(key)?.to_jid()
    }

    /// Returns an attribute that is a decimal number.
    #[must_use]
    pub fn attr_u64(self, key: &str) -> Option<u64> {
        self.attr_str(key)?.parse().ok()
    }

    /// Returns an attribute that has to be there as text.
    ///
    /// # Errors
    ///
    /// [`ShapeError::NoAttr`] if it is absent, [`ShapeError::BadAttr`] if it is an address.
    pub fn require_str(self, key: &'static str) -> Result<&'t str, ShapeError> {
        match self.value(key).ok_or(ShapeError::NoAttr { key })? {
            ValueRef::Text(text) => Ok(text),
            ValueRef::Jid(_) => Err(ShapeError::BadAttr { key }),
        }
    }

    /// Returns an attribute that has to be there as an address.
    ///
    /// # Errors
    ///
    /// [`ShapeError::NoAttr`] if it is absent, [`ShapeError::BadAttr`] if its text is no address.
    pub fn require_jid(self, key: &'static str) -> Result<Jid, ShapeError> {
        self.value(key).ok_or(ShapeError::NoAttr { key })?.to_jid().ok_or(ShapeError::BadAttr { key })
    }

    /// Returns an attribute that has to be there as a decimal number.
    ///
    /// # Errors
    ///
    /// [`ShapeError::NoAttr`] if it is absent, [`ShapeError::BadAttr`] if it is no number under 2^64.
    pub fn require_u64(self, key: &'static str) -> Result<u64, ShapeError> {
        self.require_str(key)?.parse().map_err(|_| ShapeError::BadAttr { key })
    }

    /// Checks the tag.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Tag`] if it is another one.
    pub fn expect_tag(self, expected: &'static str) -> Result<Self, ShapeError> {
        if self.has_tag(expected) { Ok(self) } else { Err(ShapeError::Tag { expected }) }
    }

    /// Returns the child elements; there are none if the content is something else.
    #[must_use]
    pub fn children(self) -> Children<'t> {
        let entry = self.tree.node(self.at);
        let next = match entry.content {
            ContentEntry::Nodes => self.after_attrs(),
            ContentEntry::None | ContentEntry::Bytes(_) | ContentEntry::Value => entry.end,
        };
        Children { tree: self.tree, next, end: entry.end }
    }

    /// Returns the child elements of that tag.
    pub fn children_named(self, tag: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.has_tag(tag))
    }

    /// Returns the first child element of that tag.
    #[must_use]
    pub fn child(self, tag: &str) -> Option<Self> {
        self.children().find(|child| child.has_tag(tag))
    }

    /// Returns the first child element of a tag that has to be there.
    ///
    /// # Errors
    ///
    /// [`ShapeError::NoChild`] if there is none.
    pub fn require_child(self, tag: &'static str) -> Result<Self, ShapeError> {
        self.child(tag).ok_or(ShapeError::NoChild { tag })
    }

    /// Returns the content.
    #[must_use]
    pub fn content(self) -> ContentRef<'t> {
        match self.tree.node(self.at).content {
            ContentEntry::None => ContentRef::None,
            ContentEntry::Nodes => ContentRef::Nodes(self.children()),
            ContentEntry::Bytes(bytes) => ContentRef::Bytes(self.tree.bytes(bytes)),
            ContentEntry::Value => {
                let entry = self.tree.entries.get(self.after_attrs() as usize);
                entry.and_then(|entry| self.tree.value(*entry)).map_or(ContentRef::None, ContentRef::Value)
            }
        }
    }

    /// Returns the content as bytes; text counts as its UTF-8.
    #[must_use]
    pub fn content_bytes(self) -> Option<&'t [u8]> {
        match self.content() {
            ContentRef::Bytes(bytes) => Some(bytes),
            ContentRef::Value(ValueRef::Text(text)) => Some(text.as_bytes()),
            ContentRef::None | ContentRef::Nodes(_) | ContentRef::Value(ValueRef::Jid(_)) => None,
        }
    }

    /// Returns the content as text; bytes count if they are UTF-8.
    #[must_use]
    pub fn content_str(self) -> Option<&'t str> {
        std::str::from_utf8(self.content_bytes()?).ok()
    }

    /// Returns the content, which has to be bytes or text.
    ///
    /// # Errors
    ///
    /// [`ShapeError::BadContent`] otherwise.
    pub fn require_bytes(self) -> Result<&'t [u8], ShapeError> {
        self.content_bytes().ok_or(ShapeError::BadContent)
    }

    /// Returns the content, which has to be exactly `N` bytes.
    ///
    /// # Errors
    ///
    /// [`ShapeError::BadContent`] otherwise.
    pub fn require_array<const N: usize>(self) -> Result<[u8; N], ShapeError> {
        self.require_bytes()?.try_into().map_err(|_| ShapeError::BadContent)
    }

    /// Copies the element into one that outlives the frame. Content that is an address becomes its text.
    #[must_use]
    pub fn to_owned(self) -> Node {
        let mut node = Node::new(self.tag().to_owned());
        node.attrs.reserve_exact(self.attr_entries().len());
        for (key, value) in self.attrs() {
            node.attrs.push((Cow::Owned(key.to_owned()), value.to_owned()));
        }
        node.content = match self.content() {
            ContentRef::None => Content::None,
            ContentRef::Nodes(children) => Content::Nodes(children.map(NodeRef::to_owned).collect()),
            ContentRef::Bytes(bytes) => Content::Bytes(bytes.to_vec()),
            ContentRef::Value(ValueRef::Text(text)) => Content::Text(Cow::Owned(text.to_owned())),
            ContentRef::Value(ValueRef::Jid(jid)) => Content::Text(Cow::Owned(jid.to_jid().to_string())),
        };
        node
    }

    fn has_tag(self, tag: &str) -> bool {
        self.tree.bytes(self.tree.node(self.at).tag) == tag.as_bytes()
    }

    fn attr_entries(self) -> &'t [Entry] {
        let first = self.at.saturating_add(1) as usize;
        self.tree.entries.get(first..self.after_attrs() as usize).unwrap_or_default()
    }

    fn after_attrs(self) -> u32 {
        self.at.saturating_add(1).saturating_add(self.tree.node(self.at).attrs)
    }
}

/// The child elements of an element, in order.
#[derive(Clone)]
pub struct Children<'t> {
    tree: &'t Tree<'t>,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = NodeRef<'t>;

    fn next(&mut self) -> Option<NodeRef<'t>> {
        if self.next >= self.end {
            return None;
        }
        let at = self.next;
        // An entry ends behind itself, so that the walk always moves on.
        self.next = self.tree.node(at).end.max(at.saturating_add(1));
        Some(NodeRef::new(self.tree, at))
    }
}

/// The value of an attribute of a [`NodeRef`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'t> {
    /// Text.
    Text(&'t str),
    /// An address.
    Jid(JidRef<'t>),
}

impl<'t> ValueRef<'t> {
    /// Returns the address, also if it came as text; `None` if the text is no address.
    #[must_use]
    pub fn to_jid(self) -> Option<Jid> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Jid(jid) => Some(jid.to_jid()),
        }
    }

    /// Returns the value as text, an address in its printed form.
    #[must_use]
    pub fn to_text(self) -> Cow<'t, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Jid(jid) => Cow::Owned(jid.to_jid().to_string()),
        }
    }

    /// Copies the value into one that outlives the frame.
    #[must_use]
    pub fn to_owned(self) -> Value {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.to_owned())),
            Self::Jid(jid) => Value::Jid(jid.to_jid()),
        }
    }
}

/// An address inside a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JidRef<'t> {
    user: &'t str,
    server: &'t str,
    device: u16,
    integrator: u16,
}

impl<'t> JidRef<'t> {
    pub(super) fn new(user: &'t str, server: &'t str, device: u16, integrator: u16) -> Self {
        Self { user, server, device, integrator }
    }

    /// Returns the user part, empty for a server.
    #[must_use]
    pub fn user(self) -> &'t str {
        self.user
    }

    /// Returns the name of the server.
    #[must_use]
    pub fn server_name(self) -> &'t str {
        self.server
    }

    /// Returns the device number.
    #[must_use]
    pub fn device(self) -> u16 {
        self.device
    }

    /// Copies the address into one that outlives the frame, without an allocation for all usual ones.
    #[must_use]
    pub fn to_jid(self) -> Jid {
        Jid::new(self.user, Server::from_name(self.server)).with_device(self.device).with_integrator(self.integrator)
    }
}

impl fmt::Debug for JidRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jid::redacted(f, self.user, self.device, self.server)
    }
}

/// The content of a [`NodeRef`].
#[derive(Clone)]
pub enum ContentRef<'t> {
    /// Nothing.
    None,
    /// Child elements, at least one.
    Nodes(Children<'t>),
    /// Bytes.
    Bytes(&'t [u8]),
    /// Text or an address.
    Value(ValueRef<'t>),
}
