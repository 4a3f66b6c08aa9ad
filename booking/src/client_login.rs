//! Clients who sign in with their number and a code, to see and manage their own visits.

use std::net::IpAddr;

use crate::business::{self, Business};
use crate::client;
use crate::code::{self, CodeError, CodeRequest, Opens};
use crate::id::ClientId;
use crate::language::Language;
use crate::phone::{Phone, PhoneError};
use crate::platform::Platform;
use crate::session::{self, Holder, RefreshToken};
use crate::store::{StoreError, from_store};

/// Why a client did not sign in.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientLoginError {
    /// No business has this subdomain.
    #[error("no business has this subdomain")]
    UnknownBusiness,
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
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(ClientLoginError);

/// Sends a code to a client's number, in their language, else in the one that is `asked` for, else in the business's.
/// Whether the business has such a client is not told.
///
/// # Errors
///
/// [`ClientLoginError`].
pub async fn request_code(
    platform: &Platform,
    subdomain: &str,
    phone: &str,
    asked: Option<Language>,
    address: Option<IpAddr>,
) -> Result<(), ClientLoginError> {
    let phone: Phone = phone.parse()?;
    let business = find(platform, subdomain).await?;
    let client = client::by_phone(&mut platform.db.read().await?, business.id, &phone).await?;
    let chosen = client.as_ref().and_then(|client| client.language);
    let request = CodeRequest {
        opens: Opens::Client,
        business: Some(&business),
        user_id: None,
        known: client.is_some(),
        phone: &phone,
        language: chosen.or(asked).unwrap_or(business.language),
        address,
    };
    code::send(platform, &request).await.map_err(|error| match error {
        CodeError::TooMany { seconds } => ClientLoginError::TooMany { seconds },
        CodeError::Store(error) => ClientLoginError::Store(error),
    })
}

/// Signs a client in by the code that went to their number.
///
/// # Errors
///
/// [`ClientLoginError`].
pub async fn login(
    platform: &Platform,
    subdomain: &str,
    phone: &str,
    code: &str,
) -> Result<(Business, ClientId, RefreshToken), ClientLoginError> {
    let phone: Phone = phone.parse()?;
    let business = find(platform, subdomain).await?;
    let client = client::by_phone(&mut platform.db.read().await?, business.id, &phone).await?;
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let redeemed = code::redeem(&mut tx, &platform.codes, Opens::Client, Some(business.id), &phone, code, now).await?;
    let Some(client_id) = redeemed.and(client).map(|client| client.id) else {
        tx.commit().await?;
        return Err(ClientLoginError::Code);
    };
    let holder = Holder::Client { id: client_id, business_id: business.id };
    let refresh = session::begin(&mut tx, platform, holder).await?;
    tx.commit().await?;
    Ok((business, client_id, refresh))
}

async fn find(platform: &Platform, subdomain: &str) -> Result<Business, ClientLoginError> {
    let business = business::by_subdomain(&mut platform.db.read().await?, subdomain).await?;
    business.ok_or(ClientLoginError::UnknownBusiness)
}
