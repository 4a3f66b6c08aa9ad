//! The rows of many new visits, written at once.
//!
//! Each trip to the database costs more than the rows it writes: on SQLite a change of threads while everybody else who
//! writes waits, on PostgreSQL the network, the planner's start and the disk at the end. So the visits of all who wait
//! go together. This is the only place where the two engines have different texts for the same work: PostgreSQL takes
//! arrays and one statement of several `with` parts; SQLite, which is in the same process, a statement for each row
//! ([`rows`]), run by the thread that writes.

use std::borrow::Cow;

use db::direct::{Statement, Value};
use db::pipeline::{Bulk, Column, Pipeline, Row};
use db::sqlx::{self, Row as _, SqliteConnection};
use db::{Engine, Tx};

use crate::booking::rows::{self, Known};
use crate::booking::transition::Remark;
use crate::booking::write::{Draft, MessageRow, Outcome, SegmentRow};
use crate::clock::Timestamp;
use crate::consent::{FORM_VERSION, OPTED_OUT};
use crate::id::{ClientId, UserId};
use crate::language::Language;
use crate::phone::Phone;
use crate::schema::NO_OVERLAP;
use crate::store::StoreError;

/// Writes the drafts in `tx`, on PostgreSQL as one statement; gives what became of each, in their order.
///
/// On SQLite, and for visits of several parts on PostgreSQL, a draft that cannot be written fails all of them, and
/// [`refusal`] says why: write them one by one then. The transaction is to be dropped after an error.
///
/// # Errors
///
/// The database's.
pub(super) async fn write(tx: &mut Tx, drafts: &[&Draft]) -> Result<Vec<Outcome>, StoreError> {
    match tx.engine()? {
        Engine::Sqlite(connection) => {
            let written = sqlite(connection, drafts).await.map_err(db::Error::from);
            Ok(tx.note(written)?)
        }
        Engine::Postgres(connection) => {
            let rows = bulk(drafts).fetch_alone(connection).await.map_err(db::Error::from);
            outcomes(drafts, &tx.note(rows)?)
        }
    }
}

/// Like [`write`], as a transaction of its own behind the others that are under way; they are durable then.
///
/// # Errors
///
/// The database's.
pub(super) async fn pipe(pipeline: &Pipeline, drafts: &[&Draft]) -> Result<Vec<Outcome>, StoreError> {
    outcomes(drafts, &pipeline.fetch(&bulk(drafts)).await?)
}

/// What an error means for the draft that was written alone; none when it is an error.
pub(super) fn refusal(error: &StoreError, draft: &Draft) -> Option<Outcome> {
    match error.constraint()? {
        NO_OVERLAP => Some(Outcome::Taken),
        // PostgreSQL passes over the segment that is taken; those of the other masters find no visit at the end.
        "foreign_key" if draft.segments.len() > 1 => Some(Outcome::Taken),
        _ => None,
    }
}

async fn sqlite(connection: &mut SqliteConnection, drafts: &[&Draft]) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut outcomes = Vec::with_capacity(drafts.len());
    for draft in drafts {
        outcomes.push(sqlite_one(connection, draft).await?);
    }
    Ok(outcomes)
}

async fn sqlite_one(connection: &mut SqliteConnection, draft: &Draft) -> Result<Outcome, sqlx::Error> {
    let row = query(&rows::known(draft)).fetch_optional(&mut *connection).await?;
    let known =
        row.map(|row| Ok::<_, sqlx::Error>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?]));
    let Some(known) = Known::of(known.transpose()?) else { return Ok(Outcome::Moved) };
    let client_id = match (known.client_id, rows::newcomer(draft)) {
        (None, Some(newcomer)) => Some(query(&newcomer).execute(&mut *connection).await?.last_insert_rowid()),
        (client_id, _) => client_id,
    };
    let id = query(&rows::visit(draft, client_id)).execute(&mut *connection).await?.last_insert_rowid();
    for statement in rows::parts(draft, id, client_id, known) {
        query(&statement).execute(&mut *connection).await?;
    }
    Ok(rows::booked(id, client_id))
}

fn query<'q>(statement: &'q Statement<'_>) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    statement.values.iter().fold(sqlx::query(statement.text), |query, value| match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(value) => query.bind(*value),
        Value::Text(text) => query.bind(text.as_ref()),
        Value::Blob(bytes) => query.bind(*bytes),
    })
}

