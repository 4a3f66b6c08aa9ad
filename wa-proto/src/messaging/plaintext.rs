//! The serialised message as it is before padding and encryption.

use std::ops::Range;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::addressing::account_name;
use super::fields::{MalformedMessage, walk};
use crate::jid::Jid;
use crate::proto;

/// Length of a message secret in bytes.
pub const MESSAGE_SECRET: usize = 32;

/// `Message.messageContextInfo`.
pub(super) const CONTEXT_INFO: u32 = 35;
/// `Message.deviceSentMessage`.
pub(super) const DEVICE_SENT: u32 = 31;
/// `DeviceSentMessage.destinationJid`.
const DESTINATION: u32 = 1;
/// `DeviceSentMessage.message`.
pub(super) const INNER_MESSAGE: u32 = 2;
/// `Message.conversation`.
const CONVERSATION: u32 = 1;
/// `MessageContextInfo.messageSecret`.
const SECRET: u32 = 3;

/// The random secret in a message, from which keys for later additions to it are derived: votes,
/// reactions, reporting tokens.
#[derive(Clone)]
pub struct MessageSecret(Zeroizing<[u8; MESSAGE_SECRET]>);

impl MessageSecret {
    /// Draws a new secret.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Zeroizing::new([0; MESSAGE_SECRET]);
        rng.fill_bytes(secret.as_mut_slice());
        Self(secret)
    }

    /// Takes a secret that was stored or received; `None` when the length is wrong.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|secret| Self(Zeroizing::new(secret)))
    }

    /// The secret itself, to be stored or used.
    #[must_use]
    pub fn expose(&self) -> &[u8; MESSAGE_SECRET] {
        &self.0
    }
}

impl std::fmt::Debug for MessageSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageSecret")
    }
}

/// A serialised `Message`: what the recipient's devices get, and what is kept for retries.
///
/// Kept as bytes, never decoded and encoded again, so fields this client does not know survive.
/// `Debug` shows the length only.
#[derive(Clone)]
pub struct Plaintext {
    bytes: Vec<u8>,
    /// Where `messageContextInfo` stands, key included; empty when there is none.
    context_info: Range<usize>,
}

impl Plaintext {
    /// A plain text with its secret: the message that most sends are.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use wa_proto::messaging::{MessageSecret, Plaintext};
    ///
    /// let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    /// let plaintext = Plaintext::text("Hello", &MessageSecret::generate(&mut rng));
    /// assert_eq!(plaintext.decode()?.conversation.as_deref(), Some("Hello"));
    /// # Ok::<(), wa_proto::messaging::MalformedMessage>(())
    /// ```
    #[must_use]
    pub fn text(body: &str, secret: &MessageSecret) -> Self {
        let info_length = delimited_length(SECRET, MESSAGE_SECRET);
        let start = delimited_length(CONVERSATION, body.len());
        let end = start.saturating_add(delimited_length(CONTEXT_INFO, info_length));
        let mut bytes = Vec::with_capacity(end);
        put_delimited(&mut bytes, CONVERSATION, &[body.as_bytes()]);
        put_header(&mut bytes, CONTEXT_INFO, info_length);
        put_delimited(&mut bytes, SECRET, &[secret.expose()]);
        Self { bytes, context_info: start..end }
    }

    /// Serialises any message.
    #[must_use]
    pub fn encode(message: &proto::Message) -> Self {
        let bytes = message.encode_to_vec();
        Self::from_bytes(bytes).unwrap_or(Self { bytes: Vec::new(), context_info: 0..0 })
    }

    /// Takes a message that is already serialised, e.g. one kept for retries.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when the bytes are no sequence of protobuf fields.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MalformedMessage> {
        let mut context_info = 0..0;
        for field in walk(&bytes) {
            let field = field?;
            if field.number == CONTEXT_INFO && context_info.is_empty() {
                context_info = field.whole;
            }
        }
        Ok(Self { bytes, context_info })
    }

    /// The serialised message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decodes the message.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when a known field has the wrong shape.
    pub fn decode(&self) -> Result<proto::Message, MalformedMessage> {
        proto::Message::decode(self.bytes.as_slice()).map_err(|_| MalformedMessage)
    }

    /// Appends to `out` the form for our own other devices: the message inside of a device-sent
    /// wrapper that names the chat, with the context info moved to the outside.
    ///
    /// `destination` is the bare JID of the chat, in the namespace of the stanza.
    ///
    /// Source: vectors `device_sent_wrap`, `dsm_text`, `dsm_text_secret_outer`.
    pub fn wrap_device_sent(&self, destination: &Jid, out: &mut Vec<u8>) {
        let destination = account_name(destination);
        let before = self.bytes.get(..self.context_info.start).unwrap_or_default();
        let context_info = self.bytes.get(self.context_info.clone()).unwrap_or_default();
        let after = self.bytes.get(self.context_info.end..).unwrap_or_default();
        let wrapper = delimited_length(DESTINATION, total(&destination))
            .saturating_add(delimited_length(INNER_MESSAGE, total(&[before, after])));
        out.reserve(wrapper.saturating_add(context_info.len()).saturating_add(ROOM_FOR_HEADER));
        put_header(out, DEVICE_SENT, wrapper);
        put_delimited(out, DESTINATION, &destination);
        put_delimited(out, INNER_MESSAGE, &[before, after]);
        out.extend_from_slice(context_info);
    }
}

