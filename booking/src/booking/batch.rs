//! The rows of many new visits, written by one statement.
//!
//! Each trip to the database costs more than the rows it writes: on SQLite a change of threads while everybody else who
//! writes waits, on PostgreSQL the network, the planner's start and the disk at the end. So the visits of all who wait
//! go together. This is the only place where the two engines have different texts for the same work: PostgreSQL takes
//! arrays and one statement of several `with` parts, SQLite a script with as many rows of parameters as there are.

use std::fmt::Write as _;

use db::sqlx::{self, AssertSqlSafe, PgConnection, SqliteConnection};
use db::{Engine, Tx};

use crate::booking::transition::Remark;
use crate::booking::write::{Draft, MessageRow, Outcome, SegmentRow};
use crate::clock::Timestamp;
use crate::consent::{FORM_VERSION, OPTED_OUT};
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;
use crate::phone::Phone;
use crate::schema::NO_OVERLAP;
use crate::store::StoreError;

/// What SQLite refuses a visit with whose assumptions do not hold: there is no value for this column then.
const MOVED: &str = "bookings_version_not_null";

/// Writes the drafts, as the only statement of `tx`; gives what became of each, in their order.
///
/// On SQLite, and for visits of several parts on PostgreSQL, a draft that cannot be written fails the statement, and
/// [`refusal`] says why: write them one by one then. The transaction is to be dropped after an error.
///
/// # Errors
///
/// The database's.
pub(super) async fn write(tx: &mut Tx, drafts: &[&Draft]) -> Result<Vec<Outcome>, StoreError> {
    let written = match tx.engine()? {
        Engine::Sqlite(connection) => sqlite(connection, drafts).await,
        Engine::Postgres(connection) => postgres(connection, drafts).await,
    };
    let outcomes = tx.note(written.map_err(db::Error::from))?;
    if outcomes.len() == drafts.len() {
        Ok(outcomes)
    } else {
        Err(StoreError::Row { table: "bookings", id: 0, rule: "each visit was written or not" })
    }
}

/// What an error means for the draft that was alone in its statement; none when it is an error.
pub(super) fn refusal(error: &StoreError, draft: &Draft) -> Option<Outcome> {
    match error.constraint()? {
        NO_OVERLAP => Some(Outcome::Taken),
        MOVED => Some(Outcome::Moved),
        // PostgreSQL passes over the segment that is taken; those of the other masters find no visit at the end.
        "foreign_key" if draft.segments.len() > 1 => Some(Outcome::Taken),
        _ => None,
    }
}

/// A row of parameters repeated, with what stands before and after all of them.
fn rows(script: &mut String, before: &str, row: &str, count: usize, after: &str) {
    if count == 0 {
        return;
    }
    script.push_str(before);
    for place in 0..count {
        // Writing to a string does not fail.
        let _infallible = write!(script, "{}{row}", if place == 0 { "" } else { ", " });
    }
    script.push_str(after);
    script.push(';');
}

