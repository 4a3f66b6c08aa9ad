//! Booking a visit.

use std::sync::Arc;

use db::Connection;
use jiff::civil::DateTime;

use crate::access::{Access, Origin};
use crate::availability::Slot;
use crate::booking::asked::{Asked, Standing};
use crate::booking::batch;
use crate::booking::messages::{Planned, Writer};
use crate::booking::rules::Terms;
use crate::booking::write::{AnyClient, Assumed, Draft, Outcome};
use crate::booking::{Booking, BookingState, Segment};
use crate::business::{self, Business};
use crate::client;
use crate::client::contact::{self, Contact};
use crate::clock::Timestamp;
use crate::hold::{self, HoldToken};
use crate::id::{BookingId, ClientId};
use crate::idempotency::{self, Ticket};
use crate::language::Language;
use crate::link::LinkToken;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::slots::{self, Leg, OfferError, Part, Visit};
use crate::store::{StoreError, from_store};
use crate::text::Event;
use crate::zone::NonExistentTime;

/// A visit to be.
#[derive(Debug, Clone)]
pub struct NewBooking<'a> {
    /// Whom it is for.
    pub client: Party<'a>,
    /// What by whom, or by anybody, one after the other.
    pub parts: &'a [Part],
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// What the client adds in words.
    pub notes: &'a Notes,
    /// What the client wants to be written to in; remembered.
    pub language: Option<Language>,
    /// Who books.
    pub source: Source<'a>,
}

impl NewBooking<'_> {
    /// Whether the constraint lets the same visit be booked a second time: over others, or with another of any masters.
    fn could_be_twice(&self) -> bool {
        matches!(self.source, Source::Staff { overbook: true, .. })
            || self.parts.iter().any(|part| part.master_id.is_none())
    }
}

/// Whom a visit is for.
#[derive(Debug, Clone, Copy)]
pub enum Party<'a> {
    /// Somebody with a number: the business's client with it, or a new one.
    Phone {
        /// The number.
        phone: &'a Phone,
        /// What they are called in this visit; a new client needs a name.
        name: Option<&'a Name>,
    },
    /// A client of the business.
    Known(ClientId),
    /// Somebody who came in, whom nobody writes down.
    WalkIn {
        /// What they are called in this visit.
        name: Option<&'a Name>,
    },
}

/// Who books, and what they may.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The client, within the services' notice and horizon and the masters' hours.
    Public {
        /// From where.
        origin: &'a Origin,
        /// The time they keep free, which becomes the visit.
        hold: Option<&'a HoldToken>,
        /// What their browser asks for: good as long as they have not chosen.
        browser: Option<Language>,
    },
    /// Somebody of the staff or a program of theirs, at any time to come, for a master whose calendar they see.
    Staff {
        /// Who.
        access: &'a Access,
        /// On purpose over other visits, or outside of the masters' hours. It is logged.
        overbook: bool,
    },
}

impl<'a> Source<'a> {
    /// Who it is and from where.
    pub(super) const fn origin(self) -> &'a Origin {
        match self {
            Self::Public { origin, .. } => origin,
            Self::Staff { access, .. } => &access.origin,
        }
    }

    /// The time they keep free.
    const fn hold(self) -> Option<&'a HoldToken> {
        match self {
            Self::Public { hold, .. } => hold,
            Self::Staff { .. } => None,
        }
    }

    /// What a client's browser asks for.
    const fn browser(self) -> Option<Language> {
        match self {
            Self::Public { browser, .. } => browser,
            Self::Staff { .. } => None,
        }
    }

    /// Whether they may book the masters whom a visit was given.
    fn may_serve(self, visit: &Visit) -> bool {
        match self {
            Self::Public { .. } => true,
            Self::Staff { access, .. } => visit.legs.iter().all(|leg| access.sees_master(leg.master_id)),
        }
    }
}

