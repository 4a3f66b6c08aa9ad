//! The connections to a SQLite file: one that writes, shared by turns and by commits, and a few that read.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Executor, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};

use crate::database::{ACQUIRE_TIMEOUT, Options, STATEMENTS_KEPT, Usage};
use crate::direct::{Close, File, Job, Jobs};
use crate::error::Error;
use crate::private;

/// How long SQLite waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the switch to the write-ahead log is tried while another process opens the same file; SQLite does not wait
/// for that lock by itself.
const OPEN_ATTEMPTS: u32 = 20;
/// The pause between two such tries.
const OPEN_PAUSE: Duration = Duration::from_millis(100);

/// A SQLite file: one connection that writes, several that read.
#[derive(Clone)]
pub struct SqliteDb {
    writer: Arc<Mutex<Writer>>,
    readers: Arc<Readers>,
    permits: Arc<Semaphore>,
    most_readers: usize,
    /// None in memory, where another connection would see another database.
    file: Option<File>,
    /// Closes the connections of the threads that were started.
    threads: Arc<SyncMutex<Vec<Close>>>,
}

impl SqliteDb {
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, Error> {
        let base = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .disable_statement_logging();
        let in_memory = url.starts_with("sqlite::memory:");
        let file = (!in_memory).then(|| File {
            path: base.get_filename().to_owned(),
            full_sync: options.sqlite_full_sync,
            busy_timeout: BUSY_TIMEOUT,
        });
        let (write, read) = if in_memory {
            // Readers of a shared cache would block on the writer's table locks and it on theirs.
            (base.clone(), base.pragma("read_uncommitted", "true"))
        } else {
            make_private(base.get_filename()).map_err(sqlx::Error::Io)?;
            let sync = if options.sqlite_full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
            let write = base.clone().journal_mode(SqliteJournalMode::Wal).synchronous(sync);
            (write.optimize_on_close(true, None), base.pragma("query_only", "true"))
        };
        let connection = open_patiently(&write).await?;
        let most_readers = usize::try_from(options.sqlite_readers.max(1)).unwrap_or(1);
        Ok(Self {
            writer: Arc::new(Mutex::new(Writer {
                connection: Some(connection),
                options: write,
                group: None,
                undo: Undo::Nothing,
            })),
            readers: Arc::new(Readers { idle: SyncMutex::new(Vec::new()), options: read }),
            permits: Arc::new(Semaphore::new(most_readers)),
            most_readers,
            file,
            threads: Arc::default(),
        })
    }

    pub(crate) fn start_jobs<J: Job>(&self) -> Result<Option<Jobs<J>>, Error> {
        let Some(file) = &self.file else { return Ok(None) };
        let (jobs, close) = Jobs::start(file.clone(), Arc::clone(&self.writer)).map_err(sqlx::Error::Io)?;
        self.threads().push(close);
        Ok(Some(jobs))
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<Close>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn read(&self) -> Result<Reader, Error> {
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_elapsed| Error::Busy { source: None })?
            .map_err(|_closed| sqlx::Error::PoolClosed)?;
        let idle = self.readers.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.readers.options.connect().await?,
        };
        Ok(Reader { connection: Some(connection), readers: Arc::clone(&self.readers), _permit: permit })
    }

    pub(crate) async fn begin(&self) -> Result<Writing, Error> {
        let mut writer = tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.writer).lock_owned())
            .await
            .map_err(|_elapsed| Error::Busy { source: None })?;
        if writer.join().await? {
            // Queues behind the transactions that wait by now; those are the group.
            let writer = Arc::clone(&self.writer);
            tokio::spawn(async move { writer.lock_owned().await.close_group().await });
        }
        Ok(Writing { writer })
    }

    /// Counts the writing connection as one that is in use while a transaction is open.
    pub(crate) fn usage(&self) -> Usage {
        let reading = self.most_readers.saturating_sub(self.permits.available_permits());
        let writing = usize::from(self.writer.try_lock().is_err());
        let idle = self.readers.idle().len();
        Usage { open: idle.saturating_add(reading).saturating_add(1), in_use: reading.saturating_add(writing) }
    }

    pub(crate) async fn close(&self) {
        self.permits.close();
        let closings: Vec<_> = self.threads().iter().filter_map(|close| close()).collect();
        for closing in closings {
            // A thread that ends closes its connection too.
            closing.await.ok();
        }
        let idle = std::mem::take(&mut *self.readers.idle());
        for connection in idle {
            report(connection.close().await);
        }
        let mut writer = self.writer.lock().await;
        writer.close_group().await;
        if let Some(connection) = writer.connection.take() {
            report(connection.close().await);
        }
    }
}

fn report(closed: Result<(), sqlx::Error>) {
    if let Err(error) = closed {
        tracing::warn!(error = %error, "closed a database connection the hard way");
    }
}