/// The script for so much of each. Its parameters have no numbers: they are bound in their order, through all of its
/// statements, the last of which answers. Ids grow without gaps, because the transaction has the
/// database to itself: those of the new visits are counted back from the highest.
fn sqlite_script(count: &Counts) -> String {
    let Counts { visits, newcomers, choices, segments, messages, links, consents } = *count;
    let mut script = String::with_capacity(2_048 + visits * 400 + segments * 60 + messages * 80);
    rows(
        &mut script,
        "insert into clients (business_id, phone, name, search, language, created_at, updated_at) values ",
        "(?, ?, ?, ?, ?, ?, ?)",
        newcomers,
        " on conflict (business_id, phone) do nothing",
    );
    for _ in 0..choices {
        script.push_str(
            "update clients set language = ?, updated_at = ?
             where id = (select coalesce(merged_into, id) from clients where business_id = ? and phone = ?)
                 and language is not ?;",
        );
    }
    rows(
        &mut script,
        "insert into bookings (version, business_id, client_id, client_name, state, starts_at, ends_at, wall_start,
             time_zone, price_tiyn, language, notes, source, due_at, created_at) values ",
        "((select 1 from businesses b left join clients c on c.business_id = b.id and c.phone = ?
               where b.id = ? and b.revision = coalesce(?, b.revision)
                   and (? or (c.id is not null and coalesce(c.merged_into, c.blocked_at, c.service_stopped_at) is null
                       and (c.language is null or c.language = coalesce(?, c.language))
                       and (select count(*) from bookings other where other.client_id = c.id and other.starts_at > ?
                            and other.state in ('pending', 'confirmed')) < ?))),
          ?, coalesce(?, (select coalesce(merged_into, id) from clients where business_id = ? and phone = ?)), ?, ?, ?, ?, ?,
          ?, ?, ?, ?, ?, ?, ?)",
        visits,
        "",
    );
    rows(
        &mut script,
        "insert into booking_segments (booking_id, business_id, position, service_id, master_id, starts_at, ends_at,
             busy_from, busy_to, price_tiyn, live, overbooked) values ",
        "((select max(id) from bookings) - ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, true, ?)",
        segments,
        "",
    );
    rows(
        &mut script,
        "insert into booking_transitions (booking_id, business_id, version, to_state, actor, actor_id, remark, at)
         values ",
        "((select max(id) from bookings) - ?, ?, 1, ?, ?, ?, ?, ?)",
        visits,
        "",
    );
    rows(
        &mut script,
        "insert into outbox (booking_id, account_id, business_id, kind, dedup_key, wa_message_id, phone, text, language,
             state, error, due_at, next_at, expires_at, created_at) values ",
        "((select max(id) from bookings) - ?, (select id from accounts where business_id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?,
          ?, ?, ?, ?)",
        messages,
        "",
    );
    rows(
        &mut script,
        "insert into visit_links (booking_id, business_id, token_hash, created_at) values ",
        "((select max(id) from bookings) - ?, ?, ?, ?)",
        links,
        "",
    );
    rows(
        &mut script,
        "insert into client_consents (booking_id, business_id, client_id, purpose, granted, text_version, channel,
             evidence, address, at) values ",
        "((select max(id) from bookings) - ?, ?,
          (select client_id from bookings where id = (select max(id) from bookings) - ?), 'service', true, ?, 'form', ?, ?,
          ?)",
        consents,
        "",
    );
    rows(
        &mut script,
        "insert into audit_log (entity_id, entity, action, business_id, at, actor, actor_id, impersonator_id, address,
             request_id, new) values ",
        "((select max(id) from bookings) - ?, 'booking', 'create', ?, ?, ?,
          coalesce(?, (select client_id from bookings where ? = 'client' and id = (select max(id) from bookings) - ?)),
          ?, ?, ?, ?)",
        visits,
        "",
    );
    script.push_str("select id, client_id from bookings order by id desc limit ?");
    script
}

/// How much of each a script has room for.
struct Counts {
    visits: usize,
    newcomers: usize,
    choices: usize,
    segments: usize,
    messages: usize,
    links: usize,
    consents: usize,
}

async fn sqlite(connection: &mut SqliteConnection, drafts: &[&Draft]) -> Result<Vec<Outcome>, sqlx::Error> {
    let (segments, messages) = (all_segments(drafts), all_messages(drafts));
    let count = i64::try_from(drafts.len()).unwrap_or(i64::MAX);
    let newcomers = || drafts.iter().filter_map(|draft| Some((draft, draft.newcomer()?)));
    let choices = || newcomers().filter_map(|(draft, phone)| Some((draft, phone, draft.chosen?)));
    let links = || (1..).zip(drafts).filter_map(|(number, draft)| Some((number, draft, draft.link.as_ref()?)));
    let consents = || (1..).zip(drafts).filter(|(_, draft)| draft.agrees());
    let script = sqlite_script(&Counts {
        visits: drafts.len(),
        newcomers: newcomers().count(),
        choices: choices().count(),
        segments: segments.len(),
        messages: messages.len(),
        links: links().count(),
        consents: consents().count(),
    });
    let query = sqlx::query_as::<sqlx::Sqlite, (BookingId, Option<ClientId>)>(AssertSqlSafe(script));
    let query = with_people(query, newcomers(), choices());
    let query = with_visits(query, drafts);
    let query = with_segments(query, &segments, count);
    let query = with_transitions(query, drafts, count);
    let query = with_messages(query, &messages, count);
    let query = with_evidence(query, links(), consents(), count);
    let query = with_audit(query, drafts, count);
    let rows = query.bind(count).fetch_all(connection).await?;
    Ok(rows.into_iter().rev().map(|(id, client_id)| Outcome::Booked { id, client_id }).collect())
}

