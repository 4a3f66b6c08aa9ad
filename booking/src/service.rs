//! What is booked: the catalogue's services, with their texts per language.
//!
//! A visit keeps the price and the length it was booked with. The name and the windows for cancelling and moving are
//! the service's own: a change of them holds for visits that are booked, too, and their reminders are planned anew. A
//! service is never deleted, only archived: visits go on naming it.

mod name;
mod store;

pub use name::ServiceName;
pub use store::{active, create, find, is_active, list};

use db::Tx;

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::availability::VisitLength;
use crate::catalogue::{self, OutOfRange, differences, within};
use crate::clock::Timestamp;
use crate::id::ServiceId;
use crate::localized::Localized;
use crate::name::{Name, Notes};
use crate::platform::Platform;
use crate::schedule::{Attempt, AttemptError, Broken, Intent, Outcome, Scope};
use crate::store::{StoreError, from_store};

/// The most services of a business, archived ones included.
pub const MOST_SERVICES: usize = 500;
/// The highest price, in tiyn: a billion tenge.
pub const MOST_PRICE: i64 = 100_000_000_000;

/// What the staff says about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFields {
    /// Its name, in one language at least.
    pub name: Localized<Name>,
    /// What it is, in a few sentences.
    pub description: Localized<Notes>,
    /// The heading it stands under.
    pub category: Localized<Name>,
    /// Its price in tiyn, hundredths of a tenge, not negative.
    pub price_tiyn: i64,
    /// Whether the price is the least it can be: "from 5 000 ₸".
    pub price_from: bool,
    /// How long it takes: 1 to 720 minutes, each buffer 240 at most; a master may take another time.
    pub length: VisitLength,
    /// How long before the visit it must be booked, in minutes: 43 200 at most, which is 30 days.
    pub notice_minutes: u32,
    /// How far ahead it can be booked, in days: 1 to 730.
    pub horizon_days: u32,
    /// Hours before the visit until which its client may cancel it: 720 at most; none is as the business has it.
    pub cancel_hours: Option<u32>,
    /// Hours before the visit until which its client may move it: 720 at most; none is as the business has it.
    pub move_hours: Option<u32>,
    /// Whether it can be booked; one that cannot is archived.
    pub active: bool,
}

/// What is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The row.
    pub id: ServiceId,
    /// Its place among the others.
    pub position: i64,
    /// The name that is shown where no language is asked for: the one in the business's language, if there is one.
    pub name: Name,
    /// What the staff says about it.
    pub fields: ServiceFields,
}

/// Why a service could not be written. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The business has no such service.
    #[error("the business has no such service")]
    NotFound,
    /// It has a name in no language.
    #[error("the service has no name")]
    NoName,
    /// A number is out of its range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
    /// There are [`MOST_SERVICES`] already.
    #[error("there are {MOST_SERVICES} services already")]
    TooMany,
    /// An order does not name each service once.
    #[error("the order does not name each service once")]
    Order,
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.count)]
    Breaks(Broken),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ServiceError);

impl From<AttemptError> for ServiceError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Breaks(visits) => Self::Breaks(visits),
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

impl ServiceFields {
    /// A service with a price in tiyn and a length, that can be booked at once and up to 90 days ahead.
    #[must_use]
    pub fn new(name: Localized<Name>, price_tiyn: i64, length: VisitLength) -> Self {
        Self {
            name,
            description: Localized::default(),
            category: Localized::default(),
            price_tiyn,
            price_from: false,
            length,
            notice_minutes: 0,
            horizon_days: 90,
            cancel_hours: None,
            move_hours: None,
            active: true,
        }
    }

    /// Checks every number, and that there is a name.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NoName`], [`ServiceError::Range`] for the first that is out of its range.
    pub fn check(&self) -> Result<(), ServiceError> {
        if self.name.is_empty() {
            return Err(ServiceError::NoName);
        }
        within("price_tiyn", Some(self.price_tiyn), 0, MOST_PRICE)?;
        within("duration_minutes", Some(self.length.duration.into()), 1, 720)?;
        within("buffer_before_minutes", Some(self.length.buffer_before.into()), 0, 240)?;
        within("buffer_after_minutes", Some(self.length.buffer_after.into()), 0, 240)?;
        within("notice_minutes", Some(self.notice_minutes.into()), 0, 43_200)?;
        within("horizon_days", Some(self.horizon_days.into()), 1, 730)?;
        within("cancel_hours", self.cancel_hours.map(i64::from), 0, 720)?;
        within("move_hours", self.move_hours.map(i64::from), 0, 720)?;
        Ok(())
    }

