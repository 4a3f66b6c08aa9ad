//! What becomes of visits: their states, moves, holds, links, and time.

use std::sync::Arc;

use booking::access::Who;
use booking::booking::{
    Action, Actor, Booking, BookingState, By, Change, ChangeError, CreateError, Move, MoveError, NewBooking, Party,
    Remark, Source, acknowledge, change, create, find, move_visit, replan_all, transitions,
};
use booking::hold::{self, Hold, HoldError, HoldToken};
use booking::id::{BookingId, UserId};
use booking::link::{self, LinkToken};
use booking::outbox::{self, MessageKind, MessageState};
use booking::settings::AfterVisit;
use booking::slots::Part;
use booking::timekeeping;
use booking::user::Role;
use db::Db;
use db::testing::on_each;
use tokio::task::JoinSet;

use crate::salon::{ORIGIN, PUBLIC, Salon};

const SLOT: &str = "2026-01-16T14:00:00";

pub(crate) async fn set(db: &Db, salon: &mut Salon, edit: impl FnOnce(&mut booking::settings::Settings)) {
    edit(&mut salon.business.settings);
    let text = serde_json::to_string(&salon.business.settings).unwrap();
    let mut tx = db.begin().await.unwrap();
    db::execute!(&mut tx, "update businesses set settings = $2 where id = $1", salon.business.id, text).unwrap();
    tx.commit().await.unwrap();
    let mut connection = db.read().await.unwrap();
    salon.business = booking::business::by_id(&mut connection, salon.business.id).await.unwrap().unwrap();
}

async fn kinds(db: &Db, salon: &Salon, id: BookingId) -> Vec<(MessageKind, MessageState)> {
    let mut connection = db.read().await.unwrap();
    let messages = outbox::of_booking(&mut connection, salon.business.id, id).await.unwrap();
    messages.iter().map(|message| (message.kind, message.state)).collect()
}

async fn state(db: &Db, salon: &Salon, id: BookingId) -> BookingState {
    let mut connection = db.read().await.unwrap();
    find(&mut connection, salon.business.id, id).await.unwrap().unwrap().state
}

async fn overlaps(db: &Db) -> i64 {
    let mut connection = db.read().await.unwrap();
    db::fetch_one!(
        &mut connection,
        (i64,),
        "select count(*) from booking_segments a join booking_segments b
         on a.master_id = b.master_id and a.id < b.id and a.busy_from < b.busy_to and b.busy_from < a.busy_to
         where a.live = true and b.live = true and a.overbooked = false and b.overbooked = false",
    )
    .unwrap()
    .0
}

fn any(salon: &Salon) -> Part {
    Part { service_id: salon.services[0], master_id: None, pause_minutes: 0 }
}

fn to(start: &str) -> Move<'static> {
    Move { start: start.parse().unwrap(), parts: None, reason: None, version: None, late: false, notify: true }
}

async fn book_any(salon: &Salon, start: &str, phone: &str) -> Result<Booking, CreateError> {
    let new = NewBooking {
        client: Party::Phone { phone: &phone.parse().unwrap(), name: Some(&"Данияр".parse().unwrap()) },
        parts: &[any(salon)],
        start: start.parse().unwrap(),
        notes: &"".parse().unwrap(),
        language: None,
        source: PUBLIC,
    };
    create(&salon.platform, &salon.business, &new).await
}

async fn hold(salon: &Salon, start: &str) -> Result<Hold, HoldError> {
    hold::hold(&salon.platform, &salon.business, &[salon.cut().into()], start.parse().unwrap(), &ORIGIN).await
}

