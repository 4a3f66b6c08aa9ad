//! The audit log: who changed what, what it was before, when, and from where.
//!
//! Written in the transaction of the change, so that neither is there without the other; nothing changes it afterwards.

use db::Connection;
use serde_json::Value;

use crate::access::{Origin, Who};
use crate::clock::Timestamp;
use crate::id::{BusinessId, UserId};
use crate::idempotency;
use crate::store::{StoreError, text_enum};

/// What was changed.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// What kind of thing: the table's word in the singular, `service`, `client`, `booking`.
    pub entity: &'a str,
    /// Which one.
    pub entity_id: i64,
    /// What was done to it: a verb, `create`, `update`, `cancel`.
    pub action: &'a str,
    /// The fields that changed, as they were. Never a secret; a client's number only as its last four digits.
    pub old: Option<Value>,
    /// The same fields, as they are.
    pub new: Option<Value>,
}

/// Writes a change down, in its own transaction. No business is the operator's doing.
///
/// Whoever acts under a key does what they do once: the change is noted beside it.
///
/// # Errors
///
/// [`StoreError`]: [`StoreError::DoneBefore`] under a key whose request was done before; the transaction is to be dropped.
pub async fn record(
    connection: &mut Connection,
    business_id: Option<BusinessId>,
    origin: &Origin,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(ticket) = &origin.ticket {
        idempotency::note_done(connection, ticket, change.entity_id).await?;
    }
    let (actor, actor_id, impersonator) = match origin.who {
        Who::User { id, impersonator } => ("user", Some(id.get()), impersonator),
        Who::Client(id) => ("client", Some(id.get()), None),
        Who::ApiKey(id) => ("api_key", Some(id.get()), None),
        Who::System => ("system", None, None),
    };
    db::execute!(
        connection,
        "insert into audit_log
             (business_id, at, actor, actor_id, impersonator_id, address, request_id, entity, entity_id, action,
              old, new)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        business_id,
        now,
        actor,
        actor_id,
        impersonator,
        origin.address.map(|address| address.to_string()),
        origin.request_id.as_deref(),
        change.entity,
        change.entity_id,
        change.action,
        change.old.as_ref().map(Value::to_string),
        change.new.as_ref().map(Value::to_string),
    )?;
    Ok(())
}

text_enum! {
    /// What kind of somebody changed a thing.
    Actor {
        /// Somebody who logged in.
        User = "user",
        /// A client.
        Client = "client",
        /// A program.
        ApiKey = "api_key",
        /// The passing of time.
        System = "system",
    }
}

/// The most entries of one page.
pub const MOST_ROWS: u32 = 200;

/// Which entries to list, the newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Only those before this one: the last of the page before.
    pub before: Option<i64>,
    /// Only those about this kind of thing.
    pub entity: Option<&'a str>,
    /// Only those about this one.
    pub entity_id: Option<i64>,
    /// Only those by this user, also where the operator acted in their name.
    pub user_id: Option<UserId>,
    /// Only those of this instant or later.
    pub from: Option<Timestamp>,
    /// Only those before this instant.
    pub to: Option<Timestamp>,
    /// At most so many; [`MOST_ROWS`] at most.
    pub limit: u32,
}

/// A change that was written down.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The row; later entries have greater ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What kind of somebody.
    pub actor: Actor,
    /// The number of the user, the client or the key.
    pub actor_id: Option<i64>,
    /// The user's name.
    pub actor_name: Option<String>,
    /// The operator who acted in the user's name.
    pub impersonator: Option<UserId>,
    /// From where.
    pub address: Option<String>,
    /// The request's id in the logs.
    pub request_id: Option<String>,
    /// What kind of thing was changed.
    pub entity: String,
    /// Which one.
    pub entity_id: i64,
    /// What was done to it.
    pub action: String,
    /// The fields that changed, as they were.
    pub old: Option<Value>,
    /// The same fields, as they were then.
    pub new: Option<Value>,
}

/// The entries of a business that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    business_id: BusinessId,
    filter: &Filter<'_>,
) -> Result<Vec<Entry>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select a.id, a.at, a.actor, a.actor_id, u.full_name as actor_name, a.impersonator_id, a.address, a.request_id,
             a.entity, a.entity_id, a.action, a.old, a.new
         from audit_log a left join users u on a.actor = 'user' and u.id = a.actor_id
         where a.business_id = $1 and a.id < $2 and ($3 = '' or a.entity = $3) and ($4 = 0 or a.entity_id = $4)
             and ($5 = 0 or (a.actor = 'user' and a.actor_id = $5)) and a.at >= $6 and a.at < $7
         order by a.id desc limit $8",
        business_id,
        filter.before.unwrap_or(i64::MAX),
        filter.entity.unwrap_or_default(),
        filter.entity_id.unwrap_or_default(),
        filter.user_id.map_or(0, UserId::get),
        filter.from.map_or(i64::MIN, Timestamp::seconds),
        filter.to.map_or(i64::MAX, Timestamp::seconds),
        i64::from(filter.limit.min(MOST_ROWS)),
    )?;
    rows.into_iter().map(Entry::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: Timestamp,
    actor: String,
    actor_id: Option<i64>,
    actor_name: Option<String>,
    impersonator_id: Option<UserId>,
    address: Option<String>,
    request_id: Option<String>,
    entity: String,
    entity_id: i64,
    action: String,
    old: Option<String>,
    new: Option<String>,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |_| StoreError::Row { table: "audit_log", id: row.id, rule: "values are no JSON" };
        let json = |text: &Option<String>| text.as_deref().map(serde_json::from_str).transpose().map_err(broken);
        Ok(Self {
            id: row.id,
            at: row.at,
            actor: Actor::of_row(&row.actor, "audit_log", row.id)?,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            impersonator: row.impersonator_id,
            address: row.address,
            request_id: row.request_id,
            entity: row.entity,
            entity_id: row.entity_id,
            action: row.action,
            old: json(&row.old)?,
            new: json(&row.new)?,
        })
    }
}