/// The script of [`sqlite_script`] with its parameters so far; what follows adds them in the order of its parts.
type Query<'q> = sqlx::query::QueryAs<'q, sqlx::Sqlite, (BookingId, Option<ClientId>), sqlx::sqlite::SqliteArguments>;

fn with_people<'q>(
    mut query: Query<'q>,
    newcomers: impl Iterator<Item = (&'q &'q Draft, &'q Phone)>,
    choices: impl Iterator<Item = (&'q &'q Draft, &'q Phone, Language)>,
) -> Query<'q> {
    for (draft, phone) in newcomers {
        let booking = &draft.booking;
        query = query
            .bind(booking.business_id)
            .bind(phone.expose())
            .bind(draft.name())
            .bind(draft.search.as_deref())
            .bind(draft.chosen.map(Language::as_str))
            .bind(booking.created_at)
            .bind(booking.created_at);
    }
    for (draft, phone, chosen) in choices {
        query = query
            .bind(chosen.as_str())
            .bind(draft.booking.created_at)
            .bind(draft.booking.business_id)
            .bind(phone.expose())
            .bind(chosen.as_str());
    }
    query
}

fn with_visits<'q>(mut query: Query<'q>, drafts: &'q [&'q Draft]) -> Query<'q> {
    for draft in drafts {
        let booking = &draft.booking;
        query = query
            .bind(phone(draft))
            .bind(booking.business_id)
            .bind(draft.assumed.revision)
            .bind(draft.assumed.client.is_none())
            .bind(language_of_any(draft))
            .bind(booking.created_at)
            .bind(most_active(draft))
            .bind(booking.business_id)
            .bind(booking.client_id)
            .bind(booking.business_id)
            .bind(phone(draft))
            .bind(draft.name())
            .bind(booking.state.as_str())
            .bind(booking.starts_at)
            .bind(booking.ends_at)
            .bind(booking.wall_start.to_string())
            .bind(booking.zone.name())
            .bind(booking.price_tiyn)
            .bind(booking.language.as_str())
            .bind(booking.notes.as_str())
            .bind(draft.origin.source)
            .bind(draft.due_at)
            .bind(booking.created_at);
    }
    query
}

fn with_segments<'q>(mut query: Query<'q>, segments: &'q [Part<'q, SegmentRow>], count: i64) -> Query<'q> {
    for Part { number, draft, row } in segments {
        query = query
            .bind(count - number)
            .bind(draft.booking.business_id)
            .bind(row.position)
            .bind(row.service_id)
            .bind(row.master_id)
            .bind(row.starts_at)
            .bind(row.ends_at)
            .bind(row.busy_from)
            .bind(row.busy_to)
            .bind(row.price_tiyn)
            .bind(draft.is_overbooked());
    }
    query
}

fn with_transitions<'q>(mut query: Query<'q>, drafts: &'q [&'q Draft], count: i64) -> Query<'q> {
    for (number, draft) in (1..).zip(drafts) {
        let booking = &draft.booking;
        query = query
            .bind(count - number)
            .bind(booking.business_id)
            .bind(booking.state.as_str())
            .bind(draft.origin.actor)
            .bind(draft.origin.actor_id)
            .bind(remark(draft))
            .bind(booking.created_at);
    }
    query
}

fn with_messages<'q>(mut query: Query<'q>, messages: &'q [Part<'q, MessageRow>], count: i64) -> Query<'q> {
    for Part { number, draft, row } in messages {
        let booking = &draft.booking;
        query = query
            .bind(count - number)
            .bind(booking.business_id)
            .bind(booking.business_id)
            .bind(row.kind)
            .bind(row.dedup_key.as_str())
            .bind(row.wa_message_id.as_str())
            .bind(phone(draft))
            .bind(row.text.as_str())
            .bind(booking.language.as_str())
            .bind(state(draft))
            .bind(draft.is_stopped.then_some(OPTED_OUT))
            .bind(row.due_at)
            .bind(row.due_at)
            .bind(row.expires_at)
            .bind(booking.created_at);
    }
    query
}

