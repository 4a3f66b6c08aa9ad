//! Moving a visit to another time, or to other masters, in one transaction.

use db::Connection;
use jiff::civil::{Date, DateTime};
use serde_json::json;

use crate::audit;
use crate::availability::Slot;
use crate::booking::asked::Asked;
use crate::booking::change::By;
use crate::booking::create::{CreateError, segments};
use crate::booking::messages::{self, News};
use crate::booking::segments::{self as rows, Owner};
use crate::booking::transition::{self, Remark, Step};
use crate::booking::write::segment_rows;
use crate::booking::{Booking, BookingState, read};
use crate::business::{self, Business};
use crate::clock::Timestamp;
use crate::hold;
use crate::id::{BookingId, MasterId};
use crate::name::Notes;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::slots::{self, Audience, Free, Moved, OfferError, Part, Visit, Wanted};
use crate::store::{StoreError, from_store};
use crate::text::Event;
use crate::zone::NonExistentTime;

/// How often a move is tried that two others undid by waiting for each other.
const ATTEMPTS: usize = 3;

/// Where a visit is moved to.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// What by whom, or by anybody; none is as it was.
    pub parts: Option<&'a [Part]>,
    /// Why, for the staff.
    pub reason: Option<&'a Notes>,
    /// The version it was seen in; none takes it as it is.
    pub version: Option<i64>,
    /// Also when the time for it is over: for those who run the business, on purpose. It is logged.
    pub late: bool,
    /// Whether the client is told.
    pub notify: bool,
}

