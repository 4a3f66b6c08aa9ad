//! Changing a visit's state: by the staff, by its client, by time.

use db::Connection;
use serde_json::json;

use crate::access::{Access, Origin};
use crate::audit;
use crate::availability::Slot;
use crate::booking::messages::{self, News};
use crate::booking::transition::{self, Remark, Step};
use crate::booking::{Action, Actor, Booking, BookingState, read};
use crate::business::{self, Business};
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId};
use crate::name::Notes;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::schema::NO_OVERLAP;
use crate::slots;
use crate::store::{StoreError, from_store};
use crate::text::Event;

/// By whose authority a visit is changed.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Somebody of the staff, or a program of theirs.
    Staff(&'a Access),
    /// Its client, within the windows; who they are was checked.
    Client {
        /// The business.
        business_id: BusinessId,
        /// Who and from where.
        origin: &'a Origin,
    },
    /// The passing of time.
    Time {
        /// The business.
        business_id: BusinessId,
        /// The program.
        origin: &'a Origin,
    },
}

impl<'a> By<'a> {
    /// The business.
    #[must_use]
    pub const fn business_id(self) -> BusinessId {
        match self {
            Self::Staff(access) => access.business_id,
            Self::Client { business_id, .. } | Self::Time { business_id, .. } => business_id,
        }
    }

    pub(super) const fn origin(self) -> &'a Origin {
        match self {
            Self::Staff(access) => &access.origin,
            Self::Client { origin, .. } | Self::Time { origin, .. } => origin,
        }
    }

    pub(super) fn actor(self) -> Actor {
        match self {
            Self::Staff(access) => access.origin.who.into(),
            Self::Client { .. } => Actor::Client,
            Self::Time { .. } => Actor::System,
        }
    }

    /// Whether the visit is there for them: one of their business that has a part by a master whose calendar they see.
    #[must_use]
    pub fn sees(self, booking: &Booking) -> bool {
        match self {
            Self::Staff(access) => booking.segments.iter().any(|segment| access.sees_master(segment.master_id)),
            Self::Client { .. } | Self::Time { .. } => true,
        }
    }

    /// Whether they may go on when the time for it is over, if they mean to.
    pub(super) const fn may_be_late(self) -> bool {
        match self {
            Self::Staff(access) => access.runs_business(),
            Self::Client { .. } => false,
            Self::Time { .. } => true,
        }
    }
}

/// What is done to a visit.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What.
    pub action: Action,
    /// Why, for the staff.
    pub reason: Option<&'a Notes>,
    /// The version it was seen in; none takes it as it is.
    pub version: Option<i64>,
    /// Also when the time for it is over: for those who run the business, on purpose. It is logged.
    pub late: bool,
}

impl Change<'_> {
    /// An action on the visit as it is, without more ado.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        Change { action, reason: None, version: None, late: false }
    }
}

/// Why a visit could not be changed. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The business has no such visit.
    #[error("the business has no such booking")]
    NotFound,
    /// Its state does not allow it.
    #[error("the booking is {state}: {action} is not possible")]
    NotPossible {
        /// Its state.
        state: BookingState,
        /// What was to be done.
        action: Action,
    },
    /// A visit that has not begun is neither over nor missed.
    #[error("the visit has not begun")]
    TooEarly {
        /// When it begins.
        starts_at: Timestamp,
    },
    /// It is too near.
    #[error("the time for this change is over")]
    TooLate {
        /// Until when it was possible.
        until: Timestamp,
        /// So many hours before the visit.
        hours: u32,
        /// Whom to call.
        phone: Phone,
    },
    /// They may not go on when the time for it is over.
    #[error("they may not be late")]
    NotAllowed,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed the booking")]
    Stale {
        /// How it is now.
        current: Box<Booking>,
    },
    /// Its time was given to somebody else meanwhile.
    #[error("the time is taken")]
    SlotTaken {
        /// The nearest free times.
        nearest: Vec<Slot>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ChangeError);

/// Changes a visit's state, its messages with it, and tells the dispatcher.
///
/// # Errors
///
/// [`ChangeError`].
pub async fn change(
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    change: &Change<'_>,
) -> Result<Booking, ChangeError> {
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let changed = match in_transaction(&mut tx, platform, by, booking_id, change, now).await {
        Ok(changed) => changed,
        Err(Refused::Error(error)) => return Err(error),
        Err(Refused::Stale) => {
            drop(tx);
            let current = read::find(&mut platform.db.read().await?, by.business_id(), booking_id).await?;
            return Err(
                current.map_or(ChangeError::NotFound, |current| ChangeError::Stale { current: Box::new(current) })
            );
        }
        Err(Refused::Taken { business, booking }) => {
            drop(tx);
            return Err(ChangeError::SlotTaken { nearest: nearest(platform, &business, &booking).await? });
        }
    };
    tx.commit().await?;
    platform.outbox.ring();
    tracing::info!(
        business.id = %changed.business_id, booking.id = %booking_id, state = %changed.state,
        "changed visit {booking_id}"
    );
    Ok(changed)
}

