//! Curve25519 keys: agreement (X25519) and signatures (XEdDSA) with the same key pair.
//!
//! Everything else in this crate that needs a key pair (Noise, Signal, pairing, certificates) takes it from
//! here. Randomness is always an argument; agreement, signing and comparisons run in constant time;
//! private keys and shared secrets are overwritten when dropped and never printed.
//!
//! ```
//! use rand_chacha::ChaCha20Rng;
//! use rand_chacha::rand_core::SeedableRng;
//! use wa_proto::keys::KeyPair;
//!
//! let mut rng = ChaCha20Rng::seed_from_u64(1); // a real program passes the operating system's generator
//! let ours = KeyPair::generate(&mut rng);
//! let theirs = KeyPair::generate(&mut rng);
//! let shared = ours.private().agree(theirs.public())?;
//! assert_eq!(shared.as_bytes(), theirs.private().agree(ours.public())?.as_bytes());
//!
//! let signature = ours.private().sign(b"statement", &mut rng);
//! ours.public().verify(b"statement", &signature)?;
//! # Ok::<(), wa_proto::keys::KeyError>(())
//! ```

mod agreement;
mod pair;
mod private;
mod public;
mod shared;
mod signature;
#[cfg(test)]
mod tests;
mod xeddsa;

pub use self::agreement::AgreementKey;
pub use self::pair::KeyPair;
pub use self::private::PrivateKey;
pub use self::public::{PublicKey, TYPE_BYTE};
pub use self::shared::SharedSecret;
pub use self::signature::Signature;
pub use self::xeddsa::{SigningKey, VerifyingKey};

/// Why a key or a signature was refused. All of it is the peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A public key has the wrong length or type byte.
    #[error("public key has the wrong length or type")]
    MalformedKey,
    /// A public key that makes agreements predictable or signatures forgeable: low order, or without an Edwards
    /// form where signatures are to be checked.
    #[error("public key is of low order or not on the curve")]
    WeakKey,
    /// A signature has the wrong length or a scalar outside of the canonical range.
    #[error("signature is malformed")]
    MalformedSignature,
    /// The signature does not belong to this key and message.
    #[error("signature does not verify")]
    BadSignature,
}
