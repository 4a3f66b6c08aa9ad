//! One text for many: planned message by message, at a pace, with a report.
//!
//! The list is one transaction; the messages are planned a hundred recipients at a time ([`plan_next`]), so that nobody
//! else's booking waits for a thousand of them. Only those get it who wrote to the account or agreed to offers;
//! everybody else is in the report with the reason. All of it is rows, so that it goes on after a restart, and one at a
//! time is put behind every other message.

mod planning;

use db::Connection;
use serde_json::json;

use crate::access::Access;
use crate::account;
use crate::audit::{self, Change};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::direct::{MessageText, signed};
use crate::id::{BulkId, BusinessId, MessageId};
use crate::idempotency::Ticket;
use crate::language::Language;
use crate::name::Name;
use crate::outbox::MessageState;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

pub use self::planning::plan_next;
pub(crate) use self::planning::resume;

use self::planning::UNDECIDED;

/// The most recipients of one text.
pub const MOST_RECIPIENTS: usize = 1_000;
/// The most rows of one page of a report.
pub const MOST_ROWS: u32 = 200;

/// Who gets it.
#[derive(Debug, Clone)]
pub enum Recipients {
    /// These numbers, as somebody wrote them.
    Given(Vec<String>),
    /// The clients of the business that fit.
    Clients(ClientFilter),
}

/// Which clients.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// Only those with this tag.
    pub tag: Option<Name>,
    /// Only those who chose this language.
    pub language: Option<Language>,
}

/// A text for many, and how far it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Bulk {
    /// The row.
    pub id: BulkId,
    /// What it says. Not for logs.
    pub text: String,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it was called off.
    pub cancelled_at: Option<Timestamp>,
    /// How many messages are in each state.
    pub messages: Vec<(MessageState, i64)>,
    /// How many were left out, by reason.
    pub skipped: Vec<(String, i64)>,
}

/// One recipient of a text for many. `Debug` shows nobody.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recipient {
    /// Their place in the list, from 0.
    pub position: i64,
    /// Their number, as it was given.
    pub given: String,
    /// Their number, if it is one.
    pub phone: Option<Phone>,
    /// Their message, unless they were left out.
    pub message_id: Option<MessageId>,
    /// Where the message is in its life.
    pub state: Option<MessageState>,
    /// Why they were left out, or why the message was not sent.
    pub reason: Option<String>,
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipient")
            .field("position", &self.position)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Why a text for many was not planned or found.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// Whoever asks does not run the business.
    #[error("only who runs the business writes to many")]
    NotAllowed,
    /// There is nobody in the list, or among the clients that fit.
    #[error("there are no recipients")]
    Nobody,
    /// There are more than [`MOST_RECIPIENTS`].
    #[error("there are more than {MOST_RECIPIENTS} recipients")]
    TooMany,
    /// There is no account to write from.
    #[error("there is no account to write from")]
    NoAccount,
    /// The business has no such job.
    #[error("the business has no such job")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(BulkError);

/// Plans a text for many.
///
/// Once its list is written, it is planned whatever happens: what is not planned here is planned by whoever [keeps
/// time](crate::timekeeping), and counts as planned. A request that is repeated after a death, with its ticket, finds
/// the job that it has made.
///
/// # Errors
///
/// [`BulkError`]: nothing is planned, unless it was [`BulkError::Store`] that came from reading the report.
pub async fn create(
    platform: &Platform,
    access: &Access,
    business: &Business,
    recipients: &Recipients,
    text: &MessageText,
) -> Result<Bulk, BulkError> {
    let id = match access.origin.ticket.as_ref().and_then(Ticket::made) {
        Some(id) => BulkId::new(id),
        None => enlist(platform, access, business, recipients, text).await?,
    };
    if let Err(error) = planning::plan_all(platform, business, id).await {
        tracing::warn!(business.id = %business.id, bulk.id = %id, "a text for many is planned later: {error}");
    }
    find(&mut platform.db.read().await?, business.id, id).await
}

