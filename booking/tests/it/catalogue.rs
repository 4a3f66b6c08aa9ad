//! Services, masters, schedules, holidays and templates, on both engines.

use booking::access::{Access, Origin, Staff};
use booking::availability::{DayHours, Interval, VisitLength};
use booking::booking::{NewBooking, Party, Source, create, find};
use booking::business;
use booking::holiday::{self, HolidayError, HolidayState};
use booking::id::{MasterId, ServiceId, TimeOffId};
use booking::language::Language;
use booking::localized::Localized;
use booking::master::{self, MasterError, MasterFields, MasterService};
use booking::name::Notes;
use booking::outbox::{self, MessageKind, MessageState};
use booking::schedule::{
    self, Intent, MOST_BROKEN, NewTimeOff, ScheduleChange, ScheduleError, ShiftPattern, TimeOffKind, WeeklyInterval,
};
use booking::service::{self, ServiceError, ServiceFields};
use booking::settings::Switches;
use booking::slots::Part;
use booking::template::{self, Template, TemplateError};
use booking::user::{self, Credentials, LoginName, Registration, Role};
use db::testing::on_each;
use jiff::civil::{Date, Weekday, date};

use crate::salon::{PUBLIC, Salon};

const DAY: Date = date(2026, 1, 16);

fn owner(salon: &Salon) -> Staff {
    Staff {
        access: Access {
            business_id: salon.business.id,
            origin: Origin::system(),
            role: Role::Owner,
            master_id: None,
            sees: Switches::ALL,
        },
        business: salon.business.clone(),
    }
}

/// Somebody who runs another salon, which has nothing of its own.
async fn rival(salon: &Salon) -> Staff {
    let form = Registration {
        email: "rival@example.kz",
        password: "correct horse",
        full_name: "Соперник",
        phone: "87012223344",
        business_name: "Соперник",
        subdomain: "rival",
    };
    let registered = user::register(&salon.platform, &form).await.unwrap();
    let mut connection = salon.platform.db.read().await.unwrap();
    let business = business::by_id(&mut connection, registered.business_id.unwrap()).await.unwrap().unwrap();
    let mut staff = owner(salon);
    staff.access.business_id = business.id;
    Staff { business, ..staff }
}

fn named(ru: &str, kk: Option<&str>) -> Localized<booking::name::Name> {
    Localized { ru: Some(ru.parse().unwrap()), kk: kk.map(|text| text.parse().unwrap()), en: None }
}

fn fields(name: &str, price_tiyn: i64, duration: u16) -> ServiceFields {
    let length = VisitLength { duration, buffer_before: 0, buffer_after: 0 };
    ServiceFields::new(named(name, None), price_tiyn, length)
}

fn hours(start: u16, end: u16) -> Interval {
    Interval::new(start, end).unwrap()
}

fn every_day(start: u16, end: u16) -> Vec<WeeklyInterval> {
    let week = Weekday::Monday.cycle_forward().take(7);
    week.map(|weekday| WeeklyInterval { weekday, interval: hours(start, end) }).collect()
}

async fn audited(salon: &Salon, entity: &str) -> Vec<(String, Option<String>, Option<String>)> {
    db::fetch_all!(
        &mut salon.platform.db.read().await.unwrap(),
        (String, Option<String>, Option<String>),
        "select action, old, new from audit_log where business_id = $1 and entity = $2 order by id",
        salon.business.id,
        entity,
    )
    .unwrap()
}

