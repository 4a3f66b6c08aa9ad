//! Claiming what is due, and writing down what became of it.

use std::fmt;

use db::{Connection, Db};

use crate::clock::Timestamp;
use crate::id::{AccountId, BookingId, BusinessId, MessageId};
use crate::lease::Lease;
use crate::outbox::admit::{self, Verdict};
use crate::outbox::{MessageKind, MessageState};
use crate::phone::Phone;
use crate::policy::Policy;
use crate::store::StoreError;

/// A message that its claimer now sends.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMessage {
    /// The row.
    pub id: MessageId,
    /// The tenant it is from.
    pub business_id: BusinessId,
    /// The visit it is about.
    pub booking_id: Option<BookingId>,
    /// What it is for.
    pub kind: MessageKind,
    /// The id to send it under, at each attempt the same.
    pub wa_message_id: String,
    /// To whom.
    pub phone: Phone,
    /// What it says.
    pub text: String,
    /// When it was planned for.
    pub due_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// How often it was claimed, this time counted.
    pub attempts: i64,
    /// Whether its recipient never wrote to the account.
    pub is_cold: bool,
}

/// Shows neither the text nor the recipient.
impl fmt::Debug for OutboxMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxMessage").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What follows from a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt at this time.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// None.
    Final,
}

/// How long a claim lasts, in seconds. A message about which nothing was written down by then, because whoever claimed
/// it forgot it, is due again; sending it twice shows once.
pub const CLAIM_SECONDS: i64 = 300;

/// Claims the messages of the lease's account that are due at `now` and may go out, oldest first, texts for many last,
/// at most `limit`.
///
/// A claimed message is nobody else's for [`CLAIM_SECONDS`]; what an earlier holder of the lease left unfinished is due
/// as soon as the lease changed hands. What has expired is marked so instead; what quiet hours, a stop or the budget
/// for new contacts hold up is put off, and what its recipient does not want is taken back, each with its reason.
/// Nothing is claimed under a lease that went to somebody else.
///
/// # Errors
///
/// [`StoreError`].
pub async fn claim_due(
    db: &Db,
    policy: &Policy,
    lease: &Lease,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let account_id = lease.account_id;
    if next_due(db, lease).await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update outbox set state = 'expired', error = coalesce(error, 'expired'), claim_fence = null,
             text = case when kind in ('code', 'invitation') then '' else text end
         where account_id = $1 and state = 'planned' and next_at <= $2 and expires_at <= $2",
        account_id,
        now,
    )?;
    let mut rows = db::fetch_all!(
        &mut tx,
        Row,
        "update outbox set claim_fence = $3, attempts = attempts + 1, next_at = $6
         where id in (
             select id from outbox where account_id = $1 and state = 'planned' and next_at <= $2
             order by case when kind = 'bulk' then 1 else 0 end, next_at, id limit $5
         ) and exists (select 1 from account_leases where account_id = $1 and fence = $3 and holder = $4)
         returning id, business_id, booking_id, kind, wa_message_id, phone, text, due_at, expires_at, attempts",
        account_id,
        now,
        lease.fence,
        lease.holder.as_str(),
        i64::from(limit),
        now.plus(CLAIM_SECONDS),
    )?;
    rows.sort_by_key(|row| (row.due_at, row.id));
    let mut claimed = Vec::with_capacity(rows.len());
    let mut admission = admit::Admission::new(account_id, policy, now);
    for row in rows {
        let mut message = OutboxMessage::try_from(row)?;
        match admission.judge(&mut tx, &message).await? {
            Verdict::Send { is_cold } => {
                message.is_cold = is_cold;
                claimed.push(message);
            }
            Verdict::Wait { until, reason } => put_off(&mut tx, &message, until, reason).await?,
            Verdict::Drop { reason } => take_back(&mut tx, &message, reason).await?,
        }
    }
    tx.commit().await?;
    Ok(claimed)
}

