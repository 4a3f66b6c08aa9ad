//! Message ids.

use std::fmt;

use rand::CryptoRng;
use sha2::{Digest, Sha256};

/// Longest id that is accepted from outside, in bytes. Ids of all known clients have 16 to 40.
pub const MAX_LENGTH: usize = 128;

/// What the ids of web clients begin with.
const WEB_PREFIX: &str = "3EB0";

/// Length of the ids that are made here.
const LENGTH: usize = WEB_PREFIX.len() + 2 * SHOWN;

/// How many bytes of the hash an id shows, as two hex digits each.
const SHOWN: usize = 9;

/// The name of one message in one chat, chosen by its sender.
///
/// It is the id of the stanza, the reference in receipts, quotes and edits, and an input of secret
/// derivation, so it never changes across resends: recipients drop repeats by it. Ids of phones
/// look different from ours; all that is required of one is 1 to [`MAX_LENGTH`] bytes of text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Box<str>);

/// Why a text is no message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageIdError {
    /// The text is empty.
    #[error("a message id must not be empty")]
    Empty,
    /// The text has more than [`MAX_LENGTH`] bytes.
    #[error("a message id of {length} bytes is over the limit of {MAX_LENGTH}")]
    TooLong {
        /// Length of the text in bytes.
        length: usize,
    },
}

impl MessageId {
    /// Makes a new id of the web client's shape: `3EB0` and 18 upper-case hex digits.
    ///
    /// `now` is Unix time in seconds, `own_user` the user part of the account's phone-number JID.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use wa_proto::messaging::MessageId;
    ///
    /// let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    /// let id = MessageId::generate(1_760_000_000, "77010000001", &mut rng);
    /// assert_eq!(id.as_str().len(), 22);
    /// assert!(id.as_str().starts_with("3EB0"));
    /// ```
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(now: u64, own_user: &str, rng: &mut R) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        Self::from_parts(now, own_user, &random)
    }

    /// Hashes the parts: `now` as 8 big-endian bytes ‖ user ‖ `@c.us` ‖ random, without the middle
    /// two while there is no user.
    ///
    /// Source: vectors `message_id.whatsmeow`.
    fn from_parts(now: u64, own_user: &str, random: &[u8; 16]) -> Self {
        let digest = Sha256::new()
            .chain_update(now.to_be_bytes())
            .chain_update(own_user)
            .chain_update(if own_user.is_empty() { "" } else { "@c.us" })
            .chain_update(random)
            .finalize();
        let mut text = String::with_capacity(LENGTH);
        text.push_str(WEB_PREFIX);
        for byte in digest.iter().take(SHOWN) {
            text.push(hex_digit(byte >> 4));
            text.push(hex_digit(byte & 0xf));
        }
        Self(text.into_boxed_str())
    }

    /// Takes an id that somebody else chose.
    ///
    /// # Errors
    ///
    /// [`MessageIdError`] when the text is empty or longer than [`MAX_LENGTH`].
    pub fn parse(text: &str) -> Result<Self, MessageIdError> {
        match text.len() {
            0 => Err(MessageIdError::Empty),
            1..=MAX_LENGTH => Ok(Self(text.into())),
            length => Err(MessageIdError::TooLong { length }),
        }
    }

    /// The id as it stands in stanzas.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({})", self.0)
    }
}

impl AsRef<str> for MessageId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for MessageId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The upper-case hex digit of a value below 16.
fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn the_formula_gives_the_published_ids() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["message_id"]["whatsmeow"]) {
            let random: [u8; 16] = vectors::bytes(&case["random"]).try_into().unwrap();
            let user = case["user"].as_str().unwrap();
            let id = MessageId::from_parts(case["unix"].as_u64().unwrap(), user, &random);
            assert_eq!(id.as_str(), case["id"].as_str().unwrap());
        }
    }

    #[test]
    fn two_ids_of_one_second_differ() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let first = MessageId::generate(1, "77010000001", &mut rng);
        assert_ne!(first, MessageId::generate(1, "77010000001", &mut rng));
    }

    #[test]
    fn ids_of_phones_are_taken_and_silly_ones_are_not() {
        assert_eq!(MessageId::parse("3A0123456789ABCDEF01").unwrap().as_str(), "3A0123456789ABCDEF01");
        assert_eq!(MessageId::parse(""), Err(MessageIdError::Empty));
        let long = "x".repeat(MAX_LENGTH + 1);
        assert_eq!(MessageId::parse(&long), Err(MessageIdError::TooLong { length: MAX_LENGTH + 1 }));
    }
}
