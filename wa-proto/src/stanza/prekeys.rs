//! Publishing our keys, checking what the server has of them, and fetching those of others.
//!
//! Ids are three bytes, registration ids four, both big-endian; public keys are 32 raw bytes. A key that is published
//! must have been stored before: somebody may use it the moment the server has it.

mod count;
mod digest;
mod fetch;
mod public;
mod rotate;
#[cfg(test)]
mod tests;
mod upload;

pub use self::count::{CountPrekeys, KeyNotification};
pub use self::digest::{FetchDigest, KeyDigest, bundle_digest};
pub use self::fetch::{DeviceBundle, FetchBundles, FetchReason, FetchedBundle, NoBundle};
pub use self::public::{PublicPrekey, PublicSignedPrekey};
pub use self::rotate::RotateSignedPrekey;
pub use self::upload::UploadPrekeys;

/// How many one-time prekeys a device that has none on the server uploads.
pub const FULL_UPLOAD: usize = 812;
/// How many are added when the server has few left.
pub const TOP_UP: usize = 50;
/// The server has few left below this number.
pub const LOW_PREKEYS: u32 = 5;

/// The namespace of all of them.
const XMLNS: &str = "encrypt";
