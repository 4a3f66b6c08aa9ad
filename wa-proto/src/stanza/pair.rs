//! Linking a device: pair-device and pair-success, the exchange of linking by code, and unlinking.
//!
//! | stanza | from | type |
//! | --- | --- | --- |
//! | references for the QR code | server | [`PairDevice`] |
//! | the phone has linked us | server | [`PairSuccess`] |
//! | our signature, or our refusal | companion | [`PairReply`] |
//! | linking by code | both | [`CompanionHello`], [`CodeNotification`], [`CompanionFinish`] |
//! | make a new adv secret | server | [`SecretRefresh`] |
//! | the server wants a passkey | server | [`PasskeyRequest`] |
//! | unlink | companion | [`RemoveDevice`] |
//!
//! What the contents mean and how they are checked is in [`pairing`](crate::pairing).

mod code;
mod device;
mod notice;
mod remove;
mod success;
#[cfg(test)]
mod tests;

pub use self::code::{CodeNotification, CompanionFinish, CompanionHello};
pub use self::device::{MAX_REFERENCES, PairDevice};
pub use self::notice::{PasskeyRequest, SecretRefresh};
pub use self::remove::RemoveDevice;
pub use self::success::{MalformedPairSuccess, PairRefusal, PairReply, PairSuccess};

/// The namespace of all requests.
const XMLNS: &str = "md";
