//! Our own prekeys: what we publish so that others can write to us first.

use rand::CryptoRng;

use crate::keys::{KeyPair, PrivateKey, PublicKey, Signature};

/// The largest prekey id: ids travel as three bytes.
const MAX_ID: u32 = 0x00ff_ffff;

/// The id of a one-time prekey: 1 to 16,777,215. Zero means "none" to peers and does not occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrekeyId(u32);

impl PrekeyId {
    /// The first id of a new device.
    pub const FIRST: Self = Self(1);

    /// Checks the range.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match id {
            1..=MAX_ID => Some(Self(id)),
            _ => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Returns the three bytes of a stanza, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        three_bytes(self.0)
    }

    /// Returns the id that follows; after the largest comes 1 again.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 == MAX_ID { Self::FIRST } else { Self(self.0.saturating_add(1)) }
    }
}

/// The id of a signed prekey: 24 bits. Ours start at 1; a peer may use 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedPrekeyId(u32);

impl SignedPrekeyId {
    /// The first id of a new device.
    pub const FIRST: Self = Self(1);

    /// Checks the range.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match id {
            0..=MAX_ID => Some(Self(id)),
            _ => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Returns the three bytes of a stanza, big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        three_bytes(self.0)
    }

    /// Returns the id that follows; after the largest comes 1 again.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 == MAX_ID { Self::FIRST } else { Self(self.0.saturating_add(1)) }
    }
}

const fn three_bytes(id: u32) -> [u8; 3] {
    let [_, high, middle, low] = id.to_be_bytes();
    [high, middle, low]
}

/// A one-time prekey of ours. It must be stored before it is published, and deleted in the commit that stores the
/// first message that used it, never otherwise.
#[derive(Debug, Clone)]
pub struct Prekey {
    id: PrekeyId,
    pair: KeyPair,
}

impl Prekey {
    /// Makes `count` prekeys with ascending ids from `first` on.
    #[must_use]
    pub fn generate_many<R: CryptoRng + ?Sized>(first: PrekeyId, count: usize, rng: &mut R) -> Vec<Self> {
        let ids = std::iter::successors(Some(first), |id| Some(id.next()));
        ids.zip(KeyPair::generate_many(count, rng)).map(|(id, pair)| Self { id, pair }).collect()
    }

    /// Puts a stored prekey together again.
    #[must_use]
    pub const fn from_stored(id: PrekeyId, pair: KeyPair) -> Self {
        Self { id, pair }
    }

    /// Returns the id.
    #[must_use]
    pub const fn id(&self) -> PrekeyId {
        self.id
    }

    /// Returns the public half, which is published.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        self.pair.public()
    }

    /// Returns the private half, for storing it sealed.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        self.pair.private()
    }
}

/// A signed prekey of ours, shared by all who write to us first until it is rotated.
///
/// A rotated-out key has to be kept for some weeks: late messages still name it.
#[derive(Debug, Clone)]
pub struct SignedPrekey {
    id: SignedPrekeyId,
    pair: KeyPair,
    signature: Signature,
}

impl SignedPrekey {
    /// Makes a prekey and signs its public half, type byte included, with the identity key.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(id: SignedPrekeyId, identity: &PrivateKey, rng: &mut R) -> Self {
        let pair = KeyPair::generate(rng);
        let signature = identity.sign(&pair.public().to_typed_bytes(), rng);
        Self { id, pair, signature }
    }

    /// Puts a stored signed prekey together again.
    #[must_use]
    pub const fn from_stored(id: SignedPrekeyId, pair: KeyPair, signature: Signature) -> Self {
        Self { id, pair, signature }
    }

    /// Returns the id.
    #[must_use]
    pub const fn id(&self) -> SignedPrekeyId {
        self.id
    }

    /// Returns the public half, which is published.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        self.pair.public()
    }

    /// Returns the private half, for storing it sealed.
    #[must_use]
    pub const fn private(&self) -> &PrivateKey {
        self.pair.private()
    }

    /// Returns the identity key's signature over the public half.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(super) const fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn ids_ascend_and_wrap_past_zero() {
        let last = PrekeyId::new(MAX_ID - 1).unwrap();
        let prekeys = Prekey::generate_many(last, 3, &mut ChaCha20Rng::seed_from_u64(1));
        let ids: Vec<u32> = prekeys.iter().map(|prekey| prekey.id().value()).collect();
        assert_eq!(ids, [MAX_ID - 1, MAX_ID, 1]);
        assert_eq!(PrekeyId::new(0x01_0203).unwrap().to_bytes(), [1, 2, 3]);
        assert_eq!((PrekeyId::new(0), PrekeyId::new(MAX_ID + 1)), (None, None));
        assert_eq!(SignedPrekeyId::new(MAX_ID).unwrap().next(), SignedPrekeyId::FIRST);
        assert!(SignedPrekeyId::new(0).is_some() && SignedPrekeyId::new(MAX_ID + 1).is_none());
    }

    #[test]
    fn a_signed_prekey_carries_a_valid_signature() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let identity = KeyPair::generate(&mut rng);
        let prekey = SignedPrekey::generate(SignedPrekeyId::FIRST, identity.private(), &mut rng);
        let signed = prekey.public().to_typed_bytes();
        assert_eq!(identity.public().verify(&signed, prekey.signature()), Ok(()));
        assert!(identity.public().verify(prekey.public().as_bytes(), prekey.signature()).is_err());
    }
}
