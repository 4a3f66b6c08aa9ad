//! Logins that last: refresh tokens, each good for one use.
//!
//! A token is handed out once and kept as its hash. Using it gives the next of its family and spends it; one that
//! comes back spent was stolen from somebody, and its whole family ends. Sessions follow real time.

use std::fmt;

use db::Connection;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::platform::Platform;
use crate::store::{StoreError, from_store};
use crate::user::{self, User};

/// A refresh token: 64 hex digits, random. Whoever has it is logged in.
#[derive(Clone)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// The token, to hand out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
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

/// Begins a session of somebody who has proved who they are.
///
/// # Errors
///
/// [`StoreError`].
pub async fn start(platform: &Platform, user_id: UserId) -> Result<RefreshToken, StoreError> {
    let mut tx = platform.db.begin().await?;
    let token = issue(&mut tx, platform, user_id, &platform.entropy.bytes::<16>()).await?;
    tx.commit().await?;
    Ok(token)
}

/// Exchanges a token for the next one of its session.
///
/// # Errors
///
/// [`SessionError`].
pub async fn refresh(platform: &Platform, token: &str) -> Result<(User, RefreshToken), SessionError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let row = db::fetch_optional!(
        &mut tx,
        Row,
        "select id, user_id, family, expires_at, used_at, revoked_at from refresh_tokens where token_hash = $1",
        hash(token).as_slice(),
    )?;
    let row = row.filter(|row| row.revoked_at.is_none() && row.expires_at > now).ok_or(SessionError::Ended)?;
    let spent = db::execute!(
        &mut tx,
        "update refresh_tokens set used_at = $2 where id = $1 and used_at is null",
        row.id,
        now,
    )?;
    if row.used_at.is_some() || spent == 0 {
        end_family(&mut tx, &row.family, now).await?;
        tx.commit().await?;
        tracing::warn!(user.id = %row.user_id, "ended a session of user {}: its token came back spent", row.user_id);
        return Err(SessionError::Reused);
    }
    let user = user::by_id(&mut tx, row.user_id).await?.ok_or(SessionError::Ended)?;
    let next = issue(&mut tx, platform, row.user_id, &row.family).await?;
    tx.commit().await?;
    Ok((user, next))
}

/// Ends the session that a token belongs to; nothing happens when there is none.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end(platform: &Platform, token: &str) -> Result<(), StoreError> {
    let mut tx = platform.db.begin().await?;
    let family = db::fetch_optional!(
        &mut tx,
        (Vec<u8>,),
        "select family from refresh_tokens where token_hash = $1",
        hash(token).as_slice(),
    )?;
    if let Some((family,)) = family {
        end_family(&mut tx, &family, platform.clock.real_now()).await?;
    }
    Ok(tx.commit().await?)
}

/// Ends all sessions of somebody.
///
/// # Errors
///
/// [`StoreError`].
pub async fn end_all(platform: &Platform, user_id: UserId) -> Result<(), StoreError> {
    let mut tx = platform.db.begin().await?;
    db::execute!(
        &mut tx,
        "update refresh_tokens set revoked_at = $2 where user_id = $1 and revoked_at is null",
        user_id,
        platform.clock.real_now(),
    )?;
    Ok(tx.commit().await?)
}

async fn issue(
    connection: &mut Connection,
    platform: &Platform,
    user_id: UserId,
    family: &[u8],
) -> Result<RefreshToken, StoreError> {
    let now = platform.clock.real_now();
    let token = Zeroizing::new(hex::encode(platform.entropy.bytes::<32>()));
    db::execute!(
        connection,
        "insert into refresh_tokens (user_id, family, token_hash, issued_at, expires_at) values ($1, $2, $3, $4, $5)",
        user_id,
        family,
        hash(&token).as_slice(),
        now,
        now.plus(i64::from(platform.policy.refresh_token_days) * 86_400),
    )?;
    Ok(RefreshToken(token))
}

async fn end_family(connection: &mut Connection, family: &[u8], now: Timestamp) -> Result<(), StoreError> {
    db::execute!(
        connection,
        "update refresh_tokens set revoked_at = $2 where family = $1 and revoked_at is null",
        family,
        now,
    )?;
    Ok(())
}

/// The token is random and long: one round of SHA-256 hides it well enough, and lets it be found.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    user_id: UserId,
    family: Vec<u8>,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}
