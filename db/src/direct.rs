//! A thread that writes to a SQLite file without a trip per statement.
//!
//! sqlx runs a connection on a thread of its own and talks to it statement by statement: two changes of threads for
//! each, which costs several times what SQLite does, while everybody else who writes waits. Where many want to write at
//! once, [`Jobs`] brings the work to the thread instead: it takes all that wait, and ends them with one commit. Where
//! one of them is refused, all are done once more, each in a savepoint, so that a refusal undoes nobody else's work.
//! The driver is rusqlite, on the same SQLite library as sqlx's.
//!
//! The thread writes in turn with the other transactions of the process ([`Db::begin`](crate::Db::begin)).

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql, params_from_iter};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::error::Error;
use crate::sqlite::Writer;

/// The most jobs of one commit: more would keep the first of them waiting without costing less.
const MOST: usize = 64;
/// How many jobs wait at most; who comes after them waits for a place in the queue.
const QUEUE: usize = 256;
/// Prepared statements that are kept.
const STATEMENTS_KEPT: usize = 64;

/// The log is copied into the file when it has this many pages, 64 MiB: the disk is asked to keep both at that moment,
/// and a page that changed often meanwhile is copied once.
const CHECKPOINT_PAGES: i64 = 16_384;

/// What the connection keeps of the file at most, in kibibytes, negative as SQLite has it: the leaves of the indexes
/// that each visit adds to, also with years of visits in them.
const CACHE_KIBIBYTES: i64 = -16_384;

/// A parameter of a [`Statement`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'v> {
    /// No value.
    Null,
    /// An integer; a boolean is 0 or 1.
    Integer(i64),
    /// A text.
    Text(Cow<'v, str>),
    /// Bytes.
    Blob(&'v [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A statement with its parameters, `?1` first. Its text stays prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement<'v> {
    /// What to do.
    pub text: &'static str,
    /// With what.
    pub values: Vec<Value<'v>>,
}

/// The connection, for the [`Job`]s of one transaction, with the statements that one of them has used.
pub struct Direct<'c> {
    connection: &'c Connection,
    /// A handful, so that looking through them costs less than the driver's own look-up, which hashes the text and
    /// takes the statement out and in each time.
    prepared: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Direct<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: RefCell::default() }
    }

    /// Runs a statement that gives no row.
    ///
    /// # Errors
    ///
    /// The engine's; the job is to give it back.
    pub fn execute(&self, statement: &Statement<'_>) -> Result<(), Error> {
        self.run(statement.text, |prepared| prepared.execute(params_from_iter(&statement.values)).map(drop))
    }

    /// Runs a statement that inserts one row; gives its number.
    ///
    /// # Errors
    ///
    /// The engine's, and [`Error::Defect`] where it inserts another number of rows; the job is to give it back.
    pub fn insert(&self, statement: &Statement<'_>) -> Result<i64, Error> {
        self.run(statement.text, |prepared| prepared.insert(params_from_iter(&statement.values)))
    }

    /// Runs a statement that gives a row of `N` integers, each of which may be absent; gives the first row, if any.
    ///
    /// # Errors
    ///
    /// The engine's, and [`Error::Defect`] where there is something else in a row; the job is to give it back.
    pub fn fetch<const N: usize>(&self, statement: &Statement<'_>) -> Result<Option<[Option<i64>; N]>, Error> {
        self.run(statement.text, |prepared| {
            let mut rows = prepared.query(params_from_iter(&statement.values))?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut integers = [None; N];
            for (column, integer) in integers.iter_mut().enumerate() {
                *integer = row.get(column)?;
            }
            Ok(Some(integers))
        })
    }

    fn run<T>(
        &self,
        text: &'static str,
        run: impl FnOnce(&mut CachedStatement<'c>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut prepared = self.prepared.borrow_mut();
        if let Some((_, statement)) = prepared.iter_mut().find(|(known, _)| *known == text) {
            return Ok(run(statement)?);
        }
        let mut statement = self.connection.prepare_cached(text)?;
        let result = run(&mut statement);
        prepared.push((text, statement));
        Ok(result?)
    }
}

impl fmt::Debug for Direct<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Direct")
    }
}

/// What somebody wants written.
pub trait Job: Send + 'static {
    /// What they are told of it.
    type Done: Send;

    /// Writes it. What it wrote is undone when this fails, and nothing else is.
    ///
    /// # Errors
    ///
    /// The engine's.
    fn act(&self, connection: &Direct<'_>) -> Result<Self::Done, Error>;

    /// Tells how it went: after the commit, or that nothing of it is kept.
    fn tell(self, outcome: Result<Self::Done, Error>);
}

/// Where jobs go. Clones share the thread, which ends with the last of them.
#[derive(Debug)]
pub struct Jobs<J> {
    queue: mpsc::Sender<Message<J>>,
}

impl<J> Clone for Jobs<J> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

enum Message<J> {
    Job(J),
    /// Close the file; the next job opens it again.
    Close(oneshot::Sender<()>),
}