#[tokio::test]
async fn a_service_is_written_changed_ordered_and_archived() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let mut wanted = fields("Массаж", 900_000, 45);
        wanted.name.kk = Some("Уқалау".parse().unwrap());
        wanted.description.ru = Some("Спина\nи шея".parse().unwrap());
        wanted.category = named("Тело", None);
        (wanted.price_from, wanted.cancel_hours, wanted.notice_minutes) = (true, Some(24), 60);
        let added = service::add(&salon.platform, &staff, &wanted).await.unwrap();
        assert_eq!((added.fields.clone(), added.position, added.name.as_str()), (wanted.clone(), 4, "Массаж"));

        let cheaper = ServiceFields { price_tiyn: 800_000, ..wanted.clone() };
        assert!(service::change(&salon.platform, &staff, added.id, &cheaper, Intent::Ask).await.unwrap().changed);
        let changed = service::find(&mut db.read().await.unwrap(), salon.business.id, added.id).await.unwrap().unwrap();
        assert_eq!(changed.fields.price_tiyn, 800_000);
        let log = audited(&salon, "service").await;
        assert_eq!(log.len(), 2);
        let (action, old, new) = &log[1];
        assert_eq!(
            (action.as_str(), old.as_deref(), new.as_deref()),
            ("update", Some(r#"{"price_tiyn":900000}"#), Some(r#"{"price_tiyn":800000}"#),)
        );

        let mut order: Vec<ServiceId> = salon.services.clone();
        order.insert(0, added.id);
        let ordered = service::reorder(&salon.platform, &staff, &order).await.unwrap();
        assert_eq!(ordered.iter().map(|service| service.id).collect::<Vec<_>>(), order);
        let twice = [added.id, added.id, order[1], order[2], order[3]];
        let refused = service::reorder(&salon.platform, &staff, &twice).await;
        assert!(matches!(refused, Err(ServiceError::Order)), "{refused:?}");

        assert!(service::archive(&salon.platform, &staff, added.id, Intent::Ask).await.unwrap().changed);
        let mut connection = db.read().await.unwrap();
        let archived = service::find(&mut connection, salon.business.id, added.id).await.unwrap().unwrap();
        assert!(!archived.fields.active);
        assert_eq!(service::active(&mut connection, salon.business.id).await.unwrap().len(), 4);
        assert_eq!(service::list(&mut connection, salon.business.id).await.unwrap().len(), 5);
        assert_eq!(
            audited(&salon, "service").await.iter().map(|entry| entry.0.as_str()).collect::<Vec<_>>(),
            ["create", "update", "reorder", "archive"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_service_out_of_range_is_refused_with_its_field() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let add = async |fields: &ServiceFields| service::add(&salon.platform, &staff, fields).await.unwrap_err();
        let nameless = ServiceFields { name: Localized::default(), ..fields("x", 0, 1) };
        assert!(matches!(add(&nameless).await, ServiceError::NoName));
        for (wrong, field) in [
            (fields("x", -1, 60), "price_tiyn"),
            (fields("x", 0, 0), "duration_minutes"),
            (fields("x", 0, 721), "duration_minutes"),
            (ServiceFields { horizon_days: 0, ..fields("x", 0, 60) }, "horizon_days"),
            (ServiceFields { notice_minutes: 43_201, ..fields("x", 0, 60) }, "notice_minutes"),
            (ServiceFields { move_hours: Some(721), ..fields("x", 0, 60) }, "move_hours"),
        ] {
            let error = add(&wrong).await;
            assert!(matches!(error, ServiceError::Range(range) if range.field == field), "{error:?}");
        }
        assert!(audited(&salon, "service").await.is_empty(), "nothing was changed");
    })
    .await;
}

#[tokio::test]
async fn a_new_price_touches_only_new_visits() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let before = salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        let service = service::find(&mut db.read().await.unwrap(), salon.business.id, salon.services[0]).await;
        let fields = service.unwrap().unwrap().fields;
        let dearer = ServiceFields { price_tiyn: 600_000, ..fields };
        service::change(&salon.platform, &staff, salon.services[0], &dearer, Intent::Ask).await.unwrap();
        let after = salon.book("2026-01-16T12:00:00", "87771234567").await.unwrap();
        assert_eq!((before.price_tiyn, after.price_tiyn), (500_000, 600_000));
        let kept = booking::booking::find(&mut db.read().await.unwrap(), salon.business.id, before.id).await;
        assert_eq!(kept.unwrap().unwrap().price_tiyn, 500_000);
    })
    .await;
}

