//! Booking a visit.

use std::sync::Arc;

use jiff::civil::DateTime;

use crate::availability::Slot;
use crate::booking::asked::{Asked, Standing};
use crate::booking::messages;
use crate::booking::write::{AnyClient, Assumed, Draft, Outcome};
use crate::booking::{Booking, BookingState, Segment};
use crate::business::{self, Business};
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
/// Of any number that want overlapping times of one master, exactly one gets it. `business` may be old
/// ([`business::known`]): nothing is booked or refused but by what holds now.
///
/// # Errors
///
/// [`CreateError`].
pub async fn create(platform: &Platform, business: &Business, new: &NewBooking<'_>) -> Result<Booking, CreateError> {
    if !(1..=MOST_ITEMS).contains(&new.items.len()) {
        return Err(CreateError::Items);
    }
    if let Some(booking) = create_as_known(platform, business, new).await? {
        return Ok(booking);
    }
    let now = platform.clock.now();
    let mut connection = platform.db.read().await?;
    let read = business::by_id(&mut connection, business.id).await?;
    let read = read.ok_or(StoreError::Row { table: "businesses", id: business.id.get(), rule: "it stays" })?;
    if read.zone != business.zone {
        // The caller has read the time by another clock.
        return Err(db::Error::Busy { source: None }.into());
    }
    let business = Arc::new(read);
    platform.known.learn(Arc::clone(&business));
    if !business.is_open(platform.clock.real_now()) {
        return Err(CreateError::Suspended);
    }
    let start = business.zone.instant(new.start)?;
    if start <= now {
        return Err(CreateError::Past);
    }
    let looked_up = Asked::look_up(&mut connection, &business, new.items, new.client_phone, start).await?;
    let (asked, standing) = (Arc::new(looked_up.0), looked_up.1);
    platform.known.learn_asked(&business, new.items, new.start.date(), Arc::clone(&asked));
    if new.source == Source::Public && standing.is_blocked {
        return Err(CreateError::Blocked);
    }
    match check(new.source, &asked, start, now) {
        Ok(()) => {}
        Err(Refusal::TooSoon { earliest }) => return Err(CreateError::TooSoon { earliest }),
        Err(Refusal::TooFar { latest }) => return Err(CreateError::TooFar { latest }),
        Err(Refusal::Closed) => {
            let nearest = asked.visit.nearest(&mut connection, platform, &business, start).await?;
            return Err(CreateError::Closed { nearest });
        }
    }
    drop(connection);
    let plan = Plan { business: &business, asked: &asked, standing, assumed: Assumed::default() };
    // What nothing was assumed of has not moved.
    plan.write(platform, new, start, now).await?.ok_or_else(|| db::Error::Lost.into())
}

/// Books by what this process remembers, without reading anything; none when that does not suffice.
///
/// The statement that writes the visit checks what was assumed. Refusals are left to those who have read.
async fn create_as_known(
    platform: &Platform,
    business: &Business,
    new: &NewBooking<'_>,
) -> Result<Option<Booking>, CreateError> {
    let now = platform.clock.now();
    let Some(asked) = platform.known.asked(business, new.items, new.start.date()) else { return Ok(None) };
    let Ok(start) = business.zone.instant(new.start) else { return Ok(None) };
    if !business.is_open(platform.clock.real_now()) || start <= now || check(new.source, &asked, start, now).is_err() {
        return Ok(None);
    }
    let language = new.language.is_none().then_some(business.language);
    let client = Some(AnyClient { language });
    let assumed = Assumed { revision: Some(business.revision), client };
    Plan { business, asked: &asked, standing: Standing::default(), assumed }.write(platform, new, start, now).await
}

/// Why the rules do not allow a visit.
enum Refusal {
    TooSoon { earliest: Timestamp },
    TooFar { latest: Timestamp },
    Closed,
}

fn check(source: Source, asked: &Asked, start: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let visit = &asked.visit;
    let overbook = match source {
        Source::Public => {
            let (earliest, latest) = (now.plus(visit.notice), visit.latest(now));
            if start < earliest {
                return Err(Refusal::TooSoon { earliest });
            }
            if start > latest {
                return Err(Refusal::TooFar { latest });
            }
            false
        }
        Source::Staff { overbook, .. } => overbook,
    };
    if overbook || asked.is_open(start) { Ok(()) } else { Err(Refusal::Closed) }
}

/// What a visit is written by.
struct Plan<'a> {
    business: &'a Business,
    asked: &'a Asked,
    standing: Standing,
    assumed: Assumed,
}

impl Plan<'_> {
    /// Words the messages and writes all of it; none when something that was assumed is not so.
    async fn write(
        &self,
        platform: &Platform,
        new: &NewBooking<'_>,
        start: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Booking>, CreateError> {
        let (business, visit) = (self.business, &self.asked.visit);
        let mut booking = draft(business, new, visit, start, now)?;
        booking.language = new.language.or(self.standing.language).unwrap_or(business.language);
        let planned = messages::of_new(platform, business, &booking, now);
        let messages = planned.len();
        let draft = Draft::new(booking.clone(), new, visit).assuming(self.assumed);
        let draft = draft.with_messages(planned, self.standing.is_stopped, &platform.entropy);
        match platform.writer.write(draft).await? {
            Outcome::Booked { id, client_id } => {
                platform.outbox.ring();
                let booking = Booking { id, client_id, ..booking };
                log(&booking, new.source, messages);
                Ok(Some(booking))
            }
            Outcome::Taken => {
                // Whoever won may share a commit that is still under way; once one of our own is through, readers see it.
                platform.db.begin().await?.commit().await?;
                let nearest = visit.nearest(&mut platform.db.read().await?, platform, business, start).await?;
                Err(CreateError::SlotTaken { nearest })
            }
            Outcome::Moved => Ok(None),
        }
    }
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

fn log(booking: &Booking, source: Source, messages: usize) {
    let overbooked = matches!(source, Source::Staff { overbook: true, .. });
    tracing::info!(
        business.id = %booking.business_id,
        booking.id = %booking.id,
        overbooked,
        messages,
        "booked visit {}",
        booking.id,
    );
}
