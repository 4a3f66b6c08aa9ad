//! Reading nodes.

use super::text::{PackedError, unpack};
use super::tree::{ContentEntry, Entry, NodeEntry, Range, Text, Tree, ValueEntry, narrow};
use super::{MAX_DEPTH, tag};
use crate::token;

/// Why bytes are not a node. The frame is dropped; the connection can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the node does.
    #[error("the node is truncated")]
    Truncated,
    /// Something other than a list stands where an element must begin.
    #[error("an element begins with byte {0:#04x}, which is no list")]
    NotAList(u8),
    /// An element without a tag.
    #[error("an element has no tag")]
    NoTag,
    /// A byte that stands for nothing, or for nothing that fits its place.
    #[error("byte {0:#04x} does not begin a value that fits here")]
    Unexpected(u8),
    /// A packed text with a digit outside its alphabet, or padded where it must not be.
    #[error("a packed text is malformed")]
    Packed,
    /// Text that is not UTF-8.
    #[error("a text is not valid utf-8")]
    Utf8,
    /// An address without a user or server where there must be one, or in an unknown domain.
    #[error("an address is malformed")]
    Jid,
    /// More levels than [`MAX_DEPTH`].
    #[error("elements are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Bytes follow the node.
    #[error("{0} bytes follow the node")]
    Trailing(usize),
}

impl From<PackedError> for DecodeError {
    fn from(_: PackedError) -> Self {
        Self::Packed
    }
}

/// Reads the one node that `bytes` hold: a frame's plaintext without its flag byte.
///
/// Costs at most two allocations for a stanza of ordinary size, each of them bounded by a multiple of the
/// length of `bytes`.
///
/// # Errors
///
/// [`DecodeError`] says what is malformed; every input is either read whole or refused.
pub fn decode(bytes: &[u8]) -> Result<Tree<'_>, DecodeError> {
    let mut decoder = Decoder { rest: bytes, frame_len: bytes.len(), entries: Vec::new(), unpacked: String::new() };
    let root = decoder.node(MAX_DEPTH)?;
    if !decoder.rest.is_empty() {
        return Err(DecodeError::Trailing(decoder.rest.len()));
    }
    Ok(Tree { root, entries: decoder.entries, unpacked: decoder.unpacked })
}