#[tokio::test]
async fn a_master_has_their_own_times_prices_and_buffers() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let anna = MasterFields { name: "Анна".parse().unwrap(), user_id: None, active: true };
        let anna = master::add(&salon.platform, &staff, &anna).await.unwrap();
        let own = MasterService {
            duration_minutes: Some(40),
            price_tiyn: Some(450_000),
            buffer_before_minutes: Some(5),
            buffer_after_minutes: Some(10),
            ..salon.services[0].into()
        };
        let set = async |services: &[MasterService]| {
            master::set_services(&salon.platform, &staff, anna.id, services, Intent::Ask).await
        };
        set(&[own.clone(), salon.services[3].into()]).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let offer = master::offered(&mut connection, salon.business.id, anna.id, salon.services[0]).await;
        let offer = offer.unwrap().unwrap();
        assert_eq!(offer.length, VisitLength { duration: 40, buffer_before: 5, buffer_after: 10 });
        assert_eq!(offer.price_tiyn, 450_000);
        let error = set(&[own.clone(), own.clone()]).await.unwrap_err();
        assert!(matches!(error, MasterError::Twice), "{error:?}");
        let error = set(&[ServiceId::new(999).into()]).await.unwrap_err();
        assert!(matches!(error, MasterError::UnknownService), "{error:?}");
        let error = set(&[MasterService { duration_minutes: Some(0), ..own }]).await.unwrap_err();
        assert!(matches!(error, MasterError::Range(range) if range.field == "duration_minutes"));
        let found = master::find(&mut db.read().await.unwrap(), salon.business.id, anna.id).await.unwrap().unwrap();
        assert_eq!(found.services, [salon.services[0], salon.services[3]], "nothing of what was refused is kept");
    })
    .await;
}

#[tokio::test]
async fn a_login_belongs_to_one_master_of_the_business() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let (staff, stranger) = (owner(&salon), rival(&salon).await);
        let login = async |email, password| {
            let credentials = Credentials { name: LoginName::Email(email), password, address: None };
            user::login(&salon.platform, &credentials).await.unwrap().0
        };
        let owner = login("owner@demo.jazyl.tech", "demo123").await;
        let rivals = login("rival@example.kz", "correct horse").await;
        let change = async |id: MasterId, user_id| {
            let fields = MasterFields { name: "Айгуль".parse().unwrap(), user_id, active: true };
            master::change(&salon.platform, &staff, id, &fields, Intent::Ask).await
        };
        change(salon.masters[0], Some(owner.id)).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let found = master::of_user(&mut connection, salon.business.id, owner.id).await.unwrap();
        assert_eq!(found, Some(salon.masters[0]));
        let taken = change(salon.masters[1], Some(owner.id)).await;
        assert!(matches!(taken, Err(MasterError::UserTaken)), "{taken:?}");
        let foreign = change(salon.masters[1], Some(rivals.id)).await;
        assert!(matches!(foreign, Err(MasterError::UnknownUser)), "{foreign:?}");
        let none = MasterFields { name: "x".parse().unwrap(), user_id: None, active: true };
        let crossed = master::change(&salon.platform, &stranger, salon.masters[0], &none, Intent::Confirmed).await;
        assert!(matches!(crossed, Err(MasterError::NotFound)), "{crossed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_change_that_breaks_visits_lists_them_first() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let (master_id, late) = (salon.masters[0], every_day(540, 960));
        let visit = salon.book("2026-01-16T16:30:00", "87771234567").await.unwrap();
        salon.book("2026-01-16T15:00:00", "87771234567").await.unwrap();
        let set = async |intent| {
            schedule::change(&salon.platform, &staff, master_id, &ScheduleChange::Weekly(&late), intent).await
        };
        let weekly = async || {
            let found = schedule::find(&mut db.read().await.unwrap(), salon.business.id, master_id).await;
            found.unwrap().unwrap().weekly
        };
        let before = weekly().await;
        let refused = set(Intent::Ask).await.unwrap_err();
        let ScheduleError::Breaks(broken) = refused else { panic!("{refused:?}") };
        assert_eq!((broken.count, broken.visits.len()), (1, 1));
        assert_eq!((broken.visits[0].booking_id, broken.visits[0].first_name.as_str()), (visit.id, "Данияр"));
        let tried = set(Intent::DryRun).await.unwrap();
        assert_eq!((tried.changed, &tried.broken), (false, &broken));
        assert_eq!(weekly().await, before);
        assert!(audited(&salon, "schedule").await.is_empty());
        let made = set(Intent::Confirmed).await.unwrap();
        assert_eq!((made.changed, &made.broken), (true, &broken));
        assert_eq!(weekly().await, late);
        assert_eq!(audited(&salon, "schedule").await.len(), 1);
        // The visit stays, and is not broken a second time.
        let found = booking::booking::find(&mut db.read().await.unwrap(), salon.business.id, visit.id).await;
        assert!(found.unwrap().unwrap().state.is_live());
        assert_eq!(set(Intent::Ask).await.unwrap().broken.count, 0);
    })
    .await;
}

