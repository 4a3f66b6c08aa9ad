//! Registering a business with its owner.

use std::fmt;

use crate::account;
use crate::business::{self, BusinessState, DEFAULT_ZONE, NewBusiness, Subdomain, SubdomainError};
use crate::name::{Name, NameError};
use crate::password::{PasswordError, Passwords};
use crate::phone::{Phone, PhoneError};
use crate::platform::Platform;
use crate::store::{StoreError, from_store};
use crate::user::{self, Email, EmailError, NewUser, Role, User};
use crate::zone::{StaleZoneData, Zone};

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
        let id = user::create(&mut tx, &owner, now).await?;
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
