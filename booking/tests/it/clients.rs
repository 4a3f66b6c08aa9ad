//! Who is served: finding them, changing them, making one of two, forgetting them, and what they agreed to.

use booking::access::{Access, Origin, Who};
use booking::booking::{Action, Booking, Change, CreateError, Source, find as find_visit};
use booking::client::read::{Filter, list, show};
use booking::client::write::{ClientEdit, NewClient, block, create, update};
use booking::client::{self, Client, ClientError, Search, erase::erase, merge::merge};
use booking::consent::{self, Channel, Evidence, OPTED_OUT, Purpose};
use booking::id::{ClientId, MasterId, UserId};
use booking::language::Language;
use booking::outbox::{self, MessageKind, MessageState};
use booking::phone::Phone;
use booking::settings::Switches;
use booking::user::Role;
use booking::{account, contact, demo, lease, schema, timekeeping};
use db::Db;
use db::migration::Component;
use db::testing::on_each;

use crate::salon::Salon;

const BY_CHAT: Evidence<'static> =
    Evidence { channel: Channel::Chat, text_version: consent::CHAT_VERSION, id: Some("3EB0AA"), address: None };

pub(crate) fn access(salon: &Salon, role: Role, master_id: Option<MasterId>) -> Access {
    let sees = if role == Role::Master { Switches::NONE } else { Switches::ALL };
    let who = Who::User { id: UserId::new(2), impersonator: None };
    let origin =
        Origin { who, address: "10.0.0.7".parse().ok(), request_id: Some("r1".to_owned()), ..Origin::system() };
    Access { business_id: salon.business.id, origin, role, master_id, sees }
}

async fn write(salon: &Salon, name: &str, phone: Option<&str>) -> Result<Client, ClientError> {
    let phone: Option<Phone> = phone.map(|phone| phone.parse().unwrap());
    let new = NewClient {
        phone: phone.as_ref(),
        name: &name.parse().unwrap(),
        language: None,
        notes: &"".parse().unwrap(),
        health_notes: &"".parse().unwrap(),
        tags: &[],
    };
    create(&salon.platform, &access(salon, Role::Owner, None), &new).await
}

async fn found(salon: &Salon, access: &Access, typed: &str) -> Vec<String> {
    let search = Search::new(typed, access.sees.phones);
    let filter = Filter { search, limit: 50, ..Filter::default() };
    let clients = list(&salon.platform, access, &filter).await.unwrap();
    clients.iter().map(|client| client.name.as_str().to_owned()).collect()
}

async fn messages(salon: &Salon, booking: &booking::booking::Booking) -> Vec<(MessageState, Option<String>)> {
    let mut connection = salon.platform.db.read().await.unwrap();
    let messages = outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap();
    messages.into_iter().map(|message| (message.state, message.error)).collect()
}

