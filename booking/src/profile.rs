//! What an owner changes of the business itself: how it is called, where it is, its clock, language and settings.

use db::Connection;
use serde_json::{Map, Value, json};

use crate::access::Origin;
use crate::audit::{self, Change};
use crate::business::{self, Business};
use crate::clock::Timestamp;
use crate::id::BusinessId;
use crate::language::Language;
use crate::name::{Name, NameError};
use crate::phone::{Phone, PhoneError};
use crate::platform::Platform;
use crate::settings::{Settings, SettingsError};
use crate::store::{StoreError, from_store};
use crate::zone::Zone;

/// What to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange<'a> {
    /// The version it was seen in; none takes it as it is.
    pub version: Option<i64>,
    /// The name for people.
    pub name: Option<&'a str>,
    /// Where it is; `Some(None)` is nowhere to be told.
    pub address: Option<Option<&'a str>>,
    /// The number for people.
    pub phone: Option<&'a str>,
    /// The IANA zone of its wall clock. Visits that are booked keep the clock they were promised by.
    pub time_zone: Option<&'a str>,
    /// What its clients are written to in who have not chosen.
    pub language: Option<Language>,
    /// A part of the settings' document, merged into it; `null` gives a field back to the operator.
    /// Source: RFC 7396.
    pub settings: Option<&'a Value>,
}

