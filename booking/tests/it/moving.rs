//! Moves that touch the visit's own time, and what they leave of what its client said.

use booking::access::Who;
use booking::booking::{
    Action, Booking, By, Change, CreateError, Move, MoveError, NewBooking, Party, acknowledge, change, find,
    move_visit, times_to_move,
};
use booking::id::{BookingId, MasterId, UserId};
use booking::outbox::{self, MessageKind, MessageState};
use booking::slots::{Item, Part};
use booking::user::Role;
use db::testing::on_each;
use jiff::civil::{Date, date};

use crate::salon::{ORIGIN, PUBLIC, Salon};

fn part(salon: &Salon, service: usize) -> Part {
    Part { service_id: salon.services[service], master_id: None, pause_minutes: 0 }
}

fn to<'a>(start: &str, parts: &'a [Part]) -> Move<'a> {
    let parts = (!parts.is_empty()).then_some(parts);
    Move { start: start.parse().unwrap(), parts, reason: None, version: None, late: false, notify: true }
}

async fn as_client(salon: &Salon, id: BookingId, to: &Move<'_>) -> Result<Booking, MoveError> {
    move_visit(&salon.platform, By::Client { business_id: salon.business.id, origin: &ORIGIN }, id, to).await
}

const DAY: Date = date(2026, 1, 16);

/// The times of the day that a visit could be moved to, on the wall, by those of `by`.
async fn times(salon: &Salon, by: By<'_>, id: BookingId, parts: Option<&[Part]>) -> Vec<String> {
    let free = times_to_move(&salon.platform, by, id, parts, (DAY, DAY)).await.unwrap();
    free.iter().map(|free| free.slot.wall.strftime("%H:%M").to_string()).collect()
}

fn masters(booking: &Booking) -> Vec<MasterId> {
    booking.segments.iter().map(|segment| segment.master_id).collect()
}

async fn book(salon: &Salon, start: &str, parts: &[Part]) -> Booking {
    let new = NewBooking {
        client: Party::Phone { phone: &"87771234567".parse().unwrap(), name: Some(&"Данияр".parse().unwrap()) },
        parts,
        start: start.parse().unwrap(),
        notes: &"".parse().unwrap(),
        language: None,
        source: PUBLIC,
    };
    booking::booking::create(&salon.platform, &salon.business, &new).await.unwrap()
}

