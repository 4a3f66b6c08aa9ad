//! What is taken of masters' time.

use std::collections::BTreeMap;

use db::Connection;

use crate::availability::Busy;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, MasterId};
use crate::store::StoreError;

/// The longest time that one segment of a visit may take, buffers included, in seconds: the schema's rule
/// `booking_segments_interval`, which lets a search for what is busy begin this long before its range.
pub const LONGEST_BUSY: i64 = 86_400;

/// What is taken of a master's time between two instants, by visits of any kind and by holds that are not over by
/// `now`, in order of the beginnings.
///
/// # Errors
///
/// [`StoreError`].
pub async fn busy(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<Busy>, StoreError> {
    let mut found = busy_by_master(connection, business_id, Some(master_id), (from, to), now, None).await?;
    Ok(found.remove(&master_id).unwrap_or_default())
}

/// The same for all masters of a business, or one of them, by one statement; what one visit takes can be left out.
///
/// It goes from the masters to their segments, so that it reads what lies between the two instants, and nothing of
/// the history.
pub(crate) async fn busy_by_master(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: Option<MasterId>,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
    except: Option<BookingId>,
) -> Result<BTreeMap<MasterId, Vec<Busy>>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (MasterId, Timestamp, Timestamp),
        "select s.master_id, s.busy_from, s.busy_to
         from masters m
             join booking_segments s on s.master_id = m.id and s.business_id = m.business_id and s.live = true
                 and s.busy_from < $4 and s.busy_from > $5 and s.busy_to > $3
                 and (s.hold_until is null or s.hold_until > $6) and coalesce(s.booking_id, 0) <> $7
         where m.business_id = $1 and ($2 = 0 or m.id = $2)
         order by s.master_id, s.busy_from",
        business_id,
        master_id.map_or(0, MasterId::get),
        from,
        to,
        from.plus(-LONGEST_BUSY),
        now,
        except.map_or(-1, BookingId::get),
    )?;
    let mut masters: BTreeMap<MasterId, Vec<Busy>> = BTreeMap::new();
    for (master_id, from, to) in rows {
        masters.entry(master_id).or_default().push(Busy { from, to });
    }
    Ok(masters)
}
