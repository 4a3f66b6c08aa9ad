//! How delivery is, in numbers for whoever watches the platform: no tenant's data.

use db::Db;

use crate::clock::Timestamp;
use crate::store::StoreError;

/// Messages that left or were given up count for so long, in seconds.
const LATELY: i64 = 86_400;

/// Messages and accounts, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overview {
    /// Messages by state, each state once: all that are planned, and of the others those that were planned within the
    /// last day.
    pub outbox: Vec<(String, i64)>,
    /// Planned messages whose time has come.
    pub due: i64,
    /// For how many seconds the oldest of them has waited; 0 if there is none.
    pub oldest_due_seconds: i64,
    /// Accounts by state, each state once; `unheld` for those that no process holds.
    pub accounts: Vec<(String, i64)>,
}

/// Counts messages and accounts. Messages are due by the clock `now`, leases run by the clock `real_now`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn overview(db: &Db, now: Timestamp, real_now: Timestamp) -> Result<Overview, StoreError> {
    let mut connection = db.read().await?;
    let (planned, due, oldest) = db::fetch_one!(
        &mut connection,
        (i64, i64, Option<i64>),
        "select count(*), coalesce(sum(case when next_at <= $1 then 1 else 0 end), 0),
                min(case when next_at <= $1 then due_at end)
         from outbox where state = 'planned'",
        now,
    )?;
    let mut outbox = db::fetch_all!(
        &mut connection,
        (String, i64),
        "select state, count(*) from outbox where created_at > $1 and state <> 'planned' group by state order by state",
        now.plus(-LATELY),
    )?;
    outbox.push(("planned".to_owned(), planned));
    let accounts = db::fetch_all!(
        &mut connection,
        (String, i64),
        "select held.state, count(*) from (
             select case when leases.until_at > $1 then accounts.state else 'unheld' end as state
             from accounts left join account_leases leases on leases.account_id = accounts.id
         ) held group by held.state order by held.state",
        real_now,
    )?;
    let oldest_due_seconds = oldest.map_or(0, |oldest| now.seconds().saturating_sub(oldest).max(0));
    Ok(Overview { outbox, due, oldest_due_seconds, accounts })
}
