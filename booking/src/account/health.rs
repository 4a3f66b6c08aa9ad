//! How every account of the platform is, for its operator: whose it is, since when it is so and what shows it. Neither
//! numbers nor texts.

use db::Connection;

use super::status::LATELY;
use super::{Account, Condition, Row as AccountRow};
use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::store::StoreError;

/// The most accounts of one page.
pub const MOST_ROWS: u32 = 200;

/// Which accounts to list, by number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those after this one: the last of the page before.
    pub after: Option<AccountId>,
    /// Only those in this condition.
    pub condition: Option<Condition>,
    /// Only those that are linked and not connected, or only the others.
    pub is_down: Option<bool>,
    /// At most so many; [`MOST_ROWS`] at most.
    pub limit: u32,
}

/// How an account is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Health {
    /// The account.
    pub account: Account,
    /// The name of the business it is of; none for the operator's own.
    pub business_name: Option<String>,
    /// That business's name in addresses.
    pub subdomain: Option<String>,
    /// When the server last took a message of it.
    pub last_ack: Option<Timestamp>,
    /// Messages that are due and have not left.
    pub due: i64,
    /// Messages of the last day that were given up.
    pub failed: i64,
}

/// How the accounts that fit the filter are, in one statement however many there are. Messages are due by the clock
/// `now`; connections follow `real_now`, which is real time.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    filter: &Filter,
    (now, real_now): (Timestamp, Timestamp),
) -> Result<Vec<Health>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select a.id, a.business_id, a.phone, a.jid, a.lid, a.state, a.detail, a.until_at, a.seen_at, a.updated_at,
             a.since_at, a.down_at, a.link_until, a.by_hand, a.cold_until, a.cold_reason, l.until_at as held_until,
             b.name as business_name, b.subdomain,
             (select max(o.sent_at) from outbox o where o.account_id = a.id and o.sent_at is not null) as last_ack,
             (select count(*) from outbox o
              where o.account_id = a.id and o.state = 'planned' and o.next_at <= $2) as due,
             (select count(*) from outbox o
              where o.account_id = a.id and o.state = 'failed' and o.due_at > $3) as failed
         from accounts a
             left join businesses b on b.id = a.business_id
             left join account_leases l on l.account_id = a.id
         where a.id > $1
             and ($4 = '' or $4 = case
                 when a.state in ('online', 'connecting', 'waiting_for_scan') and coalesce(l.until_at, 0) <= $5
                     then 'offline'
                 else a.state
             end)
             and ($6 < 0 or $6 = case
                 when a.jid is null or (a.state = 'online' and coalesce(l.until_at, 0) > $5) then 0
                 else 1
             end)
         order by a.id limit $7",
        filter.after.map_or(0, AccountId::get),
        now,
        now.plus(-LATELY),
        filter.condition.map_or("", Condition::as_str),
        real_now,
        filter.is_down.map_or(-1, i64::from),
        i64::from(filter.limit.min(MOST_ROWS)),
    )?;
    let health = rows.into_iter().map(|row| {
        Ok(Health {
            account: row.account.try_into()?,
            business_name: row.business_name,
            subdomain: row.subdomain,
            last_ack: row.last_ack,
            due: row.due,
            failed: row.failed,
        })
    });
    health.collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    account: AccountRow,
    business_name: Option<String>,
    subdomain: Option<String>,
    last_ack: Option<Timestamp>,
    due: i64,
    failed: i64,
}
