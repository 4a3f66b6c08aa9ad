//! Linking with a passkey: the cryptography of both roles.
//!
//! The server may demand a `WebAuthn` assertion before it lets a phone link the device. The assertion comes from an
//! authenticator outside of this program; what is here is the exchange around it, which gives the phone what a QR code
//! would have given: noise key, identity key and adv secret.
//!
//! ```text
//! companion                                         phone
//!   PasskeyCompanion::generate ── prologue ────────►  PasskeyPrimary::answer      (commits to a nonce)
//!                              ◄─ key, nonce ───────
//!                              ── nonce ───────────►  PasskeyPrimary::confirm     (checks the commitment)
//!            both show the same code, and the user compares them
//!   PasskeyCompanion::seal ───── sealed request ───►  PasskeyConfirmed::open
//! ```
//!
//! Source: observed, vector `passkey`.

mod companion;
mod primary;
#[cfg(test)]
mod tests;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit as _;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use self::companion::{HandoffKey, PasskeyCompanion, PrimaryEphemeral};
pub use self::primary::{PasskeyConfirmed, PasskeyPrimary, PasskeyRequested};
use super::code::PairingCode;
use crate::keys::{PublicKey, SharedSecret};

/// Length of both sides' nonces in bytes.
pub const NONCE_LENGTH: usize = 32;

/// Why a step of linking with a passkey failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasskeyError {
    /// A message does not parse, or a part has the wrong length.
    #[error("message of linking with a passkey is malformed")]
    Malformed,
    /// The peer's key makes the agreement predictable.
    #[error("the peer's key is of low order")]
    WeakKey,
    /// The nonce is not the one that the companion committed to: somebody stands in between.
    #[error("the companion's nonce does not match its commitment")]
    Commitment,
    /// The request does not open under the agreed key.
    #[error("the pairing request does not open")]
    Unauthentic,
}

/// The code that both sides show: five bytes of the phone's nonce, masked with a hash over the companion's nonce and
/// the phone's key, so that neither side can choose it.
fn verification_code(
    companion_nonce: &[u8; NONCE_LENGTH],
    primary: &PublicKey,
    primary_nonce: &[u8; NONCE_LENGTH],
) -> PairingCode {
    let mask = Sha256::new().chain_update(companion_nonce).chain_update(primary.as_bytes()).finalize();
    let mut bits = [0; 5];
    for ((bit, nonce), mask) in bits.iter_mut().zip(primary_nonce).zip(mask) {
        *bit = nonce ^ mask;
    }
    PairingCode::from_bits(bits)
}

/// The key of the pairing request. The kind of device and the reference are bound into it.
fn request_key(shared: &SharedSecret, device_type: i32, reference: &str) -> Result<Zeroizing<[u8; 32]>, PasskeyError> {
    let salt = format!("Companion Pairing {device_type} with ref {reference}");
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt.as_bytes()), shared.as_bytes())
        .expand(b"Pairing Information Encryption Key", key.as_mut())
        .map_err(|_| PasskeyError::Malformed)?;
    Ok(key)
}

fn request_cipher(shared: &SharedSecret, device_type: i32, reference: &str) -> Result<Aes256Gcm, PasskeyError> {
    let key = request_key(shared, device_type, reference)?;
    Ok(Aes256Gcm::new((&*key).into()))
}

/// The companion's commitment: a hash over its ephemeral identity and the nonce that it reveals later.
fn commitment(ephemeral_identity: &[u8], nonce: &[u8; NONCE_LENGTH]) -> [u8; 32] {
    Sha256::new().chain_update(ephemeral_identity).chain_update(nonce).finalize().into()
}
