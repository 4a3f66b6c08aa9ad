//! Requests that may be repeated safely: the first one acts, the others get its answer.
//!
//! ```text
//!  begin ─► Act ─► (the request acts) ─► finish ─► Replay for a day
//!    │        └──► forget: it failed and changed nothing, the key is free
//!    └─ the same key meanwhile: UnderWay; with another request: Mismatch
//! ```
//!
//! Keys and requests are kept as hashes, and an answer as the caller sealed it. A process that dies between acting and
//! finishing leaves a key under way, which is free again after [`ABANDONED_AFTER`] seconds: the request then acts once
//! more. What guards its effect against doubles is the schema, as for visits with a master who was named, or
//! [`note_made`]: what was made stands beside the key in the transaction that made it, and who comes next under the key
//! is told of it. Everything that the [audit log](crate::audit) keeps is noted by it.

use db::{Connection, Db};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::store::StoreError;

/// How long an answer is kept, in seconds.
pub const KEPT_FOR: i64 = 86_400;
/// After how many seconds a request that did not finish counts as dead.
pub const ABANDONED_AFTER: i64 = 60;
/// Each request removes up to so many keys that are too old: more than it adds, and never enough to be slow.
pub const SWEPT_AT_ONCE: i64 = 16;

/// Stands for the status of an answer while there is none and something was made: what, is in its place. No answer has
/// this status. Source: RFC 9110 §15.2, a status of 1xx is never the last word.
const MADE: i64 = 102;

/// Whose request it is, under which key. Keys of different operations and callers never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The operation.
    pub scope: &'a str,
    /// Who asks.
    pub caller: &'a str,
    /// The key that they chose.
    pub text: &'a str,
}

/// A request under a key, which it holds until it is finished or forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    scope: String,
    key_hash: [u8; 32],
    since: Timestamp,
    made: Option<i64>,
}

impl Ticket {
    /// What this request has made before, if whoever acted for it died before its answer was kept.
    #[must_use]
    pub const fn made(&self) -> Option<i64> {
        self.made
    }
}

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is the first: act, then [`finish`] or [`forget`].
    Act(Ticket),
    /// It was answered before: answer the same.
    Replay {
        /// The status of the answer.
        status: i64,
        /// The body of the answer, as [`finish`] was given it.
        answer: Vec<u8>,
    },
    /// The same request is under way.
    UnderWay,
    /// The key was used for another request.
    Mismatch,
}

/// Looks a request up under its key, and removes some keys that are too old.
///
/// # Errors
///
/// [`StoreError`].
pub async fn begin(db: &Db, key: Key<'_>, request: &[u8], now: Timestamp) -> Result<Begin, StoreError> {
    let (key_hash, request_hash): ([u8; 32], [u8; 32]) = (key.hash(), Sha256::digest(request).into());
    let mut tx = db.begin().await?;
    sweep(&mut tx, now).await?;
    let taken = db::fetch_optional!(
        &mut tx,
        (Option<Vec<u8>>,),
        "insert into idempotency_keys (scope, key_hash, request_hash, created_at) values ($1, $2, $3, $4)
         on conflict (scope, key_hash) do update
             set request_hash = excluded.request_hash, created_at = excluded.created_at,
                 status = case when idempotency_keys.created_at > $6 then idempotency_keys.status end,
                 answer = case when idempotency_keys.created_at > $6 then idempotency_keys.answer end
             where idempotency_keys.created_at <= $6 or (idempotency_keys.created_at <= $5 and (
                 idempotency_keys.status is null
                 or (idempotency_keys.status = $7 and idempotency_keys.request_hash = excluded.request_hash)
             ))
         returning answer",
        key.scope,
        key_hash.as_slice(),
        request_hash.as_slice(),
        now,
        now.plus(-ABANDONED_AFTER),
        now.plus(-KEPT_FOR),
        MADE,
    )?;
    if let Some((made,)) = taken {
        tx.commit().await?;
        let made = made.map(|made| read_made(&made)).transpose()?;
        return Ok(Begin::Act(Ticket { scope: key.scope.to_owned(), key_hash, since: now, made }));
    }
    let row = db::fetch_one!(
        &mut tx,
        Row,
        "select request_hash, status, answer from idempotency_keys where scope = $1 and key_hash = $2",
        key.scope,
        key_hash.as_slice(),
    )?;
    tx.commit().await?;
    Ok(match row {
        Row { request_hash: before, .. } if before != request_hash => Begin::Mismatch,
        Row { status: Some(status), answer: Some(answer), .. } if status != MADE => Begin::Replay { status, answer },
        Row { .. } => Begin::UnderWay,
    })
}