/// Why a visit could not be booked. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The business takes no bookings at present.
    #[error("the business takes no bookings at present")]
    Suspended,
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
    /// Over other visits only masters who are named can be booked.
    #[error("a visit over others needs its masters named")]
    MasterNeeded,
    /// The business does not let this client book on their own.
    #[error("the client cannot book on their own")]
    Blocked,
    /// The calendar is not theirs to write in.
    #[error("this master's calendar is not theirs")]
    NotTheirs,
    /// The business has no such client.
    #[error("the business has no such client")]
    UnknownClient,
    /// A client who is new needs a name.
    #[error("a new client needs a name")]
    Nameless,
    /// The client has as many visits to come as they may book by themselves.
    #[error("the client has {most} visits to come already")]
    TooMany {
        /// So many they may have.
        most: u32,
    },
    /// The hold is over, or was never made by this business.
    #[error("the time is no longer held")]
    HoldOver,
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
    if let Some(booking) = create_as_known(platform, business, new).await? {
        return Ok(booking);
    }
    let now = platform.clock.now();
    let mut connection = platform.db.read().await?;
    let business = Arc::new(read_business(&mut connection, business).await?);
    platform.known.learn(Arc::clone(&business));
    if !business.is_open(platform.clock.real_now()) {
        return Err(CreateError::Suspended);
    }
    let start = business.zone.instant(new.start)?;
    if start <= now {
        return Err(CreateError::Past);
    }
    let client = find_party(&mut connection, &business, new).await?;
    let phone = client.as_ref().and_then(|client| client.phone.as_ref()).or(new.client.phone());
    let looked_up = Asked::look_up(&mut connection, &business, new.parts, phone, start, now, None).await?;
    let (asked, mut standing) = (Arc::new(looked_up.0), looked_up.1);
    standing.is_stopped |= client.as_ref().is_some_and(|client| client.is_stopped);
    if new.parts.iter().all(|part| part.master_id.is_some()) {
        platform.known.learn_asked(&business, new.parts, new.start.date(), Arc::clone(&asked));
    }
    check_rules(&mut connection, platform, &business, new, (&asked, standing), start).await?;
    drop(connection);
    let plan =
        Plan { business: &business, asked: &asked, client: client.as_ref(), standing, assumed: Assumed::default() };
    match plan.write(platform, new, start, now).await? {
        Written::Booked(booking) => Ok(*booking),
        Written::Taken => {
            // Whoever won may share a commit that is still under way; once one of our own is through, readers see it.
            platform.db.begin().await?.commit().await?;
            let mut connection = platform.db.read().await?;
            let nearest = slots::nearest(&mut connection, platform, &business, new.parts, start, None).await?;
            Err(CreateError::SlotTaken { nearest })
        }
        // What nothing was assumed of has not moved.
        Written::Moved => Err(db::Error::Lost.into()),
    }
}

/// The business as it is now, which may differ from how the caller knows it.
pub(super) async fn read_business(connection: &mut Connection, known: &Business) -> Result<Business, CreateError> {
    let read = business::by_id(connection, known.id).await?;
    let read = read.ok_or(StoreError::Row { table: "businesses", id: known.id.get(), rule: "it stays" })?;
    // By another clock the caller has read the time wrong.
    if read.zone == known.zone { Ok(read) } else { Err(db::Error::Busy { source: None }.into()) }
}

/// Books by what this process remembers, without reading anything; none when that does not suffice.
///
/// The statement that writes the visit checks what was assumed. Refusals are left to those who have read, and so is
/// whatever is not a client who books for themselves, by masters who are named.
async fn create_as_known(
    platform: &Platform,
    business: &Business,
    new: &NewBooking<'_>,
) -> Result<Option<Booking>, CreateError> {
    let (Source::Public { hold: None, browser, .. }, Party::Phone { name: Some(_), .. }) = (new.source, new.client)
    else {
        return Ok(None);
    };
    let now = platform.clock.now();
    let Some(asked) = platform.known.asked(business, new.parts, new.start.date()) else { return Ok(None) };
    let Ok(start) = business.zone.instant(new.start) else { return Ok(None) };
    let in_time = start > now && start >= now.plus(asked.notice) && start <= asked.latest(now);
    if !in_time || !business.is_open(platform.clock.real_now()) || !asked.is_open(start) {
        return Ok(None);
    }
    let language = new.language.is_none().then_some(browser.unwrap_or(business.language));
    let client = Some(AnyClient { language, most_active: business.settings.visits.most_active() });
    let assumed = Assumed { revision: Some(business.revision), client };
    let plan = Plan { business, asked: &asked, client: None, standing: Standing::default(), assumed };
    match plan.write(platform, new, start, now).await? {
        Written::Booked(booking) => Ok(Some(*booking)),
        Written::Taken | Written::Moved => Ok(None),
    }
}

/// What a visit is written by.
struct Plan<'a> {
    business: &'a Business,
    asked: &'a Asked,
    client: Option<&'a Contact>,
    standing: Standing,
    assumed: Assumed,
}

/// What became of a visit.
enum Written {
    Booked(Box<Booking>),
    Taken,
    Moved,
}

