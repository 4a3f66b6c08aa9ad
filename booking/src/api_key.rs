//! Keys of programs: what each may do.

use std::fmt;

use db::{Connection, Db};
use serde_json::json;
use zeroize::Zeroizing;

use crate::access::{Access, Origin};
use crate::audit::{self, Change};
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, BusinessId};
use crate::name::Name;
use crate::platform::Platform;
use crate::session;
use crate::store::{StoreError, from_store, text_enum};

/// What every key begins with.
const PREFIX: &str = "bk_";
/// The distance between two entries of when a key was used, in seconds.
const USE_SECONDS: i64 = 60;
/// The most keys of a business that open anything.
const MOST_KEYS: i64 = 50;

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

/// A key of a business, without its secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ApiKey {
    /// The row.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: Name,
    /// The part that is no secret: what the key begins with, after its prefix.
    pub public: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A new key's text, shown once. `Debug` shows nothing of it.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The whole key, to hand out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why no key was made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// A key without rights opens nothing.
    #[error("a key needs a right")]
    NoScope,
    /// It would have expired already.
    #[error("the key would have expired already")]
    Past,
    /// There are too many.
    #[error("the business has too many keys")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(CreateKeyError);

/// Makes a key; its text is nowhere to be had again.
///
/// # Errors
///
/// [`CreateKeyError`].
pub async fn create(
    platform: &Platform,
    access: &Access,
    name: &Name,
    scopes: &[Scope],
    expires_at: Option<Timestamp>,
) -> Result<(ApiKey, Secret), CreateKeyError> {
    let now = platform.clock.real_now();
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(CreateKeyError::NoScope);
    }
    if expires_at.is_some_and(|end| end <= now) {
        return Err(CreateKeyError::Past);
    }
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let public = hex::encode(platform.entropy.bytes::<4>());
    let secret = Zeroizing::new(hex::encode(platform.entropy.bytes::<32>()));
    let mut tx = platform.db.begin().await?;
    if live_keys(&mut tx, access.business_id, now).await? >= MOST_KEYS {
        return Err(CreateKeyError::TooMany);
    }
    let (id,) = db::fetch_one!(
        &mut tx,
        (ApiKeyId,),
        "insert into api_keys (business_id, name, public, secret_hash, scopes, created_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
        access.business_id,
        name.as_str(),
        public.as_str(),
        session::hash(&secret).as_slice(),
        words.join(" "),
        access.user_id(),
        now,
        expires_at,
    )?;
    let new = json!({ "name": name.as_str(), "public": public, "scopes": words, "expires_at": expires_at });
    let change = Change { entity: "api_key", entity_id: id.get(), action: "create", old: None, new: Some(new) };
    audit::record(&mut tx, Some(access.business_id), &access.origin, &change, now).await?;
    tx.commit().await?;
    let text = Secret(Zeroizing::new(format!("{PREFIX}{public}_{}", *secret)));
    let name = name.clone();
    Ok((ApiKey { id, name, public, scopes, created_at: now, expires_at, last_used_at: None }, text))
}

/// The keys of a business that are not revoked, the newest first.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<ApiKey>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, name, public, scopes, created_at, expires_at, last_used_at
         from api_keys where business_id = $1 and revoked_at is null order by id desc",
        business_id,
    )?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Revokes a key: it opens nothing from the next request on. Whether there was one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn revoke(
    platform: &Platform,
    business_id: BusinessId,
    id: ApiKeyId,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let revoked = db::execute!(
        &mut tx,
        "update api_keys set revoked_at = $3 where business_id = $1 and id = $2 and revoked_at is null",
        business_id,
        id,
        now,
    )?;
    if revoked > 0 {
        let change = Change { entity: "api_key", entity_id: id.get(), action: "revoke", old: None, new: None };
        audit::record(&mut tx, Some(business_id), origin, &change, now).await?;
    }
    tx.commit().await?;
    Ok(revoked > 0)
}

async fn live_keys(connection: &mut Connection, business_id: BusinessId, now: Timestamp) -> Result<i64, StoreError> {
    let (count,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from api_keys
         where business_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
        business_id,
        now,
    )?;
    Ok(count)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: ApiKeyId,
    name: String,
    public: String,
    scopes: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl TryFrom<Row> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |_| StoreError::Row { table: "api_keys", id: row.id.get(), rule: "name is malformed" };
        Ok(Self {
            id: row.id,
            name: row.name.parse().map_err(broken)?,
            scopes: read_scopes(&row.scopes, row.id)?,
            public: row.public,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        })
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
