//! Who serves, and what.
//!
//! A master is never deleted, only archived: visits go on naming them.

mod offer;
mod store;

pub use offer::{Offer, offered, offers};
pub(crate) use offer::{OfferRow, shortest};
pub use store::{active, create, find, is_active, list, of_user, offer};
pub(crate) use store::{active_ids, exists};

use db::Tx;
use serde_json::{Value, json};

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::catalogue::{self, OutOfRange, differences, within};
use crate::clock::Timestamp;
use crate::id::{MasterId, ServiceId, UserId};
use crate::name::Name;
use crate::platform::Platform;
use crate::schedule::{Attempt, AttemptError, Broken, Intent, Outcome, Scope};
use crate::service;
use crate::store::{StoreError, from_store};

/// The most masters of a business, archived ones included.
pub const MOST_MASTERS: usize = 200;

/// Who serves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Master {
    /// The row.
    pub id: MasterId,
    /// Their name.
    pub name: Name,
    /// Their login, if they have one.
    pub user_id: Option<UserId>,
    /// Their place among the others.
    pub position: i64,
    /// Whether they can be booked; one who cannot is archived.
    pub active: bool,
    /// What can be booked with them.
    pub services: Vec<ServiceId>,
    /// What they offer, archived services too.
    pub offers: Vec<MasterService>,
}

/// What the staff says about a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterFields {
    /// Their name.
    pub name: Name,
    /// Their login, if they have one: somebody of the staff who is no other master.
    pub user_id: Option<UserId>,
    /// Whether they can be booked; one who cannot is archived.
    pub active: bool,
}

/// A service that a master offers. What is none is as the service has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterService {
    /// What.
    pub service_id: ServiceId,
    /// How long they take, in minutes.
    pub duration_minutes: Option<u16>,
    /// Their price in tiyn.
    pub price_tiyn: Option<i64>,
    /// What they need before, in minutes.
    pub buffer_before_minutes: Option<u16>,
    /// What they need after, in minutes.
    pub buffer_after_minutes: Option<u16>,
}

impl From<ServiceId> for MasterService {
    fn from(service_id: ServiceId) -> Self {
        Self {
            service_id,
            duration_minutes: None,
            price_tiyn: None,
            buffer_before_minutes: None,
            buffer_after_minutes: None,
        }
    }
}

/// Why a master could not be written. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MasterError {
    /// The business has no such master.
    #[error("the business has no such master")]
    NotFound,
    /// The business has no such service.
    #[error("the business has no such service")]
    UnknownService,
    /// A service is named twice.
    #[error("a service is named twice")]
    Twice,
    /// Nobody of the staff has this number.
    #[error("nobody of the staff has this number")]
    UnknownUser,
    /// The login is another master's.
    #[error("the login is another master's")]
    UserTaken,
    /// A number is out of its range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
    /// There are [`MOST_MASTERS`] already.
    #[error("there are {MOST_MASTERS} masters already")]
    TooMany,
    /// An order does not name each master once.
    #[error("the order does not name each master once")]
    Order,
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.count)]
    Breaks(Broken),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(MasterError);

impl From<AttemptError> for MasterError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Breaks(visits) => Self::Breaks(visits),
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

/// Adds a master behind the others, who offers nothing yet.
///
/// # Errors
///
/// [`MasterError`].
pub async fn add(platform: &Platform, staff: &Staff, fields: &MasterFields) -> Result<Master, MasterError> {
    let business_id = staff.business.id;
    let mut tx = platform.db.begin().await?;
    check_user(&mut tx, staff, fields, None).await?;
    let masters = list(&mut tx, business_id).await?;
    if masters.len() >= MOST_MASTERS {
        return Err(MasterError::TooMany);
    }
    let position = masters.iter().map(|master| master.position).max().unwrap_or(-1) + 1;
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    let id = create(&mut tx, business_id, &fields.name, fields.user_id, position).await?;
    store::update(&mut tx, business_id, id, fields).await?;
    let master = find(&mut tx, business_id, id).await?.ok_or(MasterError::NotFound)?;
    record(&mut tx, staff, id, "create", None, Some(master.audited()), platform.clock.now()).await?;
    tx.commit().await?;
    Ok(master)
}

/// Changes a master, or archives them, or takes them back. One with visits to come is archived only when `intent` says
/// so.
///
/// # Errors
///
/// [`MasterError`].
pub async fn change(
    platform: &Platform,
    staff: &Staff,
    id: MasterId,
    fields: &MasterFields,
    intent: Intent,
) -> Result<Outcome, MasterError> {
    let business_id = staff.business.id;
    let mut attempt = Attempt::begin(platform, staff, Scope::Master(id)).await?;
    let tx = &mut attempt.tx;
    let before = find(tx, business_id, id).await?.ok_or(MasterError::NotFound)?;
    check_user(tx, staff, fields, Some(&before)).await?;
    store::update(tx, business_id, id, fields).await?;
    let after = find(tx, business_id, id).await?.ok_or(MasterError::NotFound)?;
    let action = match (before.active, fields.active) {
        (true, false) => "archive",
        (false, true) => "restore",
        (true, true) | (false, false) => "update",
    };
    if let Some((old, new)) = differences(&before.audited(), &after.audited()) {
        record(tx, staff, id, action, Some(old), Some(new), attempt.now).await?;
    }
    if before.name != after.name {
        // Reminders that are planned name them.
        crate::booking::replan_all(tx, business_id).await?;
    }
    Ok(attempt.finish(intent).await?)
}

