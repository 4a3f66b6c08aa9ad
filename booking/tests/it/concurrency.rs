//! Many who want the same.

use std::sync::Arc;

use booking::booking::CreateError;
use booking::slots::ALTERNATIVES;
use db::testing::on_each;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::salon::{PUBLIC, Salon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_want_one_slot_one_gets_it() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        let barrier = Arc::new(Barrier::new(200));
        let mut tasks = JoinSet::new();
        for n in 0..200 {
            let (salon, barrier) = (Arc::clone(&salon), Arc::clone(&barrier));
            tasks.spawn(async move {
                barrier.wait().await;
                // Half of them want exactly it, half half an hour of it; some are the same person.
                let start = if n % 2 == 0 { "2026-01-16T14:00:00" } else { "2026-01-16T14:30:00" };
                salon.book(start, &format!("8777000{:04}", n % 150)).await
            });
        }
        let (mut won, mut lost) = (0, 0);
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                Ok(_) => won += 1,
                Err(CreateError::SlotTaken { nearest }) => {
                    assert_eq!(nearest.len(), ALTERNATIVES);
                    lost += 1;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((won, lost), (1, 199));
        assert_eq!((salon.count("bookings").await, salon.count("outbox").await), (1, 3));
        assert_eq!(salon.count("clients").await, 1, "who got nothing left nothing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_visits_of_a_master_ever_overlap() {
    on_each(async |db| {
        let salon = Arc::new(Salon::open(&db).await);
        let mut tasks = JoinSet::new();
        for n in 0..120_u32 {
            let salon = Arc::clone(&salon);
            tasks.spawn(async move {
                // A different length and minute each, as if drawn at random.
                let minute = (n * 7_919) % 600;
                let item = booking::slots::Item {
                    service_id: salon.services[usize::try_from(n).unwrap() % 4],
                    master_id: salon.masters[0],
                };
                let start = format!("2026-01-16T{:02}:{:02}:00", 9 + minute / 60, minute % 60);
                let source = PUBLIC;
                match salon.book_items(&start, &format!("8777000{n:04}"), &[item], source).await {
                    Ok(_) | Err(CreateError::SlotTaken { .. } | CreateError::Closed { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let mut connection = db.read().await.unwrap();
        let (overlaps,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from booking_segments a join booking_segments b
             on a.master_id = b.master_id and a.id < b.id and a.busy_from < b.busy_to and b.busy_from < a.busy_to",
        )
        .unwrap();
        assert_eq!(overlaps, 0);
        assert!(salon.count("bookings").await >= 5);
    })
    .await;
}

/// Without a lower bound on the start, the search for what is busy would read a master's whole past.
#[tokio::test]
async fn the_search_for_what_is_busy_is_bounded() {
    db::testing::on_sqlite(async |db| {
        Salon::open(&db).await;
        let mut connection = db.read().await.unwrap();
        let plan = db::fetch_all!(
            &mut connection,
            (i64, i64, i64, String),
            "explain query plan select busy_from, busy_to from booking_segments
             where master_id = $2 and business_id = $1 and live = true
                 and busy_from < $4 and busy_from > $5 and busy_to > $3
             order by busy_from",
        )
        .unwrap();
        let expected = "SEARCH booking_segments USING INDEX booking_segments_busy \
                        (master_id=? AND busy_from>? AND busy_from<?)";
        assert_eq!(plan.iter().map(|(.., step)| step.as_str()).collect::<Vec<_>>(), [expected]);
    })
    .await;
}

/// It is looked for every few seconds, by every process: accounts that are well must not be read for it.
#[tokio::test]
async fn the_search_for_accounts_that_are_down_reads_those_only() {
    on_each(async |db| {
        Salon::open(&db).await;
        let mut connection = db.read().await.unwrap();
        let plan = match connection.engine().unwrap() {
            db::Engine::Sqlite(engine) => {
                let sql = concat!(
                    "explain query plan select id from accounts ",
                    "where reported_at is null and down_at <= 1 and jid is not null limit 64",
                );
                let steps: Vec<(i64, i64, i64, String)> = db::sqlx::query_as(sql).fetch_all(engine).await.unwrap();
                steps.into_iter().map(|(.., step)| step).collect::<Vec<_>>()
            }
            db::Engine::Postgres(engine) => {
                // A table this small is read as a whole unless that is forbidden.
                db::sqlx::query("set enable_seqscan = off").execute(&mut *engine).await.unwrap();
                let sql = concat!(
                    "explain (costs off) select id from accounts ",
                    "where reported_at is null and down_at <= 1 and jid is not null limit 64",
                );
                let steps: Vec<(String,)> = db::sqlx::query_as(sql).fetch_all(&mut *engine).await.unwrap();
                db::sqlx::query("reset enable_seqscan").execute(engine).await.unwrap();
                steps.into_iter().map(|(step,)| step).collect()
            }
        };
        // All that the search asks for besides is said by the index.
        let plan = plan.join("\n");
        assert!(plan.contains("accounts_unreported") && !plan.contains("Filter"), "{plan}");
    })
    .await;
}