/// Enough for any field key and length.
const ROOM_FOR_HEADER: usize = 16;

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plaintext({} bytes)", self.bytes.len())
    }
}

/// Writes the key and the length of a length-delimited field.
fn put_header(out: &mut Vec<u8>, number: u32, length: usize) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Writes a length-delimited field whose value comes in pieces.
fn put_delimited(out: &mut Vec<u8>, number: u32, pieces: &[&[u8]]) {
    put_header(out, number, total(pieces));
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// The length of pieces together.
fn total(pieces: &[&[u8]]) -> usize {
    pieces.iter().map(|piece| piece.len()).fold(0, usize::saturating_add)
}

/// The length of a length-delimited field with a value of `length` bytes.
fn delimited_length(number: u32, length: usize) -> usize {
    let key = encoded_len_varint(u64::from(number) << 3);
    key.saturating_add(encoded_len_varint(length as u64)).saturating_add(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::messaging::vectors;

    fn vector(name: &str) -> Vec<u8> {
        let vectors = vectors::load();
        let case = vectors::cases(&vectors["messages"]["cases"])
            .iter()
            .find(|case| case["name"] == name)
            .unwrap_or_else(|| panic!("no case {name}"));
        vectors::bytes(&case["hex"])
    }

    fn secret() -> MessageSecret {
        MessageSecret::from_slice(&(1..=32).collect::<Vec<u8>>()).unwrap()
    }

    fn peer() -> Jid {
        "990000000000002@lid".parse().unwrap()
    }

    fn wrapped(bytes: Vec<u8>, destination: &Jid) -> Vec<u8> {
        let mut out = Vec::new();
        Plaintext::from_bytes(bytes).unwrap().wrap_device_sent(destination, &mut out);
        out
    }

    #[test]
    fn a_text_is_encoded_as_published() {
        let plaintext = Plaintext::text("Hello", &secret());
        assert_eq!(plaintext.as_bytes(), vector("text_with_secret_no_rtv"));
        assert_eq!(plaintext.bytes.capacity(), plaintext.bytes.len());
        let walked = Plaintext::from_bytes(plaintext.bytes.clone()).unwrap();
        assert_eq!(walked.context_info, plaintext.context_info);
    }

    #[test]
    fn the_wrapper_for_own_devices_is_the_published_one() {
        let vectors = vectors::load();
        let case = &vectors["device_sent_wrap"];
        let destination: Jid = case["destination"].as_str().unwrap().parse().unwrap();
        let output = wrapped(vectors::bytes(&case["input"]), &destination);
        assert_eq!(output, vectors::bytes(&case["output"]));
        assert_eq!(wrapped(vector("text"), &peer()), vector("dsm_text"));
        assert_eq!(wrapped(vector("text_with_secret"), &peer()), vector("dsm_text_secret_outer"));
    }

    #[test]
    fn fields_after_the_context_info_stay_inside() {
        let mut bytes = vector("text_with_secret");
        bytes.extend_from_slice(&[0xf2, 0x02, 0x00]); // field 46, empty
        let outer = proto::Message::decode(wrapped(bytes, &peer()).as_slice()).unwrap();
        let inner = outer.device_sent_message.unwrap().message.unwrap();
        assert_eq!(inner.conversation.as_deref(), Some("Hello"));
        assert!(inner.reaction_message.is_some());
        assert!(inner.message_context_info.is_none());
        assert!(outer.message_context_info.is_some());
    }

    #[test]
    fn every_published_message_decodes_and_encodes_to_its_bytes() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["messages"]["cases"]) {
            let bytes = vectors::bytes(&case["hex"]);
            let message = Plaintext::from_bytes(bytes.clone()).unwrap().decode().unwrap();
            assert_eq!(Plaintext::encode(&message).as_bytes(), bytes, "{}", case["name"]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(plaintext) = Plaintext::from_bytes(bytes) {
                plaintext.wrap_device_sent(&peer(), &mut Vec::new());
                let _ = plaintext.decode();
            }
        }

        #[test]
        fn any_text_survives_the_wrapper(body in ".{0,200}") {
            let plaintext = Plaintext::text(&body, &secret());
            let mut out = Vec::new();
            plaintext.wrap_device_sent(&peer(), &mut out);
            let outer = proto::Message::decode(out.as_slice()).unwrap();
            let wrapper = outer.device_sent_message.unwrap();
            prop_assert_eq!(wrapper.destination_jid.as_deref(), Some("990000000000002@lid"));
            prop_assert_eq!(wrapper.message.unwrap().conversation, Some(body));
        }
    }
}
