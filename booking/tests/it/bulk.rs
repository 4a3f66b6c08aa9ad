//! A text for many is planned in parts, of which none is lost or done twice.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use booking::access::{Access, Origin};
use booking::account;
use booking::bulk::{self, BulkError, Recipients};
use booking::contact;
use booking::id::BulkId;
use booking::idempotency::{ABANDONED_AFTER, Begin, Key, Ticket, begin};
use booking::outbox::MessageState;
use booking::phone::Phone;
use booking::timekeeping;
use db::Db;
use db::testing::{PostgresDatabase, on_each};

use crate::salon::Salon;

/// A salon to which as many people wrote as are to be written to.
async fn salon(db: &Db, recipients: usize) -> (Salon, Access, Recipients) {
    let salon = Salon::open(db).await;
    let access = salon.owner().await;
    let account = account::of_business(&mut db.read().await.unwrap(), salon.business.id).await.unwrap().unwrap();
    let phones: Vec<String> = (0..recipients).map(|number| format!("7777100{number:04}")).collect();
    let now = salon.platform.clock.now();
    let mut tx = db.begin().await.unwrap();
    for phone in &phones {
        let phone: Phone = phone.parse().unwrap();
        contact::note_inbound(&mut tx, account.id, &phone, now, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    (salon, access, Recipients::Given(phones))
}

/// The job's messages in the order of the list: to whom, and when they are due.
async fn messages(db: &Db, id: BulkId) -> Vec<(String, i64)> {
    let sql = "select o.phone, o.due_at from bulk_recipients r join outbox o on o.id = r.message_id
               where r.job_id = $1 order by r.position";
    db::fetch_all!(&mut db.read().await.unwrap(), (String, i64), sql, id).unwrap()
}

/// All messages for many, of whichever job.
async fn count(db: &Db) -> i64 {
    let sql = "select count(*) from outbox where kind = 'bulk'";
    db::fetch_one!(&mut db.read().await.unwrap(), (i64,), sql).unwrap().0
}

#[tokio::test]
async fn what_a_crash_left_is_planned_by_whoever_keeps_time_and_nobody_twice() {
    on_each(async |db| {
        let (salon, access, many) = salon(&db, 250).await;
        let Salon { platform, business, .. } = &salon;
        let begun = platform.clock.now();
        let id = bulk::enlist(platform, &access, business, &many, &"Скидка".parse().unwrap()).await.unwrap();
        assert_eq!(bulk::plan_next(platform, business, id, "dies").await.unwrap(), Some(100));
        assert_eq!(count(&db).await, 100);
        // To the owner that is no difference.
        let report = bulk::find(&mut db.read().await.unwrap(), business.id, id).await.unwrap();
        assert_eq!((report.messages.as_slice(), report.skipped.len()), ([(MessageState::Planned, 250)].as_slice(), 0));
        let rows = bulk::recipients(&mut db.read().await.unwrap(), business.id, id, Some(99), 1).await.unwrap();
        assert_eq!((rows[0].state, rows[0].message_id, &rows[0].reason), (Some(MessageState::Planned), None, &None));

        // As long as its lease runs nobody else goes on.
        assert_eq!(bulk::plan_next(platform, business, id, "other").await.unwrap(), None);
        assert_eq!(timekeeping::round(platform).await.unwrap().recipients, 0);
        salon.travel_hours(1);
        assert_eq!(timekeeping::round(platform).await.unwrap().recipients, 150);
        assert_eq!(timekeeping::round(platform).await.unwrap().recipients, 0);
        assert_eq!(bulk::plan_next(platform, business, id, "dies").await.unwrap(), None);

        let interval = i64::from(platform.policy.bulk_interval_seconds);
        let Recipients::Given(phones) = many else { unreachable!() };
        let paced = |(place, phone): (i64, String)| (phone, begun.seconds() + place * interval);
        assert_eq!(messages(&db, id).await, (0..).zip(phones).map(paced).collect::<Vec<_>>());
        assert_eq!(count(&db).await, 250);
    })
    .await;
}

#[tokio::test]
async fn a_number_that_comes_again_in_a_later_part_is_a_duplicate() {
    on_each(async |db| {
        let (salon, access, many) = salon(&db, 250).await;
        let Recipients::Given(mut phones) = many else { unreachable!() };
        phones.insert(240, "+7 (777) 100-00-00".to_owned());
        phones.insert(241, "no \u{0} number".to_owned());
        let many = Recipients::Given(phones);
        let report = bulk::create(&salon.platform, &access, &salon.business, &many, &"Скидка".parse().unwrap()).await;
        let report = report.unwrap();
        assert_eq!(report.messages, [(MessageState::Planned, 250)]);
        assert_eq!(report.skipped, [("duplicate".to_owned(), 1), ("phone-invalid".to_owned(), 1)]);
        assert_eq!(timekeeping::round(&salon.platform).await.unwrap().recipients, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_called_off_halfway_is_not_gone_on_with() {
    on_each(async |db| {
        let (salon, access, many) = salon(&db, 250).await;
        let Salon { platform, business, .. } = &salon;
        let id = bulk::enlist(platform, &access, business, &many, &"Скидка".parse().unwrap()).await.unwrap();
        bulk::plan_next(platform, business, id, "dies").await.unwrap();
        let report = bulk::cancel(platform, &access, id).await.unwrap();
        assert_eq!(report.messages, [(MessageState::Cancelled, 100)]);
        assert_eq!(report.skipped, [("cancelled".to_owned(), 150)]);
        salon.travel_hours(1);
        assert_eq!(timekeeping::round(platform).await.unwrap().recipients, 0);
        assert_eq!(count(&db).await, 100);
    })
    .await;
}

#[tokio::test]
async fn two_who_plan_at_once_plan_each_message_once_and_others_book_meanwhile() {
    on_each(async |db| {
        let (salon, access, many) = salon(&db, 250).await;
        let Salon { platform, business, .. } = &salon;
        let text = "Скидка".parse().unwrap();
        let (report, visit) = tokio::join!(
            bulk::create(platform, &access, business, &many, &text),
            salon.book("2026-01-16T10:00:00", "77779990000"),
        );
        visit.unwrap();
        assert_eq!(report.unwrap().messages, [(MessageState::Planned, 250)]);
        let id = bulk::enlist(platform, &access, business, &many, &text).await.unwrap();
        let run = async |holder: &'static str| {
            while bulk::plan_next(platform, business, id, holder).await.unwrap().is_some() {}
        };
        tokio::join!(run("one"), run("two"));
        assert_eq!(messages(&db, id).await.len(), 250);
        assert_eq!(count(&db).await, 500);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_died_after_it_wrote_its_list_down_is_gone_on_with() {
    on_each(async |db| {
        let (salon, access, many) = salon(&db, 250).await;
        let Salon { platform, business, .. } = &salon;
        let (key, text) = (Key { scope: "bulk", caller: "user 1", text: "key" }, "Скидка".parse().unwrap());
        let ticket = async || match begin(&db, key, b"request", platform.clock.real_now()).await.unwrap() {
            Begin::Act(ticket) => Some(ticket),
            Begin::Replay { .. } | Begin::UnderWay | Begin::Mismatch => None,
        };
        let under = |ticket: &Ticket| {
            let origin = Origin { ticket: Some(ticket.clone()), ..access.origin.clone() };
            Access { origin, ..access.clone() }
        };
        let first = ticket().await.unwrap();
        // It dies here: the list is written down, a part of it is planned, and nobody has an answer.
        let id = bulk::enlist(platform, &under(&first), business, &many, &text).await.unwrap();
        bulk::plan_next(platform, business, id, "dies").await.unwrap();
        assert_eq!(ticket().await, None, "it may live yet");
        salon.travel_seconds(ABANDONED_AFTER);
        let second = ticket().await.unwrap();
        let report = bulk::create(platform, &under(&second), business, &many, &text).await.unwrap();
        assert_eq!((report.id, report.messages.as_slice()), (id, [(MessageState::Planned, 250)].as_slice()));
        timekeeping::round(platform).await.unwrap();
        assert_eq!((jobs(&db).await, count(&db).await), (1, 250));
        // One that only seemed dead, and comes to it after somebody else has, writes nothing down.
        let late = bulk::create(platform, &under(&first), business, &many, &text).await;
        assert!(matches!(late, Err(BulkError::Store(_))), "{late:?}");
        assert_eq!((jobs(&db).await, count(&db).await), (1, 250));
    })
    .await;
}

async fn jobs(db: &Db) -> i64 {
    db::fetch_one!(&mut db.read().await.unwrap(), (i64,), "select count(*) from bulk_jobs").unwrap().0
}

/// Tells the child where to plan; without it the child's test does nothing.
const CHILD_URL: &str = "BOOKING_TEST_BULK_URL";

#[tokio::test]
async fn a_process_that_is_killed_while_it_plans_loses_and_repeats_nothing_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    kill_a_planner(&format!("sqlite:{}", folder.path().join("crash.db").display())).await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_plans_loses_and_repeats_nothing_on_postgres() {
    let Some(database) = PostgresDatabase::create().await else { return };
    kill_a_planner(&database.url).await;
    database.drop().await;
}

async fn kill_a_planner(url: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bulk::plans_until_killed", "--nocapture"])
        .env(CHILD_URL, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap() == "planned").expect("the child plans until it is killed").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let db = Db::connect(url).await.unwrap();
    let left = count(&db).await;
    assert!(left > 0 && left % 100 == 0, "a part is planned as a whole or not at all: {left}");
    let salon = Salon::open(&db).await;
    salon.travel_hours(1);
    timekeeping::round(&salon.platform).await.unwrap();
    let sql = "select id from bulk_jobs";
    let (id,) = db::fetch_one!(&mut db.read().await.unwrap(), (BulkId,), sql).unwrap();
    let messages = messages(&db, id).await;
    let people: BTreeSet<&str> = messages.iter().map(|(phone, _)| phone.as_str()).collect();
    assert_eq!((messages.len(), people.len(), count(&db).await), (1_000, 1_000, 1_000));
    db.close().await;
}

/// Not a test by itself: what [`kill_a_planner`] runs and kills.
#[tokio::test]
async fn plans_until_killed() {
    #[expect(clippy::disallowed_methods, reason = "the parent process passes the address so")]
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let (salon, access, many) = salon(&Db::connect(&url).await.unwrap(), 1_000).await;
    let Salon { platform, business, .. } = &salon;
    let id = bulk::enlist(platform, &access, business, &many, &"Скидка".parse().unwrap()).await.unwrap();
    while bulk::plan_next(platform, business, id, "dies").await.unwrap().is_some() {
        let mut out = std::io::stdout().lock();
        // A closed pipe: the parent is gone.
        if writeln!(out, "planned").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