/// Why a change stops inside its transaction.
enum Refused {
    Error(ChangeError),
    Stale,
    Taken { business: Box<Business>, booking: Box<Booking> },
}

impl<E: Into<ChangeError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

async fn in_transaction(
    connection: &mut Connection,
    platform: &Platform,
    by: By<'_>,
    booking_id: BookingId,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<Booking, Refused> {
    let found = read::find(connection, by.business_id(), booking_id).await?;
    let mut booking = found.filter(|booking| by.sees(booking)).ok_or(ChangeError::NotFound)?;
    if change.version.is_some_and(|version| version != booking.version) {
        return Err(ChangeError::Stale { current: Box::new(booking) }.into());
    }
    let business = business::by_id(connection, by.business_id()).await?.ok_or(ChangeError::NotFound)?;
    let before = match change.action {
        Action::Reopen => transition::state_before(connection, &booking).await?,
        Action::Confirm | Action::Arrive | Action::Complete | Action::NoShow | Action::Cancel | Action::Expire => None,
    };
    let not_possible = ChangeError::NotPossible { state: booking.state, action: change.action };
    let to = booking.state.after(change.action, before).ok_or(not_possible)?;
    let remark = check_time(platform, &business, by, &booking, change, now)?;
    let reason = change.reason.map(Notes::as_str).filter(|reason| !reason.is_empty());
    let step = Step { to, actor: by.actor(), reason, remark, moved_from: None };
    let from = booking.state;
    // What somebody takes back after its time is theirs to end: time would do at once what they have just undone.
    let due_at = booking.due_at(to, &business.settings.visits);
    let due_at = due_at.filter(|due| change.action != Action::Reopen || *due > now);
    let applied = transition::apply(connection, &mut booking, &step, due_at, now).await;
    match applied {
        Ok(true) => {}
        Ok(false) => return Err(Refused::Stale),
        Err(error) if error.constraint() == Some(NO_OVERLAP) => {
            return Err(Refused::Taken { business: Box::new(business), booking: Box::new(booking) });
        }
        Err(error) => return Err(error.into()),
    }
    messages::replan(connection, platform, &business, &booking, news(change.action, by), now).await?;
    let entry = audit::Change {
        entity: "booking",
        entity_id: booking.id.get(),
        action: change.action.as_str(),
        old: Some(json!({ "state": from.as_str() })),
        new: Some(json!({ "state": to.as_str(), "remark": remark.map(Remark::as_str) })),
    };
    audit::record(connection, Some(booking.business_id), by.origin(), &entry, now).await?;
    Ok(booking)
}

/// What the client has to be told.
fn news(action: Action, by: By<'_>) -> Option<News> {
    match (action, by) {
        (Action::Confirm, _) => Some(Event::Confirmation.into()),
        (Action::Cancel, By::Client { .. }) => Some(Event::CancelledByClient.into()),
        (Action::Cancel, By::Staff(_) | By::Time { .. }) => Some(Event::CancelledBySalon.into()),
        (Action::Expire, _) => Some(Event::Expired.into()),
        (Action::Arrive | Action::Complete | Action::NoShow | Action::Reopen, _) => None,
    }
}

fn check_time(
    platform: &Platform,
    business: &Business,
    by: By<'_>,
    booking: &Booking,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<Option<Remark>, ChangeError> {
    match change.action {
        Action::Cancel => {
            let deadline = booking.cancel_deadline(business, &platform.policy);
            if now <= deadline.until {
                return Ok(None);
            }
            if !change.late {
                let (until, hours) = (deadline.until, deadline.hours);
                return Err(ChangeError::TooLate { until, hours, phone: business.phone.clone() });
            }
            if by.may_be_late() { Ok(Some(Remark::Late)) } else { Err(ChangeError::NotAllowed) }
        }
        Action::Complete | Action::NoShow if now < booking.starts_at => {
            Err(ChangeError::TooEarly { starts_at: booking.starts_at })
        }
        Action::Confirm | Action::Arrive | Action::Complete | Action::NoShow | Action::Expire | Action::Reopen => {
            Ok(None)
        }
    }
}

/// The free times nearest to a visit's own, for the same services by the same masters; none when they are no longer
/// offered.
async fn nearest(platform: &Platform, business: &Business, booking: &Booking) -> Result<Vec<Slot>, ChangeError> {
    let mut connection = platform.db.read().await?;
    match slots::nearest(&mut connection, platform, business, &booking.parts(), booking.starts_at, None).await {
        Ok(nearest) => Ok(nearest),
        Err(slots::OfferError::Store(error)) => Err(error.into()),
        Err(_) => Ok(Vec::new()),
    }
}
