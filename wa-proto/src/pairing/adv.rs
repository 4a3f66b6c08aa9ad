//! Account and device signatures: who vouches for a linked device.
//!
//! The primary phone signs each companion's identity key, the companion countersigns, and the pair of signatures goes
//! with the companion's prekey bundle for the rest of its life. During pairing the whole is authenticated with
//! the *adv secret*, which only the QR code (or the pairing code) carries from the companion to the phone.
//!
//! | statement | signed by | bytes signed |
//! | --- | --- | --- |
//! | this companion is mine | primary | `06 00` ‖ details ‖ companion identity |
//! | I accept this primary | companion | `06 01` ‖ details ‖ companion identity ‖ primary identity |
//! | these key indexes are linked | primary | `06 02` ‖ list |
//! | the first two, hosted | | `06 05`, `06 06` |
//!
//! `details` are always the bytes as received; encoding them again could change them. Source: observed, vectors
//! `pairing.json` (`pair_success`) and `messaging.json` (`adv`).

mod companion;
mod device_identity;
mod key_index_list;
mod primary;
mod secret;
#[cfg(test)]
mod tests;

pub use self::companion::{AccountVerified, verify_container};
pub use self::device_identity::{
    DeviceIdentityDetails, Hosting, IdentityCheck, SignedDeviceIdentity, check_device_identity,
};
pub use self::key_index_list::{KeyIndexList, SignedKeyIndexList};
pub use self::primary::{Linking, PendingLink};
pub use self::secret::AdvSecret;

/// Domain of the primary's signature over a companion.
const ACCOUNT_PREFIX: [u8; 2] = [6, 0];
/// Domain of the companion's signature over itself and its primary.
const DEVICE_PREFIX: [u8; 2] = [6, 1];
/// Domain of the primary's signature over a key index list.
const KEY_INDEX_LIST_PREFIX: [u8; 2] = [6, 2];
/// As [`ACCOUNT_PREFIX`] for a hosted device; also in front of the HMAC of a hosted account.
const HOSTED_ACCOUNT_PREFIX: [u8; 2] = [6, 5];
/// As [`DEVICE_PREFIX`] for a hosted device.
const HOSTED_DEVICE_PREFIX: [u8; 2] = [6, 6];

/// Why a statement about a device was refused. All of it is the peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvError {
    /// Not the expected protobuf message, or a required field is missing.
    #[error("device identity is malformed")]
    Malformed,
    /// Whoever made the container does not know the adv secret: a forged pairing, or a QR code that is no longer ours.
    #[error("device identity does not match the adv secret")]
    HmacMismatch,
    /// The primary's signature is missing or does not verify.
    #[error("account signature does not verify")]
    AccountSignature,
    /// The companion's signature is missing or does not verify.
    #[error("device signature does not verify")]
    DeviceSignature,
    /// The companion's reply is about another device identity than the one that was offered.
    #[error("the reply changes the device identity")]
    Changed,
}