#[tokio::test]
async fn a_move_to_anybody_is_not_in_its_own_way_and_stays_with_who_serves() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, _] = salon.masters[..] else { panic!("three masters") };
        let by_second = Item { service_id: salon.services[0], master_id: second };
        let visit = book(&salon, "2026-01-16T11:00:00", &[by_second.into()]).await;
        let any = [part(&salon, 0)];
        // Half of it is the visit's own time; the first master comes first, and is as free.
        let moved = as_client(&salon, visit.id, &to("2026-01-16T11:30:00", &any)).await.unwrap();
        assert_eq!((masters(&moved), moved.price_tiyn), (vec![second], visit.price_tiyn));
        // When both are taken but for the visit itself, it can still be moved within its own time.
        salon.book_items("2026-01-16T11:00:00", "87770000001", &[salon.cut()], PUBLIC).await.unwrap();
        let moved = as_client(&salon, visit.id, &to("2026-01-16T11:15:00", &any)).await.unwrap();
        assert_eq!(masters(&moved), [second]);
        // Where who serves is taken by somebody else, another does.
        salon.book_items("2026-01-16T12:30:00", "87770000002", &[by_second], PUBLIC).await.unwrap();
        let moved = as_client(&salon, visit.id, &to("2026-01-16T12:00:00", &any)).await.unwrap();
        assert_eq!(masters(&moved), [first]);
        salon.book_items("2026-01-16T11:00:00", "87770000003", &[by_second], PUBLIC).await.unwrap();
        // Where nobody is free, times that only the visit takes itself are offered.
        let refused = as_client(&salon, visit.id, &to("2026-01-16T11:30:00", &any)).await.unwrap_err();
        let MoveError::Visit(CreateError::SlotTaken { nearest }) = refused else { panic!("{refused:?}") };
        let nearest: Vec<String> = nearest.iter().map(|slot| slot.wall.strftime("%H:%M").to_string()).collect();
        assert!(nearest.contains(&"12:00".to_owned()), "{nearest:?}");
        // All of it is written, once.
        let found = find(&mut db.read().await.unwrap(), salon.business.id, visit.id).await.unwrap().unwrap();
        assert_eq!((found.version, masters(&found)), (4, vec![first]));
        assert_eq!(salon.count("segments").await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_visit_of_several_parts_moves_over_its_own_time() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, third] = salon.masters[..] else { panic!("three masters") };
        let [cut, manicure] = [0, 1].map(|service| part(&salon, service));
        let named = [Part { master_id: Some(second), ..cut }, Part { master_id: Some(third), ..manicure }];
        let visit = book(&salon, "2026-01-16T10:00:00", &named).await;
        let any = [cut, manicure];
        let moved = as_client(&salon, visit.id, &to("2026-01-16T10:15:00", &any)).await.unwrap();
        assert_eq!(masters(&moved), [second, third]);
        // The third master rests from 13:00: only the part that does not fit changes.
        let moved = as_client(&salon, visit.id, &to("2026-01-16T11:00:00", &any)).await.unwrap();
        assert_eq!(masters(&moved), [second, first]);
        // As it was named, it moves over itself as well.
        let moved = as_client(&salon, visit.id, &to("2026-01-16T11:30:00", &[])).await.unwrap();
        assert_eq!(masters(&moved), [second, first]);
    })
    .await;
}

#[tokio::test]
async fn a_master_moves_no_visit_into_a_calendar_that_they_do_not_see() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, _] = salon.masters[..] else { panic!("three masters") };
        let visit = salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
        salon.book("2026-01-16T15:00:00", "87770000001").await.unwrap();
        let who = Who::User { id: UserId::new(1), impersonator: None };
        let master = salon.staff(who, Role::Master, Some(first));
        let any = [part(&salon, 0)];
        let refused = move_visit(&salon.platform, By::Staff(&master), visit.id, &to("2026-01-16T15:00:00", &any)).await;
        assert!(matches!(refused, Err(MoveError::Visit(CreateError::SlotTaken { .. }))), "{refused:?}");
        let owner = salon.owner().await;
        let moved = move_visit(&salon.platform, By::Staff(&owner), visit.id, &to("2026-01-16T15:00:00", &any)).await;
        assert_eq!(masters(&moved.unwrap()), [second]);
    })
    .await;
}

#[tokio::test]
async fn a_move_to_where_the_visit_is_changes_nothing_and_tells_nobody() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let said = acknowledge(&salon.platform, client, visit.id).await.unwrap();
        let messages = salon.count("outbox").await;
        for parts in [&[][..], &[part(&salon, 0)]] {
            let moved = as_client(&salon, visit.id, &to("2026-01-16T14:00:00", parts)).await.unwrap();
            assert_eq!((moved.version, moved.acknowledged_at), (1, said.acknowledged_at));
        }
        assert_eq!(salon.count("outbox").await, messages);
    })
    .await;
}

