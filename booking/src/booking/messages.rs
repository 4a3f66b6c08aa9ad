//! What a visit's client is written, and when.

use db::Connection;
use jiff::Span;

use crate::booking::{Actor, Booking};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{AccountId, BusinessId};
use crate::outbox::{self, MessageKind, NewMessage};
use crate::platform::Platform;
use crate::quiet::QuietHours;
use crate::store::StoreError;
use crate::text::{Event, VisitText};

/// How long after it was decided a cancellation is still worth sending, also when the visit's time is over by then.
const CANCELLATION_SECONDS: i64 = 3_600;

/// A message with its text and times, before it has a row.
pub(super) struct Planned {
    pub(super) kind: MessageKind,
    pub(super) key: String,
    pub(super) text: String,
    pub(super) due_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// The confirmation, now, and the reminders that are still to come.
pub(super) fn of_new(platform: &Platform, business: &Business, booking: &Booking, now: Timestamp) -> Vec<Planned> {
    let (texts, language, version) = (&platform.texts, booking.language, booking.version);
    let words = Words::of(booking);
    let mut planned = vec![Planned {
        kind: MessageKind::Confirmation,
        key: format!("v{version}:confirmation"),
        text: texts.visit(
            Event::Confirmation,
            language,
            &business.wording,
            &words.at(platform, business, booking, now),
        ),
        due_at: now,
        expires_at: booking.starts_at,
    }];
    let quiet = QuietHours::of(&business.settings.messages, &platform.policy);
    for hours in &platform.policy.reminder_hours {
        let due_at = quiet.reminder(&booking.zone, reminder_time(booking, *hours), booking.starts_at);
        if due_at <= now {
            continue;
        }
        planned.push(Planned {
            kind: MessageKind::Reminder,
            key: format!("v{version}:reminder:{hours}"),
            text: texts.visit(
                Event::Reminder,
                language,
                &business.wording,
                &words.at(platform, business, booking, due_at),
            ),
            due_at,
            expires_at: booking.starts_at,
        });
    }
    planned
}

/// The word that the visit is off.
pub(super) fn of_cancelled(
    platform: &Platform,
    business: &Business,
    booking: &Booking,
    by: Actor,
    now: Timestamp,
) -> Planned {
    let words = Words::of(booking);
    let event = match by {
        Actor::Client => Event::CancelledByClient,
        Actor::User(_) | Actor::System => Event::CancelledBySalon,
    };
    let visit = words.at(platform, business, booking, now);
    Planned {
        kind: MessageKind::Cancellation,
        key: format!("v{}:cancellation", booking.version),
        text: platform.texts.visit(event, booking.language, &business.wording, &visit),
        due_at: now,
        expires_at: booking.ends_at.max(now.plus(CANCELLATION_SECONDS)),
    }
}

/// Whole days before a visit are counted on the clock on the wall, so that the reminder of a visit at 10 goes out at 10, also when
/// the clocks change in between; the hours that remain are hours that pass.
fn reminder_time(booking: &Booking, hours: u32) -> Timestamp {
    let (days, hours) = (i64::from(hours / 24), i64::from(hours % 24));
    let at = if days == 0 {
        booking.starts_at
    } else {
        booking.zone.nearest_instant(booking.wall_start.saturating_sub(Span::new().days(days)))
    };
    at.plus(-hours * 3_600)
}

/// The account that writes for a business.
pub(super) async fn account(
    connection: &mut Connection,
    business_id: BusinessId,
) -> Result<Option<AccountId>, StoreError> {
    let row =
        db::fetch_optional!(connection, (AccountId,), "select id from accounts where business_id = $1", business_id,)?;
    Ok(row.map(|(id,)| id))
}

/// Plans messages of a visit; a client without a phone gets none.
pub(super) async fn plan(
    connection: &mut Connection,
    platform: &Platform,
    booking: &Booking,
    account_id: Option<AccountId>,
    planned: &[Planned],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(phone) = &booking.client_phone else { return Ok(()) };
    for message in planned {
        let new = NewMessage {
            business_id: booking.business_id,
            account_id,
            booking_id: Some(booking.id),
            kind: message.kind,
            dedup_key: &message.key,
            phone,
            text: &message.text,
            language: booking.language,
            due_at: message.due_at,
            expires_at: message.expires_at,
        };
        outbox::plan(connection, &new, &platform.entropy, now).await?;
    }
    Ok(())
}

/// The visit's services and masters, as a sentence has them.
struct Words {
    service: String,
    master: String,
}

impl Words {
    fn of(booking: &Booking) -> Self {
        let services: Vec<&str> = booking.segments.iter().map(|segment| segment.service.as_str()).collect();
        let mut masters: Vec<&str> = Vec::new();
        for segment in &booking.segments {
            if !masters.contains(&segment.master.as_str()) {
                masters.push(segment.master.as_str());
            }
        }
        Self { service: services.join(", "), master: masters.join(", ") }
    }

    fn at<'a>(
        &'a self,
        platform: &Platform,
        business: &'a Business,
        booking: &'a Booking,
        sent_at: Timestamp,
    ) -> VisitText<'a> {
        VisitText {
            business: business.name.as_str(),
            address: business.address.as_deref(),
            client: booking.client_name.as_str(),
            service: &self.service,
            master: &self.master,
            price_tiyn: booking.price_tiyn,
            start: booking.wall_start,
            moved_from: None,
            today: booking.zone.date(sent_at),
            cancellation_hours: platform.policy.cancellation_hours,
            link: None,
        }
    }
}
