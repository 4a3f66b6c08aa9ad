//! Logging in with a password.

use std::fmt;
use std::net::IpAddr;

use db::Connection;

use crate::password::PasswordError;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::session::{self, RefreshToken};
use crate::store::{StoreError, from_store};
use crate::user::failures::{Attempt, Refused};
use crate::user::{Email, Row, User};

/// Somebody can have a login at several businesses with one number; more of them than this are not tried.
const MOST_LOGINS: i64 = 4;

/// What somebody calls themselves.
#[derive(Clone, Copy)]
pub enum LoginName<'a> {
    /// By address.
    Email(&'a str),
    /// By number.
    Phone {
        /// As people write it.
        phone: &'a str,
        /// The business, for who has a login at several; else the password decides.
        subdomain: Option<&'a str>,
    },
}

/// What somebody logs in with. `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Who they say they are.
    pub name: LoginName<'a>,
    /// Their password.
    pub password: &'a str,
    /// From where they try.
    pub address: Option<IpAddr>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Why somebody could not log in.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No such login, or not this password; which of them is not told.
    #[error("the login or the password is wrong")]
    Rejected,
    /// Too many attempts failed; whether there is such a login is not told.
    #[error("too many attempts failed")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// The machine had no memory or thread to check the password.
    #[error(transparent)]
    Password(PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(LoginError);

/// Logs somebody in and begins a session.
///
/// # Errors
///
/// [`LoginError`].
pub async fn login(platform: &Platform, credentials: &Credentials<'_>) -> Result<(User, RefreshToken), LoginError> {
    let now = platform.clock.real_now();
    let typed = match credentials.name {
        LoginName::Email(email) => email.to_owned(),
        LoginName::Phone { phone, .. } => {
            phone.parse::<Phone>().map_or_else(|_| phone.to_owned(), |phone| phone.expose().to_owned())
        }
    };
    let attempt = Attempt::begin(&platform.db, &typed, credentials.address, now).await;
    let attempt = attempt.map_err(|refused| match refused {
        Refused::Wait(seconds) => LoginError::TooMany { seconds },
        Refused::Store(error) => LoginError::Store(error),
    })?;
    let found = candidates(&mut platform.db.read().await?, credentials.name).await?;
    let user = matching(platform, found, credentials.password).await?.ok_or(LoginError::Rejected)?;
    attempt.succeeded(&platform.db, now).await?;
    let token = session::start(platform, &user).await?;
    Ok((user, token))
}

/// Whether an address and a password open a login. Counts nothing and begins nothing: for the program itself.
///
/// # Errors
///
/// [`LoginError`].
pub async fn password_is(platform: &Platform, email: &str, password: &str) -> Result<bool, LoginError> {
    let found = candidates(&mut platform.db.read().await?, LoginName::Email(email)).await?;
    Ok(matching(platform, found, password).await?.is_some())
}

/// The first whose password it is. Without any it takes as long as with one.
async fn matching(platform: &Platform, found: Vec<(User, String)>, password: &str) -> Result<Option<User>, LoginError> {
    if found.is_empty() {
        platform.passwords.verify(password, None).await.map_err(LoginError::Password)?;
    }
    for (user, hash) in found {
        if platform.passwords.verify(password, Some(hash)).await.map_err(LoginError::Password)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// Who may be meant, the newest first.
async fn candidates(connection: &mut Connection, name: LoginName<'_>) -> Result<Vec<(User, String)>, StoreError> {
    let rows = match name {
        LoginName::Email(email) => {
            let Ok(email) = email.parse::<Email>() else { return Ok(Vec::new()) };
            db::fetch_all!(
                connection,
                Row,
                "select id, business_id, email, full_name, phone, role, password_hash, deactivated_at
                 from users where email = $1 and deactivated_at is null",
                email.as_str(),
            )?
        }
        LoginName::Phone { phone, subdomain } => {
            let Ok(phone) = phone.parse::<Phone>() else { return Ok(Vec::new()) };
            db::fetch_all!(
                connection,
                Row,
                "select u.id, u.business_id, u.email, u.full_name, u.phone, u.role, u.password_hash, u.deactivated_at
                 from users u left join businesses b on b.id = u.business_id
                 where u.phone = $1 and u.deactivated_at is null and ($2 = '' or b.subdomain = $2)
                 order by u.id desc limit $3",
                phone.expose(),
                subdomain.unwrap_or_default().trim().to_ascii_lowercase(),
                MOST_LOGINS,
            )?
        }
    };
    rows.into_iter().map(Row::read).collect()
}
