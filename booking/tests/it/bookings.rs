//! Booking, cancelling, listing.

use booking::availability::DayHours;
use booking::booking::{
    Action, Actor, BookingState, By, Change, ChangeError, CreateError, Filter, Remark, Source, change, find, list,
    transitions,
};
use booking::business;
use booking::clock::Timestamp;
use booking::id::{BookingId, MasterId, ServiceId};
use booking::outbox::{self, MessageKind, MessageState};
use booking::schedule;
use booking::slots::{self, Audience, Item, OfferError, Wanted};
use db::testing::{on_each, on_sqlite};
use jiff::civil::date;

use crate::salon::{PUBLIC, Salon};

const CANCEL: Change<'static> = Change::of(Action::Cancel);

#[tokio::test]
async fn a_visit_is_booked_with_its_messages() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        assert_eq!(booking.zone.rfc_3339(booking.starts_at), "2026-01-16T14:00:00+05:00");
        let mut connection = db.read().await.unwrap();
        let found = find(&mut connection, salon.business.id, booking.id).await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{booking:?}"), "what was returned is what was written");
        assert_eq!(found.client_phone.unwrap().expose(), "77771234567");

        let messages = outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap();
        let planned: Vec<_> = messages.iter().map(|message| (message.kind, message.due_at.to_string())).collect();
        let expected = [
            (MessageKind::Confirmation, "2026-01-14T05:00:00Z"),
            (MessageKind::Reminder, "2026-01-15T09:00:00Z"),
            (MessageKind::Reminder, "2026-01-16T07:00:00Z"),
        ];
        assert_eq!(planned, expected.map(|(kind, at)| (kind, at.to_owned())));
        assert!(messages.iter().all(|message| message.state == MessageState::Planned));
        assert!(messages[0].text.contains("в пятницу, 16 января, в 14:00"), "{}", messages[0].text);
        assert!(messages[1].text.contains("в пятницу, 16 января, в 14:00"));
        assert!(messages[2].text.contains("сегодня в 14:00"));

        let steps = transitions(&mut connection, salon.business.id, booking.id).await.unwrap();
        assert_eq!((steps.len(), steps[0].to, steps[0].actor), (1, BookingState::Confirmed, Actor::Client));
    })
    .await;
}

#[tokio::test]
async fn reminders_that_are_too_late_are_not_planned() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-14T11:00:00", "87771234567").await.unwrap();
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap();
        assert_eq!(messages.iter().map(|message| message.kind).collect::<Vec<_>>(), [MessageKind::Confirmation]);
    })
    .await;
}

#[tokio::test]
async fn what_overlaps_is_refused_with_the_nearest_free_times() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        for start in ["2026-01-16T14:00:00", "2026-01-16T13:30:00", "2026-01-16T14:59:00", "2026-01-16T13:01:00"] {
            let refused = salon.book(start, "87770000002").await.unwrap_err();
            let CreateError::SlotTaken { nearest } = refused else { panic!("{refused:?}") };
            let walls: Vec<_> = nearest.iter().map(|slot| slot.wall.to_string()).collect();
            assert_eq!(walls.len(), slots::ALTERNATIVES);
            assert!(walls.contains(&"2026-01-16T13:00:00".to_owned()), "{walls:?}");
            assert!(walls.contains(&"2026-01-16T15:00:00".to_owned()), "{walls:?}");
        }
        assert_eq!((salon.count("bookings").await, salon.count("outbox").await), (1, 3), "nothing half-done");
        // Side by side is no overlap, and another master is free.
        salon.book("2026-01-16T13:00:00", "87770000002").await.unwrap();
        salon.book("2026-01-16T15:00:00", "87770000002").await.unwrap();
        let other = Item { master_id: salon.masters[1], ..salon.cut() };
        salon.book_items("2026-01-16T13:00:00", "87770000002", &[other], PUBLIC).await.unwrap();
        assert_eq!(salon.count("clients").await, 2);
    })
    .await;
}

