//! Who may be an account's live connection: one holder at a time, whatever crashes.
//!
//! A lease runs out unless it is renewed; its holder stops sending when it cannot renew in time. Each change of hands
//! raises the fence, and what is written under a lease names its fence: a holder that slept through the end of its
//! lease changes nothing. Leases follow real time ([`Clock::real_now`](crate::clock::Clock::real_now)), never a demo's.

use db::Db;

use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::outbox;
use crate::store::StoreError;

/// The right to be an account's live connection until [`until`](Self::until).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The account.
    pub account_id: AccountId,
    /// Who holds it: a name that no other process has, also not this one after a restart.
    pub holder: String,
    /// Counts the changes of hands.
    pub fence: i64,
    /// When it runs out.
    pub until: Timestamp,
}

/// Takes the lease of an account for `ttl_seconds`, if nobody holds it or it has run out. What the holder before was
/// about to send is due again.
///
/// `None` when somebody holds it; also when that is `holder` itself: who lost track of a lease waits for its end.
///
/// # Errors
///
/// [`StoreError`].
pub async fn acquire(
    db: &Db,
    account_id: AccountId,
    holder: &str,
    now: Timestamp,
    ttl_seconds: u32,
) -> Result<Option<Lease>, StoreError> {
    let until = now.plus(i64::from(ttl_seconds));
    let mut tx = db.begin().await?;
    let taken = db::fetch_optional!(
        &mut tx,
        (i64,),
        "insert into account_leases (account_id, holder, fence, until_at) values ($1, $2, 1, $3)
         on conflict (account_id) do update
             set holder = excluded.holder, fence = account_leases.fence + 1, until_at = excluded.until_at
             where account_leases.until_at <= $4
         returning fence",
        account_id,
        holder,
        until,
        now,
    )?;
    let Some((fence,)) = taken else { return Ok(None) };
    outbox::release_claims(&mut tx, account_id).await?;
    tx.commit().await?;
    Ok(Some(Lease { account_id, holder: holder.to_owned(), fence, until }))
}

/// Prolongs a lease to `ttl_seconds` from now. `None` when it went to somebody else: stop sending at once.
///
/// One that has run out and that nobody took is prolonged.
///
/// # Errors
///
/// [`StoreError`]: whether it was prolonged is not known then; the old end counts.
pub async fn renew(db: &Db, lease: &Lease, now: Timestamp, ttl_seconds: u32) -> Result<Option<Lease>, StoreError> {
    let until = now.plus(i64::from(ttl_seconds));
    let mut tx = db.begin().await?;
    let renewed = db::execute!(
        &mut tx,
        "update account_leases set until_at = $4 where account_id = $1 and holder = $2 and fence = $3",
        lease.account_id,
        lease.holder.as_str(),
        lease.fence,
        until,
    )?;
    if renewed == 0 {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(Lease { until, ..lease.clone() }))
}

/// Gives a lease back, so that others need not wait for its end. Nothing happens when it is no longer held.
///
/// # Errors
///
/// [`StoreError`]: it runs out by itself then.
pub async fn release(db: &Db, lease: &Lease) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update account_leases set until_at = 0 where account_id = $1 and holder = $2 and fence = $3",
        lease.account_id,
        lease.holder.as_str(),
        lease.fence,
    )?;
    Ok(tx.commit().await?)
}

/// The accounts that nobody holds and that want a connection, at most `limit`.
///
/// Those are the linked ones, but for what was given up: an account that was replaced waits for
/// [`reconnect`](crate::account::reconnect), one that is banned or put off waits for the end of that. One without a
/// device wants a connection while somebody looks for its phone; with `link_all` always, unless its owner links it by
/// hand.
///
/// # Errors
///
/// [`StoreError`].
pub async fn free_accounts(db: &Db, now: Timestamp, link_all: bool, limit: u32) -> Result<Vec<AccountId>, StoreError> {
    let mut connection = db.read().await?;
    let rows = db::fetch_all!(
        &mut connection,
        (AccountId,),
        "select a.id from accounts a left join account_leases l on l.account_id = a.id
         where (l.until_at is null or l.until_at <= $1)
             and (a.jid is not null or a.link_until > $1 or ($3 and a.by_hand = false))
             and a.state <> 'replaced'
             and (a.state not in ('banned', 'backoff') or a.until_at <= $1
                 or (a.state = 'backoff' and a.until_at is null))
         order by a.id limit $2",
        now,
        i64::from(limit),
        link_all,
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