#[tokio::test]
async fn a_request_waits_for_the_staff_and_goes_its_way() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        set(&db, &mut salon, |settings| settings.visits.staff_confirms = true).await;
        let owner = salon.owner().await;
        let visit = salon.book(SLOT, "87771234567").await.unwrap();
        assert_eq!(visit.state, BookingState::Pending);
        assert_eq!(kinds(&db, &salon, visit.id).await, [(MessageKind::Request, MessageState::Planned)]);
        let act = async |action, version| {
            let what = Change { version, ..Change::of(action) };
            change(&salon.platform, By::Staff(&owner), visit.id, &what).await
        };
        let refused = act(Action::Arrive, Some(1)).await.unwrap_err();
        assert!(matches!(refused, ChangeError::NotPossible { state: BookingState::Pending, .. }), "{refused:?}");
        assert_eq!(act(Action::Confirm, Some(1)).await.unwrap().version, 2);
        let planned = kinds(&db, &salon, visit.id).await;
        let expected = [
            (MessageKind::Request, MessageState::Cancelled),
            (MessageKind::Confirmation, MessageState::Planned),
            (MessageKind::Reminder, MessageState::Planned),
            (MessageKind::Reminder, MessageState::Planned),
        ];
        assert_eq!(planned, expected);
        let stale = act(Action::Arrive, Some(1)).await.unwrap_err();
        assert!(matches!(stale, ChangeError::Stale { ref current } if current.version == 2), "{stale:?}");
        assert!(matches!(act(Action::NoShow, None).await, Err(ChangeError::TooEarly { .. })));
        assert_eq!(act(Action::Arrive, Some(2)).await.unwrap().state, BookingState::Arrived);
        salon.travel_hours(53);
        assert_eq!(act(Action::Complete, Some(3)).await.unwrap().state, BookingState::Completed);
        assert_eq!(act(Action::Reopen, Some(4)).await.unwrap().state, BookingState::Arrived, "as it was before");
        let mut connection = db.read().await.unwrap();
        let steps = transitions(&mut connection, salon.business.id, visit.id).await.unwrap();
        assert_eq!(steps.len(), 5);
        assert_eq!((steps[0].actor, steps[1].actor), (Actor::Client, Actor::from(owner.origin.who)));
        let (logged,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from audit_log where entity = 'booking' and entity_id = $1",
            visit.id,
        )
        .unwrap();
        assert_eq!(logged, 5, "each change is in the audit log");
    })
    .await;
}

#[tokio::test]
async fn who_did_not_come_frees_the_time_and_cannot_take_it_back_from_others() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let visit = salon.book("2026-01-14T11:00:00", "87771234567").await.unwrap();
        salon.travel_hours(1);
        let act = async |action| change(&salon.platform, By::Staff(&owner), visit.id, &Change::of(action)).await;
        act(Action::NoShow).await.unwrap();
        assert_eq!(act(Action::Reopen).await.unwrap().state, BookingState::Confirmed);
        act(Action::NoShow).await.unwrap();
        let staff = Source::Staff { access: &owner, overbook: false };
        salon.book_items("2026-01-14T11:30:00", "87770000002", &[salon.cut()], staff).await.unwrap();
        let refused = act(Action::Reopen).await.unwrap_err();
        assert!(matches!(refused, ChangeError::SlotTaken { ref nearest } if !nearest.is_empty()), "{refused:?}");
        assert_eq!(state(&db, &salon, visit.id).await, BookingState::NoShow);
    })
    .await;
}