#[tokio::test]
async fn impossible_visits_say_why() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let book =
            async |start: &str, item: Item| salon.book_items(start, "87771234567", &[item], PUBLIC).await.unwrap_err();
        let (good, time) = (salon.cut(), "2026-01-16T14:00:00");
        assert!(matches!(book("2026-01-14T09:59:00", good).await, CreateError::Past));
        assert!(matches!(book("2026-12-16T14:00:00", good).await, CreateError::TooFar { .. }));
        let closed = book("2026-01-16T20:30:00", good).await;
        assert!(matches!(closed, CreateError::Closed { ref nearest } if nearest.len() == 5), "{closed:?}");
        let stranger = Item { master_id: MasterId::new(999), ..good };
        assert!(matches!(book(time, stranger).await, CreateError::Offer(OfferError::UnknownMaster)));
        let unknown = Item { service_id: ServiceId::new(999), ..good };
        assert!(matches!(book(time, unknown).await, CreateError::Offer(OfferError::UnknownService)));
        let not_theirs = Item { service_id: salon.services[0], master_id: salon.masters[2] };
        assert!(matches!(book(time, not_theirs).await, CreateError::Offer(OfferError::NotOffered)));
        let none = salon.book_items(time, "87771234567", &[], PUBLIC).await;
        assert!(matches!(none, Err(CreateError::Offer(OfferError::Parts))));
        assert_eq!(salon.count("bookings").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_time_the_clocks_jump_over_is_refused() {
    on_sqlite(async |db| {
        let mut salon = Salon::open(&db).await;
        let mut tx = db.begin().await.unwrap();
        tx.run_script("update businesses set time_zone = 'Europe/Berlin'").await.unwrap();
        tx.commit().await.unwrap();
        let read = business::by_id(&mut db.read().await.unwrap(), salon.business.id).await.unwrap();
        salon.business = read.unwrap();
        let refused = salon.book("2026-03-29T02:30:00", "87771234567").await.unwrap_err();
        assert!(matches!(refused, CreateError::NonExistentTime(_)), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_visit_can_have_several_parts_by_different_masters() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        // A cut by the second master from 12:00, a manicure by the first from 13:00.
        let parts = [
            Item { service_id: salon.services[0], master_id: salon.masters[1] },
            Item { service_id: salon.services[1], master_id: salon.masters[0] },
        ];
        let visit = salon.book_items("2026-01-16T12:00:00", "87771234567", &parts, PUBLIC).await.unwrap();
        assert_eq!((visit.ends_at.since(visit.starts_at), visit.price_tiyn), (150 * 60, 1_200_000));
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        assert!(messages[0].text.contains("Стрижка, Маникюр, мастер: Дмитрий, Айгуль"), "{}", messages[0].text);
        // The second part is taken: the first is not kept.
        let refused = salon.book_items("2026-01-16T12:30:00", "87770000002", &[parts[1]], PUBLIC).await;
        assert!(matches!(refused, Err(CreateError::SlotTaken { .. })));
        let refused = salon.book_items("2026-01-16T11:00:00", "87770000002", &parts, PUBLIC).await.unwrap_err();
        let CreateError::SlotTaken { nearest } = refused else { panic!("{refused:?}") };
        assert!(nearest.iter().all(|slot| slot.wall.to_string() != "2026-01-16T12:00:00"), "{nearest:?}");
        assert_eq!(salon.count("segments").await, 2);
    })
    .await;
}

#[tokio::test]
async fn staff_may_overbook_on_purpose() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let owner = salon.owner().await;
        let time = "2026-01-16T14:30:00";
        let staff = |overbook| Source::Staff { access: &owner, overbook };
        let plain = salon.book_items(time, "87770000002", &[salon.cut()], staff(false)).await;
        assert!(matches!(plain, Err(CreateError::SlotTaken { .. })));
        let over = salon.book_items(time, "87770000002", &[salon.cut()], staff(true)).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let steps = transitions(&mut connection, salon.business.id, over.id).await.unwrap();
        assert_eq!((steps[0].actor, steps[0].remark), (Actor::from(owner.origin.who), Some(Remark::Overbooked)));
        // What lies over others is not offered to the public either.
        let day = date(2026, 1, 16);
        let item = salon.cut();
        let free = salon.free(item, day).await;
        let has = |time: &str| free.iter().any(|free| free == time);
        assert!(has("13:00") && has("15:30") && !has("15:00"), "{free:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_visit_frees_its_time_and_takes_its_messages_back() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let done = salon.as_client(booking.id, &CANCEL).await.unwrap();
        assert_eq!((done.state, done.version), (BookingState::Cancelled, 2));
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, booking.id).await.unwrap();
        let (cancellations, others): (Vec<_>, Vec<_>) =
            messages.iter().partition(|message| message.kind == MessageKind::Cancellation);
        assert!(others.iter().all(|message| message.state == MessageState::Cancelled));
        assert_eq!((cancellations.len(), cancellations[0].state), (1, MessageState::Planned));
        drop(connection);
        let again = salon.as_client(booking.id, &CANCEL).await;
        assert!(matches!(
            again,
            Err(ChangeError::NotPossible { state: BookingState::Cancelled, action: Action::Cancel })
        ));
        salon.book("2026-01-16T14:00:00", "87770000002").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_visit_cannot_be_cancelled_late_unless_on_purpose() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        salon.travel_hours(50);
        let attempt = async |what: &Change<'_>| salon.as_client(booking.id, what).await;
        let stale = attempt(&Change { version: Some(9), ..CANCEL }).await.unwrap_err();
        assert!(matches!(stale, ChangeError::Stale { ref current } if current.version == 1), "{stale:?}");
        salon.travel_hours(1);
        let late = attempt(&CANCEL).await.unwrap_err();
        let ChangeError::TooLate { until, hours: 2, .. } = late else { panic!("{late:?}") };
        assert_eq!(until.to_string(), "2026-01-16T07:00:00Z");
        let meant = Change { late: true, ..CANCEL };
        assert!(matches!(attempt(&meant).await, Err(ChangeError::NotAllowed)), "a client is never late on purpose");
        let owner = salon.owner().await;
        let done = change(&salon.platform, By::Staff(&owner), booking.id, &meant).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let steps = transitions(&mut connection, salon.business.id, done.id).await.unwrap();
        assert_eq!((steps[1].remark, steps[1].actor), (Some(Remark::Late), Actor::from(owner.origin.who)));
    })
    .await;
}

