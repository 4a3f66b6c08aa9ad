//! Forgetting a client: what they are entitled to ask for.

use db::Tx;

use super::write::record;
use super::{Client, ClientError, NO_NAME, read};
use crate::access::Access;
use crate::booking::{self as visits, Action, By, Change};
use crate::clock::Timestamp;
use crate::contact;
use crate::id::{BusinessId, ClientId};
use crate::outbox;
use crate::platform::Platform;
use crate::session;

/// Takes out of the business all that says who a client is: numbers, name, notes, tags, what was written to them and by
/// them, where they agreed from. What stays is that somebody came: the visits with their times, services and prices.
///
/// Visits to come have to be called off first; with `cancel_visits` they are, each as by staff, and the client is told
/// so: the number and the text of that word are forgotten once it has left, a day later at the latest. Saying it twice
/// is saying it once, also when the first time ended half-way.
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
    forget_messages(&mut tx, business_id, &client, now).await?;
    forget_log(&mut tx, business_id, client.id).await?;
    forget_person(&mut tx, business_id, client.id, now).await?;
    for phone in client.phone.iter().chain(&client.other_phones) {
        contact::forget(&mut tx, business_id, phone, now).await?;
    }
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

/// Empties what was written to their numbers, but for the word that a visit is off: that still goes out, unless they
/// want no messages. The sealed answers that are kept for a day, so that a repeated request gets its first answer
/// again, go with the day.
async fn forget_messages(
    tx: &mut Tx,
    business_id: BusinessId,
    client: &Client,
    now: Timestamp,
) -> Result<(), ClientError> {
    let wants_news = client.standing.service_stopped_at.is_none();
    outbox::forget_visits(tx, business_id, client.id, wants_news, now).await?;
    for phone in client.phone.iter().chain(&client.other_phones) {
        outbox::forget_number(tx, business_id, phone).await?;
        db::execute!(tx, "delete from codes where business_id = $1 and phone = $2", business_id, phone.expose())?;
        db::execute!(
            tx,
            "update inbound set text = null, phone = null, chat = 'erased ' || id
             where business_id = $1 and phone = $2",
            business_id,
            phone.expose(),
        )?;
        db::execute!(
            tx,
            "update bulk_recipients set given = '', phone = null where business_id = $1 and phone = $2",
            business_id,
            phone.expose(),
        )?;
    }
    Ok(())
}

/// Takes out of the logs what was typed there, what was changed of the client, and where they came from: that somebody
/// did something, and when, stays.
async fn forget_log(tx: &mut Tx, business_id: BusinessId, client_id: ClientId) -> Result<(), ClientError> {
    db::execute!(
        tx,
        "update booking_transitions set reason = null
         where business_id = $1 and reason is not null
             and booking_id in (select id from bookings where business_id = $1 and client_id = $2)",
        business_id,
        client_id,
    )?;
    db::execute!(
        tx,
        "update audit_log set old = null, new = null, address = null
         where business_id = $1 and entity = 'client'
             and entity_id in (select id from clients where business_id = $1 and (id = $2 or merged_into = $2))",
        business_id,
        client_id,
    )?;
    db::execute!(
        tx,
        "update audit_log set address = null
         where business_id = $1 and entity = 'booking' and actor = 'client'
             and entity_id in (select id from bookings where business_id = $1 and client_id = $2)",
        business_id,
        client_id,
    )?;
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
    session::end_of_client(tx, business_id, client_id, now).await?;
    db::execute!(
        tx,
        "update client_consents set evidence = null, address = null where business_id = $1 and client_id = $2",
        business_id,
        client_id,
    )?;
    db::execute!(
        tx,
        "update clients set phone = null, name = $3, search = '', language = null, guessed_language = null,
             notes = '', health_notes = '',
             tags = '[]', blocked_reason = null, erased_at = $4, updated_at = $4
         where business_id = $1 and (id = $2 or merged_into = $2)",
        business_id,
        client_id,
        NO_NAME,
        now,
    )?;
    Ok(())
}