    fn audited(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name.map(|name| name.as_str().to_owned()),
            "description": self.description.map(|text| text.as_str().to_owned()),
            "category": self.category.map(|name| name.as_str().to_owned()),
            "price_tiyn": self.price_tiyn,
            "price_from": self.price_from,
            "duration_minutes": self.length.duration,
            "buffer_before_minutes": self.length.buffer_before,
            "buffer_after_minutes": self.length.buffer_after,
            "notice_minutes": self.notice_minutes,
            "horizon_days": self.horizon_days,
            "cancel_hours": self.cancel_hours,
            "move_hours": self.move_hours,
            "active": self.active,
        })
    }
}

/// Adds a service behind the others.
///
/// # Errors
///
/// [`ServiceError`], never `NotFound`.
pub async fn add(platform: &Platform, staff: &Staff, fields: &ServiceFields) -> Result<Service, ServiceError> {
    fields.check()?;
    let mut tx = platform.db.begin().await?;
    let service = write_new(&mut tx, staff, fields, platform.clock.now()).await?;
    tx.commit().await?;
    Ok(service)
}

/// Adds a service in a transaction of somebody else's, checked by them.
pub(crate) async fn write_new(
    tx: &mut Tx,
    staff: &Staff,
    fields: &ServiceFields,
    now: Timestamp,
) -> Result<Service, ServiceError> {
    let business = &staff.business;
    let (count, last) = db::fetch_one!(
        tx,
        (i64, i64),
        "select count(*), coalesce(max(position), -1) from services where business_id = $1",
        business.id,
    )?;
    if usize::try_from(count).is_ok_and(|count| count >= MOST_SERVICES) {
        return Err(ServiceError::TooMany);
    }
    let id = create(tx, business.id, business.language, fields, last + 1).await?;
    let change =
        Change { entity: "service", entity_id: id.get(), action: "create", old: None, new: Some(fields.audited()) };
    audit::record(tx, Some(business.id), &staff.access.origin, &change, now).await?;
    find(tx, business.id, id).await?.ok_or(ServiceError::NotFound)
}

/// Changes a service, or archives it, or takes it back. One with visits to come is archived only when `intent` says so.
///
/// # Errors
///
/// [`ServiceError`].
pub async fn change(
    platform: &Platform,
    staff: &Staff,
    id: ServiceId,
    fields: &ServiceFields,
    intent: Intent,
) -> Result<Outcome, ServiceError> {
    fields.check()?;
    let business = &staff.business;
    let mut attempt = Attempt::begin(platform, staff, Scope::Service(id)).await?;
    let tx = &mut attempt.tx;
    let before = find(tx, business.id, id).await?.ok_or(ServiceError::NotFound)?;
    store::update(tx, business.id, business.language, id, fields).await?;
    let action = match (before.fields.active, fields.active) {
        (true, false) => "archive",
        (false, true) => "restore",
        (true, true) | (false, false) => "update",
    };
    if let Some((old, new)) = differences(&before.fields.audited(), &fields.audited()) {
        let change = Change { entity: "service", entity_id: id.get(), action, old: Some(old), new: Some(new) };
        audit::record(tx, Some(business.id), &staff.access.origin, &change, attempt.now).await?;
    }
    let told = |fields: &ServiceFields| (fields.name.clone(), fields.cancel_hours, fields.move_hours);
    if told(&before.fields) != told(fields) {
        // Reminders that are planned say what is booked, and in a tenant's own words also until when it can be
        // cancelled.
        crate::booking::replan_all(tx, business.id).await?;
    }
    Ok(attempt.finish(intent).await?)
}

/// Archives a service: it can no longer be booked, and visits that are booked stay.
///
/// # Errors
///
/// [`ServiceError`].
pub async fn archive(
    platform: &Platform,
    staff: &Staff,
    id: ServiceId,
    intent: Intent,
) -> Result<Outcome, ServiceError> {
    let found = find(&mut platform.db.read().await?, staff.business.id, id).await?;
    let fields = found.ok_or(ServiceError::NotFound)?.fields;
    change(platform, staff, id, &ServiceFields { active: false, ..fields }, intent).await
}

/// Puts the services in another order, which names each of them once.
///
/// # Errors
///
/// [`ServiceError`].
pub async fn reorder(platform: &Platform, staff: &Staff, order: &[ServiceId]) -> Result<Vec<Service>, ServiceError> {
    let business_id = staff.business.id;
    let mut tx = platform.db.begin().await?;
    let before: Vec<ServiceId> = list(&mut tx, business_id).await?.iter().map(|service| service.id).collect();
    if !catalogue::is_order_of(&before, order) {
        return Err(ServiceError::Order);
    }
    for (position, id) in (0_i64..).zip(order) {
        db::execute!(
            &mut tx,
            "update services set position = $3 where business_id = $1 and id = $2",
            business_id,
            *id,
            position,
        )?;
    }
    let ids = |order: &[ServiceId]| order.iter().map(|id| id.get()).collect::<Vec<_>>();
    catalogue::record_order(&mut tx, staff, "service", &ids(&before), &ids(order), platform.clock.now()).await?;
    let services = list(&mut tx, business_id).await?;
    tx.commit().await?;
    Ok(services)
}
