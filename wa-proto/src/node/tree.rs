//! Decoded nodes that borrow from their frame.

use std::borrow::Cow;
use std::fmt;

use super::owned::{Content, Node, Value};
use super::shape::ShapeError;
use crate::jid::{self, Jid, Server};

/// A decoded element with all its descendants, borrowed from the frame it was in.
///
/// The whole tree lies in one list, and text that the wire packs in another: two allocations, however many
/// elements there are. [`root`](Self::root) is where reading starts.
pub struct Tree<'a> {
    pub(super) root: NodeEntry<'a>,
    /// In document order: the attributes of the root, then its children, each followed by its own attributes
    /// and children.
    pub(super) entries: Vec<Entry<'a>>,
    /// Text that does not stand in the frame as such: unpacked numbers and identifiers, users of addresses.
    pub(super) unpacked: String,
}

#[derive(Clone, Copy)]
pub(super) enum Entry<'a> {
    Node(NodeEntry<'a>),
    Attr { key: Text<'a>, value: ValueEntry<'a> },
}

#[derive(Clone, Copy)]
pub(super) struct NodeEntry<'a> {
    pub(super) tag: Text<'a>,
    pub(super) content: ContentEntry<'a>,
    /// Number of attribute entries that follow.
    pub(super) attrs: u32,
    /// Index of the first entry that is no descendant any more.
    pub(super) end: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    Wire(&'a str),
    Unpacked { start: u32, len: u32 },
}

#[derive(Clone, Copy)]
pub(super) enum ValueEntry<'a> {
    Text(Text<'a>),
    Jid { user: Range, server: Text<'a>, device: u16, integrator: u16 },
}

/// A stretch of [`Tree::unpacked`].
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) len: u32,
}

#[derive(Clone, Copy)]
pub(super) enum ContentEntry<'a> {
    None,
    Nodes,
    Bytes(&'a [u8]),
    Value(ValueEntry<'a>),
}

impl<'a> Tree<'a> {
    /// Returns the outermost element.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef { tree: self, entry: &self.root, first: 0 }
    }

    fn slice(&self, range: Range) -> &str {
        let start = range.start as usize;
        start.checked_add(range.len as usize).and_then(|end| self.unpacked.get(start..end)).unwrap_or_default()
    }

    fn text(&self, text: Text<'a>) -> &str {
        match text {
            Text::Wire(text) => text,
            Text::Unpacked { start, len } => self.slice(Range { start, len }),
        }
    }

    fn value(&self, value: ValueEntry<'a>) -> ValueRef<'_> {
        match value {
            ValueEntry::Text(text) => ValueRef::Text(self.text(text)),
            ValueEntry::Jid { user, server, device, integrator } => {
                ValueRef::Jid(JidRef { user: self.slice(user), server: self.text(server), device, integrator })
            }
        }
    }

    /// Lends an owned element.
    pub(super) fn of(node: &'a Node) -> Self {
        let mut tree = Self {
            root: NodeEntry { tag: Text::Wire(node.tag()), content: ContentEntry::None, attrs: 0, end: 0 },
            entries: Vec::new(),
            unpacked: String::new(),
        };
        tree.root = tree.lend(node);
        tree
    }

    fn lend(&mut self, node: &'a Node) -> NodeEntry<'a> {
        for (key, value) in node.attrs() {
            let value = match value {
                Value::Text(text) => ValueEntry::Text(Text::Wire(text)),
                Value::Jid(jid) => ValueEntry::Jid {
                    user: self.keep(jid.user()),
                    server: Text::Wire(jid.server().as_str()),
                    device: jid.device(),
                    integrator: jid.integrator(),
                },
            };
            self.entries.push(Entry::Attr { key: Text::Wire(key), value });
        }
        let content = match node.content() {
            Content::None => ContentEntry::None,
            Content::Bytes(bytes) => ContentEntry::Bytes(bytes),
            Content::Text(text) => ContentEntry::Value(ValueEntry::Text(Text::Wire(text))),
            Content::Nodes(children) => {
                for child in children {
                    let at = self.entries.len();
                    let tag = Text::Wire(child.tag());
                    self.entries.push(Entry::Node(NodeEntry { tag, content: ContentEntry::None, attrs: 0, end: 0 }));
                    let entry = self.lend(child);
                    if let Some(slot) = self.entries.get_mut(at) {
                        *slot = Entry::Node(entry);
                    }
                }
                if children.is_empty() { ContentEntry::None } else { ContentEntry::Nodes }
            }
        };
        NodeEntry {
            tag: Text::Wire(node.tag()),
            content,
            attrs: narrow(node.attrs().len()),
            end: narrow(self.entries.len()),
        }
    }

    /// Appends to the unpacked text.
    pub(super) fn keep(&mut self, text: &str) -> Range {
        let start = narrow(self.unpacked.len());
        self.unpacked.push_str(text);
        Range { start, len: narrow(text.len()) }
    }
}

/// Narrows a position or length: no frame and no stanza comes near 4 GiB, and one that did would lose its end,
/// not its bounds.
pub(super) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}

/// An element of a [`Tree`].
///
/// Where a key occurs twice, the last one counts. An attribute whose value is null is not there at all.
#[derive(Clone, Copy)]
pub struct NodeRef<'t> {
    tree: &'t Tree<'t>,
    entry: &'t NodeEntry<'t>,
    /// Index of the first attribute's entry.
    first: u32,
}

