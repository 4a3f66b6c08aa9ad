//! Links to one visit, for its client: who has the token sees and changes the visit without signing in.
//!
//! Tokens are random and kept as hashes only, so a text that is planned anew gets a new one; all of them work until
//! the visit is over. Before its random part a token says when it was issued: hashes alone would lie all over the index,
//! and each new one would be another page to read and to write.

use std::fmt;

use db::Connection;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BookingId, BusinessId};
use crate::store::StoreError;

/// Bytes of a token that say when it was issued.
const ISSUED_BYTES: usize = 6;
/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 16;

/// A secret of 44 hex digits: the millisecond since 1970 that it was issued in, and 128 random bits. `Debug` shows
/// nothing.
#[derive(Clone)]
pub struct LinkToken(String);

/// What is kept of a token, and found again by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// As the token says it. 0 for one that does not: they were of the random digits alone once.
    pub(crate) issued_ms: i64,
    /// SHA-256 of its whole text.
    pub(crate) hash: [u8; 32],
}

impl LinkToken {
    /// A new one.
    #[must_use]
    pub fn fresh(entropy: &Entropy, now_ms: i64) -> Self {
        let [_, _, issued @ ..] = now_ms.to_be_bytes();
        Self(hex::encode(issued) + &hex::encode(entropy.bytes::<TOKEN_BYTES>()))
    }

    /// One that somebody brings; any text may be brought.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text: for its owner only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn kept(&self) -> Kept {
        let (mut issued_ms, length) = ([0; 8], 2 * (ISSUED_BYTES + TOKEN_BYTES));
        let digits = self.0.get(..2 * ISSUED_BYTES).filter(|_| self.0.len() == length);
        let said = digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut issued_ms[2..]).is_ok());
        Kept {
            // What is no hex digits was never issued.
            issued_ms: if said { i64::from_be_bytes(issued_ms) } else { 0 },
            hash: Sha256::digest(self.0.as_bytes()).into(),
        }
    }

    /// The address that a client is sent, below the platform's own.
    #[must_use]
    pub fn address(&self, base: &str) -> String {
        format!("{}/api/v1/visit/{}", base.trim_end_matches('/'), self.0)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken")
    }
}

/// Lets a token lead to a visit.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn keep(
    connection: &mut Connection,
    business_id: BusinessId,
    booking_id: BookingId,
    token: &LinkToken,
) -> Result<(), StoreError> {
    let kept = token.kept();
    db::execute!(
        connection,
        "insert into visit_links (issued_ms, token_hash, business_id, booking_id) values ($1, $2, $3, $4)",
        kept.issued_ms,
        kept.hash.as_slice(),
        business_id,
        booking_id,
    )?;
    Ok(())
}

/// The visit that a token leads to; `None` once it is over.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    token: &LinkToken,
    now: Timestamp,
) -> Result<Option<(BusinessId, BookingId)>, StoreError> {
    let kept = token.kept();
    Ok(db::fetch_optional!(
        connection,
        (BusinessId, BookingId),
        "select l.business_id, l.booking_id
         from visit_links l join bookings b on b.business_id = l.business_id and b.id = l.booking_id
         where l.issued_ms = $1 and l.token_hash = $2 and b.ends_at > $3",
        kept.issued_ms,
        kept.hash.as_slice(),
        now,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_random_and_hidden() {
        let (entropy, now_ms) = (Entropy::seeded(1), 1_768_460_400_123);
        let (one, other) = (LinkToken::fresh(&entropy, now_ms), LinkToken::fresh(&entropy, now_ms));
        assert_eq!(one.expose().len(), 44);
        assert_ne!(one.expose(), other.expose());
        assert!(!format!("{one:?}").contains(one.expose()));
        assert_eq!(LinkToken::given(one.expose()).kept(), one.kept());
        assert_eq!(one.kept().issued_ms, now_ms);
        assert!(one.address("https://example.kz/").starts_with("https://example.kz/api/v1/visit/"));
    }

    #[test]
    fn any_text_may_be_brought() {
        let plus = format!("+{}", "1".repeat(43));
        for text in ["", "0123456789abcdef0123456789abcdef", &plus, &"ж".repeat(22), &"1".repeat(45)] {
            assert_eq!(LinkToken::given(text).kept().issued_ms, 0, "{text}");
        }
        assert_eq!(LinkToken::given(&"f".repeat(44)).kept().issued_ms, 0xffff_ffff_ffff);
        for now_ms in [0, -1, i64::MAX] {
            let token = LinkToken::fresh(&Entropy::seeded(1), now_ms);
            assert_eq!(LinkToken::given(token.expose()).kept(), token.kept());
        }
    }
}
