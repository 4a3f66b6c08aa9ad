//! Statements that follow each other on PostgreSQL.

use std::borrow::Cow;

use db::pipeline::{Bulk, Column, Row};
use db::testing::{on_postgres, on_sqlite};
use db::{ConstraintKind, Db, Engine, Error};
use tokio::task::JoinSet;

const TABLE: &str = "create table visits (number int, master bigint, is_new boolean not null, name text, token bytea,
    constraint visits_master unique (master))";

const WRITE: &str = "
insert into visits (number, master, is_new, name, token)
select * from unnest($1::int[], $2::bigint[], $3::boolean[], $4::text[], $5::bytea[]) returning master,
    is_new::int::bigint, is_new";

async fn with_table(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.run_script(TABLE).await.unwrap();
    tx.commit().await.unwrap();
}

fn visits<'v>(masters: &[Option<i64>], name: Option<&'v str>, token: Option<&'v [u8]>) -> Bulk<'v> {
    let columns = vec![
        Column::Numbers(masters.iter().map(|_| 7).collect()),
        Column::Integers(masters.to_vec()),
        Column::Booleans(masters.iter().map(Option::is_none).collect()),
        Column::Texts(masters.iter().map(|_| name.map(Cow::Borrowed)).collect()),
        Column::Blobs(masters.iter().map(|_| token).collect()),
    ];
    Bulk { text: WRITE, columns }
}

fn told(rows: &[Row]) -> Vec<(Option<i64>, Option<i64>)> {
    rows.iter().map(|row| (row.integer(0).unwrap(), row.integer(1).unwrap())).collect()
}

async fn count(db: &Db, what: &str) -> i64 {
    let mut connection = db.read().await.unwrap();
    let (count,) = match what {
        "all" => db::fetch_one!(&mut connection, (i64,), "select count(*) from visits").unwrap(),
        _ => db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from visits where number = $1 and name = $2 and token = $3",
            7_i32,
            what,
            &b"\0\xff"[..],
        )
        .unwrap(),
    };
    count
}

#[tokio::test]
async fn sqlite_has_none() {
    on_sqlite(async |db| assert!(db.pipeline().is_none())).await;
}

#[tokio::test]
async fn rows_go_and_come_back_the_same_alone_and_behind_others() {
    on_postgres(async |db| {
        with_table(&db).await;
        let bulk = visits(&[Some(i64::MAX), None], Some("Айгерім"), Some(b"\0\xff"));
        let expected = [(Some(i64::MAX), Some(0)), (None, Some(1))];
        assert_eq!(told(&db.pipeline().unwrap().fetch(&bulk).await.unwrap()), expected);
        assert_eq!(count(&db, "Айгерім").await, 2);
        let mut tx = db.begin().await.unwrap();
        let bulk = visits(&[Some(i64::MIN), None], Some("Айгерім"), Some(b"\0\xff"));
        let Engine::Postgres(connection) = tx.engine().unwrap() else { unreachable!() };
        assert_eq!(told(&bulk.fetch_alone(connection).await.unwrap()), [(Some(i64::MIN), Some(0)), (None, Some(1))]);
        tx.commit().await.unwrap();
        assert_eq!(count(&db, "Айгерім").await, 4);
        let rows = db.pipeline().unwrap().fetch(&visits(&[None], None, None)).await.unwrap();
        assert!(matches!(rows[0].integer(2), Err(Error::Defect { .. })), "a boolean is no integer");
        assert!(matches!(rows[0].integer(3), Err(Error::Defect { .. })), "there is no fourth column");
    })
    .await;
}

#[tokio::test]
async fn who_is_refused_is_undone_alone() {
    on_postgres(async |db| {
        with_table(&db).await;
        let mut tasks = JoinSet::new();
        for turn in 0..40_i64 {
            let db = db.clone();
            tasks.spawn(async move {
                // Two want each master; the row beside the refused one goes with it.
                let bulk = visits(&[Some(turn / 2), None], None, None);
                db.pipeline().unwrap().fetch(&bulk).await.map(|rows| rows.len())
            });
        }
        let outcomes = tasks.join_all().await;
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            let Error::Constraint { kind: ConstraintKind::Unique, name, .. } = refusal else { panic!("{refusal:?}") };
            assert_eq!(name, "visits_master");
            let said = std::error::Error::source(refusal).unwrap().to_string();
            assert!(said.contains("visits_master"), "{said}");
            assert!(!said.contains("(master)=("), "what is in the row is nobody's: {said}");
        }
        assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(2))).count(), 20);
        assert_eq!(count(&db, "all").await, 40);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_broke_is_made_anew() {
    on_postgres(async |db| {
        with_table(&db).await;
        let pipeline = db.pipeline().unwrap();
        pipeline.fetch(&visits(&[Some(1)], None, None)).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.run_script(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and query like '%insert into visits%'",
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        // The first may still go to the connection that is gone.
        if let Err(error) = pipeline.fetch(&visits(&[Some(2)], None, None)).await {
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            assert_eq!(count(&db, "all").await, 1);
        }
        pipeline.fetch(&visits(&[Some(3)], None, None)).await.unwrap();
        db.close().await;
        let closed = pipeline.fetch(&visits(&[Some(4)], None, None)).await;
        assert!(matches!(closed, Err(Error::Unavailable { .. })), "{closed:?}");
    })
    .await;
}
