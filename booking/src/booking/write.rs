//! A new visit with all that belongs to it, ready to be written.
//!
//! Everything is decided and worded before it goes to the [`Writer`](super::writer::Writer), for which others wait. What
//! was not read for the decision goes along as [`Assumed`], and the statement that writes the visit checks it.

use crate::booking::messages::Planned;
use crate::booking::{Booking, NewBooking, Source};
use crate::client;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BookingId, ClientId, MasterId, ServiceId, UserId};
use crate::language::Language;
use crate::outbox;
use crate::phone::Phone;
use crate::slots::Visit;

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the database, durable.
    Booked {
        /// Its number.
        id: BookingId,
        /// Its client's.
        client_id: ClientId,
    },
    /// A master is taken; nothing was written.
    Taken,
    /// What it assumed is not so; nothing was written. Read it, and decide again.
    Moved,
}

/// What a draft takes for granted instead of having read it for this visit. Nothing, by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Assumed {
    /// The business, its offers and its hours are as they were at this revision.
    pub(super) revision: Option<i64>,
    /// Nothing is known of the client, but that they are like any other.
    pub(super) client: Option<AnyClient>,
}

/// A client that needs no look-up: new, or one that is neither blocked nor merged, may be written to, and has chosen no
/// other language than this, if one matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyClient {
    pub(super) language: Option<Language>,
}

/// A visit to be, with its messages.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) booking: Booking,
    pub(super) phone: Phone,
    /// What the client wants to be written to in from now on.
    pub(super) chosen: Option<Language>,
    /// The client's name as searches read it.
    pub(super) search: String,
    pub(super) origin: Origin,
    pub(super) segments: Vec<SegmentRow>,
    pub(super) messages: Vec<MessageRow>,
    /// Whether the client does not want the messages: they are kept, cancelled.
    pub(super) is_stopped: bool,
    pub(super) assumed: Assumed,
}

/// Who books, as columns.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) source: &'static str,
    pub(super) actor: &'static str,
    pub(super) user_id: Option<UserId>,
    pub(super) overbooked: bool,
}

/// A segment's columns.
#[derive(Debug)]
pub(super) struct SegmentRow {
    pub(super) position: i64,
    pub(super) service_id: ServiceId,
    pub(super) master_id: MasterId,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) busy_from: Timestamp,
    pub(super) busy_to: Timestamp,
    pub(super) price_tiyn: i64,
}

/// A message's columns.
pub(super) struct MessageRow {
    pub(super) kind: &'static str,
    pub(super) dedup_key: String,
    pub(super) wa_message_id: String,
    pub(super) text: String,
    pub(super) due_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Draft {
    /// Without messages, and resting on nothing but what was read.
    pub(super) fn new(booking: Booking, new: &NewBooking<'_>, visit: &Visit) -> Self {
        Self {
            segments: segments(&booking, visit),
            search: client::key(booking.client_name.as_str()),
            messages: Vec::new(),
            is_stopped: false,
            booking,
            phone: new.client_phone.clone(),
            chosen: new.language,
            origin: new.source.into(),
            assumed: Assumed::default(),
        }
    }

    pub(super) fn assuming(self, assumed: Assumed) -> Self {
        Self { assumed, ..self }
    }

    /// With these messages, whose ids are chosen here.
    pub(super) fn with_messages(self, planned: Vec<Planned>, is_stopped: bool, entropy: &Entropy) -> Self {
        let messages = planned.into_iter().map(|planned| MessageRow::new(planned, entropy)).collect();
        Self { messages, is_stopped, ..self }
    }
}

impl From<Source> for Origin {
    fn from(source: Source) -> Self {
        match source {
            Source::Public => Self { source: "public", actor: "client", user_id: None, overbooked: false },
            Source::Staff { user_id, overbook } => {
                Self { source: "staff", actor: "user", user_id: Some(user_id), overbooked: overbook }
            }
        }
    }
}

impl MessageRow {
    fn new(planned: Planned, entropy: &Entropy) -> Self {
        Self {
            kind: planned.kind.as_str(),
            dedup_key: planned.key,
            wa_message_id: outbox::fresh_wa_message_id(entropy),
            text: planned.text,
            due_at: planned.due_at,
            expires_at: planned.expires_at,
        }
    }
}

/// Shows neither the text nor the id.
impl std::fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageRow").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn segments(booking: &Booking, visit: &Visit) -> Vec<SegmentRow> {
    (0..)
        .zip(&booking.segments)
        .zip(&visit.legs)
        .map(|((position, segment), leg)| SegmentRow {
            position,
            service_id: segment.service_id,
            master_id: segment.master_id,
            starts_at: segment.starts_at,
            ends_at: segment.ends_at,
            busy_from: segment.starts_at.plus(-i64::from(leg.length.buffer_before) * 60),
            busy_to: segment.ends_at.plus(i64::from(leg.length.buffer_after) * 60),
            price_tiyn: leg.offer.as_ref().map_or(0, |offer| offer.price_tiyn),
        })
        .collect()
}
