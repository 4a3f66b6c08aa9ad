//! Forgetting a client: what they are entitled to ask for.

use db::Tx;

use super::write::record;
use super::{Client, ClientError, NO_NAME, read};
use crate::access::Access;
use crate::booking::{self as visits, Action, By, Change};
use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::platform::Platform;

/// Takes out of the business all that says who a client is: numbers, name, notes, tags, what was written to them and by
/// them, where they agreed from. What stays is that somebody came: the visits with their times, services and prices.
///
/// Visits to come have to be called off first; with `cancel_visits` they are, each as by staff. Saying it twice is
/// saying it once, also when the first time ended half-way.
///
/// # Errors
///
/// [`ClientError::NotAllowed`], [`ClientError::NotFound`], [`ClientError::HasVisits`], [`ClientError::Visit`],
/// [`ClientError::Store`].
pub async fn erase(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
    cancel_visits: bool,
) -> Result<Client, ClientError> {
    if !access.runs_business() {
        return Err(ClientError::NotAllowed);
    }
    if cancel_visits {
        cancel(platform, access, client_id).await?;
    }
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let client = read::find(&mut tx, platform, access, client_id).await?;
    if client.standing.erased_at.is_some() {
        return Ok(client);
    }
    let upcoming = read::upcoming(&mut tx, business_id, client.id, now).await?;
    if !upcoming.is_empty() {
        return Err(ClientError::HasVisits { count: i64::try_from(upcoming.len()).unwrap_or(i64::MAX) });
    }
    forget_messages(&mut tx, business_id, &client).await?;
    forget_person(&mut tx, business_id, client.id, now).await?;
    record(&mut tx, access, client.id, "erase", None, None, now).await?;
    let erased = read::find(&mut tx, platform, access, client.id).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business_id, client.id = %client.id, "erased client {}", client.id);
    Ok(erased)
}

/// Calls off the visits to come, as staff does it: also when it is late.
async fn cancel(platform: &Platform, access: &Access, client_id: ClientId) -> Result<(), ClientError> {
    let (client, upcoming) = read::show(platform, access, client_id).await?;
    for visit in upcoming {
        let cancel = Change { late: true, ..Change::of(Action::Cancel) };
        let cancelled = visits::change(platform, By::Staff(access), visit.booking_id, &cancel).await;
        cancelled.map_err(Box::new)?;
        tracing::info!(client.id = %client.id, booking.id = %visit.booking_id, "a visit of an erased client is off");
    }
    Ok(())
}

/// Empties what was written to their numbers. The sealed answers that are kept for a day, so that a repeated request gets
/// its first answer again, go with the day.
async fn forget_messages(tx: &mut Tx, business_id: BusinessId, client: &Client) -> Result<(), ClientError> {
    db::execute!(
        tx,
        "update outbox set text = '', phone = '', error = case when state = 'planned' then 'erased' else error end,
             state = case when state = 'planned' then 'cancelled' else state end, claim_fence = null
         where business_id = $1
             and booking_id in (select id from bookings where business_id = $1 and client_id = $2)",
        business_id,
        client.id,
    )?;
    for phone in client.phone.iter().chain(&client.other_phones) {
        db::execute!(
            tx,
            "update outbox set text = '', phone = '', error = case when state = 'planned' then 'erased' else error end,
                 state = case when state = 'planned' then 'cancelled' else state end, claim_fence = null
             where business_id = $1 and phone = $2",
            business_id,
            phone.expose(),
        )?;
        db::execute!(tx, "delete from codes where business_id = $1 and phone = $2", business_id, phone.expose())?;
        db::execute!(
            tx,
            "update inbound set text = null, phone = null, chat = 'erased' where business_id = $1 and phone = $2",
            business_id,
            phone.expose(),
        )?;
        db::execute!(
            tx,
            "update bulk_recipients set given = '', phone = null where business_id = $1 and phone = $2",
            business_id,
            phone.expose(),
        )?;
        db::execute!(
            tx,
            "delete from contacts
             where phone = $2 and account_id in (select id from accounts where business_id = $1)",
            business_id,
            phone.expose(),
        )?;
    }
    Ok(())
}

async fn forget_person(
    tx: &mut Tx,
    business_id: BusinessId,
    client_id: ClientId,
    now: Timestamp,
) -> Result<(), ClientError> {
    db::execute!(
        tx,
        "update bookings set client_name = $3, notes = null where business_id = $1 and client_id = $2",
        business_id,
        client_id,
        NO_NAME,
    )?;
    db::execute!(
        tx,
        "update sessions set ended_at = $3 where business_id = $1 and client_id = $2 and ended_at is null",
        business_id,
        client_id,
        now,
    )?;
    db::execute!(
        tx,
        "update client_consents set evidence = null, address = null where business_id = $1 and client_id = $2",
        business_id,
        client_id,
    )?;
    db::execute!(
        tx,
        "update clients set phone = null, name = $3, search = '', language = null, notes = '', health_notes = '',
             tags = '[]', blocked_reason = null, erased_at = $4, updated_at = $4
         where business_id = $1 and (id = $2 or merged_into = $2)",
        business_id,
        client_id,
        NO_NAME,
        now,
    )?;
    Ok(())
}