#[tokio::test]
async fn the_staff_books_for_anybody_and_a_master_for_themselves() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let me =
            salon.staff(Who::User { id: UserId::new(2), impersonator: None }, Role::Master, Some(salon.masters[1]));
        let book = async |access, client, start: &str, parts: &[Part]| {
            let new = NewBooking {
                client,
                parts,
                start: start.parse().unwrap(),
                notes: &"".parse().unwrap(),
                language: None,
                source: Source::Staff { access, overbook: false },
            };
            create(&salon.platform, &salon.business, &new).await
        };
        let cut: [Part; 1] = [salon.cut().into()];
        let walk_in = book(&owner, Party::WalkIn { name: None }, SLOT, &cut).await.unwrap();
        assert_eq!((walk_in.client_id, &walk_in.client_name), (None, &None));
        assert!(kinds(&db, &salon, walk_in.id).await.is_empty());
        let known = salon.book("2026-01-16T16:00:00", "87771234567").await.unwrap().client_id.unwrap();
        let again = book(&owner, Party::Known(known), "2026-01-17T16:00:00", &cut).await.unwrap();
        assert_eq!((again.client_id, again.client_phone.is_some()), (Some(known), true));
        let phone = "87009998877".parse().unwrap();
        let nameless = book(&owner, Party::Phone { phone: &phone, name: None }, "2026-01-17T10:00:00", &cut).await;
        assert!(matches!(nameless, Err(CreateError::Nameless)));
        let stranger = book(&owner, Party::Known(booking::id::ClientId::new(999)), "2026-01-17T10:00:00", &cut).await;
        assert!(matches!(stranger, Err(CreateError::UnknownClient)));
        // Not in the first master's calendar; of anybody's, only in their own.
        let not_mine = book(&me, Party::WalkIn { name: None }, "2026-01-17T12:00:00", &cut).await;
        assert!(matches!(not_mine, Err(CreateError::NotTheirs)));
        let mine = book(&me, Party::WalkIn { name: None }, "2026-01-17T12:00:00", &[any(&salon)]).await.unwrap();
        assert_eq!(mine.segments[0].master_id, salon.masters[1]);
        let hidden = change(&salon.platform, By::Staff(&me), again.id, &Change::of(Action::Arrive)).await;
        assert!(matches!(hidden, Err(ChangeError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn one_number_books_so_many_visits_by_itself() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        set(&db, &mut salon, |settings| settings.visits.most_active = Some(2)).await;
        for hour in [10, 11] {
            salon.book(&format!("2026-01-16T{hour}:00:00"), "87771234567").await.unwrap();
        }
        let refused = salon.book("2026-01-16T12:00:00", "87771234567").await;
        assert!(matches!(refused, Err(CreateError::TooMany { most: 2 })), "{refused:?}");
        salon.book("2026-01-16T12:00:00", "87770000002").await.unwrap();
        let owner = salon.owner().await;
        let staff = Source::Staff { access: &owner, overbook: false };
        salon.book_items("2026-01-16T13:00:00", "87771234567", &[salon.cut()], staff).await.unwrap();
    })
    .await;
}

