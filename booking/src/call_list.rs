//! Whom to call: visits of the next day whose client was not reached.

use db::Connection;
use jiff::civil::DateTime;

use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId};
use crate::phone::Phone;
use crate::store::StoreError;

/// How far ahead a visit is listed, in seconds.
const AHEAD: i64 = 86_400;
/// The most visits of a list: nobody calls more in a day.
const MOST: i64 = 500;

/// A visit whose client was not reached. `Debug` shows nobody.
#[derive(Clone)]
#[non_exhaustive]
pub struct Unreached {
    /// The visit.
    pub booking_id: BookingId,
    /// Whom it is for, if somebody wrote it down.
    pub client_name: Option<String>,
    /// Their number.
    pub phone: Option<Phone>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it begins, on the salon's wall clock.
    pub wall_start: DateTime,
    /// Why they were not reached, as a reason of the dispatcher; `no-phone`, `not-delivered` and `not-planned` besides.
    pub reason: String,
}

impl std::fmt::Debug for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unreached")
            .field("booking_id", &self.booking_id)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// The visits of the next 24 hours, by their time, whose last word to the client that was due (confirmation, change or
/// reminder) did not arrive, unless the client said in the chat that they come.
///
/// # Errors
///
/// [`StoreError`].
pub async fn call_list(
    connection: &mut Connection,
    business_id: BusinessId,
    now: Timestamp,
) -> Result<Vec<Unreached>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select b.id, b.client_name, c.phone, b.starts_at, b.wall_start, o.state as message_state, o.error
         from bookings b left join clients c on c.business_id = b.business_id and c.id = b.client_id
         left join outbox o on o.id = (
             select m.id from outbox m
             where m.business_id = b.business_id and m.booking_id = b.id and m.due_at <= $2
                 and m.kind in ('request', 'confirmation', 'change', 'reminder')
             order by m.due_at desc, m.id desc limit 1
         )
         where b.business_id = $1 and b.starts_at > $2 and b.starts_at <= $3 and b.state in ('pending', 'confirmed')
             and b.acknowledged_at is null and (o.state is null or o.state not in ('delivered', 'read'))
         order by b.starts_at, b.id limit $4",
        business_id,
        now,
        now.plus(AHEAD),
        MOST,
    )?;
    rows.into_iter().map(Unreached::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: BookingId,
    client_name: Option<String>,
    phone: Option<String>,
    starts_at: Timestamp,
    wall_start: String,
    message_state: Option<String>,
    error: Option<String>,
}

impl TryFrom<Row> for Unreached {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "bookings", id: row.id.get(), rule };
        let reason = match (&row.phone, &row.message_state, row.error) {
            (None, ..) => "no-phone".to_owned(),
            (Some(_), None, _) => "not-planned".to_owned(),
            (Some(_), Some(_), Some(error)) => error,
            (Some(_), Some(_), None) => "not-delivered".to_owned(),
        };
        Ok(Self {
            booking_id: row.id,
            client_name: row.client_name,
            phone: row.phone.map(Phone::try_from).transpose().map_err(|_| broken("phone is not in E.164 form"))?,
            starts_at: row.starts_at,
            wall_start: row.wall_start.parse().map_err(|_| broken("wall_start is no time"))?,
            reason,
        })
    }
}
