//! What a master offers, as a booking sees it.

use std::collections::BTreeMap;

use db::Connection;

use crate::availability::VisitLength;
use crate::id::{BusinessId, MasterId, ServiceId};
use crate::name::Name;
use crate::store::StoreError;

/// A service as one master offers it, with that master's own time and price where they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// What.
    pub service_id: ServiceId,
    /// Its name.
    pub service: Name,
    /// Who.
    pub master_id: MasterId,
    /// Their name.
    pub master: Name,
    /// How long it takes.
    pub length: VisitLength,
    /// The price in tiyn.
    pub price_tiyn: i64,
    /// How long before the visit it must be booked, in minutes.
    pub notice_minutes: u32,
    /// How far ahead it can be booked, in days.
    pub horizon_days: u32,
}

/// A service as a master offers it; none when they do not, or when either is of another business or not active.
///
/// # Errors
///
/// [`StoreError`].
pub async fn offered(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    service_id: ServiceId,
) -> Result<Option<Offer>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        OfferRow,
        "select s.name as service, m.name as master,
             coalesce(o.duration_minutes, s.duration_minutes) as duration_minutes,
             coalesce(o.buffer_before_minutes, s.buffer_before_minutes) as buffer_before_minutes,
             coalesce(o.buffer_after_minutes, s.buffer_after_minutes) as buffer_after_minutes,
             coalesce(o.price_tiyn, s.price_tiyn) as price_tiyn, s.notice_minutes, s.horizon_days
         from master_services o
             join services s on s.id = o.service_id and s.business_id = o.business_id and s.active = true
             join masters m on m.id = o.master_id and m.business_id = o.business_id and m.active = true
         where o.business_id = $1 and o.master_id = $2 and o.service_id = $3",
        business_id,
        master_id,
        service_id,
    )?;
    row.map(|row| row.read(master_id, service_id)).transpose()
}

/// What the masters of a business offer that can be booked, in the masters' order: one service, or all.
///
/// # Errors
///
/// [`StoreError`].
pub async fn offers(
    connection: &mut Connection,
    business_id: BusinessId,
    service_id: Option<ServiceId>,
) -> Result<Vec<Offer>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        AnyOfferRow,
        "select o.master_id, o.service_id, s.name as service, m.name as master,
             coalesce(o.duration_minutes, s.duration_minutes) as duration_minutes,
             coalesce(o.buffer_before_minutes, s.buffer_before_minutes) as buffer_before_minutes,
             coalesce(o.buffer_after_minutes, s.buffer_after_minutes) as buffer_after_minutes,
             coalesce(o.price_tiyn, s.price_tiyn) as price_tiyn, s.notice_minutes, s.horizon_days
         from master_services o
             join services s on s.id = o.service_id and s.business_id = o.business_id and s.active = true
             join masters m on m.id = o.master_id and m.business_id = o.business_id and m.active = true
         where o.business_id = $1 and ($2 = 0 or o.service_id = $2)
         order by m.position, m.id, s.position, s.id",
        business_id,
        service_id.map_or(0, ServiceId::get),
    )?;
    rows.into_iter().map(|row| row.offer.read(row.master_id, row.service_id)).collect()
}

/// How long the shortest service of each master takes with its buffers, in minutes.
pub(crate) async fn shortest(
    connection: &mut Connection,
    business_id: BusinessId,
) -> Result<BTreeMap<MasterId, u16>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (MasterId, i64),
        "select o.master_id, min(coalesce(o.duration_minutes, s.duration_minutes)
             + coalesce(o.buffer_before_minutes, s.buffer_before_minutes)
             + coalesce(o.buffer_after_minutes, s.buffer_after_minutes))
         from master_services o
             join services s on s.id = o.service_id and s.business_id = o.business_id and s.active = true
         where o.business_id = $1 group by o.master_id",
        business_id,
    )?;
    Ok(rows.into_iter().map(|(id, minutes)| (id, u16::try_from(minutes).unwrap_or(u16::MAX))).collect())
}

pub(super) fn name(text: &str, table: &'static str, id: i64) -> Result<Name, StoreError> {
    text.parse().map_err(|_| StoreError::Row { table, id, rule: "name is malformed" })
}

#[derive(sqlx::FromRow)]
struct AnyOfferRow {
    master_id: MasterId,
    service_id: ServiceId,
    #[sqlx(flatten)]
    offer: OfferRow,
}

/// An offer, as the statements give it.
#[derive(sqlx::FromRow)]
pub(crate) struct OfferRow {
    service: String,
    master: String,
    duration_minutes: i64,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
    price_tiyn: i64,
    notice_minutes: i64,
    horizon_days: i64,
}

impl OfferRow {
    pub(crate) fn read(self, master_id: MasterId, service_id: ServiceId) -> Result<Offer, StoreError> {
        let broken = |rule| StoreError::Row { table: "services", id: service_id.get(), rule };
        let minutes = |minutes: i64| u16::try_from(minutes).map_err(|_| broken("a length is out of range"));
        let number = |number: i64| u32::try_from(number).map_err(|_| broken("a number is out of range"));
        Ok(Offer {
            service_id,
            service: name(&self.service, "services", service_id.get())?,
            master_id,
            master: name(&self.master, "masters", master_id.get())?,
            length: VisitLength {
                duration: minutes(self.duration_minutes)?,
                buffer_before: minutes(self.buffer_before_minutes)?,
                buffer_after: minutes(self.buffer_after_minutes)?,
            },
            price_tiyn: self.price_tiyn,
            notice_minutes: number(self.notice_minutes)?,
            horizon_days: number(self.horizon_days)?,
        })
    }
}
