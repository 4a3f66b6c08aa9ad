//! Booking by what is remembered, and together with others.

use std::collections::BTreeSet;
use std::sync::Arc;

use booking::availability::Interval;
use booking::booking::CreateError;
use booking::business;
use booking::outbox;
use booking::schedule::{self, WeeklyInterval};
use booking::slots::Item;
use db::Db;
use db::testing::on_each;
use jiff::civil::Weekday;
use tokio::task::JoinSet;

use crate::salon::{PUBLIC, Salon};

async fn change(db: &Db, script: &'static str) {
    let mut tx = db.begin().await.unwrap();
    tx.run_script(script).await.unwrap();
    tx.commit().await.unwrap();
}

/// Every time it is remembered by one process and changed by another.
#[tokio::test]
async fn what_is_remembered_is_never_acted_on_when_it_has_changed() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let first = salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        change(&db, "update services set price_tiyn = price_tiyn + 100").await;
        let dearer = salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
        assert_eq!(dearer.price_tiyn, first.price_tiyn + 100);
        change(&db, "update businesses set name = 'Другое имя'").await;
        let renamed = salon.book("2026-01-16T12:00:00", "87771234567").await.unwrap();
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, renamed.id).await.unwrap();
        assert!(messages.iter().all(|message| message.text.contains("Другое имя")));
        let mornings = "delete from weekly_hours where start_minute >= 780;
                        update weekly_hours set end_minute = 780 where end_minute > 780";
        change(&db, mornings).await;
        let late = salon.book("2026-01-16T15:00:00", "87771234567").await.unwrap_err();
        assert!(matches!(late, CreateError::Closed { .. }), "{late:?}");
        change(&db, "update weekly_hours set end_minute = 1200").await;
        salon.book("2026-01-16T15:00:00", "87771234567").await.unwrap();
        change(&db, "delete from master_services").await;
        let gone = salon.book("2026-01-16T16:00:00", "87771234567").await.unwrap_err();
        assert!(matches!(gone, CreateError::Offer(_)), "{gone:?}");
    })
    .await;
}

/// The hours go behind the back of whoever remembers them, so what is booked after that is booked by memory.
#[tokio::test]
async fn a_visit_is_remembered_for_its_week() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let mut tx = db.begin().await.unwrap();
        let interval = Interval::new(0, 1_440).unwrap();
        let week = Weekday::Monday.cycle_forward().take(7);
        let hours: Vec<_> = week.map(|weekday| WeeklyInterval { weekday, interval }).collect();
        schedule::set_weekly(&mut tx, salon.business.id, salon.masters[0], &hours).await.unwrap();
        tx.commit().await.unwrap();
        let mut connection = db.read().await.unwrap();
        salon.business = business::by_subdomain(&mut connection, "demo").await.unwrap().unwrap();
        drop(connection);
        salon.book("2026-01-20T12:00:00", "87771234567").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let (revision,) = db::fetch_one!(&mut tx, (i64,), "select revision from businesses").unwrap();
        tx.run_script("delete from weekly_hours").await.unwrap();
        db::execute!(&mut tx, "update businesses set revision = $1", revision).unwrap();
        tx.commit().await.unwrap();
        for start in ["2026-01-19T00:00:00", "2026-01-22T12:00:00", "2026-01-25T23:45:00"] {
            salon.book(start, "87771234568").await.unwrap();
        }
        for start in ["2026-01-18T23:45:00", "2026-01-26T02:00:00"] {
            let other = salon.book(start, "87771234569").await.unwrap_err();
            assert!(matches!(other, CreateError::Closed { .. }), "{start}: {other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_business_that_is_closed_and_opened_again_is_so_at_once() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        change(&db, "update businesses set state = 'suspended'").await;
        let refused = salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap_err();
        assert!(matches!(refused, CreateError::Suspended), "{refused:?}");
        change(&db, "update businesses set state = 'active'").await;
        salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_client_is_written_to_in_the_language_they_chose_elsewhere() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        change(&db, "update clients set language = 'kk'").await;
        let visit = salon.book("2026-01-16T11:00:00", "87771234567").await.unwrap();
        assert_eq!(visit.language.as_str(), "kk");
        let mut connection = db.read().await.unwrap();
        let messages = outbox::of_booking(&mut connection, salon.business.id, visit.id).await.unwrap();
        assert!(messages[0].text.contains("Сәлеметсіз"), "{}", messages[0].text);
    })
    .await;
}