/// A statement of several parts, each of which reads the one before to its end: the order in which rows and their locks
/// are taken is that of the text, for every batch, so that two of them never wait for each other in a circle. Within a
/// part it is that of `order by`, for every part that can meet the rows of another batch.
///
/// A segment that the constraint excludes is passed over. An insert that fails instead would deadlock: each of two
/// visits that exclude each other would have its row in, and wait for the other. References are checked when all
/// parts are done, so segments may come before their visits.
///
/// Rows that go from part to part are narrow, and a value is taken from its array where it is written, unless several
/// parts write it: each column of each part costs as much to prepare, at every execution, as the values of several
/// visits. So does each join; what is one row at most is looked up by a subquery. The plan is made once, perhaps when the
/// tables are empty: `offset 0` keeps a look-up by index from becoming a reading of the whole table.
macro_rules! postgres {
    ($chooser:literal) => {
        concat!(
            "
with draft as materialized (
    select number, nextval('bookings_id_seq') as id, coalesce(($7::bigint[])[number], c.merged_into, c.id) as client_id,
        (select b.id from businesses b where b.id = ($1::bigint[])[number]
            and b.revision = coalesce(($2::bigint[])[number], b.revision)) is not null
        and (($5::boolean[])[number] or (coalesce(c.merged_into, c.blocked_at, c.service_stopped_at) is null
            and (c.language is null or c.language = coalesce(($3::text[])[number], c.language))
            and (c.id is null or cardinality(array(select 1 from bookings other where other.client_id = c.id
                and other.starts_at > ($8::bigint[])[number] and other.state in ('pending', 'confirmed')))
                < ($6::bigint[])[number])))
            as is_so
    from generate_series(1, cardinality($1::bigint[])) as number
        left join lateral (
            select id, merged_into, blocked_at, service_stopped_at, language from clients
            where business_id = ($1::bigint[])[number] and phone = ($4::text[])[number] offset 0
        ) c on true
), segment as (
    insert into booking_segments (business_id, booking_id, position, service_id, master_id, starts_at, ends_at,
        busy_from, busy_to, price_tiyn, live, overbooked)
    select ($1::bigint[])[number], id, ($10::bigint[])[part], ($11::bigint[])[part], ($12::bigint[])[part],
        ($13::bigint[])[part], ($14::bigint[])[part], ($15::bigint[])[part], ($16::bigint[])[part],
        ($17::bigint[])[part], true, ($18::boolean[])[part]
    from (
        select part, number, id from generate_series(1, cardinality($9::int[])) as part
            join draft on number = ($9::int[])[part]
        where is_so order by ($12::bigint[])[part], ($15::bigint[])[part], part
    ) as in_turn
    on conflict on constraint booking_segments_no_overlap do nothing returning booking_id
), winner as materialized (
    select number, id, client_id from draft
    where is_so and ($19::bigint[])[number]
        = cardinality(array_positions((select array_agg(booking_id) from segment), id))
), newcomer as (
    insert into clients (business_id, phone, name, search, language, guessed_language, created_at, updated_at)
    select business_id, phone, ($20::text[])[number], ($21::text[])[number],
        coalesce(($22::text[])[number], ($23::text[])[number]), ($23::text[])[number], ($8::bigint[])[number],
        ($8::bigint[])[number]
    from (
        select distinct on (business_id, phone) ($1::bigint[])[number] as business_id, ($4::text[])[number] as phone,
            number
        from winner where client_id is null and ($4::text[])[number] is not null order by business_id, phone, number
    ) as in_turn
    on conflict (business_id, phone) do update set updated_at = excluded.updated_at
    returning id, business_id, phone
), visit as materialized (
    select number, id, ($1::bigint[])[number] as business_id,
        coalesce(client_id, (select newcomer.id from newcomer where newcomer.business_id = ($1::bigint[])[number]
            and newcomer.phone = ($4::text[])[number])) as client_id,
        ($8::bigint[])[number] as created_at, ($24::text[])[number] as actor, ($25::bigint[])[number] as actor_id,
        ($26::text[])[number] as request_id, ($27::text[])[number] as address
    from winner
), booked as (
    insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start,
        time_zone, price_tiyn, language, notes, source, due_at, created_at, booked_by, booked_by_id, remark)
    select id, business_id, client_id, ($20::text[])[number], ($28::text[])[number], 1, ($29::bigint[])[number],
        ($30::bigint[])[number], ($31::text[])[number], ($32::text[])[number], ($33::bigint[])[number],
        ($34::text[])[number], ($35::text[])[number], ($36::text[])[number], ($37::bigint[])[number], created_at,
        actor, actor_id, ($38::text[])[number]
    from visit
",
            $chooser,
            "), link as (
    insert into visit_links (issued_ms, token_hash, business_id, booking_id)
    select ($39::bigint[])[number], ($40::bytea[])[number], business_id, id
    from visit where ($40::bytea[])[number] is not null
), consent as (
    insert into client_consents (business_id, client_id, booking_id, purpose, granted, text_version, channel, evidence,
        address, at)
    select business_id, client_id, id, 'service', true, ($41::text[])[number], 'form', request_id, address, created_at
    from visit
    where ($41::text[])[number] is distinct from (select case when granted then text_version end
            from client_consents said where said.client_id = visit.client_id and purpose = 'service'
            order by said.id desc limit 1)
        and ($41::text[])[number] is not null
), audit as (
    insert into audit_log (business_id, at, actor, actor_id, impersonator_id, address, request_id, entity, entity_id,
        action, new)
    select business_id, created_at, actor, coalesce(actor_id, case when actor = 'client' then client_id end),
        ($42::bigint[])[number], address, request_id, 'booking', id, 'create', ($43::text[])[number]
    from visit
), message as (
    insert into outbox (business_id, account_id, booking_id, kind, dedup_key, wa_message_id, phone, text, language,
        state, error, due_at, next_at, expires_at, created_at)
    select business_id, (select a.id from accounts a where a.business_id = visit.business_id), id, ($47::text[])[part],
        ($48::text[])[part], ($49::text[])[part], ($4::text[])[number], ($50::text[])[part], ($34::text[])[number],
        ($44::text[])[number], ($45::text[])[number], ($51::bigint[])[part], ($51::bigint[])[part],
        ($52::bigint[])[part], created_at
    from generate_series(1, cardinality($46::int[])) as part join visit on number = ($46::int[])[part]
)
select number::bigint, id, client_id from visit
union all select number, null, null from draft where not is_so"
        )
    };
}

