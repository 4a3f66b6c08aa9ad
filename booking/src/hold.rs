//! Time kept free while somebody fills in a form.
//!
//! A hold is a row with segments of its own beside those of visits, under the same constraint: nobody can book over it,
//! and it needs neither a client nor a state. It is over at its time: whoever finds it in the way after that takes it
//! away in the transaction that books, and a sweep takes the rest. Its visitor has a random token, kept as a hash.

use std::fmt;

use db::{Connection, Db};
use jiff::civil::DateTime;
use sha2::{Digest, Sha256};

use crate::access::Origin;
use crate::booking::segments::{self, Owner};
use crate::booking::{CreateError, HoldDraft};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BusinessId, MasterId, ServiceId};
use crate::platform::Platform;
use crate::slots::{self, Part};
use crate::store::StoreError;

/// The most times that one address holds in one business at once.
pub const MOST_AN_ADDRESS: i64 = 3;
/// The most times held in one business at once.
pub const MOST_A_BUSINESS: i64 = 100;
/// Holds that one sweep takes away.
const SWEPT_AT_ONCE: i64 = 200;

/// A secret of 32 hex digits: whoever has it may book the time or give it back. `Debug` shows nothing.
#[derive(Clone)]
pub struct HoldToken(String);

impl HoldToken {
    /// A new one.
    #[must_use]
    pub fn fresh(entropy: &Entropy) -> Self {
        Self(hex::encode(entropy.bytes::<16>()))
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

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for HoldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HoldToken")
    }
}

/// A time that is held.
#[derive(Debug, Clone)]
pub struct Hold {
    /// What its visitor proves it with.
    pub token: HoldToken,
    /// When it is over.
    pub until: Timestamp,
}

/// Why a time could not be held. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// It could not be booked either.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The address, or everybody together, holds as much as they may.
    #[error("too many times are held")]
    TooMany {
        /// Seconds until one of them is over at the latest.
        retry_after: i64,
    },
}

impl From<StoreError> for HoldError {
    fn from(error: StoreError) -> Self {
        Self::Create(error.into())
    }
}

impl From<db::Error> for HoldError {
    fn from(error: db::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Keeps the time of a visit that the public could book free for its visitor, for as long as the business has set. A
/// part by anybody is given a master now.
///
/// # Errors
///
/// [`HoldError`].
pub async fn hold(
    platform: &Platform,
    business: &Business,
    parts: &[Part],
    start: DateTime,
    origin: &Origin,
) -> Result<Hold, HoldError> {
    let now = platform.clock.now();
    let address = origin.address.map(|address| address.to_string()).unwrap_or_default();
    let seconds = business.settings.visits.hold_seconds();
    let hold = Hold { token: HoldToken::fresh(&platform.entropy), until: now.plus(seconds) };
    for draft in HoldDraft::look_up(platform, business, parts, start).await? {
        let mut tx = platform.db.begin().await?;
        remove_expired(&mut tx, &draft.masters, now).await?;
        if !has_room(&mut tx, business.id, &address, now).await? {
            return Err(HoldError::TooMany { retry_after: seconds });
        }
        if write(&mut tx, business.id, &hold, &address, &draft, now).await? {
            tx.commit().await?;
            return Ok(hold);
        }
    }
    // Whoever won may share a commit that is still under way; once one of our own is through, readers see it.
    platform.db.begin().await?.commit().await?;
    let mut connection = platform.db.read().await?;
    let at = business.zone.instant(start).map_err(CreateError::from)?;
    let nearest =
        slots::nearest(&mut connection, platform, business, parts, at, None).await.map_err(CreateError::from)?;
    Err(CreateError::SlotTaken { nearest }.into())
}

/// What a hold keeps free.
#[derive(Debug, Clone)]
pub struct Held {
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// What by whom.
    pub parts: Vec<Part>,
}

/// What a token holds; `None` when it is over, or of another business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business: &Business,
    token: &HoldToken,
    now: Timestamp,
) -> Result<Option<Held>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (ServiceId, MasterId, Timestamp, Timestamp),
        "select s.service_id, s.master_id, s.starts_at, s.ends_at
         from holds h join booking_segments s on s.business_id = h.business_id and s.hold_id = h.id
         where h.business_id = $1 and h.token_hash = $2 and h.until_at > $3 order by s.position",
        business.id,
        token.hash().as_slice(),
        now,
    )?;
    let Some((.., start, _)) = rows.first() else { return Ok(None) };
    let mut end = *start;
    let part = |(service_id, master_id, starts_at, ends_at): &(ServiceId, MasterId, Timestamp, Timestamp)| {
        let pause_minutes = u16::try_from(starts_at.since(end) / 60).unwrap_or(0);
        end = *ends_at;
        Part { service_id: *service_id, master_id: Some(*master_id), pause_minutes }
    };
    Ok(Some(Held { start: business.zone.wall(*start), parts: rows.iter().map(part).collect() }))
}

