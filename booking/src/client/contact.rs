//! A client, as far as a booking that the staff makes has to know them.

use db::Connection;

use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId};
use crate::language::Language;
use crate::name::Name;
use crate::phone::Phone;
use crate::store::StoreError;

/// Whom a visit is for.
#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) id: ClientId,
    pub(crate) phone: Option<Phone>,
    pub(crate) name: Name,
    pub(crate) language: Option<Language>,
    pub(crate) is_stopped: bool,
}

/// A client by their row. Nobody for one that is another one's number, or that was erased.
pub(crate) async fn by_id(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
) -> Result<Option<Contact>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select id, phone, name, language, service_stopped_at from clients
         where business_id = $1 and id = $2 and merged_into is null and erased_at is null",
        business_id,
        client_id,
    )?;
    row.map(Contact::try_from).transpose()
}

/// A client by a number of theirs.
pub(crate) async fn by_phone(
    connection: &mut Connection,
    business_id: BusinessId,
    phone: &Phone,
) -> Result<Option<Contact>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select c.id, p.phone, c.name, c.language, c.service_stopped_at
         from clients p join clients c on c.business_id = p.business_id and c.id = coalesce(p.merged_into, p.id)
         where p.business_id = $1 and p.phone = $2",
        business_id,
        phone.expose(),
    )?;
    row.map(Contact::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: ClientId,
    phone: Option<String>,
    name: String,
    language: Option<String>,
    service_stopped_at: Option<Timestamp>,
}

impl TryFrom<Row> for Contact {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "clients", id: row.id.get(), rule };
        let language = row.language.as_deref().map(|text| Language::of_row(text, "clients", row.id.get()));
        Ok(Self {
            id: row.id,
            phone: row.phone.map(Phone::try_from).transpose().map_err(|_| broken("phone is not in E.164 form"))?,
            name: row.name.parse().map_err(|_| broken("name is malformed"))?,
            language: language.transpose()?,
            is_stopped: row.service_stopped_at.is_some(),
        })
    }
}
