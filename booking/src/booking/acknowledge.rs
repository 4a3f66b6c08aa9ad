//! A client says that they will come.

use db::Connection;
use serde_json::json;

use crate::access::Origin;
use crate::audit;
use crate::booking::change::{By, ChangeError};
use crate::booking::{Action, Booking, read};
use crate::clock::Timestamp;
use crate::id::BookingId;
use crate::platform::Platform;
use crate::store::StoreError;

/// Notes that the client of a visit to come said so. Saying it twice is once, and the staff's word is still the
/// staff's.
///
/// # Errors
///
/// [`ChangeError`].
pub async fn acknowledge(platform: &Platform, by: By<'_>, booking_id: BookingId) -> Result<Booking, ChangeError> {
    let now = platform.clock.now();
    let mut tx = platform.db.begin().await?;
    let found = read::find(&mut tx, by.business_id(), booking_id).await?;
    let mut booking = found.filter(|booking| by.sees(booking)).ok_or(ChangeError::NotFound)?;
    if !booking.state.is_ahead() {
        return Err(ChangeError::NotPossible { state: booking.state, action: Action::Confirm });
    }
    if booking.acknowledged_at.is_some() {
        return Ok(booking);
    }
    note(&mut tx, &booking, by.origin(), None, now).await?;
    tx.commit().await?;
    booking.acknowledged_at = Some(now);
    Ok(booking)
}

/// Writes it down, with the message that says so if it was said in the chat.
pub(crate) async fn note(
    connection: &mut Connection,
    booking: &Booking,
    origin: &Origin,
    wa_message_id: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let noted = db::execute!(
        connection,
        "update bookings set acknowledged_at = $3 where business_id = $1 and id = $2 and acknowledged_at is null",
        booking.business_id,
        booking.id,
        now,
    )?;
    if noted == 0 {
        return Ok(());
    }
    let entry = audit::Change {
        entity: "booking",
        entity_id: booking.id.get(),
        action: "acknowledge",
        old: None,
        new: Some(json!({ "acknowledged_at": now, "message": wa_message_id })),
    };
    audit::record(connection, Some(booking.business_id), origin, &entry, now).await
}
