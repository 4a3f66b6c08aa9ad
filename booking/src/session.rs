//! Logins that last: a session, and its refresh tokens, each good for one use.
//!
//! A token is handed out once and kept as its hash. Using it gives the next of its session and spends it; one that
//! comes back spent was stolen from somebody, and the whole session ends. Access tokens name their session and are
//! worth nothing once it has ended. Sessions follow real time.

use std::fmt;

use db::{Connection, Tx};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::id::{BusinessId, ClientId, SessionId, UserId};
use crate::platform::Platform;
use crate::store::{StoreError, from_store};
use crate::user::{self, User};

/// A refresh token: 64 hex digits, random. Whoever has it is logged in.
#[derive(Clone)]
pub struct RefreshToken {
    session: SessionId,
    token: Zeroizing<String>,
}

impl RefreshToken {
    /// The token, to hand out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// The session that it continues.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// Whose a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody of a staff, or the operator.
    User {
        /// Who.
        id: UserId,
        /// Their business.
        business_id: Option<BusinessId>,
    },
    /// A client of a business.
    Client {
        /// Who.
        id: ClientId,
        /// The business.
        business_id: BusinessId,
    },
}

/// Why a session does not go on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The token is forged, has expired, or its session was ended.
    #[error("the session has ended")]
    Ended,
    /// The token was used before. Its session is ended now, for whoever has it.
    #[error("the token was used before")]
    Reused,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(SessionError);

/// Begins a session of somebody who has proved who they are, in their transaction.
///
/// # Errors
///
/// [`StoreError`].
pub async fn begin(
    connection: &mut Connection,
    platform: &Platform,
    holder: Holder,
) -> Result<RefreshToken, StoreError> {
    let session = write(connection, holder, None, platform.clock.real_now()).await?;
    issue(connection, platform, session).await
}

/// Begins a session in which the operator acts in a user's name. It cannot be renewed: it lasts as long as the access
/// token that names it.
///
/// # Errors
///
/// [`StoreError`].
pub async fn impersonate(
    connection: &mut Connection,
    holder: Holder,
    impersonator: UserId,
    now: Timestamp,
) -> Result<SessionId, StoreError> {
    write(connection, holder, Some(impersonator), now).await
}

/// Begins a session of a user who has proved who they are.
///
/// # Errors
///
/// [`StoreError`].
pub async fn start(platform: &Platform, user: &User) -> Result<RefreshToken, StoreError> {
    let mut tx = platform.db.begin().await?;
    let holder = Holder::User { id: user.id, business_id: user.business_id };
    let token = begin(&mut tx, platform, holder).await?;
    tx.commit().await?;
    Ok(token)
}

/// Exchanges a user's token for the next one of its session.
///
/// # Errors
///
/// [`SessionError`].
pub async fn refresh(platform: &Platform, token: &str) -> Result<(User, RefreshToken), SessionError> {
    let (mut tx, holder, session) = spend(platform, token).await?;
    let Holder::User { id, .. } = holder else { return Err(SessionError::Ended) };
    let user = user::by_id(&mut tx, id).await?.filter(|user| user.deactivated_at.is_none());
    let user = user.ok_or(SessionError::Ended)?;
    let next = issue(&mut tx, platform, session).await?;
    tx.commit().await?;
    Ok((user, next))
}

/// Exchanges a client's token for the next one of its session.
///
/// # Errors
///
/// [`SessionError`].
pub async fn refresh_client(
    platform: &Platform,
    token: &str,
) -> Result<(BusinessId, ClientId, RefreshToken), SessionError> {
    let (mut tx, holder, session) = spend(platform, token).await?;
    let Holder::Client { id, business_id } = holder else { return Err(SessionError::Ended) };
    let next = issue(&mut tx, platform, session).await?;
    tx.commit().await?;
    Ok((business_id, id, next))
}

/// Ends the session that a token belongs to; nothing happens when there is none.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end(platform: &Platform, token: &str) -> Result<(), StoreError> {
    let mut tx = platform.db.begin().await?;
    db::execute!(
        &mut tx,
        "update sessions set ended_at = $2
         where ended_at is null and id = (select session_id from refresh_tokens where token_hash = $1)",
        hash(token).as_slice(),
        platform.clock.real_now(),
    )?;
    Ok(tx.commit().await?)
}

