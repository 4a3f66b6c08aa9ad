//! Visits: booking them, changing them, listing them.
//!
//! ```text
//!  pending ──► confirmed ──► arrived ──► completed
//!   │   │        │  │  └─────────────────────▲
//!   │   │        │  └──────► no_show         (each step of the second half can be undone by the staff)
//!   │   └────────┴─────────► cancelled
//!   └──────────────────────► expired
//! ```
//!
//! A visit has one or more segments: a service by a master, each with its own time. While the visit is live, its
//! segments hold their masters, and the database refuses any other that overlaps; so do those of a
//! [hold](crate::hold). Who booked it is in the visit's own row. Each change is a compare-and-set on the
//! version, and leaves a row in `booking_transitions` that nothing changes, and one in the audit log.

mod acknowledge;
mod asked;
mod batch;
mod change;
mod create;
mod held;
mod messages;
mod moving;
mod read;
mod reminding;
mod replan;
mod rows;
mod rules;
pub(crate) mod segments;
mod state;
mod transition;
mod write;
mod writer;

pub use acknowledge::acknowledge;
pub(crate) use acknowledge::note as note_acknowledged;
pub(crate) use asked::{Asked, week};
pub use change::{By, Change, ChangeError, change};
pub use create::{CreateError, NewBooking, Party, Source, create};
pub(crate) use held::HoldDraft;
pub(crate) use messages::moved_by_zone;
pub use moving::{Move, MoveError, move_visit, parts_by, times_to_move};
pub use read::{Filter, MOST_ROWS, find, list};
pub use replan::replan_all;
pub(crate) use replan::{replan_marked, speak};
pub use rules::{Choices, Deadline, Windows};
pub use state::{Action, BookingState};
pub use transition::{Remark, Transition, transitions};
pub(crate) use writer::Writer;

use std::sync::Arc;

use jiff::civil::DateTime;

use crate::access::Who;
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, BookingId, BusinessId, ClientId, MasterId, ServiceId, UserId};
use crate::language::Language;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::service::ServiceName;
use crate::zone::Zone;

/// Who did something to a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Whom the visit is for.
    Client,
    /// Somebody of the staff, or the operator.
    User(UserId),
    /// A program of the business.
    ApiKey(ApiKeyId),
    /// The passing of time.
    System,
}

impl From<Who> for Actor {
    fn from(who: Who) -> Self {
        match who {
            Who::User { id, .. } => Self::User(id),
            Who::Client(_) => Self::Client,
            Who::ApiKey(id) => Self::ApiKey(id),
            Who::System => Self::System,
        }
    }
}

/// A visit.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Booking {
    /// The row.
    pub id: BookingId,
    /// The tenant.
    pub business_id: BusinessId,
    /// Whom it is for; none is a walk-in nobody wrote down.
    pub client_id: Option<ClientId>,
    /// Their name, as given for this visit.
    pub client_name: Option<Name>,
    /// Their number.
    pub client_phone: Option<Phone>,
    /// Where it is in its life.
    pub state: BookingState,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// When it begins, on the clock on the wall of [`zone`](Self::zone): what the client was promised.
    pub wall_start: DateTime,
    /// The zone of that clock.
    pub zone: Zone,
    /// The price in tiyn.
    pub price_tiyn: i64,
    /// What the client is written to in.
    pub language: Language,
    /// What was added in words.
    pub notes: Notes,
    /// Its parts, in order.
    pub segments: Vec<Segment>,
    /// When its client said that they will come.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was booked.
    pub created_at: Timestamp,
}

impl Booking {
    /// What is done, in its order, with commas; each service by its name in a language, if it has one.
    #[must_use]
    pub fn services(&self, language: Language) -> String {
        joined(self.segments.iter().map(|segment| segment.service.in_language(language)))
    }

    /// Who serves, each once, with commas.
    #[must_use]
    pub fn masters(&self) -> String {
        let is_first = |(place, segment): &(usize, &Segment)| {
            self.segments.iter().take(*place).all(|earlier| earlier.master != segment.master)
        };
        joined(self.segments.iter().enumerate().filter(is_first).map(|(_, segment)| &segment.master))
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name.as_str());
    }
    text
}

/// A part of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// What.
    pub service_id: ServiceId,
    /// What it is called.
    pub service: Arc<ServiceName>,
    /// By whom.
    pub master_id: MasterId,
    /// Their name.
    pub master: Name,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Until when the service lets its client cancel or move the visit.
    pub windows: Windows,
}
