//! Planning the messages of a text for many, in short transactions.
//!
//! A recipient's row is written once with the list, undecided, and once more in the transaction that plans their
//! message or says why there is none. So whoever goes on after a crash, in whichever process, plans for those that are
//! left and for nobody twice. Who goes on is told by a lease in `work_leases`, which is there until everybody is
//! decided about.

use std::collections::HashSet;

use db::Connection;

use crate::account;
use crate::business::{self, Business};
use crate::clock::Timestamp;
use crate::contact;
use crate::direct::WORTH_SECONDS;
use crate::id::{AccountId, BulkId, BusinessId, MessageId};
use crate::outbox::{self, MessageKind, NewMessage};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::StoreError;

/// Recipients of one transaction.
const AT_ONCE: i64 = 100;
/// The longest number that is kept as it was given, in characters.
const GIVEN_LENGTH: usize = 64;
/// What stands in a recipient's row in place of a reason until somebody decides. It is in no report.
pub(super) const UNDECIDED: &str = "undecided";
/// The name of every lease here begins so; the business and the job follow.
const LEASE: &str = "bulk:";
/// How long a lease lasts, in seconds of real time: longer than any of the transactions takes.
const LEASE_SECONDS: i64 = 30;
/// Jobs that are gone on with in one round.
const RESUMED: i64 = 20;

/// Writes down whom the job is for.
pub(super) async fn list(
    connection: &mut Connection,
    business_id: BusinessId,
    id: BulkId,
    given: &[String],
) -> Result<(), StoreError> {
    let shown = |given: &String| given.chars().filter(|c| !c.is_control()).take(GIVEN_LENGTH).collect::<String>();
    let given = serde_json::Value::from(given.iter().map(shown).collect::<Vec<_>>()).to_string();
    db::execute!(
        connection,
        sqlite: "insert into bulk_recipients (business_id, job_id, position, given, reason)
             select $1, $2, key, value, $4 from json_each($3)",
        postgres: "insert into bulk_recipients (business_id, job_id, position, given, reason)
             select $1, $2, e.place - 1, e.given, $4
             from json_array_elements_text($3::json) with ordinality as e (given, place)",
        business_id,
        id,
        given.as_str(),
        UNDECIDED,
    )?;
    Ok(())
}

/// Offers the job to whoever wants to plan it.
pub(super) async fn offer(connection: &mut Connection, business_id: BusinessId, id: BulkId) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into work_leases (name, holder, until_at) values ($1, '', 0)",
        lease_of(business_id, id),
    )?;
    Ok(())
}

/// Plans all messages that are left, unless somebody else is at it; gives how many recipients that were.
pub(super) async fn plan_all(platform: &Platform, business: &Business, id: BulkId) -> Result<u64, StoreError> {
    let holder = hex::encode(platform.entropy.bytes::<8>());
    let mut decided = 0;
    while let Some(count) = plan_next(platform, business, id, &holder).await? {
        decided += count;
    }
    Ok(decided)
}

/// Goes on with jobs whose planning nobody is at any more; gives how many recipients that were.
pub(crate) async fn resume(platform: &Platform) -> Result<u64, StoreError> {
    let names = db::fetch_all!(
        &mut platform.db.read().await?,
        (String,),
        "select name from work_leases where name like 'bulk:%' and until_at <= $1 order by until_at limit $2",
        platform.clock.real_now(),
        RESUMED,
    )?;
    let mut decided = 0;
    for (name,) in names {
        let Some((business_id, id)) = job_of(&name) else { continue };
        let business = business::by_id(&mut platform.db.read().await?, business_id).await?;
        let Some(business) = business else { continue };
        decided += plan_all(platform, &business, id).await?;
    }
    Ok(decided)
}

/// Plans the messages of the next hundred recipients of a job, in one transaction, under the lease of `holder`; gives
/// how many that were, and `None` when nobody is left or somebody else is at it.
///
/// # Errors
///
/// [`StoreError`]: about none of them was decided.
pub async fn plan_next(
    platform: &Platform,
    business: &Business,
    id: BulkId,
    holder: &str,
) -> Result<Option<u64>, StoreError> {
    let real_now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let held = db::execute!(
        &mut tx,
        "update work_leases set holder = $2, until_at = $3 where name = $1 and (holder = $2 or until_at <= $4)",
        lease_of(business.id, id),
        holder,
        real_now.plus(LEASE_SECONDS),
        real_now,
    )?;
    if held == 0 {
        return Ok(None);
    }
    let Some(mut job) = Job::open(&mut tx, platform, business, id).await? else { return Ok(None) };
    let undecided = db::fetch_all!(
        &mut tx,
        (i64, String),
        "select position, given from bulk_recipients
         where business_id = $1 and job_id = $2 and reason = $3 order by position limit $4",
        business.id,
        id,
        UNDECIDED,
        AT_ONCE,
    )?;
    for (position, given) in &undecided {
        job.decide(&mut tx, *position, given).await?;
    }
    let is_over = undecided.is_empty();
    if is_over {
        db::execute!(&mut tx, "delete from work_leases where name = $1", lease_of(business.id, id))?;
    }
    tx.commit().await?;
    platform.outbox.ring();
    Ok((!is_over).then(|| u64::try_from(undecided.len()).unwrap_or(u64::MAX)))
}

