//! One text for many: planned message by message, at a pace, with a report.
//!
//! Only those get it who wrote to the account or agreed to offers; everybody else is in the report with the reason. All of
//! it is rows, so that it goes on after a restart, and one at a time is put behind every other message.

use std::collections::HashSet;

use db::Connection;
use serde_json::json;

use crate::access::Access;
use crate::account;
use crate::audit::{self, Change};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::contact;
use crate::direct::{MessageText, WORTH_SECONDS, signed};
use crate::id::{BulkId, BusinessId, MessageId};
use crate::language::Language;
use crate::name::Name;
use crate::outbox::{self, MessageKind, MessageState, NewMessage};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

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
/// # Errors
///
/// [`BulkError`].
pub async fn create(
    platform: &Platform,
    access: &Access,
    business: &Business,
    recipients: &Recipients,
    text: &MessageText,
) -> Result<Bulk, BulkError> {
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
    let mut job =
        Job { platform, business, account_id: account.id, id, text: &text, now, seen: HashSet::new(), due: 0 };
    for (position, given) in (0_i64..).zip(&given) {
        job.add(&mut tx, position, given).await?;
    }
    let change = Change {
        entity: "bulk",
        entity_id: id.get(),
        action: "create",
        old: None,
        new: Some(json!({ "recipients": given.len(), "messages": job.due })),
    };
    audit::record(&mut tx, Some(business.id), &access.origin, &change, now).await?;
    let bulk = find(&mut tx, business.id, id).await?;
    tx.commit().await?;
    platform.outbox.ring();
    tracing::info!(business.id = %business.id, bulk.id = %id, recipients = given.len(), "planned a text for many");
    Ok(bulk)
}

/// A text for many while it is planned.
struct Job<'a> {
    platform: &'a Platform,
    business: &'a Business,
    account_id: crate::id::AccountId,
    id: BulkId,
    text: &'a str,
    now: Timestamp,
    seen: HashSet<Phone>,
    /// How many messages are planned so far.
    due: i64,
}

impl Job<'_> {
    async fn add(&mut self, connection: &mut Connection, position: i64, given: &str) -> Result<(), StoreError> {
        let phone: Option<Phone> = given.parse().ok();
        let reason = match &phone {
            None => Some("phone-invalid"),
            Some(phone) if !self.seen.insert(phone.clone()) => Some("duplicate"),
            Some(phone) => {
                let contact = contact::find(connection, self.account_id, phone).await?;
                contact::refusal(connection, self.business.id, MessageKind::Bulk, phone, &contact).await?
            }
        };
        let message_id = match (&phone, reason) {
            (Some(phone), None) => self.plan(connection, phone).await?,
            _ => None,
        };
        let reason = reason.or(message_id.is_none().then_some("duplicate"));
        db::execute!(
            connection,
            "insert into bulk_recipients (business_id, job_id, position, given, phone, message_id, reason)
             values ($1, $2, $3, $4, $5, $6, $7)",
            self.business.id,
            self.id,
            position,
            given.chars().take(64).collect::<String>(),
            phone.as_ref().map(Phone::expose),
            message_id,
            reason,
        )?;
        Ok(())
    }

    async fn plan(&mut self, connection: &mut Connection, phone: &Phone) -> Result<Option<MessageId>, StoreError> {
        let due_at = self.now.plus(self.due * i64::from(self.platform.policy.bulk_interval_seconds));
        let dedup_key = format!("bulk:{}:{}", self.id, phone.expose());
        let message = NewMessage {
            business_id: self.business.id,
            account_id: Some(self.account_id),
            booking_id: None,
            kind: MessageKind::Bulk,
            dedup_key: &dedup_key,
            phone,
            text: self.text,
            language: self.business.language,
            due_at,
            expires_at: due_at.plus(WORTH_SECONDS),
        };
        let planned = outbox::plan(connection, &message, &self.platform.entropy, self.now).await?;
        self.due += i64::from(planned.is_some());
        Ok(planned)
    }
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
    let states = db::fetch_all!(
        connection,
        (String, i64),
        "select o.state, count(*) from bulk_recipients r join outbox o on o.business_id = r.business_id and o.id = r.message_id
         where r.business_id = $1 and r.job_id = $2 group by o.state order by o.state",
        business_id,
        id,
    )?;
    let skipped = db::fetch_all!(
        connection,
        (String, i64),
        "select reason, count(*) from bulk_recipients
         where business_id = $1 and job_id = $2 and reason is not null group by reason order by reason",
        business_id,
        id,
    )?;
    let messages: Result<Vec<_>, StoreError> =
        states.into_iter().map(|(state, count)| Ok((MessageState::of_row(&state, "outbox", 0)?, count))).collect();
    Ok(Bulk { id, text, created_at, cancelled_at, messages: messages?, skipped })
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
        Ok(Recipient {
            position,
            given,
            phone: phone.map(Phone::try_from).transpose().map_err(broken)?,
            message_id,
            state: state.map(|state| MessageState::of_row(&state, "outbox", 0)).transpose()?,
            reason: skipped.or(error),
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
    db::execute!(
        &mut tx,
        "update bulk_jobs set cancelled_at = $3 where business_id = $1 and id = $2",
        business_id,
        id,
        now,
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
