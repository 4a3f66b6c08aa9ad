//! Reading nodes.

use std::borrow::Cow;
use std::ops::Range;

use super::text::unpack;
use super::tree::{ContentEntry, Entry, NodeEntry, Text, Tree, resolve};
use super::{MAX_DEPTH, tag};
use crate::token;

/// Children from which on room is made for a list before it is read.
const LONG_LIST: usize = 8;

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
    #[error("bytes follow the node")]
    Trailing,
    /// 1 GiB or more: no frame, so that it was not the peer who sent it.
    #[error("the bytes are too many for a node")]
    TooLong,
}

/// Reads the one node that `bytes` hold: a frame's plaintext without its flag byte.
///
/// Costs two allocations for a stanza of ordinary size, each of them bounded by a multiple of the length of
/// `bytes`.
///
/// # Errors
///
/// [`DecodeError`] says what is malformed; every input is either read whole or refused.
pub fn decode(bytes: &[u8]) -> Result<Tree<'_>, DecodeError> {
    if bytes.len() > Text::LONGEST {
        return Err(DecodeError::TooLong);
    }
    let mut decoder = Decoder::new(bytes);
    // Enough for all stanzas but long lists, which make it grow.
    decoder.entries.reserve_exact((bytes.len() / 16).clamp(8, 32));
    match decoder.node(MAX_DEPTH) {
        Some(()) if decoder.at == bytes.len() => {
            let Decoder { entries, unpacked, .. } = decoder;
            Ok(Tree { frame: Cow::Borrowed(bytes), entries, unpacked })
        }
        Some(()) => Err(DecodeError::Trailing),
        None => Err(decoder.error),
    }
}

/// Returns the tag of the node that `bytes` hold, without reading the rest; `None` if it is packed.
pub(crate) fn peek_tag(bytes: &[u8]) -> Option<&str> {
    let mut decoder = Decoder::new(bytes);
    decoder.element_size()?;
    match decoder.byte()? {
        tag::DICTIONARY_0..=tag::DICTIONARY_3 => {
            token::double(*bytes.get(decoder.at.checked_sub(1)?)?, decoder.byte()?)
        }
        first @ (tag::BINARY_8 | tag::BINARY_20 | tag::BINARY_32) => {
            let range = decoder.binary(first)?;
            std::str::from_utf8(bytes.get(range)?).ok()
        }
        first => token::single(first),
    }
}

/// The place in a frame, and what came of it so far.
///
/// Its methods return `None` on malformed input, with the reason in `error`: this keeps results small, and the
/// loop over attributes is where a frame's time goes.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    entries: Vec<Entry>,
    unpacked: Vec<u8>,
    error: DecodeError,
}