/// Returns the tag of the node that `bytes` hold, without reading the rest; `None` if it is no plain text.
pub(crate) fn peek_tag(bytes: &[u8]) -> Option<&str> {
    let mut decoder = Decoder { rest: bytes, frame_len: bytes.len(), entries: Vec::new(), unpacked: String::new() };
    let first = decoder.byte().ok()?;
    decoder.list_size(first).ok()??;
    match decoder.required_text().ok()? {
        Text::Wire(text) => Some(text),
        Text::Unpacked { .. } => None,
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
    frame_len: usize,
    entries: Vec<Entry<'a>>,
    unpacked: String,
}

impl<'a> Decoder<'a> {
    fn node(&mut self, levels: usize) -> Result<NodeEntry<'a>, DecodeError> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err(DecodeError::TooDeep);
        };
        let first = self.byte()?;
        let size = self.list_size(first)?.ok_or(DecodeError::NotAList(first))?;
        if size == 0 {
            return Err(DecodeError::NoTag);
        }
        let node_tag = self.required_text()?;
        if let Text::Wire("") | Text::Unpacked { len: 0, .. } = node_tag {
            return Err(DecodeError::NoTag);
        }
        let attrs = self.attrs(size.wrapping_sub(1) / 2)?;
        let content = if size.is_multiple_of(2) { self.content(levels)? } else { ContentEntry::None };
        Ok(NodeEntry { tag: node_tag, content, attrs, end: narrow(self.entries.len()) })
    }

    /// Reads attributes and returns how many of them have a value.
    fn attrs(&mut self, count: usize) -> Result<u32, DecodeError> {
        let mut present: u32 = 0;
        for _ in 0..count {
            let key = self.required_text()?;
            let first = self.byte()?;
            if first != tag::LIST_EMPTY {
                let value = self.value(first)?;
                self.push(Entry::Attr { key, value });
                present = present.wrapping_add(1);
            }
        }
        Ok(present)
    }

    fn content(&mut self, levels: usize) -> Result<ContentEntry<'a>, DecodeError> {
        let first = self.byte()?;
        match first {
            tag::BINARY_8 | tag::BINARY_20 | tag::BINARY_32 => Ok(ContentEntry::Bytes(self.binary(first)?)),
            tag::LIST_EMPTY | tag::LIST_8 | tag::LIST_16 => {
                let count = self.list_size(first)?.unwrap_or(0);
                for _ in 0..count {
                    self.child(levels)?;
                }
                Ok(if count == 0 { ContentEntry::None } else { ContentEntry::Nodes })
            }
            _ => Ok(ContentEntry::Value(self.value(first)?)),
        }
    }

    fn child(&mut self, levels: usize) -> Result<(), DecodeError> {
        let at = self.entries.len();
        // The child's place is before its attributes, but what it is, is known after them.
        self.push(Entry::Node(NodeEntry { tag: Text::Wire(""), content: ContentEntry::None, attrs: 0, end: 0 }));
        let entry = self.node(levels)?;
        if let Some(slot) = self.entries.get_mut(at) {
            *slot = Entry::Node(entry);
        }
        Ok(())
    }

    /// Returns the size of the list that `first` begins, `None` if it begins no list.
    fn list_size(&mut self, first: u8) -> Result<Option<usize>, DecodeError> {
        match first {
            tag::LIST_EMPTY => Ok(Some(0)),
            tag::LIST_8 => Ok(Some(usize::from(self.byte()?))),
            tag::LIST_16 => Ok(Some(usize::from(self.u16()?))),
            _ => Ok(None),
        }
    }

    fn value(&mut self, first: u8) -> Result<ValueEntry<'a>, DecodeError> {
        match first {
            tag::JID_PAIR => self.jid_pair(),
            tag::AD_JID => self.ad_jid(),
            tag::FB_JID => {
                let user = self.user()?;
                let device = self.u16()?;
                self.fixed_server("msgr", user, device, 0)
            }
            tag::INTEROP_JID => {
                let user = self.user()?;
                let device = self.u16()?;
                let integrator = self.u16()?;
                self.fixed_server("interop", user, device, integrator)
            }
            _ => Ok(ValueEntry::Text(self.text(first)?)),
        }
    }

    fn jid_pair(&mut self) -> Result<ValueEntry<'a>, DecodeError> {
        let first = self.byte()?;
        let user = if first == tag::LIST_EMPTY { Range { start: 0, len: 0 } } else { self.user_text(first)? };
        let server = self.server()?;
        Ok(ValueEntry::Jid { user, server, device: 0, integrator: 0 })
    }

    fn ad_jid(&mut self) -> Result<ValueEntry<'a>, DecodeError> {
        let server = match self.byte()? {
            0 => "s.whatsapp.net",
            1 => "lid",
            129 => "hosted.lid",
            even if even & 0x81 == 0x80 => "hosted",
            _ => return Err(DecodeError::Jid),
        };
        let device = u16::from(self.byte()?);
        let user = self.user()?;
        Ok(ValueEntry::Jid { user, server: Text::Wire(server), device, integrator: 0 })
    }

    fn fixed_server(
        &mut self,
        name: &'static str,
        user: Range,
        device: u16,
        integrator: u16,
    ) -> Result<ValueEntry<'a>, DecodeError> {
        match self.server()? {
            Text::Wire(found) if found == name => {
                Ok(ValueEntry::Jid { user, server: Text::Wire(name), device, integrator })
            }
            Text::Wire(_) | Text::Unpacked { .. } => Err(DecodeError::Jid),
        }
    }

    /// Reads a user part that has to be there.
    fn user(&mut self) -> Result<Range, DecodeError> {
        match self.byte()? {
            tag::LIST_EMPTY => Err(DecodeError::Jid),
            first => self.user_text(first),
        }
    }

    fn user_text(&mut self, first: u8) -> Result<Range, DecodeError> {
        match self.text(first)? {
            Text::Unpacked { start, len } => Ok(Range { start, len }),
            Text::Wire(text) => {
                self.reserve_unpacked();
                let start = narrow(self.unpacked.len());
                self.unpacked.push_str(text);
                Ok(Range { start, len: narrow(text.len()) })
            }
        }
    }

    fn server(&mut self) -> Result<Text<'a>, DecodeError> {
        match self.byte()? {
            tag::LIST_EMPTY => Err(DecodeError::Jid),
            first => match self.text(first)? {
                Text::Wire("") | Text::Unpacked { len: 0, .. } => Err(DecodeError::Jid),
                server @ (Text::Wire(_) | Text::Unpacked { .. }) => Ok(server),
            },
        }
    }

    fn required_text(&mut self) -> Result<Text<'a>, DecodeError> {
        let first = self.byte()?;
        self.text(first)
    }

    fn text(&mut self, first: u8) -> Result<Text<'a>, DecodeError> {
        match first {
            tag::DICTIONARY_0..=tag::DICTIONARY_3 => {
                let index = self.byte()?;
                token::double(first, index).map(Text::Wire).ok_or(DecodeError::Unexpected(first))
            }
            tag::BINARY_8 | tag::BINARY_20 | tag::BINARY_32 => {
                let bytes = self.binary(first)?;
                std::str::from_utf8(bytes).map(Text::Wire).map_err(|_| DecodeError::Utf8)
            }
            tag::NIBBLE_8 | tag::HEX_8 => {
                let head = self.byte()?;
                let packed = self.take(usize::from(head & 0x7F))?;
                self.reserve_unpacked();
                let start = narrow(self.unpacked.len());
                unpack(packed, first == tag::HEX_8, head & 0x80 != 0, &mut self.unpacked)?;
                Ok(Text::Unpacked { start, len: narrow(self.unpacked.len()).wrapping_sub(start) })
            }
            _ => token::single(first).map(Text::Wire).ok_or(DecodeError::Unexpected(first)),
        }
    }

    fn binary(&mut self, first: u8) -> Result<&'a [u8], DecodeError> {
        let len = match first {
            tag::BINARY_8 => u32::from(self.byte()?),
            tag::BINARY_20 => {
                let [high, middle, low] = self.array()?;
                u32::from_be_bytes([0, high & 0x0F, middle, low])
            }
            tag::BINARY_32 => u32::from_be_bytes(self.array()?),
            other => return Err(DecodeError::Unexpected(other)),
        };
        self.take(usize::try_from(len).map_err(|_| DecodeError::Truncated)?)
    }

    fn push(&mut self, entry: Entry<'a>) {
        if self.entries.capacity() == 0 {
            // Enough for every stanza but long lists, which grow it.
            self.entries.reserve_exact((self.frame_len / 16).clamp(8, 64));
        }
        self.entries.push(entry);
    }

    fn reserve_unpacked(&mut self) {
        if self.unpacked.capacity() == 0 {
            self.unpacked.reserve_exact((self.frame_len / 8).max(64));
        }
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}