#[tokio::test]
async fn the_log_of_states_cannot_be_changed() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let booking = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        salon.as_client(booking.id, &CANCEL).await.unwrap();
        for (statement, rule) in [
            ("update booking_transitions set reason = 'x'", "booking_transitions_append_only"),
            ("delete from booking_transitions", "booking_transitions_append_only"),
            ("update bookings set remark = 'x', notes = 'x'", "bookings_booked_by_stays"),
        ] {
            let mut tx = db.begin().await.unwrap();
            let error = db::execute!(&mut tx, statement).unwrap_err();
            assert!(error.is_constraint(rule), "{statement}: {error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_database_refuses_an_overlap_by_any_road() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let first = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let second = salon.book("2026-01-16T16:00:00", "87771234567").await.unwrap();
        let other = Item { master_id: salon.masters[1], ..salon.cut() };
        let third = salon.book_items("2026-01-16T16:00:00", "87771234567", &[other], PUBLIC).await.unwrap();
        let moves = [
            ("update booking_segments set busy_from = busy_from - 7100 where booking_id = $1", second.id),
            ("update booking_segments set busy_to = busy_to + 3601 where booking_id = $1", first.id),
        ];
        for (statement, id) in moves {
            let mut tx = db.begin().await.unwrap();
            let error = db::execute!(&mut tx, statement, id).unwrap_err();
            assert!(error.is_constraint(booking::schema::NO_OVERLAP), "{statement}: {error:?}");
        }
        let mut tx = db.begin().await.unwrap();
        let to_another = db::execute!(
            &mut tx,
            "update booking_segments set master_id = $1 where booking_id = $2",
            salon.masters[0],
            third.id
        );
        assert!(to_another.unwrap_err().is_constraint(booking::schema::NO_OVERLAP));
        drop(tx);
        // A dead one may lie anywhere, but not come back to life over another.
        salon.as_client(first.id, &CANCEL).await.unwrap();
        salon.book("2026-01-16T13:30:00", "87771234567").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let revived =
            db::execute!(&mut tx, "update booking_segments set live = $1 where booking_id = $2", true, first.id);
        assert!(revived.unwrap_err().is_constraint(booking::schema::NO_OVERLAP));
    })
    .await;
}

