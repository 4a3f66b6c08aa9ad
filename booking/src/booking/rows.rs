//! The rows of one new visit as SQLite writes them: a statement for each, in the order in which they refer to each other.

use db::direct::Statement;

use crate::booking::batch::{language_of_any, most_active, phone, remark, state};
use crate::booking::write::{Draft, MessageRow, Outcome, SegmentRow};
use crate::clock::Timestamp;
use crate::consent::{FORM_VERSION, OPTED_OUT};
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;

/// Whether what was assumed is so; the client, if there is one; who writes for the business; and whether these words are
/// the last that the client agreed to. A statement that asked for this while it writes would keep it in a table of its
/// own first.
const KNOWN: &str = "
select b.revision = coalesce(?3, b.revision) and (?4 or c.id is null
        or (coalesce(c.merged_into, c.blocked_at, c.service_stopped_at) is null
            and (c.language is null or c.language = coalesce(?5, c.language))
            and (select count(*) from bookings other where other.client_id = c.id and other.starts_at > ?6
                and other.state in ('pending', 'confirmed')) < ?7)),
    coalesce(?8, c.merged_into, c.id), (select a.id from accounts a where a.business_id = b.id),
    ?9 is (select case when granted then text_version end from client_consents said
        where said.client_id = coalesce(?8, c.merged_into, c.id) and purpose = 'service' order by said.id desc limit 1)
from businesses b left join clients c on c.business_id = b.id and c.phone = ?1
where b.id = ?2";

const CLIENT: &str = "
insert into clients (business_id, phone, name, search, language, guessed_language, created_at, updated_at)
values (?1, ?2, ?3, ?4, coalesce(?5, ?7), ?7, ?6, ?6)";

const CHOICE: &str = "
update clients set language = ?1, updated_at = ?2 where business_id = ?3 and id = ?4 and language is not ?1";

const VISIT: &str = "
insert into bookings (business_id, client_id, version, client_name, state, starts_at, ends_at, wall_start, time_zone,
    price_tiyn, language, notes, source, due_at, created_at, booked_by, booked_by_id, remark)
values (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

const SEGMENT: &str = "
insert into booking_segments (booking_id, business_id, position, service_id, master_id, starts_at, ends_at, busy_from,
    busy_to, price_tiyn, live, overbooked)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, true, ?11)";

const MESSAGE: &str = "
insert into outbox (booking_id, account_id, business_id, kind, dedup_key, wa_message_id, phone, text, language, state,
    error, due_at, next_at, expires_at, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14)";

const LINK: &str = "insert into visit_links (booking_id, business_id, issued_ms, token_hash) values (?1, ?2, ?3, ?4)";

const CONSENT: &str = "
insert into client_consents (booking_id, business_id, client_id, purpose, granted, text_version, channel, evidence,
    address, at)
values (?1, ?2, ?3, 'service', true, ?4, 'form', ?5, ?6, ?7)";

const AUDIT: &str = "
insert into audit_log (entity_id, entity, action, business_id, at, actor, actor_id, impersonator_id, address, request_id,
    new)
values (?1, 'booking', 'create', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// What was found out about a draft whose assumptions hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) client_id: Option<i64>,
    account_id: Option<i64>,
    has_agreed: bool,
}

impl Known {
    /// What [`known`] gave; none when the assumptions do not hold.
    pub(super) fn of(row: Option<[Option<i64>; 4]>) -> Option<Self> {
        let [is_so, client_id, account_id, has_agreed] = row?;
        (is_so == Some(1)).then_some(Self { client_id, account_id, has_agreed: has_agreed == Some(1) })
    }
}

/// What there is to find out about a draft, for [`Known::of`].
pub(super) fn known(draft: &Draft) -> Statement<'_> {
    let booking = &draft.booking;
    Statement {
        text: KNOWN,
        values: vec![
            phone(draft).into(),
            booking.business_id.get().into(),
            draft.assumed.revision.into(),
            draft.assumed.client.is_none().into(),
            language_of_any(draft).into(),
            booking.created_at.seconds().into(),
            most_active(draft).into(),
            booking.client_id.map(ClientId::get).into(),
            FORM_VERSION.into(),
        ],
    }
}

/// The client, unless nobody is to be written down.
pub(super) fn newcomer(draft: &Draft) -> Option<Statement<'_>> {
    draft.newcomer().map(|phone| Statement {
        text: CLIENT,
        values: vec![
            draft.booking.business_id.get().into(),
            phone.expose().into(),
            draft.name().into(),
            draft.search.as_deref().into(),
            draft.chosen.map(Language::as_str).into(),
            draft.booking.created_at.seconds().into(),
            draft.guessed.map(Language::as_str).into(),
        ],
    })
}

