//! Bookings in answers: what the asker may see of them.

use booking::access::Access;
use booking::booking::{Actor, Booking, Remark, Segment, Transition};
use booking::clock::Timestamp;
use booking::id::ClientId;
use booking::outbox::MessageStatus;
use booking::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::slot::wall_text;
use crate::money;

/// A visit.
#[derive(Serialize, ToSchema)]
pub struct BookingOut {
    /// The booking.
    id: i64,
    /// Where it is in its life: pending, confirmed, arrived, completed, cancelled, `no_show` or expired.
    #[schema(example = "confirmed")]
    status: &'static str,
    /// Counts its changes, from 1.
    version: i64,
    /// The start on the salon's wall clock.
    #[schema(example = "2024-01-15T14:00:00")]
    booking_date: String,
    /// The start as an instant.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    starts_at: String,
    /// The end as an instant.
    #[schema(example = "2024-01-15T15:00:00+05:00")]
    ends_at: String,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
    /// Whom it is for; absent for somebody who came in and whom nobody wrote down.
    client_id: Option<i64>,
    /// What they are called in this visit.
    client_name: Option<String>,
    /// Their number in E.164 form; its last two digits for those who do not see numbers.
    client_phone: Option<String>,
    /// The names of those who serve, with commas.
    master_name: String,
    /// The price in tenge; absent for those who do not see money.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
    /// The price in tiyn, hundredths of a tenge; absent for those who do not see money.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_tiyn: Option<i64>,
    /// Always `KZT`.
    currency: &'static str,
    /// What the client is written to in.
    language: &'static str,
    /// What was added in words.
    notes: String,
    /// Its parts, in order.
    segments: Vec<SegmentOut>,
    /// When the client said that they will come, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_confirmed_at: Option<String>,
    /// When it was booked, in UTC.
    created_at: String,
}

/// A part of a visit: a service by a master.
#[derive(Serialize, ToSchema)]
pub struct SegmentOut {
    /// What.
    service_id: i64,
    /// Its name.
    service: String,
    /// By whom.
    master_id: i64,
    /// Their name.
    master: String,
    /// When it begins.
    starts_at: String,
    /// When it ends.
    ends_at: String,
}

/// A visit with its life so far and what its client was or will be written.
#[derive(Serialize, ToSchema)]
pub struct BookingDetailOut {
    #[serde(flatten)]
    pub(super) booking: BookingOut,
    /// Its steps, in order.
    pub(super) transitions: Vec<TransitionOut>,
    /// The messages, in the order of their times.
    pub(super) messages: Vec<MessageOut>,
}

/// A step in a visit's life.
#[derive(Serialize, ToSchema)]
pub struct TransitionOut {
    /// The version that it made.
    version: i64,
    /// The status before; absent when the visit was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    /// The status after.
    #[schema(example = "confirmed")]
    to: &'static str,
    /// Who did it: client, user, `api_key` or system.
    #[schema(example = "user")]
    actor: &'static str,
    /// Which user or key.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<i64>,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// overbooked, late, zone (its time changed) or held (a hold became the visit).
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'static str>,
    /// The start before a move, on the salon's wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<String>,
    /// The start after a move, on the salon's wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
    /// When, in UTC.
    at: String,
}

/// A message to a client.
#[derive(Serialize, ToSchema)]
pub struct MessageOut {
    /// The message.
    id: i64,
    /// request, confirmation, change, reminder, cancellation, expiry or direct.
    #[schema(example = "confirmation")]
    kind: &'static str,
    /// planned, sent (the server has it), delivered, read, failed, cancelled or expired.
    #[schema(example = "delivered")]
    status: &'static str,
    /// The WhatsApp message id, the same at every attempt.
    whatsapp_message_id: String,
    /// When it goes out or was to go out, in UTC.
    due_at: String,
    /// How often it was tried.
    attempts: i64,
    /// Why the last attempt failed, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// Why the last attempt failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When the server took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    /// When a device of the client had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// When the client saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<String>,
}

impl BookingOut {
    /// A booking as `access` sees it.
    pub(crate) fn new(booking: &Booking, access: &Access) -> Self {
        let price_tiyn = access.money(booking.price_tiyn);
        let masters: Vec<&str> = booking.segments.iter().map(|segment| segment.master.as_str()).collect();
        Self {
            id: booking.id.get(),
            status: booking.state.as_str(),
            version: booking.version,
            booking_date: wall_text(booking.wall_start),
            starts_at: booking.zone.rfc_3339(booking.starts_at),
            ends_at: booking.zone.rfc_3339(booking.ends_at),
            time_zone: booking.zone.name().to_owned(),
            client_id: booking.client_id.map(ClientId::get),
            client_name: booking.client_name.as_ref().map(|name| access.text(name.as_str())),
            client_phone: booking.client_phone.as_ref().map(|phone| access.phone(phone)),
            master_name: masters.join(", "),
            price: price_tiyn.map(money::tenge),
            price_tiyn,
            currency: money::CURRENCY,
            language: booking.language.as_str(),
            notes: access.text(booking.notes.as_str()),
            segments: booking.segments.iter().map(|segment| SegmentOut::new(segment, &booking.zone)).collect(),
            client_confirmed_at: booking.acknowledged_at.map(|at| at.to_string()),
            created_at: booking.created_at.to_string(),
        }
    }
}

impl SegmentOut {
    fn new(segment: &Segment, zone: &Zone) -> Self {
        Self {
            service_id: segment.service_id.get(),
            service: segment.service.shown().as_str().to_owned(),
            master_id: segment.master_id.get(),
            master: segment.master.as_str().to_owned(),
            starts_at: zone.rfc_3339(segment.starts_at),
            ends_at: zone.rfc_3339(segment.ends_at),
        }
    }
}

impl TransitionOut {
    pub(super) fn new(step: Transition, access: &Access) -> Self {
        let (actor, actor_id) = match step.actor {
            Actor::Client => ("client", None),
            Actor::User(id) => ("user", Some(id.get())),
            Actor::ApiKey(id) => ("api_key", Some(id.get())),
            Actor::System => ("system", None),
        };
        Self {
            version: step.version,
            from: step.from.map(booking::booking::BookingState::as_str),
            to: step.to.as_str(),
            actor,
            actor_id,
            reason: step.reason.map(|reason| access.text(&reason)),
            remark: step.remark.map(Remark::as_str),
            moved_from: step.moved.map(|(from, _)| wall_text(from)),
            moved_to: step.moved.map(|(_, to)| wall_text(to)),
            at: step.at.to_string(),
        }
    }
}

impl MessageOut {
    pub(super) fn new(message: MessageStatus, error: Option<String>) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: message.id.get(),
            kind: message.kind.as_str(),
            status: message.state.as_str(),
            whatsapp_message_id: message.wa_message_id,
            due_at: message.due_at.to_string(),
            attempts: message.attempts,
            error_code: message.error,
            error,
            sent_at: text(message.sent_at),
            delivered_at: text(message.delivered_at),
            read_at: text(message.read_at),
        }
    }
}
