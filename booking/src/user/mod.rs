//! Those who log in: their roles, registration of a business with its owner, login, passwords, the staff.

mod failures;
mod login;
mod password;
mod register;
mod staff;

pub use login::{Credentials, LoginError, LoginName, login, password_is};
pub use password::{ChangePasswordError, ResetError, ResetRequest, change_password, request_reset, reset};
pub use register::{RegisterError, Registration, register};
pub(crate) use staff::link;
pub use staff::{Member, StaffChange, StaffError, change, deactivate, list};

use std::fmt;
use std::str::FromStr;

use db::Connection;

use crate::clock::Timestamp;
use crate::id::{BusinessId, UserId};
use crate::name::Name;
use crate::phone::Phone;
use crate::store::{StoreError, text_enum};

text_enum! {
    /// What somebody may do.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    Role {
        /// The operator: all tenants.
        SuperAdmin = "SUPER_ADMIN",
        /// Everything in one business.
        Owner = "OWNER",
        /// The daily work in one business.
        Manager = "MANAGER",
        /// Their own visits in one business.
        Master = "MASTER",
        /// Their own bookings at one business.
        Client = "CLIENT",
    }
}

/// An address to log in with, in lower case. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(Box<str>);

/// The text is not an address: something before one `@`, and a domain with a dot after it, 254 characters at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct EmailError;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let domain_is_fine = domain.split('.').count() > 1
            && domain.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|character| character.is_alphanumeric() || character == '-')
            });
        let local_is_fine = (1..=64).contains(&local.len())
            && !local.chars().any(|character| character.is_whitespace() || character.is_control() || character == '@');
        if local_is_fine && domain_is_fine && text.len() <= 254 { Ok(Self(text.into())) } else { Err(EmailError) }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Somebody who logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct User {
    /// The row.
    pub id: UserId,
    /// Their business; none is the operator.
    pub business_id: Option<BusinessId>,
    /// What they log in with, unless it is their number.
    pub email: Option<Email>,
    /// Their name.
    pub full_name: Name,
    /// Their number.
    pub phone: Option<Phone>,
    /// What they may do.
    pub role: Role,
    /// Since when they cannot log in any more.
    pub deactivated_at: Option<Timestamp>,
}

/// Somebody who will log in.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// Their business; none is the operator.
    pub business_id: Option<BusinessId>,
    /// What they log in with, unless it is their number.
    pub email: Option<&'a Email>,
    /// Their name.
    pub full_name: &'a Name,
    /// Their number; needed where there is no address.
    pub phone: Option<&'a Phone>,
    /// What they may do.
    pub role: Role,
    /// Their password's hash, from [`Passwords::hash`](crate::password::Passwords::hash).
    pub password_hash: &'a str,
}

/// Writes somebody who will log in. The rule `users_email_key` refuses an address that is taken, and
/// `users_business_id_phone_key` a number that somebody of the same business has.
///
/// # Errors
///
/// [`StoreError`].
pub async fn create(connection: &mut Connection, new: &NewUser<'_>, now: Timestamp) -> Result<UserId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (UserId,),
        "insert into users (business_id, email, password_hash, full_name, phone, role, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) returning id",
        new.business_id,
        new.email.map(Email::as_str),
        new.password_hash,
        new.full_name.as_str(),
        new.phone.map(Phone::expose),
        new.role.as_str(),
        now,
    )?;
    Ok(id)
}

/// Somebody by number. For who has checked a token: it finds users of all tenants.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select id, business_id, email, full_name, phone, role, password_hash, deactivated_at from users where id = $1",
        id,
    )?;
    row.map(|row| row.read().map(|(user, _)| user)).transpose()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: UserId,
    business_id: Option<BusinessId>,
    email: Option<String>,
    full_name: String,
    phone: Option<String>,
    role: String,
    password_hash: String,
    deactivated_at: Option<Timestamp>,
}

impl Row {
    fn read(self) -> Result<(User, String), StoreError> {
        let broken = |rule| StoreError::Row { table: "users", id: self.id.get(), rule };
        let user = User {
            id: self.id,
            business_id: self.business_id,
            email: self.email.as_deref().map(str::parse).transpose().map_err(|_| broken("email is malformed"))?,
            full_name: self.full_name.parse().map_err(|_| broken("name is malformed"))?,
            phone: self.phone.map(Phone::try_from).transpose().map_err(|_| broken("phone is not in E.164 form"))?,
            deactivated_at: self.deactivated_at,
            role: Role::of_row(&self.role, "users", self.id.get())?,
        };
        Ok((user, self.password_hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_one_form() {
        assert_eq!(" Owner@Demo.Jazyl.Tech ".parse::<Email>().unwrap().as_str(), "owner@demo.jazyl.tech");
        for bad in ["", "a", "@b.c", "a@b", "a@b.", "a@.b", "a b@c.d", "a@b@c.d", "a@b c.d"] {
            assert_eq!(bad.parse::<Email>(), Err(EmailError), "{bad}");
        }
    }
}