#[tokio::test]
async fn a_number_is_one_client_within_a_business() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let first = write(&salon, "Әйгерім", Some("8 777 123 45 67")).await.unwrap();
        let again = write(&salon, "Другая", Some("+77771234567")).await;
        assert!(matches!(again, Err(ClientError::PhoneTaken { client_id }) if client_id == first.id), "{again:?}");
        let booking = salon.book("2026-01-16T14:00:00", "7771234567").await.unwrap();
        assert_eq!(booking.client_id, Some(first.id));
        let second = write(&salon, "Дана", Some("87001112233")).await.unwrap();
        let edit = ClientEdit { phone: "87771234567".parse().ok(), ..ClientEdit::default() };
        let taken = update(&salon.platform, &owner, second.id, &edit).await;
        assert!(matches!(taken, Err(ClientError::PhoneTaken { client_id }) if client_id == first.id), "{taken:?}");

        let edit = ClientEdit {
            phone: "87475556677".parse().ok(),
            name: "Айгерим".parse().ok(),
            language: Some(Language::Kk),
            notes: "любит зелёный чай".parse().ok(),
            health_notes: "аллергия".parse().ok(),
            tags: Some(vec!["vip".parse().unwrap()]),
        };
        let changed = update(&salon.platform, &owner, first.id, &edit).await.unwrap();
        assert_eq!(
            (changed.name.as_str(), changed.notes.as_str(), changed.health_notes.as_deref(), changed.language),
            ("Айгерим", "любит зелёный чай", Some("аллергия"), Some(Language::Kk))
        );
        assert_eq!(changed.history.upcoming, 1);
        assert_eq!(changed.history.next_visit_at, Some(booking.starts_at));
        assert_eq!(found(&salon, &owner, "aiger").await, ["Айгерим"]);
        let mut connection = db.read().await.unwrap();
        let phones = db::fetch_all!(&mut connection, (String,), "select distinct phone from outbox").unwrap();
        assert_eq!(phones, [("77475556677".to_owned(),)], "what is planned goes to the new number");
        let log = db::fetch_all!(
            &mut connection,
            (String, Option<String>, Option<String>),
            "select action, old, new from audit_log where entity = 'client' order by id",
        );
        let log = log.unwrap();
        assert_eq!(log.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["create", "create", "update"]);
        for secret in ["Айгерим", "чай", "аллергия", "7475556677", "7771234567"] {
            assert!(!format!("{log:?}").contains(secret), "{secret}: {log:?}");
        }
        assert!(format!("{log:?}").contains("6677"));
    })
    .await;
}

#[tokio::test]
async fn a_client_is_found_by_any_scrap() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        for (name, phone) in [
            ("Әйгерім Сәтбаева", "87771234567"),
            ("Дмитрий Цой", "87071112233"),
            ("Zhanna Ким", "87475556677"),
            ("Қанат", "+996555123456"),
        ] {
            write(&salon, name, Some(phone)).await.unwrap();
        }
        for (typed, expected) in [
            ("айгерим", "Әйгерім Сәтбаева"),
            ("SATBAEVA aiger", "Әйгерім Сәтбаева"),
            ("4567", "Әйгерім Сәтбаева"),
            ("+7 (777) 123-45-67", "Әйгерім Сәтбаева"),
            ("8777 123", "Әйгерім Сәтбаева"),
            ("tsoy", "Дмитрий Цой"),
            ("цой 2233", "Дмитрий Цой"),
            ("жанна", "Zhanna Ким"),
            ("кан", "Қанат"),
            ("555123", "Қанат"),
        ] {
            assert_eq!(found(&salon, &owner, typed).await, [expected], "{typed}");
        }
        assert_eq!(found(&salon, &owner, "").await.len(), 4);
        assert_eq!(found(&salon, &owner, "никого").await.len(), 0);
        let page = |before| Filter { before, limit: 3, ..Filter::default() };
        let first = list(&salon.platform, &owner, &page(None)).await.unwrap();
        let rest = list(&salon.platform, &owner, &page(first.last().map(|client| client.id))).await.unwrap();
        assert_eq!((first.len(), rest.len(), rest[0].name.as_str()), (3, 1, "Әйгерім Сәтбаева"));

        // Without the right to see numbers none is found by one.
        let blind = Access { sees: Switches { phones: false, ..Switches::ALL }, ..owner.clone() };
        assert_eq!(found(&salon, &blind, "4567").await.len(), 0);
        assert_eq!(found(&salon, &blind, "айгерим").await, ["Әйгерім Сәтбаева"]);
    })
    .await;
}

