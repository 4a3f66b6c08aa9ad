//! The audit log: who changed what, what it was before, when, and from where.
//!
//! Written in the transaction of the change, so that neither is there without the other; nothing changes it afterwards.

use db::Connection;
use serde_json::Value;

use crate::access::{Origin, Who};
use crate::clock::Timestamp;
use crate::id::BusinessId;
use crate::store::StoreError;

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
/// # Errors
///
/// [`StoreError`].
pub async fn record(
    connection: &mut Connection,
    business_id: Option<BusinessId>,
    origin: &Origin,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (actor, actor_id, impersonator) = match origin.who {
        Who::User { id, impersonator } => ("user", Some(id.get()), impersonator),
        Who::Client(id) => ("client", Some(id.get()), None),
        Who::ApiKey(id) => ("api_key", Some(id.get()), None),
        Who::System => ("system", None, None),
    };
    db::execute!(
        connection,
        "insert into audit_log
             (business_id, at, actor, actor_id, impersonator_id, address, request_id, entity, entity_id, action, old, new)
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
