//! Statements that go to a PostgreSQL server one behind the other, without waiting for each other's answers.
//!
//! ```text
//!  batch 1 ─► the server is at it ───► answer 1
//!        batch 2 ─► waits there ─► the server is at it ───► answer 2
//!                          batch 3 ─► …
//! ```
//!
//! A server that has answered waits for the next statement, which is a whole trip away: the answer has to wake the
//! program, which has to make the statement, which has to wake the server. Here the next one is there already. A second
//! connection would do that too, but the two of them would be at it at once, each with half of the rows, and take the
//! processors' caches from each other; a statement with many rows costs little more than one with few.
//!
//! Each statement is a transaction of its own, durable when it was answered, and undone alone when it is refused. The
//! driver is tokio-postgres, because sqlx's connection takes a statement only when it has answered the one before.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection, Row as _};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement, config};

use crate::database::ACQUIRE_TIMEOUT;
use crate::error::Error;

/// How many statements are worth sending at once: while the server is at one, the next one waits there.
pub(crate) const DEPTH: usize = 2;

/// A statement for many rows is made of look-ups by key, a few rows from each of many tables. The planner cannot know
/// that of arrays, and judges tables that are new by statistics of none: it would read them whole, and keep that plan
/// when they have grown.
const SETTINGS: &str = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
    set jit = off; set plan_cache_mode = force_generic_plan";

/// A server that acknowledges nothing for so long is gone, and with it whatever waits for its answers.
const SILENCE: Duration = Duration::from_secs(30);
/// How long closing waits for the connection to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// A column of the rows that a [`Bulk`] takes: an array for the server.
#[derive(Debug)]
pub enum Column<'v> {
    /// `int[]`.
    Numbers(Vec<i32>),
    /// `bigint[]`.
    Integers(Vec<Option<i64>>),
    /// `boolean[]`.
    Booleans(Vec<bool>),
    /// `text[]`.
    Texts(Vec<Option<Cow<'v, str>>>),
    /// `bytea[]`.
    Blobs(Vec<Option<&'v [u8]>>),
}

/// A statement that takes the rows of many as arrays, the first column as `$1`. Its text stays prepared.
#[derive(Debug)]
pub struct Bulk<'v> {
    /// What to do.
    pub text: &'static str,
    /// With what.
    pub columns: Vec<Column<'v>>,
}

/// A row of the answer to a [`Bulk`].
#[derive(Debug)]
pub struct Row(Answer);

#[derive(Debug)]
enum Answer {
    Piped(tokio_postgres::Row),
    Alone(sqlx::postgres::PgRow),
}

/// A connection to a PostgreSQL server on which statements follow each other without a pause. It is made when it is
/// first needed, and anew when it broke. A cheap handle; clones share the connection.
#[derive(Clone)]
pub struct Pipeline {
    config: Arc<Config>,
    place: Arc<tokio::sync::Mutex<Place>>,
}

/// Where the connection is, if there is one.
#[derive(Default)]
struct Place {
    link: Option<Arc<Link>>,
    is_closed: bool,
}

/// A connection with what was prepared on it.
struct Link {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    carried: AtomicU64,
    driver: JoinHandle<()>,
}

impl Pipeline {
    pub(crate) fn new(connect: &PgConnectOptions) -> Result<Self, Error> {
        Ok(Self { config: Arc::new(config(connect)?), place: Arc::default() })
    }

    /// Sends the statement behind those that are under way, and gives its rows. It is durable then.
    ///
    /// When the future is dropped, the statement may be done all the same.
    ///
    /// # Errors
    ///
    /// What the server says; nothing of the statement is kept then, and those around it are not touched. After
    /// [`Error::Unavailable`] it is not known whether it is kept.
    pub async fn fetch(&self, bulk: &Bulk<'_>) -> Result<Vec<Row>, Error> {
        let link = self.link().await?;
        let rows = link.fetch(bulk).await.map_err(Error::from);
        if matches!(rows, Err(Error::Unavailable { .. })) {
            self.leave(&link).await;
        }
        rows
    }

    async fn link(&self) -> Result<Arc<Link>, Error> {
        let mut place = self.place.lock().await;
        if place.is_closed {
            return Err(sqlx::Error::PoolClosed.into());
        }
        if let Some(link) = place.link.as_ref().filter(|link| !link.client.is_closed()) {
            return Ok(Arc::clone(link));
        }
        place.link = None;
        let opened = tokio::time::timeout(ACQUIRE_TIMEOUT, Link::open(&self.config));
        // Not busy but away: whoever waits is told so, and does not try again one by one.
        let link = Arc::new(opened.await.map_err(|_elapsed| sqlx::Error::PoolTimedOut)??);
        place.link = Some(Arc::clone(&link));
        Ok(link)
    }

    /// The next statement makes a connection of its own.
    async fn leave(&self, broken: &Arc<Link>) {
        let mut place = self.place.lock().await;
        place.link.take_if(|link| Arc::ptr_eq(link, broken));
    }

    /// Ends the connection, after what is under way. Nothing else is taken.
    pub(crate) async fn close(&self) {
        let mut place = self.place.lock().await;
        place.is_closed = true;
        // Whoever has a statement under way holds the link as well, and ends it.
        let Some(Ok(Link { client, driver, .. })) = place.link.take().map(Arc::try_unwrap) else { return };
        drop(client);
        if tokio::time::timeout(GOODBYE, driver).await.is_err() {
            tracing::warn!("closed a database connection the hard way");
        }
    }
}