/// Gives a time back; nothing happens when it is not held.
///
/// # Errors
///
/// [`StoreError`].
pub async fn release(platform: &Platform, business_id: BusinessId, token: &HoldToken) -> Result<(), StoreError> {
    let mut tx = platform.db.begin().await?;
    take(&mut tx, business_id, token, Timestamp::from_seconds(i64::MIN)).await?;
    Ok(tx.commit().await?)
}

/// Takes a hold away so that its time can be booked in the same transaction; gives whether it still held.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn take(
    connection: &mut Connection,
    business_id: BusinessId,
    token: &HoldToken,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (i64,),
        "select id from holds where business_id = $1 and token_hash = $2 and until_at > $3",
        business_id,
        token.hash().as_slice(),
        now,
    )?;
    let Some((id,)) = found else { return Ok(false) };
    db::execute!(connection, "delete from booking_segments where business_id = $1 and hold_id = $2", business_id, id)?;
    let removed = db::execute!(connection, "delete from holds where business_id = $1 and id = $2", business_id, id)?;
    Ok(removed > 0)
}

/// Takes away what these masters' time was held for until now or before; gives whether there was any.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn remove_expired(
    connection: &mut Connection,
    masters: &[MasterId],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut removed = 0;
    for master_id in masters {
        removed += db::execute!(
            connection,
            "delete from booking_segments
             where master_id = $1 and live = true and busy_from > $2 and hold_until <= $3",
            master_id,
            now.plus(-2 * crate::schedule::LONGEST_BUSY),
            now,
        )?;
    }
    Ok(removed > 0)
}

/// Takes away what these masters' time was held for, if it is over by now, in a transaction of its own; gives whether
/// there was any.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn clear(platform: &Platform, masters: &[MasterId], now: Timestamp) -> Result<bool, StoreError> {
    let mut connection = platform.db.read().await?;
    let mut found = false;
    for master_id in masters {
        let held = db::fetch_optional!(
            &mut connection,
            (i64,),
            "select id from booking_segments
             where master_id = $1 and live = true and busy_from > $2 and hold_until <= $3 limit 1",
            master_id,
            now.plus(-2 * crate::schedule::LONGEST_BUSY),
            now,
        )?;
        found |= held.is_some();
    }
    drop(connection);
    if !found {
        return Ok(false);
    }
    let mut tx = platform.db.begin().await?;
    remove_expired(&mut tx, masters, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes away holds that are over, a bounded number; gives how many.
///
/// # Errors
///
/// [`StoreError`].
pub async fn sweep(db: &Db, now: Timestamp) -> Result<u64, StoreError> {
    let mut connection = db.read().await?;
    let over = db::fetch_all!(
        &mut connection,
        (BusinessId, i64),
        "select business_id, id from holds where until_at <= $1 order by until_at limit $2",
        now,
        SWEPT_AT_ONCE,
    )?;
    drop(connection);
    if over.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    let mut swept = 0;
    for (business_id, id) in over {
        db::execute!(&mut tx, "delete from booking_segments where business_id = $1 and hold_id = $2", business_id, id)?;
        swept += db::execute!(&mut tx, "delete from holds where business_id = $1 and id = $2", business_id, id)?;
    }
    tx.commit().await?;
    Ok(swept)
}

/// Whether the address and the business may hold one more.
async fn has_room(
    connection: &mut Connection,
    business_id: BusinessId,
    address: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (of_address, of_business) = db::fetch_one!(
        connection,
        (i64, i64),
        "select (select count(*) from holds where business_id = $1 and address = $2 and until_at > $3),
             (select count(*) from holds where business_id = $1 and until_at > $3)",
        business_id,
        address,
        now,
    )?;
    Ok(of_address < MOST_AN_ADDRESS && of_business < MOST_A_BUSINESS)
}

/// Writes a hold; gives whether its masters were free. The transaction is to be dropped when they were not.
async fn write(
    connection: &mut Connection,
    business_id: BusinessId,
    hold: &Hold,
    address: &str,
    draft: &HoldDraft,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (i64,),
        "insert into holds (business_id, token_hash, address, until_at, created_at) values ($1, $2, $3, $4, $5)
         returning id",
        business_id,
        hold.token.hash().as_slice(),
        address,
        hold.until,
        now,
    )?;
    segments::insert(connection, business_id, Owner::Hold { id, until: hold.until }, &draft.rows).await
}