/// Writes down a text for many and its list, and under which ticket it was asked for, in one short transaction;
/// [`plan_next`] plans its messages.
///
/// # Errors
///
/// [`BulkError`]: nothing was written down.
pub async fn enlist(
    platform: &Platform,
    access: &Access,
    business: &Business,
    recipients: &Recipients,
    text: &MessageText,
) -> Result<BulkId, BulkError> {
    if !access.runs_business() {
        return Err(BulkError::NotAllowed);
    }
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let given = match recipients {
        Recipients::Given(phones) => phones.clone(),
        Recipients::Clients(filter) => clients(&mut tx, business.id, filter).await?,
    };
    match given.len() {
        0 => return Err(BulkError::Nobody),
        count if count > MOST_RECIPIENTS => return Err(BulkError::TooMany),
        _ => {}
    }
    let account = account::sender_of(&mut tx, business.id, platform.policy.platform_account).await?;
    let account = account.ok_or(BulkError::NoAccount)?;
    let text = signed(business, account.business_id.is_none(), text.as_str());
    let (id,) = db::fetch_one!(
        &mut tx,
        (BulkId,),
        "insert into bulk_jobs (business_id, text, created_at) values ($1, $2, $3) returning id",
        business.id,
        text.as_str(),
        now,
    )?;
    planning::list(&mut tx, business.id, id, &given).await?;
    planning::offer(&mut tx, business.id, id).await?;
    let change = Change {
        entity: "bulk",
        entity_id: id.get(),
        action: "create",
        old: None,
        new: Some(json!({ "recipients": given.len() })),
    };
    audit::record(&mut tx, Some(business.id), &access.origin, &change, now).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business.id, bulk.id = %id, recipients = given.len(), "planning a text for many");
    Ok(id)
}

/// The numbers of the clients that fit, one more than [`MOST_RECIPIENTS`] at most.
async fn clients(
    connection: &mut Connection,
    business_id: BusinessId,
    filter: &ClientFilter,
) -> Result<Vec<String>, StoreError> {
    // Tags are a list of JSON texts: one is found with its quotation marks.
    let tag = filter.tag.as_ref().map(|tag| json!(tag.as_str()).to_string());
    let rows = db::fetch_all!(
        connection,
        (String,),
        sqlite: "select phone from clients
             where business_id = $1 and phone is not null and merged_into is null and erased_at is null
                 and blocked_at is null and ($2 = '' or instr(tags, $2) > 0) and ($3 = '' or language = $3)
             order by id limit $4",
        postgres: "select phone from clients
             where business_id = $1 and phone is not null and merged_into is null and erased_at is null
                 and blocked_at is null and ($2 = '' or strpos(tags, $2) > 0) and ($3 = '' or language = $3)
             order by id limit $4",
        business_id,
        tag.as_deref().unwrap_or_default(),
        filter.language.map_or("", Language::as_str),
        i64::try_from(MOST_RECIPIENTS).unwrap_or(i64::MAX).saturating_add(1),
    )?;
    Ok(rows.into_iter().map(|(phone,)| format!("+{phone}")).collect())
}

/// A text for many, and how far it is.
///
/// # Errors
///
/// [`BulkError::NotFound`], [`BulkError::Store`].
pub async fn find(connection: &mut Connection, business_id: BusinessId, id: BulkId) -> Result<Bulk, BulkError> {
    let job = db::fetch_optional!(
        connection,
        (String, Timestamp, Option<Timestamp>),
        "select text, created_at, cancelled_at from bulk_jobs where business_id = $1 and id = $2",
        business_id,
        id,
    )?;
    let (text, created_at, cancelled_at) = job.ok_or(BulkError::NotFound)?;
    let (undecided,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from bulk_recipients where business_id = $1 and job_id = $2 and reason = $3",
        business_id,
        id,
        UNDECIDED,
    )?;
    let states = db::fetch_all!(
        connection,
        (String, i64),
        "select o.state, count(*) from bulk_recipients r join outbox o on o.business_id = r.business_id
             and o.id = r.message_id
         where r.business_id = $1 and r.job_id = $2 group by o.state order by o.state",
        business_id,
        id,
    )?;
    let skipped = db::fetch_all!(
        connection,
        (String, i64),
        "select reason, count(*) from bulk_recipients
         where business_id = $1 and job_id = $2 and reason <> $3 group by reason order by reason",
        business_id,
        id,
        UNDECIDED,
    )?;
    let messages: Result<Vec<_>, StoreError> =
        states.into_iter().map(|(state, count)| Ok((MessageState::of_row(&state, "outbox", 0)?, count))).collect();
    let mut messages = messages?;
    match messages.iter_mut().find(|(state, _)| *state == MessageState::Planned) {
        Some((_, planned)) => *planned += undecided,
        None if undecided > 0 => messages.push((MessageState::Planned, undecided)),
        None => {}
    }
    Ok(Bulk { id, text, created_at, cancelled_at, messages, skipped })
}

