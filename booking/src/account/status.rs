//! How an account is, with what shows it: nothing that is only hoped.

use db::Connection;

use crate::account::{Account, Condition};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::contact;
use crate::platform::Platform;
use crate::store::StoreError;

/// Messages that were given up count for so long, in seconds.
pub(super) const LATELY: i64 = 86_400;

/// How an account is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The account.
    pub account: Account,
    /// How it is at present.
    pub condition: Condition,
    /// Since when it is so.
    pub since: Timestamp,
    /// Whether some process holds its connection.
    pub is_held: bool,
    /// Whether it is connected.
    pub is_online: bool,
    /// Since when it is not, though it is linked.
    pub down_since: Option<Timestamp>,
    /// Whether it is down for so long that somebody has to see to it.
    pub is_alarming: bool,
    /// When the server last took a message of it.
    pub last_ack: Option<Timestamp>,
    /// What waits to be sent by it.
    pub queue: Queue,
    /// The day's budget for people who never wrote to it.
    pub cold: Cold,
}

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// Messages whose time has come.
    pub due: i64,
    /// Messages that are put off, each with its reason.
    pub waiting: i64,
    /// Messages whose time is to come.
    pub planned: i64,
    /// Messages of the last day that were given up.
    pub failed: i64,
}

/// How an account stands with people who never wrote to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cold {
    /// How many it may write to for the first time, per day.
    pub per_day: u32,
    /// How many it wrote to today.
    pub used: u32,
    /// Until when it writes to none.
    pub stopped_until: Option<Timestamp>,
    /// Why, as a reason of the dispatcher.
    pub reason: Option<String>,
}

/// Puts together how `account` is, for `business`, or for the operator without one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn status(
    connection: &mut Connection,
    platform: &Platform,
    account: Account,
    business: Option<&Business>,
) -> Result<Status, StoreError> {
    let (now, real_now) = (platform.clock.now(), platform.clock.real_now());
    let (due, waiting, planned) = db::fetch_one!(
        connection,
        (i64, i64, i64),
        "select coalesce(sum(case when next_at <= $2 then 1 else 0 end), 0),
             coalesce(sum(case when next_at > $2 and error is not null then 1 else 0 end), 0),
             coalesce(sum(case when next_at > $2 and error is null then 1 else 0 end), 0)
         from outbox where account_id = $1 and state = 'planned'",
        account.id,
        now,
    )?;
    let (failed,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from outbox where account_id = $1 and state = 'failed' and due_at > $2",
        account.id,
        now.plus(-LATELY),
    )?;
    let last_ack = db::fetch_optional!(
        connection,
        (Timestamp,),
        "select sent_at from outbox where account_id = $1 and sent_at is not null order by sent_at desc limit 1",
        account.id,
    )?;
    let midnight = business
        .map_or(now.plus(-LATELY), |business| business.zone.nearest_instant(business.zone.date(now).at(0, 0, 0, 0)));
    let used = contact::met_since(connection, account.id, midnight).await?;
    let per_day = business.and_then(|business| business.settings.messages.cold_per_day);
    let stopped_until = account.cold_until.filter(|until| *until > now);
    Ok(Status {
        condition: account.condition(real_now),
        since: account.condition_since(real_now),
        is_held: account.is_held(real_now),
        is_online: account.is_online(real_now),
        is_alarming: account.is_alarming(real_now),
        down_since: account.down_since(real_now),
        last_ack: last_ack.map(|(at,)| at),
        queue: Queue { due, waiting, planned, failed },
        cold: Cold {
            per_day: per_day.unwrap_or(platform.policy.cold_per_day),
            used: u32::try_from(used).unwrap_or(u32::MAX),
            reason: account.cold_reason.clone().filter(|_| stopped_until.is_some()),
            stopped_until,
        },
        account,
    })
}