/// The visit.
pub(super) fn visit(draft: &Draft, client_id: Option<i64>) -> Statement<'_> {
    let booking = &draft.booking;
    Statement {
        text: VISIT,
        values: vec![
            booking.business_id.get().into(),
            client_id.into(),
            draft.name().into(),
            booking.state.as_str().into(),
            booking.starts_at.seconds().into(),
            booking.ends_at.seconds().into(),
            booking.wall_start.to_string().into(),
            booking.zone.name().into(),
            booking.price_tiyn.into(),
            booking.language.as_str().into(),
            booking.notes.as_str().into(),
            draft.origin.source.into(),
            draft.due_at.map(Timestamp::seconds).into(),
            booking.created_at.seconds().into(),
            draft.origin.actor.into(),
            draft.origin.actor_id.into(),
            remark(draft).into(),
        ],
    }
}

/// What belongs to the visit with this number, and what its client chose.
pub(super) fn parts(
    draft: &Draft,
    id: i64,
    client_id: Option<i64>,
    known: Known,
) -> impl Iterator<Item = Statement<'_>> {
    let (business, created) = (draft.booking.business_id.get(), draft.booking.created_at.seconds());
    let origin = &draft.origin;
    let choice = draft.chosen.zip(known.client_id).map(|(chosen, client_id)| Statement {
        text: CHOICE,
        values: vec![chosen.as_str().into(), created.into(), business.into(), client_id.into()],
    });
    let segments = draft.segments.iter().map(move |row| segment(draft, row, id));
    let messages = draft.messages.iter().map(move |row| message(draft, row, id, known.account_id));
    let link = draft.link.as_ref().map(|link| Statement {
        text: LINK,
        values: vec![id.into(), business.into(), link.issued_ms.into(), link.hash.as_slice().into()],
    });
    let consent = client_id.filter(|_| draft.agrees() && !known.has_agreed).map(|client_id| Statement {
        text: CONSENT,
        values: vec![
            id.into(),
            business.into(),
            client_id.into(),
            FORM_VERSION.into(),
            origin.request_id.as_deref().into(),
            origin.address.as_deref().into(),
            created.into(),
        ],
    });
    let audit = Statement {
        text: AUDIT,
        values: vec![
            id.into(),
            business.into(),
            created.into(),
            origin.actor.into(),
            origin.actor_id.or(client_id.filter(|_| origin.actor == "client")).into(),
            origin.impersonator.map(UserId::get).into(),
            origin.address.as_deref().into(),
            origin.request_id.as_deref().into(),
            draft.audit.as_str().into(),
        ],
    };
    segments.chain(messages).chain(link).chain(choice).chain(consent).chain([audit])
}

fn segment<'d>(draft: &'d Draft, row: &'d SegmentRow, id: i64) -> Statement<'d> {
    Statement {
        text: SEGMENT,
        values: vec![
            id.into(),
            draft.booking.business_id.get().into(),
            row.position.into(),
            row.service_id.get().into(),
            row.master_id.get().into(),
            row.starts_at.seconds().into(),
            row.ends_at.seconds().into(),
            row.busy_from.seconds().into(),
            row.busy_to.seconds().into(),
            row.price_tiyn.into(),
            draft.is_overbooked().into(),
        ],
    }
}

fn message<'d>(draft: &'d Draft, row: &'d MessageRow, id: i64, account_id: Option<i64>) -> Statement<'d> {
    Statement {
        text: MESSAGE,
        values: vec![
            id.into(),
            account_id.into(),
            draft.booking.business_id.get().into(),
            row.kind.into(),
            row.dedup_key.as_str().into(),
            row.wa_message_id.as_str().into(),
            phone(draft).into(),
            row.text.as_str().into(),
            draft.booking.language.as_str().into(),
            state(draft).into(),
            draft.is_stopped.then_some(OPTED_OUT).into(),
            row.due_at.seconds().into(),
            row.expires_at.seconds().into(),
            draft.booking.created_at.seconds().into(),
        ],
    }
}

/// What became of a visit that was written.
pub(super) fn booked(id: i64, client_id: Option<i64>) -> Outcome {
    Outcome::Booked { id: BookingId::new(id), client_id: client_id.map(ClientId::new) }
}
