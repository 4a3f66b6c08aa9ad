//! Calling a visit off.

use crate::booking::transition;
use crate::booking::{Actor, Booking, BookingState, messages, read};
use crate::business;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId};
use crate::name::Notes;
use crate::outbox;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};

/// Who calls a visit off, and how.
#[derive(Debug, Clone)]
pub struct Cancellation<'a> {
    /// Who.
    pub actor: Actor,
    /// Why, for the staff.
    pub reason: Option<&'a Notes>,
    /// The version it was seen in; none takes it as it is.
    pub version: Option<i64>,
    /// Also when the time for it is over (`CANCELLATION_HOURS`): for staff, on purpose. It is logged.
    pub late: bool,
}

/// Why a visit could not be called off. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The business has no such visit.
    #[error("the business has no such booking")]
    NotFound,
    /// It was cancelled before, or is over.
    #[error("the booking is {state} and cannot be cancelled")]
    NotCancellable {
        /// Its state.
        state: BookingState,
    },
    /// It is too near.
    #[error("the booking can no longer be cancelled")]
    TooLate {
        /// Until when it could be.
        until: Timestamp,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed the booking")]
    Changed {
        /// How it is now.
        current: Box<Booking>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(CancelError);

/// Calls a visit off: its time is free again, its messages to come are taken back, and the client is told.
///
/// # Errors
///
/// [`CancelError`].
pub async fn cancel(
    platform: &Platform,
    business_id: BusinessId,
    booking_id: BookingId,
    cancellation: &Cancellation<'_>,
) -> Result<Booking, CancelError> {
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let mut booking = read::find(&mut tx, business_id, booking_id).await?.ok_or(CancelError::NotFound)?;
    check(platform, &booking, cancellation, now)?;
    let business = business::by_id(&mut tx, business_id).await?.ok_or(CancelError::NotFound)?;
    let until = deadline(platform, &booking);
    let reason = match (cancellation.reason.map(Notes::as_str), now > until) {
        (Some(reason), _) if !reason.is_empty() => Some(reason),
        (_, true) => Some("late"),
        (_, false) => None,
    };
    let moved =
        transition::apply(&mut tx, &mut booking, BookingState::Cancelled, cancellation.actor, reason, now).await?;
    if !moved {
        drop(tx);
        let current = read::find(&mut platform.db.read().await?, business_id, booking_id).await?;
        return Err(
            current.map_or(CancelError::NotFound, |current| CancelError::Changed { current: Box::new(current) })
        );
    }
    outbox::cancel_of_booking(&mut tx, business_id, booking_id).await?;
    let account_id = messages::account(&mut tx, business_id).await?;
    let planned = messages::of_cancelled(platform, &business, &booking, cancellation.actor, now);
    messages::plan(&mut tx, platform, &booking, account_id, &[planned], now).await?;
    tx.commit().await?;
    platform.outbox.ring();
    tracing::info!(
        business.id = %business_id, booking.id = %booking_id, late = now > until, "cancelled visit {booking_id}"
    );
    Ok(booking)
}

fn check(
    platform: &Platform,
    booking: &Booking,
    cancellation: &Cancellation<'_>,
    now: Timestamp,
) -> Result<(), CancelError> {
    if cancellation.version.is_some_and(|version| version != booking.version) {
        return Err(CancelError::Changed { current: Box::new(booking.clone()) });
    }
    if !booking.state.is_cancellable() {
        return Err(CancelError::NotCancellable { state: booking.state });
    }
    let until = deadline(platform, booking);
    if now > until && !cancellation.late {
        return Err(CancelError::TooLate { until });
    }
    Ok(())
}

fn deadline(platform: &Platform, booking: &Booking) -> Timestamp {
    booking.starts_at.plus(-i64::from(platform.policy.cancellation_hours) * 3_600)
}
