//! A new visit with all that belongs to it, ready to be written.
//!
//! Everything is decided and worded before it goes to the [`Writer`](super::writer::Writer), for which others wait. What
//! was not read for the decision goes along as [`Assumed`], and the statement that writes the visit checks it.
//!
//! A new visit is: its client, if the number is new; the visit; its segments, which the constraint guards; its messages,
//! and the link that they hold; and a row of the audit log.

use serde_json::json;

use crate::access::{self, Who};
use crate::booking::messages::Planned;
use crate::booking::transition::Remark;
use crate::booking::{Actor, Booking, Segment, Source};
use crate::client;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BookingId, ClientId, MasterId, ServiceId, UserId};
use crate::language::Language;
use crate::link::{self, LinkToken};
use crate::name::Name;
use crate::outbox;
use crate::phone::Phone;
use crate::slots::Visit;

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the database, durable.
    Booked {
        /// Its number.
        id: BookingId,
        /// Its client's, if it has one.
        client_id: Option<ClientId>,
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

/// A client that needs no look-up: new, or one that is neither blocked nor merged, may be written to, has chosen no
/// other language than this, if one matters, and has fewer visits to come than they may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyClient {
    pub(super) language: Option<Language>,
    pub(super) most_active: u32,
}

/// A visit to be, with its messages. `booking` has the client who is known by number, and the phone, if there are any.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) booking: Booking,
    /// What the client wants to be written to in from now on.
    pub(super) chosen: Option<Language>,
    /// What stands in for a choice, if the client is new and chose nothing.
    pub(super) guessed: Option<Language>,
    /// The client's name as searches read it.
    pub(super) search: Option<String>,
    pub(super) origin: Origin,
    pub(super) segments: Vec<SegmentRow>,
    pub(super) messages: Vec<MessageRow>,
    /// Whether the client does not want the messages: they are kept, cancelled.
    pub(super) is_stopped: bool,
    /// When time acts on the visit.
    pub(super) due_at: Option<Timestamp>,
    /// What is kept of the token that the messages hold, if they do.
    pub(super) link: Option<link::Kept>,
    /// What the audit log says of it.
    pub(super) audit: String,
    pub(super) assumed: Assumed,
}

/// Who books, as columns.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) source: &'static str,
    pub(super) actor: &'static str,
    pub(super) actor_id: Option<i64>,
    pub(super) remark: Option<Remark>,
    pub(super) impersonator: Option<UserId>,
    pub(super) address: Option<String>,
    pub(super) request_id: Option<String>,
}

/// A segment's columns.
#[derive(Debug)]
pub(crate) struct SegmentRow {
    pub(crate) position: i64,
    pub(crate) service_id: ServiceId,
    pub(crate) master_id: MasterId,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) busy_from: Timestamp,
    pub(crate) busy_to: Timestamp,
    pub(crate) price_tiyn: i64,
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
    pub(super) fn new(booking: Booking, source: Source<'_>, visit: &Visit) -> Self {
        let segments = segment_rows(&booking.segments, visit);
        let origin = Origin::from(source);
        let audit = audit(&booking, &segments, origin.remark);
        let search = booking.client_name.as_ref().map(|name| client::key(name.as_str()));
        Self {
            booking,
            chosen: None,
            guessed: None,
            search,
            origin,
            segments,
            messages: Vec::new(),
            is_stopped: false,
            due_at: None,
            link: None,
            audit,
            assumed: Assumed::default(),
        }
    }

    pub(super) fn assuming(self, assumed: Assumed) -> Self {
        Self { assumed, ..self }
    }

    /// With these messages, whose ids are chosen here, and the link in them.
    pub(super) fn with_messages(
        self,
        planned: Vec<Planned>,
        link: Option<&LinkToken>,
        is_stopped: bool,
        entropy: &Entropy,
    ) -> Self {
        let messages: Vec<_> = planned.into_iter().map(|planned| MessageRow::new(planned, entropy)).collect();
        let link = link.filter(|_| !messages.is_empty()).map(LinkToken::kept);
        Self { messages, is_stopped, link, ..self }
    }

    /// The number of a client who has to be written down, unless they are.
    pub(super) fn newcomer(&self) -> Option<&Phone> {
        self.booking.client_phone.as_ref().filter(|_| self.booking.client_id.is_none())
    }

    /// Whether the client agrees to messages about the visit by booking it on the public page. Who said before that they
    /// want none has to take that back first.
    pub(super) fn agrees(&self) -> bool {
        self.origin.source == "public" && self.booking.client_phone.is_some() && !self.is_stopped
    }

    /// The name for the row.
    pub(super) fn name(&self) -> Option<&str> {
        self.booking.client_name.as_ref().map(Name::as_str)
    }

    /// Whether it lies over others on purpose.
    pub(super) fn is_overbooked(&self) -> bool {
        self.origin.remark == Some(Remark::Overbooked)
    }
}

impl From<Source<'_>> for Origin {
    fn from(source: Source<'_>) -> Self {
        let access::Origin { who, address, request_id, ticket: _ } = source.origin();
        let (source, actor, remark) = match source {
            Source::Public { hold, .. } => ("public", Actor::Client, hold.map(|_| Remark::Held)),
            Source::Staff { overbook, .. } => ("staff", Actor::from(*who), overbook.then_some(Remark::Overbooked)),
        };
        let (actor, actor_id) = actor.columns();
        let impersonator = match who {
            Who::User { impersonator, .. } => *impersonator,
            Who::Client(_) | Who::ApiKey(_) | Who::System => None,
        };
        let address = address.map(|address| address.to_string());
        Self { source, actor, actor_id, remark, impersonator, address, request_id: request_id.clone() }
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

/// What the audit log says of a new visit.
fn audit(booking: &Booking, segments: &[SegmentRow], remark: Option<Remark>) -> String {
    json!({
        "state": booking.state.as_str(),
        "start": booking.wall_start.to_string(),
        "price_tiyn": booking.price_tiyn,
        "masters": segments.iter().map(|row| row.master_id).collect::<Vec<_>>(),
        "remark": remark.map(Remark::as_str),
    })
    .to_string()
}

/// The rows of a visit's parts.
pub(super) fn segment_rows(parts: &[Segment], visit: &Visit) -> Vec<SegmentRow> {
    (0..)
        .zip(parts)
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
