//! The rows of masters and of what they offer.

use db::Connection;

use crate::id::{BusinessId, MasterId, ServiceId, UserId};
use crate::master::{Master, MasterFields, MasterService, offer::name};
use crate::name::Name;
use crate::store::StoreError;

/// Writes a master; `user_id` is their login, if they have one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn create(
    connection: &mut Connection,
    business_id: BusinessId,
    name: &Name,
    user_id: Option<UserId>,
    position: u32,
) -> Result<MasterId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (MasterId,),
        "insert into masters (business_id, user_id, name, position, active) values ($1, $2, $3, $4, $5) returning id",
        business_id,
        user_id,
        name.as_str(),
        i64::from(position),
        true,
    )?;
    Ok(id)
}

/// Writes what staff says about a master.
pub(super) async fn update(
    connection: &mut Connection,
    business_id: BusinessId,
    id: MasterId,
    fields: &MasterFields,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update masters set name = $3, user_id = $4, active = $5 where business_id = $1 and id = $2",
        business_id,
        id,
        fields.name.as_str(),
        fields.user_id,
        fields.active,
    )?;
    Ok(())
}

/// Lets a master offer a service, with what is theirs about it; or changes that.
///
/// The rule `foreign_key` refuses a master or service of another business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn offer(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
    service: &MasterService,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "insert into master_services (business_id, master_id, service_id, duration_minutes, price_tiyn,
             buffer_before_minutes, buffer_after_minutes)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (master_id, service_id) do update
             set duration_minutes = excluded.duration_minutes, price_tiyn = excluded.price_tiyn,
                 buffer_before_minutes = excluded.buffer_before_minutes,
                 buffer_after_minutes = excluded.buffer_after_minutes
             where master_services.business_id = excluded.business_id",
        business_id,
        master_id,
        service.service_id,
        service.duration_minutes.map(i64::from),
        service.price_tiyn,
        service.buffer_before_minutes.map(i64::from),
        service.buffer_after_minutes.map(i64::from),
    )?;
    Ok(())
}

/// Lets a master offer nothing.
pub(super) async fn offer_nothing(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "delete from master_services where business_id = $1 and master_id = $2",
        business_id,
        master_id,
    )?;
    Ok(())
}

/// All masters of a business in their order, archived ones too.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Master>, StoreError> {
    read(connection, business_id, None).await
}

/// The masters of a business who can be booked, in their order.
///
/// # Errors
///
/// [`StoreError`].
pub async fn active(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Master>, StoreError> {
    let mut masters = read(connection, business_id, None).await?;
    masters.retain(|master| master.active);
    Ok(masters)
}

/// A master of a business, archived or not.
///
/// # Errors
///
/// [`StoreError`].
pub async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    id: MasterId,
) -> Result<Option<Master>, StoreError> {
    Ok(read(connection, business_id, Some(id)).await?.pop())
}

async fn read(
    connection: &mut Connection,
    business_id: BusinessId,
    id: Option<MasterId>,
) -> Result<Vec<Master>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select m.id, m.name, m.user_id, m.position, m.active, o.service_id, s.active as service_active,
             o.duration_minutes, o.price_tiyn, o.buffer_before_minutes, o.buffer_after_minutes
         from masters m
             left join master_services o on o.master_id = m.id and o.business_id = m.business_id
             left join services s on s.id = o.service_id and s.business_id = m.business_id
         where m.business_id = $1 and ($2 = 0 or m.id = $2)
         order by m.position, m.id, s.position, s.id",
        business_id,
        id.map_or(0, MasterId::get),
    )?;
    let mut masters: Vec<Master> = Vec::new();
    for row in rows {
        if masters.last().is_none_or(|last| last.id != row.id) {
            masters.push(row.master()?);
        }
        if let (Some(offer), Some(master)) = (row.offer()?, masters.last_mut()) {
            master.services.extend((row.service_active == Some(true)).then_some(offer.service_id));
            master.offers.push(offer);
        }
    }
    Ok(masters)
}

/// Whether the business has the master, archived or not.
pub(crate) async fn exists(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (MasterId,),
        "select id from masters where business_id = $1 and id = $2",
        business_id,
        master_id,
    )?;
    Ok(found.is_some())
}

/// Whether the business has the master, and can book them.
///
/// # Errors
///
/// [`StoreError`].
pub async fn is_active(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: MasterId,
) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (MasterId,),
        "select id from masters where business_id = $1 and id = $2 and active = true",
        business_id,
        master_id,
    )?;
    Ok(found.is_some())
}

/// The master that a login belongs to.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_user(
    connection: &mut Connection,
    business_id: BusinessId,
    user_id: UserId,
) -> Result<Option<MasterId>, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (MasterId,),
        "select id from masters where business_id = $1 and user_id = $2 order by id limit 1",
        business_id,
        user_id,
    )?;
    Ok(found.map(|(id,)| id))
}

/// The masters of a business who can be booked, in their order.
pub(crate) async fn active_ids(
    connection: &mut Connection,
    business_id: BusinessId,
) -> Result<Vec<MasterId>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (MasterId,),
        "select id from masters where business_id = $1 and active = true order by position, id",
        business_id,
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether somebody of the staff can be this master: they work in the business, and are no other master.
pub(super) async fn can_be(
    connection: &mut Connection,
    business_id: BusinessId,
    user_id: UserId,
    master_id: Option<MasterId>,
) -> Result<Option<bool>, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (i64,),
        "select (select count(*) from masters m where m.business_id = u.business_id and m.user_id = u.id and m.id <> $3)
         from users u
         where u.business_id = $1 and u.id = $2 and u.role in ('OWNER', 'MANAGER', 'MASTER')
             and u.deactivated_at is null",
        business_id,
        user_id,
        master_id.map_or(0, MasterId::get),
    )?;
    Ok(found.map(|(others,)| others == 0))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: MasterId,
    name: String,
    user_id: Option<UserId>,
    position: i64,
    active: bool,
    service_id: Option<ServiceId>,
    service_active: Option<bool>,
    duration_minutes: Option<i64>,
    price_tiyn: Option<i64>,
    buffer_before_minutes: Option<i64>,
    buffer_after_minutes: Option<i64>,
}

impl Row {
    fn master(&self) -> Result<Master, StoreError> {
        Ok(Master {
            id: self.id,
            name: name(&self.name, "masters", self.id.get())?,
            user_id: self.user_id,
            position: self.position,
            active: self.active,
            services: Vec::new(),
            offers: Vec::new(),
        })
    }

    fn offer(&self) -> Result<Option<MasterService>, StoreError> {
        let Some(service_id) = self.service_id else { return Ok(None) };
        let broken =
            |_| StoreError::Row { table: "master_services", id: self.id.get(), rule: "a length is out of range" };
        let minutes = |minutes: Option<i64>| minutes.map(u16::try_from).transpose().map_err(broken);
        Ok(Some(MasterService {
            service_id,
            duration_minutes: minutes(self.duration_minutes)?,
            price_tiyn: self.price_tiyn,
            buffer_before_minutes: minutes(self.buffer_before_minutes)?,
            buffer_after_minutes: minutes(self.buffer_after_minutes)?,
        }))
    }
}
