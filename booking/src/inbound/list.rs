//! What clients wrote, for the people it is left to.

use std::fmt;

use db::Connection;

use super::Outcome;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, InboundId};
use crate::phone::Phone;
use crate::store::StoreError;

/// The most messages of one page.
pub const MOST_INBOUND: u32 = 200;

/// A message that a client wrote. `Debug` shows neither the text nor the client.
#[derive(Clone)]
#[non_exhaustive]
pub struct Inbound {
    /// The row.
    pub id: InboundId,
    /// Who wrote, if their number is known.
    pub phone: Option<Phone>,
    /// What they wrote, if it is a text.
    pub text: Option<String>,
    /// What came of it; nothing yet while it is dealt with.
    pub outcome: Option<Outcome>,
    /// The visit it was taken to be about.
    pub booking_id: Option<BookingId>,
    /// When it came.
    pub received_at: Timestamp,
    /// When somebody saw it.
    pub read_at: Option<Timestamp>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("id", &self.id).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// Which messages to list; the newest come first.
#[derive(Debug, Clone, Copy, Default)]
pub struct InboundFilter {
    /// Only those that came before this one: the last of the page before.
    pub before: Option<InboundId>,
    /// Only those that are left to a person, and that nobody has seen.
    pub unread: bool,
    /// At most so many; [`MOST_INBOUND`] at most.
    pub limit: u32,
}

/// The messages of a business that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    business_id: BusinessId,
    filter: &InboundFilter,
) -> Result<Vec<Inbound>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, phone, text, outcome, booking_id, received_at, read_at from inbound
         where business_id = $1 and id < $2 and ($3 = 0 or (outcome = 'unread' and read_at is null))
         order by id desc limit $4",
        business_id,
        filter.before.map_or(i64::MAX, InboundId::get),
        i64::from(filter.unread),
        i64::from(filter.limit.min(MOST_INBOUND)),
    )?;
    rows.into_iter().map(Inbound::try_from).collect()
}

/// How many messages are left to a person, and seen by nobody.
///
/// # Errors
///
/// [`StoreError`].
pub async fn unread(connection: &mut Connection, business_id: BusinessId) -> Result<i64, StoreError> {
    let (count,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from inbound where business_id = $1 and outcome = 'unread' and read_at is null",
        business_id,
    )?;
    Ok(count)
}

/// Somebody saw a message; gives whether the business has it.
///
/// # Errors
///
/// [`StoreError`].
pub async fn mark_read(
    connection: &mut Connection,
    business_id: BusinessId,
    id: InboundId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let seen = db::execute!(
        connection,
        "update inbound set read_at = coalesce(read_at, $3) where business_id = $1 and id = $2",
        business_id,
        id,
        now,
    )?;
    Ok(seen > 0)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: InboundId,
    phone: Option<String>,
    text: Option<String>,
    outcome: Option<String>,
    booking_id: Option<BookingId>,
    received_at: Timestamp,
    read_at: Option<Timestamp>,
}

impl TryFrom<Row> for Inbound {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.get();
        let broken = |_| StoreError::Row { table: "inbound", id, rule: "phone is not in E.164 form" };
        Ok(Self {
            id: row.id,
            phone: row.phone.map(Phone::try_from).transpose().map_err(broken)?,
            text: row.text,
            outcome: row.outcome.map(|outcome| Outcome::of_row(&outcome, "inbound", id)).transpose()?,
            booking_id: row.booking_id,
            received_at: row.received_at,
            read_at: row.read_at,
        })
    }
}