impl<'t> NodeRef<'t> {
    /// Returns the tag; it is never empty.
    #[must_use]
    pub fn tag(self) -> &'t str {
        self.tree.text(self.entry.tag)
    }

    /// Returns the attributes in the order of the wire.
    #[must_use]
    pub fn attrs(self) -> impl DoubleEndedIterator<Item = (&'t str, ValueRef<'t>)> {
        self.attr_entries().iter().filter_map(move |entry| match *entry {
            Entry::Attr { key, value } => Some((self.tree.text(key), self.tree.value(value))),
            Entry::Node(_) => None,
        })
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn value(self, key: &str) -> Option<ValueRef<'t>> {
        self.attr_entries().iter().rev().find_map(|entry| match *entry {
            Entry::Attr { key: name, value } if self.tree.text(name) == key => Some(self.tree.value(value)),
            Entry::Attr { .. } | Entry::Node(_) => None,
        })
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
        if self.tag() == expected { Ok(self) } else { Err(ShapeError::Tag { expected }) }
    }

    /// Returns the child elements; there are none if the content is something else.
    #[must_use]
    pub fn children(self) -> Children<'t> {
        let next = match self.entry.content {
            ContentEntry::Nodes => self.first.saturating_add(self.entry.attrs),
            ContentEntry::None | ContentEntry::Bytes(_) | ContentEntry::Value(_) => self.entry.end,
        };
        Children { tree: self.tree, next, end: self.entry.end }
    }

    /// Returns the child elements of that tag.
    pub fn children_named(self, tag: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.tag() == tag)
    }

    /// Returns the first child element of that tag.
    #[must_use]
    pub fn child(self, tag: &str) -> Option<Self> {
        self.children().find(|child| child.tag() == tag)
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
        match self.entry.content {
            ContentEntry::None => ContentRef::None,
            ContentEntry::Nodes => ContentRef::Nodes(self.children()),
            ContentEntry::Bytes(bytes) => ContentRef::Bytes(bytes),
            ContentEntry::Value(value) => ContentRef::Value(self.tree.value(value)),
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
        node.attrs.reserve_exact(self.entry.attrs as usize);
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

    fn attr_entries(self) -> &'t [Entry<'t>] {
        let first = self.first as usize;
        first
            .checked_add(self.entry.attrs as usize)
            .and_then(|end| self.tree.entries.get(first..end))
            .unwrap_or_default()
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
        match self.tree.entries.get(self.next as usize)? {
            Entry::Node(entry) => {
                let first = self.next.saturating_add(1);
                // An entry ends behind itself, so that the walk always moves on.
                self.next = entry.end.max(first);
                Some(NodeRef { tree: self.tree, entry, first })
            }
            Entry::Attr { .. } => None,
        }
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
