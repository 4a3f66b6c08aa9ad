//! Whom an account writes to: who wrote to it, whom it met and when, and whom it may write to.

use db::{Connection, Db};

use crate::clock::Timestamp;
use crate::consent::OPTED_OUT;
use crate::id::{AccountId, BusinessId, ClientId};
use crate::outbox::MessageKind;
use crate::phone::Phone;
use crate::store::StoreError;

/// What an account knows of somebody. Nobody has written yet: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    /// When they last wrote to it.
    pub last_inbound_at: Option<Timestamp>,
    /// When it first wrote to them, without their having written before.
    pub first_sent_at: Option<Timestamp>,
}

/// The reason of a message to somebody who neither wrote nor agreed to be written to.
pub const NO_CONSENT: &str = "no-consent";

impl Contact {
    /// Whether they wrote to the account: it may write to them without being punished.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.last_inbound_at.is_some()
    }
}

/// What an account knows of the person with this number.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(connection: &mut Connection, account_id: AccountId, phone: &Phone) -> Result<Contact, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Contact,
        "select last_inbound_at, first_sent_at from contacts where account_id = $1 and phone = $2",
        account_id,
        phone.expose(),
    )?;
    Ok(row.unwrap_or_default())
}

/// Why a message of this kind must not go to the person with this number, if it must not: they opted out, or they
/// neither wrote to the account nor agreed to be written to.
///
/// # Errors
///
/// [`StoreError`].
pub async fn refusal(
    connection: &mut Connection,
    business_id: BusinessId,
    kind: MessageKind,
    phone: &Phone,
    contact: &Contact,
) -> Result<Option<&'static str>, StoreError> {
    if kind.ignores_opt_out() {
        return Ok(None);
    }
    let client = db::fetch_optional!(
        connection,
        (ClientId, Option<Timestamp>, Option<Timestamp>),
        "select c.id, c.service_stopped_at, c.marketing_stopped_at
         from clients p join clients c on c.business_id = p.business_id and c.id = coalesce(p.merged_into, p.id)
         where p.business_id = $1 and p.phone = $2",
        business_id,
        phone.expose(),
    )?;
    let is_offer = kind == MessageKind::Bulk;
    if client.is_some_and(|(_, service, offers)| service.is_some() || (is_offer && offers.is_some())) {
        return Ok(Some(OPTED_OUT));
    }
    if contact.is_warm() || !(is_offer || kind == MessageKind::Direct) {
        return Ok(None);
    }
    let Some((client_id, ..)) = client else { return Ok(Some(NO_CONSENT)) };
    // Whoever took a consent back has the row of that, and a later date in their own row, which was looked at.
    let consent = db::fetch_optional!(
        connection,
        (i64,),
        "select id from client_consents
         where business_id = $1 and client_id = $2 and granted = true and ($3 = 0 or purpose = 'marketing') limit 1",
        business_id,
        client_id,
        i64::from(is_offer),
    )?;
    Ok(consent.is_none().then_some(NO_CONSENT))
}

/// How many people an account met since `since`: wrote to first, and heard nothing from.
///
/// # Errors
///
/// [`StoreError`].
pub async fn met_since(
    connection: &mut Connection,
    account_id: AccountId,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let (count,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from contacts where account_id = $1 and first_sent_at >= $2",
        account_id,
        since,
    )?;
    Ok(count)
}

/// Writes down that an account writes to somebody, if that is the first time.
///
/// # Errors
///
/// [`StoreError`].
pub async fn note_sent(
    connection: &mut Connection,
    account_id: AccountId,
    phone: &Phone,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into contacts (account_id, phone, first_sent_at) values ($1, $2, $3)
         on conflict (account_id, phone) do update
             set first_sent_at = coalesce(contacts.first_sent_at, excluded.first_sent_at)",
        account_id,
        phone.expose(),
        now,
    )?;
    Ok(())
}