/// Puts a claimed message back until `until`; that was no attempt.
async fn put_off(
    connection: &mut Connection,
    message: &OutboxMessage,
    until: Timestamp,
    reason: &str,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update outbox set claim_fence = null, attempts = attempts - 1, next_at = $3, error = $4
         where business_id = $1 and id = $2 and state = 'planned'",
        message.business_id,
        message.id,
        until.min(message.expires_at),
        reason,
    )?;
    Ok(())
}

async fn take_back(connection: &mut Connection, message: &OutboxMessage, reason: &str) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update outbox set claim_fence = null, attempts = attempts - 1, state = 'cancelled', error = $3
         where business_id = $1 and id = $2 and state = 'planned'",
        message.business_id,
        message.id,
        reason,
    )?;
    Ok(())
}

/// Puts a claimed message back, which must not leave now after all: it is judged anew at `until`. Only who still holds
/// the lease decides.
///
/// # Errors
///
/// [`StoreError`]: the message stays claimed then, until the claim ends or the lease changes hands.
pub async fn put_back(
    db: &Db,
    lease: &Lease,
    message: &OutboxMessage,
    until: Timestamp,
    reason: &str,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update outbox set claim_fence = null, attempts = attempts - 1, next_at = $4, error = $5
         where business_id = $1 and id = $2 and state = 'planned' and claim_fence = $3",
        message.business_id,
        message.id,
        lease.fence,
        until.min(message.expires_at),
        reason,
    )?;
    Ok(tx.commit().await?)
}

/// Moves what is due at `now` for tenants that have linked no account to the operator's, whose lease this is; at most
/// `limit`. They go back when their tenant links its own.
///
/// # Errors
///
/// [`StoreError`].
pub async fn adopt(db: &Db, lease: &Lease, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let mut connection = db.read().await?;
    let any = db::fetch_optional!(
        &mut connection,
        (MessageId,),
        "select o.id from accounts a join outbox o on o.account_id = a.id
         where a.business_id is not null and a.jid is null and o.state = 'planned' and o.next_at <= $1 limit 1",
        now,
    )?;
    drop(connection);
    if any.is_none() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    let moved = db::execute!(
        &mut tx,
        "update outbox set account_id = $1
         where id in (
             select o.id from accounts a join outbox o on o.account_id = a.id
             where a.business_id is not null and a.jid is null and o.state = 'planned' and o.next_at <= $2
             order by o.next_at limit $5
         ) and exists (select 1 from account_leases where account_id = $1 and fence = $3 and holder = $4)",
        lease.account_id,
        now,
        lease.fence,
        lease.holder.as_str(),
        i64::from(limit),
    )?;
    tx.commit().await?;
    Ok(moved)
}

/// Takes back all claims on an account's messages: its lease changes hands.
pub(crate) async fn release_claims(connection: &mut Connection, account_id: AccountId) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update outbox set claim_fence = null, next_at = due_at
         where account_id = $1 and state = 'planned' and claim_fence is not null",
        account_id,
    )?;
    Ok(())
}

/// When the next message of the lease's account is due, or a claim on one ends.
///
/// # Errors
///
/// [`StoreError`].
pub async fn next_due(db: &Db, lease: &Lease) -> Result<Option<Timestamp>, StoreError> {
    let mut connection = db.read().await?;
    let next = db::fetch_optional!(
        &mut connection,
        (Timestamp,),
        "select next_at from outbox where account_id = $1 and state = 'planned' order by next_at limit 1",
        lease.account_id,
    )?;
    Ok(next.map(|(at,)| at))
}

/// The server took a message. It counts whoever holds the lease by now, and whatever was decided about the message
/// meanwhile: it has left.
///
/// # Errors
///
/// [`StoreError`]: the message is sent again under the same id then, which its recipient does not see.
pub async fn mark_sent(db: &Db, message: &OutboxMessage, at: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update outbox set sent_at = coalesce(sent_at, $3), error = null, claim_fence = null,
             state = case when state in ('delivered', 'read') then state else 'sent' end,
             text = case when kind in ('code', 'invitation') then '' else text end
         where business_id = $1 and id = $2",
        message.business_id,
        message.id,
        at,
    )?;
    Ok(tx.commit().await?)
}