impl Plan<'_> {
    /// Tries the visits that it could be, in their order, each with its messages.
    async fn write(
        &self,
        platform: &Platform,
        new: &NewBooking<'_>,
        start: Timestamp,
        now: Timestamp,
    ) -> Result<Written, CreateError> {
        let may_serve = |visit: &&Visit| new.source.may_serve(visit);
        for visit in self.asked.visits.iter().filter(may_serve) {
            let booking = self.draft(new, visit, start, now);
            let (draft, messages) = self.word(platform, new, visit, booking.clone(), now);
            let masters = visit.legs.iter().map(|leg| leg.master_id).collect::<Vec<_>>();
            let outcome = match self.hand_in(platform, new, draft, now).await? {
                // A hold that is over is no obstacle.
                Outcome::Taken if hold::clear(platform, &masters, now).await? => {
                    let (draft, _) = self.word(platform, new, visit, booking.clone(), now);
                    self.hand_in(platform, new, draft, now).await?
                }
                outcome @ (Outcome::Booked { .. } | Outcome::Taken | Outcome::Moved) => outcome,
            };
            match outcome {
                Outcome::Booked { id, client_id } => {
                    platform.outbox.ring();
                    let booking = Booking { id, client_id, ..booking };
                    log(&booking, new.source, messages);
                    remember_language(platform, self.business, new, client_id, now).await;
                    return Ok(Written::Booked(Box::new(booking)));
                }
                Outcome::Taken => {}
                Outcome::Moved => return Ok(Written::Moved),
            }
        }
        Ok(Written::Taken)
    }

    /// To the writer, with those of others, unless more than the visit has to be written in its transaction.
    async fn hand_in(
        &self,
        platform: &Platform,
        new: &NewBooking<'_>,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Outcome, CreateError> {
        let ticket = new.source.origin().ticket.as_ref();
        if new.source.hold().is_some() || (ticket.is_some() && new.could_be_twice()) {
            write_alone(platform, self.business, new.source.hold(), ticket, &draft, now).await
        } else {
            Ok(platform.writer.write(draft).await?)
        }
    }

    /// The visit with its messages, and how many those are.
    fn word(
        &self,
        platform: &Platform,
        new: &NewBooking<'_>,
        visit: &Visit,
        booking: Booking,
        now: Timestamp,
    ) -> (Draft, usize) {
        let link =
            platform.policy.public_url.as_ref().map(|_| LinkToken::fresh(&platform.entropy, platform.clock.now_ms()));
        let planned = tell(platform, self.business, &booking, link.as_ref(), now);
        let messages = planned.len();
        let due_at = booking.due_at(booking.state, &self.business.settings.visits);
        let (chosen, guessed) =
            (new.language, client::language::guess(self.business, new.language, new.source.browser()));
        let draft = Draft { chosen, guessed, due_at, ..Draft::new(booking, new.source, visit) };
        let draft = draft.assuming(self.assumed);
        (draft.with_messages(planned, link.as_ref(), self.standing.is_stopped, &platform.entropy), messages)
    }

    /// The visit before it has a row.
    fn draft(&self, new: &NewBooking<'_>, visit: &Visit, start: Timestamp, now: Timestamp) -> Booking {
        let (business, client) = (self.business, self.client);
        let waits = matches!(new.source, Source::Public { .. }) && business.settings.visits.staff_confirms;
        let (chosen, known) = (new.language, client.and_then(|client| client.language));
        Booking {
            id: BookingId::new(0),
            business_id: business.id,
            client_id: client.map(|client| client.id),
            client_name: new.client.name().or(client.map(|client| &client.name)).cloned(),
            client_phone: client.map_or(new.client.phone(), |client| client.phone.as_ref()).cloned(),
            state: if waits { BookingState::Pending } else { BookingState::Confirmed },
            version: 1,
            starts_at: start,
            ends_at: start.plus(visit.seconds()),
            wall_start: new.start,
            zone: business.zone.clone(),
            price_tiyn: visit.price(),
            language: chosen.or(self.standing.language).or(known).or(new.source.browser()).unwrap_or(business.language),
            notes: new.notes.clone(),
            segments: segments(visit, &self.asked.terms, start),
            acknowledged_at: None,
            created_at: now,
        }
    }
}

/// Writes the visit in a transaction with the hold it takes the place of, and with the key it is booked under.
async fn write_alone(
    platform: &Platform,
    business: &Business,
    hold: Option<&HoldToken>,
    ticket: Option<&Ticket>,
    draft: &Draft,
    now: Timestamp,
) -> Result<Outcome, CreateError> {
    // Whoever acted for this request before took the hold as well.
    if ticket.is_some_and(|ticket| ticket.made().is_some()) {
        return Err(StoreError::DoneBefore.into());
    }
    let mut tx = platform.db.begin().await?;
    if let Some(token) = hold
        && !hold::take(&mut tx, business.id, token, now).await?
    {
        return Err(CreateError::HoldOver);
    }
    let outcome = match batch::write(&mut tx, &[draft]).await {
        Ok(outcomes) => outcomes.first().copied().ok_or(db::Error::Lost)?,
        Err(error) => return batch::refusal(&error, draft).ok_or(CreateError::Store(error)),
    };
    if let Outcome::Booked { id, .. } = outcome {
        if let Some(ticket) = ticket {
            idempotency::note_done(&mut tx, ticket, id.get()).await?;
        }
        tx.commit().await?;
    }
    Ok(outcome)
}

