//! The rows of one new visit as SQLite writes them: a statement for each, in the order in which they refer to each other.

use db::direct::Statement;

use crate::booking::batch::{language_of_any, most_active, phone, remark, state};
use crate::booking::write::{Draft, MessageRow, Outcome, SegmentRow};
use crate::clock::Timestamp;
use crate::consent::{FORM_VERSION, OPTED_OUT};
use crate::id::{BookingId, ClientId, UserId};
use crate::language::Language;

const CLIENT: &str = "
insert into clients (business_id, phone, name, search, language, guessed_language, created_at, updated_at)
values (?1, ?2, ?3, ?4, coalesce(?5, ?7), ?7, ?6, ?6) on conflict (business_id, phone) do nothing";

const CHOICE: &str = "
update clients set language = ?1, updated_at = ?2
where id = (select coalesce(merged_into, id) from clients where business_id = ?3 and phone = ?4) and language is not ?1";

/// Without a version, which is refused, where what was assumed is not so.
const VISIT: &str = "
insert into bookings (version, business_id, client_id, client_name, state, starts_at, ends_at, wall_start, time_zone,
    price_tiyn, language, notes, source, due_at, created_at)
values (
    (select 1 from businesses b left join clients c on c.business_id = b.id and c.phone = ?1
     where b.id = ?2 and b.revision = coalesce(?3, b.revision)
         and (?4 or (c.id is not null and coalesce(c.merged_into, c.blocked_at, c.service_stopped_at) is null
             and (c.language is null or c.language = coalesce(?5, c.language))
             and (select count(*) from bookings other where other.client_id = c.id and other.starts_at > ?6
                  and other.state in ('pending', 'confirmed')) < ?7))),
    ?2, coalesce(?8, (select coalesce(merged_into, id) from clients where business_id = ?2 and phone = ?1)), ?9, ?10, ?11,
    ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?6)
returning id, client_id";

const SEGMENT: &str = "
insert into booking_segments (booking_id, business_id, position, service_id, master_id, starts_at, ends_at, busy_from,
    busy_to, price_tiyn, live, overbooked)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, true, ?11)";

const TRANSITION: &str = "
insert into booking_transitions (booking_id, business_id, version, to_state, actor, actor_id, remark, at)
values (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)";

const MESSAGE: &str = "
insert into outbox (booking_id, account_id, business_id, kind, dedup_key, wa_message_id, phone, text, language, state,
    error, due_at, next_at, expires_at, created_at)
values (?1, (select id from accounts where business_id = ?2), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)";

const LINK: &str = "insert into visit_links (booking_id, business_id, token_hash, created_at) values (?1, ?2, ?3, ?4)";

/// Unless this form's words are the last that the client agreed to.
const CONSENT: &str = "
insert into client_consents (booking_id, business_id, client_id, purpose, granted, text_version, channel, evidence,
    address, at)
select ?1, ?2, ?3, 'service', true, ?4, 'form', ?5, ?6, ?7
where ?4 is not (select case when granted then text_version end from client_consents
    where client_id = ?3 and purpose = 'service' order by id desc limit 1)";

const AUDIT: &str = "
insert into audit_log (entity_id, entity, action, business_id, at, actor, actor_id, impersonator_id, address, request_id,
    new)
values (?1, 'booking', 'create', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// The client, if the number may be new, and what they choose.
pub(super) fn client(draft: &Draft) -> impl Iterator<Item = Statement<'_>> {
    let (business, created) = (draft.booking.business_id.get(), draft.booking.created_at.seconds());
    let phone = draft.newcomer().and(phone(draft));
    let chosen = draft.chosen.map(Language::as_str);
    let newcomer = phone.map(|phone| Statement {
        text: CLIENT,
        values: vec![
            business.into(),
            phone.into(),
            draft.name().into(),
            draft.search.as_deref().into(),
            chosen.into(),
            created.into(),
            draft.guessed.map(Language::as_str).into(),
        ],
    });
    let choice = phone.zip(chosen).map(|(phone, chosen)| Statement {
        text: CHOICE,
        values: vec![chosen.into(), created.into(), business.into(), phone.into()],
    });
    newcomer.into_iter().chain(choice)
}

/// The visit; gives its number and its client's.
pub(super) fn visit(draft: &Draft) -> Statement<'_> {
    let booking = &draft.booking;
    Statement {
        text: VISIT,
        values: vec![
            phone(draft).into(),
            booking.business_id.get().into(),
            draft.assumed.revision.into(),
            draft.assumed.client.is_none().into(),
            language_of_any(draft).into(),
            booking.created_at.seconds().into(),
            most_active(draft).into(),
            booking.client_id.map(ClientId::get).into(),
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
        ],
    }
}

/// What belongs to the visit with this number.
pub(super) fn parts(draft: &Draft, id: i64, client_id: Option<i64>) -> impl Iterator<Item = Statement<'_>> {
    let (business, created) = (draft.booking.business_id.get(), draft.booking.created_at.seconds());
    let origin = &draft.origin;
    let segments = draft.segments.iter().map(move |row| segment(draft, row, id));
    let messages = draft.messages.iter().map(move |row| message(draft, row, id));
    let transition = Statement {
        text: TRANSITION,
        values: vec![
            id.into(),
            business.into(),
            draft.booking.state.as_str().into(),
            origin.actor.into(),
            origin.actor_id.into(),
            remark(draft).into(),
            created.into(),
        ],
    };
    let link = draft.link.as_ref().map(|hash| Statement {
        text: LINK,
        values: vec![id.into(), business.into(), hash.as_slice().into(), created.into()],
    });
    let consent = client_id.filter(|_| draft.agrees()).map(|client_id| Statement {
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
    segments.chain([transition]).chain(messages).chain(link).chain(consent).chain([audit])
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

fn message<'d>(draft: &'d Draft, row: &'d MessageRow, id: i64) -> Statement<'d> {
    Statement {
        text: MESSAGE,
        values: vec![
            id.into(),
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