#[tokio::test]
async fn patterns_breaks_dates_and_time_off_make_the_hours() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let master_id = salon.masters[0];
        let change = async |change: ScheduleChange<'_>| {
            schedule::change(&salon.platform, &staff, master_id, &change, Intent::Ask).await.unwrap()
        };
        let on = async |day: Date| {
            let days = schedule::hours(&mut db.read().await.unwrap(), salon.business.id, master_id, day, day).await;
            days.unwrap().remove(0).intervals().iter().map(|i| (i.start(), i.end())).collect::<Vec<_>>()
        };
        // Two on, two off from the 16th, a Friday.
        let shifts =
            ShiftPattern { anchor: DAY, days: vec![vec![hours(480, 1_200)], vec![hours(480, 1_200)], vec![], vec![]] };
        change(ScheduleChange::Pattern(Some(&shifts))).await;
        let pause = [WeeklyInterval { weekday: Weekday::Saturday, interval: hours(720, 780) }];
        change(ScheduleChange::Breaks(&pause)).await;
        assert_eq!(on(date(2026, 1, 15)).await, [(540, 1_260)], "the week until the anchor");
        assert_eq!(on(DAY).await, [(480, 1_200)]);
        assert_eq!(on(date(2026, 1, 17)).await, [(480, 720), (780, 1_200)]);
        assert_eq!(on(date(2026, 1, 18)).await, []);
        assert_eq!(on(date(2026, 1, 20)).await, [(480, 1_200)]);
        let sunday = DayHours::new(date(2026, 1, 18), vec![hours(600, 660)]).unwrap();
        change(ScheduleChange::Date(&sunday)).await;
        assert_eq!(on(date(2026, 1, 18)).await, [(600, 660)]);
        // Some hours of the whole salon, and a day of the master.
        let reason: Notes = "Санитарный день".parse().unwrap();
        let mut off =
            NewTimeOff { master_id: None, from: (DAY, 0), to: (DAY, 600), kind: TimeOffKind::Closed, reason: &reason };
        let (id, outcome) = schedule::add_time_off(&salon.platform, &staff, &off, Intent::Ask).await.unwrap();
        assert!(outcome.changed);
        assert_eq!(on(DAY).await, [(600, 1_200)]);
        (off.master_id, off.from, off.to) = (Some(master_id), (DAY, 0), (date(2026, 1, 17), 1_440));
        schedule::add_time_off(&salon.platform, &staff, &off, Intent::Ask).await.unwrap();
        assert_eq!((on(DAY).await, on(date(2026, 1, 17)).await), (vec![], vec![]));
        let mut connection = db.read().await.unwrap();
        let listed = schedule::time_off(&mut connection, salon.business.id, None, DAY, DAY).await.unwrap();
        assert_eq!(listed.iter().map(|row| row.master_id).collect::<Vec<_>>(), [None, Some(master_id)]);
        assert_eq!(listed[0].reason.as_str(), "Санитарный день");
        schedule::remove_time_off(&salon.platform, &staff, id.unwrap()).await.unwrap();
        let found = schedule::find(&mut connection, salon.business.id, master_id).await.unwrap().unwrap();
        assert_eq!((found.pattern, found.breaks.as_slice(), found.dates.len()), (Some(shifts), pause.as_slice(), 1));
        change(ScheduleChange::Pattern(None)).await;
        change(ScheduleChange::ClearDate(date(2026, 1, 18))).await;
        assert_eq!(on(date(2026, 1, 18)).await, [(540, 1_260)]);
        // Everything was written down.
        assert_eq!(audited(&salon, "schedule").await.len(), 5);
        let actions: Vec<_> = audited(&salon, "time_off").await.into_iter().map(|entry| entry.0).collect();
        assert_eq!(actions, ["create", "create", "delete"]);
    })
    .await;
}