/// Where nobody chose a language.
const POSTGRES: &str = postgres!("");
/// Where somebody did: a part that finds nothing to do costs what it costs to prepare.
const POSTGRES_CHOSEN: &str = postgres!(
    "), chooser as (
    update clients set language = ($22::text[])[number], updated_at = in_turn.created_at
    from (
        select number, business_id, client_id, created_at from visit
        where ($22::text[])[number] is not null order by client_id, number desc
    ) as in_turn
    where clients.business_id = in_turn.business_id and clients.id = in_turn.client_id
        and clients.language is distinct from ($22::text[])[number]
"
);

/// The statement with the rows of the drafts.
fn bulk<'d>(drafts: &[&'d Draft]) -> Bulk<'d> {
    let (segments, messages) = (all_segments(drafts), all_messages(drafts));
    let columns = vec![
        integers(drafts, |draft| draft.booking.business_id.get()),
        integers(drafts, |draft| draft.assumed.revision),
        texts(drafts, |draft| language_of_any(draft)),
        texts(drafts, |draft| phone(draft)),
        booleans(drafts, |draft| draft.assumed.client.is_none()),
        integers(drafts, |draft| most_active(draft)),
        integers(drafts, |draft| draft.booking.client_id.map(ClientId::get)),
        integers(drafts, |draft| draft.booking.created_at.seconds()),
        numbers(&segments, |segment| segment.number),
        integers(&segments, |segment| segment.row.position),
        integers(&segments, |segment| segment.row.service_id.get()),
        integers(&segments, |segment| segment.row.master_id.get()),
        integers(&segments, |segment| segment.row.starts_at.seconds()),
        integers(&segments, |segment| segment.row.ends_at.seconds()),
        integers(&segments, |segment| segment.row.busy_from.seconds()),
        integers(&segments, |segment| segment.row.busy_to.seconds()),
        integers(&segments, |segment| segment.row.price_tiyn),
        booleans(&segments, |segment| segment.draft.is_overbooked()),
        integers(drafts, |draft| i64::try_from(draft.segments.len()).unwrap_or(i64::MAX)),
        texts(drafts, |draft| draft.name()),
        texts(drafts, |draft| draft.search.as_deref()),
        texts(drafts, |draft| draft.chosen.map(Language::as_str)),
        texts(drafts, |draft| draft.guessed.map(Language::as_str)),
        texts(drafts, |draft| draft.origin.actor),
        integers(drafts, |draft| draft.origin.actor_id),
        texts(drafts, |draft| draft.origin.request_id.as_deref()),
        texts(drafts, |draft| draft.origin.address.as_deref()),
        texts(drafts, |draft| draft.booking.state.as_str()),
        integers(drafts, |draft| draft.booking.starts_at.seconds()),
        integers(drafts, |draft| draft.booking.ends_at.seconds()),
        made_texts(drafts, |draft| draft.booking.wall_start.to_string()),
        texts(drafts, |draft| draft.booking.zone.name()),
        integers(drafts, |draft| draft.booking.price_tiyn),
        texts(drafts, |draft| draft.booking.language.as_str()),
        texts(drafts, |draft| draft.booking.notes.as_str()),
        texts(drafts, |draft| draft.origin.source),
        integers(drafts, |draft| draft.due_at.map(Timestamp::seconds)),
        texts(drafts, |draft| remark(draft)),
        integers(drafts, |draft| draft.link.map(|link| link.issued_ms)),
        blobs(drafts, |draft| draft.link.as_ref().map(|link| link.hash.as_slice())),
        texts(drafts, |draft| draft.agrees().then_some(FORM_VERSION)),
        integers(drafts, |draft| draft.origin.impersonator.map(UserId::get)),
        texts(drafts, |draft| draft.audit.as_str()),
        texts(drafts, |draft| state(draft)),
        texts(drafts, |draft| draft.is_stopped.then_some(OPTED_OUT)),
        numbers(&messages, |message| message.number),
        texts(&messages, |message| message.row.kind),
        texts(&messages, |message| message.row.dedup_key.as_str()),
        texts(&messages, |message| message.row.wa_message_id.as_str()),
        texts(&messages, |message| message.row.text.as_str()),
        integers(&messages, |message| message.row.due_at.seconds()),
        integers(&messages, |message| message.row.expires_at.seconds()),
    ];
    let has_choice = drafts.iter().any(|draft| draft.chosen.is_some());
    Bulk { text: if has_choice { POSTGRES_CHOSEN } else { POSTGRES }, columns }
}

