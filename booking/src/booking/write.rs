//! The rows of a new visit, written by one statement.
//!
//! Each trip to the database costs more than the rows it writes: on SQLite a change of threads while everybody else who
//! writes waits, on PostgreSQL the network. This is the only place where the two engines have different texts for the
//! same work: PostgreSQL takes one statement with several `with` parts, SQLite several statements with one set of
//! parameters.

use db::Tx;
use serde::Serialize;

use crate::booking::messages::Planned;
use crate::booking::{Booking, NewBooking, Source};
use crate::client;
use crate::clock::Timestamp;
use crate::consent::OPTED_OUT;
use crate::entropy::Entropy;
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;
use crate::outbox;
use crate::phone::Phone;
use crate::schema::NO_OVERLAP;
use crate::slots::Visit;
use crate::store::StoreError;

/// Parameters: $1 business, $2 phone, $3 name, $4 chosen language, $5 now, $6 state, $7 start, $8 end, $9 wall clock,
/// $10 zone, $11 price, $12 language, $13 notes, $14 source, $15 actor, $16 user, $17 reason, $18 segments, $19 messages,
/// $20 name for searches, $21 messages' state, $22 their error.
///
/// Of several statements with one set of parameters the last one answers. Ids grow, so the highest is the new one: the
/// transaction has the database to itself.
const SQLITE: &str = "
insert into clients (business_id, phone, name, search, language, created_at, updated_at)
    values ($1, $2, $3, $20, $4, $5, $5)
    on conflict (business_id, phone) do update
        set language = coalesce(excluded.language, clients.language), updated_at = excluded.updated_at;
insert into bookings (business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start, time_zone,
        price_tiyn, language, notes, source, created_at)
    select $1, coalesce(merged_into, id), $3, $6, 1, $7, $8, $9, $10, $11, $12, $13, $14, $5
    from clients where business_id = $1 and phone = $2;
insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at, busy_from,
        busy_to, price_tiyn, live, overbooked)
    select $1, (select max(id) from bookings), value ->> 'position', value ->> 'service_id', value ->> 'master_id',
        value ->> 'starts_at', value ->> 'ends_at', value ->> 'busy_from', value ->> 'busy_to', value ->> 'price_tiyn',
        true, value ->> 'overbooked'
    from json_each($18) order by key;
insert into booking_transitions (business_id, booking_id, version, to_state, actor, actor_user_id, reason, at)
    values ($1, (select max(id) from bookings), 1, $6, $15, $16, $17, $5);
insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language, state,
        error, due_at, next_at, expires_at, created_at)
    select $1, (select id from accounts where business_id = $1), (select max(id) from bookings), value ->> 'kind',
        value ->> 'dedup_key', value ->> 'wa_message_id', $2, value ->> 'text', $12, $21, $22, value ->> 'due_at',
        value ->> 'due_at', value ->> 'expires_at', $5
    from json_each($19);
select id, client_id, 0 from bookings where id = (select max(id) from bookings)";

/// Parameters as in [`SQLITE`]. A segment that the constraint excludes is passed over, and missing in the count, which
/// then undoes the whole: of two visits that exclude each other one waits for the other that way, where an insert that
/// fails would deadlock.
const POSTGRES: &str = "
with client as (
    insert into clients (business_id, phone, name, search, language, created_at, updated_at)
    values ($1, $2, $3, $20, $4, $5, $5)
    on conflict (business_id, phone) do update
        set language = coalesce(excluded.language, clients.language), updated_at = excluded.updated_at
    returning coalesce(merged_into, id) as id
), booking as (
    insert into bookings (business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
        time_zone, price_tiyn, language, notes, source, created_at)
    select $1, id, $3, $6, 1, $7, $8, $9, $10, $11, $12, $13, $14, $5 from client
    returning id, client_id
), segment as (
    insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
        busy_from, busy_to, price_tiyn, live, overbooked)
    select $1, booking.id, part.position, service_id, master_id, starts_at, ends_at, busy_from, busy_to, price_tiyn,
        true, overbooked
    from booking, jsonb_to_recordset($18::jsonb) as part (position bigint, service_id bigint, master_id bigint,
        starts_at bigint, ends_at bigint, busy_from bigint, busy_to bigint, price_tiyn bigint, overbooked boolean)
    on conflict do nothing returning id
), transition as (
    insert into booking_transitions (business_id, booking_id, version, to_state, actor, actor_user_id, reason, at)
    select $1, id, 1, $6, $15, $16, $17, $5 from booking
), message as (
    insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language,
        state, error, due_at, next_at, expires_at, created_at)
    select $1, (select id from accounts where business_id = $1), booking.id, kind, dedup_key, wa_message_id, $2, text,
        $12, $21, $22, due_at, due_at, expires_at, $5
    from booking, jsonb_to_recordset($19::jsonb) as message (kind text, dedup_key text, wa_message_id text, text text,
        due_at bigint, expires_at bigint)
)
select id, client_id,
    case when (select count(*) from segment) = jsonb_array_length($18::jsonb) then 0 else booking_segments_taken() end
