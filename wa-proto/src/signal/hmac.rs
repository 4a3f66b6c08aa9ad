//! HMAC-SHA-256 and HKDF straight on the compression function, with key schedules kept.
//!
//! A steady message costs 23 compressions, most of them of a single block whose layout is known beforehand; the
//! general-purpose buffering around them would cost more instructions than everything else in a message.
//!
//! Source: RFC 2104, RFC 5869, FIPS 180-4.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The initial state of SHA-256.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// What the key schedule has absorbed before the message, in bytes.
const KEY_BLOCK: usize = 64;

/// A 32-byte HMAC key as the two states that follow its padded blocks.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacKey {
    /// The key of 32 zero bytes, which HKDF uses when there is no salt. A test recomputes it.
    pub(crate) const ZERO: Self = Self {
        inner: [0xf454_dead, 0x9725_214f, 0x90da_f2a0, 0xdf12_28ea, 0x64e5_750f, 0xa392_4181, 0x824a_932b, 0xf8e0_4e32],
        outer: [0xd385_480f, 0x7abb_6477, 0x37c9_c538, 0x5dd8_2467, 0x8e04_3a72, 0x7534_34b0, 0xdeb8_2818, 0x361d_45a6],
    };

    /// Schedules `key`: two compressions.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut block = [0x36; 64];
        for (padded, byte) in block.iter_mut().zip(key) {
            *padded ^= byte;
        }
        let mut inner = INITIAL;
        compress256(&mut inner, &[block]);
        for padded in &mut block {
            *padded ^= 0x36 ^ 0x5c;
        }
        let mut outer = INITIAL;
        compress256(&mut outer, &[block]);
        wipe(&mut block);
        Self { inner, outer }
    }

    /// Authenticates the concatenation of `parts`.
    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Hash::resume(self.inner);
        for part in parts {
            hash.update(part);
        }
        self.finish(&hash.finish())
    }

    /// Authenticates a message that is already laid out: two compressions.
    pub(super) fn authenticate_block(&self, message: &MessageBlock) -> [u8; 32] {
        let mut state = self.inner;
        compress256(&mut state, &[message.0]);
        self.finish(&state)
    }

    fn finish(&self, inner: &[u32; 8]) -> [u8; 32] {
        let mut block = MessageBlock::of_length(32);
        block.set_secret(&to_bytes(inner));
        let mut state = self.outer;
        compress256(&mut state, &[block.0]);
        wipe(&mut block.0);
        to_bytes(&state)
    }
}

/// A message of at most 55 bytes, laid out with the padding that follows a key block.
#[derive(Clone, Copy)]
pub(super) struct MessageBlock([u8; 64]);

impl MessageBlock {
    /// Lays out `length` zero bytes.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        reason = "called with constants of at most 55"
    )]
    const fn of_length(length: usize) -> Self {
        let mut block = [0; 64];
        block[length] = 0x80;
        let bits = ((KEY_BLOCK + length) * 8) as u16;
        let [high, low] = bits.to_be_bytes();
        block[62] = high;
        block[63] = low;
        Self(block)
    }

    /// Lays out the one byte `byte`.
    pub(super) const fn of_byte(byte: u8) -> Self {
        let mut block = Self::of_length(1);
        block.0[0] = byte;
        block
    }

    /// Lays out 32 bytes.
    fn of_secret(secret: &[u8; 32]) -> Self {
        let mut block = Self::of_length(32);
        block.set_secret(secret);
        block
    }

    /// Overwrites the first 32 bytes.
    fn set_secret(&mut self, secret: &[u8; 32]) {
        if let Some(front) = self.0.first_chunk_mut() {
            *front = *secret;
        }
    }
}

/// The context string of a key derivation, laid out for the steps of HKDF's expansion.
pub(super) struct HkdfInfo {
    /// info ‖ 01
    first: MessageBlock,
    /// 32 bytes of room for the previous step ‖ info ‖ counter
    next: MessageBlock,
    /// Where the counter stands in `next`.
    counter: usize,
}

impl HkdfInfo {
    /// Lays out `info`, at most 22 bytes; to be called in constants, where a longer one does not compile.
    #[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated at compile time")]
    pub(super) const fn new(info: &[u8]) -> Self {
        let counter = 32 + info.len();
        let mut first = MessageBlock::of_length(info.len() + 1);
        let mut next = MessageBlock::of_length(counter + 1);
        let mut at = 0;
        while at < info.len() {
            first.0[at] = info[at];
            next.0[32 + at] = info[at];
            at += 1;
        }
        first.0[info.len()] = 1;
        Self { first, next, counter }
    }

    /// Lays out the step after the one that gave `previous`.
    fn following(&self, previous: &[u8; 32], counter: u8) -> MessageBlock {
        let mut block = self.next;
        block.set_secret(previous);
        if let Some(place) = block.0.get_mut(self.counter) {
            *place = counter;
        }
        block
    }
}

/// The first `N` blocks of HKDF-SHA-256 of one 32-byte secret without salt.
pub(super) fn hkdf_of_secret<const N: usize>(secret: &[u8; 32], info: &HkdfInfo) -> [[u8; 32]; N] {
    let mut message = MessageBlock::of_secret(secret);
    let pseudorandom = HmacKey::ZERO.authenticate_block(&message);
    wipe(&mut message.0);
    expand(pseudorandom, info)
}