impl Link {
    async fn open(config: &Config) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = Error::from(error);
                tracing::warn!(error = &error as &dyn StdError, "the connection for the rows of many broke");
            }
        });
        client.batch_execute(SETTINGS).await?;
        Ok(Self { client, statements: Mutex::default(), carried: AtomicU64::new(0), driver })
    }

    async fn fetch(&self, bulk: &Bulk<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        if plans_are_old(self.carried.fetch_add(1, Ordering::Relaxed)) {
            self.client.batch_execute("discard plans").await?;
        }
        let statement = self.prepared(bulk.text).await?;
        let columns: Vec<_> = bulk.columns.iter().map(Column::values).collect();
        let rows = self.client.query(&statement, &columns).await?;
        Ok(rows.into_iter().map(|row| Row(Answer::Piped(row))).collect())
    }

    async fn prepared(&self, text: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements().get(text).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        self.statements().insert(text, statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plan is made for tables as large as they are at that moment, the checks of references included. Those that were
/// nearly empty then let every index look as good as the right one, so plans are made anew as the tables grow: after
/// 4 statements, 16, 64 and so on.
const fn plans_are_old(carried: u64) -> bool {
    carried >= 4 && carried.is_power_of_two() && carried.trailing_zeros().is_multiple_of(2)
}

impl Bulk<'_> {
    /// Runs the statement on a connection of the pool, in its transaction if it is in one.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn fetch_alone(&self, connection: &mut PgConnection) -> Result<Vec<Row>, sqlx::Error> {
        let query = self.columns.iter().fold(sqlx::query(self.text), |query, column| match column {
            Column::Numbers(values) => query.bind(values),
            Column::Integers(values) => query.bind(values),
            Column::Booleans(values) => query.bind(values),
            Column::Texts(values) => query.bind(values),
            Column::Blobs(values) => query.bind(values),
        });
        let rows = query.fetch_all(connection).await?;
        Ok(rows.into_iter().map(|row| Row(Answer::Alone(row))).collect())
    }
}

impl Column<'_> {
    fn values(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(values) => values,
            Self::Integers(values) => values,
            Self::Booleans(values) => values,
            Self::Texts(values) => values,
            Self::Blobs(values) => values,
        }
    }
}

impl Row {
    /// The integer in a column, the first of which is 0; none where it is null.
    ///
    /// # Errors
    ///
    /// [`Error::Defect`] when there is no such column, or something else in it.
    pub fn integer(&self, column: usize) -> Result<Option<i64>, Error> {
        match &self.0 {
            Answer::Piped(row) => Ok(row.try_get(column)?),
            Answer::Alone(row) => Ok(row.try_get(column)?),
        }
    }
}

/// What sqlx connects with, for the other driver, so that both read the same URL, environment and password file.
fn config(connect: &PgConnectOptions) -> Result<Config, Error> {
    let mut config = Config::new();
    config.user(connect.get_username()).port(connect.get_port()).connect_timeout(ACQUIRE_TIMEOUT);
    config.tcp_user_timeout(SILENCE);
    match connect.get_socket() {
        Some(folder) => config.host_path(folder),
        // A URL has an IPv6 address in brackets, and keeps them.
        None => config.host(connect.get_host().trim_matches(['[', ']'])),
    };
    if let Some(password) = password(connect) {
        config.password(password);
    }
    if let Some(database) = connect.get_database() {
        config.dbname(database);
    }
    if let Some(name) = connect.get_application_name() {
        config.application_name(name);
    }
    if let Some(options) = connect.get_options() {
        config.options(options);
    }
    let without_tls = matches!(connect.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer);
    if !without_tls {
        return Err(sqlx::Error::Configuration(
            "connections to PostgreSQL have no TLS here: use sslmode=prefer, or a tunnel".into(),
        )
        .into());
    }
    config.ssl_mode(config::SslMode::Disable);
    Ok(config)
}

/// The one part of its options that sqlx shows in a URL only.
fn password(connect: &PgConnectOptions) -> Option<Vec<u8>> {
    // Names may hold what no URL can; they do not matter here.
    let url = connect.clone().username("user").host("localhost").database("database").to_url_lossy();
    url.password().map(|password| percent_decode_str(password).collect())
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipeline")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Config {
        config(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn both_drivers_connect_alike() {
        let config = of("postgres://anna:p%40ss%2Fword@db.example:5433/salon?application_name=api&options[jit]=off");
        assert_eq!(config.get_user(), Some("anna"));
        assert_eq!(config.get_password(), Some(&b"p@ss/word"[..]));
        assert_eq!(config.get_hosts(), [config::Host::Tcp("db.example".to_owned())]);
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(config.get_dbname(), Some("salon"));
        assert_eq!(config.get_application_name(), Some("api"));
        assert_eq!(config.get_options(), Some("-c jit=off"));
        assert_eq!(of("postgres://anna@[::1]/salon").get_hosts(), [config::Host::Tcp("::1".to_owned())]);
        let socket = of("postgres://anna@%2Frun%2Fpostgresql/salon");
        assert_eq!(socket.get_hosts(), [config::Host::Unix("/run/postgresql".into())]);
    }

    #[test]
    fn a_user_that_fits_no_url_is_no_obstacle() {
        let connect = PgConnectOptions::new_without_pgpass().username("a@b/c:d").password("e").host("::1");
        let config = config(&connect).unwrap();
        assert_eq!((config.get_user(), config.get_password()), (Some("a@b/c:d"), Some(&b"e"[..])));
    }

    #[test]
    fn plans_are_made_anew_as_tables_grow() {
        let anew: Vec<_> = (0..5_000).filter(|carried| plans_are_old(*carried)).collect();
        assert_eq!(anew, [4, 16, 64, 256, 1_024, 4_096]);
    }
}