/// Ends all sessions of somebody, in a transaction, but the one they are in, if they may keep it. Gives how many.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end_of_user(
    connection: &mut Connection,
    user_id: UserId,
    but: Option<SessionId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    Ok(db::execute!(
        connection,
        "update sessions set ended_at = $3 where user_id = $1 and id <> $2 and ended_at is null",
        user_id,
        but.map_or(0, SessionId::get),
        now,
    )?)
}

/// Ends all sessions of somebody.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end_all(platform: &Platform, user_id: UserId) -> Result<(), StoreError> {
    let mut tx = platform.db.begin().await?;
    end_of_user(&mut tx, user_id, None, platform.clock.real_now()).await?;
    Ok(tx.commit().await?)
}

/// Ends all sessions of a client, in a transaction: their number is another now, or they are erased.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end_of_client(
    connection: &mut Connection,
    business_id: BusinessId,
    client_id: ClientId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    Ok(db::execute!(
        connection,
        "update sessions set ended_at = $3 where business_id = $1 and client_id = $2 and ended_at is null",
        business_id,
        client_id,
        now,
    )?)
}

async fn write(
    connection: &mut Connection,
    holder: Holder,
    impersonator: Option<UserId>,
    now: Timestamp,
) -> Result<SessionId, StoreError> {
    let (user_id, business_id, client_id) = match holder {
        Holder::User { id, business_id } => (Some(id), business_id, None),
        Holder::Client { id, business_id } => (None, Some(business_id), Some(id)),
    };
    let (id,) = db::fetch_one!(
        connection,
        (SessionId,),
        "insert into sessions (user_id, business_id, client_id, impersonator_id, begun_at)
         values ($1, $2, $3, $4, $5) returning id",
        user_id,
        business_id,
        client_id,
        impersonator,
        now,
    )?;
    Ok(id)
}

/// Spends a token of a live session, in a transaction that its caller ends. A token that was spent before ends its
/// session for good.
async fn spend(platform: &Platform, token: &str) -> Result<(Tx, Holder, SessionId), SessionError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let row = db::fetch_optional!(
        &mut tx,
        Row,
        "select t.id, t.session_id, t.expires_at, s.ended_at, s.user_id, s.business_id, s.client_id
         from refresh_tokens t join sessions s on s.id = t.session_id where t.token_hash = $1",
        hash(token).as_slice(),
    )?;
    let row = row.filter(|row| row.ended_at.is_none() && row.expires_at > now).ok_or(SessionError::Ended)?;
    let spent = db::execute!(
        &mut tx,
        "update refresh_tokens set used_at = $2 where id = $1 and used_at is null",
        row.id,
        now,
    )?;
    if spent == 0 {
        db::execute!(
            &mut tx,
            "update sessions set ended_at = $2 where id = $1 and ended_at is null",
            row.session_id,
            now,
        )?;
        tx.commit().await?;
        tracing::warn!(session.id = %row.session_id, "ended session {}: its token came back spent", row.session_id);
        return Err(SessionError::Reused);
    }
    let holder = match (row.user_id, row.client_id, row.business_id) {
        (Some(id), None, business_id) => Holder::User { id, business_id },
        (None, Some(id), Some(business_id)) => Holder::Client { id, business_id },
        _ => return Err(StoreError::Row { table: "sessions", id: row.session_id.get(), rule: "it is nobody's" }.into()),
    };
    Ok((tx, holder, row.session_id))
}

async fn issue(
    connection: &mut Connection,
    platform: &Platform,
    session: SessionId,
) -> Result<RefreshToken, StoreError> {
    let now = platform.clock.real_now();
    let token = Zeroizing::new(hex::encode(platform.entropy.bytes::<32>()));
    db::execute!(
        connection,
        "insert into refresh_tokens (session_id, token_hash, issued_at, expires_at) values ($1, $2, $3, $4)",
        session,
        hash(&token).as_slice(),
        now,
        now.plus(i64::from(platform.policy.refresh_token_days) * 86_400),
    )?;
    Ok(RefreshToken { session, token })
}

/// The token is random and long: one round of SHA-256 hides it well enough, and lets it be found.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    session_id: SessionId,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    user_id: Option<UserId>,
    business_id: Option<BusinessId>,
    client_id: Option<ClientId>,
}