fn with_evidence<'q>(
    mut query: Query<'q>,
    links: impl Iterator<Item = (i64, &'q &'q Draft, &'q [u8; 32])>,
    consents: impl Iterator<Item = (i64, &'q &'q Draft)>,
    count: i64,
) -> Query<'q> {
    for (number, draft, hash) in links {
        let booking = &draft.booking;
        query = query.bind(count - number).bind(booking.business_id).bind(hash.as_slice()).bind(booking.created_at);
    }
    for (number, draft) in consents {
        let (booking, origin) = (&draft.booking, &draft.origin);
        query = query
            .bind(count - number)
            .bind(booking.business_id)
            .bind(count - number)
            .bind(FORM_VERSION)
            .bind(origin.request_id.as_deref())
            .bind(origin.address.as_deref())
            .bind(booking.created_at);
    }
    query
}

fn with_audit<'q>(mut query: Query<'q>, drafts: &'q [&'q Draft], count: i64) -> Query<'q> {
    for (number, draft) in (1..).zip(drafts) {
        let (booking, origin) = (&draft.booking, &draft.origin);
        query = query
            .bind(count - number)
            .bind(booking.business_id)
            .bind(booking.created_at)
            .bind(origin.actor)
            .bind(origin.actor_id)
            .bind(origin.actor)
            .bind(count - number)
            .bind(origin.impersonator)
            .bind(origin.address.as_deref())
            .bind(origin.request_id.as_deref())
            .bind(draft.audit());
    }
    query
}

/// A statement of several parts, each of which reads the one before to its end: the order in which rows and their locks
/// are taken is that of the text, for every batch, so that two of them never wait for each other in a circle. Within a
/// part it is that of `order by`.
///
/// A segment that the constraint excludes is passed over. An insert that fails instead would deadlock: each of two
/// visits that exclude each other would have its row in, and wait for the other. References are checked when all
/// parts are done, so segments may come before their visits.
const POSTGRES: &str = "
with draft as materialized (
    select given.*, b.id is not null and (is_read or (coalesce(c.merged_into, c.blocked_at, c.service_stopped_at) is null
            and (c.language is null or c.language = coalesce(assumed_language, c.language))
            and (c.id is null or (select count(*) from bookings other where other.client_id = c.id
                and other.starts_at > given.created_at and other.state in ('pending', 'confirmed')) < most_active)))
            as is_so,
        coalesce(known_id, c.merged_into, c.id) as client_id, a.id as account_id, nextval('bookings_id_seq') as id
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[],
            $17::bigint[], $18::text[], $19::bigint[], $20::bigint[], $38::boolean[], $39::text[], $40::text[],
            $41::text[], $42::bigint[], $43::bigint[], $44::bigint[], $45::bytea[], $46::bigint[], $47::text[],
            $48::text[], $49::text[], $50::text[])
        with ordinality as given (business_id, revision, assumed_language, phone, name, chosen, state, starts_at,
            ends_at, wall_start, time_zone, price_tiyn, language, notes, source, actor, actor_id, remark, created_at,
            segments, is_read, search, message_state, message_error, most_active, known_id, acts_at, link,
            impersonator_id, address, request_id, audit, agreed, number)
        left join businesses b on b.id = given.business_id and b.revision = coalesce(given.revision, b.revision)
        left join clients c on c.business_id = given.business_id and c.phone = given.phone
        left join accounts a on a.business_id = given.business_id
), segment as (
    insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
        busy_from, busy_to, price_tiyn, live, overbooked)
    select draft.business_id, draft.id, part.position, service_id, master_id, part.starts_at, part.ends_at, busy_from,
        busy_to, part.price_tiyn, true, overbooked
    from unnest($21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[],
            $28::bigint[], $29::bigint[], $30::boolean[]) as part (number, position, service_id, master_id, starts_at,
            ends_at, busy_from, busy_to, price_tiyn, overbooked)
        join draft on draft.number = part.number
    where is_so order by master_id, busy_from, part.number
    on conflict on constraint booking_segments_no_overlap do nothing returning booking_id
), winner as materialized (
    select * from draft where is_so and segments = (select count(*) from segment where booking_id = draft.id)
), newcomer as (
    insert into clients (business_id, phone, name, search, language, created_at, updated_at)
    select distinct on (business_id, phone) business_id, phone, name, search, chosen, created_at, created_at
    from winner where client_id is null and phone is not null order by business_id, phone, number
    on conflict (business_id, phone) do update set updated_at = excluded.updated_at
    returning id, business_id, phone
), booked as (
    insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
        time_zone, price_tiyn, language, notes, source, due_at, created_at)
    select winner.id, winner.business_id, coalesce(client_id, newcomer.id), name, state, 1, starts_at, ends_at,
        wall_start, time_zone, price_tiyn, language, notes, source, acts_at, created_at
    from winner left join newcomer on newcomer.business_id = winner.business_id and newcomer.phone = winner.phone
    order by number
    returning id, client_id
), chooser as (
    update clients set language = chosen, updated_at = winner.created_at
    from winner where clients.business_id = winner.business_id and clients.id = client_id
        and chosen is not null and clients.language is distinct from chosen
), transition as (
    insert into booking_transitions (business_id, booking_id, version, to_state, actor, actor_id, remark, at)
    select business_id, id, 1, state, actor, actor_id, remark, created_at from winner
), link as (
    insert into visit_links (token_hash, business_id, booking_id, created_at)
    select link, business_id, id, created_at from winner where link is not null
), consent as (
    insert into client_consents (business_id, client_id, booking_id, purpose, granted, text_version, channel, evidence,
        address, at)
    select winner.business_id, booked.client_id, winner.id, 'service', true, agreed, 'form', request_id, address,
        created_at
    from winner join booked on booked.id = winner.id where agreed is not null
), audit as (
    insert into audit_log (business_id, at, actor, actor_id, impersonator_id, address, request_id, entity, entity_id,
        action, new)
    select winner.business_id, created_at, actor, coalesce(actor_id, case when actor = 'client' then booked.client_id end),
        impersonator_id, address, request_id, 'booking', winner.id, 'create', audit
    from winner join booked on booked.id = winner.id
), message as (
    insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language,
        state, error, due_at, next_at, expires_at, created_at)
    select business_id, account_id, id, kind, dedup_key, wa_message_id, phone, text, language, message_state,
        message_error, due_at, due_at, expires_at, created_at
    from unnest($31::bigint[], $32::text[], $33::text[], $34::text[], $35::text[], $36::bigint[], $37::bigint[])
        as part (number, kind, dedup_key, wa_message_id, text, due_at, expires_at)
        join winner on winner.number = part.number
)
select booked.id, booked.client_id, is_so from draft left join booked on booked.id = draft.id order by number";