/// How the file is opened.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) full_sync: bool,
    pub(crate) busy_timeout: Duration,
}

/// Closes a thread's connection, if the thread still runs.
pub(crate) type Close = Box<dyn Fn() -> Option<oneshot::Receiver<()>> + Send + Sync>;

impl<J: Job> Jobs<J> {
    /// Starts the thread; must be called within a runtime.
    pub(crate) fn start(file: File, turn: Arc<Mutex<Writer>>) -> std::io::Result<(Self, Close)> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let runtime = Handle::current();
        let thread = Thread { file, turn, runtime, connection: None };
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || thread.run(messages))?;
        let weak = queue.downgrade();
        let close = move || {
            let (closed, closing) = oneshot::channel();
            // A full queue is of jobs that have to be written first; the file is closed when the thread ends.
            weak.upgrade()?.try_send(Message::Close(closed)).ok()?;
            Some(closing)
        };
        Ok((Self { queue }, Box::new(close)))
    }

    /// Hands a job over, once there is a place in the queue.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when the thread has ended, which it does not while there are handles.
    pub async fn send(&self, job: J) -> Result<(), Error> {
        self.queue.send(Message::Job(job)).await.map_err(|_ended| Error::Lost)
    }
}

struct Thread {
    file: File,
    turn: Arc<Mutex<Writer>>,
    runtime: Handle,
    connection: Option<Connection>,
}

impl Thread {
    fn run<J: Job>(mut self, mut messages: mpsc::Receiver<Message<J>>) {
        let mut jobs = Vec::with_capacity(MOST);
        let mut closings = Vec::new();
        while let Some(message) = messages.blocking_recv() {
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Close(closed) => closings.push(closed),
                }
                next = if jobs.len() < MOST { messages.try_recv().ok() } else { None };
            }
            if !jobs.is_empty() {
                self.write(&mut jobs);
            }
            if !closings.is_empty() {
                self.connection = None;
                // Nobody may be left who wants to know.
                closings.drain(..).for_each(|closed| closed.send(()).unwrap_or_default());
            }
        }
    }

    /// Writes all jobs in one transaction, and tells each how it went.
    fn write<J: Job>(&mut self, jobs: &mut Vec<J>) {
        let turn = Arc::clone(&self.turn);
        let mut turn = turn.blocking_lock();
        // Whoever holds the connection next ends the group that is open.
        self.runtime.block_on(turn.close_group());
        let mut written = self.attempt(jobs, together);
        // Whoever was alone has their answer.
        if jobs.len() > 1 && written.as_ref().is_err_and(|error| !error.ends_transaction()) {
            written = self.attempt(jobs, alone);
        }
        drop(turn);
        let jobs = std::mem::replace(jobs, Vec::with_capacity(MOST));
        // To wake each of them from here would take longer than to wake one task that does.
        self.runtime.spawn(async move {
            match written {
                Ok(outcomes) => jobs.into_iter().zip(outcomes).for_each(|(job, outcome)| job.tell(outcome)),
                Err(error) => jobs.into_iter().for_each(|job| job.tell(Err(error.clone()))),
            }
        });
    }

    /// One transaction of all jobs.
    fn attempt<J: Job>(&mut self, jobs: &[J], member: Member<J>) -> Result<Vec<Outcome<J>>, Error> {
        let written = self.begin().and_then(|connection| {
            let direct = Direct::new(connection);
            let outcomes = jobs.iter().map(|job| member(&direct, job)).collect::<Result<_, _>>()?;
            drop(direct);
            connection.execute_batch("commit")?;
            Ok(outcomes)
        });
        written.inspect_err(|error| self.undo(error))
    }

    fn begin(&mut self) -> Result<&Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.file.open()?,
        };
        connection.execute_batch("begin immediate")?;
        Ok(self.connection.insert(connection))
    }

    /// Nothing of the transaction is kept. A connection that failed for a reason outside of the statements is not used
    /// again.
    fn undo(&mut self, error: &Error) {
        let undone = self.connection.as_ref().is_some_and(|connection| {
            // It fails when SQLite has rolled back by itself, which is as good.
            connection.is_autocommit() || connection.execute_batch("rollback").is_ok()
        });
        if !undone || matches!(error, Error::Unavailable { .. }) {
            self.connection = None;
        }
    }
}

