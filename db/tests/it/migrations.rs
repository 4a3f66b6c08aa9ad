//! Steps run once, in order, and never change.

use db::migration::{Component, MigrateError, Step};
use db::testing::on_each;

const fn step(number: i64, sql: &'static str) -> Step {
    Step { number, name: "a step", sqlite: sql, postgres: sql }
}

const ONE: Step = step(1, "create table first (n bigint not null);\ninsert into first (n) values (1);");
const OTHER: Step = step(1, "create table third (n bigint)");
const CHANGED: Step = step(2, "select 1");
const BROKEN: Step = step(2, "create table second (n bigint); create table second (n bigint)");
const TWO: Step = step(2, "create table second (n bigint not null)");

#[tokio::test]
async fn steps_run_once_and_in_order() {
    on_each(async |db| {
        db.migrate(&Component { name: "a", steps: &[ONE] }).await.unwrap();
        for _ in 0..2 {
            db.migrate(&Component { name: "a", steps: &[ONE, TWO] }).await.unwrap();
        }
        db.migrate(&Component { name: "b", steps: &[OTHER] }).await.unwrap();
        let mut connection = db.read().await.unwrap();
        let (rows,) = db::fetch_one!(&mut connection, (i64,), "select count(*) from first cross join second").unwrap();
        assert_eq!(rows, 0);
        let (steps,) = db::fetch_one!(
            &mut connection,
            (i64,),
            "select count(*) from schema_steps where applied_at > 1700000000 and length(checksum) = 64",
        )
        .unwrap();
        assert_eq!(steps, 3);
    })
    .await;
}

#[tokio::test]
async fn what_was_applied_cannot_change() {
    on_each(async |db| {
        db.migrate(&Component { name: "a", steps: &[ONE, TWO] }).await.unwrap();
        let changed = db.migrate(&Component { name: "a", steps: &[ONE, CHANGED] }).await;
        assert!(matches!(changed, Err(MigrateError::Changed { component: "a", number: 2 })), "{changed:?}");
        let older = db.migrate(&Component { name: "a", steps: &[ONE] }).await;
        assert!(matches!(older, Err(MigrateError::Newer { component: "a", number: 2 })), "{older:?}");
        let gap = db.migrate(&Component { name: "c", steps: &[TWO] }).await;
        assert!(matches!(gap, Err(MigrateError::OutOfOrder { .. })), "{gap:?}");
    })
    .await;
}

#[tokio::test]
async fn a_failing_step_leaves_those_before_it() {
    on_each(async |db| {
        let failed = db.migrate(&Component { name: "a", steps: &[ONE, BROKEN] }).await;
        assert!(matches!(failed, Err(MigrateError::Step { number: 2, .. })), "{failed:?}");
        db.migrate(&Component { name: "a", steps: &[ONE, TWO] }).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_together_wait_for_each_other() {
    on_each(async |db| {
        const BOTH: Component = Component { name: "a", steps: &[ONE, TWO] };
        let runs = [db.clone(), db.clone(), db.clone()].map(|db| tokio::spawn(async move { db.migrate(&BOTH).await }));
        for run in runs {
            run.await.unwrap().unwrap();
        }
    })
    .await;
}
