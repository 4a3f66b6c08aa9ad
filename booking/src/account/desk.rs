//! What goes between those who ask about an account and whoever holds its connection, through rows that both read.
//!
//! A QR code and a request may come from one process and be wanted in another: neither knows which. The rows are sealed
//! by those who write them (a QR code has secrets, a pairing code links a device), so this module moves bytes.

use db::{Connection, Db};

use crate::clock::Timestamp;
use crate::id::{AccountId, RequestId};
use crate::lease::Lease;
use crate::store::StoreError;

/// What links a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// A text to be shown as a QR code.
    Qr,
    /// Eight characters, to be typed into the phone.
    Code,
}

impl CodeKind {
    /// The text it is kept as.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Code => "code",
        }
    }
}

/// A sealed code with the end of its time, which is real time.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownCode {
    /// The code, sealed.
    pub sealed: Vec<u8>,
    /// When it stops working.
    pub valid_until: Timestamp,
}

/// Shows a code to whoever asks, in the place of the one before. Only the holder of the lease shows any.
///
/// # Errors
///
/// [`StoreError`].
pub async fn show(db: &Db, lease: &Lease, kind: CodeKind, code: &ShownCode) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "insert into account_codes (account_id, kind, sealed, valid_until)
         select account_id, $2, $3, $4 from account_leases where account_id = $1 and holder = $5 and fence = $6
         on conflict (account_id, kind) do update set sealed = excluded.sealed, valid_until = excluded.valid_until",
        lease.account_id,
        kind.as_str(),
        code.sealed.as_slice(),
        code.valid_until,
        lease.holder.as_str(),
        lease.fence,
    )?;
    Ok(tx.commit().await?)
}

/// Takes back what is shown for an account: it is linked, or nobody looks for a phone any more.
///
/// # Errors
///
/// [`StoreError`].
pub async fn hide(db: &Db, account_id: AccountId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "delete from account_codes where account_id = $1", account_id)?;
    Ok(tx.commit().await?)
}

/// What is shown for an account, if it is still good at `now`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn shown(
    connection: &mut Connection,
    account_id: AccountId,
    kind: CodeKind,
    now: Timestamp,
) -> Result<Option<ShownCode>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (Vec<u8>, Timestamp),
        "select sealed, valid_until from account_codes where account_id = $1 and kind = $2 and valid_until > $3",
        account_id,
        kind.as_str(),
        now,
    )?;
    Ok(row.map(|(sealed, valid_until)| ShownCode { sealed, valid_until }))
}

/// Asks whoever holds an account to do something before `expires_at`. Requests whose time is over are cleared away.
///
/// # Errors
///
/// [`StoreError`].
pub async fn ask(
    db: &Db,
    account_id: AccountId,
    sealed: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<RequestId, StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "delete from account_requests where expires_at <= $1", now)?;
    let (id,) = db::fetch_one!(
        &mut tx,
        (RequestId,),
        "insert into account_requests (account_id, sealed, asked_at, expires_at) values ($1, $2, $3, $4) returning id",
        account_id,
        sealed,
        now,
        expires_at,
    )?;
    tx.commit().await?;
    Ok(id)
}

/// Whether any account is asked for something that nobody has taken yet.
///
/// # Errors
///
/// [`StoreError`].
pub async fn any_waiting(connection: &mut Connection, now: Timestamp) -> Result<bool, StoreError> {
    let found = db::fetch_optional!(
        connection,
        (RequestId,),
        "select id from account_requests where taken_at is null and expires_at > $1 limit 1",
        now,
    )?;
    Ok(found.is_some())
}

/// Takes what the lease's account is asked for, in the order of the questions; each is given once.
///
/// # Errors
///
/// [`StoreError`].
pub async fn take(db: &Db, lease: &Lease, now: Timestamp) -> Result<Vec<(RequestId, Vec<u8>)>, StoreError> {
    let mut tx = db.begin().await?;
    let mut taken = db::fetch_all!(
        &mut tx,
        (RequestId, Vec<u8>),
        "update account_requests set taken_at = $2
         where account_id = $1 and taken_at is null and expires_at > $2 and exists (
             select 1 from account_leases where account_id = $1 and holder = $3 and fence = $4
         ) returning id, sealed",
        lease.account_id,
        now,
        lease.holder.as_str(),
        lease.fence,
    )?;
    tx.commit().await?;
    taken.sort_by_key(|(id, _)| *id);
    Ok(taken)
}

/// Answers a request.
///
/// # Errors
///
/// [`StoreError`].
pub async fn answer(db: &Db, id: RequestId, sealed: &[u8]) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "update account_requests set answer = $2 where id = $1", id, sealed)?;
    Ok(tx.commit().await?)
}

/// The answer to a request, sealed, once there is one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn answer_to(connection: &mut Connection, id: RequestId) -> Result<Option<Vec<u8>>, StoreError> {
    let row =
        db::fetch_optional!(connection, (Option<Vec<u8>>,), "select answer from account_requests where id = $1", id)?;
    Ok(row.and_then(|(answer,)| answer))
}

/// Clears a request away: its answer was read, or is not waited for.
///
/// # Errors
///
/// [`StoreError`].
pub async fn forget(db: &Db, id: RequestId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(&mut tx, "delete from account_requests where id = $1", id)?;
    Ok(tx.commit().await?)
}
