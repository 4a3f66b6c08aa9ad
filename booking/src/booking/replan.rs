//! Planning the messages of a tenant's visits to come anew, when what they say or when they go out has changed.
//!
//! The change only leaves a mark, in its own transaction; whoever keeps time works the marks off, a bounded number of
//! visits at once, so that neither a large tenant nor a crash in between matters. What is planned twice is planned
//! once.

use db::Connection;

use crate::booking::{messages, read};
use crate::business;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, ClientId};
use crate::language::Language;
use crate::platform::Platform;
use crate::store::StoreError;

/// Visits that are planned anew in one transaction.
const VISITS_AT_ONCE: i64 = 50;
/// The most visits to come of one client that are worded anew; the messages of more are sent as they are.
const MOST_VISITS: i64 = 200;
/// Tenants that one round looks at.
const TENANTS_AT_ONCE: i64 = 20;

/// Has the messages of all visits to come of a tenant planned anew, soon after this transaction's commit.
///
/// # Errors
///
/// [`StoreError`].
pub async fn replan_all(connection: &mut Connection, business_id: BusinessId) -> Result<(), StoreError> {
    db::execute!(connection, "update businesses set replan_after = 0 where id = $1", business_id)?;
    Ok(())
}

/// Has a client written to in another language: what is planned for their visits to come is worded anew.
pub(crate) async fn speak(
    connection: &mut Connection,
    platform: &Platform,
    business_id: BusinessId,
    client_id: ClientId,
    language: Language,
    now: Timestamp,
) -> Result<(), StoreError> {
    let visits = db::fetch_all!(
        connection,
        (BookingId,),
        "select id from bookings
         where business_id = $1 and client_id = $2 and starts_at > $3 and language <> $4
             and state in ('pending', 'confirmed', 'arrived')
         order by starts_at, id limit $5",
        business_id,
        client_id,
        now,
        language.as_str(),
        MOST_VISITS,
    )?;
    if visits.is_empty() {
        return Ok(());
    }
    let Some(business) = business::by_id(connection, business_id).await? else { return Ok(()) };
    for (id,) in visits {
        db::execute!(
            connection,
            "update bookings set language = $3 where business_id = $1 and id = $2",
            business_id,
            id,
            language.as_str(),
        )?;
        if let Some(booking) = read::find(connection, business_id, id).await? {
            messages::reword(connection, platform, &business, &booking, now).await?;
        }
    }
    Ok(())
}

/// Works off some of the marks of [`replan_all`]; gives how many visits were planned anew.
///
/// # Errors
///
/// [`StoreError`]: the marks stay.
pub(crate) async fn replan_marked(platform: &Platform) -> Result<u64, StoreError> {
    let mut connection = platform.db.read().await?;
    let marked = db::fetch_all!(
        &mut connection,
        (BusinessId, i64),
        "select id, replan_after from businesses where replan_after is not null order by id limit $1",
        TENANTS_AT_ONCE,
    )?;
    drop(connection);
    let mut planned = 0;
    for (business_id, after) in marked {
        planned += some_of(platform, business_id, after).await?;
    }
    Ok(planned)
}

/// Plans the next visits of one tenant, in the order of their times, and moves its mark behind them.
async fn some_of(platform: &Platform, business_id: BusinessId, after: i64) -> Result<u64, StoreError> {
    let now = platform.clock.now();
    let from = Timestamp::from_seconds(after).max(now);
    let mut tx = platform.db.begin().await?;
    let visits = db::fetch_all!(
        &mut tx,
        (BookingId, Timestamp),
        "select id, starts_at from bookings
         where business_id = $1 and starts_at > $2 and state in ('pending', 'confirmed', 'arrived')
         order by starts_at, id limit $3",
        business_id,
        from,
        VISITS_AT_ONCE,
    )?;
    let Some(business) = business::by_id(&mut tx, business_id).await? else { return Ok(0) };
    let mut planned = 0;
    for (id, _) in &visits {
        let Some(booking) = read::find(&mut tx, business_id, *id).await? else { continue };
        let due_at = booking.due_at(booking.state, &business.settings.visits);
        db::execute!(
            &mut tx,
            "update bookings set due_at = $3 where business_id = $1 and id = $2",
            business_id,
            id,
            due_at,
        )?;
        messages::replan_reminders(&mut tx, platform, &business, &booking, now).await?;
        planned += 1;
    }
    let is_last = i64::try_from(visits.len()).is_ok_and(|count| count < VISITS_AT_ONCE);
    // Visits that begin at the same instant as the last one are looked at again: planning them twice is once.
    let next = visits.last().map(|(_, at)| at.plus(-1).max(from.plus(1)).seconds()).filter(|_| !is_last);
    db::execute!(
        &mut tx,
        "update businesses set replan_after = $3 where id = $1 and replan_after = $2",
        business_id,
        after,
        next,
    )?;
    tx.commit().await?;
    Ok(planned)
}
