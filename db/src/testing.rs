//! Databases of their own for tests, one per test, on both engines.
//!
//! SQLite always runs. PostgreSQL runs where the environment variable `TEST_POSTGRES_URL` names a server on which
//! databases may be made; without it the test says so loudly, and fails where `REQUIRE_POSTGRES=1` or `CI=true`.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection};

use crate::database::Db;

/// Runs `test` on an empty SQLite file, then on an empty PostgreSQL database if there is a server.
///
/// A PostgreSQL database is dropped after a test that passed, and kept for a look after one that failed.
///
/// # Panics
///
/// When a database cannot be made, or there is no PostgreSQL although it is required: the test has failed.
pub async fn on_each<F>(test: impl Fn(Db) -> F)
where
    F: Future<Output = ()>,
{
    on_sqlite(&test).await;
    on_postgres(&test).await;
}

/// Runs `test` with the URL of a SQLite file that is not there yet, then with that of an empty PostgreSQL database if
/// there is a server: for tests that open it more than once, or from other processes.
///
/// # Panics
///
/// When a database cannot be made, or there is no PostgreSQL although it is required: the test has failed.
pub async fn on_each_url(test: impl AsyncFn(&str)) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    // Four slashes begin an absolute path.
    test(&format!("sqlite:///{}", folder.path().join("booking.db").display())).await;
    let Some(database) = PostgresDatabase::create().await else {
        return;
    };
    test(&database.url).await;
    database.drop().await;
}

/// Runs `test` on an empty SQLite file.
///
/// # Panics
///
/// When the file cannot be made: the test has failed.
pub async fn on_sqlite<F>(test: impl Fn(Db) -> F)
where
    F: Future<Output = ()>,
{
    let folder = tempfile::tempdir().expect("a folder for the test");
    let db = Db::connect(&format!("sqlite:{}", folder.path().join("test.db").display())).await.expect("opens a file");
    test(db.clone()).await;
    db.close().await;
}

/// Runs `test` on an empty PostgreSQL database, if there is a server.
///
/// # Panics
///
/// When the database cannot be made, or there is no server although one is required: the test has failed.
pub async fn on_postgres<F>(test: impl Fn(Db) -> F)
where
    F: Future<Output = ()>,
{
    let Some(database) = PostgresDatabase::create().await else {
        return;
    };
    let db = Db::connect(&database.url).await.expect("opens the database");
    test(db.clone()).await;
    db.close().await;
    database.drop().await;
}

/// An empty PostgreSQL database; for tests that open it more than once, or from another process.
#[derive(Debug)]
pub struct PostgresDatabase {
    /// Its URL.
    pub url: String,
    name: String,
    server: String,
}

impl PostgresDatabase {
    /// Makes a database on the server of the environment, or says loudly that there is none.
    ///
    /// # Panics
    ///
    /// When it cannot be made, or there is no server although one is required.
    pub async fn create() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(server) = variable("TEST_POSTGRES_URL") else {
            let required = variable("REQUIRE_POSTGRES").is_some_and(|value| value == "1")
                || variable("CI").is_some_and(|value| value == "true");
            assert!(!required, "PostgreSQL is required, but TEST_POSTGRES_URL is not set");
            eprintln!("SKIPPED on PostgreSQL: TEST_POSTGRES_URL is not set");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        run(&server, format!("drop database if exists {name} with (force)")).await;
        run(&server, format!("create database {name} template template0")).await;
        let url = with_database(&server, &name);
        Some(Self { url, name, server })
    }

    /// Drops it, whoever is still connected.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn drop(self) {
        run(&self.server, format!("drop database {} with (force)", self.name)).await;
    }
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers at TEST_POSTGRES_URL");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.expect("the server makes and drops databases");
    connection.close().await.expect("the connection closes");
}

/// `postgres://user@host/old?options` with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(a, o)| (a, Some(o)));
    let host = address.find("://").map_or(0, |start| start + 3);
    let end = address.get(host..).and_then(|rest| rest.find('/')).map_or(address.len(), |slash| host + slash);
    let base = address.get(..end).unwrap_or(address);
    options.map_or_else(|| format!("{base}/{name}"), |options| format!("{base}/{name}?{options}"))
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests are set up by their environment, not by a configuration")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