/// Why a visit could not be moved. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The business has no such visit.
    #[error("the business has no such booking")]
    NotFound,
    /// It is not to come any more.
    #[error("the booking is {state} and cannot be moved")]
    NotPossible {
        /// Its state.
        state: BookingState,
    },
    /// It is too near.
    #[error("the time for moving it is over")]
    TooLate {
        /// Until when it was possible.
        until: Timestamp,
        /// So many hours before the visit.
        hours: u32,
        /// Whom to call.
        phone: Phone,
    },
    /// They may not be late, or the calendar is not theirs.
    #[error("they may not do this")]
    NotAllowed,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed the booking")]
    Stale {
        /// How it is now.
        current: Box<Booking>,
    },
    /// The visit could not be booked there either.
    #[error(transparent)]
    Visit(#[from] CreateError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(MoveError);

impl From<OfferError> for MoveError {
    fn from(error: OfferError) -> Self {
        CreateError::from(error).into()
    }
}

impl From<NonExistentTime> for MoveError {
    fn from(error: NonExistentTime) -> Self {
        CreateError::from(error).into()
    }
}

/// Moves a visit: its time before is free, also for itself; its messages are planned anew, and the client is told both
/// times. What it costs stays, unless what or who changes. A part by anybody stays with who serves it, if they are
/// free. Whether the client comes at the new time they have not said yet. A visit that is moved to where it is stays as
/// it is, and nobody is told.
///
/// # Errors
///
/// [`MoveError`].
pub async fn move_visit(
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    to: &Move<'_>,
) -> Result<Booking, MoveError> {
    let now = platform.clock.now();
    let mut connection = platform.db.read().await?;
    let (business, booking) = movable(&mut connection, platform, by, booking_id, to.version).await?;
    let remark = check_window(platform, &business, by, &booking, to.late)?;
    let parts = to.parts.map_or_else(|| booking.parts(), <[Part]>::to_vec);
    let start = business.zone.instant(to.start)?;
    let items = booking.items();
    let itself = Some(Moved { booking_id, items: &items });
    let (asked, _) = Asked::look_up(&mut connection, &business, &parts, None, start, now, itself).await?;
    check_start(by, &asked, &parts, start, now)?;
    if !asked.is_open(start) {
        let nearest = slots::nearest(&mut connection, platform, &business, &parts, start, itself).await?;
        return Err(CreateError::Closed { nearest }.into());
    }
    drop(connection);
    let ground = Ground { platform, business: &business, by, booking: &booking, to, remark, now };
    for visit in asked.visits.iter().filter(|visit| may_serve(by, visit)) {
        let moved = ground.moved(visit, &asked, start);
        if moved.is_where(&booking) {
            return Ok(booking);
        }
        if let Some(moved) = ground.attempt(moved, visit).await? {
            platform.outbox.ring();
            tracing::info!(business.id = %business.id, booking.id = %booking_id, "moved visit {booking_id}");
            return Ok(moved);
        }
    }
    // Whoever won may share a commit that is still under way; once one of our own is through, readers see it.
    platform.db.begin().await?.commit().await?;
    let mut connection = platform.db.read().await?;
    let nearest: Vec<Slot> = slots::nearest(&mut connection, platform, &business, &parts, start, itself).await?;
    Err(CreateError::SlotTaken { nearest }.into())
}

/// The times that a visit could be moved to from one date to another, in order, each with those who can serve: those
/// that anybody could book, and those that only the visit takes itself; its own is among them. `parts` is what by whom,
/// or by anybody; none is as it is. Who may move it late is told times at any hour.
///
/// # Errors
///
/// [`MoveError`], as for the move itself.
pub async fn times_to_move(
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    parts: Option<&[Part]>,
    dates: (Date, Date),
) -> Result<Vec<Free>, MoveError> {
    let (business, booking) = movable(&mut platform.db.read().await?, platform, by, booking_id, None).await?;
    check_window(platform, &business, by, &booking, by.may_be_late())?;
    let parts = parts.map_or_else(|| booking.parts(), <[Part]>::to_vec);
    let items = booking.items();
    let itself = Some(Moved { booking_id, items: &items });
    let audience = match by {
        By::Staff(_) => Audience::Staff,
        By::Client { .. } | By::Time { .. } => Audience::Public,
    };
    let mut free = slots::free_of(platform, &business, Wanted::Visit(&parts), dates, audience, itself).await?;
    if let By::Staff(access) = by {
        for masters in free.iter_mut().flat_map(|free| &mut free.masters) {
            masters.retain(|master_id| access.sees_master(*master_id));
        }
        free.retain(|free| free.masters.iter().all(|masters| !masters.is_empty()));
    }
    Ok(free)
}

/// What a visit has, by one other master; nothing for one that they do not see.
///
/// # Errors
///
/// [`StoreError`].
pub async fn parts_by(
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    master_id: MasterId,
) -> Result<Vec<Part>, StoreError> {
    let found = read::find(&mut platform.db.read().await?, by.business_id(), booking_id).await?;
    let parts = found.filter(|booking| by.sees(booking)).map(|booking| booking.parts()).unwrap_or_default();
    Ok(parts.into_iter().map(|part| Part { master_id: Some(master_id), ..part }).collect())
}

/// A visit that is there for them and to come, in a business that lets them move it.
async fn movable(
    connection: &mut Connection,
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    version: Option<i64>,
) -> Result<(Business, Booking), MoveError> {
    let found = read::find(connection, by.business_id(), booking_id).await?;
    let booking = found.filter(|booking| by.sees(booking)).ok_or(MoveError::NotFound)?;
    if version.is_some_and(|version| version != booking.version) {
        return Err(MoveError::Stale { current: Box::new(booking) });
    }
    if !booking.state.is_ahead() {
        return Err(MoveError::NotPossible { state: booking.state });
    }
    let business = business::by_id(connection, by.business_id()).await?.ok_or(MoveError::NotFound)?;
    match by {
        By::Client { .. } if !business.is_open(platform.clock.real_now()) => Err(CreateError::Suspended.into()),
        By::Client { .. } | By::Staff(_) | By::Time { .. } => Ok((business, booking)),
    }
}

fn check_window(
    platform: &Platform,
    business: &Business,
    by: By<'_>,
    booking: &Booking,
    late: bool,
) -> Result<Option<Remark>, MoveError> {
    let deadline = booking.move_deadline(business, &platform.policy);
    if platform.clock.now() <= deadline.until {
        return Ok(None);
    }
    if !late {
        let (until, hours) = (deadline.until, deadline.hours);
        return Err(MoveError::TooLate { until, hours, phone: business.phone.clone() });
    }
    if by.may_be_late() { Ok(Some(Remark::Late)) } else { Err(MoveError::NotAllowed) }
}

fn check_start(by: By<'_>, asked: &Asked, parts: &[Part], start: Timestamp, now: Timestamp) -> Result<(), MoveError> {
    if start <= now {
        return Err(CreateError::Past.into());
    }
    match by {
        By::Staff(access) => {
            let mut named = parts.iter().filter_map(|part| part.master_id);
            if named.all(|master_id| access.sees_master(master_id)) { Ok(()) } else { Err(MoveError::NotAllowed) }
        }
        By::Client { .. } | By::Time { .. } => {
            let (earliest, latest) = (now.plus(asked.notice), asked.latest(now));
            if start < earliest {
                return Err(CreateError::TooSoon { earliest }.into());
            }
            if start > latest { Err(CreateError::TooFar { latest }.into()) } else { Ok(()) }
        }
    }
}

/// Whether they may move it to the masters whom it was given.
fn may_serve(by: By<'_>, visit: &Visit) -> bool {
    match by {
        By::Staff(access) => visit.legs.iter().all(|leg| access.sees_master(leg.master_id)),
        By::Client { .. } | By::Time { .. } => true,
    }
}

/// What a move is decided by.
struct Ground<'a> {
    platform: &'a Platform,
    business: &'a Business,
    by: By<'a>,
    booking: &'a Booking,
    to: &'a Move<'a>,
    remark: Option<Remark>,
    now: Timestamp,
}

