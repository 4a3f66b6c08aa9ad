//! Booking a visit.

use db::{Connection, Tx};
use jiff::civil::DateTime;

use crate::availability::Slot;
use crate::booking::messages::{self, Planned};
use crate::booking::transition::{self, Change};
use crate::booking::{Actor, Booking, BookingState, Segment};
use crate::business::{Business, BusinessState};
use crate::client;
use crate::clock::Timestamp;
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::schema::NO_OVERLAP;
use crate::slots::{self, Item, Leg, OfferError, Visit};
use crate::store::{StoreError, from_store};
use crate::zone::NonExistentTime;

/// The most parts of one visit.
const MOST_ITEMS: usize = 10;

/// A visit to be.
#[derive(Debug, Clone)]
pub struct NewBooking<'a> {
    /// The client's number.
    pub client_phone: &'a Phone,
    /// The client's name.
    pub client_name: &'a Name,
    /// What by whom, one after the other.
    pub items: &'a [Item],
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// What the client adds in words.
    pub notes: &'a Notes,
    /// What the client wants to be written to in; remembered.
    pub language: Option<Language>,
    /// Who books.
    pub source: Source,
}

/// Who books, and what they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The client, within the services' notice and horizon and the masters' hours.
    Public,
    /// Somebody of the staff, at any time to come.
    Staff {
        /// Who.
        user_id: UserId,
        /// On purpose over other visits, or outside of the masters' hours. It is logged.
        overbook: bool,
    },
}