#[tokio::test]
async fn after_a_move_the_client_has_said_nothing_and_is_asked_again() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-17T14:00:00", "87771234567").await.unwrap();
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let said = acknowledge(&salon.platform, client, visit.id).await.unwrap();
        assert!(said.acknowledged_at.is_some());
        let moved = as_client(&salon, visit.id, &to("2026-01-17T16:00:00", &[])).await.unwrap();
        assert_eq!(moved.acknowledged_at, None);
        let mut connection = db.read().await.unwrap();
        let found = find(&mut connection, salon.business.id, visit.id).await.unwrap().unwrap();
        assert_eq!((found.acknowledged_at, found.version), (None, 2));
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        let planned = messages.iter().filter(|message| message.state == MessageState::Planned);
        let reminders = planned.filter(|message| message.kind == MessageKind::Reminder).count();
        assert_eq!(reminders, 2);
        drop(connection);
        acknowledge(&salon.platform, client, visit.id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_times_for_a_move_are_those_of_everybody_and_those_that_only_the_visit_takes() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let visit = salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        let other = salon.book("2026-01-16T12:00:00", "87770000001").await.unwrap();
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let offered = times(&salon, client, visit.id, None).await;
        let public = salon.free(salon.cut(), DAY).await;
        let only: Vec<_> = offered.iter().filter(|time| !public.contains(time)).collect();
        assert_eq!(only, ["09:30", "10:00", "10:30"], "what the visit stands in the way of itself");
        assert!(public.iter().all(|time| offered.contains(time)), "{offered:?}");
        assert!(!offered.contains(&"11:30".to_owned()), "the other visit is in the way");
        // What is offered can be had, what is not cannot.
        for time in [&offered[0], &"10:30".to_owned(), &offered[offered.len() - 1], &"11:00".to_owned()] {
            as_client(&salon, visit.id, &to(&format!("2026-01-16T{time}:00"), &[])).await.unwrap();
        }
        as_client(&salon, visit.id, &to("2026-01-16T11:30:00", &[])).await.unwrap_err();
        // The other visit's own times are told to whoever moves that one only.
        assert!(times(&salon, client, other.id, None).await.contains(&"12:30".to_owned()));
        // Notice and horizon are the client's, not the staff's.
        let owner = salon.owner().await;
        let staff = times(&salon, By::Staff(&owner), visit.id, None).await;
        assert!(staff.len() >= offered.len());
    })
    .await;
}

#[tokio::test]
async fn times_for_a_move_follow_its_rules() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, _] = salon.masters[..] else { panic!("three masters") };
        let visit = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let range = |dates| times_to_move(&salon.platform, client, visit.id, None, dates);
        let wide = range((DAY, date(2026, 3, 19))).await;
        assert!(matches!(wide, Err(MoveError::Visit(CreateError::Offer(_)))));
        let nobodys = times_to_move(&salon.platform, client, BookingId::new(99), None, (DAY, DAY)).await;
        assert!(matches!(nobodys, Err(MoveError::NotFound)), "{nobodys:?}");
        // By anybody: for a master who sees no other calendar, only in their own.
        let who = Who::User { id: UserId::new(1), impersonator: None };
        let master = salon.staff(who, Role::Master, Some(first));
        let any = [part(&salon, 0)];
        let free = times_to_move(&salon.platform, By::Staff(&master), visit.id, Some(&any), (DAY, DAY)).await.unwrap();
        assert!(free.iter().all(|free| free.masters == [[first]]), "{free:?}");
        let stranger = salon.staff(who, Role::Master, Some(second));
        let hidden = times_to_move(&salon.platform, By::Staff(&stranger), visit.id, None, (DAY, DAY)).await;
        assert!(matches!(hidden, Err(MoveError::NotFound)), "{hidden:?}");
        // Near the visit the client is told whom to call, and who may move it late is told times.
        salon.travel_hours(51);
        let late = range((DAY, DAY)).await;
        assert!(matches!(late, Err(MoveError::TooLate { .. })), "{late:?}");
        let late = times_to_move(&salon.platform, By::Staff(&master), visit.id, None, (DAY, DAY)).await;
        assert!(matches!(late, Err(MoveError::TooLate { .. })), "{late:?}");
        let owner = salon.owner().await;
        let staff = times(&salon, By::Staff(&owner), visit.id, None).await;
        assert!(staff.contains(&"14:30".to_owned()), "{staff:?}");
        let cancel = Change { late: true, ..Change::of(Action::Cancel) };
        change(&salon.platform, By::Staff(&owner), visit.id, &cancel).await.unwrap();
        let gone = range((DAY, DAY)).await;
        assert!(matches!(gone, Err(MoveError::NotPossible { .. })), "{gone:?}");
    })
    .await;
}
