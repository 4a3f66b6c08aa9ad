//! Writing clients down, and changing what is known of them.
//!
//! The audit log names what was changed and shows the new and old values only where they say nothing of a person: it is
//! never changed, so what stood there could not be [erased](super::erase).

use db::{Connection, Tx};
use serde_json::{Value, json};

use super::language::{Sign, learn};
use super::{Client, ClientError, Tag, key, read};
use crate::access::Access;
use crate::audit::{self, Change};
use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::language::Language;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::session;
use crate::store::StoreError;

/// A client to be.
#[derive(Debug, Clone)]
pub struct NewClient<'a> {
    /// Their number; a walk-in may have none.
    pub phone: Option<&'a Phone>,
    /// Their name.
    pub name: &'a Name,
    /// What they are written to in.
    pub language: Option<Language>,
    /// What the staff notes down.
    pub notes: &'a Notes,
    /// What must not be done to them, and why.
    pub health_notes: &'a Notes,
    /// Labels.
    pub tags: &'a [Tag],
}

/// What to change of a client; none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientEdit {
    /// Their number.
    pub phone: Option<Phone>,
    /// Their name.
    pub name: Option<Name>,
    /// What they are written to in.
    pub language: Option<Language>,
    /// What the staff notes down.
    pub notes: Option<Notes>,
    /// What must not be done to them, and why.
    pub health_notes: Option<Notes>,
    /// Labels.
    pub tags: Option<Vec<Tag>>,
}

/// Writes a client down.
///
/// # Errors
///
/// [`ClientError::NotAllowed`], [`ClientError::PhoneTaken`], [`ClientError::Store`].
pub async fn create(platform: &Platform, access: &Access, new: &NewClient<'_>) -> Result<Client, ClientError> {
    if !access.runs_business() {
        return Err(ClientError::NotAllowed);
    }
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let row = db::fetch_optional!(
        &mut tx,
        (ClientId,),
        "insert into clients (business_id, phone, name, search, language, notes, health_notes, tags, created_at,
             updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
         on conflict (business_id, phone) do nothing returning id",
        business_id,
        new.phone.map(Phone::expose),
        new.name.as_str(),
        key(new.name.as_str()),
        new.language.map(Language::as_str),
        new.notes.as_str(),
        new.health_notes.as_str(),
        tags_text(new.tags),
        now,
    )?;
    let Some((id,)) = row else {
        let client_id = match new.phone {
            Some(phone) => super::by_phone(&mut tx, business_id, phone).await?.map(|known| known.id),
            None => None,
        };
        return Err(client_id.map_or(ClientError::NotFound, |client_id| ClientError::PhoneTaken { client_id }));
    };
    let told = json!({ "phone": new.phone.map(last_digits), "language": new.language.map(Language::as_str),
        "tags": new.tags.iter().map(Tag::as_str).collect::<Vec<_>>() });
    record(&mut tx, access, id, "create", None, Some(told), now).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business_id, client.id = %id, "wrote client {id} down");
    read::find(&mut platform.db.read().await?, platform, access, id).await
}

/// Changes what is known of a client. A master may change the notes of those they serve, and nothing else.
///
/// What is planned for a client goes to their new number, in their new language.
///
/// # Errors
///
/// [`ClientError::NotFound`], [`ClientError::NotAllowed`], [`ClientError::PhoneTaken`], [`ClientError::Erased`],
/// [`ClientError::Store`].
pub async fn update(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
    edit: &ClientEdit,
) -> Result<Client, ClientError> {
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let client = read::find(&mut tx, platform, access, client_id).await?;
    check(access, &client, edit)?;
    let (old, new) = differences(&client, edit);
    if new.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(client);
    }
    if let Some(phone) = edit.phone.as_ref().filter(|phone| client.phone.as_ref() != Some(phone)) {
        change_phone(&mut tx, business_id, &client, phone).await?;
        // Whoever signed in had the number before.
        session::end_of_client(&mut tx, business_id, client.id, platform.clock.real_now()).await?;
    }
    db::execute!(
        &mut tx,
        "update clients set name = coalesce($3, name), search = coalesce($4, search), notes = coalesce($5, notes),
             health_notes = coalesce($6, health_notes), tags = coalesce($7, tags), updated_at = $8
         where business_id = $1 and id = $2",
        business_id,
        client.id,
        edit.name.as_ref().map(Name::as_str),
        edit.name.as_ref().map(|name| key(name.as_str())),
        edit.notes.as_ref().map(Notes::as_str),
        edit.health_notes.as_ref().map(Notes::as_str),
        edit.tags.as_deref().map(tags_text),
        now,
    )?;
    if let Some(language) = edit.language {
        learn(&mut tx, platform, business_id, client.id, (language, Sign::Choice), now).await?;
    }
    record(&mut tx, access, client.id, "update", Some(old), Some(new), now).await?;
    let changed = read::find(&mut tx, platform, access, client.id).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Keeps a client from booking on their own, for a reason that the staff sees; no reason lets them again. Both may be