/// Why a visit could not be booked. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The business takes no bookings at present.
    #[error("the business takes no bookings at present")]
    Suspended,
    /// There is nothing to book, or more than ten parts.
    #[error("a visit has one to ten parts")]
    Items,
    /// The business does not offer it.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The clocks jump over the time.
    #[error(transparent)]
    NonExistentTime(#[from] NonExistentTime),
    /// The time has passed.
    #[error("the time has passed")]
    Past,
    /// It must be booked earlier.
    #[error("the visit must be booked earlier before its time")]
    TooSoon {
        /// The first time that can be booked now.
        earliest: Timestamp,
    },
    /// It cannot be booked yet.
    #[error("the visit is too far ahead")]
    TooFar {
        /// The last time that can be booked now.
        latest: Timestamp,
    },
    /// A master does not work then.
    #[error("the master does not work at this time")]
    Closed {
        /// The nearest free times.
        nearest: Vec<Slot>,
    },
    /// A master is taken then.
    #[error("the time is taken")]
    SlotTaken {
        /// The nearest free times.
        nearest: Vec<Slot>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(CreateError);

/// Books a visit, with its messages, and tells the dispatcher.
///
/// Of any number that want overlapping times of one master, exactly one gets it.
///
/// # Errors
///
/// [`CreateError`].
pub async fn create(platform: &Platform, business: &Business, new: &NewBooking<'_>) -> Result<Booking, CreateError> {
    let now = platform.clock.now();
    if business.state == BusinessState::Suspended {
        return Err(CreateError::Suspended);
    }
    if !(1..=MOST_ITEMS).contains(&new.items.len()) {
        return Err(CreateError::Items);
    }
    let start = business.zone.instant(new.start)?;
    if start <= now {
        return Err(CreateError::Past);
    }
    let mut connection = platform.db.read().await?;
    let visit = slots::offers(&mut connection, business.id, new.items).await?;
    check_rules(&mut connection, platform, business, new.source, &visit, start).await?;
    let chosen = match new.language {
        Some(language) => Some(language),
        None => client::language(&mut connection, business.id, new.client_phone).await?,
    };
    let mut booking = draft(business, new, &visit, start, now)?;
    booking.language = chosen.unwrap_or(business.language);
    let account_id = messages::account(&mut connection, business.id).await?;
    drop(connection);

    let planned = messages::of_new(platform, business, &booking, now);
    let mut tx = platform.db.begin().await?;
    if !write(&mut tx, platform, new, &visit, &mut booking).await? {
        drop(tx);
        let nearest = visit.nearest(&mut platform.db.read().await?, platform, business, start).await?;
        return Err(CreateError::SlotTaken { nearest });
    }
    messages::plan(&mut tx, platform, &booking, account_id, &planned, now).await?;
    tx.commit().await?;
    platform.outbox.ring();
    log(&booking, new.source, &planned);
    Ok(booking)
}

async fn check_rules(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    source: Source,
    visit: &Visit,
    start: Timestamp,
) -> Result<(), CreateError> {
    let now = platform.clock.now();
    let overbook = match source {
        Source::Public => {
            let (earliest, latest) = (now.plus(visit.notice), visit.latest(now));
            if start < earliest {
                return Err(CreateError::TooSoon { earliest });
            }
            if start > latest {
                return Err(CreateError::TooFar { latest });
            }
            false
        }
        Source::Staff { overbook, .. } => overbook,
    };
    if !overbook && !visit.is_open(connection, business, start).await? {
        let nearest = visit.nearest(connection, platform, business, start).await?;
        return Err(CreateError::Closed { nearest });
    }
    Ok(())
}

/// The visit before it has a row.
fn draft(
    business: &Business,
    new: &NewBooking<'_>,
    visit: &Visit,
    start: Timestamp,
    now: Timestamp,
) -> Result<Booking, CreateError> {
    let mut segments = Vec::with_capacity(visit.legs.len());
    for leg in &visit.legs {
        let offer = leg.offer.as_ref().ok_or(CreateError::Items)?;
        let starts_at = start.plus(leg.offset);
        segments.push(Segment {
            service_id: offer.service_id,
            service: offer.service.clone(),
            master_id: offer.master_id,
            master: offer.master.clone(),
            starts_at,
            ends_at: starts_at.plus(i64::from(leg.length.duration) * 60),
        });
    }
    Ok(Booking {
        id: BookingId::new(0),
        business_id: business.id,
        client_id: ClientId::new(0),
        client_name: new.client_name.clone(),
        client_phone: Some(new.client_phone.clone()),
        state: BookingState::Confirmed,
        version: 1,
        starts_at: start,
        ends_at: start.plus(visit.seconds()),
        wall_start: new.start,
        zone: business.zone.clone(),
        price_tiyn: visit.legs.iter().filter_map(|leg| leg.offer.as_ref()).map(|offer| offer.price_tiyn).sum(),
        language: business.language,
        notes: new.notes.clone(),
        segments,
        created_at: now,
    })
}

/// Writes the visit; gives whether it got its time. If not, the transaction is to be dropped.
async fn write(
    tx: &mut Tx,
    platform: &Platform,
    new: &NewBooking<'_>,
    visit: &Visit,
    booking: &mut Booking,
) -> Result<bool, StoreError> {
    let (business_id, now) = (booking.business_id, booking.created_at);
    let (source, actor, overbook) = match new.source {
        Source::Public => ("public", Actor::Client, false),
        Source::Staff { user_id, overbook } => ("staff", Actor::User(user_id), overbook),
    };
    booking.client_id = client::remember(tx, business_id, new.client_phone, new.client_name, new.language, now).await?;
    let (id,) = db::fetch_one!(
        tx,
        (BookingId,),
        "insert into bookings (business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
             time_zone, price_tiyn, language, notes, source, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id",
        business_id,
        booking.client_id,
        booking.client_name.as_str(),
        booking.state.as_str(),
        booking.version,
        booking.starts_at,
        booking.ends_at,
        booking.wall_start.to_string(),
        booking.zone.name(),
        booking.price_tiyn,
        booking.language.as_str(),
        booking.notes.as_str(),
        source,
        now,
    )?;
    booking.id = id;
    // In the order of their masters, so that two visits that want the same ones never wait for each other in a circle.
    let mut legs: Vec<(i64, &Leg)> = (0..).zip(&visit.legs).collect();
    legs.sort_by_key(|(_, leg)| leg.master_id);
    for (position, leg) in legs {
        if !write_segment(tx, booking, position, leg, overbook).await? {
            return Ok(false);
        }
    }
    let reason = overbook.then_some("overbooked");
    let change = Change { from: None, to: booking.state, version: booking.version, actor, reason };
    transition::record(tx, business_id, id, &change, platform.clock.now()).await?;
    Ok(true)
}

/// Writes a segment; gives whether its master is free. PostgreSQL passes over a row that its constraint excludes, which
/// two transactions that exclude each other survive without a deadlock; SQLite's trigger raises the constraint's name.
async fn write_segment(
    tx: &mut Tx,
    booking: &Booking,
    position: i64,
    leg: &Leg,
    overbook: bool,
) -> Result<bool, StoreError> {
    let Some(offer) = &leg.offer else { return Ok(false) };
    let starts_at = booking.starts_at.plus(leg.offset);
    let ends_at = starts_at.plus(i64::from(leg.length.duration) * 60);
    let written = db::execute!(
        tx,
        "insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
             busy_from, busy_to, price_tiyn, live, overbooked)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing",
        booking.business_id,
        booking.id,
        position,
        offer.service_id,
        offer.master_id,
        starts_at,
        ends_at,
        starts_at.plus(-i64::from(leg.length.buffer_before) * 60),
        ends_at.plus(i64::from(leg.length.buffer_after) * 60),
        offer.price_tiyn,
        true,
        overbook,
    );
    match written {
        Ok(rows) => Ok(rows > 0),
        Err(error) if error.is_constraint(NO_OVERLAP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn log(booking: &Booking, source: Source, planned: &[Planned]) {
    let overbooked = matches!(source, Source::Staff { overbook: true, .. });
    tracing::info!(
        business.id = %booking.business_id,
        booking.id = %booking.id,
        overbooked,
        messages = planned.len(),
        "booked visit {}",
        booking.id,
    );
}
