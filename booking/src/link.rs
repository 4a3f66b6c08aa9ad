//! Links to one visit, for its client: who has the token sees and changes the visit without signing in.
//!
//! Tokens are random and kept as hashes only, so a text that is planned anew gets a new one; all of them work until
//! the visit is over.

use std::fmt;

use db::Connection;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BookingId, BusinessId};
use crate::store::StoreError;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 16;

/// A secret of 32 hex digits. `Debug` shows nothing.
#[derive(Clone)]
pub struct LinkToken(String);

impl LinkToken {
    /// A new one.
    #[must_use]
    pub fn fresh(entropy: &Entropy) -> Self {
        Self(hex::encode(entropy.bytes::<TOKEN_BYTES>()))
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

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
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
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into visit_links (token_hash, business_id, booking_id, created_at) values ($1, $2, $3, $4)",
        token.hash().as_slice(),
        business_id,
        booking_id,
        now,
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
    Ok(db::fetch_optional!(
        connection,
        (BusinessId, BookingId),
        "select l.business_id, l.booking_id
         from visit_links l join bookings b on b.business_id = l.business_id and b.id = l.booking_id
         where l.token_hash = $1 and b.ends_at > $2",
        token.hash().as_slice(),
        now,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_random_and_hidden() {
        let entropy = Entropy::seeded(1);
        let (one, other) = (LinkToken::fresh(&entropy), LinkToken::fresh(&entropy));
        assert_eq!(one.expose().len(), 32);
        assert_ne!(one.expose(), other.expose());
        assert!(!format!("{one:?}").contains(one.expose()));
        assert_eq!(LinkToken::given(one.expose()).hash(), one.hash());
        assert!(one.address("https://example.kz/").starts_with("https://example.kz/api/v1/visit/"));
    }
}