impl<'a> Party<'a> {
    const fn phone(self) -> Option<&'a Phone> {
        match self {
            Self::Phone { phone, .. } => Some(phone),
            Self::Known(_) | Self::WalkIn { .. } => None,
        }
    }

    const fn name(self) -> Option<&'a Name> {
        match self {
            Self::Phone { name, .. } | Self::WalkIn { name } => name,
            Self::Known(_) => None,
        }
    }
}

/// The client whom the staff means. What the public writes is matched by the statement that books.
async fn find_party(
    connection: &mut Connection,
    business: &Business,
    new: &NewBooking<'_>,
) -> Result<Option<Contact>, CreateError> {
    match new.client {
        Party::Phone { name: Some(_), .. } | Party::WalkIn { .. } => Ok(None),
        Party::Phone { phone, name: None } => {
            let found = contact::by_phone(connection, business.id, phone).await?;
            found.map(Some).ok_or(CreateError::Nameless)
        }
        Party::Known(id) => {
            let found = contact::by_id(connection, business.id, id).await?;
            found.map(Some).ok_or(CreateError::UnknownClient)
        }
    }
}

pub(super) async fn check_rules(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    new: &NewBooking<'_>,
    (asked, standing): (&Asked, Standing),
    start: Timestamp,
) -> Result<(), CreateError> {
    let now = platform.clock.now();
    let overbook = match new.source {
        Source::Public { .. } if standing.is_blocked => return Err(CreateError::Blocked),
        Source::Public { .. } => {
            let (earliest, latest) = (now.plus(asked.notice), asked.latest(now));
            // Who holds the time was early enough when they began.
            if start < earliest && new.source.hold().is_none() {
                return Err(CreateError::TooSoon { earliest });
            }
            if start > latest {
                return Err(CreateError::TooFar { latest });
            }
            let most = business.settings.visits.most_active();
            if standing.ahead >= i64::from(most) {
                return Err(CreateError::TooMany { most });
            }
            false
        }
        Source::Staff { access, overbook } => {
            let mut named = new.parts.iter().filter_map(|part| part.master_id);
            if !named.all(|master_id| access.sees_master(master_id)) {
                return Err(CreateError::NotTheirs);
            }
            if overbook && new.parts.iter().any(|part| part.master_id.is_none()) {
                return Err(CreateError::MasterNeeded);
            }
            overbook
        }
    };
    if !overbook && !asked.is_open(start) {
        let nearest = slots::nearest(connection, platform, business, new.parts, start, None).await?;
        return Err(CreateError::Closed { nearest });
    }
    Ok(())
}

/// The parts of a visit that begins at `start`.
pub(super) fn segments(visit: &Visit, terms: &[Terms], start: Timestamp) -> Vec<Segment> {
    let segment = |(leg, terms): (&Leg, &Terms)| {
        let offer = leg.offer.as_ref()?;
        let starts_at = start.plus(leg.offset);
        Some(Segment {
            service_id: offer.service_id,
            service: Arc::clone(&terms.service),
            master_id: offer.master_id,
            master: offer.master.clone(),
            starts_at,
            ends_at: starts_at.plus(i64::from(leg.length.duration) * 60),
            windows: terms.windows,
        })
    };
    visit.legs.iter().zip(terms).filter_map(segment).collect()
}

fn tell(
    platform: &Platform,
    business: &Business,
    booking: &Booking,
    link: Option<&LinkToken>,
    now: Timestamp,
) -> Vec<Planned> {
    if booking.client_phone.is_none() {
        return Vec::new();
    }
    let event = if booking.state == BookingState::Pending { Event::Request } else { Event::Confirmation };
    Writer::new(platform, business, booking, link).tell(event.into(), &[], now)
}

/// The visit is booked, whether or not this can be remembered.
async fn remember_language(
    platform: &Platform,
    business: &Business,
    new: &NewBooking<'_>,
    client_id: Option<ClientId>,
    now: Timestamp,
) {
    let said = (new.language, new.source.browser());
    let (Some(client_id), (Some(_), _) | (None, Some(_))) = (client_id, said) else { return };
    if let Err(error) = client::language::learn_from_visit(platform, business, client_id, said, now).await {
        tracing::warn!(client.id = %client_id, "cannot remember what client {client_id} is written to in: {error}");
    }
}

fn log(booking: &Booking, source: Source<'_>, messages: usize) {
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