impl Ground<'_> {
    /// The visit as it is to be.
    fn moved(&self, visit: &Visit, asked: &Asked, start: Timestamp) -> Booking {
        let before = self.booking;
        let segments = segments(visit, &asked.terms, start);
        let whats = |booking: &[crate::booking::Segment]| {
            booking.iter().map(|segment| (segment.service_id, segment.master_id)).collect::<Vec<_>>()
        };
        let is_same = whats(&segments) == whats(&before.segments);
        Booking {
            version: before.version.saturating_add(1),
            starts_at: start,
            ends_at: start.plus(visit.seconds()),
            wall_start: self.to.start,
            zone: self.business.zone.clone(),
            price_tiyn: if is_same { before.price_tiyn } else { visit.price() },
            segments,
            acknowledged_at: None,
            ..before.clone()
        }
    }

    /// Writes the move; `None` when a master is taken.
    async fn attempt(&self, moved: Booking, visit: &Visit) -> Result<Option<Booking>, MoveError> {
        let masters: Vec<_> = visit.legs.iter().map(|leg| leg.master_id).collect();
        let mut last = db::Error::Lost.into();
        for _ in 0..ATTEMPTS {
            let mut tx = self.platform.db.begin().await?;
            hold::remove_expired(&mut tx, &masters, self.now).await?;
            match self.write(&mut tx, &moved, visit).await {
                Ok(true) => {
                    tx.commit().await?;
                    return Ok(Some(moved));
                }
                Ok(false) => return Ok(None),
                // Two moves that want each other's time wait for each other, until the database undoes one of them.
                Err(MoveError::Store(StoreError::Database(error @ db::Error::Busy { .. }))) => {
                    last = StoreError::from(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.into())
    }

    /// Gives whether the masters were free. The transaction is to be dropped when they were not.
    async fn write(&self, connection: &mut Connection, moved: &Booking, visit: &Visit) -> Result<bool, MoveError> {
        let (business, before, now) = (self.business, self.booking, self.now);
        let written = db::execute!(
            connection,
            "update bookings set starts_at = $5, ends_at = $6, wall_start = $7, time_zone = $8,
                 price_tiyn = $9, due_at = $10,
                 acknowledged_at = null, version = version + 1
             where business_id = $1 and id = $2 and state = $3 and version = $4",
            business.id,
            before.id,
            before.state.as_str(),
            before.version,
            moved.starts_at,
            moved.ends_at,
            moved.wall_start.to_string(),
            moved.zone.name(),
            moved.price_tiyn,
            moved.due_at(moved.state, &business.settings.visits),
        )?;
        if written == 0 {
            let current = read::find(connection, business.id, before.id).await?.ok_or(MoveError::NotFound)?;
            return Err(MoveError::Stale { current: Box::new(current) });
        }
        let owner = Owner::Booking { id: before.id, overbooked: false };
        db::execute!(
            connection,
            "delete from booking_segments where business_id = $1 and booking_id = $2",
            business.id,
            before.id,
        )?;
        if !rows::insert(connection, business.id, owner, &segment_rows(&moved.segments, visit)).await? {
            return Ok(false);
        }
        let reason = self.to.reason.map(Notes::as_str).filter(|reason| !reason.is_empty());
        let step = Step {
            to: moved.state,
            actor: self.by.actor(),
            reason,
            remark: self.remark,
            moved_from: Some(before.wall_start),
        };
        transition::record(connection, moved, before.state, &step, now).await?;
        let news = News { event: Event::Moved, moved_from: Some(before.wall_start) };
        let news = self.to.notify.then_some(news);
        messages::replan(connection, self.platform, business, moved, news, now).await?;
        let entry = audit::Change {
            entity: "booking",
            entity_id: before.id.get(),
            action: "move",
            old: Some(document(before)),
            new: Some(document(moved)),
        };
        audit::record(connection, Some(business.id), self.by.origin(), &entry, now).await?;
        Ok(true)
    }
}

fn document(booking: &Booking) -> serde_json::Value {
    json!({
        "start": booking.wall_start.to_string(),
        "masters": booking.segments.iter().map(|segment| segment.master_id).collect::<Vec<_>>(),
        "price_tiyn": booking.price_tiyn,
    })
}
