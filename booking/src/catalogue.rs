//! What services, masters and schedules have in common: ranges, orders, and what the audit log keeps of a change.

use db::Connection;
use serde_json::{Value, json};

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::clock::Timestamp;
use crate::store::StoreError;

/// A number is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} is out of its range of {least} to {most}")]
pub struct OutOfRange {
    /// The field.
    pub field: &'static str,
    /// The least value.
    pub least: i64,
    /// The greatest value.
    pub most: i64,
}

/// Refuses a number out of its range; none at all is in it.
pub(crate) fn within(field: &'static str, value: Option<i64>, least: i64, most: i64) -> Result<(), OutOfRange> {
    match value {
        Some(value) if !(least..=most).contains(&value) => Err(OutOfRange { field, least, most }),
        _ => Ok(()),
    }
}

/// Whether `order` names each of `all` once.
pub(crate) fn is_order_of<T: Copy + Ord>(all: &[T], order: &[T]) -> bool {
    let sorted = |ids: &[T]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    sorted(all) == sorted(order)
}

/// The fields of two objects that differ, as they were and as they are; none when nothing does.
pub(crate) fn differences(old: &Value, new: &Value) -> Option<(Value, Value)> {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return (old != new).then(|| (old.clone(), new.clone()));
    };
    let changed = |key: &&String| before.get(*key) != after.get(*key);
    let of = |fields: &serde_json::Map<String, Value>| -> Value {
        let keys = before.keys().chain(after.keys()).filter(changed);
        Value::Object(keys.filter_map(|key| Some((key.clone(), fields.get(key)?.clone()))).collect())
    };
    (before != after).then(|| (of(before), of(after)))
}

/// Writes down that things were put into another order.
pub(crate) async fn record_order(
    connection: &mut Connection,
    staff: &Staff,
    entity: &str,
    old: &[i64],
    new: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    if old == new {
        return Ok(());
    }
    let (old, new) = (Some(json!({ "order": old })), Some(json!({ "order": new })));
    let change = Change { entity, entity_id: staff.business.id.get(), action: "reorder", old, new };
    audit::record(connection, Some(staff.business.id), &staff.access.origin, &change, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let (old, new) = (json!({ "a": 1, "b": 2, "c": null }), json!({ "a": 1, "b": 3, "d": 4 }));
        let expected = (json!({ "b": 2, "c": null }), json!({ "b": 3, "d": 4 }));
        assert_eq!(differences(&old, &new), Some(expected));
        assert_eq!(differences(&old, &old), None);
    }

    #[test]
    fn an_order_names_each_once() {
        assert!(is_order_of(&[1, 2, 3], &[3, 1, 2]));
        assert!(!is_order_of(&[1, 2, 3], &[3, 1]));
        assert!(!is_order_of(&[1, 2, 3], &[1, 1, 2]));
    }
}
