//! Reporting tokens: proof that a message, reported by its recipient, is what the sender sent.
//!
//! Optional; the server takes messages without. The same secret must be in the message.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use prost::encoding::{WireType, encode_key, encode_varint};
use sha2::Sha256;

use super::fields::{MalformedMessage, walk};
use super::{MessageId, MessageSecret, Plaintext};
use crate::jid::Jid;
use crate::node::Node;

/// Length of a reporting token in bytes.
pub const REPORTING_TOKEN: usize = 16;

/// Deepest nesting that is followed; deeper messages get no token.
const MAX_DEPTH: usize = 16;

/// What happens to one field of a message.
#[derive(Clone, Copy)]
enum Covered {
    /// Copied as it stands.
    Whole,
    /// Read with a table of its own; written if something of it is covered.
    Inside(&'static [(u32, Covered)]),
    /// Holds another message: read with the top-level table.
    Message,
}

use Covered::{Inside, Message, Whole};

/// Forwarding score and forwarded flag of a context info.
const CONTEXT: &[(u32, Covered)] = &[(21, Whole), (22, Whole)];
/// Name and hash of a poll option.
const OPTION: &[(u32, Covered)] = &[(1, Whole), (2, Whole)];
/// A wrapper around another message.
const WRAPPER: &[(u32, Covered)] = &[(1, Message)];
/// Round and ordinary videos.
const VIDEO: &[(u32, Covered)] = &[(2, Whole), (6, Whole), (7, Whole), (13, Whole), (17, Inside(CONTEXT)), (20, Whole)];
/// Creation of a poll.
const POLL: &[(u32, Covered)] = &[(2, Whole), (3, Inside(OPTION)), (5, Inside(CONTEXT)), (8, Inside(OPTION))];

/// The covered fields of `Message`. Source: vectors `reporting_token`.
const TOP_LEVEL: &[(u32, Covered)] = &[
    (1, Whole),
    (3, Inside(&[(2, Whole), (3, Whole), (8, Whole), (11, Whole), (17, Inside(CONTEXT)), (25, Whole)])),
    (4, Inside(&[(1, Whole), (16, Whole), (17, Inside(CONTEXT))])),
    (5, Inside(&[(3, Whole), (4, Whole), (5, Whole), (16, Whole), (17, Inside(CONTEXT))])),
    (6, Inside(&[(1, Whole), (17, Inside(CONTEXT)), (30, Whole)])),
    (7, Inside(&[(2, Whole), (7, Whole), (10, Whole), (17, Inside(CONTEXT)), (20, Whole)])),
    (8, Inside(&[(2, Whole), (7, Whole), (9, Whole), (17, Inside(CONTEXT)), (21, Whole)])),
    (9, Inside(VIDEO)),
    (12, Inside(&[(1, Whole), (2, Whole), (14, Message), (15, Whole)])),
    (18, Inside(&[(6, Whole), (16, Whole), (17, Inside(CONTEXT))])),
    (26, Inside(&[(4, Whole), (5, Whole), (8, Whole), (13, Whole), (17, Inside(CONTEXT))])),
    (28, Inside(&[(1, Whole), (2, Whole), (4, Whole), (5, Whole), (6, Whole), (7, Inside(CONTEXT))])),
    (37, Inside(WRAPPER)),
    (49, Inside(POLL)),
    (53, Inside(WRAPPER)),
    (55, Inside(WRAPPER)),
    (58, Inside(WRAPPER)),
    (59, Inside(WRAPPER)),
    (60, Inside(POLL)),
    (64, Inside(POLL)),
    (66, Inside(VIDEO)),
    (74, Inside(WRAPPER)),
    (87, Inside(WRAPPER)),
    (88, Inside(&[(1, Whole), (2, Inside(&[(1, Whole)])), (3, Inside(CONTEXT))])),
    (92, Inside(WRAPPER)),
    (93, Inside(WRAPPER)),
    (94, Inside(WRAPPER)),
];

/// Computes the token of a message, or `None` for kinds that carry none.
///
/// `sender` and `remote` are the bare JIDs of ourselves and of the chat, in the namespace of the
/// stanza.
#[must_use]
pub fn reporting_token(
    plaintext: &Plaintext,
    secret: &MessageSecret,
    id: &MessageId,
    sender: &Jid,
    remote: &Jid,
) -> Option<[u8; REPORTING_TOKEN]> {
    let content = extract(plaintext.as_bytes(), TOP_LEVEL, 0).ok()?;
    if content.is_empty() {
        return None;
    }
    let key = token_key(secret, id, sender, remote)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(&content);
    mac.finalize().into_bytes().first_chunk().copied()
}

/// The child of a message that carries a token.
#[must_use]
pub fn reporting_node(token: [u8; REPORTING_TOKEN]) -> Node {
    Node::new("reporting").child(Node::new("reporting_token").attr("v", "2").bytes(token))
}

/// Derives the key of the token.
fn token_key(secret: &MessageSecret, id: &MessageId, sender: &Jid, remote: &Jid) -> Option<[u8; 32]> {
    let (sender, remote) = (sender.account().to_string(), remote.account().to_string());
    let info = [id.as_str().as_bytes(), sender.as_bytes(), remote.as_bytes(), b"Report Token"];
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, secret.expose()).expand_multi_info(&info, &mut key).ok()?;
    Some(key)
}