#[tokio::test]
async fn a_master_sees_whom_they_serve_and_may_note_things_down() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let other = write(&salon, "Чужая", Some("87001112233")).await.unwrap();
        let health = ClientEdit { health_notes: "аллергия".parse().ok(), ..ClientEdit::default() };
        update(&salon.platform, &owner, booking.client_id.unwrap(), &health).await.unwrap();
        let master = access(&salon, Role::Master, Some(salon.masters[0]));
        let colleague = access(&salon, Role::Master, Some(salon.masters[1]));
        assert_eq!(found(&salon, &master, "").await, ["Данияр"]);
        assert_eq!(found(&salon, &colleague, "").await.len(), 0);
        let (mine, upcoming) = show(&salon.platform, &master, booking.client_id.unwrap()).await.unwrap();
        assert_eq!((mine.health_notes.as_deref(), upcoming[0].booking_id), (Some("аллергия"), booking.id));
        for who in [&colleague, &master] {
            let hidden = show(&salon.platform, who, other.id).await;
            assert!(matches!(hidden, Err(ClientError::NotFound)), "{hidden:?}");
        }
        // Who sees all calendars sees the client, and not what is sensitive.
        let curious = Access { sees: Switches { calendars: true, ..Switches::NONE }, ..colleague };
        let (seen, _) = show(&salon.platform, &curious, booking.client_id.unwrap()).await.unwrap();
        assert_eq!(seen.health_notes, None);
        let refused = update(&salon.platform, &curious, booking.client_id.unwrap(), &health).await;
        assert!(matches!(refused, Err(ClientError::NotAllowed)), "{refused:?}");

        let notes = ClientEdit { notes: "коротко".parse().ok(), ..ClientEdit::default() };
        assert_eq!(
            update(&salon.platform, &master, booking.client_id.unwrap(), &notes).await.unwrap().notes,
            "коротко"
        );
        let name = ClientEdit { name: "Иначе".parse().ok(), ..ClientEdit::default() };
        let refused = update(&salon.platform, &master, booking.client_id.unwrap(), &name).await;
        assert!(matches!(refused, Err(ClientError::NotAllowed)), "{refused:?}");
        for refused in [
            merge(&salon.platform, &master, booking.client_id.unwrap(), other.id).await,
            erase(&salon.platform, &master, booking.client_id.unwrap(), false).await,
            block(&salon.platform, &master, booking.client_id.unwrap(), None).await,
        ] {
            assert!(matches!(refused, Err(ClientError::NotAllowed)), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_became_of_visits_is_counted_from_them() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let mut ids = Vec::new();
        for hour in 10..15 {
            ids.push(salon.book(&format!("2026-01-16T{hour}:00:00"), "87771234567").await.unwrap().id);
        }
        let client_id = {
            let mut connection = db.read().await.unwrap();
            find_visit(&mut connection, salon.business.id, ids[0]).await.unwrap().unwrap().client_id.unwrap()
        };
        let mut tx = db.begin().await.unwrap();
        for (id, state) in ids.iter().zip(["completed", "completed", "no_show", "cancelled"]) {
            db::execute!(&mut tx, "update bookings set state = $2 where id = $1", id, state).unwrap();
        }
        db::execute!(
            &mut tx,
            "insert into booking_transitions (business_id, booking_id, version, from_state, to_state, actor, remark, at)
             values ($1, $2, 2, 'confirmed', 'cancelled', 'client', 'late', 0)",
            salon.business.id,
            ids[3],
        )
        .unwrap();
        tx.commit().await.unwrap();
        let (client, upcoming) = show(&salon.platform, &owner, client_id).await.unwrap();
        let history = client.history;
        assert_eq!((history.visits, history.no_shows, history.late_cancellations, history.upcoming), (2, 1, 1, 1));
        assert_eq!(upcoming.len(), 1);
        assert_eq!(salon.business.zone.rfc_3339(history.last_visit_at.unwrap()), "2026-01-16T11:00:00+05:00");
    })
    .await;
}