/// Two masters cut hair.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_any_master_as_many_get_one_as_there_are() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        let mut tasks = JoinSet::new();
        for n in 0..60 {
            let salon = Arc::clone(&salon);
            tasks.spawn(async move { book_any(&salon, "2026-01-16T10:00:00", &format!("8777000{n:04}")).await });
        }
        let mut masters = Vec::new();
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                Ok(visit) => masters.push(visit.segments[0].master_id),
                Err(CreateError::SlotTaken { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        masters.sort_unstable();
        assert_eq!(masters, salon.masters[..2]);
        assert_eq!(overlaps(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_hold_keeps_a_time_for_its_visitor_and_never_after_its_end() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let held = hold(&salon, SLOT).await.unwrap();
        assert_eq!(held.until.since(salon.platform.clock.now()), 600);
        let refused = salon.book(SLOT, "87770000002").await;
        assert!(matches!(refused, Err(CreateError::SlotTaken { .. })), "{refused:?}");
        assert!(matches!(hold(&salon, SLOT).await, Err(HoldError::Create(CreateError::SlotTaken { .. }))));
        // Its visitor books.
        let book = async |token: &HoldToken| {
            let mut connection = db.read().await.unwrap();
            let found = hold::find(&mut connection, &salon.business, token, salon.platform.clock.now()).await.unwrap();
            drop(connection);
            let kept = found.ok_or(CreateError::HoldOver)?;
            let new = NewBooking {
                client: Party::Phone {
                    phone: &"87771234567".parse().unwrap(), name: Some(&"Алия".parse().unwrap())
                },
                parts: &kept.parts,
                start: kept.start,
                notes: &"".parse().unwrap(),
                language: None,
                source: Source::Public { origin: &ORIGIN, hold: Some(token), browser: None },
            };
            create(&salon.platform, &salon.business, &new).await
        };
        let visit = book(&held.token).await.unwrap();
        assert_eq!(visit.wall_start.to_string(), SLOT);
        let mut connection = db.read().await.unwrap();
        let steps = transitions(&mut connection, salon.business.id, visit.id).await.unwrap();
        assert_eq!(steps[0].remark, Some(Remark::Held));
        drop(connection);
        assert!(matches!(book(&held.token).await, Err(CreateError::HoldOver)), "a hold is good for one visit");
        // One that is over is in nobody's way, before any sweep.
        let late = hold(&salon, "2026-01-16T16:00:00").await.unwrap();
        salon.travel_hours(1);
        salon.book("2026-01-16T16:30:00", "87770000002").await.unwrap();
        assert!(matches!(book(&late.token).await, Err(CreateError::HoldOver)));
        // One that is given back frees its time at once.
        let back = hold(&salon, "2026-01-16T18:00:00").await.unwrap();
        hold::release(&salon.platform, salon.business.id, &back.token).await.unwrap();
        salon.book("2026-01-16T18:00:00", "87770000003").await.unwrap();
        assert_eq!(overlaps(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_address_holds_only_so_much_and_the_sweep_takes_what_is_over() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        for hour in 10..13 {
            hold(&salon, &format!("2026-01-16T{hour}:00:00")).await.unwrap();
        }
        let refused = hold(&salon, SLOT).await;
        assert!(matches!(refused, Err(HoldError::TooMany { .. })), "{refused:?}");
        salon.travel_hours(1);
        let round = timekeeping::round(&salon.platform).await.unwrap();
        assert_eq!(round.holds, 3);
        assert_eq!(salon.count("segments").await, 0);
        hold(&salon, SLOT).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_hold_book_and_move_to_one_time_one_gets_it() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        let mut visits = Vec::new();
        for n in 0..8 {
            let start = format!("2026-01-{}T1{}:00:00", 19 + n / 4, n % 4);
            visits.push(salon.book(&start, &format!("8777111{n:04}")).await.unwrap().id);
        }
        let mut tasks: JoinSet<bool> = JoinSet::new();
        for n in 0..24 {
            let salon = Arc::clone(&salon);
            let visit = visits[n % 8];
            tasks.spawn(async move {
                let by = By::Client { business_id: salon.business.id, origin: &ORIGIN };
                match n % 3 {
                    0 => match salon.book(SLOT, &format!("8777000{n:04}")).await {
                        Ok(_) => true,
                        Err(CreateError::SlotTaken { .. }) => false,
                        Err(error) => panic!("{error:?}"),
                    },
                    1 => match hold(&salon, "2026-01-16T14:30:00").await {
                        Ok(_) => true,
                        Err(HoldError::Create(CreateError::SlotTaken { .. }) | HoldError::TooMany { .. }) => false,
                        Err(error) => panic!("{error:?}"),
                    },
                    _ => match move_visit(&salon.platform, by, visit, &to("2026-01-16T13:30:00")).await {
                        Ok(_) => true,
                        Err(MoveError::Visit(CreateError::SlotTaken { .. }) | MoveError::Stale { .. }) => false,
                        Err(error) => panic!("{error:?}"),
                    },
                }
            });
        }
        let mut won = 0;
        while let Some(task) = tasks.join_next().await {
            won += i32::from(task.unwrap());
        }
        // A visit may move onto the time it was moved to before: that wins twice and takes nothing more.
        assert!(won >= 1, "somebody gets it");
        assert_eq!(overlaps(&db).await, 0);
        let mut connection = db.read().await.unwrap();
        let (holders,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from booking_segments where live = true and master_id = $1
                 and starts_at < $3 and ends_at > $2",
            salon.masters[0],
            salon.business.zone.instant("2026-01-16T14:00:00".parse().unwrap()).unwrap(),
            salon.business.zone.instant("2026-01-16T15:00:00".parse().unwrap()).unwrap(),
        )
        .unwrap();
        assert!((1..=2).contains(&holders), "13:30 to 14:30 leaves room for a hold from 14:30: {holders}");
    })
    .await;
}

#[tokio::test]
async fn a_moved_visit_takes_its_messages_along() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let owner = salon.owner().await;
        let visit = salon.book(SLOT, "87771234567").await.unwrap();
        let taken = salon.book("2026-01-17T14:00:00", "87770000002").await.unwrap();
        let refused = move_visit(&salon.platform, By::Staff(&owner), visit.id, &to("2026-01-17T14:30:00")).await;
        let Err(MoveError::Visit(CreateError::SlotTaken { nearest })) = refused else { panic!("{refused:?}") };
        assert!(!nearest.is_empty());
        let mut connection = db.read().await.unwrap();
        let same = find(&mut connection, salon.business.id, visit.id).await.unwrap().unwrap();
        assert_eq!(format!("{same:?}"), format!("{visit:?}"), "nothing was changed");
        drop(connection);
        let stale = Move { version: Some(9), ..to("2026-01-19T10:00:00") };
        let stale = move_visit(&salon.platform, By::Staff(&owner), visit.id, &stale).await;
        assert!(matches!(stale, Err(MoveError::Stale { .. })));
        // To another master, at a time that the first one does not have.
        let parts = [Part { master_id: Some(salon.masters[1]), ..salon.cut().into() }];
        let moved = Move { parts: Some(&parts), version: Some(1), ..to("2026-01-17T15:00:00") };
        let moved = move_visit(&salon.platform, By::Staff(&owner), visit.id, &moved).await.unwrap();
        assert_eq!((moved.version, moved.segments[0].master_id), (2, salon.masters[1]));
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        let planned: Vec<_> = messages.iter().filter(|message| message.state == MessageState::Planned).collect();
        assert_eq!(planned.len(), 3, "a change and two reminders");
        assert!(planned[0].text.contains("16 января") && planned[0].text.contains("17 января"), "{}", planned[0].text);
        assert!(planned[1..].iter().all(|message| message.text.contains("15:00")));
        let steps = transitions(&mut connection, salon.business.id, visit.id).await.unwrap();
        let (from, at) = steps[1].moved.unwrap();
        assert_eq!((from.to_string(), at.to_string()), (SLOT.to_owned(), "2026-01-17T15:00:00".to_owned()));
        drop(connection);
        // The old time is free, and going back brings the old reminders back, each once.
        salon.book("2026-01-16T13:30:00", "87770000003").await.unwrap();
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let late = Move { late: true, ..to("2026-01-19T10:00:00") };
        salon.travel_hours(76);
        assert!(matches!(move_visit(&salon.platform, client, visit.id, &late).await, Err(MoveError::NotAllowed)));
        let refused = move_visit(&salon.platform, client, visit.id, &to("2026-01-19T10:00:00")).await;
        assert!(matches!(refused, Err(MoveError::TooLate { hours: 2, .. })), "{refused:?}");
        move_visit(&salon.platform, By::Staff(&owner), visit.id, &late).await.unwrap();
        assert_eq!(state(&db, &salon, taken.id).await, BookingState::Confirmed);
        assert_eq!(overlaps(&db).await, 0);
    })
    .await;
}