/// A job while its messages are planned.
struct Job<'a> {
    platform: &'a Platform,
    business: &'a Business,
    account_id: AccountId,
    id: BulkId,
    text: String,
    created_at: Timestamp,
    /// Numbers that were decided about.
    seen: HashSet<Phone>,
    /// How many messages are planned so far.
    planned: i64,
}

impl<'a> Job<'a> {
    /// Reads how far it is. Whoever wants to call it off waits for the end of this transaction.
    async fn open(
        connection: &mut Connection,
        platform: &'a Platform,
        business: &'a Business,
        id: BulkId,
    ) -> Result<Option<Self>, StoreError> {
        let found = db::fetch_optional!(
            connection,
            (String, Timestamp),
            sqlite: "select text, created_at from bulk_jobs where business_id = $1 and id = $2",
            postgres: "select text, created_at from bulk_jobs where business_id = $1 and id = $2 for update",
            business.id,
            id,
        )?;
        let Some((text, created_at)) = found else { return Ok(None) };
        let account = account::sender_of(connection, business.id, platform.policy.platform_account).await?;
        let Some(account) = account else { return Ok(None) };
        let decided = db::fetch_all!(
            connection,
            (String, Option<MessageId>),
            "select phone, message_id from bulk_recipients
             where business_id = $1 and job_id = $2 and phone is not null",
            business.id,
            id,
        )?;
        let planned = decided.iter().filter(|(_, message_id)| message_id.is_some()).count();
        let broken = |_| StoreError::Row { table: "bulk_recipients", id: id.get(), rule: "phone is not in E.164 form" };
        let seen = decided.into_iter().map(|(phone, _)| Phone::try_from(phone).map_err(broken));
        Ok(Some(Self {
            platform,
            business,
            account_id: account.id,
            id,
            text,
            created_at,
            seen: seen.collect::<Result<_, _>>()?,
            planned: i64::try_from(planned).unwrap_or(i64::MAX),
        }))
    }

    /// Plans the message of one recipient, or writes down why there is none.
    async fn decide(&mut self, connection: &mut Connection, position: i64, given: &str) -> Result<(), StoreError> {
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
            "update bulk_recipients set phone = $4, message_id = $5, reason = $6
             where business_id = $1 and job_id = $2 and position = $3",
            self.business.id,
            self.id,
            position,
            phone.as_ref().map(Phone::expose),
            message_id,
            reason,
        )?;
        Ok(())
    }

    async fn plan(&mut self, connection: &mut Connection, phone: &Phone) -> Result<Option<MessageId>, StoreError> {
        let interval = i64::from(self.platform.policy.bulk_interval_seconds);
        let due_at = self.created_at.plus(self.planned.saturating_mul(interval));
        let dedup_key = format!("bulk:{}:{}", self.id, phone.expose());
        let message = NewMessage {
            business_id: self.business.id,
            account_id: Some(self.account_id),
            booking_id: None,
            kind: MessageKind::Bulk,
            dedup_key: &dedup_key,
            phone,
            text: &self.text,
            language: self.business.language,
            due_at,
            expires_at: due_at.plus(WORTH_SECONDS),
        };
        let now = self.platform.clock.now();
        let planned = outbox::plan(connection, &message, &self.platform.entropy, now).await?;
        self.planned += i64::from(planned.is_some());
        Ok(planned)
    }
}

fn lease_of(business_id: BusinessId, id: BulkId) -> String {
    format!("{LEASE}{business_id}:{id}")
}

fn job_of(name: &str) -> Option<(BusinessId, BulkId)> {
    let (business_id, id) = name.strip_prefix(LEASE)?.split_once(':')?;
    Some((BusinessId::new(business_id.parse().ok()?), BulkId::new(id.parse().ok()?)))
}