async fn postgres(connection: &mut PgConnection, drafts: &[&Draft]) -> Result<Vec<Outcome>, sqlx::Error> {
    let (segments, messages) = (all_segments(drafts), all_messages(drafts));
    let query = sqlx::query_as::<sqlx::Postgres, (Option<BookingId>, Option<ClientId>, bool)>(POSTGRES)
        .bind(column(drafts, |draft| draft.booking.business_id.get()))
        .bind(column(drafts, |draft| draft.assumed.revision))
        .bind(column(drafts, |draft| language_of_any(draft)))
        .bind(column(drafts, |draft| phone(draft)))
        .bind(column(drafts, |draft| draft.name()))
        .bind(column(drafts, |draft| draft.chosen.map(Language::as_str)))
        .bind(column(drafts, |draft| draft.booking.state.as_str()))
        .bind(column(drafts, |draft| draft.booking.starts_at.seconds()))
        .bind(column(drafts, |draft| draft.booking.ends_at.seconds()))
        .bind(column(drafts, |draft| draft.booking.wall_start.to_string()))
        .bind(column(drafts, |draft| draft.booking.zone.name()))
        .bind(column(drafts, |draft| draft.booking.price_tiyn))
        .bind(column(drafts, |draft| draft.booking.language.as_str()))
        .bind(column(drafts, |draft| draft.booking.notes.as_str()))
        .bind(column(drafts, |draft| draft.origin.source))
        .bind(column(drafts, |draft| draft.origin.actor))
        .bind(column(drafts, |draft| draft.origin.actor_id))
        .bind(column(drafts, |draft| remark(draft)))
        .bind(column(drafts, |draft| draft.booking.created_at.seconds()))
        .bind(column(drafts, |draft| i64::try_from(draft.segments.len()).unwrap_or(i64::MAX)))
        .bind(column(&segments, |segment| segment.number))
        .bind(column(&segments, |segment| segment.row.position))
        .bind(column(&segments, |segment| segment.row.service_id.get()))
        .bind(column(&segments, |segment| segment.row.master_id.get()))
        .bind(column(&segments, |segment| segment.row.starts_at.seconds()))
        .bind(column(&segments, |segment| segment.row.ends_at.seconds()))
        .bind(column(&segments, |segment| segment.row.busy_from.seconds()))
        .bind(column(&segments, |segment| segment.row.busy_to.seconds()))
        .bind(column(&segments, |segment| segment.row.price_tiyn))
        .bind(column(&segments, |segment| segment.draft.is_overbooked()))
        .bind(column(&messages, |message| message.number))
        .bind(column(&messages, |message| message.row.kind))
        .bind(column(&messages, |message| message.row.dedup_key.as_str()))
        .bind(column(&messages, |message| message.row.wa_message_id.as_str()))
        .bind(column(&messages, |message| message.row.text.as_str()))
        .bind(column(&messages, |message| message.row.due_at.seconds()))
        .bind(column(&messages, |message| message.row.expires_at.seconds()))
        .bind(column(drafts, |draft| draft.assumed.client.is_none()))
        .bind(column(drafts, |draft| draft.search.as_deref()))
        .bind(column(drafts, |draft| state(draft)))
        .bind(column(drafts, |draft| draft.is_stopped.then_some(OPTED_OUT)))
        .bind(column(drafts, |draft| most_active(draft)))
        .bind(column(drafts, |draft| draft.booking.client_id.map(ClientId::get)))
        .bind(column(drafts, |draft| draft.due_at.map(Timestamp::seconds)))
        .bind(column(drafts, |draft| draft.link.map(Vec::from)))
        .bind(column(drafts, |draft| draft.origin.impersonator.map(UserId::get)))
        .bind(column(drafts, |draft| draft.origin.address.as_deref()))
        .bind(column(drafts, |draft| draft.origin.request_id.as_deref()))
        .bind(column(drafts, |draft| draft.audit()))
        .bind(column(drafts, |draft| draft.agrees().then_some(FORM_VERSION)));
    let outcome = |(id, client_id, is_so): (Option<BookingId>, Option<ClientId>, bool)| match id {
        Some(id) => Outcome::Booked { id, client_id },
        None if is_so => Outcome::Taken,
        None => Outcome::Moved,
    };
    Ok(query.fetch_all(connection).await?.into_iter().map(outcome).collect())
}

