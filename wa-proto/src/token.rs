//! The token dictionaries: texts that one or two bytes stand for on the wire.
//!
//! Dictionary version 3, the last byte of the connection's [intro](crate::frame). Both directions are computed
//! at compile time from `data/tokens.txt`, which holds one text a line: 236 single-byte tokens, then four
//! dictionaries of 256.
//!
//! Source: observed; three public clients agree on every entry, and a test holds their common check value.

/// Number of single-byte tokens, including the unused index 0.
const SINGLE: usize = 236;
/// Number of texts in each double-byte dictionary.
const PAGE: usize = 256;
/// All texts: single-byte, then the four dictionaries.
const COUNT: usize = SINGLE + 4 * PAGE;
/// First byte of a token in dictionary 0.
const DICTIONARY_0: u8 = 236;
/// Longest token, in bytes.
const LONGEST: usize = 48;

static TEXTS: [&str; COUNT] = split_lines(include_str!("../data/tokens.txt"));

/// A token: the one or two bytes that stand for a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// One byte, 1 to 235.
    Single(u8),
    /// The dictionary's byte, 236 to 239, and the index in it.
    Double(u8, u8),
}

/// Returns the text of a single-byte token, or `None` if the byte is no such token.
#[must_use]
pub fn single(byte: u8) -> Option<&'static str> {
    match usize::from(byte) {
        index @ 1..SINGLE => TEXTS.get(index).copied(),
        _ => None,
    }
}

/// Returns the text at `index` in the dictionary whose byte is `dictionary` (236 to 239), if there is such a one.
#[must_use]
pub fn double(dictionary: u8, index: u8) -> Option<&'static str> {
    let page = usize::from(dictionary.checked_sub(DICTIONARY_0)?);
    let index = page.checked_mul(PAGE)?.checked_add(SINGLE)?.checked_add(usize::from(index))?;
    TEXTS.get(index).copied()
}

/// Returns the token that stands for `text`; there is never more than one.
///
/// One multiplication, one table slot in nearly all cases, and a comparison where the slot's fingerprint fits.
#[must_use]
pub fn lookup(text: &[u8]) -> Option<Token> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let hash = hash(text);
    let mut slot = slot_of(hash);
    loop {
        let entry = TABLE.slots.get(slot).copied().unwrap_or(VACANT);
        if entry == VACANT {
            return None;
        }
        if entry & FINGERPRINT == fingerprint_of(hash) {
            let index = entry & !FINGERPRINT;
            if TEXTS.get(usize::from(index)).is_some_and(|known| known.as_bytes() == text) {
                return Some(token_at(index));
            }
        }
        slot = slot.wrapping_add(1) & SLOT_MASK;
    }
}

fn token_at(index: u16) -> Token {
    match u8::try_from(index) {
        Ok(byte) if byte < DICTIONARY_0 => Token::Single(byte),
        _ => {
            let [page, index] = index.wrapping_sub(u16::from(DICTIONARY_0)).to_be_bytes();
            Token::Double(page.wrapping_add(DICTIONARY_0), index)
        }
    }
}

// The table: open addressing at under a third full, so that most misses end at the first, vacant slot. A slot
// holds the index in `TEXTS` in its low 11 bits and five bits of the hash above them.

const SLOTS: usize = 4096;
const SLOT_MASK: usize = SLOTS - 1;
const FINGERPRINT: u16 = 0xF800;
const VACANT: u16 = u16::MAX;

/// The table is aligned to the cache line so that it covers as few of them as it can.
#[repr(align(64))]
struct Table {
    slots: [u16; SLOTS],
}

static TABLE: Table = Table { slots: build_table() };

const fn slot_of(hash: u64) -> usize {
    (hash >> 52) as usize & SLOT_MASK
}

#[expect(clippy::cast_possible_truncation, reason = "the mask keeps five bits")]
const fn fingerprint_of(hash: u64) -> u16 {
    (hash >> 32) as u16 & FINGERPRINT
}

/// Mixes the length and the first and last bytes of a text, which tell nearly all tokens apart.
const fn hash(text: &[u8]) -> u64 {
    let len = text.len() as u64;
    let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64),
            _ => match (text.first_chunk::<2>(), text.last_chunk::<1>()) {
                (Some(head), Some(tail)) => (u16::from_le_bytes(*head) as u64, tail[0] as u64),
                (None, Some(tail)) => (tail[0] as u64, 0),
                (_, None) => (0, 0),
            },
        },
    };
    let mixed = (head ^ len.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ (mixed >> 32) ^ tail).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 29)
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "runs at compile time, where a slip is a build error; indices are under 2^11"
)]
const fn build_table() -> [u16; SLOTS] {
    let mut slots = [VACANT; SLOTS];
    let mut index = 1;
    while index < COUNT {
        let hash = hash(TEXTS[index].as_bytes());
        let mut slot = slot_of(hash);
        while slots[slot] != VACANT {
            slot = (slot + 1) & SLOT_MASK;
        }
        slots[slot] = index as u16 | fingerprint_of(hash);
        index += 1;
    }
    slots
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::large_stack_arrays,
    reason = "runs at compile time, where a malformed file is a build error"
)]
const fn split_lines(file: &'static str) -> [&'static str; COUNT] {
    let mut lines = [""; COUNT];
    let mut rest = file;
    let mut line = 0;
    while line < COUNT {
        let bytes = rest.as_bytes();
        let mut end = 0;
        while bytes[end] != b'\n' {
            end += 1;
        }
        let (text, tail) = rest.split_at(end);
        lines[line] = text;
        (_, rest) = tail.split_at(1);
        line += 1;
    }
    assert!(rest.is_empty(), "the token file has more lines than tokens");
    lines
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_dictionaries_are_those_of_version_3() {
        assert_eq!(
            hex::encode(Sha256::digest(TEXTS.join("\0"))),
            "d0ff3a620052035edafa3a35ca8dd7faba7a778e8062c9671f3896700234d4d6"
        );
        assert_eq!(TEXTS.iter().map(|t| t.len()).max(), Some(LONGEST));
    }

    #[test]
    fn every_token_is_found_by_its_text_and_back() {
        for byte in 1..=235 {
            let text = single(byte).expect("in range");
            assert_eq!(lookup(text.as_bytes()), Some(Token::Single(byte)));
        }
        for page in 236..=239 {
            for index in 0..=255 {
                let text = double(page, index).expect("in range");
                assert_eq!(lookup(text.as_bytes()), Some(Token::Double(page, index)));
            }
        }
    }

    #[test]
    fn bytes_outside_the_dictionaries_have_no_text() {
        assert_eq!(single(0), None);
        assert_eq!(single(236), None);
        assert_eq!(double(235, 0), None);
        assert_eq!(double(240, 0), None);
    }

    #[test]
    fn other_texts_have_no_token() {
        for text in ["", "x", "zz", "pair-success", "77012345678", "s.whatsapp.nes", &"q".repeat(48), &"q".repeat(49)] {
            assert_eq!(lookup(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn probing_is_short() {
        let occupied = TABLE.slots.iter().filter(|&&slot| slot != VACANT).count();
        assert_eq!(occupied, COUNT - 1);
        let mut longest = 0;
        let mut run = 0;
        for &slot in &TABLE.slots {
            run = if slot == VACANT { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        assert!(longest <= 12, "a run of {longest} occupied slots");
    }
}
