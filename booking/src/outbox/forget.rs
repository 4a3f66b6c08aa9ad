//! The last word to a client who was erased: its number and its text are kept until it has left, or for a day.

use db::{Connection, Db};

use crate::clock::Timestamp;
use crate::contact;
use crate::id::{BusinessId, ClientId, MessageId};
use crate::phone::Phone;
use crate::store::StoreError;

/// How long a last word is tried, in seconds.
const LAST_WORD_SECONDS: i64 = 86_400;
/// Messages that are forgotten in one transaction.
const AT_ONCE: i64 = 100;

/// Empties messages and takes back those that have not left, but for last words.
macro_rules! emptied {
    ($which:literal) => {
        concat!(
            "update outbox set text = '', phone = '', error = case when state = 'planned' then 'erased' else error end,
                 state = case when state = 'planned' then 'cancelled' else state end, claim_fence = null
             where business_id = $1 and forget_at is null ",
            $which
        )
    };
}

/// Empties what was and is planned for a client's visits, but for the news that a visit is off: where those are wanted,
/// they still go out, and [`forget_said`] empties them then.
pub(crate) async fn forget_visits(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    wants_news: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    if wants_news {
        db::execute!(
            connection,
            "update outbox set forget_at = $3, expires_at = case when expires_at < $3 then expires_at else $3 end
             where business_id = $1 and state = 'planned' and kind = 'cancellation'
                 and booking_id in (select id from bookings where business_id = $1 and client_id = $2)",
            business_id,
            client_id,
            now.plus(LAST_WORD_SECONDS),
        )?;
    }
    db::execute!(
        connection,
        emptied!("and booking_id in (select id from bookings where business_id = $1 and client_id = $2)"),
        business_id,
        client_id,
    )?;
    Ok(())
}

/// Empties whatever else was and is planned for a number.
pub(crate) async fn forget_number(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
) -> Result<(), StoreError> {
    db::execute!(connection, emptied!("and phone = $2"), business_id, phone.expose(),)?;
    Ok(())
}

/// Empties the last words that have left, failed, or whose time is over, and with them what is known of their
/// recipients; gives how many.
///
/// # Errors
///
/// [`StoreError`]: the next call goes on.
pub(crate) async fn forget_said(db: &Db, now: Timestamp) -> Result<u64, StoreError> {
    let said = db::fetch_all!(
        &mut db.read().await?,
        (MessageId, BusinessId, String),
        "select id, business_id, phone from outbox
         where forget_at is not null and (state <> 'planned' or forget_at <= $1) order by forget_at limit $2",
        now,
        AT_ONCE,
    )?;
    if said.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    let mut forgotten = 0;
    for (id, business_id, phone) in said {
        forgotten += db::execute!(
            &mut tx,
            "update outbox set text = '', phone = '', forget_at = null, claim_fence = null,
                 error = case when state = 'planned' then 'expired' else error end,
                 state = case when state = 'planned' then 'expired' else state end
             where business_id = $1 and id = $2",
            business_id,
            id,
        )?;
        if let Ok(phone) = Phone::try_from(phone) {
            contact::forget(&mut tx, business_id, &phone, now).await?;
        }
    }
    tx.commit().await?;
    Ok(forgotten)
}
