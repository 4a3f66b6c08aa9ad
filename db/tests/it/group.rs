//! Transactions of SQLite that share a commit keep their borders.

use std::sync::Arc;
use std::time::Duration;

use db::testing::{on_each, on_sqlite};
use db::{Db, Error};
use tokio::task::JoinSet;

async fn table(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.run_script("create table marks (n bigint primary key, once bigint unique)").await.unwrap();
    tx.commit().await.unwrap();
}

async fn marks(db: &Db) -> Vec<i64> {
    let mut connection = db.read().await.unwrap();
    let rows = db::fetch_all!(&mut connection, (i64,), "select n from marks order by n").unwrap();
    rows.into_iter().map(|(n,)| n).collect()
}

async fn insert(db: &Db, n: i64, once: Option<i64>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "insert into marks (n, once) values ($1, $2)", n, once)?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_ends_by_itself() {
    on_each(async |db| {
        table(&db).await;
        let mut tasks = JoinSet::new();
        for n in 0..200 {
            let db = db.clone();
            tasks.spawn(async move {
                match n % 4 {
                    0 => insert(&db, n, None).await.map_err(|error| error.constraint().unwrap_or_default().to_owned()),
                    // All of these want the same value: one gets it.
                    1 => insert(&db, n, Some(1)).await.map_err(|error| error.constraint().unwrap().to_owned()),
                    2 => {
                        let mut tx = db.begin().await.unwrap();
                        db::execute!(&mut tx, "insert into marks (n) values ($1)", n).unwrap();
                        Err("dropped".to_owned())
                    }
                    _ => {
                        let unfinished = insert(&db, n, None);
                        match tokio::time::timeout(Duration::from_nanos(1), unfinished).await {
                            Ok(done) => done.map_err(|error| error.to_string()),
                            Err(_) => Err("cancelled".to_owned()),
                        }
                    }
                }
                .map(|()| n)
                .map_err(|error| (n, error))
            });
        }
        let (mut kept, mut refused) = (Vec::new(), 0);
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                Ok(n) => kept.push(n),
                Err((n, error)) if n % 4 == 1 => {
                    assert_eq!(error, "marks_once_key");
                    refused += 1;
                }
                Err((n, error)) => assert!(n % 4 >= 2, "{n}: {error}"),
            }
        }
        assert_eq!(refused, 49);
        let found = marks(&db).await;
        for n in kept {
            assert!(found.contains(&n), "{n} was confirmed and is gone");
        }
        assert!(found.iter().all(|n| n % 4 != 2), "a dropped transaction left a row");
        assert_eq!(found.iter().filter(|n| *n % 4 == 1).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_commit_is_for_all_who_queued() {
    on_sqlite(async |db| {
        table(&db).await;
        let mut first = db.begin().await.unwrap();
        db::execute!(&mut first, "insert into marks (n) values (1)").unwrap();
        let second = {
            let db = db.clone();
            tokio::spawn(async move { insert(&db, 2, None).await })
        };
        tokio::task::yield_now().await;
        let before = marks(&db).await;
        first.commit().await.unwrap();
        second.await.unwrap().unwrap();
        assert_eq!((before, marks(&db).await), (vec![], vec![1, 2]));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_dropped_at_any_point_harms_nobody() {
    on_sqlite(async |db| {
        table(&db).await;
        for polls in 0..12 {
            let cut = {
                let db = db.clone();
                Cut { left: polls, inner: Box::pin(async move { insert(&db, 1_000 + polls, None).await }) }
            };
            let others = (insert(&db, polls * 2, None), insert(&db, polls * 2 + 1, None));
            let (one, (), two) = tokio::join!(others.0, cut, others.1);
            // Whoever shares the fate of a cancelled member is told that nothing was kept, and may try again.
            for (n, result) in [(polls * 2, one), (polls * 2 + 1, two)] {
                match result {
                    Ok(()) => {}
                    Err(Error::Lost) => insert(&db, n, None).await.unwrap(),
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        let found = marks(&db).await;
        assert_eq!(found.iter().filter(|n| **n < 1_000).count(), 24);
    })
    .await;
}

/// A future that is dropped after so many polls.
struct Cut<F> {
    left: i64,
    inner: F,
}

impl<F: Future + Unpin> Future for Cut<F> {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if self.left == 0 {
            return std::task::Poll::Ready(());
        }
        self.left -= 1;
        std::pin::Pin::new(&mut self.inner).poll(context).map(drop)
    }
}

#[tokio::test]
async fn two_handles_on_one_file_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("deep/down/shared.db").display());
    let (one, two) = (Db::connect(&url).await.unwrap(), Db::connect(&url).await.unwrap());
    table(&one).await;
    let both = Arc::new([one, two]);
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let both = Arc::clone(&both);
        tasks.spawn(async move { insert(&both[usize::try_from(n).unwrap() % 2], n, None).await });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap().unwrap();
    }
    assert_eq!(marks(&both[0]).await.len(), 100);
    for db in both.iter() {
        db.close().await;
    }
}