/// said twice.
///
/// # Errors
///
/// [`ClientError::NotFound`], [`ClientError::NotAllowed`], [`ClientError::Erased`], [`ClientError::Store`].
pub async fn block(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
    reason: Option<&Notes>,
) -> Result<Client, ClientError> {
    if !access.runs_business() {
        return Err(ClientError::NotAllowed);
    }
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let client = read::find(&mut tx, platform, access, client_id).await?;
    if client.standing.erased_at.is_some() {
        return Err(ClientError::Erased);
    }
    if reason.is_none() && client.standing.blocked_at.is_none() {
        return Ok(client);
    }
    db::execute!(
        &mut tx,
        "update clients set blocked_at = $3, blocked_reason = $4, updated_at = $5 where business_id = $1 and id = $2",
        access.business_id,
        client.id,
        reason.map(|_| client.standing.blocked_at.unwrap_or(now)),
        reason.map(Notes::as_str),
        now,
    )?;
    let action = if reason.is_some() { "block" } else { "unblock" };
    record(&mut tx, access, client.id, action, None, None, now).await?;
    let changed = read::find(&mut tx, platform, access, client.id).await?;
    tx.commit().await?;
    Ok(changed)
}

fn check(access: &Access, client: &Client, edit: &ClientEdit) -> Result<(), ClientError> {
    let identity = edit.phone.is_some() || edit.name.is_some() || edit.language.is_some() || edit.tags.is_some();
    // Who does not see the health notes does not write them either.
    let unseen = edit.health_notes.is_some() && client.health_notes.is_none();
    if !access.runs_business() && (identity || unseen) {
        return Err(ClientError::NotAllowed);
    }
    if client.standing.erased_at.is_some() { Err(ClientError::Erased) } else { Ok(()) }
}

/// What an edit changes, for the audit log.
fn differences(client: &Client, edit: &ClientEdit) -> (Value, Value) {
    let (mut old, mut new) = (serde_json::Map::new(), serde_json::Map::new());
    let mut tell = |field: &str, before: Value, after: Value| {
        old.insert(field.to_owned(), before);
        new.insert(field.to_owned(), after);
    };
    if let Some(phone) = edit.phone.as_ref().filter(|phone| client.phone.as_ref() != Some(phone)) {
        tell("phone", json!(client.phone.as_ref().map(last_digits)), json!(last_digits(phone)));
    }
    if edit.name.as_ref().is_some_and(|name| *name != client.name) {
        tell("name", json!("…"), json!("changed"));
    }
    if edit.notes.as_ref().is_some_and(|notes| notes.as_str() != client.notes) {
        tell("notes", json!("…"), json!("changed"));
    }
    if edit.health_notes.as_ref().is_some_and(|notes| Some(notes.as_str()) != client.health_notes.as_deref()) {
        tell("health_notes", json!("…"), json!("changed"));
    }
    if let Some(language) = edit.language.filter(|language| client.language != Some(*language)) {
        tell("language", json!(client.language.map(Language::as_str)), json!(language.as_str()));
    }
    if let Some(tags) = edit.tags.as_ref().filter(|tags| **tags != client.tags) {
        let texts = |tags: &[Tag]| json!(tags.iter().map(Tag::as_str).collect::<Vec<_>>());
        tell("tags", texts(&client.tags), texts(tags));
    }
    (Value::Object(old), Value::Object(new))
}

/// Gives a client another number. Another number of their own changes places with the one they go by.
async fn change_phone(tx: &mut Tx, business_id: BusinessId, client: &Client, phone: &Phone) -> Result<(), ClientError> {
    let holder = db::fetch_optional!(
        tx,
        (ClientId, Option<ClientId>),
        "select id, merged_into from clients where business_id = $1 and phone = $2",
        business_id,
        phone.expose(),
    )?;
    if let Some((holder, alias_of)) = holder {
        if alias_of != Some(client.id) {
            return Err(ClientError::PhoneTaken { client_id: alias_of.unwrap_or(holder) });
        }
        for (id, phone) in [(holder, None), (client.id, None), (holder, client.phone.as_ref())] {
            set_phone(tx, business_id, id, phone).await?;
        }
    }
    match set_phone(tx, business_id, client.id, Some(phone)).await {
        Ok(()) => {}
        // Somebody was faster; who, the next attempt tells.
        Err(error) if error.constraint() == Some("clients_business_id_phone_key") => {
            return Err(ClientError::PhoneTaken { client_id: client.id });
        }
        Err(error) => return Err(error.into()),
    }
    redirect(tx, business_id, client.id, phone).await?;
    Ok(())
}

pub(super) async fn set_phone(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    phone: Option<&Phone>,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update clients set phone = $3 where business_id = $1 and id = $2",
        business_id,
        client_id,
        phone.map(Phone::expose),
    )?;
    Ok(())
}

/// Sends what is planned for a client's visits to this number.
pub(super) async fn redirect(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    phone: &Phone,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update outbox set phone = $3
         where business_id = $1 and state = 'planned'
             and booking_id in (select id from bookings where business_id = $1 and client_id = $2)",
        business_id,
        client_id,
        phone.expose(),
    )?;
    Ok(())
}

pub(super) fn tags_text(tags: &[Tag]) -> String {
    json!(tags.iter().map(Tag::as_str).collect::<Vec<_>>()).to_string()
}

/// All that the audit log says of a number.
pub(super) fn last_digits(phone: &Phone) -> String {
    let digits = phone.expose();
    format!("…{}", digits.get(digits.len().saturating_sub(4)..).unwrap_or_default())
}

pub(super) async fn record(
    connection: &mut Connection,
    access: &Access,
    client_id: ClientId,
    action: &str,
    old: Option<Value>,
    new: Option<Value>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = Change { entity: "client", entity_id: client_id.get(), action, old, new };
    audit::record(connection, Some(access.business_id), &access.origin, &change, now).await
}