/// Why nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is no such business.
    #[error("there is no such business")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed the settings")]
    Changed {
        /// How it is now.
        current: Box<Business>,
    },
    /// The field `name`.
    #[error("the name is not usable")]
    Name(#[source] NameError),
    /// The field `address`.
    #[error("the address is not usable")]
    Address(#[source] NameError),
    /// The field `phone`.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The field `time_zone`.
    #[error("no time zone has this name")]
    Zone,
    /// The field `settings`: it is no such document.
    #[error("the settings are malformed")]
    Malformed {
        /// What is wrong, in words of the program.
        problem: String,
    },
    /// The field `settings`: a number is out of its range.
    #[error(transparent)]
    Range(#[from] SettingsError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ProfileError);

/// Changes a business; gives it as it was and as it is.
///
/// # Errors
///
/// [`ProfileError`].
pub async fn change(
    platform: &Platform,
    business_id: BusinessId,
    change: &ProfileChange<'_>,
    origin: &Origin,
) -> Result<(Business, Business), ProfileError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let before = business::by_id(&mut tx, business_id).await?.ok_or(ProfileError::NotFound)?;
    if change.version.is_some_and(|version| version != before.version) {
        return Err(ProfileError::Changed { current: Box::new(before) });
    }
    let after = applied(&before, change)?;
    let (old, new) = difference(&document(&before), &document(&after));
    if new.is_empty() {
        return Ok((before, after));
    }
    if !write(&mut tx, &before, &after).await? {
        drop(tx);
        let current = business::by_id(&mut platform.db.read().await?, business_id).await?;
        let current = Box::new(current.ok_or(ProfileError::NotFound)?);
        return Err(ProfileError::Changed { current });
    }
    log(&mut tx, business_id, origin, (old, new), now).await?;
    // Names, addresses, hours of reminders and windows stand in messages that are planned already.
    crate::booking::replan_all(&mut tx, business_id).await?;
    tx.commit().await?;
    let after = Business { version: before.version + 1, ..after };
    Ok((before, after))
}

fn applied(before: &Business, change: &ProfileChange<'_>) -> Result<Business, ProfileError> {
    let mut after = before.clone();
    if let Some(name) = change.name {
        after.name = name.parse::<Name>().map_err(ProfileError::Name)?;
    }
    if let Some(address) = change.address {
        let address = address.map(str::parse::<Name>).transpose().map_err(ProfileError::Address)?;
        after.address = address.map(|address| address.as_str().to_owned());
    }
    if let Some(phone) = change.phone {
        after.phone = phone.parse::<Phone>()?;
    }
    if let Some(zone) = change.time_zone {
        after.zone = zone.parse::<Zone>().map_err(|_| ProfileError::Zone)?;
    }
    if let Some(language) = change.language {
        after.language = language;
    }
    if let Some(patch) = change.settings {
        after.settings = merged(&before.settings, patch)?;
    }
    Ok(after)
}

/// The settings with a part of their document changed, checked.
fn merged(settings: &Settings, patch: &Value) -> Result<Settings, ProfileError> {
    let malformed = |problem: String| ProfileError::Malformed { problem };
    let mut document = serde_json::to_value(settings).map_err(|error| malformed(error.to_string()))?;
    merge(&mut document, patch, "").map_err(malformed)?;
    let settings: Settings = serde_json::from_value(document).map_err(|error| malformed(error.to_string()))?;
    settings.check()?;
    Ok(settings)
}

/// Merges a patch into a document; what is wrong, in words, if something is.
///
/// The document names every field there is, so that a name it lacks is a mistake. `null` takes the field's default.
fn merge(document: &mut Value, change: &Value, path: &str) -> Result<(), String> {
    let Value::Object(fields) = &mut *document else {
        *document = change.clone();
        return Ok(());
    };
    let Value::Object(changes) = change else { return Err(format!("not an object: {path}")) };
    for (name, change) in changes {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let unknown = || format!("unknown field {path}");
        if change.is_null() {
            fields.remove(name).ok_or_else(unknown)?;
        } else {
            merge(fields.get_mut(name).ok_or_else(unknown)?, change, &path)?;
        }
    }
    Ok(())
}

/// Writes what is different; `false` when somebody else was first.
async fn write(connection: &mut Connection, before: &Business, after: &Business) -> Result<bool, ProfileError> {
    let settings = serde_json::to_string(&after.settings);
    let settings = settings.map_err(|error| ProfileError::Malformed { problem: error.to_string() })?;
    let written = db::execute!(
        connection,
        "update businesses set name = $3, address = $4, phone = $5, time_zone = $6, language = $7, settings = $8,
             search = $9, version = version + 1
         where id = $1 and version = $2",
        before.id,
        before.version,
        after.name.as_str(),
        after.address.as_deref(),
        after.phone.expose(),
        after.zone.name(),
        after.language.as_str(),
        settings,
        business::search_text(&after.name, &after.subdomain, &after.phone),
    )?;
    Ok(written > 0)
}

async fn log(
    connection: &mut Connection,
    business_id: BusinessId,
    origin: &Origin,
    (old, new): (Map<String, Value>, Map<String, Value>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = Change {
        entity: "business",
        entity_id: business_id.get(),
        action: "update",
        old: Some(Value::Object(old)),
        new: Some(Value::Object(new)),
    };
    audit::record(connection, Some(business_id), origin, &change, now).await
}

fn document(business: &Business) -> Value {
    json!({
        "name": business.name.as_str(),
        "address": business.address,
        "phone": business.phone.expose(),
        "time_zone": business.zone.name(),
        "language": business.language,
        "settings": business.settings,
    })
}

/// The fields of two documents that differ, as they were and as they are, each part of the settings for itself.
fn difference(before: &Value, after: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let (mut old, mut new) = (Map::new(), Map::new());
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        for (name, value) in after {
            let was = before.get(name).unwrap_or(&Value::Null);
            if was == value {
                continue;
            }
            let (was, value) = if value.is_object() && was.is_object() {
                let (was, value) = difference(was, value);
                (Value::Object(was), Value::Object(value))
            } else {
                (was.clone(), value.clone())
            };
            old.insert(name.clone(), was);
            new.insert(name.clone(), value);
        }
    }
    (old, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_settings_is_changed_and_the_rest_stays() {
        let settings = merged(&Settings::default(), &json!({ "staff": { "manager": { "phones": false } } })).unwrap();
        assert!(!settings.staff.manager.phones && settings.staff.manager.calendars);
        let again = merged(&settings, &json!({ "visits": { "cancel_hours": 5 } })).unwrap();
        assert_eq!((again.visits.cancel_hours, again.staff.manager.phones), (Some(5), false));
        let open = merged(&again, &json!({ "visits": { "cancel_hours": null }, "staff": null })).unwrap();
        assert_eq!(open, Settings::default());
    }

    #[test]
    fn what_is_no_setting_is_named() {
        let refused = |patch: Value| merged(&Settings::default(), &patch).unwrap_err().to_string();
        let wrong = merged(&Settings::default(), &json!({ "visits": { "colour": 1 } }));
        assert!(matches!(wrong, Err(ProfileError::Malformed { problem }) if problem == "unknown field visits.colour"));
        assert!(refused(json!({ "visits": { "cancel_hours": 1_000 } })).contains("visits.cancel_hours"));
        let patches = [json!([]), json!("x"), json!({ "visits": [] }), json!({ "visits": { "cancel_hours": "x" } })];
        for patch in patches {
            merged(&Settings::default(), &patch).unwrap_err();
        }
    }
}
