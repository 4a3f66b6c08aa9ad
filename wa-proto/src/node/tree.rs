//! Decoded nodes that borrow from their frame.

use std::borrow::Cow;
use std::fmt;

use super::decode::{DecodeError, decode};
use super::owned::{Content, Node, Value};
use super::reader::{JidRef, NodeRef, ValueRef};
use crate::token;

/// A decoded element with all its descendants, borrowed from the frame it was in or owning it.
///
/// The whole tree lies in one list, and text that the wire packs in another: two allocations, however many
/// elements there are. [`root`](Self::root) is where reading starts.
#[derive(Clone)]
pub struct Tree<'a> {
    /// What the tree was decoded from; texts and contents refer to it by position.
    pub(super) frame: Cow<'a, [u8]>,
    /// In document order: the root, its attributes, its children, each followed by its own attributes and
    /// children. Never empty.
    pub(super) entries: Vec<Entry>,
    /// Text that does not stand in the frame as such, because it was packed there.
    pub(super) unpacked: Vec<u8>,
}

/// 32 bytes; the list of them is what decoding spends its time on.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    Node(NodeEntry),
    Text { key: Text, value: Text },
    Jid { key: Text, user: Text, server: Text, device: u16, integrator: u16 },
}

#[derive(Clone, Copy)]
pub(super) struct NodeEntry {
    pub(super) tag: Text,
    pub(super) content: ContentEntry,
    /// Number of attribute entries that follow.
    pub(super) attrs: u32,
    /// Index of the first entry that is no descendant any more.
    pub(super) end: u32,
}

#[derive(Clone, Copy)]
pub(super) enum ContentEntry {
    None,
    Nodes,
    Bytes(Text),
    /// Text or an address: one more entry after those of the attributes.
    Value,
}

impl NodeEntry {
    pub(super) fn new(tag: Text, content: ContentEntry, attrs: usize, end: usize) -> Self {
        Self { tag, content, attrs: narrow(attrs), end: narrow(end) }
    }
}

impl Entry {
    /// What stands in an element's place until it is read.
    pub(super) const VACANT: Self =
        Self::Node(NodeEntry { tag: Text::EMPTY, content: ContentEntry::None, attrs: 0, end: 0 });
}

/// A text, or bytes: the index of a token, or where it stands, and how long it is.
///
/// Text was checked to be UTF-8 when it was read.
#[derive(Clone, Copy)]
pub(super) struct Text {
    start: u32,
    /// Length in the low 30 bits, kind in the others.
    length: u32,
}

impl Text {
    const KIND: u32 = 3 << 30;
    const TOKEN: u32 = 0;
    const WIRE: u32 = 1 << 30;
    const UNPACKED: u32 = 2 << 30;

    /// Longest text or content, in bytes; no frame comes near.
    pub(super) const LONGEST: usize = (1 << 30) - 1;

    pub(super) const EMPTY: Self = Self { start: 0, length: Self::WIRE };

    pub(super) fn token(index: u16) -> Self {
        Self { start: u32::from(index), length: Self::TOKEN }
    }

    pub(super) fn wire(start: usize, length: usize) -> Self {
        Self { start: narrow(start), length: narrow(length) | Self::WIRE }
    }

    pub(super) fn unpacked(start: usize, length: usize) -> Self {
        Self { start: narrow(start), length: narrow(length) | Self::UNPACKED }
    }

    /// Tells whether the text is empty; no token is.
    pub(super) fn is_empty(self) -> bool {
        self.length == Self::WIRE || self.length == Self::UNPACKED
    }
}