#[tokio::test]
async fn two_clients_become_one_and_both_numbers_find_them() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let platform = &salon.platform;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let other_visit = salon.book("2026-01-16T16:00:00", "87001112233").await.unwrap();
        let (one, other) = (visit.client_id.unwrap(), other_visit.client_id.unwrap());
        let noted = ClientEdit {
            notes: "с собакой".parse().ok(),
            tags: Some(vec!["vip".parse().unwrap()]),
            ..ClientEdit::default()
        };
        update(platform, &owner, other, &noted).await.unwrap();
        block(platform, &owner, other, Some(&"не платит".parse().unwrap())).await.unwrap();
        assert!(matches!(merge(platform, &owner, one, one).await, Err(ClientError::Same)));

        let merged = merge(platform, &owner, one, other).await.unwrap();
        assert_eq!(
            (merged.id, merged.notes.as_str(), merged.tags.len(), merged.history.upcoming),
            (one, "с собакой", 1, 2)
        );
        assert_eq!(merged.standing.blocked_reason.as_deref(), Some("не платит"));
        assert_eq!(merged.other_phones.iter().map(Phone::expose).collect::<Vec<_>>(), ["77001112233"]);
        for typed in ["4567", "2233"] {
            assert_eq!(found(&salon, &owner, typed).await, ["Данияр"], "{typed}");
        }
        assert_eq!(show(platform, &owner, other).await.unwrap().0.id, one, "the other's number leads here");
        assert!(matches!(merge(platform, &owner, one, other).await, Err(ClientError::Same)));
        let refused = salon.book("2026-01-16T18:00:00", "87001112233").await;
        assert!(matches!(refused, Err(CreateError::Blocked)), "{refused:?}");
        block(platform, &owner, one, None).await.unwrap();
        let booked = salon.book("2026-01-16T18:00:00", "87001112233").await.unwrap();
        assert_eq!(booked.client_id, Some(one));
        let taken = write(&salon, "Кто-то", Some("87001112233")).await;
        assert!(matches!(taken, Err(ClientError::PhoneTaken { client_id }) if client_id == one), "{taken:?}");
        // They change places.
        let swap = ClientEdit { phone: "87001112233".parse().ok(), ..ClientEdit::default() };
        let swapped = update(platform, &owner, one, &swap).await.unwrap();
        assert_eq!(swapped.phone.unwrap().expose(), "77001112233");
        assert_eq!(swapped.other_phones[0].expose(), "77771234567");
        // Without a number of one's own one takes the other's.
        let walk_in = write(&salon, "Гость", None).await.unwrap();
        let third = write(&salon, "Дана", Some("87475556677")).await.unwrap();
        let named = merge(platform, &owner, walk_in.id, third.id).await.unwrap();
        assert_eq!(named.phone.unwrap().expose(), "77475556677");
        assert!(named.other_phones.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_blocked_client_books_with_the_staff_only() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let client = write(&salon, "Дана", Some("87771234567")).await.unwrap();
        let blocked =
            block(&salon.platform, &owner, client.id, Some(&"трижды не пришла".parse().unwrap())).await.unwrap();
        assert!(blocked.standing.blocked_at.is_some());
        let refused = salon.book("2026-01-16T14:00:00", "87771234567").await;
        assert!(matches!(refused, Err(CreateError::Blocked)), "{refused:?}");
        let staff = Source::Staff { access: &owner, overbook: false };
        salon.book_items("2026-01-16T14:00:00", "87771234567", &[salon.cut()], staff).await.unwrap();
        for _ in 0..2 {
            block(&salon.platform, &owner, client.id, None).await.unwrap();
        }
        salon.book("2026-01-16T16:00:00", "87771234567").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_client_who_is_erased_leaves_their_visits_only() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let platform = &salon.platform;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let other = salon.book("2026-01-16T16:00:00", "87001112233").await.unwrap();
        let id = merge(platform, &owner, visit.client_id.unwrap(), other.client_id.unwrap()).await.unwrap().id;
        let edit = ClientEdit {
            notes: "секретная заметка".parse().ok(),
            health_notes: "астма".parse().ok(),
            ..ClientEdit::default()
        };
        update(platform, &owner, id, &edit).await.unwrap();
        let refused = erase(platform, &owner, id, false).await;
        assert!(matches!(refused, Err(ClientError::HasVisits { count: 2 })), "{refused:?}");
        let late = Change {
            reason: Some(&"перепутала Данияр".parse().unwrap()), ..Change::of(Action::Cancel)
        };
        let third = salon.book("2026-01-20T14:00:00", "87771234567").await.unwrap();
        salon.as_client(third.id, &late).await.unwrap();
        // The operator's account met them too, and another business's client whom it wrote to.
        let mut tx = db.begin().await.unwrap();
        let shared = account::ensure_platform(&mut tx, platform.clock.now()).await.unwrap();
        for phone in ["77771234567", "77001112233"] {
            contact::note_sent(&mut tx, shared, &phone.parse().unwrap(), platform.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        for _ in 0..2 {
            let erased = erase(platform, &owner, id, true).await.unwrap();
            assert!(erased.standing.erased_at.is_some() && erased.phone.is_none() && erased.other_phones.is_empty());
            assert_eq!((erased.name.as_str(), erased.notes.as_str()), (client::NO_NAME, ""));
        }
        assert!(found(&salon, &owner, "").await.is_empty());
        assert_eq!(salon.count("bookings").await, 3, "the statistics stay");
        // Once more they are written to, about each visit that was called off, and about nothing else.
        let account = account::of_business(&mut db.read().await.unwrap(), salon.business.id).await.unwrap().unwrap();
        let now = platform.clock.now();
        let lease = lease::acquire(&db, account.id, "a", now, 300).await.unwrap().unwrap();
        let said = outbox::claim_due(&db, &platform.policy, &lease, now, 10).await.unwrap();
        let about: Vec<_> = said.iter().map(|message| (message.kind, message.booking_id)).collect();
        let off = |booking: &Booking| (MessageKind::Cancellation, Some(booking.id));
        assert_eq!(about.len(), 3);
        assert!([&visit, &other, &third].iter().all(|booking| about.contains(&off(booking))), "{about:?}");
        // One arrives, one fails, and of one nothing is heard any more.
        outbox::mark_sent(&db, &said[0], now).await.unwrap();
        outbox::mark_failed(&db, &lease, &said[1], outbox::Failure::Final, "not-on-whatsapp").await.unwrap();
        assert_eq!(timekeeping::round(platform).await.unwrap().forgotten, 2);
        salon.travel_hours(24);
        assert_eq!(timekeeping::round(platform).await.unwrap().forgotten, 1);
        assert_eq!(timekeeping::round(platform).await.unwrap().forgotten, 0);
        let mut connection = db.read().await.unwrap();
        let states = db::fetch_all!(
            &mut connection,
            (String,),
            "select state from outbox where kind = 'cancellation' order by state",
        );
        assert_eq!(states.unwrap(), ["expired", "failed", "sent"].map(|state| (state.to_owned(),)));
        let mut kept = String::new();
        for (table,) in tables(&db, &mut connection).await {
            kept.push_str(&dump(&db, &mut connection, &table).await);
        }
        assert!(kept.contains("Стрижка"));
        for secret in ["77771234567", "77001112233", "Данияр", "секретная", "астма", "перепутала", "10.0.0.9"]
        {
            assert!(!kept.contains(secret), "{secret}");
        }
        drop(connection);
        for refused in [
            update(platform, &owner, id, &edit).await,
            block(platform, &owner, id, Some(&"x".parse().unwrap())).await,
            merge(platform, &owner, id, write(&salon, "Дана", None).await.unwrap().id).await,
        ] {
            assert!(matches!(refused, Err(ClientError::Erased)), "{refused:?}");
        }
        assert_ne!(salon.book("2026-01-19T14:00:00", "87771234567").await.unwrap().client_id, Some(id));
    })
    .await;
}