/// Two visits that want each other's time, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_that_move_all_at_once_never_overlap() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        let (mut tasks, mut visits) = (JoinSet::new(), Vec::new());
        for n in 0..6_usize {
            let start = format!("2026-01-19T{}:00:00", 10 + n);
            visits.push(salon.book(&start, &format!("8777222{n:04}")).await.unwrap().id);
        }
        for (n, id) in visits.into_iter().enumerate() {
            let salon = Arc::clone(&salon);
            tasks.spawn(async move {
                let by = By::Client { business_id: salon.business.id, origin: &ORIGIN };
                for step in 0..6 {
                    let start = format!("2026-01-19T{}:{:02}:00", 10 + (n * 5 + step * 7) % 8, (step % 2) * 30);
                    match move_visit(&salon.platform, by, id, &to(&start)).await {
                        Ok(_)
                        | Err(
                            MoveError::Visit(CreateError::SlotTaken { .. } | CreateError::Closed { .. })
                            | MoveError::Stale { .. },
                        ) => {}
                        // Who waited for others in a circle is told to try again.
                        Err(MoveError::Store(error)) if error.is_transient() => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        assert_eq!(overlaps(&db).await, 0);
        assert_eq!(salon.count("segments").await, 6, "each visit still has its time");
    })
    .await;
}

#[tokio::test]
async fn time_expires_requests_and_ends_visits_as_the_salon_wants() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let done = salon.book("2026-01-14T11:00:00", "87771234567").await.unwrap();
        set(&db, &mut salon, |settings| {
            settings.visits.staff_confirms = true;
            settings.visits.pending_hours = Some(3);
        })
        .await;
        let asked = salon.book(SLOT, "87770000002").await.unwrap();
        salon.travel_hours(2);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 0);
        salon.travel_hours(2);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 1);
        assert_eq!(state(&db, &salon, asked.id).await, BookingState::Expired);
        assert!(kinds(&db, &salon, asked.id).await.contains(&(MessageKind::Expiry, MessageState::Planned)));
        salon.travel_hours(12);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 1);
        assert_eq!(state(&db, &salon, done.id).await, BookingState::Completed);
        set(&db, &mut salon, |settings| {
            settings.visits.staff_confirms = false;
            settings.visits.after_visit = AfterVisit::NoShow;
            settings.visits.after_visit_hours = Some(0);
        })
        .await;
        let missed = salon.book(SLOT, "87770000003").await.unwrap();
        salon.travel_hours(48);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 1);
        assert_eq!(state(&db, &salon, missed.id).await, BookingState::NoShow);
        let mut connection = db.read().await.unwrap();
        let steps = transitions(&mut connection, salon.business.id, missed.id).await.unwrap();
        assert_eq!(steps[1].actor, Actor::System);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap(), timekeeping::Round::default());
    })
    .await;
}

