//! What a killed process leaves behind: all of what it confirmed, and nothing half-done.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use db::Db;
use db::testing::PostgresDatabase;
use jiff::civil::date;

use crate::salon::Salon;

/// Tells the child where to write; without it the child's test does nothing.
const CHILD_URL: &str = "BOOKING_TEST_CHILD_URL";

#[tokio::test]
async fn a_killed_process_leaves_whole_visits_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    kill_a_writer(&format!("sqlite:{}", folder.path().join("crash.db").display())).await;
}

#[tokio::test]
async fn a_killed_process_leaves_whole_visits_on_postgres() {
    let Some(database) = PostgresDatabase::create().await else { return };
    kill_a_writer(&database.url).await;
    database.drop().await;
}

async fn kill_a_writer(url: &str) {
    let db = Db::connect(url).await.unwrap();
    Salon::open(&db).await;
    db.close().await;
    let mut confirmed = BTreeSet::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::books_until_killed", "--nocapture"])
            .env(CHILD_URL, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while confirmed.len() < round * 40 {
            let line = lines.next().expect("the child books until it is killed").unwrap();
            confirmed.extend(line.strip_prefix("booked ").and_then(|id| id.parse::<i64>().ok()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        confirmed
            .extend(lines.filter_map(|line| line.ok()?.strip_prefix("booked ").and_then(|id| id.parse::<i64>().ok())));
        let db = Db::connect(url).await.unwrap();
        check(&db, &confirmed).await;
        db.close().await;
    }
}

async fn check(db: &Db, confirmed: &BTreeSet<i64>) {
    let mut connection = db.read().await.unwrap();
    let rows = db::fetch_all!(
        &mut connection,
        (i64, i64, i64),
        "select b.id,
             (select count(*) from booking_segments s where s.booking_id = b.id),
             (select count(*) from outbox o where o.booking_id = b.id)
         from bookings b",
    )
    .unwrap();
    for (id, segments, messages) in &rows {
        assert_eq!((*segments, *messages), (1, 3), "visit {id} is half-done");
    }
    let found: BTreeSet<i64> = rows.iter().map(|(id, ..)| *id).collect();
    assert!(confirmed.is_subset(&found), "confirmed and lost: {:?}", confirmed.difference(&found));
    let (orphans,) = db::fetch_one!(
        &mut connection,
        (i64,),
        "select count(*) from clients c where not exists (select 1 from bookings b where b.client_id = c.id)",
    )
    .unwrap();
    assert_eq!(orphans, 0);
}

/// Not a test by itself: what [`kill_a_writer`] runs and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_until_killed() {
    #[expect(clippy::disallowed_methods, reason = "the parent process passes the address so")]
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let salon = Arc::new(Salon::open(&Db::connect(&url).await.unwrap()).await);
    let booked_before = salon.count("bookings").await / 4;
    let mut tasks = tokio::task::JoinSet::new();
    // Each lane has twenty days of its own.
    for lane in 0..4_i64 {
        let salon = Arc::clone(&salon);
        tasks.spawn(async move {
            for n in booked_before.. {
                let day = date(2026, 1, 16).saturating_add(jiff::Span::new().days(lane * 20 + (n / 11) % 20));
                let start = format!("{day}T{:02}:00:00", 9 + n % 11);
                let phone = format!("8777{lane:03}{n:04}");
                if let Ok(booking) = salon.book(&start, &phone).await {
                    let mut out = std::io::stdout().lock();
                    // A closed pipe: the parent is gone.
                    if writeln!(out, "booked {}", booking.id).and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}