/// Writes down what a request makes, in the transaction that makes it: whoever acts under the key after a death finds
/// it by [`Ticket::made`] instead of making it again. Once a request; gives whether the key is still theirs: if not,
/// they were taken for dead, somebody else acts, and the transaction is to be dropped.
///
/// # Errors
///
/// [`StoreError`].
pub async fn note_made(connection: &mut Connection, ticket: &Ticket, id: i64) -> Result<bool, StoreError> {
    let noted = db::execute!(
        connection,
        "update idempotency_keys set status = $4, answer = $5
         where scope = $1 and key_hash = $2 and created_at = $3 and status is null",
        ticket.scope.as_str(),
        ticket.key_hash.as_slice(),
        ticket.since,
        MADE,
        id.to_be_bytes().as_slice(),
    )?;
    Ok(noted > 0)
}

/// [`note_made`] for whoever makes something. That something was made before is an error: who can answer with it asks
/// [`Ticket::made`] first. A request may note several things; the first is kept.
///
/// # Errors
///
/// [`StoreError::DoneBefore`]; [`db::Error::Busy`] when whoever acts was taken for dead, and somebody else acts.
pub(crate) async fn note_done(connection: &mut Connection, ticket: &Ticket, id: i64) -> Result<(), StoreError> {
    if ticket.made().is_some() {
        return Err(StoreError::DoneBefore);
    }
    let is_theirs = note_made(connection, ticket, id).await? || is_held(connection, ticket).await?;
    if is_theirs { Ok(()) } else { Err(db::Error::Busy { source: None }.into()) }
}

/// Whether the key is still that of whoever has this ticket.
async fn is_held(connection: &mut Connection, ticket: &Ticket) -> Result<bool, StoreError> {
    let held = db::fetch_optional!(
        connection,
        (i64,),
        "select created_at from idempotency_keys where scope = $1 and key_hash = $2 and created_at = $3",
        ticket.scope.as_str(),
        ticket.key_hash.as_slice(),
        ticket.since,
    )?;
    Ok(held.is_some())
}

fn read_made(kept: &[u8]) -> Result<i64, StoreError> {
    let broken = |_| StoreError::Row { table: "idempotency_keys", id: 0, rule: "what was made is a number" };
    kept.try_into().map(i64::from_be_bytes).map_err(broken)
}

/// Keeps the answer of a request that acted.
///
/// # Errors
///
/// [`StoreError`]: the key stays under way then, until it counts as abandoned.
pub async fn finish(db: &Db, ticket: &Ticket, status: i64, answer: &[u8]) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update idempotency_keys set status = $4, answer = $5
         where scope = $1 and key_hash = $2 and created_at = $3 and (status is null or status = $6)",
        ticket.scope.as_str(),
        ticket.key_hash.as_slice(),
        ticket.since,
        status,
        answer,
        MADE,
    )?;
    Ok(tx.commit().await?)
}

/// Frees the key of a request that failed and changed nothing. One that has [made](note_made) something keeps it.
///
/// # Errors
///
/// [`StoreError`]: the key stays under way then, until it counts as abandoned.
pub async fn forget(db: &Db, ticket: &Ticket) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "delete from idempotency_keys where scope = $1 and key_hash = $2 and created_at = $3 and status is null",
        ticket.scope.as_str(),
        ticket.key_hash.as_slice(),
        ticket.since,
    )?;
    Ok(tx.commit().await?)
}

/// Removes [`SWEPT_AT_ONCE`] of the oldest keys, if they are old enough. Others that sweep are not waited for.
async fn sweep(tx: &mut db::Tx, now: Timestamp) -> Result<(), db::Error> {
    db::execute!(
        tx,
        sqlite: "delete from idempotency_keys where (scope, key_hash) in (
                     select scope, key_hash from idempotency_keys where created_at <= $1 order by created_at limit $2
                 )",
        postgres: "delete from idempotency_keys where (scope, key_hash) in (
                       select scope, key_hash from idempotency_keys where created_at <= $1 order by created_at limit $2
                       for update skip locked
                   )",
        now.plus(-KEPT_FOR),
        SWEPT_AT_ONCE,
    )?;
    Ok(())
}

impl Key<'_> {
    /// Lengths go in too, so that what one part ends with is not what the next begins with.
    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.caller, self.text] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    request_hash: Vec<u8>,
    status: Option<i64>,
    answer: Option<Vec<u8>>,
}
