//! Making one client of two.

use serde_json::json;

use super::write::{last_digits, record, redirect, set_phone, tags_text};
use super::{Client, ClientError, NO_NAME, Tag, read};
use crate::access::Access;
use crate::booking as visits;
use crate::id::ClientId;
use crate::platform::Platform;

/// Makes one client of two: the visits, consents, notes and tags of `other_id` go to `client_id`, whose name and
/// language stay. The other's number finds them from now on; whoever was blocked or had opted out still is.
///
/// # Errors
///
/// [`ClientError::NotAllowed`], [`ClientError::NotFound`] for either, [`ClientError::Same`], [`ClientError::Erased`],
/// [`ClientError::Store`].
pub async fn merge(
    platform: &Platform,
    access: &Access,
    client_id: ClientId,
    other_id: ClientId,
) -> Result<Client, ClientError> {
    if !access.runs_business() {
        return Err(ClientError::NotAllowed);
    }
    let (business_id, now) = (access.business_id, platform.clock.now());
    let mut tx = platform.db.begin().await?;
    let one = read::find(&mut tx, platform, access, client_id).await?;
    let other = read::find(&mut tx, platform, access, other_id).await?;
    if one.id == other.id {
        return Err(ClientError::Same);
    }
    if one.standing.erased_at.is_some() || other.standing.erased_at.is_some() {
        return Err(ClientError::Erased);
    }
    db::execute!(
        &mut tx,
        "update bookings set client_id = $3 where business_id = $1 and client_id = $2",
        business_id,
        other.id,
        one.id,
    )?;
    db::execute!(
        &mut tx,
        "update client_consents set client_id = $3 where business_id = $1 and client_id = $2",
        business_id,
        other.id,
        one.id,
    )?;
    db::execute!(
        &mut tx,
        "update sessions set client_id = $3 where business_id = $1 and client_id = $2",
        business_id,
        other.id,
        one.id,
    )?;
    db::execute!(
        &mut tx,
        "update clients set merged_into = $3, updated_at = $4
         where business_id = $1 and (id = $2 or merged_into = $2)",
        business_id,
        other.id,
        one.id,
        now,
    )?;
    db::execute!(
        &mut tx,
        "update clients set name = $3, search = '', notes = '', health_notes = '', tags = '[]', language = null,
             guessed_language = null, blocked_at = null, blocked_reason = null, service_stopped_at = null,
             marketing_stopped_at = null
         where business_id = $1 and id = $2",
        business_id,
        other.id,
        NO_NAME,
    )?;
    let joined = joined(&one, &other);
    db::execute!(
        &mut tx,
        "update clients set language = $3, tags = $4, notes = $5, health_notes = $6, blocked_at = $7,
             blocked_reason = $8, service_stopped_at = $9, marketing_stopped_at = $10, created_at = $11,
             updated_at = $12
         where business_id = $1 and id = $2",
        business_id,
        one.id,
        joined.language.map(crate::language::Language::as_str),
        tags_text(&joined.tags),
        joined.notes.as_str(),
        joined.health_notes.as_deref().unwrap_or_default(),
        joined.standing.blocked_at,
        joined.standing.blocked_reason.as_deref(),
        joined.standing.service_stopped_at,
        joined.standing.marketing_stopped_at,
        joined.created_at,
        now,
    )?;
    if let Some(language) = joined.language {
        visits::speak(&mut tx, platform, business_id, one.id, language, now).await?;
    }
    // Without a number of their own they take the other's.
    if one.phone.is_none() {
        set_phone(&mut tx, business_id, other.id, None).await?;
        set_phone(&mut tx, business_id, one.id, other.phone.as_ref()).await?;
    }
    if let Some(phone) = one.phone.as_ref().or(other.phone.as_ref()) {
        redirect(&mut tx, business_id, one.id, phone).await?;
    }
    let told = json!({ "merged": other.id.get(), "phone": other.phone.as_ref().map(last_digits) });
    record(&mut tx, access, one.id, "merge", None, Some(told), now).await?;
    let merged = read::find(&mut tx, platform, access, one.id).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business_id, client.id = %one.id, "merged client {} into {}", other.id, one.id);
    Ok(merged)
}

/// What is known of both.
fn joined(one: &Client, other: &Client) -> Client {
    let text = |one: &str, other: &str| match (one, other) {
        (one, "") => one.to_owned(),
        ("", other) => other.to_owned(),
        (one, other) if one == other => one.to_owned(),
        (one, other) => format!("{one}\n{other}"),
    };
    let health = |client: &Client| client.health_notes.clone().unwrap_or_default();
    let mut both = one.clone();
    both.language = one.language.or(other.language);
    let more: Vec<Tag> = other.tags.iter().filter(|tag| !one.tags.contains(tag)).cloned().collect();
    both.tags.extend(more);
    both.notes = text(&one.notes, &other.notes);
    both.health_notes = Some(text(&health(one), &health(other)));
    both.created_at = one.created_at.min(other.created_at);
    let (mine, theirs) = (&one.standing, &other.standing);
    both.standing.blocked_at = mine.blocked_at.or(theirs.blocked_at);
    both.standing.blocked_reason = mine.blocked_reason.clone().or_else(|| theirs.blocked_reason.clone());
    both.standing.service_stopped_at = mine.service_stopped_at.or(theirs.service_stopped_at);
    both.standing.marketing_stopped_at = mine.marketing_stopped_at.or(theirs.marketing_stopped_at);
    both
}
