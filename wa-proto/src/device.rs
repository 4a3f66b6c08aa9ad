//! The device record: everything about our device that outlives a connection, apart from sessions and prekeys.
//!
//! [`DeviceKeys`] exist before the first connection and stay for life; [`LinkedAccount`] appears when the device is
//! linked; the rest changes from login to login. A record is a plain value: whoever changes it stores it, as
//! the bytes of [`DeviceRecord::to_bytes`], in the same commit as what the change belongs to. After a logout a new
//! record is made, because the old keys are useless.

mod keys;
mod linked;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;

use rand::CryptoRng;

pub use self::keys::{DeviceKeys, RegistrationId};
pub use self::linked::LinkedAccount;
pub use self::stored::DeviceRecordError;
use crate::signal::PrekeyId;

/// A device of ours, linked or not.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The keys that the device was made with.
    pub keys: DeviceKeys,
    /// How far the upload of one-time prekeys has come.
    pub prekeys: PrekeyProgress,
    /// The account that the device is linked to; `None` until pairing has succeeded.
    pub linked: Option<LinkedAccount>,
    /// What earlier logins have left behind.
    pub login: LoginMemory,
}

/// How far the upload of one-time prekeys has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrekeyProgress {
    /// The id that the next new prekey gets.
    pub next: PrekeyId,
    /// The first id that was never offered to the server; equal to `next` when all were.
    pub first_not_uploaded: PrekeyId,
    /// Whether the server has prekeys of this device, as far as we know.
    pub server_has_prekeys: bool,
    /// When the signed prekey was made or last rotated, unix seconds; 0 until the first login.
    pub signed_prekey_rotated_at: u64,
}

/// What a login leaves behind for the next one.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct LoginMemory {
    /// The name that chats show for us; from the account's settings, or the business name.
    pub push_name: Option<String>,
    /// Sent in front of the next connection's first bytes; opaque.
    pub routing_info: Option<Vec<u8>>,
    /// Hash of the server-side settings that were read last.
    pub props_hash: Option<String>,
    /// How many logins have succeeded.
    pub login_counter: u32,
    /// The server's certificate chain, for logging in with one round trip; see
    /// [`ServerVerified::restore`](crate::cert::ServerVerified::restore).
    pub server_chain: Option<Vec<u8>>,
    /// The account addresses one-to-one chats by LID.
    pub lid_migrated: bool,
    /// The server has ended this device's link: the keys are useless.
    pub is_logged_out: bool,
}

impl DeviceRecord {
    /// Makes a device that is linked to no account.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::new(DeviceKeys::generate(rng))
    }

    /// Starts a record with existing keys.
    #[must_use]
    pub fn new(keys: DeviceKeys) -> Self {
        Self {
            keys,
            prekeys: PrekeyProgress {
                next: PrekeyId::FIRST,
                first_not_uploaded: PrekeyId::FIRST,
                server_has_prekeys: false,
                signed_prekey_rotated_at: 0,
            },
            linked: None,
            login: LoginMemory::default(),
        }
    }
}

impl fmt::Debug for DeviceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceRecord")
            .field("is_linked", &self.linked.is_some())
            .field("prekeys", &self.prekeys)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoginMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginMemory")
            .field("login_counter", &self.login_counter)
            .field("lid_migrated", &self.lid_migrated)
            .field("is_logged_out", &self.is_logged_out)
            .finish_non_exhaustive()
    }
}