impl Tree<'_> {
    /// Returns the outermost element.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef::new(self, 0)
    }

    /// Reads the one node that `bytes` hold, and keeps them; see [`decode`](super::decode) for borrowing them.
    ///
    /// # Errors
    ///
    /// As [`decode`](super::decode).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Tree<'static>, DecodeError> {
        let Tree { entries, unpacked, .. } = decode(&bytes)?;
        Ok(Tree { frame: Cow::Owned(bytes), entries, unpacked })
    }

    /// Returns the bytes that the tree was decoded from; none if it was made from a [`Node`].
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    pub(super) fn bytes(&self, text: Text) -> &[u8] {
        resolve(text, &self.frame, &self.unpacked)
    }

    pub(super) fn text(&self, text: Text) -> &str {
        if text.length & Text::KIND == Text::TOKEN {
            return u16::try_from(text.start).map(token::text_at).unwrap_or_default();
        }
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    pub(super) fn value(&self, entry: Entry) -> Option<ValueRef<'_>> {
        match entry {
            Entry::Text { value, .. } => Some(ValueRef::Text(self.text(value))),
            Entry::Jid { user, server, device, integrator, .. } => {
                Some(ValueRef::Jid(JidRef::new(self.text(user), self.text(server), device, integrator)))
            }
            Entry::Node(_) => None,
        }
    }

    pub(super) fn node(&self, at: u32) -> NodeEntry {
        match self.entries.get(at as usize) {
            Some(Entry::Node(entry)) => *entry,
            // Positions come from the tree itself.
            _ => NodeEntry { tag: Text::EMPTY, content: ContentEntry::None, attrs: 0, end: 0 },
        }
    }

    /// Copies an owned element.
    pub(super) fn of(node: &Node) -> Tree<'static> {
        let mut tree = Tree { frame: Cow::Borrowed(&[][..]), entries: Vec::new(), unpacked: Vec::new() };
        tree.append(node);
        tree
    }

    fn append(&mut self, node: &Node) {
        let at = self.entries.len();
        self.entries.push(Entry::VACANT);
        let tag = self.keep(node.tag().as_bytes());
        for (key, value) in node.attrs() {
            let key = self.keep(key.as_bytes());
            let entry = match value {
                Value::Text(text) => Entry::Text { key, value: self.keep(text.as_bytes()) },
                Value::Jid(jid) => Entry::Jid {
                    key,
                    user: self.keep(jid.user().as_bytes()),
                    server: self.keep(jid.server().as_str().as_bytes()),
                    device: jid.device(),
                    integrator: jid.integrator(),
                },
            };
            self.entries.push(entry);
        }
        let content = match node.content() {
            Content::None => ContentEntry::None,
            Content::Bytes(bytes) => ContentEntry::Bytes(self.keep(bytes)),
            Content::Text(text) => {
                let value = self.keep(text.as_bytes());
                self.entries.push(Entry::Text { key: Text::EMPTY, value });
                ContentEntry::Value
            }
            Content::Nodes(children) => {
                for child in children {
                    self.append(child);
                }
                if children.is_empty() { ContentEntry::None } else { ContentEntry::Nodes }
            }
        };
        let end = self.entries.len();
        if let Some(place) = self.entries.get_mut(at) {
            *place = Entry::Node(NodeEntry::new(tag, content, node.attrs().len(), end));
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Text {
        let start = self.unpacked.len();
        self.unpacked.extend_from_slice(bytes);
        Text::unpacked(start, bytes.len().min(Text::LONGEST))
    }
}

/// Returns the bytes of a text.
pub(super) fn resolve<'t>(text: Text, frame: &'t [u8], unpacked: &'t [u8]) -> &'t [u8] {
    let source = match text.length & Text::KIND {
        Text::WIRE => frame,
        Text::UNPACKED => unpacked,
        _ => return u16::try_from(text.start).map(token::text_at).unwrap_or_default().as_bytes(),
    };
    let start = text.start as usize;
    let length = (text.length & !Text::KIND) as usize;
    start.checked_add(length).and_then(|end| source.get(start..end)).unwrap_or_default()
}

/// Narrows a position or length, all of which are under 2^32: [`decode`] refuses more than [`Text::LONGEST`] bytes,
/// and no more than twice as many come out of them.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}