/// How a job went, by itself.
type Outcome<J> = Result<<J as Job>::Done, Error>;
/// Does a job in a transaction; its error is that of the whole transaction.
type Member<J> = fn(&Direct<'_>, &J) -> Result<Outcome<J>, Error>;

/// Without a savepoint, which would copy every page before it changes: nearly always nobody is refused.
fn together<J: Job>(direct: &Direct<'_>, job: &J) -> Result<Outcome<J>, Error> {
    job.act(direct).map(Ok)
}

/// In a savepoint, so that an error of the job's own undoes nobody else's.
fn alone<J: Job>(direct: &Direct<'_>, job: &J) -> Result<Outcome<J>, Error> {
    let run = |text| direct.execute(&Statement { text, values: Vec::new() });
    run("savepoint member")?;
    let outcome = job.act(direct);
    match &outcome {
        Err(error) if error.ends_transaction() => return Err(error.clone()),
        Err(_) => run("rollback to member")?,
        Ok(_) => {}
    }
    run("release member")?;
    Ok(outcome)
}

impl File {
    fn open(&self) -> Result<Connection, Error> {
        // The file was made, and its journal chosen, by the connection that migrated it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", CACHE_KIBIBYTES)?;
        // What a statement may have to undo is not worth a file.
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "synchronous", if self.full_sync { "full" } else { "normal" })?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        // A statement is planned once, and not again for each set of values once the file has statistics.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, Options};

    /// Writes a number, which has to be new, and a word beside it, which a negative number lacks.
    struct Number(i64, oneshot::Sender<Result<i64, Error>>);

    impl Job for Number {
        type Done = i64;

        fn act(&self, connection: &Direct<'_>) -> Result<i64, Error> {
            let text = "insert into numbers (number) values (?1)";
            let row = connection.insert(&Statement { text, values: vec![self.0.into()] })?;
            let text = "select rowid, null from numbers where number = ?1";
            let found = connection.fetch(&Statement { text, values: vec![self.0.into()] })?;
            assert_eq!(found, Some([Some(row), None]));
            assert_eq!(connection.fetch::<1>(&Statement { text, values: vec![Value::Null] })?, None);
            let text = "insert into words (number, word) values (?1, ?2)";
            let values = vec![self.0.into(), if self.0 < 0 { Value::Null } else { "a word".into() }];
            connection.execute(&Statement { text, values })?;
            Ok(row)
        }

        fn tell(self, outcome: Result<i64, Error>) {
            self.1.send(outcome).expect("somebody waits");
        }
    }

    async fn database(folder: &tempfile::TempDir) -> Db {
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let db =
            Db::connect_with(&url, &Options { sqlite_full_sync: false, ..Options::default() }).await.expect("it opens");
        let mut tx = db.begin().await.expect("it begins");
        let tables = "create table numbers (number integer not null unique) strict;
                      create table words (number integer not null, word text not null) strict";
        tx.run_script(tables).await.expect("tables are made");
        tx.commit().await.expect("it commits");
        db
    }

    async fn write(jobs: &Jobs<Number>, numbers: impl IntoIterator<Item = i64>) -> Vec<Result<i64, Error>> {
        let mut waiting = Vec::new();
        for number in numbers {
            let (answer, outcome) = oneshot::channel();
            jobs.send(Number(number, answer)).await.expect("there is a place");
            waiting.push(outcome);
        }
        let mut outcomes = Vec::new();
        for outcome in waiting {
            outcomes.push(outcome.await.expect("everybody is told"));
        }
        outcomes
    }

    /// How many numbers and words there are.
    async fn count(db: &Db) -> (i64, i64) {
        let mut connection = db.read().await.expect("it reads");
        let text = "select (select count(*) from numbers), (select count(*) from words)";
        crate::fetch_one!(&mut connection, (i64, i64), text).expect("it counts")
    }

    #[tokio::test]
    async fn a_refusal_undoes_nobody_elses_work() {
        let folder = tempfile::tempdir().expect("there is room");
        let db = database(&folder).await;
        let jobs = db.start_jobs::<Number>().expect("it starts").expect("a file has a thread");
        let outcomes = write(&jobs, (0..200).chain([7]).chain([-1]).chain(200..300)).await;
        let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()?.constraint()).collect();
        assert_eq!(refused, ["numbers_number_key", "words_word_not_null"]);
        assert_eq!(count(&db).await, (300, 300));
    }

    #[tokio::test]
    async fn it_takes_turns_with_the_other_transactions() {
        let folder = tempfile::tempdir().expect("there is room");
        let db = database(&folder).await;
        let jobs = db.start_jobs::<Number>().expect("it starts").expect("a file has a thread");
        let others = async {
            for number in 1_000..1_200_i64 {
                let mut tx = db.begin().await.expect("it begins");
                crate::execute!(&mut tx, "insert into numbers (number) values ($1)", number).expect("it inserts");
                tx.commit().await.expect("it commits");
            }
        };
        let (outcomes, ()) = tokio::join!(write(&jobs, 0..200), others);
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(count(&db).await, (400, 200));
    }

    #[tokio::test]
    async fn a_closed_file_leaves_no_log_behind() {
        let folder = tempfile::tempdir().expect("there is room");
        let db = database(&folder).await;
        let jobs = db.start_jobs::<Number>().expect("it starts").expect("a file has a thread");
        assert!(write(&jobs, 0..10).await.iter().all(Result::is_ok));
        db.close().await;
        assert!(!folder.path().join("test.db-wal").exists());
    }

    #[tokio::test]
    async fn memory_has_no_thread() {
        let db = Db::connect("sqlite::memory:").await.expect("it opens");
        assert!(db.start_jobs::<Number>().expect("it asks").is_none());
    }
}
