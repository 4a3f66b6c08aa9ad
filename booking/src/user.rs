//! Those who log in: their roles, registration of a business with its owner, login.

use std::fmt;
use std::str::FromStr;

use db::Connection;

use crate::account;
use crate::business::{self, BusinessState, DEFAULT_ZONE, NewBusiness, Subdomain, SubdomainError};
use crate::clock::Timestamp;
use crate::id::{BusinessId, UserId};
use crate::name::{Name, NameError};
use crate::password::{PasswordError, Passwords};
use crate::phone::{Phone, PhoneError};
use crate::platform::Platform;
use crate::session::{self, RefreshToken};
use crate::store::{StoreError, from_store, text_enum};
use crate::zone::{StaleZoneData, Zone};

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
    /// Their password's hash, from [`Passwords::hash`].
    pub password_hash: &'a str,
}

/// What an owner fills in to start. All of it is checked.
#[derive(Clone)]
pub struct Registration<'a> {
    /// What the owner logs in with.
    pub email: &'a str,
    /// The owner's password.
    pub password: &'a str,
    /// The owner's name.
    pub full_name: &'a str,
    /// The number of owner and salon.
    pub phone: &'a str,
    /// The salon's name.
    pub business_name: &'a str,
    /// The salon's name in addresses.
    pub subdomain: &'a str,
}

/// Shows nothing: it has a password.
impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration")
    }
}

/// Why a business could not be registered.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The field `email`.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The field `email`: somebody has it.
    #[error("somebody is registered with this e-mail address")]
    EmailTaken,
    /// The field `password`.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The field `full_name`.
    #[error("the owner's name is not usable")]
    FullName(#[source] NameError),
    /// The field `phone`.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The field `business_name`.
    #[error("the business's name is not usable")]
    BusinessName(#[source] NameError),
    /// The field `subdomain`.
    #[error(transparent)]
    Subdomain(#[from] SubdomainError),
    /// The field `subdomain`: another business has it.
    #[error("another business has this subdomain")]
    SubdomainTaken,
    /// This machine does not know the zone.
    #[error(transparent)]
    Zone(#[from] StaleZoneData),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(RegisterError);

/// Registers a business on trial, with its owner and its WhatsApp account to be paired.
///
/// # Errors
///
/// [`RegisterError`]; each variant names its field.
pub async fn register(platform: &Platform, form: &Registration<'_>) -> Result<User, RegisterError> {
    let email: Email = form.email.parse()?;
    Passwords::check(form.password)?;
    let full_name: Name = form.full_name.parse().map_err(RegisterError::FullName)?;
    let phone: Phone = form.phone.parse()?;
    let name: Name = form.business_name.parse().map_err(RegisterError::BusinessName)?;
    let subdomain: Subdomain = form.subdomain.parse()?;
    let zone: Zone = DEFAULT_ZONE.parse().map_err(|_| StaleZoneData)?;
    let password_hash = platform.passwords.hash(form.password, platform.entropy.bytes()).await?;
    let now = platform.clock.real_now();
    let new = NewBusiness {
        subdomain: &subdomain,
        name: &name,
        phone: &phone,
        address: None,
        zone: &zone,
        language: platform.policy.default_language,
        state: BusinessState::Trial,
        trial_ends_at: Some(now.plus(i64::from(platform.policy.trial_days) * 86_400)),
    };
    let mut tx = platform.db.begin().await?;
    let written = async {
        let business_id = business::create(&mut tx, &new, now).await?;
        let owner = NewUser {
            business_id: Some(business_id),
            email: Some(&email),
            full_name: &full_name,
            phone: Some(&phone),
            role: Role::Owner,
            password_hash: &password_hash,
        };
        let id = create(&mut tx, &owner, now).await?;
        account::ensure(&mut tx, business_id, now).await?;
        Ok::<_, StoreError>((business_id, id))
    };
    let (business_id, id) = written.await.map_err(|error| match error.constraint() {
        Some("businesses_subdomain_key") => RegisterError::SubdomainTaken,
        Some("users_email_key") => RegisterError::EmailTaken,
        _ => RegisterError::Store(error),
    })?;
    tx.commit().await?;
    tracing::info!(business.id = %business_id, "registered business {business_id}");
    Ok(User {
        id,
        business_id: Some(business_id),
        email: Some(email),
        full_name,
        phone: Some(phone),
        role: Role::Owner,
        deactivated_at: None,
    })
}

/// Why somebody could not log in.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No such login, or not this password; which of them is not told.
    #[error("the e-mail address or the password is wrong")]
    Rejected,
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
pub async fn login(platform: &Platform, email: &str, password: &str) -> Result<(User, RefreshToken), LoginError> {
    let found = match email.parse::<Email>() {
        Ok(email) => credentials(&mut platform.db.read().await?, &email).await?,
        Err(EmailError) => None,
    };
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
    let right = platform.passwords.verify(password, hash).await.map_err(LoginError::Password)?;
    let user = user.filter(|_| right).ok_or(LoginError::Rejected)?;
    let token = session::start(platform, &user).await?;
    Ok((user, token))
}

/// Writes somebody who will log in. The rule `users_email_key` refuses an address that is taken.
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

async fn credentials(connection: &mut Connection, email: &Email) -> Result<Option<(User, String)>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select id, business_id, email, full_name, phone, role, password_hash, deactivated_at
         from users where email = $1 and deactivated_at is null",
        email.as_str(),
    )?;
    row.map(Row::read).transpose()
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
