//! The connections to a PostgreSQL server: a pool for everything, and a few that only carry batches.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, Executor, PgConnection, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::database::{ACQUIRE_TIMEOUT, Options};
use crate::error::Error;

/// How many batches are written at once: while one waits for the disk, the next one's rows are made.
pub(crate) const BATCHES: usize = 2;

/// A batch is made of look-ups by key, a few rows from each of many tables. The planner cannot know that of arrays, and
/// judges tables that are new by statistics of none: it would read them whole, and keep that plan when they have grown.
const BATCH_SETTINGS: &str = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
    set jit = off; set plan_cache_mode = force_generic_plan";

/// A PostgreSQL server.
#[derive(Clone)]
pub struct PostgresDb {
    pub(crate) pool: PgPool,
    batches: Arc<Batches>,
}

impl PostgresDb {
    pub(crate) async fn open(connect: PgConnectOptions, options: &Options) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(options.postgres_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection is tested when it comes back, off the caller's path.
            .test_before_acquire(false)
            .connect_with(connect.clone())
            .await?;
        let permits = Arc::new(Semaphore::new(BATCHES));
        let batches = Batches { idle: Mutex::default(), permits, options: connect };
        Ok(Self { pool, batches: Arc::new(batches) })
    }

    pub(crate) async fn begin_batch(&self) -> Result<Batch, Error> {
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.batches.permits).acquire_owned())
            .await
            .map_err(|_elapsed| Error::Busy { source: None })?
            .map_err(|_closed| sqlx::Error::PoolClosed)?;
        let idle = self.batches.idle().pop();
        let connection = if let Some(connection) = idle {
            connection
        } else {
            let mut connection = self.batches.options.connect().await?;
            connection.execute(sqlx::raw_sql(BATCH_SETTINGS)).await?;
            connection
        };
        Ok(Batch { connection: Some(connection), batches: Arc::clone(&self.batches), _permit: permit })
    }

    pub(crate) async fn close(&self) {
        self.batches.permits.close();
        let idle = std::mem::take(&mut *self.batches.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(error = %error, "closed a database connection the hard way");
            }
        }
        self.pool.close().await;
    }
}

/// The idle connections for batches. They are kept as they are: a batch is one statement, which leaves nothing open.
struct Batches {
    idle: Mutex<Vec<PgConnection>>,
    permits: Arc<Semaphore>,
    options: PgConnectOptions,
}

impl Batches {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection for one batch; goes back when dropped.
pub(crate) struct Batch {
    connection: Option<PgConnection>,
    batches: Arc<Batches>,
    _permit: OwnedSemaphorePermit,
}

impl Batch {
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.connection.as_mut().ok_or(Error::Lost)
    }

    /// A server that went away took all connections with it.
    pub(crate) fn failed(&mut self, error: &Error) {
        if matches!(error, Error::Unavailable { .. }) {
            self.connection = None;
            self.batches.idle().clear();
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.batches.idle().push(connection);
        }
    }
}

impl fmt::Debug for PostgresDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresDb")
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batch")
    }
}
