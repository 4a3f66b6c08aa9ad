//! Writing segments that do not come with a new visit: those of a hold, and those of a visit that is moved.

use db::Connection;
use serde_json::json;

use crate::booking::write::SegmentRow;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId};
use crate::schema::NO_OVERLAP;
use crate::store::StoreError;

/// Whose the segments are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    /// A visit; over others on purpose or not.
    Booking { id: BookingId, overbooked: bool },
    /// A hold, and when it is over.
    Hold { id: i64, until: Timestamp },
}

/// Writes segments; gives whether their masters were free. The transaction is to be dropped when they were not.
///
/// On PostgreSQL a segment that the constraint excludes is passed over: of two that exclude each other one waits for
/// the other that way, where an insert that fails would deadlock. They go in the order of their masters.
pub(crate) async fn insert(
    connection: &mut Connection,
    business_id: BusinessId,
    owner: Owner,
    rows: &[SegmentRow],
) -> Result<bool, StoreError> {
    let (booking_id, hold_id, hold_until, overbooked) = match owner {
        Owner::Booking { id, overbooked } => (Some(id), None, None, overbooked),
        Owner::Hold { id, until } => (None, Some(id), Some(until), false),
    };
    let written = db::execute!(
        connection,
        sqlite: "insert into booking_segments (business_id, booking_id, hold_id, hold_until, position,
             service_id, master_id,
                starts_at, ends_at, busy_from, busy_to, price_tiyn, live, overbooked)
            select $1, $2, $3, $4, value ->> 'position', value ->> 'service_id', value ->> 'master_id',
                value ->> 'starts_at', value ->> 'ends_at', value ->> 'busy_from', value ->> 'busy_to',
                value ->> 'price_tiyn', true, $5
            from json_each($6) order by key",
        postgres: "insert into booking_segments (business_id, booking_id, hold_id, hold_until, position, service_id,
                master_id, starts_at, ends_at, busy_from, busy_to, price_tiyn, live, overbooked)
            select $1, $2, $3, $4, position, service_id, master_id, starts_at, ends_at, busy_from, busy_to, price_tiyn,
                true, $5
            from jsonb_to_recordset($6::jsonb) as part (position bigint, service_id bigint, master_id bigint,
                starts_at bigint, ends_at bigint, busy_from bigint, busy_to bigint, price_tiyn bigint)
            order by master_id, busy_from
            on conflict on constraint booking_segments_no_overlap do nothing",
        business_id,
        booking_id,
        hold_id,
        hold_until,
        overbooked,
        rows.iter().map(to_json).collect::<serde_json::Value>().to_string(),
    );
    match written {
        Ok(written) => Ok(usize::try_from(written).is_ok_and(|written| written == rows.len())),
        Err(error) if error.is_constraint(NO_OVERLAP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn to_json(row: &SegmentRow) -> serde_json::Value {
    json!({
        "position": row.position,
        "service_id": row.service_id,
        "master_id": row.master_id,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "busy_from": row.busy_from,
        "busy_to": row.busy_to,
        "price_tiyn": row.price_tiyn,
    })
}