#[tokio::test]
async fn one_process_keeps_time() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let now = salon.platform.clock.real_now();
        assert!(timekeeping::acquire(&db, "one", now, 60).await.unwrap());
        assert!(!timekeeping::acquire(&db, "two", now.plus(59), 60).await.unwrap());
        assert!(timekeeping::acquire(&db, "one", now.plus(59), 60).await.unwrap());
        assert!(timekeeping::acquire(&db, "two", now.plus(119), 60).await.unwrap(), "the first one died");
        timekeeping::release(&db, "two").await.unwrap();
        assert!(timekeeping::acquire(&db, "one", now.plus(120), 60).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_rules_reaches_visits_that_are_booked() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let visit = salon.book(SLOT, "87771234567").await.unwrap();
        set(&db, &mut salon, |settings| settings.messages.reminder_hours = Some(vec![24, 5])).await;
        let mut tx = db.begin().await.unwrap();
        replan_all(&mut tx, salon.business.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().planned, 1);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().planned, 0);
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        let mut planned: Vec<_> = messages
            .iter()
            .filter(|message| message.state == MessageState::Planned)
            .map(|message| (message.kind, message.due_at.to_string()))
            .collect();
        planned.sort_by_key(|(_, at)| at.clone());
        let expected = [
            (MessageKind::Confirmation, "2026-01-14T05:00:00Z"),
            (MessageKind::Reminder, "2026-01-15T09:00:00Z"),
            (MessageKind::Reminder, "2026-01-16T04:00:00Z"),
        ];
        assert_eq!(planned, expected.map(|(kind, at)| (kind, at.to_owned())));
        assert_eq!(messages.len(), 4, "the one that is no longer wanted is taken back");
    })
    .await;
}

