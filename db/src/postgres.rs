//! The connections to a PostgreSQL server: a pool for everything, and one that only carries what many wrote together.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

use crate::database::{ACQUIRE_TIMEOUT, Options};
use crate::error::Error;
use crate::pipeline::Pipeline;

/// A connection that nobody used for so long is tested before somebody does: the server may have been started anew, and
/// then each connection of the pool would fail one caller. Those in use are not: the trip would be paid for each time.
const RESTED: Duration = Duration::from_secs(1);

/// A PostgreSQL server.
#[derive(Clone)]
pub struct PostgresDb {
    pub(crate) pool: PgPool,
    pub(crate) pipeline: Pipeline,
}

impl PostgresDb {
    pub(crate) async fn open(connect: PgConnectOptions, options: &Options) -> Result<Self, Error> {
        let pipeline = Pipeline::new(&connect)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.postgres_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection is tested when it comes back, off the caller's path, and again only after a rest.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move { Ok(meta.idle_for < RESTED || connection.ping().await.is_ok()) })
            })
            .connect_with(connect)
            .await?;
        Ok(Self { pool, pipeline })
    }

    pub(crate) async fn close(&self) {
        self.pipeline.close().await;
        self.pool.close().await;
    }
}

impl fmt::Debug for PostgresDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresDb")
    }
}
