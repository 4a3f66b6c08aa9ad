//! Reporting tokens: proof that a message, reported by its recipient, is what the sender sent.
//!
//! Optional; the server takes messages without. The same secret must be in the message.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::addressing::account_name;
use super::fields::{Field, MalformedMessage, walk};
use super::{MessageId, MessageSecret, Plaintext};
use crate::jid::Jid;
use crate::node::Node;
use crate::signal::hmac::HmacKey;

/// Length of a reporting token in bytes.
pub const REPORTING_TOKEN: usize = 16;

/// Deepest nesting that is followed; deeper messages get no token.
const MAX_DEPTH: usize = 16;

/// The covered fields of one kind of message.
type Table = &'static [(u32, Covered)];

/// What happens to one field of a message.
#[derive(Clone, Copy)]
enum Covered {
    /// Copied as it stands.
    Whole,
    /// Read with a table of its own; written if something of it is covered.
    Inside(Table),
    /// Holds another message: read with the top-level table.
    Message,
}

use Covered::{Inside, Message, Whole};

/// Forwarding score and forwarded flag of a context info.
const CONTEXT: Table = &[(21, Whole), (22, Whole)];
/// Name and hash of a poll option.
const OPTION: Table = &[(1, Whole), (2, Whole)];
/// A wrapper around another message.
const WRAPPER: Table = &[(1, Message)];
/// Round and ordinary videos.
const VIDEO: Table = &[(2, Whole), (6, Whole), (7, Whole), (13, Whole), (17, Inside(CONTEXT)), (20, Whole)];
/// Creation of a poll.
const POLL: Table = &[(2, Whole), (3, Inside(OPTION)), (5, Inside(CONTEXT)), (8, Inside(OPTION))];

/// The covered fields of `Message`. Source: vectors `reporting_token`.
const TOP_LEVEL: Table = &[
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
    let mut content = Vec::with_capacity(plaintext.as_bytes().len());
    extract(plaintext.as_bytes(), TOP_LEVEL, MAX_DEPTH, &mut content).ok()?;
    if content.is_empty() {
        return None;
    }
    let mac = HmacKey::new(&token_key(secret, id, sender, remote)).authenticate(&[&content]);
    mac.first_chunk().copied()
}

/// The child of a message that carries a token.
#[must_use]
pub fn reporting_node(token: [u8; REPORTING_TOKEN]) -> Node {
    Node::new("reporting").child(Node::new("reporting_token").attr("v", "2").bytes(token))
}

/// Derives the key of the token: HKDF with no salt, one block of output.
fn token_key(secret: &MessageSecret, id: &MessageId, sender: &Jid, remote: &Jid) -> [u8; 32] {
    let [sender_user, at, sender_server] = account_name(sender);
    let [remote_user, _, remote_server] = account_name(remote);
    let id = id.as_str().as_bytes();
    let extracted = HmacKey::ZERO.authenticate(&[secret.expose()]);
    HmacKey::new(&extracted).authenticate(&[
        id,
        sender_user,
        at,
        sender_server,
        remote_user,
        at,
        remote_server,
        b"Report Token",
        &[1],
    ])
}

/// Appends the covered fields of one level to `out`, ordered by field number.
fn extract(bytes: &[u8], table: Table, levels: usize, out: &mut Vec<u8>) -> Result<(), MalformedMessage> {
    let levels = levels.checked_sub(1).ok_or(MalformedMessage)?;
    let mut is_ordered = true;
    let mut last = 0;
    for field in walk(bytes) {
        let number = field?.number;
        is_ordered &= last <= number;
        last = number;
    }
    if is_ordered {
        return walk(bytes).try_for_each(|field| append(bytes, &field?, table, levels, out));
    }
    let mut fields = walk(bytes).collect::<Result<Vec<_>, _>>()?;
    fields.sort_by_key(|field| field.number);
    fields.iter().try_for_each(|field| append(bytes, field, table, levels, out))
}

/// Appends what is covered of one field.
fn append(bytes: &[u8], field: &Field, table: Table, levels: usize, out: &mut Vec<u8>) -> Result<(), MalformedMessage> {
    let Some(&(_, covered)) = table.iter().find(|(number, _)| *number == field.number) else {
        return Ok(());
    };
    let table = match covered {
        Whole => {
            out.extend_from_slice(bytes.get(field.whole.clone()).unwrap_or_default());
            return Ok(());
        }
        Inside(table) => table,
        Message => TOP_LEVEL,
    };
    let Some(content) = field.content.clone().and_then(|content| bytes.get(content)) else { return Ok(()) };
    let start = out.len();
    extract(content, table, levels, out)?;
    let length = out.len().saturating_sub(start);
    if length > 0 {
        // The length is known only now: the header goes behind, then in front.
        encode_key(field.number, WireType::LengthDelimited, out);
        encode_varint(length as u64, out);
        if let Some(written) = out.get_mut(start..) {
            written.rotate_left(length);
        }
    }
    Ok(())
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
        let key = token_key(&secret, &id, &sender, &remote);
        assert_eq!(key.to_vec(), vectors::bytes(&section["lid"]["key"]));
    }
}
