//! Booking a visit.

use db::Connection;
use jiff::civil::DateTime;

use crate::availability::Slot;
use crate::booking::asked::Asked;
use crate::booking::messages::{self, Planned};
use crate::booking::write::Draft;
use crate::booking::{Booking, BookingState, Segment};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::slots::{Item, OfferError, Visit};
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
    /// The business does not let this client book on their own.
    #[error("the client cannot book on their own")]
    Blocked,
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
    if !business.is_open(platform.clock.real_now()) {
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
    let asked = Asked::look_up(&mut connection, business, new.items, new.client_phone, start).await?;
    check_rules(&mut connection, platform, business, new.source, &asked, start).await?;
    let Asked { visit, language, is_stopped, .. } = asked;
    let mut booking = draft(business, new, &visit, start, now)?;
    booking.language = new.language.or(language).unwrap_or(business.language);
    drop(connection);

    let planned = messages::of_new(platform, business, &booking, now);
    let draft = Draft::new(&booking, new, is_stopped, &visit, &planned, &platform.entropy);
    let mut tx = platform.db.begin_one().await?;
    let Some((id, client_id)) = draft.write(&mut tx).await? else {
        drop(tx);
        // Whoever won may share a commit that is still under way; once one of our own is through, readers see it.
        platform.db.begin().await?.commit().await?;
        let nearest = visit.nearest(&mut platform.db.read().await?, platform, business, start).await?;
        return Err(CreateError::SlotTaken { nearest });
    };
    tx.commit().await?;
    platform.outbox.ring();
    let booking = Booking { id, client_id, ..booking };
    log(&booking, new.source, &planned);
    Ok(booking)
}

async fn check_rules(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    source: Source,
    asked: &Asked,
    start: Timestamp,
) -> Result<(), CreateError> {
    let visit = &asked.visit;
    let now = platform.clock.now();
    let overbook = match source {
        Source::Public if asked.is_blocked => return Err(CreateError::Blocked),
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
    if !overbook && !asked.is_open(business, start)? {
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
