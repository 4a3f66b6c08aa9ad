//! Changes that may break visits: tried first, then made or undone.
//!
//! A visit is broken by a change when its master worked at its time and offered what was booked, and one of these is no
//! longer so. Nothing happens to it: it stays, and somebody has to move it or call it off. So whoever changes a
//! schedule, or what is offered by whom, is shown those visits first.

use std::collections::{BTreeMap, BTreeSet};

use db::{Connection, Tx};
use jiff::Span;

use crate::access::Staff;
use crate::availability::{Calendar, VisitLength};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BookingId, MasterId, ServiceId};
use crate::platform::Platform;
use crate::schedule::{LONGEST_BUSY, load};
use crate::store::StoreError;

/// The most visits that are shown of those that a change breaks.
pub const MOST_BROKEN: usize = 100;

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
    /// The visits that it breaks.
    pub broken: Broken,
}

/// The visits that a change breaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// How many parts of visits there are.
    pub count: usize,
    /// The first of them in the order of their times, [`MOST_BROKEN`] at most.
    pub visits: Vec<BrokenVisit>,
}

impl Broken {
    fn add(&mut self, visit: BrokenVisit) {
        self.count += 1;
        if self.visits.len() < MOST_BROKEN {
            self.visits.push(visit);
        }
    }
}

/// A part of a visit at whose time its master does not work any more, or which they do not offer any more.
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
    /// The client's first name; empty for a walk-in nobody wrote down.
    pub first_name: String,
}

/// Why a change was not made. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.count)]
    Breaks(Broken),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose visits a change may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everybody's.
    Business,
    /// One master's.
    Master(MasterId),
    /// Those with one service.
    Service(ServiceId),
}

impl Scope {
    const fn master(self) -> Option<MasterId> {
        match self {
            Self::Master(id) => Some(id),
            Self::Business | Self::Service(_) => None,
        }
    }

    const fn service(self) -> Option<ServiceId> {
        match self {
            Self::Service(id) => Some(id),
            Self::Business | Self::Master(_) => None,
        }
    }
}

/// A change under way: its transaction, and which visits stood before it.
pub(crate) struct Attempt<'a> {
    pub(crate) tx: Tx,
    pub(crate) now: Timestamp,
    business: &'a Business,
    scope: Scope,
    stood: BTreeSet<i64>,
}

impl<'a> Attempt<'a> {
    /// Opens a transaction and looks which visits stand.
    pub(crate) async fn begin(platform: &Platform, staff: &'a Staff, scope: Scope) -> Result<Self, StoreError> {
        let (business, now) = (&staff.business, platform.clock.now());
        let mut tx = platform.db.begin().await?;
        let stood = visits(&mut tx, business, scope, now).await?;
        let stood = stood.into_iter().filter(|visit| visit.stands).map(|visit| visit.segment_id).collect();
        Ok(Self { tx, now, business, scope, stood })
    }

    /// Looks what does not stand any more, and keeps the change or undoes it.
    pub(crate) async fn finish(mut self, intent: Intent) -> Result<Outcome, AttemptError> {
        let visits = visits(&mut self.tx, self.business, self.scope, self.now).await?;
        let fell = visits.into_iter().filter(|visit| !visit.stands && self.stood.contains(&visit.segment_id));
        let mut broken = Broken::default();
        fell.for_each(|visit| broken.add(visit.broken));
        match intent {
            Intent::DryRun => return Ok(Outcome { changed: false, broken }),
            Intent::Ask if broken.count > 0 => return Err(AttemptError::Breaks(broken)),
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
    offered: bool,
    starts_at: Timestamp,
    ends_at: Timestamp,
    client_name: Option<String>,
}

/// The parts of all visits to come, and whether their masters work at their times and offer them.
async fn visits(
    connection: &mut Connection,
    business: &Business,
    scope: Scope,
    now: Timestamp,
) -> Result<Vec<Visit>, StoreError> {
    let master_id = scope.master();
    let rows = db::fetch_all!(
        connection,
        Row,
        "select s.id, s.booking_id, s.master_id, s.starts_at, s.ends_at, b.client_name,
             (m.active = true and exists (
                 select 1 from master_services o
                     join services v on v.id = o.service_id and v.business_id = o.business_id and v.active = true
                 where o.business_id = s.business_id and o.master_id = s.master_id and o.service_id = s.service_id
             )) as offered
         from masters m
             join booking_segments s on s.master_id = m.id and s.business_id = m.business_id and s.live = true
                 and s.busy_from > $4
             join bookings b on b.business_id = s.business_id and b.id = s.booking_id
         where m.business_id = $1 and ($2 = 0 or m.id = $2) and s.ends_at > $3
             and b.state in ('pending', 'confirmed', 'arrived') and ($5 = 0 or s.service_id = $5)
         order by s.starts_at, s.id",
        business.id,
        master_id.map_or(0, MasterId::get),
        now,
        now.plus(-LONGEST_BUSY),
        scope.service().map_or(0, ServiceId::get),
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
        Visit { segment_id: row.id, stands: row.offered && works, broken: row.broken() }
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
            first_name: self
                .client_name
                .as_deref()
                .and_then(|name| name.split_whitespace().next())
                .unwrap_or_default()
                .to_owned(),
        }
    }
}