/// Time would otherwise undo within seconds what the staff has taken back.
#[tokio::test]
async fn what_the_staff_reopens_after_its_time_is_theirs_to_end() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        set(&db, &mut salon, |settings| settings.visits.after_visit = AfterVisit::NoShow).await;
        let owner = salon.owner().await;
        let act = async |id, action| change(&salon.platform, By::Staff(&owner), id, &Change::of(action)).await.unwrap();
        let visit = salon.book(SLOT, "87771234567").await.unwrap();
        salon.travel_hours(72);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 1);
        assert_eq!(state(&db, &salon, visit.id).await, BookingState::NoShow);
        assert_eq!(act(visit.id, Action::Reopen).await.state, BookingState::Confirmed);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 0);
        assert_eq!(state(&db, &salon, visit.id).await, BookingState::Confirmed);
        assert_eq!(act(visit.id, Action::Complete).await.state, BookingState::Completed);
        // Before its time is over, time goes on as it did.
        let second = salon.book("2026-01-18T14:00:00", "87770000002").await.unwrap();
        act(second.id, Action::Arrive).await;
        act(second.id, Action::Reopen).await;
        salon.travel_hours(72);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().visits, 1);
        assert_eq!(state(&db, &salon, second.id).await, BookingState::NoShow);
    })
    .await;
}

/// As if the visits had been booked before the zone moved by an hour.
#[tokio::test]
async fn a_visit_keeps_its_wall_time_when_its_zone_changes() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let first = salon.book("2026-01-16T14:00:00", "87771234567").await.unwrap();
        let second = salon.book("2026-01-16T15:00:00", "87770000002").await.unwrap();
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().moved, 0, "the zone is seen for the first time");
        let mut tx = db.begin().await.unwrap();
        tx.run_script(
            "update booking_segments set live = false;
             update booking_segments set starts_at = starts_at - 3600, ends_at = ends_at - 3600,
                 busy_from = busy_from - 3600, busy_to = busy_to - 3600;
             update booking_segments set live = true;
             update bookings set starts_at = starts_at - 3600, ends_at = ends_at - 3600;
             update zone_rules set fingerprint = 'as it was'",
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        salon.travel_hours(2);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().moved, 2);
        let mut connection = db.read().await.unwrap();
        for visit in [&first, &second] {
            let found = find(&mut connection, salon.business.id, visit.id).await.unwrap().unwrap();
            assert_eq!((found.starts_at, found.wall_start), (visit.starts_at, visit.wall_start));
            assert_eq!(found.segments[0].starts_at, visit.segments[0].starts_at);
            let steps = transitions(&mut connection, salon.business.id, visit.id).await.unwrap();
            assert_eq!(steps[1].remark, Some(Remark::Zone));
        }
        drop(connection);
        salon.travel_hours(2);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().moved, 0);
        assert_eq!(overlaps(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_link_leads_to_its_visit_until_that_is_over() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let mut policy = booking::policy::Policy::clone(&salon.platform.policy);
        policy.public_url = Some("https://example.kz".to_owned());
        salon.platform.policy = Arc::new(policy);
        let visit = salon.book(SLOT, "87771234567").await.unwrap();
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        let (_, token) = messages[0].text.split_once("/api/v1/visit/").expect("the confirmation has the link");
        let token = LinkToken::given(token.split_whitespace().next().unwrap());
        let found = link::find(&mut connection, &token, salon.platform.clock.now()).await.unwrap();
        assert_eq!(found, Some((salon.business.id, visit.id)));
        let other = LinkToken::given("0123456789abcdef0123456789abcdef");
        assert_eq!(link::find(&mut connection, &other, salon.platform.clock.now()).await.unwrap(), None);
        let (kept,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from visit_links where token_hash = $1",
            token.expose().as_bytes(),
        )
        .unwrap();
        assert_eq!(kept, 0, "only a hash is kept");
        drop(connection);
        let client = By::Client { business_id: salon.business.id, origin: &ORIGIN };
        let said = acknowledge(&salon.platform, client, visit.id).await.unwrap();
        assert!(said.acknowledged_at.is_some() && said.version == 1);
        salon.travel_hours(54);
        let mut connection = db.read().await.unwrap();
        assert_eq!(link::find(&mut connection, &token, salon.platform.clock.now()).await.unwrap(), None);
    })
    .await;
}
