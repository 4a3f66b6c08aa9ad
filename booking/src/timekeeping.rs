//! What time causes by itself: holds and requests that are over, visits whose end nobody recorded, marks of
//! [`replan_all`](crate::booking::replan_all), texts for many that were not planned to their end, zones whose rules
//! changed, and last words to clients who were erased.
//!
//! Both programs keep time, one at a time by a lease; each round does a bounded amount of work, found by an index, so a
//! missed round is made up for by the next. Nothing here decides what a late round would decide differently, but one
//! thing: how late.

use db::Db;

use crate::access::Origin;
use crate::booking::{self as visits, Action, BookingState, By, Change, ChangeError};
use crate::bulk;
use crate::business;
use crate::clock::Timestamp;
use crate::hold;
use crate::id::{BookingId, BusinessId};
use crate::outbox;
use crate::platform::Platform;
use crate::settings::AfterVisit;
use crate::store::StoreError;
use crate::zones;

/// The name of the lease.
const LEASE: &str = "timekeeper";
/// Visits that are read at once.
const AT_ONCE: i64 = 100;
/// How often one round reads.
const READS: usize = 10;

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Holds that were over.
    pub holds: u64,
    /// Visits whose state changed.
    pub visits: u64,
    /// Visits whose messages were planned anew.
    pub planned: u64,
    /// Recipients of texts for many about whom was decided, because whoever had begun did not come to it.
    pub recipients: u64,
    /// Visits whose instants were moved, because a zone's rules changed.
    pub moved: u64,
    /// Last words to clients who were erased, that were forgotten.
    pub forgotten: u64,
}

/// Takes or renews the right to keep time, for `ttl_seconds` of real time; gives whether `holder` has it.
///
/// # Errors
///
/// [`StoreError`].
pub async fn acquire(db: &Db, holder: &str, now: Timestamp, ttl_seconds: u32) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let taken = db::execute!(
        &mut tx,
        "insert into work_leases (name, holder, until_at) values ($1, $2, $3)
         on conflict (name) do update set holder = excluded.holder, until_at = excluded.until_at
             where work_leases.until_at <= $4 or work_leases.holder = excluded.holder",
        LEASE,
        holder,
        now.plus(i64::from(ttl_seconds)),
        now,
    )?;
    tx.commit().await?;
    Ok(taken > 0)
}

/// Gives the right back, so that others need not wait for its end.
///
/// # Errors
///
/// [`StoreError`]: it runs out by itself then.
pub async fn release(db: &Db, holder: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "update work_leases set until_at = 0 where name = $1 and holder = $2", LEASE, holder)?;
    Ok(tx.commit().await?)
}

/// Does what is due by now.
///
/// # Errors
///
/// [`StoreError`]: the next round goes on.
pub async fn round(platform: &Platform) -> Result<Round, StoreError> {
    let holds = hold::sweep(&platform.db, platform.clock.now()).await?;
    let visits = due_visits(platform).await?;
    let planned = visits::replan_marked(platform).await?;
    let recipients = bulk::resume(platform).await?;
    let moved = zones::recompute(platform).await?;
    let forgotten = outbox::forget_said(&platform.db, platform.clock.now()).await?;
    if visits + planned + recipients + moved > 0 {
        platform.outbox.ring();
    }
    Ok(Round { holds, visits, planned, recipients, moved, forgotten })
}

/// Ends the visits whose time for it has come.
async fn due_visits(platform: &Platform) -> Result<u64, StoreError> {
    let now = platform.clock.now();
    let (mut changed, mut last) = (0, (Timestamp::from_seconds(i64::MIN), BookingId::new(0)));
    for _ in 0..READS {
        let due = db::fetch_all!(
            &mut platform.db.read().await?,
            (BusinessId, BookingId, String, Timestamp),
            "select business_id, id, state, due_at from bookings
             where due_at is not null and due_at <= $1 and (due_at, id) > ($2, $3) order by due_at, id limit $4",
            now,
            last.0,
            last.1,
            AT_ONCE,
        )?;
        for (business_id, id, state, due_at) in &due {
            last = (*due_at, *id);
            let state = BookingState::of_row(state, "bookings", id.get())?;
            changed += u64::from(end(platform, *business_id, *id, state).await?);
        }
        if i64::try_from(due.len()).is_ok_and(|count| count < AT_ONCE) {
            break;
        }
    }
    Ok(changed)
}

/// Ends one visit; gives whether it changed.
async fn end(
    platform: &Platform,
    business_id: BusinessId,
    booking_id: BookingId,
    state: BookingState,
) -> Result<bool, StoreError> {
    let business = business::by_id(&mut platform.db.read().await?, business_id).await?;
    let Some(business) = business else { return Ok(false) };
    let action = match (state, business.settings.visits.after_visit) {
        (BookingState::Pending, _) => Some(Action::Expire),
        (BookingState::Confirmed, AfterVisit::NoShow) => Some(Action::NoShow),
        (BookingState::Confirmed, AfterVisit::Complete)
        | (BookingState::Arrived, AfterVisit::Complete | AfterVisit::NoShow) => Some(Action::Complete),
        (BookingState::Confirmed | BookingState::Arrived, AfterVisit::Leave)
        | (BookingState::Completed | BookingState::Cancelled | BookingState::NoShow | BookingState::Expired, _) => None,
    };
    let Some(action) = action else {
        let mut tx = platform.db.begin().await?;
        db::execute!(
            &mut tx,
            "update bookings set due_at = null where business_id = $1 and id = $2 and state = $3",
            business_id,
            booking_id,
            state.as_str(),
        )?;
        tx.commit().await?;
        return Ok(false);
    };
    let by = By::Time { business_id, origin: &Origin::system() };
    match visits::change(platform, by, booking_id, &Change::of(action)).await {
        Ok(_) => Ok(true),
        Err(ChangeError::Store(error)) => Err(error),
        // Somebody was faster, or will be: the row is looked at again while it is due.
        Err(error) => {
            tracing::debug!(booking.id = %booking_id, "time left visit {booking_id} as it is: {error}");
            Ok(false)
        }
    }
}