/// Archives a master.
///
/// # Errors
///
/// [`MasterError`].
pub async fn archive(platform: &Platform, staff: &Staff, id: MasterId, intent: Intent) -> Result<Outcome, MasterError> {
    let found = find(&mut platform.db.read().await?, staff.business.id, id).await?.ok_or(MasterError::NotFound)?;
    let fields = MasterFields { name: found.name, user_id: found.user_id, active: false };
    change(platform, staff, id, &fields, intent).await
}

/// Sets what a master offers, in the place of what they did. Visits that are booked stay as they are; a service for
/// which there are some is taken from the master only when `intent` says so.
///
/// # Errors
///
/// [`MasterError`].
pub async fn set_services(
    platform: &Platform,
    staff: &Staff,
    id: MasterId,
    services: &[MasterService],
    intent: Intent,
) -> Result<Outcome, MasterError> {
    let business_id = staff.business.id;
    let mut attempt = Attempt::begin(platform, staff, Scope::Master(id)).await?;
    let tx = &mut attempt.tx;
    let before = find(tx, business_id, id).await?.ok_or(MasterError::NotFound)?;
    let known: Vec<ServiceId> = service::list(tx, business_id).await?.iter().map(|service| service.id).collect();
    store::offer_nothing(tx, business_id, id).await?;
    for (place, service) in services.iter().enumerate() {
        service.check()?;
        if !known.contains(&service.service_id) {
            return Err(MasterError::UnknownService);
        }
        if services.iter().take(place).any(|other| other.service_id == service.service_id) {
            return Err(MasterError::Twice);
        }
        offer(tx, business_id, id, service).await?;
    }
    let after = find(tx, business_id, id).await?.ok_or(MasterError::NotFound)?;
    if let Some((old, new)) = differences(&before.audited(), &after.audited()) {
        record(tx, staff, id, "update", Some(old), Some(new), attempt.now).await?;
    }
    Ok(attempt.finish(intent).await?)
}

/// Puts the masters in another order, which names each of them once.
///
/// # Errors
///
/// [`MasterError`].
pub async fn reorder(platform: &Platform, staff: &Staff, order: &[MasterId]) -> Result<Vec<Master>, MasterError> {
    let business_id = staff.business.id;
    let mut tx = platform.db.begin().await?;
    let before: Vec<MasterId> = list(&mut tx, business_id).await?.iter().map(|master| master.id).collect();
    if !catalogue::is_order_of(&before, order) {
        return Err(MasterError::Order);
    }
    for (position, id) in (0_i64..).zip(order) {
        db::execute!(
            &mut tx,
            "update masters set position = $3 where business_id = $1 and id = $2",
            business_id,
            *id,
            position,
        )?;
    }
    let ids = |order: &[MasterId]| order.iter().map(|id| id.get()).collect::<Vec<_>>();
    catalogue::record_order(&mut tx, staff, "master", &ids(&before), &ids(order), platform.clock.now()).await?;
    let masters = list(&mut tx, business_id).await?;
    tx.commit().await?;
    Ok(masters)
}

/// Checks the login of a master, where it is a new one.
async fn check_user(
    tx: &mut Tx,
    staff: &Staff,
    fields: &MasterFields,
    before: Option<&Master>,
) -> Result<(), MasterError> {
    let Some(user_id) = fields.user_id.filter(|id| before.is_none_or(|master| master.user_id != Some(*id))) else {
        return Ok(());
    };
    match store::can_be(tx, staff.business.id, user_id, before.map(|master| master.id)).await? {
        None => Err(MasterError::UnknownUser),
        Some(false) => Err(MasterError::UserTaken),
        Some(true) => Ok(()),
    }
}

async fn record(
    tx: &mut Tx,
    staff: &Staff,
    id: MasterId,
    action: &str,
    old: Option<Value>,
    new: Option<Value>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = Change { entity: "master", entity_id: id.get(), action, old, new };
    audit::record(tx, Some(staff.business.id), &staff.access.origin, &change, now).await
}

impl MasterService {
    fn check(&self) -> Result<(), OutOfRange> {
        within("duration_minutes", self.duration_minutes.map(i64::from), 1, 720)?;
        within("price_tiyn", self.price_tiyn, 0, service::MOST_PRICE)?;
        within("buffer_before_minutes", self.buffer_before_minutes.map(i64::from), 0, 240)?;
        within("buffer_after_minutes", self.buffer_after_minutes.map(i64::from), 0, 240)
    }
}

impl Master {
    fn audited(&self) -> Value {
        let offer = |offer: &MasterService| {
            json!({
                "service_id": offer.service_id,
                "duration_minutes": offer.duration_minutes,
                "price_tiyn": offer.price_tiyn,
                "buffer_before_minutes": offer.buffer_before_minutes,
                "buffer_after_minutes": offer.buffer_after_minutes,
            })
        };
        json!({
            "name": self.name.as_str(),
            "user_id": self.user_id,
            "active": self.active,
            "services": self.offers.iter().map(offer).collect::<Vec<_>>(),
        })
    }
}
