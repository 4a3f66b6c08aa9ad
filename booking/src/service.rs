//! What is booked.

use db::Connection;

use crate::availability::VisitLength;
use crate::id::{BusinessId, ServiceId};
use crate::name::Name;
use crate::store::StoreError;

/// What is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The row.
    pub id: ServiceId,
    /// Its name.
    pub name: Name,
    /// Its price in tiyn, hundredths of a tenge.
    pub price_tiyn: i64,
    /// How long it takes; a master may take another time.
    pub length: VisitLength,
    /// How long before the visit it must be booked, in minutes.
    pub notice_minutes: u32,
    /// How far ahead it can be booked, in days.
    pub horizon_days: u32,
}

/// A service to be.
#[derive(Debug, Clone)]
pub struct NewService<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Its price in tiyn, not negative.
    pub price_tiyn: i64,
    /// How long it takes: 1 to 720 minutes, each buffer 240 at most.
    pub length: VisitLength,
    /// How long before the visit it must be booked, in minutes.
    pub notice_minutes: u32,
    /// How far ahead it can be booked, in days: 1 to 730.
    pub horizon_days: u32,
    /// Its place among the others.
    pub position: u32,
}

/// Writes a service. Rules named `services_…` refuse values outside of their ranges.
///
/// # Errors
///
/// [`StoreError`].
pub async fn create(
    connection: &mut Connection,
    business_id: BusinessId,
    new: &NewService<'_>,
) -> Result<ServiceId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (ServiceId,),
        "insert into services (business_id, name, price_tiyn, duration_minutes, buffer_before_minutes,
             buffer_after_minutes, notice_minutes, horizon_days, position, active)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id",
        business_id,
        new.name.as_str(),
        new.price_tiyn,
        i64::from(new.length.duration),
        i64::from(new.length.buffer_before),
        i64::from(new.length.buffer_after),
        i64::from(new.notice_minutes),
        i64::from(new.horizon_days),
        i64::from(new.position),
        true,
    )?;
    Ok(id)
}

/// The services of a business that can be booked, in their order.
///
/// # Errors
///
/// [`StoreError`].
pub async fn active(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Service>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, name, price_tiyn, duration_minutes, buffer_before_minutes, buffer_after_minutes, notice_minutes,
             horizon_days
         from services where business_id = $1 and active = true order by position, id",
        business_id,
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

#[derive(sqlx::FromRow)]
struct Row {
    id: ServiceId,
    name: String,
    price_tiyn: i64,
    duration_minutes: i64,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
    notice_minutes: i64,
    horizon_days: i64,
}

impl TryFrom<Row> for Service {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "services", id: row.id.get(), rule };
        let minutes = |minutes: i64| u16::try_from(minutes).map_err(|_| broken("a length is out of range"));
        let number = |number: i64| u32::try_from(number).map_err(|_| broken("a number is out of range"));
        Ok(Self {
            id: row.id,
            name: row.name.parse().map_err(|_| broken("name is malformed"))?,
            price_tiyn: row.price_tiyn,
            length: VisitLength {
                duration: minutes(row.duration_minutes)?,
                buffer_before: minutes(row.buffer_before_minutes)?,
                buffer_after: minutes(row.buffer_after_minutes)?,
            },
            notice_minutes: number(row.notice_minutes)?,
            horizon_days: number(row.horizon_days)?,
        })
    }
}