#[tokio::test]
async fn a_client_who_wants_no_messages_is_erased_without_one() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let id = visit.client_id.unwrap();
        consent::told(&salon.platform, &owner, id, Purpose::Service, false).await.unwrap();
        erase(&salon.platform, &owner, id, true).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let left = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from outbox where phone <> '' or text <> '' or state = 'planned'",
        );
        assert_eq!(left.unwrap().0, 0);
    })
    .await;
}

#[tokio::test]
async fn the_logs_forget_and_change_in_no_other_way() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let why = Change { reason: Some(&"передумала".parse().unwrap()), ..Change::of(Action::Cancel) };
        salon.as_client(visit.id, &why).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let log = db::fetch_all!(&mut connection, (Option<String>,), "select new from audit_log").unwrap();
        assert!(!format!("{log:?}").contains("передумала"), "reasons stand with the visit only");
        drop(connection);
        for (sql, rule) in [
            ("update booking_transitions set reason = 'x'", "booking_transitions_append_only"),
            ("update booking_transitions set reason = null, at = 0", "booking_transitions_append_only"),
            ("update booking_transitions set reason = null, actor_id = 7", "booking_transitions_append_only"),
            ("delete from booking_transitions", "booking_transitions_append_only"),
            ("update audit_log set new = 'x'", "audit_log_append_only"),
            ("update audit_log set address = '10.0.0.1'", "audit_log_append_only"),
            ("update audit_log set new = null, action = 'x'", "audit_log_append_only"),
            ("delete from audit_log", "audit_log_append_only"),
        ] {
            let mut tx = db.begin().await.unwrap();
            let error = db::execute!(&mut tx, sql).unwrap_err();
            assert!(error.is_constraint(rule), "{sql}: {error:?}");
        }
        let mut tx = db.begin().await.unwrap();
        db::execute!(&mut tx, "update booking_transitions set reason = null").unwrap();
        db::execute!(&mut tx, "update audit_log set old = null, address = null").unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn whoever_opts_out_is_not_written_to_and_may_come_back() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let (platform, business_id) = (&salon.platform, salon.business.id);
        let phone: Phone = "87771234567".parse().unwrap();
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let now = platform.clock.now();
        let mut tx = db.begin().await.unwrap();
        let id = consent::opt_out(&mut tx, business_id, &phone, Purpose::Service, &BY_CHAT, now).await.unwrap();
        tx.commit().await.unwrap();
        let stopped = (MessageState::Cancelled, Some(OPTED_OUT.to_owned()));
        assert_eq!(messages(&salon, &visit).await, vec![stopped.clone(); 3]);
        // What is planned later is not sent either.
        let later = salon.book("2026-01-17T14:00:00", "87771234567").await.unwrap();
        assert_eq!(messages(&salon, &later).await, vec![stopped; 3]);
        let mut connection = db.read().await.unwrap();
        assert!(consent::has_opted_out(&mut connection, business_id, &phone, Purpose::Marketing).await.unwrap());
        let said = consent::of_client(&mut connection, business_id, id).await.unwrap();
        assert_eq!((said.len(), said[0].granted, said[0].evidence.as_deref()), (2, false, Some("3EB0AA")));
        drop(connection);

        let mut tx = db.begin().await.unwrap();
        consent::opt_in(&mut tx, business_id, &phone, Purpose::Service, &BY_CHAT, now).await.unwrap();
        tx.commit().await.unwrap();
        let states = messages(&salon, &visit).await;
        assert_eq!(states[1..], vec![(MessageState::Planned, None); 2], "reminders come back, old news does not");
        assert_eq!(states[0].0, MessageState::Cancelled);
        // Somebody nobody knows can say so too.
        let stranger: Phone = "87071112233".parse().unwrap();
        let mut tx = db.begin().await.unwrap();
        consent::opt_out(&mut tx, business_id, &stranger, Purpose::Service, &BY_CHAT, now).await.unwrap();
        tx.commit().await.unwrap();
        let visit = salon.book("2026-01-17T16:00:00", "87071112233").await.unwrap();
        assert!(messages(&salon, &visit).await.iter().all(|(state, _)| *state == MessageState::Cancelled));
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_planned_before_is_held_back_when_it_is_due() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        // As if another process had planned it just before.
        db::execute!(&mut tx, "update clients set service_stopped_at = 1").unwrap();
        tx.commit().await.unwrap();
        let mut connection = db.read().await.unwrap();
        let account = booking::account::of_business(&mut connection, salon.business.id).await.unwrap().unwrap();
        drop(connection);
        let now = salon.platform.clock.now();
        let lease = lease::acquire(&db, account.id, "a", now, 30).await.unwrap().unwrap();
        assert!(outbox::claim_due(&db, &salon.platform.policy, &lease, now, 10).await.unwrap().is_empty());
        let states = messages(&salon, &visit).await;
        assert_eq!(states[0], (MessageState::Cancelled, Some(OPTED_OUT.to_owned())));
        assert_eq!(states[1].0, MessageState::Planned, "not due yet");
    })
    .await;
}

