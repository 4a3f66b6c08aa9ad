//! Numbered steps that bring a component's tables up to date, the same on both engines.
//!
//! Each component (`booking`, `wa`) numbers its own steps from 1 without gaps. A step runs once, in a transaction with
//! its entry in the table `schema_steps`; several processes that start at once wait for each other. The SQL of an
//! applied step never changes: its SHA-256 is kept and compared at each start.

use sha2::{Digest, Sha256};

use crate::connection::{Connection, Tx};
use crate::database::Db;
use crate::error::Error;

/// The steps of one component.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// Its name in the table of applied steps.
    pub name: &'static str,
    /// Its steps, numbered 1, 2, 3….
    pub steps: &'static [Step],
}

/// One step. Once released, its SQL is history: a change is another step.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its place, counted from 1.
    pub number: i64,
    /// What it does, in a word or two.
    pub name: &'static str,
    /// The script for SQLite.
    pub sqlite: &'static str,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
}

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The program's steps are not numbered 1, 2, 3…: a defect of the program.
    #[error("step {number} of {component} is out of order")]
    OutOfOrder {
        /// The component.
        component: &'static str,
        /// The step that is out of order.
        number: i64,
    },
    /// The database has a step that this program does not know: it was used by a newer one. Use that one, or restore a
    /// backup from before.
    #[error("the database has step {number} of {component}, which this program is too old for")]
    Newer {
        /// The component.
        component: &'static str,
        /// The last step that was applied.
        number: i64,
    },
    /// The step was applied with other SQL than this program has.
    #[error("step {number} of {component} is not the one that was applied")]
    Changed {
        /// The component.
        component: &'static str,
        /// The step whose text differs.
        number: i64,
    },
    /// The step failed; the steps before it are kept.
    #[error("step {number} of {component} failed")]
    Step {
        /// The component.
        component: &'static str,
        /// The step.
        number: i64,
        /// Why.
        #[source]
        source: Error,
    },
    /// The table of applied steps could not be read.
    #[error("the applied steps could not be read")]
    Database(#[from] Error),
}

/// Serialises migrations of one PostgreSQL database. Any constant will do, as long as it stays.
const POSTGRES_LOCK: i64 = 0x626f_6f6b_696e_6700;

const SQLITE_TABLE: &str = "create table if not exists schema_steps (
    component text not null,
    number bigint not null,
    name text not null,
    checksum text not null,
    applied_at bigint not null default (unixepoch()),
    primary key (component, number)
) without rowid";

const POSTGRES_TABLE: &str = "create table if not exists schema_steps (
    component text not null,
    number bigint not null,
    name text not null,
    checksum text not null,
    applied_at bigint not null default extract(epoch from now())::bigint,
    primary key (component, number)
)";

pub(crate) async fn run(db: &Db, component: &Component) -> Result<(), MigrateError> {
    for (expected, step) in (1..).zip(component.steps) {
        if step.number != expected {
            return Err(MigrateError::OutOfOrder { component: component.name, number: step.number });
        }
    }
    let mut tx = begin(db).await?;
    let applied = db_steps(&mut tx, component.name).await?;
    tx.commit().await?;
    if let Some(last) = applied.iter().map(|row| row.number).max()
        && !component.steps.iter().any(|step| step.number == last)
    {
        return Err(MigrateError::Newer { component: component.name, number: last });
    }
    for step in component.steps {
        apply(db, component.name, step).await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Applied {
    number: i64,
    checksum: String,
}

async fn begin(db: &Db) -> Result<Tx, Error> {
    let mut tx = db.begin().await?;
    crate::execute!(
        &mut tx,
        sqlite: "select 1",
        // That the table is there already is no news, and would be logged as some at each start.
        postgres: "select set_config('client_min_messages', 'warning', true), pg_advisory_xact_lock($1)",
        POSTGRES_LOCK,
    )?;
    crate::execute!(&mut tx, sqlite: SQLITE_TABLE, postgres: POSTGRES_TABLE)?;
    Ok(tx)
}

async fn db_steps(connection: &mut Connection, component: &str) -> Result<Vec<Applied>, Error> {
    crate::fetch_all!(connection, Applied, "select number, checksum from schema_steps where component = $1", component)
}

async fn apply(db: &Db, component: &'static str, step: &Step) -> Result<(), MigrateError> {
    let number = step.number;
    let mut tx = begin(db).await?;
    let script = match db {
        Db::Sqlite(_) => step.sqlite,
        Db::Postgres(_) => step.postgres,
    };
    let checksum = checksum(script);
    let applied = db_steps(&mut tx, component).await?;
    if let Some(row) = applied.iter().find(|row| row.number == number) {
        let same = row.checksum == checksum;
        return if same { Ok(()) } else { Err(MigrateError::Changed { component, number }) };
    }
    let failed = |source| MigrateError::Step { component, number, source };
    tx.run_script(script).await.map_err(failed)?;
    crate::execute!(
        &mut tx,
        "insert into schema_steps (component, number, name, checksum) values ($1, $2, $3, $4)",
        component,
        number,
        step.name,
        checksum,
    )
    .map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    tracing::info!(component, number, name = step.name, "applied step {number} of {component}");
    Ok(())
}

/// SHA-256 of the script in hex; a checkout with other line ends gives the same.
fn checksum(script: &str) -> String {
    let mut hash = Sha256::new();
    for line in script.lines() {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}
