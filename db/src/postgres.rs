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
        let mut carrier = if let Some(carrier) = idle {
            carrier
        } else {
            let mut connection = self.batches.options.connect().await?;
            connection.execute(sqlx::raw_sql(BATCH_SETTINGS)).await?;
            Carrier { connection, carried: 0 }
        };
        if carrier.plans_are_old() {
            carrier.connection.execute(sqlx::raw_sql("discard plans")).await?;
        }
        carrier.carried = carrier.carried.saturating_add(1);
        Ok(Batch { carrier: Some(carrier), batches: Arc::clone(&self.batches), _permit: permit })
    }

    pub(crate) async fn close(&self) {
        self.batches.permits.close();
        let idle = std::mem::take(&mut *self.batches.idle());
        for carrier in idle {
            if let Err(error) = carrier.connection.close().await {
                tracing::warn!(error = %error, "closed a database connection the hard way");
            }
        }
        self.pool.close().await;
    }
}

/// The idle connections for batches. They are kept as they are: a batch is one statement, which leaves nothing open.
struct Batches {
    idle: Mutex<Vec<Carrier>>,
    permits: Arc<Semaphore>,
    options: PgConnectOptions,
}

impl Batches {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Carrier>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that carries batches.
struct Carrier {
    connection: PgConnection,
    carried: u64,
}

impl Carrier {
    /// A plan is made for tables as large as they are at that moment, the checks of references included. Those that were
    /// nearly empty then let every index look as good as the right one, so plans are made anew as the tables grow: after
    /// 4 batches, 16, 64 and so on.
    const fn plans_are_old(&self) -> bool {
        self.carried >= 4 && self.carried.is_power_of_two() && self.carried.trailing_zeros().is_multiple_of(2)
    }
}

/// A connection for one batch; goes back when dropped.
pub(crate) struct Batch {
    carrier: Option<Carrier>,
    batches: Arc<Batches>,
    _permit: OwnedSemaphorePermit,
}

impl Batch {
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.carrier.as_mut().map(|carrier| &mut carrier.connection).ok_or(Error::Lost)
    }

    /// A server that went away took all connections with it.
    pub(crate) fn failed(&mut self, error: &Error) {
        if matches!(error, Error::Unavailable { .. }) {
            self.carrier = None;
            self.batches.idle().clear();
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(carrier) = self.carrier.take() {
            self.batches.idle().push(carrier);
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