#[tokio::test]
async fn closing_a_day_of_the_salon_breaks_everybodys_visits_and_frees_no_times() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        let other = booking::slots::Item { master_id: salon.masters[1], ..salon.cut() };
        salon.book_items("2026-01-16T10:00:00", "87770000002", &[other], PUBLIC).await.unwrap();
        let reason = Notes::default();
        let off = NewTimeOff {
            master_id: None,
            from: (DAY, 0),
            to: (DAY, 1_440),
            kind: TimeOffKind::Closed,
            reason: &reason,
        };
        let refused = schedule::add_time_off(&salon.platform, &staff, &off, Intent::Ask).await;
        assert!(matches!(refused, Err(ScheduleError::Breaks(ref visits)) if visits.count == 2), "{refused:?}");
        schedule::add_time_off(&salon.platform, &staff, &off, Intent::Confirmed).await.unwrap();
        assert!(salon.free(salon.cut(), DAY).await.is_empty());
        let backward = NewTimeOff { to: (DAY, 540), from: (DAY, 600), ..off.clone() };
        let refused = schedule::add_time_off(&salon.platform, &staff, &backward, Intent::Ask).await;
        assert!(matches!(refused, Err(ScheduleError::TimeOffRange)), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn archiving_a_master_with_visits_asks_first() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        let archive = async |intent| master::archive(&salon.platform, &staff, salon.masters[0], intent).await;
        assert!(matches!(archive(Intent::Ask).await, Err(MasterError::Breaks(visits)) if visits.count == 1));
        assert!(archive(Intent::Confirmed).await.unwrap().changed);
        let mut connection = db.read().await.unwrap();
        assert_eq!(master::active(&mut connection, salon.business.id).await.unwrap().len(), 2);
        assert_eq!(master::list(&mut connection, salon.business.id).await.unwrap().len(), 3);
        assert!(master::archive(&salon.platform, &staff, salon.masters[2], Intent::Ask).await.unwrap().changed);
    })
    .await;
}

#[tokio::test]
async fn what_is_booked_is_not_taken_from_the_catalogue_unasked() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let [cut, ..] = salon.services[..] else { panic!("services") };
        let visit = salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        // Somebody who came in, whom nobody wrote down, by another master.
        let new = NewBooking {
            client: Party::WalkIn { name: None },
            parts: &[Part { service_id: cut, master_id: Some(salon.masters[1]), pause_minutes: 0 }],
            start: "2026-01-16T11:00:00".parse().unwrap(),
            notes: &Notes::default(),
            language: None,
            source: Source::Staff { access: &staff.access, overbook: false },
        };
        create(&salon.platform, &salon.business, &new).await.unwrap();

        // A master no longer offers it.
        let [first, ..] = salon.masters[..] else { panic!("masters") };
        let others: Vec<MasterService> = salon.services[1..].iter().map(|id| (*id).into()).collect();
        let take = async |intent| master::set_services(&salon.platform, &staff, first, &others, intent).await;
        let refused = take(Intent::Ask).await.unwrap_err();
        let MasterError::Breaks(broken) = refused else { panic!("{refused:?}") };
        assert_eq!((broken.count, broken.visits[0].booking_id), (1, visit.id));
        assert!(!take(Intent::DryRun).await.unwrap().changed);
        let offers = async || {
            let found = master::find(&mut db.read().await.unwrap(), salon.business.id, first).await;
            found.unwrap().unwrap().services.len()
        };
        assert_eq!(offers().await, 4);
        assert!(audited(&salon, "master").await.is_empty());
        assert_eq!(take(Intent::Confirmed).await.unwrap().broken, broken);
        assert_eq!(offers().await, 3);

        // Nobody offers it: what is broken already is not broken once more.
        let archive = async |intent| service::archive(&salon.platform, &staff, cut, intent).await;
        let refused = archive(Intent::Ask).await.unwrap_err();
        let ServiceError::Breaks(broken) = refused else { panic!("{refused:?}") };
        assert_eq!((broken.count, broken.visits[0].master_id), (1, salon.masters[1]));
        assert_eq!(broken.visits[0].first_name, "");
        assert!(service::is_active(&mut db.read().await.unwrap(), salon.business.id, cut).await.unwrap());
        assert!(archive(Intent::Confirmed).await.unwrap().changed);
        let found = find(&mut db.read().await.unwrap(), salon.business.id, visit.id).await.unwrap().unwrap();
        assert!(found.state.is_live(), "visits stay");
    })
    .await;
}

