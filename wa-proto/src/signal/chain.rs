//! The symmetric half of the ratchets: root key, chain keys, message seeds, and what is derived from them.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::hmac::{HkdfInfo, HmacKey, MessageBlock, hkdf, hkdf_of_secret};
use crate::keys::SharedSecret;

const RATCHET: HkdfInfo = HkdfInfo::new(b"WhisperRatchet");
const MESSAGE_KEYS: HkdfInfo = HkdfInfo::new(b"WhisperMessageKeys");
const GROUP: HkdfInfo = HkdfInfo::new(b"WhisperGroup");

/// What a chain key authenticates to give the seed of its message.
const SEED: MessageBlock = MessageBlock::of_byte(1);
/// What a chain key authenticates to give its successor.
const NEXT: MessageBlock = MessageBlock::of_byte(2);

/// The secret from which the two chains of a session are renewed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct RootKey(pub(super) [u8; 32]);

impl RootKey {
    /// Takes the step of the Diffie-Hellman ratchet: a new root key and the chain that starts with it.
    pub(super) fn step(&self, agreement: &SharedSecret) -> (Self, ChainKey) {
        let [root, chain] = hkdf(&HmacKey::new(&self.0), &[agreement.as_bytes()], &RATCHET);
        (Self(root), ChainKey(chain))
    }
}

/// The secret of a chain at one index.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct ChainKey(pub(super) [u8; 32]);

impl ChainKey {
    /// Gives the seed of the message at this index, and the chain key of the next.
    pub(super) fn step(&self) -> (Seed, Self) {
        let key = HmacKey::new(&self.0);
        (Seed(key.authenticate_block(&SEED)), Self(key.authenticate_block(&NEXT)))
    }
}

/// The secret of one message; 32 bytes are kept for a message that has not come yet, not the 80 derived ones.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Seed(pub(super) [u8; 32]);

impl Seed {
    /// Derives the keys of a message between two devices.
    pub(super) fn message_keys(&self) -> MessageKeys {
        let [cipher, mac, mut rest] = hkdf_of_secret(&self.0, &MESSAGE_KEYS);
        let mut keys = MessageKeys { cipher, mac, iv: [0; 16] };
        copy(&rest, &mut keys.iv);
        rest.zeroize();
        keys
    }

    /// Derives the keys of a group message: initialisation vector ‖ cipher key.
    pub(super) fn group_keys(&self) -> GroupKeys {
        let mut blocks: [[u8; 32]; 2] = hkdf_of_secret(&self.0, &GROUP);
        let mut keys = GroupKeys { cipher: [0; 32], iv: [0; 16] };
        let (iv, cipher) = blocks.as_flattened().split_at(keys.iv.len());
        copy(iv, &mut keys.iv);
        copy(cipher, &mut keys.cipher);
        blocks.zeroize();
        keys
    }
}

/// Copies the front of `bytes` to all of `key`.
fn copy(bytes: &[u8], key: &mut [u8]) {
    for (place, byte) in key.iter_mut().zip(bytes) {
        *place = *byte;
    }
}

/// What encrypts and authenticates one message between two devices.
#[derive(ZeroizeOnDrop)]
pub(super) struct MessageKeys {
    pub(super) cipher: [u8; 32],
    pub(super) mac: [u8; 32],
    pub(super) iv: [u8; 16],
}

/// What encrypts one group message; it is authenticated by a signature.
#[derive(ZeroizeOnDrop)]
pub(super) struct GroupKeys {
    pub(super) cipher: [u8; 32],
    pub(super) iv: [u8; 16],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{PrivateKey, PublicKey};
    use crate::vectors::{array, bytes, list, signal};

    #[test]
    fn root_steps_match_the_vectors() {
        for vector in list(&signal()["root_step"]["vectors"]) {
            let ours = PrivateKey::from_bytes(array(&vector["our_ratchet_private"]));
            let theirs = PublicKey::from_typed_slice(&bytes(&vector["their_ratchet_public"])).unwrap();
            let agreement = ours.agree(&theirs).unwrap();
            assert_eq!(agreement.as_bytes(), &array(&vector["dh"]));
            let (root, chain) = RootKey(array(&vector["root_key"])).step(&agreement);
            assert_eq!(root.0, array(&vector["new_root_key"]));
            assert_eq!(chain.0, array(&vector["new_chain_key"]));
        }
    }

    #[test]
    fn message_chains_match_the_vectors() {
        let vectors = signal();
        let mut chain = ChainKey(array(&vectors["message_chain"]["chain_key"]));
        for vector in list(&vectors["message_chain"]["steps"]) {
            assert_eq!(chain.0, array(&vector["chain_key"]));
            let (seed, next) = chain.step();
            assert_eq!(seed.0, array(&vector["message_key_seed"]));
            let keys = seed.message_keys();
            assert_eq!(keys.cipher, array(&vector["cipher_key"]));
            assert_eq!(keys.mac, array(&vector["mac_key"]));
            assert_eq!(keys.iv, array(&vector["iv"]));
            assert_eq!(next.0, array(&vector["next_chain_key"]));
            chain = next;
        }
    }

    #[test]
    fn sender_chains_match_the_vectors() {
        let vectors = signal();
        let mut chain = ChainKey(array(&vectors["sender_chain"]["chain_key"]));
        for vector in list(&vectors["sender_chain"]["steps"]) {
            let (seed, next) = chain.step();
            assert_eq!(seed.0, array(&vector["seed"]));
            let keys = seed.group_keys();
            assert_eq!(keys.cipher, array(&vector["cipher_key"]));
            assert_eq!(keys.iv, array(&vector["iv"]));
            assert_eq!(next.0, array(&vector["next_chain_key"]));
            chain = next;
        }
    }
}