/// A part of a draft; the drafts are numbered from 1.
struct Part<'d, T> {
    number: i64,
    draft: &'d Draft,
    row: &'d T,
}

fn all_segments<'d>(drafts: &[&'d Draft]) -> Vec<Part<'d, SegmentRow>> {
    parts(drafts, |draft| &draft.segments)
}

fn all_messages<'d>(drafts: &[&'d Draft]) -> Vec<Part<'d, MessageRow>> {
    parts(drafts, |draft| &draft.messages)
}

fn parts<'d, T>(drafts: &[&'d Draft], of: impl Fn(&'d Draft) -> &'d [T]) -> Vec<Part<'d, T>> {
    let numbered = (1..).zip(drafts.iter().copied());
    numbered.flat_map(|(number, draft)| of(draft).iter().map(move |row| Part { number, draft, row })).collect()
}

fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

fn language_of_any(draft: &Draft) -> Option<&'static str> {
    draft.assumed.client.and_then(|client| client.language).map(Language::as_str)
}

fn most_active(draft: &Draft) -> i64 {
    draft.assumed.client.map_or(i64::MAX, |client| i64::from(client.most_active))
}

fn phone(draft: &Draft) -> Option<&str> {
    draft.booking.client_phone.as_ref().map(Phone::expose)
}

fn state(draft: &Draft) -> &'static str {
    if draft.is_stopped { "cancelled" } else { "planned" }
}

fn remark(draft: &Draft) -> Option<&'static str> {
    draft.origin.remark.map(Remark::as_str)
}
