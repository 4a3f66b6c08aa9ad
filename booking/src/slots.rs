//! Which start times are free: the rules of [`availability`](crate::availability) applied to what the database has.
//!
//! [`free`] answers with times, each with those who can serve; [`candidates`] with the visits that are free at one
//! time, in the order in which a booking tries them; `nearest` with what a refused booking offers instead.
//!
//! # Several parts in a salon that wants no gaps
//!
//! Parts that one master serves without another's part in between are a *stretch*. Each stretch is judged in its own
//! master's day, in which the visit's other stretches are not there: it leaves a gap unless it touches what is before
//! or after it there, or leaves the time of that master's shortest service on both sides. The pauses within a stretch
//! are the visit's own, and no gaps.
//!
//! A visit may begin on the grid of whoever serves its first part, or at a time at which one of its stretches touches
//! its neighbour. Of the times of one date those are offered at which the fewest stretches leave a gap: none where that
//! is possible, so that a day with free time is never empty because its masters' days do not fit together. Of those who
//! could serve at such a time, those are named who leave no more gaps than that.

mod gapless;
mod roster;
mod serving;
mod visit;

use db::Connection;
use jiff::Span;
use jiff::civil::Date;

use crate::availability::Slot;
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, MasterId, ServiceId};
use crate::master;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};
use roster::Roster;
pub(crate) use visit::{Leg, Visit};

/// How many free times a refused booking offers instead.
pub const ALTERNATIVES: usize = 5;
/// How many days ahead they are looked for.
const ALTERNATIVE_DAYS: i64 = 14;
/// The most days that one question may span.
pub const MOST_DAYS: i32 = 62;
/// How much one question may look at: dates, times those who could serve each part. 62 days of one part by all the
/// masters that a business may have, or of ten parts by twenty; of ten parts by two hundred it is six days.
pub const MOST_BREADTH: usize = 12_400;
/// The most parts of one visit.
pub const MOST_PARTS: usize = 10;
/// The longest pause between two parts, in minutes.
pub const LONGEST_PAUSE: u16 = 240;
/// The most visits that [`candidates`] gives.
const MOST_CANDIDATES: usize = 32;

/// One part of a visit: a service by a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub service_id: ServiceId,
    /// By whom.
    pub master_id: MasterId,
}

/// One part of a visit that is asked for: a service by a master, or by any who offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part {
    /// What.
    pub service_id: ServiceId,
    /// By whom; none is whoever is free.
    pub master_id: Option<MasterId>,
    /// Minutes between the part before and this one, [`LONGEST_PAUSE`] at most; before the first it is nothing.
    pub pause_minutes: u16,
}

impl From<Item> for Part {
    fn from(item: Item) -> Self {
        Self { service_id: item.service_id, master_id: Some(item.master_id), pause_minutes: 0 }
    }
}

/// What times are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// A visit of these parts one after the other.
    Visit(&'a [Part]),
    /// As long as one step of the grid, by a master, or by any.
    Step(Option<MasterId>),
}

/// A visit that another time is looked for: what it takes now is free for it, and who serves it now comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved<'a> {
    pub(crate) booking_id: BookingId,
    /// What it has.
    pub(crate) items: &'a [Item],
}

/// Who asks for free times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A client: within the notice and the horizon of the services.
    Public,
    /// The staff: at any time to come.
    Staff,
}

/// A start time that is free, and who can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Free {
    /// When.
    pub slot: Slot,
    /// For each part those who serve it in some visit that fits, in the masters' order. Which of them go together where
    /// masters take different times, the booking finds out.
    pub masters: Vec<Vec<MasterId>>,
}

