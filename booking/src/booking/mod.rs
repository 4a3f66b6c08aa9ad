//! Visits: booking them, cancelling them, listing them.
//!
//! ```text
//!  held ──► pending ──► confirmed ──► arrived ──► completed
//!    │         │            │  └────────────────► no_show
//!    └ expired └────────────┴──► cancelled
//! ```
//!
//! A visit has one or more segments: a service by a master, each with its own time. While the visit is live, its
//! segments hold their masters, and the database refuses any other that overlaps. Each change of state is a
//! compare-and-set on the version, and leaves a row in `booking_transitions` that nothing changes.

mod asked;
mod batch;
mod cancel;
mod create;
mod messages;
mod read;
mod transition;
mod write;
mod writer;

pub(crate) use asked::Asked;
pub use cancel::{CancelError, Cancellation, cancel};
pub use create::{CreateError, NewBooking, Source, create};
pub use read::{Filter, MOST_ROWS, find, list};
pub use transition::{Transition, transitions};
pub(crate) use writer::Writer;

use jiff::civil::DateTime;

use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, ClientId, MasterId, ServiceId, UserId};
use crate::language::Language;
use crate::name::{Name, Notes};
use crate::phone::Phone;
use crate::store::text_enum;
use crate::zone::Zone;

text_enum! {
    /// Where a visit is in its life.
    BookingState {
        /// Kept free while somebody fills in a form.
        Held = "held",
        /// Waits for the staff's word.
        Pending = "pending",
        /// Agreed.
        Confirmed = "confirmed",
        /// The client is there.
        Arrived = "arrived",
        /// Done.
        Completed = "completed",
        /// Called off.
        Cancelled = "cancelled",
        /// The client did not come.
        NoShow = "no_show",
        /// Held or pending for too long.
        Expired = "expired",
    }
}

impl BookingState {
    /// Whether a visit in this state holds its masters' time.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Held | Self::Pending | Self::Confirmed | Self::Arrived | Self::Completed => true,
            Self::Cancelled | Self::NoShow | Self::Expired => false,
        }
    }

    /// Whether a visit in this state can be called off.
    #[must_use]
    pub const fn is_cancellable(self) -> bool {
        match self {
            Self::Held | Self::Pending | Self::Confirmed => true,
            Self::Arrived | Self::Completed | Self::Cancelled | Self::NoShow | Self::Expired => false,
        }
    }
}

/// Who did something to a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Whom the visit is for.
    Client,
    /// Somebody of the staff, or the operator.
    User(UserId),
    /// The passing of time.
    System,
}

/// A visit.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Booking {
    /// The row.
    pub id: BookingId,
    /// The tenant.
    pub business_id: BusinessId,
    /// Whom it is for.
    pub client_id: ClientId,
    /// Their name, as given for this visit.
    pub client_name: Name,
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
    /// When it was booked.
    pub created_at: Timestamp,
}

/// A part of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// What.
    pub service_id: ServiceId,
    /// Its name.
    pub service: Name,
    /// By whom.
    pub master_id: MasterId,
    /// Their name.
    pub master: Name,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}