/// What became of each draft: the statement names those that are visits now, and those that assumed what is not so.
fn outcomes(drafts: &[&Draft], rows: &[Row]) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = vec![Outcome::Taken; drafts.len()];
    for row in rows {
        let (number, id, client_id) = (row.integer(0)?, row.integer(1)?, row.integer(2)?);
        let place = number.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) else {
            return Err(StoreError::Row { table: "bookings", id: 0, rule: "each visit was written or not" });
        };
        *outcome = match id {
            Some(id) => rows::booked(id, client_id),
            None => Outcome::Moved,
        };
    }
    Ok(outcomes)
}

/// A part of a draft; the drafts are numbered from 1.
struct Part<'d, T> {
    number: i32,
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

fn numbers<'d, R>(rows: &[R], of: impl Fn(&R) -> i32) -> Column<'d> {
    Column::Numbers(rows.iter().map(of).collect())
}

fn integers<'d, R, T: Into<Option<i64>>>(rows: &[R], of: impl Fn(&R) -> T) -> Column<'d> {
    Column::Integers(rows.iter().map(|row| of(row).into()).collect())
}

fn booleans<'d, R>(rows: &[R], of: impl Fn(&R) -> bool) -> Column<'d> {
    Column::Booleans(rows.iter().map(of).collect())
}

fn texts<'d, R, T: Into<Option<&'d str>>>(rows: &[R], of: impl Fn(&R) -> T) -> Column<'d> {
    Column::Texts(rows.iter().map(|row| of(row).into().map(Cow::Borrowed)).collect())
}

fn made_texts<'d, R>(rows: &[R], of: impl Fn(&R) -> String) -> Column<'d> {
    Column::Texts(rows.iter().map(|row| Some(Cow::Owned(of(row)))).collect())
}

fn blobs<'d, R>(rows: &[R], of: impl Fn(&R) -> Option<&'d [u8]>) -> Column<'d> {
    Column::Blobs(rows.iter().map(of).collect())
}

pub(super) fn language_of_any(draft: &Draft) -> Option<&'static str> {
    draft.assumed.client.and_then(|client| client.language).map(Language::as_str)
}

pub(super) fn most_active(draft: &Draft) -> i64 {
    draft.assumed.client.map_or(i64::MAX, |client| i64::from(client.most_active))
}

pub(super) fn phone(draft: &Draft) -> Option<&str> {
    draft.booking.client_phone.as_ref().map(Phone::expose)
}

pub(super) fn state(draft: &Draft) -> &'static str {
    if draft.is_stopped { "cancelled" } else { "planned" }
}

pub(super) fn remark(draft: &Draft) -> Option<&'static str> {
    draft.origin.remark.map(Remark::as_str)
}