#[tokio::test]
async fn pages_have_neither_holes_nor_doubles() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        for hour in 10..17 {
            salon.book(&format!("2026-01-16T{hour}:00:00"), &format!("877712345{hour}")).await.unwrap();
        }
        let mut connection = db.read().await.unwrap();
        let (mut seen, mut before) = (Vec::<BookingId>::new(), None);
        loop {
            let filter = Filter { before, limit: 3, ..Filter::default() };
            let page = list(&mut connection, salon.business.id, &filter).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.iter().map(|booking| booking.id));
            // Somebody books meanwhile.
            salon.book(&format!("2026-01-17T{}:00:00", 9 + seen.len()), "87770000009").await.unwrap();
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.is_sorted_by(|one, next| one > next));
        let mine = |master_id| Filter { master_id: Some(master_id), limit: 200, ..Filter::default() };
        assert_eq!(list(&mut connection, salon.business.id, &mine(salon.masters[0])).await.unwrap().len(), 10);
        assert!(list(&mut connection, salon.business.id, &mine(salon.masters[1])).await.unwrap().is_empty());
        let noon = Timestamp::from(jiff::Timestamp::from_second(1_768_546_800).unwrap());
        let day = Filter { from: Some(noon), to: Some(noon.plus(3_600)), limit: 9, ..Filter::default() };
        let found = list(&mut connection, salon.business.id, &day).await.unwrap();
        assert_eq!(found.iter().map(|booking| booking.wall_start.hour()).collect::<Vec<_>>(), [12]);
    })
    .await;
}

#[tokio::test]
async fn free_times_follow_hours_exceptions_and_visits() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let (day, item) = (date(2026, 1, 16), salon.cut());
        let free = async || salon.free(item, day).await;
        assert_eq!((free().await.len(), free().await[0].as_str()), (23, "09:00"));
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        assert_eq!(free().await[..3], ["09:00", "11:00", "11:30"]);
        let mut tx = db.begin().await.unwrap();
        let short = DayHours::new(day, vec![booking::availability::Interval::new(600, 720).unwrap()]).unwrap();
        schedule::set_date(&mut tx, salon.business.id, item.master_id, &short).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(free().await, ["11:00"]);
        let mut tx = db.begin().await.unwrap();
        let off = DayHours::new(day, vec![]).unwrap();
        schedule::set_date(&mut tx, salon.business.id, item.master_id, &off).await.unwrap();
        tx.commit().await.unwrap();
        assert!(free().await.is_empty());
        let mut tx = db.begin().await.unwrap();
        schedule::clear_date(&mut tx, salon.business.id, item.master_id, day).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(free().await.len(), 20);
        // Today, only what is still to come.
        let today = date(2026, 1, 14);
        let step = Wanted::Step(Some(item.master_id));
        let ask = |to| slots::free(&salon.platform, &salon.business, step, (today, to), Audience::Public);
        let rest = ask(today).await.unwrap();
        assert_eq!(rest[0].slot.wall.strftime("%H:%M").to_string(), "10:30");
        let far = ask(date(2027, 1, 1)).await;
        assert!(matches!(far, Err(OfferError::Dates { most: 62 })));
    })
    .await;
}
