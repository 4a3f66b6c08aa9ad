//! Linking by an 8-character code that the user types into the phone, in both roles.
//!
//! ```text
//! companion                            server                              phone
//!   CompanionCode::generate ── wrapped ephemeral key ────────────────────►  (the user types the code)
//!                           ◄─ wrapped ephemeral key, identity ──  PrimaryCode::answer
//!   CompanionCode::finish  ─── sealed bundle, identity ──────────►  PrimaryCode::open
//!   adv secret                                                      adv secret
//! ```
//!
//! The ephemeral keys are encrypted under the code without a tag, so that neither side, nor the server, can test a
//! guess: a wrong code shows only when the phone fails to open the bundle. What comes out on both sides is the adv
//! secret that a QR code would have carried; pair-success follows as there. Source: observed, vector `pair_code`.

mod bundle;
mod companion;
mod primary;
#[cfg(test)]
mod tests;
mod text;
mod wrap;

pub use self::bundle::BUNDLE_LENGTH;
pub use self::companion::{CompanionCode, CompanionFinish};
pub use self::primary::PrimaryCode;
pub use self::text::PairingCode;
pub use self::wrap::WrappedKey;

/// Why a step of linking by code failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The text is not eight characters of the code's alphabet.
    #[error("a pairing code has eight characters of 1-9 and A-Z without I, O and U")]
    MalformedCode,
    /// A wrapped key or bundle has the wrong length.
    #[error("wrapped key or bundle has the wrong length")]
    MalformedMessage,
    /// The peer's key makes the agreement predictable.
    #[error("the peer's key is of low order")]
    WeakKey,
    /// The bundle does not open: the code typed into the phone is not the one that the companion shows.
    #[error("wrong pairing code")]
    WrongCode,
    /// The bundle names other identity keys than those of the two sides: somebody stands in between.
    #[error("the bundle names other identity keys")]
    IdentityMismatch,
}
