//! Who is served: one client per phone within a business.

use db::Connection;

use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::language::Language;
use crate::name::Name;
use crate::phone::Phone;
use crate::store::StoreError;

/// Writes a client down, or finds the one with this phone, whose name stays as it is; a language that was chosen is
/// remembered.
///
/// # Errors
///
/// [`StoreError`].
pub async fn remember(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
    name: &Name,
    language: Option<Language>,
    now: Timestamp,
) -> Result<ClientId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (ClientId,),
        "insert into clients (business_id, phone, name, language, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (business_id, phone) do update
             set language = coalesce(excluded.language, clients.language), updated_at = excluded.updated_at
         returning id",
        business_id,
        phone.expose(),
        name.as_str(),
        language.map(Language::as_str),
        now,
    )?;
    Ok(id)
}

/// The language that the client with this phone has chosen.
///
/// # Errors
///
/// [`StoreError`].
pub async fn language(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
) -> Result<Option<Language>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (ClientId, Option<String>),
        "select id, language from clients where business_id = $1 and phone = $2",
        business_id,
        phone.expose(),
    )?;
    let Some((id, Some(language))) = row else { return Ok(None) };
    Language::of_row(&language, "clients", id.get()).map(Some)
}