from booking";

/// Who books, as columns.
struct Origin {
    source: &'static str,
    actor: &'static str,
    user_id: Option<UserId>,
    overbooked: bool,
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

/// A segment, as the statements read it.
#[derive(Serialize)]
struct SegmentRow {
    position: i64,
    service_id: i64,
    master_id: i64,
    starts_at: Timestamp,
    ends_at: Timestamp,
    busy_from: Timestamp,
    busy_to: Timestamp,
    price_tiyn: i64,
    overbooked: bool,
}

/// A message, as the statements read it.
#[derive(Serialize)]
struct MessageRow<'a> {
    kind: &'static str,
    dedup_key: &'a str,
    wa_message_id: String,
    text: &'a str,
    due_at: Timestamp,
    expires_at: Timestamp,
}

/// A visit with all that belongs to it, ready to be written: made before the transaction, which others wait for.
pub(super) struct Draft<'a> {
    booking: &'a Booking,
    phone: &'a Phone,
    chosen: Option<Language>,
    origin: Origin,
    segments: String,
    messages: String,
    search: String,
    is_stopped: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        booking: &'a Booking,
        new: &NewBooking<'a>,
        is_stopped: bool,
        visit: &Visit,
        planned: &[Planned],
        entropy: &Entropy,
    ) -> Self {
        let origin = Origin::from(new.source);
        Self {
            segments: json(&segments(booking, visit, origin.overbooked)),
            messages: json(&messages(planned, entropy)),
            booking,
            phone: new.client_phone,
            chosen: new.language,
            origin,
            search: client::key(booking.client_name.as_str()),
            is_stopped,
        }
    }

    /// Writes it, as the only statement of `tx`; gives its number and its client's, or `None` when a master is taken:
    /// the transaction is to be dropped then.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<Option<(BookingId, ClientId)>, StoreError> {
        let booking = self.booking;
        let written = db::fetch_all!(
            tx,
            (BookingId, ClientId, i64),
            sqlite: SQLITE,
            postgres: POSTGRES,
            booking.business_id,
            self.phone.expose(),
            booking.client_name.as_str(),
            self.chosen.map(Language::as_str),
            booking.created_at,
            booking.state.as_str(),
            booking.starts_at,
            booking.ends_at,
            booking.wall_start.to_string(),
            booking.zone.name(),
            booking.price_tiyn,
            booking.language.as_str(),
            booking.notes.as_str(),
            self.origin.source,
            self.origin.actor,
            self.origin.user_id,
            self.origin.overbooked.then_some("overbooked"),
            self.segments.as_str(),
            self.messages.as_str(),
            self.search.as_str(),
            if self.is_stopped { "cancelled" } else { "planned" },
            self.is_stopped.then_some(OPTED_OUT),
        );
        match written {
            Ok(rows) => {
                let row = rows.first().ok_or(StoreError::Row { table: "bookings", id: 0, rule: "it was written" })?;
                Ok(Some((row.0, row.1)))
            }
            Err(error) if error.is_constraint(NO_OVERLAP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// In the order of their masters, so that two visits that want the same ones never wait for each other in a circle.
fn segments(booking: &Booking, visit: &Visit, overbooked: bool) -> Vec<SegmentRow> {
    let mut rows: Vec<SegmentRow> = (0..)
        .zip(&booking.segments)
        .zip(&visit.legs)
        .map(|((position, segment), leg)| SegmentRow {
            position,
            service_id: segment.service_id.get(),
            master_id: segment.master_id.get(),
            starts_at: segment.starts_at,
            ends_at: segment.ends_at,
            busy_from: segment.starts_at.plus(-i64::from(leg.length.buffer_before) * 60),
            busy_to: segment.ends_at.plus(i64::from(leg.length.buffer_after) * 60),
            price_tiyn: leg.offer.as_ref().map_or(0, |offer| offer.price_tiyn),
            overbooked,
        })
        .collect();
    rows.sort_by_key(|row| row.master_id);
    rows
}

fn messages<'a>(planned: &'a [Planned], entropy: &Entropy) -> Vec<MessageRow<'a>> {
    let row = |message: &'a Planned| MessageRow {
        kind: message.kind.as_str(),
        dedup_key: &message.key,
        wa_message_id: outbox::fresh_wa_message_id(entropy),
        text: &message.text,
        due_at: message.due_at,
        expires_at: message.expires_at,
    };
    planned.iter().map(row).collect()
}

/// Rows of numbers and text always become JSON.
fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}
