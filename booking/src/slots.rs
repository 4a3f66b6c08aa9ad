//! Which start times are free: the rules of [`availability`](crate::availability) applied to what the database has.

use std::collections::BTreeMap;

use db::Connection;
use jiff::Span;
use jiff::civil::Date;

use crate::availability::{Bounds, Calendar, Slot, VisitLength};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BusinessId, MasterId, ServiceId};
use crate::master::{self, Offer};
use crate::platform::Platform;
use crate::schedule;
use crate::store::{StoreError, from_store};

/// How many free times a refused booking offers instead.
pub const ALTERNATIVES: usize = 5;
/// How many days ahead they are looked for.
const ALTERNATIVE_DAYS: i64 = 14;
/// The most days that one question may span.
pub const MOST_DAYS: i32 = 62;

/// One part of a visit: a service by a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub service_id: ServiceId,
    /// By whom.
    pub master_id: MasterId,
}

/// Why the business does not offer what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The business has no such master, or they are not active.
    #[error("the business has no such master")]
    UnknownMaster,
    /// The business has no such service, or it is not active.
    #[error("the business has no such service")]
    UnknownService,
    /// The master does not do this service.
    #[error("the master does not offer this service")]
    NotOffered,
    /// The dates are in the wrong order, or there are more than [`MOST_DAYS`].
    #[error("the dates span more than {MOST_DAYS} days, or less than one")]
    Dates,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(OfferError);

/// The free start times of a master from one date to another, on the salon's wall clock and as instants, in order.
///
/// With a service they are for its length, notice and horizon; without, for as long as one step of the grid.
///
/// # Errors
///
/// [`OfferError`].
pub async fn free(
    platform: &Platform,
    business: &Business,
    master_id: MasterId,
    service_id: Option<ServiceId>,
    from: Date,
    to: Date,
) -> Result<Vec<Slot>, OfferError> {
    if from > to || from.until(to).map_or(true, |span| span.get_days() >= MOST_DAYS) {
        return Err(OfferError::Dates);
    }
    let mut connection = platform.db.read().await?;
    let visit = match service_id {
        Some(service_id) => offers(&mut connection, business.id, &[Item { service_id, master_id }]).await?,
        None if master::is_active(&mut connection, business.id, master_id).await? => {
            let duration = u16::try_from(platform.policy.slot_step_minutes).unwrap_or(u16::MAX);
            Visit::of_length(master_id, VisitLength { duration, buffer_before: 0, buffer_after: 0 })
        }
        None => return Err(OfferError::UnknownMaster),
    };
    Ok(visit.free(&mut connection, platform, business, from, to).await?)
}

/// Looks up what the business offers for each item, one after the other.
///
/// # Errors
///
/// [`OfferError`].
pub(crate) async fn offers(
    connection: &mut Connection,
    business_id: BusinessId,
    items: &[Item],
) -> Result<Visit, OfferError> {
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let Some(offer) = master::offered(connection, business_id, item.master_id, item.service_id).await? else {
            return Err(why_not(connection, business_id, *item).await?);
        };
        found.push(offer);
    }
    Ok(Visit::of_offers(found))
}

/// Which of the reasons it is that nothing was found for an item.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) async fn why_not(
    connection: &mut Connection,
    business_id: BusinessId,
    item: Item,
) -> Result<OfferError, StoreError> {
    if !master::is_active(connection, business_id, item.master_id).await? {
        return Ok(OfferError::UnknownMaster);
    }
    let services = crate::service::active(connection, business_id).await?;
    let known = services.iter().any(|service| service.id == item.service_id);
    Ok(if known { OfferError::NotOffered } else { OfferError::UnknownService })
}

/// A visit to be: its parts one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) legs: Vec<Leg>,
    /// Seconds before the visit by which it must be booked.
    pub(crate) notice: i64,
    /// Days ahead that it can be booked.
    pub(crate) horizon_days: u32,
}

/// One part of a visit.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) master_id: MasterId,
    pub(crate) length: VisitLength,
    /// Seconds from the visit's start.
    pub(crate) offset: i64,
    pub(crate) offer: Option<Offer>,
}

impl Visit {
    fn of_length(master_id: MasterId, length: VisitLength) -> Self {
        let leg = Leg { master_id, length, offset: 0, offer: None };
        Self { legs: vec![leg], notice: 0, horizon_days: u32::MAX }
    }

