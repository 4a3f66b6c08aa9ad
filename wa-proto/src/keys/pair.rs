use curve25519_dalek::edwards::EdwardsPoint;
use rand::CryptoRng;

use super::{PrivateKey, PublicKey};

/// A private key with its public key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    private: PrivateKey,
    public: PublicKey,
}

impl KeyPair {
    /// Draws 32 bytes from `rng` and makes a pair of them.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_private(PrivateKey::generate(rng))
    }

    /// Makes `count` pairs, in the order in which `rng` gives their private keys.
    ///
    /// The field inversions are shared, so that a pair costs about two thirds of one from [`generate`](Self::generate).
    #[must_use]
    pub fn generate_many<R: CryptoRng + ?Sized>(count: usize, rng: &mut R) -> Vec<Self> {
        let private: Vec<PrivateKey> = (0..count).map(|_| PrivateKey::generate(rng)).collect();
        let points: Vec<EdwardsPoint> = private.iter().map(PrivateKey::edwards).collect();
        let public = EdwardsPoint::to_montgomery_batch(&points);
        private
            .into_iter()
            .zip(public)
            .map(|(private, point)| Self { private, public: PublicKey::from_bytes(point.to_bytes()) })
            .collect()
    }

    /// Completes a private key with its public key.
    #[must_use]
    pub fn from_private(private: PrivateKey) -> Self {
        let public = private.public_key();
        Self { private, public }
    }

    /// Puts a stored pair together again without computing the public key.
    ///
    /// The caller vouches that the two belong together: they come from a record that this program wrote.
    #[must_use]
    pub const fn from_stored(private: PrivateKey, public: PublicKey) -> Self {
        Self { private, public }
    }

    /// Returns the private half.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        &self.private
    }

    /// Returns the public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }
}