#[tokio::test]
async fn of_many_broken_visits_the_first_are_shown_and_all_are_counted() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let style = booking::slots::Item { service_id: salon.services[3], master_id: salon.masters[0] };
        let mut last = None;
        let source = Source::Staff { access: &staff.access, overbook: false };
        for n in 0..MOST_BROKEN + 3 {
            let (day, half) = (16 + n / 24, n % 24);
            let start = format!("2026-01-{day}T{:02}:{:02}:00", 9 + half / 2, half % 2 * 30);
            let visit = salon.book_items(&start, "87771234567", &[style], source).await.unwrap();
            last = if n + 1 == MOST_BROKEN { Some(visit.id) } else { last };
        }
        let archived = master::archive(&salon.platform, &staff, salon.masters[0], Intent::DryRun).await.unwrap();
        assert_eq!((archived.broken.count, archived.broken.visits.len()), (MOST_BROKEN + 3, MOST_BROKEN));
        assert_eq!(archived.broken.visits.last().map(|visit| visit.booking_id), last);
    })
    .await;
}

#[tokio::test]
async fn new_windows_and_names_reach_reminders_that_are_planned() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let visit = salon.book("2026-01-17T10:00:00", "87771234567").await.unwrap();
        let cut = salon.services[0];
        let found = service::find(&mut db.read().await.unwrap(), salon.business.id, cut).await.unwrap().unwrap();
        let mut wanted = found.fields;
        wanted.cancel_hours = Some(7);
        wanted.name.ru = Some("Модельная стрижка".parse().unwrap());
        service::change(&salon.platform, &staff, cut, &wanted, Intent::Ask).await.unwrap();
        let anna = MasterFields { name: "Анна".parse().unwrap(), user_id: None, active: true };
        master::change(&salon.platform, &staff, salon.masters[0], &anna, Intent::Ask).await.unwrap();
        assert_eq!(booking::timekeeping::round(&salon.platform).await.unwrap().planned, 1);
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        let reminders: Vec<&str> = messages
            .iter()
            .filter(|message| message.kind == MessageKind::Reminder && message.state == MessageState::Planned)
            .map(|message| message.text.as_str())
            .collect();
        assert_eq!(reminders.len(), 2);
        for text in reminders {
            assert!(text.contains("Модельная стрижка") && text.contains("Анна"), "{text}");
        }
        let booked = find(&mut connection, salon.business.id, visit.id).await.unwrap().unwrap();
        assert_eq!(booked.cancel_deadline(&salon.business, &salon.platform.policy).hours, 7);
        drop(connection);
        // A price is no matter of those who have booked.
        wanted.price_tiyn += 1;
        service::change(&salon.platform, &staff, cut, &wanted, Intent::Ask).await.unwrap();
        assert_eq!(booking::timekeeping::round(&salon.platform).await.unwrap().planned, 0);
    })
    .await;
}

#[tokio::test]
async fn a_holiday_closes_only_when_the_salon_says_so() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let staff = owner(&salon);
        let nauryz = date(2026, 3, 22);
        let state = async || {
            let mut connection = db.read().await.unwrap();
            let policy = &salon.platform.policy;
            let all = holiday::decisions(&mut connection, &policy.holidays, salon.business.id, 2026).await.unwrap();
            assert_eq!(all.len(), 21);
            all.iter().find(|decision| decision.date == nauryz).unwrap().state
        };
        let decide = async |day, state, intent| holiday::decide(&salon.platform, &staff, day, state, intent).await;
        assert_eq!(state().await, HolidayState::Undecided);
        assert!(!salon.free(salon.cut(), nauryz).await.is_empty(), "a suggestion closes nothing");
        salon.book("2026-03-22T14:00:00", "87771234567").await.unwrap();
        let refused = decide(nauryz, HolidayState::Closed, Intent::Ask).await;
        assert!(matches!(refused, Err(HolidayError::Breaks(ref visits)) if visits.count == 1), "{refused:?}");
        decide(nauryz, HolidayState::Closed, Intent::Confirmed).await.unwrap();
        assert_eq!(state().await, HolidayState::Closed);
        assert!(salon.free(salon.cut(), nauryz).await.is_empty());
        decide(nauryz, HolidayState::Open, Intent::Ask).await.unwrap();
        assert_eq!(state().await, HolidayState::Open);
        assert!(!salon.free(salon.cut(), nauryz).await.is_empty());
        let plain = decide(date(2026, 3, 17), HolidayState::Closed, Intent::Ask).await;
        assert!(matches!(plain, Err(HolidayError::NotFound)), "{plain:?}");
        assert_eq!(audited(&salon, "holiday").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_template_makes_a_salon_that_can_be_booked_at_once() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let full = template::apply(&salon.platform, &owner(&salon), Template::Nails, &[]).await;
        assert!(matches!(full, Err(TemplateError::NotEmpty)), "{full:?}");
        let staff = rival(&salon).await;
        let names = ["Айгуль", "Әсем"].map(|name| name.parse().unwrap());
        let (services, masters) = template::apply(&salon.platform, &staff, Template::Salon, &names).await.unwrap();
        assert_eq!((services.len(), masters.len()), (10, 2));
        let cut = &services[0].fields;
        assert_eq!(cut.name.of(Language::Kk).unwrap().as_str(), "Әйелдер шаш қию");
        assert!(masters.iter().all(|master| master.services.len() == 10));
        let parts = [booking::slots::Part { service_id: services[0].id, master_id: None, pause_minutes: 0 }];
        let wanted = booking::slots::Wanted::Visit(&parts);
        let audience = booking::slots::Audience::Public;
        let free = booking::slots::free(&salon.platform, &staff.business, wanted, (DAY, DAY), audience).await.unwrap();
        assert_eq!(free[0].masters[0].len(), 2);
        drop(db);
    })
    .await;
}

