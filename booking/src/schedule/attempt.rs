//! Changes that may break visits: tried first, then made or undone.
//!
//! A visit is broken by a change when its master worked at its time before and does not any more. Nothing happens to it:
//! it stays, and somebody has to move it or call it off. So whoever changes a schedule is shown those visits first.

use std::collections::{BTreeMap, BTreeSet};

use db::{Connection, Tx};
use jiff::Span;

use crate::access::Staff;
use crate::availability::{Calendar, VisitLength};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BookingId, MasterId};
use crate::platform::Platform;
use crate::schedule::{LONGEST_BUSY, load};
use crate::store::StoreError;

/// What is to become of a change that breaks visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is refused.
    Ask,
    /// Nothing is changed in any case.
    DryRun,
    /// It is made.
    Confirmed,
}

/// What a change came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether it was made.
    pub changed: bool,
    /// The visits that it breaks, in the order of their times.
    pub broken: Vec<BrokenVisit>,
}

/// A part of a visit at whose time its master does not work any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenVisit {
    /// The visit.
    pub booking_id: BookingId,
    /// Whose time.
    pub master_id: MasterId,
    /// When the part begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// The client's first name.
    pub first_name: String,
}

/// Why a change was not made. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.len())]
    Breaks(Vec<BrokenVisit>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change under way: its transaction, and which visits stood before it.
pub(crate) struct Attempt<'a> {
    pub(crate) tx: Tx,
    pub(crate) now: Timestamp,
    business: &'a Business,
    /// Whose schedule changes; none is everybody's.
    master_id: Option<MasterId>,
    stood: BTreeSet<i64>,
}

impl<'a> Attempt<'a> {
    /// Opens a transaction and looks which visits stand.
    pub(crate) async fn begin(
        platform: &Platform,
        staff: &'a Staff,
        master_id: Option<MasterId>,
    ) -> Result<Self, StoreError> {
        let (business, now) = (&staff.business, platform.clock.now());
        let mut tx = platform.db.begin().await?;
        let stood = visits(&mut tx, business, master_id, now).await?;
        let stood = stood.into_iter().filter(|visit| visit.stands).map(|visit| visit.segment_id).collect();
        Ok(Self { tx, now, business, master_id, stood })
    }

    /// Looks what does not stand any more, and keeps the change or undoes it.
    pub(crate) async fn finish(mut self, intent: Intent) -> Result<Outcome, AttemptError> {
        let visits = visits(&mut self.tx, self.business, self.master_id, self.now).await?;
        let fell = visits.into_iter().filter(|visit| !visit.stands && self.stood.contains(&visit.segment_id));
        let broken: Vec<BrokenVisit> = fell.map(|visit| visit.broken).collect();
        match intent {
            Intent::DryRun => return Ok(Outcome { changed: false, broken }),
            Intent::Ask if !broken.is_empty() => return Err(AttemptError::Breaks(broken)),
            Intent::Ask | Intent::Confirmed => {}
        }
        self.tx.commit().await.map_err(StoreError::from)?;
        Ok(Outcome { changed: true, broken })
    }
}

/// A part of a visit to come.
struct Visit {
    segment_id: i64,
    stands: bool,
    broken: BrokenVisit,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    booking_id: BookingId,
    master_id: MasterId,
    active: bool,
    starts_at: Timestamp,
    ends_at: Timestamp,
    client_name: String,
}

/// The parts of all visits to come, and whether their masters work at their times.
async fn visits(
    connection: &mut Connection,
    business: &Business,
    master_id: Option<MasterId>,
    now: Timestamp,
) -> Result<Vec<Visit>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select s.id, s.booking_id, s.master_id, m.active, s.starts_at, s.ends_at, b.client_name
         from masters m
             join booking_segments s on s.master_id = m.id and s.business_id = m.business_id and s.live = true
                 and s.busy_from > $4
             join bookings b on b.business_id = s.business_id and b.id = s.booking_id
         where m.business_id = $1 and ($2 = 0 or m.id = $2) and s.ends_at > $3
             and b.state in ('held', 'pending', 'confirmed', 'arrived')
         order by s.starts_at, s.id",
        business.id,
        master_id.map_or(0, MasterId::get),
        now,
        now.plus(-LONGEST_BUSY),
    )?;
    let Some(last) = rows.iter().map(|row| row.ends_at).max() else { return Ok(Vec::new()) };
    let day = Span::new().days(1);
    let from = business.zone.date(now).saturating_sub(day);
    let to = business.zone.date(last).saturating_add(day);
    let plans = load(connection, business.id, master_id, from, to).await?;
    let mut calendars = BTreeMap::new();
    for id in rows.iter().map(|row| row.master_id).collect::<BTreeSet<_>>() {
        let days = plans.days(id, from, to)?;
        calendars.insert(id, Calendar::new(&business.zone, days, Vec::new()));
    }
    let visit = |row: Row| {
        let minutes = u16::try_from(row.ends_at.since(row.starts_at) / 60).unwrap_or(u16::MAX);
        let length = VisitLength { duration: minutes, buffer_before: 0, buffer_after: 0 };
        let works = calendars.get(&row.master_id).is_some_and(|calendar| calendar.is_open(row.starts_at, length));
        Visit { segment_id: row.id, stands: row.active && works, broken: row.broken() }
    };
    Ok(rows.into_iter().map(visit).collect())
}

impl Row {
    fn broken(self) -> BrokenVisit {
        BrokenVisit {
            booking_id: self.booking_id,
            master_id: self.master_id,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            first_name: self.client_name.split_whitespace().next().unwrap_or_default().to_owned(),
        }
    }
}
