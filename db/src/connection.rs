//! A connection that reads, and a transaction that writes.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, Postgres, SqliteConnection};

use crate::error::Error;
use crate::sqlite::{Reader, Writing};

/// One connection of a [`Db`](crate::Db), for the macros of this crate.
///
/// What [`Db::read`](crate::Db::read) gives is for reading: on SQLite it refuses to write. Statements run one by one,
/// each in a snapshot of its own. [`Tx`] derefs to it, so that a function which takes `&mut Connection` serves both.
#[derive(Debug)]
pub struct Connection {
    inner: Inner,
    /// A statement failed: no further one runs, and there is nothing to commit. PostgreSQL has it so for transactions,
    /// and would answer a commit of one with a silent rollback; SQLite would go on with half of the work.
    failed: bool,
}

#[derive(Debug)]
enum Inner {
    SqliteReader(Reader),
    SqliteWriter(Writing),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(sqlx::Transaction<'static, Postgres>),
}

/// The engine behind a connection, for statements that the macros cannot express.
#[derive(Debug)]
pub enum Engine<'c> {
    /// A connection to SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// A connection to PostgreSQL.
    Postgres(&'c mut PgConnection),
}

impl Connection {
    pub(crate) fn sqlite(reader: Reader) -> Self {
        Self { inner: Inner::SqliteReader(reader), failed: false }
    }

    pub(crate) fn postgres(connection: PoolConnection<Postgres>) -> Self {
        Self { inner: Inner::Postgres(connection), failed: false }
    }

    /// The engine, ready for a statement.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] in a transaction of which a statement failed.
    pub fn engine(&mut self) -> Result<Engine<'_>, Error> {
        if self.failed {
            return Err(Error::Lost);
        }
        Ok(match &mut self.inner {
            Inner::SqliteReader(reader) => Engine::Sqlite(reader.connection()?),
            Inner::SqliteWriter(writing) => Engine::Sqlite(writing.connection()?),
            Inner::Postgres(connection) => Engine::Postgres(connection),
            Inner::PostgresTransaction(transaction) => Engine::Postgres(transaction),
        })
    }

    /// Remembers what a failed statement means for the transaction it was in; every statement's result goes through it.
    ///
    /// # Errors
    ///
    /// The `result`'s own.
    pub fn note<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            match &mut self.inner {
                Inner::SqliteReader(reader) => reader.failed(error),
                Inner::SqliteWriter(writing) => {
                    writing.failed(error);
                    self.failed = true;
                }
                // The pool tests a connection that comes back.
                Inner::Postgres(_) => {}
                Inner::PostgresTransaction(_) => self.failed = true,
            }
        }
        result
    }

    /// Runs a script of several statements without parameters, such as a migration step.
    ///
    /// # Errors
    ///
    /// That of the first statement that fails; those after it do not run.
    pub async fn run_script(&mut self, script: &'static str) -> Result<(), Error> {
        let result = match self.engine()? {
            Engine::Sqlite(engine) => engine.execute(sqlx::raw_sql(script)).await.map(drop),
            Engine::Postgres(engine) => engine.execute(sqlx::raw_sql(script)).await.map(drop),
        };
        self.note(result.map_err(Error::from))
    }
}

/// A transaction. Dropping it undoes it.
///
/// After a statement that failed, whatever the reason, it accepts no other and cannot be committed.
///
/// Keep it short, and never wait for anything but the database while it is open: on SQLite everybody else who writes
/// waits for it. A task that holds one must not begin another.
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
}

impl Tx {
    pub(crate) fn sqlite(writing: Writing) -> Self {
        Self { connection: Connection { inner: Inner::SqliteWriter(writing), failed: false } }
    }

    pub(crate) fn postgres(transaction: sqlx::Transaction<'static, Postgres>) -> Self {
        Self { connection: Connection { inner: Inner::PostgresTransaction(transaction), failed: false } }
    }

    /// Makes the transaction durable; when this returns `Ok`, a power cut cannot take it back.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when a statement of it failed, else what the engine says. Nothing of the transaction is kept
    /// then, except that after [`Error::Unavailable`] from PostgreSQL, or when the
    /// future is dropped, it is not known whether it is.
    pub async fn commit(self) -> Result<(), Error> {
        if self.connection.failed {
            return Err(Error::Lost);
        }
        match self.connection.inner {
            Inner::SqliteWriter(writing) => writing.commit().await,
            Inner::PostgresTransaction(transaction) => Ok(transaction.commit().await?),
            Inner::SqliteReader(_) | Inner::Postgres(_) => Ok(()),
        }
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
