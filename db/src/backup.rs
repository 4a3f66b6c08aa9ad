//! Copies of a SQLite file: made while others work on it, and put back when nobody does.
//!
//! PostgreSQL brings `pg_dump` and `pg_restore`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, Executor, SqliteConnection};

use crate::error::Error;
use crate::private;

/// How long somebody else's lock is waited for before a file counts as in use.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a copy was not made or not put back. The database is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no database to copy.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// A file is in the way, and nothing is overwritten.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// Some process has the database open; stop it first.
    #[error("a process has {} open", .0.display())]
    InUse(PathBuf),
    /// There is a database where the copy would go.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The copy is damaged, or not of this program.
    #[error("{} is no sound copy: {why}", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("the database could not be copied")]
    Database(#[from] Error),
}

/// Copies the database of `url`, which others may be working on, to the new file `to`, and checks the copy.
///
/// The copy has what was committed when it began. Only its owner may read it: it holds what the database holds. It
/// appears under its name when it is whole.
///
/// # Errors
///
/// [`BackupError`]; nothing stands at `to` then.
pub async fn save(url: &str, to: &Path) -> Result<(), BackupError> {
    let options = SqliteConnectOptions::from_str(url).map_err(Error::from)?;
    let source = options.get_filename().to_owned();
    if !source.exists() {
        return Err(BackupError::Missing(source));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let partial = beside(to, "partial");
    make_private(&partial)?;
    let made = async {
        let mut connection = options.busy_timeout(LOCK_TIMEOUT).connect().await.map_err(Error::from)?;
        let target = partial.to_string_lossy().into_owned();
        // SQLite takes a file of no length for a new one.
        let copied = sqlx::query("vacuum into $1").bind(target).execute(&mut connection).await.map_err(Error::from);
        connection.close().await.map_err(Error::from)?;
        copied?;
        check(&partial).await?;
        flush(&partial)?;
        // Unlike a rename, a link does not take the place of a file that came meanwhile.
        fs::hard_link(&partial, to).map_err(|source| not_made(to, source))
    };
    let made = made.await;
    let removed = fs::remove_file(&partial).map_err(|source| BackupError::File { path: partial.clone(), source });
    made.and(removed)?;
    flush_folder(to)
}

/// Reads the whole of a copy: its pages, its indexes, its references, and whether it is of this program.
///
/// # Errors
///
/// [`BackupError::Unsound`] says what is wrong.
pub async fn check(path: &Path) -> Result<(), BackupError> {
    let unsound = |why: String| BackupError::Unsound { path: path.to_owned(), why };
    if !path.exists() {
        return Err(BackupError::Missing(path.to_owned()));
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.map_err(|error| unsound(error.to_string()))?;
    let sound: Result<String, sqlx::Error> =
        sqlx::query_scalar("pragma integrity_check(1)").fetch_one(&mut connection).await;
    let dangling = sqlx::query("pragma foreign_key_check").fetch_optional(&mut connection).await;
    let steps: Result<i64, sqlx::Error> =
        sqlx::query_scalar("select count(*) from schema_steps").fetch_one(&mut connection).await;
    // It was only read.
    let _closed = connection.close().await;
    match (sound, dangling, steps) {
        (Ok(sound), Ok(None), Ok(1..)) if sound == "ok" => Ok(()),
        (Ok(sound), ..) if sound != "ok" => Err(unsound(sound)),
        (Err(error), ..) | (_, Err(error), _) => Err(unsound(error.to_string())),
        (_, Ok(Some(_)), _) => Err(unsound("a row refers to one that is not there".to_owned())),
        (_, _, Ok(_) | Err(_)) => Err(unsound("it was not made by this program".to_owned())),
    }
}

/// Puts the copy `from` in the place of the database of `url`, which nobody may have open.
///
/// With `force`, a database that is there is kept beside it, under a name with `now` (Unix seconds) in it, which is
/// given back.
///
/// # Errors
///
/// [`BackupError`]; the database is as it was then.
pub async fn restore(url: &str, from: &Path, force: bool, now: i64) -> Result<Option<PathBuf>, BackupError> {
    check(from).await?;
    let options = SqliteConnectOptions::from_str(url).map_err(Error::from)?;
    let target = options.get_filename().to_owned();
    let is_empty = fs::metadata(&target).map_or(true, |file| file.len() == 0);
    let hold = if is_empty { None } else { hold(options, &target, force).await? };
    if !is_empty && !force {
        return Err(BackupError::NotEmpty(target));
    }
    private::folder_of(&target).map_err(|source| BackupError::File { path: target.clone(), source })?;
    let fresh = beside(&target, "restoring");
    make_private(&fresh)?;
    let done = copy(from, &fresh).and_then(|()| exchange(&target, &fresh, !is_empty, now));
    if done.is_err() {
        // What matters is the error that is told already.
        let _removed = fs::remove_file(&fresh);
    }
    if let Some(hold) = hold {
        // The file has another name by now, and closing changes nothing in it.
        let _closed = hold.close().await;
    }
    done
}

/// Locks everybody else out of a database. A file that SQLite cannot read is not held, and only `force` gets past it.
async fn hold(
    options: SqliteConnectOptions,
    target: &Path,
    force: bool,
) -> Result<Option<SqliteConnection>, BackupError> {
    let held = async {
        let mut connection = options.busy_timeout(LOCK_TIMEOUT).connect().await?;
        // Leaving the write-ahead log is refused while any other connection is open, and brings it into the file.
        connection.execute("pragma journal_mode = delete").await?;
        connection.execute("begin exclusive").await?;
        Ok::<_, sqlx::Error>(connection)
    };
    match held.await.map_err(Error::from) {
        Ok(connection) => Ok(Some(connection)),
        Err(Error::Busy { .. }) => Err(BackupError::InUse(target.to_owned())),
        Err(_unreadable) if force => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: to.to_owned(), source };
    let mut source = File::open(from).map_err(|source| BackupError::File { path: from.to_owned(), source })?;
    let mut target = OpenOptions::new().write(true).open(to).map_err(failed)?;
    io::copy(&mut source, &mut target).map_err(failed)?;
    target.sync_all().map_err(failed)
}

/// Moves the old files aside and the fresh one into their place.
fn exchange(target: &Path, fresh: &Path, keep: bool, now: i64) -> Result<Option<PathBuf>, BackupError> {
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|source| BackupError::File { path: from.to_owned(), source })
    };
    let kept = beside(target, &format!("replaced-{now}"));
    if keep && kept.exists() {
        return Err(BackupError::Exists(kept));
    }
    for suffix in ["-wal", "-shm"] {
        // Left by a process that was killed; they belong to the old file, and would spoil the new one.
        let log = with_suffix(target, suffix);
        if log.exists() {
            rename(&log, &with_suffix(&kept, suffix))?;
        }
    }
    if keep {
        rename(target, &kept)?;
    }
    rename(fresh, target)?;
    flush_folder(target)?;
    Ok(keep.then_some(kept))
}

fn make_private(path: &Path) -> Result<(), BackupError> {
    private::new_file(path).map_err(|source| not_made(path, source))
}

/// Why a file that must be new could not be made.
fn not_made(path: &Path, source: io::Error) -> BackupError {
    if source.kind() == io::ErrorKind::AlreadyExists {
        BackupError::Exists(path.to_owned())
    } else {
        BackupError::File { path: path.to_owned(), source }
    }
}

fn flush(path: &Path) -> Result<(), BackupError> {
    let flushed = File::open(path).and_then(|file| file.sync_all());
    flushed.map_err(|source| BackupError::File { path: path.to_owned(), source })
}

/// A name is durable once its folder is.
fn flush_folder(path: &Path) -> Result<(), BackupError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    flush(folder)
}

/// `booking.db` and `partial` make `booking.db.partial`.
fn beside(path: &Path, word: &str) -> PathBuf {
    with_suffix(path, &format!(".{word}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
