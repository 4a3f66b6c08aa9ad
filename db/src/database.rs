//! Opening a database, and what it hands out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::connection::{Connection, Tx};
use crate::direct::{Job, Jobs};
use crate::error::Error;
use crate::migration::{Component, MigrateError};
use crate::pipeline::{self, Pipeline};
use crate::postgres::PostgresDb;
use crate::sqlite::SqliteDb;

/// How long a caller waits for a connection before [`Error::Busy`] or [`Error::Unavailable`].
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Prepared statements kept per connection; the oldest goes when there are more.
pub(crate) const STATEMENTS_KEPT: usize = 256;

/// A database: a SQLite file or a PostgreSQL server. A cheap handle; clones share the connections.
#[derive(Clone)]
#[non_exhaustive]
pub enum Db {
    /// A SQLite file: one connection that writes, several that read.
    Sqlite(SqliteDb),
    /// A PostgreSQL server.
    Postgres(PostgresDb),
}

/// The connections of a [`Db`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Connections that are open.
    pub open: usize,
    /// Those of them that somebody works with.
    pub in_use: usize,
}

/// Settings of [`Db::connect_with`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The most connections to a PostgreSQL server at once; who comes after them waits. Default 16.
    pub postgres_connections: u32,
    /// The most SQLite connections that read at once; who comes after them waits. Default 4.
    pub sqlite_readers: u32,
    /// Whether a SQLite commit waits until the disk has it. Default yes: a confirmed booking and the state of a
    /// message key must survive a power cut, and shared commits make the wait affordable. Without it a power cut may
    /// take the last commits back; a crash of the process never does.
    pub sqlite_full_sync: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { postgres_connections: 16, sqlite_readers: 4, sqlite_full_sync: true }
    }
}

impl Db {
    /// Opens `url`: `sqlite:path/to/file.db` (made if missing, its folder too), `sqlite::memory:` (gone with the last
    /// handle; for examples and tests: its readers see what is not committed yet) or
    /// `postgres://user:password@host/database`.
    ///
    /// # Errors
    ///
    /// [`Error::Defect`] when the URL is not one of these, [`Error::Unavailable`] when there is nothing behind it.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, &Options::default()).await
    }

    /// Like [`connect`](Self::connect), with `options`.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: &Options) -> Result<Self, Error> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let connect = PgConnectOptions::from_str(url)?.statement_cache_capacity(STATEMENTS_KEPT);
            return Ok(Self::Postgres(PostgresDb::open(connect, options).await?));
        }
        if url.starts_with("sqlite:") {
            return Ok(Self::Sqlite(SqliteDb::open(url, options).await?));
        }
        Err(sqlx::Error::Configuration("a database URL starts with sqlite: or postgres:".into()).into())
    }

    /// A connection to read with.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] or [`Error::Unavailable`] when none is to be had within ten seconds.
    pub async fn read(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite(sqlite) => Connection::sqlite(sqlite.read().await?),
            Self::Postgres(postgres) => Connection::postgres(postgres.pool.acquire().await?),
        })
    }

    /// Begins a transaction that may write.
    ///
    /// On SQLite it has the writing connection to itself (`begin immediate`). Transactions that queue for that
    /// connection meanwhile run one after the other as savepoints, and one commit ends all: each call of
    /// [`Tx::commit`] returns when that commit is durable, and a transaction that is dropped or fails is undone alone.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when others write for too long, [`Error::Unavailable`] when the database is gone.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite(sqlite) => Tx::sqlite(sqlite.begin().await?),
            Self::Postgres(postgres) => Tx::postgres(postgres.pool.begin().await?),
        })
    }

    /// The connection to PostgreSQL on which statements for the rows of many follow each other without a pause. None on
    /// SQLite.
    #[must_use]
    pub fn pipeline(&self) -> Option<&Pipeline> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(postgres) => Some(&postgres.pipeline),
        }
    }

    /// Starts a thread that writes jobs to a SQLite file, all that wait with one commit. None on PostgreSQL, and for a
    /// database in memory. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the system gives no thread.
    pub fn start_jobs<J: Job>(&self) -> Result<Option<Jobs<J>>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.start_jobs(),
            Self::Postgres(_) => Ok(None),
        }
    }

    /// How many batches are worth writing at once: another would only wait.
    #[must_use]
    pub fn batches_at_once(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => pipeline::DEPTH,
        }
    }

    /// Brings the tables of `component` up to its last step.
    ///
    /// # Errors
    ///
    /// See [`MigrateError`]; steps before the failing one stay.
    pub async fn migrate(&self, component: &Component) -> Result<(), MigrateError> {
        crate::migration::run(self, component).await
    }

    /// Whether the tables of `component` are at its last step, or a newer program's.
    ///
    /// # Errors
    ///
    /// [`Error`] when the database does not answer, or was never migrated.
    pub async fn is_current(&self, component: &Component) -> Result<bool, Error> {
        let mut connection = self.read().await?;
        let (applied,) = crate::fetch_one!(
            &mut connection,
            (Option<i64>,),
            "select max(number) from schema_steps where component = $1",
            component.name,
        )?;
        Ok(applied >= component.steps.last().map(|step| step.number))
    }

    /// How many connections there are, and how many of them somebody works with.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self {
            Self::Sqlite(sqlite) => sqlite.usage(),
            Self::Postgres(postgres) => {
                let pool = &postgres.pool;
                let open = usize::try_from(pool.size()).unwrap_or(usize::MAX);
                Usage { open, in_use: open.saturating_sub(pool.num_idle()) }
            }
        }
    }

    /// Closes all connections, after the work that is under way.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// Names the engine only: the URL may hold a password.
impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => f.write_str("Db::Sqlite"),
            Self::Postgres(_) => f.write_str("Db::Postgres"),
        }
    }
}