impl<'a> Decoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, entries: Vec::new(), unpacked: Vec::new(), error: DecodeError::Truncated }
    }

    fn node(&mut self, levels: usize) -> Option<()> {
        let Some(levels) = levels.checked_sub(1) else { return self.fail(DecodeError::TooDeep) };
        let place = self.entries.len();
        self.entries.push(Entry::VACANT);
        let size = self.element_size()?;
        let node_tag = self.text()?;
        if node_tag.is_empty() {
            return self.fail(DecodeError::NoTag);
        }
        for _ in 0..size.wrapping_sub(1) / 2 {
            let key = self.text()?;
            match self.byte()? {
                tag::LIST_EMPTY => {}
                first => self.value(key, first)?,
            }
        }
        let attrs = self.entries.len().wrapping_sub(place).wrapping_sub(1);
        let content = if size.is_multiple_of(2) { self.content(levels)? } else { ContentEntry::None };
        let entry = NodeEntry::new(node_tag, content, attrs, self.entries.len());
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = Entry::Node(entry);
        }
        Some(())
    }

    /// Reads the list that an element begins with: at least its tag.
    #[inline]
    fn element_size(&mut self) -> Option<usize> {
        let size = match self.byte()? {
            tag::LIST_8 => usize::from(self.byte()?),
            tag::LIST_16 => self.u16()?.into(),
            tag::LIST_EMPTY => 0,
            first => return self.fail(DecodeError::NotAList(first)),
        };
        if size == 0 { self.fail(DecodeError::NoTag) } else { Some(size) }
    }

    fn content(&mut self, levels: usize) -> Option<ContentEntry> {
        let count = match self.byte()? {
            first @ (tag::BINARY_8 | tag::BINARY_20 | tag::BINARY_32) => {
                let range = self.binary(first)?;
                return Some(ContentEntry::Bytes(Text::wire(range.start, range.len())));
            }
            tag::LIST_8 => usize::from(self.byte()?),
            tag::LIST_16 => self.u16()?.into(),
            tag::LIST_EMPTY => 0,
            first => {
                self.value(Text::EMPTY, first)?;
                return Some(ContentEntry::Value);
            }
        };
        if count == 0 {
            return Some(ContentEntry::None);
        }
        if count > LONG_LIST {
            // Room for elements as they usually are, if the bytes are there for them.
            let rest = self.bytes.len().saturating_sub(self.at);
            self.entries.reserve(count.saturating_mul(5).min(rest / 8));
        }
        for _ in 0..count {
            self.node(levels)?;
        }
        Some(ContentEntry::Nodes)
    }

    /// Reads the value that `first` begins, and appends it under its key.
    #[inline]
    fn value(&mut self, key: Text, first: u8) -> Option<()> {
        let entry = match first {
            tag::INTEROP_JID..=tag::AD_JID | tag::JID_PAIR => self.jid(key, first)?,
            _ => Entry::Text { key, value: self.text_from(first)? },
        };
        self.entries.push(entry);
        Some(())
    }

    fn jid(&mut self, key: Text, first: u8) -> Option<Entry> {
        let mut integrator = 0;
        let (user, server, device) = match first {
            tag::JID_PAIR => {
                let user = match self.byte()? {
                    tag::LIST_EMPTY => Text::EMPTY,
                    first => self.text_from(first)?,
                };
                (user, self.required_text()?, 0)
            }
            tag::AD_JID => {
                let [domain, device] = self.array()?;
                let server = match domain {
                    0 => Text::token(tag::SERVER_PN.into()),
                    1 => Text::token(tag::SERVER_LID.into()),
                    129 => self.keep(b"hosted.lid"),
                    even if even & 0x81 == 0x80 => self.keep(b"hosted"),
                    _ => return self.fail(DecodeError::Jid),
                };
                (self.user()?, server, u16::from(device))
            }
            _ => {
                let user = self.user()?;
                let device = self.u16()?;
                let expected: &[u8] = if first == tag::FB_JID {
                    b"msgr"
                } else {
                    integrator = self.u16()?;
                    b"interop"
                };
                let server = self.required_text()?;
                if resolve(server, self.bytes, &self.unpacked) != expected {
                    return self.fail(DecodeError::Jid);
                }
                (user, server, device)
            }
        };
        Some(Entry::Jid { key, user, server, device, integrator })
    }

    /// Reads the user of an address that has to have one.
    #[inline]
    fn user(&mut self) -> Option<Text> {
        match self.byte()? {
            tag::LIST_EMPTY => self.fail(DecodeError::Jid),
            first => self.text_from(first),
        }
    }

    /// Reads the server of an address.
    #[inline]
    fn required_text(&mut self) -> Option<Text> {
        let server = self.user()?;
        if server.is_empty() { self.fail(DecodeError::Jid) } else { Some(server) }
    }

    #[inline]
    fn text(&mut self) -> Option<Text> {
        let first = self.byte()?;
        self.text_from(first)
    }

    #[inline]
    fn text_from(&mut self, first: u8) -> Option<Text> {
        if first != tag::LIST_EMPTY && first < tag::DICTIONARY_0 {
            Some(Text::token(first.into()))
        } else {
            self.long_text(first)
        }
    }

    fn long_text(&mut self, first: u8) -> Option<Text> {
        match first {
            tag::DICTIONARY_0..=tag::DICTIONARY_3 => Some(Text::token(token::double_index(first, self.byte()?))),
            tag::BINARY_8 | tag::BINARY_20 | tag::BINARY_32 => {
                let range = self.binary(first)?;
                match std::str::from_utf8(self.bytes.get(range.clone())?) {
                    Ok(_) => Some(Text::wire(range.start, range.len())),
                    Err(_) => self.fail(DecodeError::Utf8),
                }
            }
            tag::NIBBLE_8 | tag::HEX_8 => {
                let head = self.byte()?;
                let range = self.take(usize::from(head & 0x7F))?;
                self.make_room();
                let start = self.unpacked.len();
                let packed = self.bytes.get(range)?;
                match unpack(packed, first == tag::HEX_8, head & 0x80 != 0, &mut self.unpacked) {
                    Ok(()) => Some(Text::unpacked(start, self.unpacked.len().wrapping_sub(start))),
                    Err(_) => self.fail(DecodeError::Packed),
                }
            }
            _ => self.fail(DecodeError::Unexpected(first)),
        }
    }

    /// Keeps a text that is not in the frame.
    fn keep(&mut self, text: &[u8]) -> Text {
        self.make_room();
        let start = self.unpacked.len();
        self.unpacked.extend_from_slice(text);
        Text::unpacked(start, text.len())
    }

    fn make_room(&mut self) {
        if self.unpacked.capacity() == 0 {
            self.unpacked.reserve_exact((self.bytes.len() / 8).max(64));
        }
    }

    /// Reads a length and returns where the bytes of that length are.
    #[inline]
    fn binary(&mut self, first: u8) -> Option<Range<usize>> {
        let length = match first {
            tag::BINARY_8 => u32::from(self.byte()?),
            tag::BINARY_20 => {
                let [high, middle, low] = self.array()?;
                u32::from_be_bytes([0, high & 0x0F, middle, low])
            }
            _ => u32::from_be_bytes(self.array()?),
        };
        self.take(usize::try_from(length).ok()?)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at = self.at.wrapping_add(1);
        Some(byte)
    }

    #[inline]
    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.array()?))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at = self.at.wrapping_add(N);
        Some(array)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        let start = std::mem::replace(&mut self.at, end);
        Some(start..end)
    }

    #[cold]
    fn fail<T>(&mut self, error: DecodeError) -> Option<T> {
        self.error = error;
        None
    }
}