/// The first `N` blocks of HKDF-SHA-256 of the concatenation of `secrets`.
pub(super) fn hkdf<const N: usize>(salt: &HmacKey, secrets: &[&[u8]], info: &HkdfInfo) -> [[u8; 32]; N] {
    expand(salt.authenticate(secrets), info)
}

fn expand<const N: usize>(mut pseudorandom: [u8; 32], info: &HkdfInfo) -> [[u8; 32]; N] {
    let key = HmacKey::new(&pseudorandom);
    pseudorandom.zeroize();
    let mut output = [[0; 32]; N];
    let mut message = info.first;
    for (block, next_counter) in output.iter_mut().zip(2..) {
        *block = key.authenticate_block(&message);
        message = info.following(block, next_counter);
    }
    wipe(&mut message.0);
    output
}

/// SHA-256 in progress after a key block.
struct Hash {
    state: [u32; 8],
    buffer: [u8; 64],
    /// How much of `buffer` waits for more, below 64.
    filled: usize,
    /// Bytes absorbed in all.
    length: usize,
}

impl Hash {
    const fn resume(state: [u32; 8]) -> Self {
        Self { state, buffer: [0; 64], filled: 0, length: KEY_BLOCK }
    }

    fn update(&mut self, mut data: &[u8]) {
        self.length = self.length.saturating_add(data.len());
        if self.filled > 0 {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            let Some((now, later)) = data.split_at_checked(room.len()) else {
                return self.keep(data);
            };
            room.copy_from_slice(now);
            compress256(&mut self.state, &[self.buffer]);
            self.filled = 0;
            data = later;
        }
        let (blocks, rest) = data.as_chunks();
        compress256(&mut self.state, blocks);
        self.keep(rest);
    }

    /// Appends to the buffer what does not fill it.
    fn keep(&mut self, rest: &[u8]) {
        let end = self.filled.saturating_add(rest.len());
        if let Some(place) = self.buffer.get_mut(self.filled..end) {
            place.copy_from_slice(rest);
            self.filled = end;
        }
    }

    fn finish(mut self) -> [u32; 8] {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        room.fill(0);
        if let Some(first) = room.first_mut() {
            *first = 0x80;
        }
        if room.len() < 9 {
            compress256(&mut self.state, &[self.buffer]);
            self.buffer = [0; 64];
        }
        let bits = (self.length as u64).saturating_mul(8);
        if let Some(place) = self.buffer.last_chunk_mut() {
            *place = bits.to_be_bytes();
        }
        compress256(&mut self.state, &[self.buffer]);
        wipe(&mut self.buffer);
        self.state
    }
}

/// Overwrites a block that held key material; the compiler takes it for used and keeps the write.
fn wipe(block: &mut [u8; 64]) {
    *block = [0; 64];
    std::hint::black_box(block);
}

fn to_bytes(words: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::vectors::{array, bytes, list, signal};

    #[test]
    fn the_kept_schedule_of_the_zero_key_is_its_schedule() {
        let computed = HmacKey::new(&[0; 32]);
        assert_eq!(computed.inner, HmacKey::ZERO.inner);
        assert_eq!(computed.outer, HmacKey::ZERO.outer);
    }

    #[test]
    fn derivations_match_the_vectors() {
        let mut checked = 0;
        for vector in list(&signal()["hkdf"]["vectors"]) {
            let ikm = bytes(&vector["ikm"]);
            let salt = if vector["salt"].is_null() {
                HmacKey::ZERO
            } else if let Ok(salt) = <[u8; 32]>::try_from(bytes(&vector["salt"])) {
                HmacKey::new(&salt)
            } else {
                continue; // salts of other lengths do not occur in the protocol
            };
            assert_eq!(salt.authenticate(&[&ikm]), array(&vector["prk"]));
            let okm = bytes(&vector["okm"]);
            let parts: [&[u8]; 1] = [&ikm];
            match vector["info"].as_str() {
                Some("WhisperText") => {
                    let info = HkdfInfo::new(b"WhisperText");
                    assert!(hkdf::<3>(&salt, &parts, &info).concat().starts_with(&okm));
                }
                Some("WhisperRatchet") => {
                    let info = HkdfInfo::new(b"WhisperRatchet");
                    assert!(hkdf::<2>(&salt, &parts, &info).concat().starts_with(&okm));
                }
                Some("WhisperMessageKeys") => {
                    let info = HkdfInfo::new(b"WhisperMessageKeys");
                    assert!(hkdf::<3>(&salt, &parts, &info).concat().starts_with(&okm));
                    let derived = hkdf_of_secret::<3>(&array(&vector["ikm"]), &info).concat();
                    assert!(derived.starts_with(&okm));
                }
                Some("WhisperGroup") => {
                    let info = HkdfInfo::new(b"WhisperGroup");
                    assert!(hkdf::<2>(&salt, &parts, &info).concat().starts_with(&okm));
                }
                Some(_) | None => continue,
            }
            checked += 1;
        }
        assert!(checked == 6, "{checked}");
    }

    proptest! {
        #[test]
        fn codes_are_those_of_another_implementation(
            key in any::<[u8; 32]>(),
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let mut reference = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            reference.update(&parts.concat());
            let code = HmacKey::new(&key).authenticate(&slices);
            prop_assert_eq!(code[..].to_vec(), reference.finalize().into_bytes().to_vec());
        }
    }
}