/// An attempt failed for `reason`, which is for the owner and names no person. Only who still holds the lease decides.
///
/// # Errors
///
/// [`StoreError`]: the message stays claimed then, until the claim ends or the lease changes hands.
pub async fn mark_failed(
    db: &Db,
    lease: &Lease,
    message: &OutboxMessage,
    failure: Failure,
    reason: &str,
) -> Result<(), StoreError> {
    let (state, next_at) = match failure {
        Failure::Retry { at } => ("planned", Some(at)),
        Failure::Final => ("failed", None),
    };
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update outbox set state = $4, next_at = coalesce($5, next_at), claim_fence = null, error = $6
         where business_id = $1 and id = $2 and state = 'planned' and claim_fence = $3",
        message.business_id,
        message.id,
        lease.fence,
        state,
        next_at,
        reason,
    )?;
    Ok(tx.commit().await?)
}

/// A device of the recipient has the messages with these WhatsApp ids, which `account_id` sent. Unknown ids are passed
/// over: an account also sends what is not in the outbox.
///
/// # Errors
///
/// [`StoreError`].
pub async fn mark_delivered<S: AsRef<str>>(
    db: &Db,
    account_id: AccountId,
    wa_message_ids: &[S],
    at: Timestamp,
) -> Result<(), StoreError> {
    note_receipt(db, account_id, wa_message_ids, (MessageState::Delivered, at)).await
}

/// The recipient saw the messages with these WhatsApp ids, which `account_id` sent. Unknown ids are passed over.
///
/// # Errors
///
/// [`StoreError`].
pub async fn mark_read<S: AsRef<str>>(
    db: &Db,
    account_id: AccountId,
    wa_message_ids: &[S],
    at: Timestamp,
) -> Result<(), StoreError> {
    note_receipt(db, account_id, wa_message_ids, (MessageState::Read, at)).await
}

/// What was seen was delivered, and what was delivered was sent, whatever came first; what was seen stays so.
async fn note_receipt<S: AsRef<str>>(
    db: &Db,
    account_id: AccountId,
    wa_message_ids: &[S],
    (state, at): (MessageState, Timestamp),
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    for id in wa_message_ids {
        db::execute!(
            &mut tx,
            "update outbox set sent_at = coalesce(sent_at, $3), delivered_at = coalesce(delivered_at, $3),
                 read_at = case when $4 = 'read' then coalesce(read_at, $3) else read_at end,
                 state = case when state = 'read' then state else $4 end, error = null, claim_fence = null
             where account_id = $1 and wa_message_id = $2 and attempts > 0",
            account_id,
            id.as_ref(),
            at,
            state.as_str(),
        )?;
    }
    Ok(tx.commit().await?)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: MessageId,
    business_id: BusinessId,
    booking_id: Option<BookingId>,
    kind: String,
    wa_message_id: String,
    phone: String,
    text: String,
    due_at: Timestamp,
    expires_at: Timestamp,
    attempts: i64,
}

impl TryFrom<Row> for OutboxMessage {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.get();
        let broken = |_| StoreError::Row { table: "outbox", id, rule: "phone is not in E.164 form" };
        Ok(Self {
            id: row.id,
            business_id: row.business_id,
            booking_id: row.booking_id,
            kind: MessageKind::of_row(&row.kind, "outbox", id)?,
            wa_message_id: row.wa_message_id,
            phone: Phone::try_from(row.phone).map_err(broken)?,
            text: row.text,
            due_at: row.due_at,
            expires_at: row.expires_at,
            attempts: row.attempts,
            is_cold: false,
        })
    }
}