/// How start times are chosen.
#[derive(Debug, Clone, Copy)]
struct Grid {
    step_minutes: u16,
    no_gap: bool,
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
    /// The master does not do this service, or nobody does.
    #[error("the master does not offer this service")]
    NotOffered,
    /// There are no parts, more than [`MOST_PARTS`], or a pause is longer than [`LONGEST_PAUSE`].
    #[error("a visit has one to {MOST_PARTS} parts, with pauses of up to {LONGEST_PAUSE} minutes")]
    Parts,
    /// The business takes no bookings at present.
    #[error("the business takes no bookings at present")]
    Suspended,
    /// The dates are in the wrong order, or there are too many: more than [`MOST_DAYS`], or than the parts and masters
    /// leave of [`MOST_BREADTH`].
    #[error("the dates span more than {most} days, or less than one")]
    Dates {
        /// So many may be asked about at once.
        most: i32,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(OfferError);

/// The free start times from one date to another, on the salon's wall clock and as instants, in order.
///
/// Four statements at most, however many masters and days there are.
///
/// # Errors
///
/// [`OfferError`].
pub async fn free(
    platform: &Platform,
    business: &Business,
    wanted: Wanted<'_>,
    (from, to): (Date, Date),
    audience: Audience,
) -> Result<Vec<Free>, OfferError> {
    free_of(platform, business, wanted, (from, to), audience, None).await
}

/// The same for a visit that is moved: what only it takes itself is free.
///
/// # Errors
///
/// [`OfferError`].
pub(crate) async fn free_of(
    platform: &Platform,
    business: &Business,
    wanted: Wanted<'_>,
    (from, to): (Date, Date),
    audience: Audience,
    moved: Option<Moved<'_>>,
) -> Result<Vec<Free>, OfferError> {
    if audience == Audience::Public && !business.is_open(platform.clock.real_now()) {
        return Err(OfferError::Suspended);
    }
    if from > to || from.until(to).map_or(true, |span| span.get_days() >= MOST_DAYS) {
        return Err(OfferError::Dates { most: MOST_DAYS });
    }
    if let Wanted::Visit(parts) = wanted {
        check(parts)?;
    }
    let grid = Grid::of(platform, business);
    let now = platform.clock.now();
    let roster = Roster::load(&mut platform.db.read().await?, business, wanted, grid, (from, to), now, moved).await?;
    let most = most_days(&roster);
    if to > last_of(from, most) {
        return Err(OfferError::Dates { most });
    }
    within(roster, grid, now, (from, to), audience).await
}

/// What is free at one time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Candidates {
    /// The visits that are free, in the order in which to try them.
    pub(crate) visits: Vec<Visit>,
    /// Whether somebody works at every part, free or not: what is not free although it is open is taken.
    pub open: bool,
    /// Seconds before the visit by which it must be booked.
    pub notice: i64,
    /// Days ahead that it can be booked.
    pub horizon_days: u32,
}

impl Candidates {
    /// Who would serve the parts, in the order in which to try them: where the business wants no gaps, those first who
    /// are left with none; then those who have the fewest minutes booked on that day, and of equals those who come
    /// first.
    #[must_use]
    pub fn assignments(&self) -> Vec<Vec<MasterId>> {
        self.visits.iter().map(|visit| visit.legs.iter().map(|leg| leg.master_id).collect()).collect()
    }
}

/// The visits of these parts that are free at `start`, 32 at most, in the order in which to try them.
///
/// Holds that are over by `now` are in nobody's way. What this finds may be taken a moment later: only writing it
/// tells. Inside of a transaction that writes, it sees what that transaction sees.
///
/// # Errors
///
/// [`OfferError`].
pub async fn candidates(
    connection: &mut Connection,
    business: &Business,
    parts: &[Part],
    start: Timestamp,
    now: Timestamp,
) -> Result<Candidates, OfferError> {
    candidates_of(connection, business, parts, start, now, None).await
}

/// The same for a visit that is moved: it is not in its own way, and who serves it now comes first.
///
/// # Errors
///
/// [`OfferError`].
pub(crate) async fn candidates_of(
    connection: &mut Connection,
    business: &Business,
    parts: &[Part],
    start: Timestamp,
    now: Timestamp,
    moved: Option<Moved<'_>>,
) -> Result<Candidates, OfferError> {
    check(parts)?;
    let date = business.zone.date(start);
    let grid = Grid { step_minutes: 1, no_gap: business.settings.slots.mode.is_no_gap() };
    let roster = Roster::load(connection, business, Wanted::Visit(parts), grid, (date, date), now, moved).await?;
    let (notice, horizon_days) = roster.rules();
    let visits = roster.visits(&business.zone, start, MOST_CANDIDATES);
    Ok(Candidates { open: roster.is_open(start), visits, notice, horizon_days })
}

/// The free start times nearest to `wanted`, [`ALTERNATIVES`] at most, in order; for a visit that is moved, also those
/// that only it takes itself.
///
/// # Errors
///
/// [`OfferError`].
pub(crate) async fn nearest(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    parts: &[Part],
    wanted: Timestamp,
    moved: Option<Moved<'_>>,
) -> Result<Vec<Slot>, OfferError> {
    let date = business.zone.date(wanted);
    let from = date.saturating_sub(Span::new().days(1));
    let to = date.saturating_add(Span::new().days(ALTERNATIVE_DAYS));
    let grid = Grid::of(platform, business);
    let now = platform.clock.now();
    let roster = Roster::load(connection, business, Wanted::Visit(parts), grid, (from, to), now, moved).await?;
    let to = to.min(last_of(from, most_days(&roster)));
    let free = within(roster, grid, now, (from, to), Audience::Public).await?;
    let mut slots: Vec<Slot> = free.into_iter().map(|free| free.slot).collect();
    slots.sort_by_key(|slot| (slot.at.since(wanted).saturating_abs(), slot.at));
    slots.truncate(ALTERNATIVES);
    slots.sort_by_key(|slot| slot.at);
    Ok(slots)
}

/// How many days one question about these parts may span.
fn most_days(roster: &Roster) -> i32 {
    let days = MOST_BREADTH / roster.breadth().max(1);
    i32::try_from(days).unwrap_or(MOST_DAYS).clamp(1, MOST_DAYS)
}

/// The last of so many days.
fn last_of(from: Date, days: i32) -> Date {
    from.saturating_add(Span::new().days(days - 1))
}

async fn within(
    roster: Roster,
    grid: Grid,
    now: Timestamp,
    dates: (Date, Date),
    audience: Audience,
) -> Result<Vec<Free>, OfferError> {
    let (notice, horizon_days) = match audience {
        Audience::Public => roster.rules(),
        Audience::Staff => (0, u32::MAX),
    };
    let latest = now.plus(i64::from(horizon_days).saturating_mul(86_400));
    let instants = (now.plus(notice.max(1)), latest);
    if roster.parts.len() == 1 {
        return Ok(roster.free(grid, dates, instants));
    }
    // Many parts, masters and days take a while, which nobody else is to wait for.
    let task = tokio::task::spawn_blocking(move || roster.free(grid, dates, instants));
    Ok(task.await.map_err(|_stopped| StoreError::from(db::Error::Lost))?)
}

/// Whether there are as many parts as a visit may have, with pauses that it may have.
///
/// # Errors
///
/// [`OfferError::Parts`].
pub(crate) fn check(parts: &[Part]) -> Result<(), OfferError> {
    let are_fine =
        (1..=MOST_PARTS).contains(&parts.len()) && parts.iter().all(|part| part.pause_minutes <= LONGEST_PAUSE);
    if are_fine { Ok(()) } else { Err(OfferError::Parts) }
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
    let known = crate::service::is_active(connection, business_id, item.service_id).await?;
    Ok(if known { OfferError::NotOffered } else { OfferError::UnknownService })
}