#[tokio::test]
async fn another_tenant_finds_and_changes_nothing() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let (staff, rival) = (owner(&salon), rival(&salon).await);
        let platform = &salon.platform;
        let reason = Notes::default();
        let off = NewTimeOff {
            master_id: Some(salon.masters[0]),
            from: (DAY, 0),
            to: (DAY, 1_440),
            kind: TimeOffKind::Illness,
            reason: &reason,
        };
        let (id, _) = schedule::add_time_off(platform, &staff, &off, Intent::Ask).await.unwrap();
        let entries = audited(&salon, "time_off").await.len();

        let mut connection = db.read().await.unwrap();
        let c = &mut connection;
        assert_eq!(service::find(c, rival.business.id, salon.services[0]).await.unwrap(), None);
        assert_eq!(master::find(c, rival.business.id, salon.masters[0]).await.unwrap(), None);
        assert_eq!(schedule::find(c, rival.business.id, salon.masters[0]).await.unwrap(), None);
        assert!(schedule::time_off(c, rival.business.id, None, DAY, DAY).await.unwrap().is_empty());
        assert!(schedule::hours_of_all(c, rival.business.id, DAY, DAY).await.unwrap().is_empty());
        assert!(master::offers(c, rival.business.id, None).await.unwrap().is_empty());

        let found = service::change(platform, &rival, salon.services[0], &fields("x", 0, 60), Intent::Ask).await;
        assert!(matches!(found, Err(ServiceError::NotFound)), "{found:?}");
        let found = master::set_services(platform, &rival, salon.masters[0], &[], Intent::Ask).await;
        assert!(matches!(found, Err(MasterError::NotFound)), "{found:?}");
        let found = schedule::add_time_off(platform, &rival, &off, Intent::Confirmed).await;
        assert!(matches!(found, Err(ScheduleError::UnknownMaster)), "{found:?}");
        let found = schedule::remove_time_off(platform, &rival, id.unwrap()).await;
        assert!(matches!(found, Err(ScheduleError::UnknownTimeOff)), "{found:?}");
        let found = schedule::remove_time_off(platform, &rival, TimeOffId::new(999)).await;
        assert!(matches!(found, Err(ScheduleError::UnknownTimeOff)), "{found:?}");
        let week = every_day(0, 60);
        let date = DayHours::new(DAY, vec![]).unwrap();
        for change in [
            ScheduleChange::Weekly(&week),
            ScheduleChange::Breaks(&week),
            ScheduleChange::Pattern(None),
            ScheduleChange::Date(&date),
            ScheduleChange::ClearDate(DAY),
        ] {
            let found = schedule::change(platform, &rival, salon.masters[0], &change, Intent::Confirmed).await;
            assert!(matches!(found, Err(ScheduleError::UnknownMaster)), "{found:?}");
        }
        assert_eq!(audited(&salon, "time_off").await.len(), entries);
        let own = schedule::hours(&mut connection, salon.business.id, salon.masters[0], DAY, DAY).await.unwrap();
        assert!(own[0].intervals().is_empty(), "the time off stays");
    })
    .await;
}
