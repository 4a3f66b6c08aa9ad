//! The rows of services.

use db::{Connection, Tx};
use serde::{Deserialize, Serialize};

use crate::availability::VisitLength;
use crate::id::{BusinessId, ServiceId};
use crate::language::Language;
use crate::localized::Localized;
use crate::name::Name;
use crate::service::{Service, ServiceFields};
use crate::store::StoreError;

/// Writes a service. Rules named `services_…` refuse values outside of their ranges.
///
/// # Errors
///
/// [`StoreError`].
pub async fn create(
    connection: &mut Connection,
    business_id: BusinessId,
    language: Language,
    fields: &ServiceFields,
    position: i64,
) -> Result<ServiceId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (ServiceId,),
        "insert into services (business_id, name, texts, price_tiyn, price_from, duration_minutes,
             buffer_before_minutes, buffer_after_minutes, notice_minutes, horizon_days, cancel_hours, move_hours,
             position, active)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id",
        business_id,
        shown_name(fields, language),
        Texts::of(fields).json(),
        fields.price_tiyn,
        fields.price_from,
        i64::from(fields.length.duration),
        i64::from(fields.length.buffer_before),
        i64::from(fields.length.buffer_after),
        i64::from(fields.notice_minutes),
        i64::from(fields.horizon_days),
        fields.cancel_hours.map(i64::from),
        fields.move_hours.map(i64::from),
        position,
        fields.active,
    )?;
    Ok(id)
}

pub(super) async fn update(
    tx: &mut Tx,
    business_id: BusinessId,
    language: Language,
    id: ServiceId,
    fields: &ServiceFields,
) -> Result<(), StoreError> {
    db::execute!(
        tx,
        "update services set name = $3, texts = $4, price_tiyn = $5, price_from = $6, duration_minutes = $7,
             buffer_before_minutes = $8, buffer_after_minutes = $9, notice_minutes = $10, horizon_days = $11,
             cancel_hours = $12, move_hours = $13, active = $14
         where business_id = $1 and id = $2",
        business_id,
        id,
        shown_name(fields, language),
        Texts::of(fields).json(),
        fields.price_tiyn,
        fields.price_from,
        i64::from(fields.length.duration),
        i64::from(fields.length.buffer_before),
        i64::from(fields.length.buffer_after),
        i64::from(fields.notice_minutes),
        i64::from(fields.horizon_days),
        fields.cancel_hours.map(i64::from),
        fields.move_hours.map(i64::from),
        fields.active,
    )?;
    Ok(())
}

fn shown_name(fields: &ServiceFields, language: Language) -> &str {
    fields.name.pick(language, language).map_or("", Name::as_str)
}

/// All services of a business in their order, archived ones too.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Service>, StoreError> {
    read(connection, business_id, None).await
}

/// The services of a business that can be booked, in their order.
///
/// # Errors
///
/// [`StoreError`].
pub async fn active(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Service>, StoreError> {
    let mut services = read(connection, business_id, None).await?;
    services.retain(|service| service.fields.active);
    Ok(services)
}

/// A service of a business, archived or not.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    id: ServiceId,
) -> Result<Option<Service>, StoreError> {
    Ok(read(connection, business_id, Some(id)).await?.pop())
}

async fn read(
    connection: &mut Connection,
    business_id: BusinessId,
    id: Option<ServiceId>,
) -> Result<Vec<Service>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, name, texts, price_tiyn, price_from, duration_minutes, buffer_before_minutes,
             buffer_after_minutes, notice_minutes, horizon_days, cancel_hours, move_hours, position, active
         from services where business_id = $1 and ($2 = 0 or id = $2) order by position, id",
        business_id,
        id.map_or(0, ServiceId::get),
    )?;
    rows.into_iter().map(Service::try_from).collect()
}

/// Whether the business has the service, and it can be booked.
///
/// # Errors
///
/// [`StoreError`].
pub async fn is_active(
    connection: &mut Connection,
    business_id: BusinessId,
    service_id: ServiceId,
) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (ServiceId,),
        "select id from services where business_id = $1 and id = $2 and active = true",
        business_id,
        service_id,
    )?;
    Ok(found.is_some())
}

/// The texts, as they are kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Texts {
    name: Localized<String>,
    description: Localized<String>,
    category: Localized<String>,
}

impl Texts {
    fn of(fields: &ServiceFields) -> Self {
        Self {
            name: fields.name.map(|name| name.as_str().to_owned()),
            description: fields.description.map(|text| text.as_str().to_owned()),
            category: fields.category.map(|name| name.as_str().to_owned()),
        }
    }

    /// Texts always become JSON.
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: ServiceId,
    name: String,
    texts: String,
    price_tiyn: i64,
    price_from: bool,
    duration_minutes: i64,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
    notice_minutes: i64,
    horizon_days: i64,
    cancel_hours: Option<i64>,
    move_hours: Option<i64>,
    position: i64,
    active: bool,
}

impl TryFrom<Row> for Service {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "services", id: row.id.get(), rule };
        let minutes = |minutes: i64| u16::try_from(minutes).map_err(|_| broken("a length is out of range"));
        let number = |number: i64| u32::try_from(number).map_err(|_| broken("a number is out of range"));
        let hours = |hours: Option<i64>| hours.map(number).transpose();
        let texts: Texts = serde_json::from_str(&row.texts).map_err(|_| broken("texts are malformed"))?;
        let line = |texts: &Localized<String>| texts.try_map(|text| text.parse::<Name>());
        let fields = ServiceFields {
            name: line(&texts.name).map_err(|_| broken("a name is malformed"))?,
            description: texts.description.try_map(|text| text.parse()).map_err(|_| broken("a text is malformed"))?,
            category: line(&texts.category).map_err(|_| broken("a category is malformed"))?,
            price_tiyn: row.price_tiyn,
            price_from: row.price_from,
            length: VisitLength {
                duration: minutes(row.duration_minutes)?,
                buffer_before: minutes(row.buffer_before_minutes)?,
                buffer_after: minutes(row.buffer_after_minutes)?,
            },
            notice_minutes: number(row.notice_minutes)?,
            horizon_days: number(row.horizon_days)?,
            cancel_hours: hours(row.cancel_hours)?,
            move_hours: hours(row.move_hours)?,
            active: row.active,
        };
        let name = row.name.parse().map_err(|_| broken("name is malformed"))?;
        Ok(Self { id: row.id, position: row.position, name, fields })
    }
}
