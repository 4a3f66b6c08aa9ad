//! How delivery is, in numbers for whoever watches the platform: no tenant's data.

use db::Db;

use crate::account::ALARM_SECONDS;
use crate::clock::Timestamp;
use crate::store::StoreError;

/// Messages that left or were given up count for so long, in seconds.
const LATELY: i64 = 86_400;

/// For how long accounts are down, in seconds: the steps in which they are counted.
pub const DOWN_STEPS: [i64; 4] = [ALARM_SECONDS, 600, 3_600, 86_400];

/// The state of an account that wants a connection and that no process holds.
pub const UNHELD: &str = "unheld";

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
    /// Accounts by state.
    pub accounts: Accounts,
    /// How far this machine's clock is ahead of the database's, in seconds, give or take one; negative when it is
    /// behind. Leases are kept by the clocks of machines, so these have to agree.
    pub clock_ahead_seconds: i64,
}

/// Accounts, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounts {
    /// By state, each state once; [`UNHELD`] for those that want a connection and that no process holds.
    pub states: Vec<AccountsIn>,
    /// How many linked accounts are not online for at least each of [`DOWN_STEPS`].
    pub down: [i64; DOWN_STEPS.len()],
}

/// The accounts in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountsIn {
    /// The state.
    pub state: String,
    /// How many there are.
    pub count: i64,
    /// For how many seconds the one of them that is linked and longest not online is so; 0 if there is none.
    pub down_seconds: i64,
}

impl Accounts {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.states.iter().map(|accounts| accounts.count).sum()
    }

    /// How many are in `state`.
    #[must_use]
    pub fn count_in(&self, state: &str) -> i64 {
        self.states.iter().find(|accounts| accounts.state == state).map_or(0, |accounts| accounts.count)
    }
}

/// Counts messages and accounts. Messages are due by the clock `now`, leases run by the clock `real_now`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn overview(db: &Db, now: Timestamp, real_now: Timestamp) -> Result<Overview, StoreError> {
    let mut connection = db.read().await?;
    let (database_now,) = db::fetch_one!(
        &mut connection,
        (i64,),
        sqlite: "select unixepoch()",
        postgres: "select floor(extract(epoch from clock_timestamp()))::bigint",
    )?;
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
    drop(connection);
    let accounts = accounts(db, real_now).await?;
    let clock_ahead_seconds = real_now.seconds().saturating_sub(database_now);
    let oldest_due_seconds = oldest.map_or(0, |oldest| now.seconds().saturating_sub(oldest).max(0));
    Ok(Overview { outbox, due, oldest_due_seconds, accounts, clock_ahead_seconds })
}

/// Counts accounts by state, and those that are down, at `real_now`, which is real time.
///
/// An account that nobody holds because there is nothing to hold (it is not linked, or was given up for now) counts
/// under its own state.
///
/// # Errors
///
/// [`StoreError`].
pub async fn accounts(db: &Db, real_now: Timestamp) -> Result<Accounts, StoreError> {
    let mut connection = db.read().await?;
    let [first, second, third, fourth] = DOWN_STEPS;
    let rows = db::fetch_all!(
        &mut connection,
        (String, i64, i64, i64, i64, i64, i64),
        "select seen.state, count(*), max(seen.down),
             sum(case when seen.down >= $2 then 1 else 0 end), sum(case when seen.down >= $3 then 1 else 0 end),
             sum(case when seen.down >= $4 then 1 else 0 end), sum(case when seen.down >= $5 then 1 else 0 end)
         from (
             select case
                     when l.until_at > $1 or a.jid is null or a.state in ('logged_out', 'replaced')
                         or (a.state in ('banned', 'backoff') and a.until_at > $1)
                         or (a.state = 'banned' and a.until_at is null) then a.state
                     else 'unheld'
                 end as state,
                 case
                     when a.jid is null or (a.state = 'online' and l.until_at > $1) then 0
                     else $1 - coalesce(a.down_at, case when l.until_at > 0 then l.until_at end, a.updated_at)
                 end as down
             from accounts a left join account_leases l on l.account_id = a.id
         ) seen group by seen.state order by seen.state",
        real_now,
        first,
        second,
        third,
        fourth,
    )?;
    let mut accounts = Accounts::default();
    for (state, count, down, first, second, third, fourth) in rows {
        accounts.states.push(AccountsIn { state, count, down_seconds: down.max(0) });
        for (sum, more) in accounts.down.iter_mut().zip([first, second, third, fourth]) {
            *sum += more;
        }
    }
    Ok(accounts)
}