#[tokio::test]
async fn the_staff_writes_down_what_a_client_said() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = access(&salon, Role::Owner, None);
        let client = write(&salon, "Дана", Some("87771234567")).await.unwrap();
        let told =
            async |purpose, wants| consent::told(&salon.platform, &owner, client.id, purpose, wants).await.unwrap();
        let both = |client: Client| {
            (client.standing.service_stopped_at.is_some(), client.standing.marketing_stopped_at.is_some())
        };
        assert_eq!(both(told(Purpose::Marketing, false).await), (false, true));
        assert_eq!(both(told(Purpose::Service, false).await), (true, true));
        assert_eq!(both(told(Purpose::Service, true).await), (false, true));
        assert_eq!(both(told(Purpose::Marketing, true).await), (false, false));
        let mut connection = db.read().await.unwrap();
        let said = consent::of_client(&mut connection, salon.business.id, client.id).await.unwrap();
        assert_eq!(said.iter().map(|said| said.granted).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(said.iter().all(|said| said.channel == Channel::Staff && said.evidence.as_deref() == Some("r1")));
    })
    .await;
}

#[tokio::test]
async fn no_function_reaches_into_another_business() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let client = write(&salon, "Дана", Some("87771234567")).await.unwrap();
        let mine = write(&salon, "Асель", Some("87001112233")).await.unwrap();
        let mut rival = access(&salon, Role::Owner, None);
        rival.business_id = booking::id::BusinessId::new(999);
        let platform = &salon.platform;
        let edit = ClientEdit { name: "Иначе".parse().ok(), ..ClientEdit::default() };
        assert!(list(platform, &rival, &Filter { limit: 10, ..Filter::default() }).await.unwrap().is_empty());
        for refused in [
            show(platform, &rival, client.id).await.map(|(client, _)| client),
            update(platform, &rival, client.id, &edit).await,
            block(platform, &rival, client.id, Some(&"x".parse().unwrap())).await,
            merge(platform, &rival, client.id, mine.id).await,
            erase(platform, &rival, client.id, true).await,
            consent::told(platform, &rival, client.id, Purpose::Service, false).await,
            show(platform, &access(&salon, Role::Owner, None), ClientId::new(i64::MAX)).await.map(|(client, _)| client),
        ] {
            assert!(matches!(refused, Err(ClientError::NotFound)), "{refused:?}");
        }
        assert_eq!(salon.count("clients").await, 2);
    })
    .await;
}