/// Makes the file, and its folder, where they are not there: SQLite would let everybody read them. A file that is there
/// keeps its mode, which is its owner's business.
fn make_private(file: &Path) -> std::io::Result<()> {
    private::folder_of(file)?;
    match private::new_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn open_patiently(options: &SqliteConnectOptions) -> Result<SqliteConnection, Error> {
    let mut attempt = 1;
    loop {
        match options.connect().await.map_err(Error::from) {
            Ok(connection) => return Ok(connection),
            Err(Error::Busy { .. }) if attempt < OPEN_ATTEMPTS => {
                tokio::time::sleep(OPEN_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

/// The idle reading connections. A connection is kept as it is: it never holds a transaction, so there is nothing to
/// reset, and the test that sqlx's pool runs on each return would cost as much as a query.
struct Readers {
    idle: SyncMutex<Vec<SqliteConnection>>,
    options: SqliteConnectOptions,
}

impl Readers {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading connection; goes back when dropped.
pub(crate) struct Reader {
    connection: Option<SqliteConnection>,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.connection.as_mut().ok_or(Error::Lost)
    }

    /// A connection that failed for a reason outside of the statement is not used again.
    pub(crate) fn failed(&mut self, error: &Error) {
        if matches!(error, Error::Unavailable { .. }) {
            self.connection = None;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle().push(connection);
        }
    }
}

/// The writing connection and the group of transactions that shares its next commit.
///
/// ```text
///            join: begin immediate             join: savepoint                close_group: commit
///  no group ─────────────────────► member 1 ─────────────────────► member n ─────────────────────► no group
///                     its commit: nothing yet     its commit: release            everybody is told
/// ```
pub(crate) struct Writer {
    /// None after the connection broke; the next transaction opens another.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    group: Option<Group>,
    /// What has to be undone before the next statement, because the last member is gone without a commit. It is set
    /// before the member's first statement, so that a future which is dropped anywhere leaves it right.
    undo: Undo,
}

struct Group {
    /// How many members wait for the commit.
    waiting: usize,
    /// Tells them how it went.
    outcome: watch::Sender<Option<Result<(), Error>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undo {
    Nothing,
    /// The savepoint of one member.
    Member,
    /// The whole transaction: its only member, or a failure that reaches beyond the statement.
    Everything,
}

impl Writer {
    fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.connection.as_mut().ok_or(Error::Lost)
    }

    /// Begins a group, or a member in the one that is open; tells whether a group was begun.
    async fn join(&mut self) -> Result<bool, Error> {
        self.settle().await;
        if self.connection.is_none() {
            self.connection = Some(self.options.connect().await?);
        }
        if self.group.is_some() {
            self.undo = Undo::Member;
            return self.run("savepoint member").await.map(|()| false);
        }
        self.undo = Undo::Everything;
        match self.run("begin immediate").await {
            Ok(()) => {
                self.group = Some(Group { waiting: 0, outcome: watch::Sender::new(None) });
                Ok(true)
            }
            Err(error) => {
                if !matches!(error, Error::Busy { .. }) {
                    // A fresh connection sees a file that was moved, restored or unlocked meanwhile.
                    self.connection = None;
                }
                self.undo = Undo::Nothing;
                Err(error)
            }
        }
    }

    /// Runs a statement of our own; one that fails leaves the group undone.
    async fn run(&mut self, statement: &'static str) -> Result<(), Error> {
        let result = self.connection()?.execute(sqlx::query(statement)).await;
        result.map(drop).map_err(|error| {
            self.undo = Undo::Everything;
            Error::from(error)
        })
    }

    /// Undoes what a member left behind.
    async fn settle(&mut self) {
        if self.undo == Undo::Member
            && self.run("rollback to member").await.is_ok()
            && self.run("release member").await.is_ok()
        {
            self.undo = Undo::Nothing;
        }
        if self.undo == Undo::Nothing {
            return;
        }
        // It fails when SQLite has rolled back by itself, which is as good.
        let rolled_back = self.run("rollback").await;
        if matches!(rolled_back, Err(Error::Unavailable { .. } | Error::Lost)) {
            self.connection = None;
        }
        self.undo = Undo::Nothing;
        if let Some(group) = self.group.take() {
            group.outcome.send_replace(Some(Err(Error::Lost)));
        }
    }

    /// Commits the open group, if there is one, and tells its members.
    pub(crate) async fn close_group(&mut self) {
        self.settle().await;
        let Some(group) = self.group.take() else {
            return;
        };
        // Should this future be dropped, the next one to come rolls back what is not committed.
        self.undo = Undo::Everything;
        let statement = if group.waiting > 0 { "commit" } else { "rollback" };
        let result = self.run(statement).await;
        if result.is_ok() {
            self.undo = Undo::Nothing;
        }
        self.settle().await;
        group.outcome.send_replace(Some(result));
    }
}

/// One member's turn at the writing connection.
pub(crate) struct Writing {
    writer: OwnedMutexGuard<Writer>,
}

impl Writing {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.writer.connection()
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        if error.ends_transaction() {
            self.writer.undo = Undo::Everything;
        }
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let writer = &mut *self.writer;
        if writer.undo == Undo::Member {
            writer.run("release member").await?;
        }
        let Some(group) = &mut writer.group else {
            return Err(Error::Lost);
        };
        group.waiting = group.waiting.saturating_add(1);
        let mut outcome = group.outcome.subscribe();
        writer.undo = Undo::Nothing;
        drop(self);
        match outcome.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Err(Error::Lost)),
            Err(_gone) => Err(Error::Lost),
        }
    }
}

impl fmt::Debug for SqliteDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteDb")
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writing")
    }
}
