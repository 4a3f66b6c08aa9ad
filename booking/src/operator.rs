//! The operator's own people: whoever looks after the platform.

use serde_json::json;

use crate::access::Origin;
use crate::audit::{self, Change};
use crate::id::UserId;
use crate::name::{Name, NameError};
use crate::password::{PasswordError, Passwords};
use crate::platform::Platform;
use crate::store::{StoreError, from_store};
use crate::user::{self, Email, EmailError, NewUser, Role};

/// Why an administrator could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CreateAdminError {
    /// The address is none.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// Somebody logs in with this address.
    #[error("somebody logs in with this address already")]
    EmailTaken,
    /// The name is not usable.
    #[error("the name is not usable")]
    FullName(#[source] NameError),
    /// The password is not good enough, or could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(CreateAdminError);

/// Makes an administrator of the platform, who sees all tenants.
///
/// # Errors
///
/// [`CreateAdminError`].
pub async fn create_admin(
    platform: &Platform,
    email: &str,
    full_name: &str,
    password: &str,
) -> Result<UserId, CreateAdminError> {
    let email: Email = email.parse()?;
    let full_name: Name = full_name.parse().map_err(CreateAdminError::FullName)?;
    Passwords::check(password)?;
    let password_hash = platform.passwords.hash(password, platform.entropy.bytes()).await?;
    let now = platform.clock.real_now();
    let new = NewUser {
        business_id: None,
        email: Some(&email),
        full_name: &full_name,
        phone: None,
        role: Role::SuperAdmin,
        password_hash: &password_hash,
    };
    let mut tx = platform.db.begin().await?;
    let created = user::create(&mut tx, &new, now).await;
    let id = created.map_err(|error| match error.constraint() {
        Some("users_email_key") => CreateAdminError::EmailTaken,
        Some(_) | None => error.into(),
    })?;
    let change = Change {
        entity: "user",
        entity_id: id.get(),
        action: "create",
        old: None,
        new: Some(json!({ "role": Role::SuperAdmin.as_str() })),
    };
    audit::record(&mut tx, None, &Origin::system(), &change, now).await?;
    tx.commit().await?;
    Ok(id)
}