    /// The offers one after the other.
    pub(crate) fn of_offers(offers: Vec<Offer>) -> Self {
        let mut visit = Self { legs: Vec::with_capacity(offers.len()), notice: 0, horizon_days: u32::MAX };
        let mut offset = 0;
        for offer in offers {
            visit.notice = visit.notice.max(i64::from(offer.notice_minutes) * 60);
            visit.horizon_days = visit.horizon_days.min(offer.horizon_days);
            let length = offer.length;
            visit.legs.push(Leg { master_id: offer.master_id, length, offset, offer: Some(offer) });
            offset += i64::from(length.duration) * 60;
        }
        visit
    }

    /// Seconds from the start of the first part to the end of the last.
    pub(crate) fn seconds(&self) -> i64 {
        self.legs.last().map_or(0, |leg| leg.offset + i64::from(leg.length.duration) * 60)
    }

    /// The last instant at which the visit can begin, as seen now.
    pub(crate) fn latest(&self, now: Timestamp) -> Timestamp {
        now.plus(i64::from(self.horizon_days).saturating_mul(86_400))
    }

    /// The free start times from one date to another, in order.
    pub(crate) async fn free(
        &self,
        connection: &mut Connection,
        platform: &Platform,
        business: &Business,
        from: Date,
        to: Date,
    ) -> Result<Vec<Slot>, StoreError> {
        let now = platform.clock.now();
        let Some(first) = self.legs.first() else { return Ok(Vec::new()) };
        let end = to.saturating_add(Span::new().days(1));
        let calendars = self.calendars(connection, business, from, end).await?;
        let bounds = Bounds {
            from,
            to,
            not_before: now.plus(self.notice.max(1)),
            not_after: self.latest(now),
            step_minutes: u16::try_from(platform.policy.slot_step_minutes).unwrap_or(u16::MAX),
        };
        let Some(calendar) = calendars.get(&first.master_id) else { return Ok(Vec::new()) };
        let mut slots = calendar.start_times(first.length, bounds);
        slots.retain(|slot| {
            self.all(&calendars, |calendar, leg| calendar.is_free(slot.at.plus(leg.offset), leg.length))
        });
        Ok(slots)
    }

    /// The free start times nearest to `wanted`, [`ALTERNATIVES`] at most, in order.
    pub(crate) async fn nearest(
        &self,
        connection: &mut Connection,
        platform: &Platform,
        business: &Business,
        wanted: Timestamp,
    ) -> Result<Vec<Slot>, StoreError> {
        let date = business.zone.date(wanted);
        let from = date.saturating_sub(Span::new().days(1));
        let to = date.saturating_add(Span::new().days(ALTERNATIVE_DAYS));
        let mut slots = self.free(connection, platform, business, from, to).await?;
        slots.sort_by_key(|slot| (slot.at.since(wanted).saturating_abs(), slot.at));
        slots.truncate(ALTERNATIVES);
        slots.sort_by_key(|slot| slot.at);
        Ok(slots)
    }

    /// Whether something holds for every part and its master's calendar.
    pub(crate) fn all(
        &self,
        calendars: &BTreeMap<MasterId, Calendar>,
        mut holds: impl FnMut(&Calendar, &Leg) -> bool,
    ) -> bool {
        self.legs.iter().all(|leg| calendars.get(&leg.master_id).is_some_and(|calendar| holds(calendar, leg)))
    }

    /// The calendars of the visit's masters.
    async fn calendars(
        &self,
        connection: &mut Connection,
        business: &Business,
        from: Date,
        to: Date,
    ) -> Result<BTreeMap<MasterId, Calendar>, StoreError> {
        // A day more at both ends, for buffers and for clocks far from UTC.
        let start = business.zone.nearest_instant(from.at(0, 0, 0, 0)).plus(-86_400);
        let end = business.zone.nearest_instant(to.at(0, 0, 0, 0)).plus(3 * 86_400);
        let mut calendars = BTreeMap::new();
        for leg in &self.legs {
            if calendars.contains_key(&leg.master_id) {
                continue;
            }
            let days = schedule::hours(connection, business.id, leg.master_id, from, to).await?;
            let busy = schedule::busy(connection, business.id, leg.master_id, start, end).await?;
            calendars.insert(leg.master_id, Calendar::new(&business.zone, days, busy));
        }
        Ok(calendars)
    }
}
