use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The 32 bytes that authenticate the primary's answer to a companion while it is being linked.
///
/// They travel in the QR code or are derived by both sides from a pairing code, never through the server.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AdvSecret([u8; 32]);

impl AdvSecret {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// Draws 32 bytes from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes 32 bytes that were derived or stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes exactly 32 bytes; any other length gives `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns the bytes, for the QR code and for storing them sealed.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA256 over `prefix` ‖ `message`.
    pub(super) fn authenticate(&self, prefix: &[u8], message: &[u8]) -> [u8; 32] {
        // HMAC pads a key to the block of the hash with zero bytes (RFC 2104 §2).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(prefix);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// Compares [`authenticate`](Self::authenticate) with a received value in constant time.
    pub(super) fn is_authentic(&self, prefix: &[u8], message: &[u8], received: &[u8]) -> bool {
        self.authenticate(prefix, message).ct_eq(received).into()
    }
}

impl fmt::Debug for AdvSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdvSecret(..)")
    }
}