#[tokio::test]
async fn who_books_on_the_public_page_agrees_to_messages_about_the_visit() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        salon.book("2026-01-16T16:00:00", "87771234567").await.unwrap();
        let client_id = visit.client_id.unwrap();
        let mut connection = db.read().await.unwrap();
        let said = consent::of_client(&mut connection, salon.business.id, client_id).await.unwrap();
        // The same words are agreed to once.
        assert_eq!(said.len(), 1);
        let first = &said[0];
        assert_eq!((first.purpose, first.granted, first.channel), (Purpose::Service, true, Channel::Form));
        assert_eq!((first.text_version.as_str(), first.at), (consent::FORM_VERSION, visit.created_at));
        let visits =
            db::fetch_all!(&mut connection, (i64,), "select booking_id from client_consents order by id").unwrap();
        assert_eq!(visits[0].0, visit.id.get());
        drop(connection);

        // Whoever took it back, and then wants messages again, agrees anew with the next visit.
        let owner = access(&salon, Role::Owner, None);
        for wants in [false, true] {
            consent::told(&salon.platform, &owner, client_id, Purpose::Service, wants).await.unwrap();
        }
        let again = salon.book("2026-01-16T18:00:00", "87771234567").await.unwrap();
        let mut connection = db.read().await.unwrap();
        let said = consent::of_client(&mut connection, salon.business.id, client_id).await.unwrap();
        let form = |consent: &&consent::Consent| consent.channel == Channel::Form;
        let on_the_form: Vec<_> = said.iter().filter(form).map(|consent| consent.at).collect();
        assert_eq!(on_the_form, [again.created_at, visit.created_at]);
    })
    .await;
}