/// Writes down that somebody wrote to an account: they are warm from now on, and what waited because they were not may
/// go.
///
/// # Errors
///
/// [`StoreError`].
pub async fn note_inbound(
    connection: &mut Connection,
    account_id: AccountId,
    phone: &Phone,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into contacts (account_id, phone, last_inbound_at) values ($1, $2, $3)
         on conflict (account_id, phone) do update set last_inbound_at = case
             when contacts.last_inbound_at > excluded.last_inbound_at then contacts.last_inbound_at
             else excluded.last_inbound_at end",
        account_id,
        phone.expose(),
        at,
    )?;
    db::execute!(
        connection,
        "update outbox set next_at = $3
         where account_id = $1 and phone = $2 and state = 'planned' and claim_fence is null and next_at > $3
             and error in ('cold-budget', 'cold-stopped', 'quiet-hours')",
        account_id,
        phone.expose(),
        now,
    )?;
    Ok(())
}

/// How long an account's own store keeps what it has of a number that is forgotten, in seconds: a device that could not
/// read the last word may still ask for it again.
const LAST_ASK: i64 = 600;
/// Numbers that are given at once to be forgotten.
const AT_ONCE: i64 = 64;

/// Forgets what the account of a business, and the operator's, know of a number that is nobody's any more, and lets
/// their own stores [forget](to_forget) it a little later. The operator's knows it on if it wrote to it for another
/// business. Nothing happens as long as a last word is on its way.
pub(crate) async fn forget(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    now: Timestamp,
) -> Result<(), StoreError> {
    // An account without a device has no store.
    db::execute!(
        connection,
        "insert into contacts_to_forget (account_id, phone, due_at)
         select id, $2, $3 from accounts
         where jid is not null
             and (business_id = $1 or business_id is null
                 and exists (select 1 from contacts where contacts.account_id = accounts.id and contacts.phone = $2))
             and not exists (select 1 from clients where business_id = $1 and phone = $2)
             and not exists (
                 select 1 from outbox
                 where outbox.account_id = accounts.id and outbox.phone = $2
                     and (outbox.forget_at is not null or outbox.sent_at is not null and outbox.business_id <> $1)
             )
         on conflict (account_id, phone) do update set due_at = excluded.due_at",
        business_id,
        phone.expose(),
        now.plus(LAST_ASK),
    )?;
    db::execute!(
        connection,
        "delete from contacts
         where phone = $2
             and account_id in (select id from accounts where business_id = $1 or business_id is null)
             and not exists (select 1 from clients where business_id = $1 and phone = $2)
             and not exists (
                 select 1 from outbox
                 where outbox.account_id = contacts.account_id and outbox.phone = $2
                     and (outbox.forget_at is not null or outbox.sent_at is not null and outbox.business_id <> $1)
             )",
        business_id,
        phone.expose(),
    )?;
    Ok(())
}

/// The numbers that the accounts which `holder` holds at `real_now` have to forget at `now`, longest due first.
///
/// Whoever wrote to an account again, or was written to, is not forgotten any more.
///
/// # Errors
///
/// [`StoreError`].
pub async fn to_forget(
    db: &Db,
    holder: &str,
    now: Timestamp,
    real_now: Timestamp,
) -> Result<Vec<(AccountId, Phone)>, StoreError> {
    let rows = db::fetch_all!(
        &mut db.read().await?,
        (AccountId, String),
        "select f.account_id, f.phone from contacts_to_forget f
         join account_leases l on l.account_id = f.account_id and l.holder = $1 and l.until_at > $2
         where f.due_at <= $3 order by f.due_at limit $4",
        holder,
        real_now,
        now,
        AT_ONCE,
    )?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    let mut due = Vec::new();
    for (account_id, phone) in rows {
        let id = account_id.get();
        let broken = |_| StoreError::Row { table: "contacts_to_forget", id, rule: "phone is not in E.164 form" };
        let phone = Phone::try_from(phone).map_err(broken)?;
        if find(&mut tx, account_id, &phone).await? == Contact::default() {
            due.push((account_id, phone));
        } else {
            remove(&mut tx, account_id, &phone).await?;
        }
    }
    tx.commit().await?;
    Ok(due)
}

/// Writes down that an account's own store has forgotten a number.
///
/// # Errors
///
/// [`StoreError`]: it is forgotten once more then, which changes nothing.
pub async fn forgotten(db: &Db, account_id: AccountId, phone: &Phone) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    remove(&mut tx, account_id, phone).await?;
    Ok(tx.commit().await?)
}

async fn remove(connection: &mut Connection, account_id: AccountId, phone: &Phone) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "delete from contacts_to_forget where account_id = $1 and phone = $2",
        account_id,
        phone.expose(),
    )?;
    Ok(())
}