/// A master's hours, one after the other, each wanted twice, together with visits of two parts that reach into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_fails_nobody_else() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        salon.book("2026-01-16T10:00:00", "87771234567").await.unwrap();
        let mut tasks = JoinSet::new();
        for n in 0..60_u32 {
            let salon = Arc::clone(&salon);
            tasks.spawn(async move {
                let cut = salon.cut();
                let with_the_other = Item { service_id: salon.services[0], master_id: salon.masters[1] };
                let items = if n % 5 == 0 { vec![with_the_other, cut] } else { vec![cut] };
                let start = format!("2026-01-{}T{:02}:00:00", 19 + n % 3, 10 + (n / 3) % 8);
                let phone = format!("8777000{:04}", n % 20);
                (start.clone(), salon.book_items(&start, &phone, &items, PUBLIC).await)
            });
        }
        let (mut wanted, mut booked, mut lost) = (BTreeSet::new(), 0, 0);
        while let Some(task) = tasks.join_next().await {
            let (start, outcome) = task.unwrap();
            wanted.insert(start);
            match outcome {
                Ok(_) => booked += 1,
                Err(CreateError::SlotTaken { .. } | CreateError::Closed { .. }) => lost += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(booked >= wanted.len() / 2 && booked + lost == 60, "{booked} of {} hours", wanted.len());
        let mut connection = db.read().await.unwrap();
        let (overlaps, orphans, parts) = db::fetch_one!(
            &mut connection,
            (i64, i64, i64),
            "select (select count(*) from booking_segments a join booking_segments b on a.master_id = b.master_id
                         and a.id < b.id and a.busy_from < b.busy_to and b.busy_from < a.busy_to),
                 (select count(*) from clients c where not exists
                     (select 1 from bookings b where b.client_id = c.id)),
                 (select count(*) from bookings b where (select count(*) from booking_segments s
                     where s.booking_id = b.id) not in (1, 2)
                     or (select count(*) from outbox o where o.booking_id = b.id) <> 3)",
        )
        .unwrap();
        assert_eq!((overlaps, orphans, parts), (0, 0, 0));
        assert_eq!(salon.count("bookings").await, i64::try_from(booked).unwrap() + 1);
    })
    .await;
}

/// Tables of a tenant that no booking is decided by: what is booked, who did it, and what became of it. What a booking
/// checks in one of them it checks in the statement that writes it.
const NOT_RULES: &[&str] = &[
    "accounts",
    "api_keys",
    "audit_log",
    "booking_segments",
    "booking_transitions",
    "bookings",
    "bulk_jobs",
    "bulk_recipients",
    "client_consents",
    "clients",
    "codes",
    "inbound",
    "holds",
    "invitations",
    "outbox",
    "sessions",
    "users",
    "visit_links",
];

/// A table that somebody adds either counts the revision up or is said above not to matter.
#[tokio::test]
async fn every_rule_that_changes_makes_memories_old() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let mut connection = db.read().await.unwrap();
        let tables = db::fetch_all!(
            &mut connection,
            (String, i64),
            sqlite: "select m.name, (select count(*) from sqlite_schema t
                     where t.type = 'trigger' and t.tbl_name = m.name
                         and t.name like m.name || '_revise%')
                     from sqlite_schema m where m.type = 'table'
                         and exists (select 1 from pragma_table_info(m.name) c where c.name = 'business_id')",
            postgres: "select c.table_name::text, (select count(*) from information_schema.triggers t
                           where t.event_object_table = c.table_name and t.trigger_name = c.table_name || '_revise')
                       from information_schema.columns c
                       where c.table_schema = 'public' and c.column_name = 'business_id'",
        )
        .unwrap();
        for (table, triggers) in &tables {
            let expected = if NOT_RULES.contains(&table.as_str()) { 0 } else { 3 };
            assert_eq!(*triggers, expected, "triggers of {table} for insert, update and delete");
        }
        assert!(tables.iter().any(|(_, triggers)| *triggers == 3));
        drop(connection);
        for script in [
            "insert into services (business_id, name, price_tiyn, duration_minutes, buffer_before_minutes,
                 buffer_after_minutes, notice_minutes, horizon_days, position, active)
             select id, 'Новая', 1, 30, 0, 0, 0, 30, 9, true from businesses where subdomain = 'demo'",
            "update services set active = false where name = 'Новая'",
            "delete from weekly_hours where id = (select min(id) from weekly_hours)",
            "update businesses set settings = '{}' where subdomain = 'demo'",
        ] {
            let before = revision(&db, &salon).await;
            change(&db, script).await;
            assert_eq!(revision(&db, &salon).await, before + 1, "{script}");
        }
    })
    .await;
}

async fn revision(db: &Db, salon: &Salon) -> i64 {
    let mut connection = db.read().await.unwrap();
    let id = salon.business.id;
    db::fetch_one!(&mut connection, (i64,), "select revision from businesses where id = $1", id).unwrap().0
}
