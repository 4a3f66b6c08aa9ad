//! Choosing another password: by whoever knows the old one, or by a code that went to the phone.

use std::fmt;
use std::net::IpAddr;

use db::Connection;
use serde_json::json;

use crate::access::{Origin, Who};
use crate::audit::{self, Change};
use crate::business;
use crate::clock::Timestamp;
use crate::code::{self, CodeError, CodeRequest, Opens};
use crate::id::{BusinessId, SessionId, UserId};
use crate::language::Language;
use crate::password::{PasswordError, Passwords};
use crate::phone::{Phone, PhoneError};
use crate::platform::Platform;
use crate::session;
use crate::store::{StoreError, from_store};
use crate::user::failures::{Attempt, Refused};

/// Why a password was not changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// The present one is wrong.
    #[error("the present password is wrong")]
    Wrong,
    /// Too many attempts failed.
    #[error("too many attempts failed")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// The new one cannot be chosen.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ChangePasswordError);

/// Changes somebody's own password and ends all their other sessions.
///
/// # Errors
///
/// [`ChangePasswordError`].
pub async fn change_password(
    platform: &Platform,
    user_id: UserId,
    session: SessionId,
    (present, new): (&str, &str),
    origin: &Origin,
) -> Result<(), ChangePasswordError> {
    Passwords::check(new)?;
    let now = platform.clock.real_now();
    let attempt = Attempt::begin(&platform.db, &format!("user {user_id}"), origin.address, now).await;
    let attempt = attempt.map_err(|refused| match refused {
        Refused::Wait(seconds) => ChangePasswordError::TooMany { seconds },
        Refused::Store(error) => ChangePasswordError::Store(error),
    })?;
    let row = db::fetch_optional!(
        &mut platform.db.read().await?,
        (Option<BusinessId>, String),
        "select business_id, password_hash from users where id = $1 and deactivated_at is null",
        user_id,
    )?;
    let (business_id, hash) = row.ok_or(ChangePasswordError::Wrong)?;
    if !platform.passwords.verify(present, Some(hash)).await? {
        return Err(ChangePasswordError::Wrong);
    }
    attempt.succeeded(&platform.db, now).await?;
    let hash = platform.passwords.hash(new, platform.entropy.bytes()).await?;
    let mut tx = platform.db.begin().await?;
    set(&mut tx, business_id, user_id, &hash, Some(session), origin, now).await?;
    Ok(tx.commit().await?)
}

/// Whose password is forgotten.
#[derive(Clone, Copy)]
pub struct ResetRequest<'a> {
    /// Their number, as people write it.
    pub phone: &'a str,
    /// Their business, for who has a login at several; else the newest is meant.
    pub subdomain: Option<&'a str>,
    /// From where it is asked.
    pub address: Option<IpAddr>,
}

impl fmt::Debug for ResetRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetRequest")
    }
}

/// Why a forgotten password was not replaced.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The field `phone`.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// Too many codes were asked for.
    #[error("too many codes were asked for")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// The code is wrong, was used, or is worth nothing any more.
    #[error("the code is wrong or its time is over")]
    Code,
    /// The new one cannot be chosen.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ResetError);

/// Sends a code to a number, if somebody of a staff has it, in the language that is `asked` for, else in the
/// business's. Whether somebody does is not told.
///
/// # Errors
///
/// [`ResetError`].
pub async fn request_reset(
    platform: &Platform,
    request: &ResetRequest<'_>,
    asked: Option<Language>,
) -> Result<(), ResetError> {
    let phone: Phone = request.phone.parse()?;
    let mut connection = platform.db.read().await?;
    let found = db::fetch_optional!(
        &mut connection,
        (UserId, BusinessId),
        "select u.id, u.business_id from users u join businesses b on b.id = u.business_id
         where u.phone = $1 and u.deactivated_at is null and ($2 = '' or b.subdomain = $2)
         order by u.id desc limit 1",
        phone.expose(),
        request.subdomain.unwrap_or_default().trim().to_ascii_lowercase(),
    )?;
    let business = match found {
        Some((_, id)) => business::by_id(&mut connection, id).await?,
        None => None,
    };
    drop(connection);
    let of_business = business.as_ref().map(|business| business.language);
    let code = CodeRequest {
        opens: Opens::Password,
        business: business.as_ref(),
        user_id: found.map(|(id, _)| id),
        known: business.is_some(),
        phone: &phone,
        language: asked.or(of_business).unwrap_or(platform.policy.default_language),
        address: request.address,
    };
    code::send(platform, &code).await.map_err(|error| match error {
        CodeError::TooMany { seconds } => ResetError::TooMany { seconds },
        CodeError::Store(error) => ResetError::Store(error),
    })
}

/// Sets a new password by the code that went to the number, and ends all sessions.
///
/// # Errors
///
/// [`ResetError`].
pub async fn reset(
    platform: &Platform,
    phone: &str,
    code: &str,
    password: &str,
    origin: &Origin,
) -> Result<(), ResetError> {
    let phone: Phone = phone.parse()?;
    Passwords::check(password)?;
    let hash = platform.passwords.hash(password, platform.entropy.bytes()).await?;
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let redeemed = code::redeem(&mut tx, &platform.codes, Opens::Password, None, &phone, code, now).await?;
    let Some(user_id) = redeemed.and_then(|redeemed| redeemed.user_id) else {
        tx.commit().await?;
        return Err(ResetError::Code);
    };
    let row = db::fetch_optional!(
        &mut tx,
        (Option<BusinessId>,),
        "select business_id from users where id = $1 and deactivated_at is null",
        user_id,
    )?;
    let Some((business_id,)) = row else {
        tx.commit().await?;
        return Err(ResetError::Code);
    };
    let origin = Origin { who: Who::User { id: user_id, impersonator: None }, ..origin.clone() };
    set(&mut tx, business_id, user_id, &hash, None, &origin, now).await?;
    Ok(tx.commit().await?)
}

async fn set(
    connection: &mut Connection,
    business_id: Option<BusinessId>,
    user_id: UserId,
    hash: &str,
    keep: Option<SessionId>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), StoreError> {
    db::execute!(connection, "update users set password_hash = $2 where id = $1", user_id, hash)?;
    let ended = session::end_of_user(connection, user_id, keep, now).await?;
    let change = Change {
        entity: "user",
        entity_id: user_id.get(),
        action: "change_password",
        old: None,
        new: Some(json!({ "sessions_ended": ended })),
    };
    audit::record(connection, business_id, origin, &change, now).await
}