/// Collects the covered fields of one level, ordered by field number.
fn extract(bytes: &[u8], table: &[(u32, Covered)], depth: usize) -> Result<Vec<u8>, MalformedMessage> {
    if depth > MAX_DEPTH {
        return Err(MalformedMessage);
    }
    let mut pieces = Vec::new();
    for field in walk(bytes) {
        let field = field?;
        let Some(&(_, covered)) = table.iter().find(|(number, _)| *number == field.number) else {
            continue;
        };
        let table = match covered {
            Whole => {
                pieces.push((field.number, bytes.get(field.whole).unwrap_or_default().to_vec()));
                continue;
            }
            Inside(table) => table,
            Message => TOP_LEVEL,
        };
        let Some(content) = field.content.and_then(|content| bytes.get(content)) else { continue };
        let inner = extract(content, table, depth.saturating_add(1))?;
        if !inner.is_empty() {
            let mut piece = Vec::with_capacity(inner.len().saturating_add(8));
            encode_key(field.number, WireType::LengthDelimited, &mut piece);
            encode_varint(inner.len() as u64, &mut piece);
            piece.extend_from_slice(&inner);
            pieces.push((field.number, piece));
        }
    }
    pieces.sort_by_key(|(number, _)| *number);
    Ok(pieces.into_iter().flat_map(|(_, piece)| piece).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn content_and_tokens_are_the_published_ones() {
        let vectors = vectors::load();
        let section = &vectors["reporting_token"];
        let secret = MessageSecret::from_slice(&vectors::bytes(&section["secret"])).unwrap();
        let id = MessageId::parse(section["message_id"].as_str().unwrap()).unwrap();
        for case in vectors::cases(&section["cases"]) {
            let message = vectors::cases(&vectors["messages"]["cases"])
                .iter()
                .find(|message| message["name"] == case["message"])
                .unwrap();
            let plaintext = Plaintext::from_bytes(vectors::bytes(&message["hex"])).unwrap();
            for space in ["lid", "pn"] {
                let sender = section[space]["sender"].as_str().unwrap().parse().unwrap();
                let remote = section[space]["remote"].as_str().unwrap().parse().unwrap();
                let token = reporting_token(&plaintext, &secret, &id, &sender, &remote);
                let expected = &case[format!("token_{space}")];
                let expected = expected.as_str().map(|_| vectors::bytes(expected));
                assert_eq!(token.map(|token| token.to_vec()), expected, "{}", case["message"]);
            }
        }
    }

    #[test]
    fn the_key_is_the_published_one() {
        let vectors = vectors::load();
        let section = &vectors["reporting_token"];
        let secret = MessageSecret::from_slice(&vectors::bytes(&section["secret"])).unwrap();
        let id = MessageId::parse(section["message_id"].as_str().unwrap()).unwrap();
        let sender = section["lid"]["sender"].as_str().unwrap().parse().unwrap();
        let remote = section["lid"]["remote"].as_str().unwrap().parse().unwrap();
        let key = token_key(&secret, &id, &sender, &remote).unwrap();
        assert_eq!(key.to_vec(), vectors::bytes(&section["lid"]["key"]));
    }
}
