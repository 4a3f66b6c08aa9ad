//! Keys of programs: what each may do.

use std::fmt;

use db::Db;

use crate::clock::Timestamp;
use crate::id::ApiKeyId;
use crate::session;
use crate::store::{StoreError, text_enum};

/// What every key begins with.
const PREFIX: &str = "bk_";
/// The distance between two entries of when a key was used, in seconds.
const USE_SECONDS: i64 = 60;

text_enum! {
    /// A right of a key.
    Scope {
        /// Seeing visits and free times.
        BookingsRead = "bookings:read",
        /// Booking, moving and cancelling visits.
        BookingsWrite = "bookings:write",
        /// Seeing clients, and their numbers wherever they stand.
        ClientsRead = "clients:read",
        /// Changing clients.
        ClientsWrite = "clients:write",
        /// Seeing services, masters and their hours.
        CatalogueRead = "catalogue:read",
        /// Changing services, masters and their hours.
        CatalogueWrite = "catalogue:write",
        /// Seeing messages and how WhatsApp is.
        MessagesRead = "messages:read",
        /// Sending messages.
        MessagesWrite = "messages:write",
        /// Seeing the business's settings.
        SettingsRead = "settings:read",
    }
}

/// A key as a program sends it: `bk_<public>_<secret>`. `Debug` shows the public part only.
#[derive(Clone, Copy)]
pub struct KeyText<'a> {
    /// Finds its row.
    pub public: &'a str,
    secret: &'a str,
}

impl<'a> KeyText<'a> {
    /// Reads a key; `None` for what is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (public, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self { public, secret })
    }

    pub(crate) fn secret_hash(&self) -> [u8; 32] {
        session::hash(self.secret)
    }
}

impl fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({PREFIX}{}_…)", self.public)
    }
}

/// Writes down that a key was used, at most once a minute.
///
/// # Errors
///
/// [`StoreError`].
pub async fn used(db: &Db, id: ApiKeyId, last: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
    if last.is_some_and(|last| now.since(last) < USE_SECONDS) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "update api_keys set last_used_at = $2 where id = $1", id, now)?;
    Ok(tx.commit().await?)
}

/// Reads rights as a row has them.
pub(crate) fn read_scopes(text: &str, id: ApiKeyId) -> Result<Vec<Scope>, StoreError> {
    text.split_whitespace().map(|scope| Scope::of_row(scope, "api_keys", id.get())).collect()
}