/// A database as it was before clients could be searched for.
#[tokio::test]
async fn clients_of_an_older_database_are_found_too() {
    on_each(async |db| {
        let old = Component { name: "booking", steps: &schema::COMPONENT.steps[..7] };
        db.migrate(&old).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        db::execute!(
            &mut tx,
            "insert into businesses (id, subdomain, name, phone, time_zone, language, state, created_at)
             values (1, 'demo', 'Салон', '77010000001', 'Asia/Almaty', 'ru', 'active', 0)",
        )
        .unwrap();
        for number in 0..1_203 {
            db::execute!(
                &mut tx,
                "insert into clients (business_id, phone, name, created_at, updated_at) values (1, $1, 'Ұлжан', 0, 0)",
                format!("7777{number:07}"),
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
        let platform = booking::platform::Platform::open(
            db.clone(),
            booking::clock::Clock::system(),
            booking::entropy::Entropy::seeded(1),
            booking::policy::Policy::default(),
        );
        let platform = platform.await.unwrap();
        let business_id = demo::seed(&platform).await.unwrap();
        let who =
            Access { business_id, origin: Origin::system(), role: Role::Owner, master_id: None, sees: Switches::ALL };
        let filter = Filter { search: Search::new("улжан", true), limit: 200, ..Filter::default() };
        assert_eq!(list(&platform, &who, &filter).await.unwrap().len(), 200);
        let mut connection = db.read().await.unwrap();
        let left =
            db::fetch_one!(&mut connection, (i64,), "select count(*) from clients where search is null").unwrap();
        assert_eq!(left.0, 0);
    })
    .await;
}

async fn tables(db: &Db, connection: &mut db::Connection) -> Vec<(String,)> {
    let _ = db;
    db::fetch_all!(
        connection,
        (String,),
        sqlite: "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
        postgres: "select table_name::text from information_schema.tables where table_schema = 'public'",
    )
    .unwrap()
}

/// A whole table as text.
async fn dump(db: &Db, connection: &mut db::Connection, table: &str) -> String {
    let _ = db;
    match connection.engine().unwrap() {
        db::Engine::Sqlite(engine) => {
            use db::sqlx::{Column, Row};
            let sql = format!("select * from {table}");
            let rows = db::sqlx::query(db::sqlx::AssertSqlSafe(sql)).fetch_all(engine).await.unwrap();
            let text = |row: &db::sqlx::sqlite::SqliteRow| {
                let cells = row.columns().iter().map(|column| {
                    row.try_get_unchecked::<Option<String>, _>(column.ordinal()).ok().flatten().unwrap_or_default()
                });
                cells.collect::<Vec<_>>().join("|")
            };
            rows.iter().map(text).collect::<Vec<_>>().join("\n")
        }
        db::Engine::Postgres(engine) => {
            let sql = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
            let row: (String,) = db::sqlx::query_as(db::sqlx::AssertSqlSafe(sql)).fetch_one(engine).await.unwrap();
            row.0
        }
    }
}