/// Place, number as given, number, message, its state, why there is none, why it failed.
type RecipientRow = (i64, String, Option<String>, Option<MessageId>, Option<String>, Option<String>, Option<String>);

/// The recipients of a text for many after the place `after`, at most `limit`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn recipients(
    connection: &mut Connection,
    business_id: BusinessId,
    id: BulkId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<Recipient>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        RecipientRow,
        "select r.position, r.given, r.phone, r.message_id, o.state, r.reason, o.error
         from bulk_recipients r left join outbox o on o.business_id = r.business_id and o.id = r.message_id
         where r.business_id = $1 and r.job_id = $2 and r.position > $3 order by r.position limit $4",
        business_id,
        id,
        after.unwrap_or(-1),
        i64::from(limit.min(MOST_ROWS)),
    )?;
    let broken = |_| StoreError::Row { table: "bulk_recipients", id: id.get(), rule: "phone is not in E.164 form" };
    let recipient = |(position, given, phone, message_id, state, skipped, error): RecipientRow| {
        let state = state.map(|state| MessageState::of_row(&state, "outbox", 0)).transpose()?;
        let is_undecided = skipped.as_deref() == Some(UNDECIDED);
        Ok(Recipient {
            position,
            given,
            phone: phone.map(Phone::try_from).transpose().map_err(broken)?,
            message_id,
            state: state.or(is_undecided.then_some(MessageState::Planned)),
            reason: skipped.filter(|_| !is_undecided).or(error),
        })
    };
    rows.into_iter().map(recipient).collect()
}

/// Calls off what has not left of a text for many.
///
/// # Errors
///
/// [`BulkError`].
pub async fn cancel(platform: &Platform, access: &Access, id: BulkId) -> Result<Bulk, BulkError> {
    if !access.runs_business() {
        return Err(BulkError::NotAllowed);
    }
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let found = find(&mut tx, business_id, id).await?;
    if found.cancelled_at.is_some() {
        return Ok(found);
    }
    // Whoever plans its messages at this moment is waited for here.
    db::execute!(
        &mut tx,
        "update bulk_jobs set cancelled_at = $3 where business_id = $1 and id = $2",
        business_id,
        id,
        now,
    )?;
    db::execute!(
        &mut tx,
        "update bulk_recipients set reason = 'cancelled' where business_id = $1 and job_id = $2 and reason = $3",
        business_id,
        id,
        UNDECIDED,
    )?;
    let taken_back = db::execute!(
        &mut tx,
        "update outbox set state = 'cancelled', error = 'cancelled', claim_fence = null
         where business_id = $1 and state = 'planned' and claim_fence is null and id in (
             select message_id from bulk_recipients where business_id = $1 and job_id = $2
         )",
        business_id,
        id,
    )?;
    let change = Change {
        entity: "bulk",
        entity_id: id.get(),
        action: "cancel",
        old: None,
        new: Some(json!({ "taken_back": taken_back })),
    };
    audit::record(&mut tx, Some(business_id), &access.origin, &change, now).await?;
    let cancelled = find(&mut tx, business_id, id).await?;
    tx.commit().await?;
    Ok(cancelled)
}
