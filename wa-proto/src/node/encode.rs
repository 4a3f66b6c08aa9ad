//! Writing nodes.

use super::owned::{Content, Node, Value};
use super::text::{Alphabet, Packed, is_packable};
use super::{MAX_DEPTH, tag};
use crate::jid::{Jid, Server};
use crate::token::{self, Token};

/// Why a node cannot be written. What was written of it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// An element without a tag.
    #[error("an element has no tag")]
    NoTag,
    /// More than 65,535 children, or more than 32,766 attributes.
    #[error("a list is too long")]
    ListTooLong,
    /// Bytes or text of 4 GiB or more.
    #[error("a value is too long")]
    ValueTooLong,
    /// A device number on an address that cannot carry it: over 255, or on a server without devices.
    #[error("the address cannot be written with its device number")]
    Device,
    /// More levels than [`MAX_DEPTH`].
    #[error("elements are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// An attribute after the content, or a second content.
    #[error("an attribute or content was written after the content")]
    Order,
}

/// Appends the encoding of `node` to `out`: a frame's plaintext without its flag byte.
///
/// Allocates nothing beyond what `out` has to grow by.
///
/// # Errors
///
/// [`EncodeError`] if the node has no encoding; `out` is then as it was.
pub fn encode_into(node: &Node, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let written = write_node(node, out, MAX_DEPTH);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

pub(super) fn write_node(node: &Node, out: &mut Vec<u8>, levels: usize) -> Result<(), EncodeError> {
    let levels = levels.checked_sub(1).ok_or(EncodeError::TooDeep)?;
    if node.tag.is_empty() {
        return Err(EncodeError::NoTag);
    }
    let has_content = !matches!(node.content, Content::None);
    write_list(element_size(node.attrs.len(), has_content)?, out)?;
    write_text(node.tag.as_bytes(), out)?;
    for (key, value) in &node.attrs {
        write_text(key.as_bytes(), out)?;
        match value {
            Value::Text(text) => write_text(text.as_bytes(), out)?,
            Value::Jid(jid) => write_jid(jid, out)?,
        }
    }
    match &node.content {
        Content::None => Ok(()),
        Content::Bytes(bytes) => write_bytes(bytes, out),
        Content::Text(text) => write_text(text.as_bytes(), out),
        Content::Nodes(children) => {
            write_list(children.len(), out)?;
            children.iter().try_for_each(|child| write_node(child, out, levels))
        }
    }
}

/// Returns the list size of an element: its tag, two values for each attribute, and its content.
pub(super) fn element_size(attrs: usize, has_content: bool) -> Result<usize, EncodeError> {
    attrs
        .checked_mul(2)
        .and_then(|size| size.checked_add(1)?.checked_add(usize::from(has_content)))
        .ok_or(EncodeError::ListTooLong)
}

pub(super) fn write_list(size: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if size == 0 {
        out.push(tag::LIST_EMPTY);
    } else if let Ok(size) = u8::try_from(size) {
        out.extend_from_slice(&[tag::LIST_8, size]);
    } else {
        let [high, low] = u16::try_from(size).map_err(|_| EncodeError::ListTooLong)?.to_be_bytes();
        out.extend_from_slice(&[tag::LIST_16, high, low]);
    }
    Ok(())
}

pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let len = u32::try_from(bytes.len()).map_err(|_| EncodeError::ValueTooLong)?;
    let [top, high, middle, low] = len.to_be_bytes();
    match len {
        0..0x100 => out.extend_from_slice(&[tag::BINARY_8, low]),
        0x100..0x10_0000 => out.extend_from_slice(&[tag::BINARY_20, high, middle, low]),
        _ => out.extend_from_slice(&[tag::BINARY_32, top, high, middle, low]),
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Longest token that could be packed instead, in bytes; a test holds it.
pub(super) const LONGEST_PACKABLE_TOKEN: usize = 4;

/// Writes text in the first form that takes it: token, packed, as it is.
#[inline]
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let packable = text.first().is_some_and(|&first| is_packable(first));
    // Beyond a few bytes, what can be packed is no token, and is not looked up first.
    if (!packable || text.len() <= LONGEST_PACKABLE_TOKEN)
        && let Some(index) = token::index_of(text)
    {
        match token::token_at(index) {
            Token::Single(byte) => out.push(byte),
            Token::Double(dictionary, index) => out.extend_from_slice(&[dictionary, index]),
        }
        return Ok(());
    }
    if packable { write_packable(text, out) } else { write_bytes(text, out) }
}

/// Writes text that begins like one that can be packed.
#[inline(never)]
fn write_packable(text: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let Some(packed) = Packed::new(text) {
        let kind = match packed.alphabet {
            Alphabet::Nibble => tag::NIBBLE_8,
            Alphabet::Hex => tag::HEX_8,
        };
        out.extend_from_slice(&[kind, packed.header()]);
        out.extend_from_slice(packed.bytes());
        return Ok(());
    }
    match token::lookup(text) {
        Some(Token::Single(byte)) => out.push(byte),
        Some(Token::Double(dictionary, index)) => out.extend_from_slice(&[dictionary, index]),
        None => return write_bytes(text, out),
    }
    Ok(())
}

pub(super) fn write_jid(jid: &Jid, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let user = jid.user_bytes();
    let device = u8::try_from(jid.device());
    if user.is_empty() {
        return write_jid_pair(jid, out);
    }
    match jid.server() {
        Server::Pn if jid.device() != 0 => write_ad_jid(0, device, user, out),
        Server::Lid if jid.device() != 0 => write_ad_jid(1, device, user, out),
        Server::Hosted => write_ad_jid(128, device, user, out),
        Server::HostedLid => write_ad_jid(129, device, user, out),
        Server::Messenger => {
            out.push(tag::FB_JID);
            write_text(user, out)?;
            out.extend_from_slice(&jid.device().to_be_bytes());
            write_text(b"msgr", out)
        }
        Server::Interop => {
            out.push(tag::INTEROP_JID);
            write_text(user, out)?;
            out.extend_from_slice(&jid.device().to_be_bytes());
            out.extend_from_slice(&jid.integrator().to_be_bytes());
            write_text(b"interop", out)
        }
        Server::Pn
        | Server::Lid
        | Server::Group
        | Server::Broadcast
        | Server::Newsletter
        | Server::Bot
        | Server::Legacy
        | Server::Call
        | Server::Other(_) => write_jid_pair(jid, out),
    }
}

fn write_jid_pair(jid: &Jid, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if jid.device() != 0 {
        return Err(EncodeError::Device);
    }
    out.push(tag::JID_PAIR);
    if jid.is_server() {
        out.push(tag::LIST_EMPTY);
    } else {
        write_text(jid.user_bytes(), out)?;
    }
    match jid.server() {
        Server::Pn => out.push(tag::SERVER_PN),
        Server::Lid => out.push(tag::SERVER_LID),
        Server::Group => out.push(tag::SERVER_GROUP),
        server @ (Server::Hosted
        | Server::HostedLid
        | Server::Broadcast
        | Server::Newsletter
        | Server::Bot
        | Server::Legacy
        | Server::Call
        | Server::Messenger
        | Server::Interop
        | Server::Other(_)) => write_text(server.as_str().as_bytes(), out)?,
    }
    Ok(())
}

fn write_ad_jid<E>(domain: u8, device: Result<u8, E>, user: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let device = device.map_err(|_| EncodeError::Device)?;
    out.extend_from_slice(&[tag::AD_JID, domain, device]);
    write_text(user, out)
}
