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
/// One multiplication and one table slot in nearly all cases. The slot tells most misses; a hit is confirmed by
/// two words for texts of up to 16 bytes, by a comparison for longer ones.
#[must_use]
pub fn lookup(text: &[u8]) -> Option<Token> {
    index_of(text).map(token_at)
}

/// Returns the text of the token at `index`, counted through all dictionaries; empty if there is none.
pub(crate) fn text_at(index: u16) -> &'static str {
    TEXTS.get(usize::from(index)).copied().unwrap_or_default()
}

/// Returns the index of a token in a dictionary, counted through all dictionaries.
pub(crate) fn double_index(dictionary: u8, index: u8) -> u16 {
    u16::from_be_bytes([dictionary.wrapping_sub(DICTIONARY_0), index]).wrapping_add(u16::from(DICTIONARY_0))
}

/// Returns the index of the token that stands for `text`, counted through all dictionaries.
#[inline]
pub(crate) fn index_of(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let ends = Ends::of(text);
    let hash = ends.hash(text.len());
    let wanted = label(hash, text.len());
    let place = place_of(hash);
    let slot = SLOT_TABLE.slots.get(place).copied().unwrap_or(VACANT);
    if slot == VACANT {
        None
    } else if slot >> INDEX_BITS == wanted && is_text_at(slot & INDEX_MASK, text, ends) {
        u16::try_from(slot & INDEX_MASK).ok()
    } else {
        probe_on(text, ends, wanted, place)
    }
}

/// Looks at the slots behind the first one.
#[cold]
fn probe_on(text: &[u8], ends: Ends, wanted: u32, mut place: usize) -> Option<u16> {
    loop {
        place = place.wrapping_add(1) & PLACE_MASK;
        let slot = SLOT_TABLE.slots.get(place).copied().unwrap_or(VACANT);
        if slot == VACANT {
            return None;
        }
        if slot >> INDEX_BITS == wanted && is_text_at(slot & INDEX_MASK, text, ends) {
            return u16::try_from(slot & INDEX_MASK).ok();
        }
    }
}

/// Tells whether the token at `index`, which is as long as `text`, is `text`.
#[inline]
fn is_text_at(index: u32, text: &[u8], ends: Ends) -> bool {
    if text.len() <= 16 {
        ENDS.get(index as usize).is_some_and(|known| *known == ends)
    } else {
        TEXTS.get(index as usize).is_some_and(|known| known.as_bytes() == text)
    }
}

#[inline]
pub(crate) fn token_at(index: u16) -> Token {
    match u8::try_from(index) {
        Ok(byte) if byte < DICTIONARY_0 => Token::Single(byte),
        _ => {
            let [page, index] = index.wrapping_sub(u16::from(DICTIONARY_0)).to_be_bytes();
            Token::Double(page.wrapping_add(DICTIONARY_0), index)
        }
    }
}

// The table: open addressing at under a third full, so that most misses end at the first, vacant slot. A slot
// holds the index in `TEXTS` in its low bits, and above them the length of the text and bits of its hash.

const SLOTS: usize = 4096;
const PLACE_MASK: usize = SLOTS - 1;
const INDEX_BITS: u32 = 11;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const LENGTH_BITS: u32 = 6;
const HASH_BITS: u32 = 32 - INDEX_BITS - LENGTH_BITS;
const VACANT: u32 = u32::MAX;

/// Aligned to cache lines, so that a slot and its neighbours share one.
#[repr(align(64))]
struct SlotTable {
    slots: [u32; SLOTS],
}

static SLOT_TABLE: SlotTable = SlotTable { slots: fill_slots() };
/// As long as an index can say, so that none is out of bounds.
static ENDS: [Ends; 1 << INDEX_BITS] = all_ends();

/// The first and last bytes of a text: all of it if it has up to 16.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    head: u64,
    tail: u64,
}

impl Ends {
    #[inline]
    const fn of(text: &[u8]) -> Self {
        if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            Self { head: u64::from_le_bytes(*head), tail: u64::from_le_bytes(*tail) }
        } else if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            Self { head: u32::from_le_bytes(*head) as u64, tail: u32::from_le_bytes(*tail) as u64 }
        } else if let (Some(head), Some(tail)) = (text.first_chunk::<2>(), text.last_chunk::<2>()) {
            Self { head: u16::from_le_bytes(*head) as u64, tail: u16::from_le_bytes(*tail) as u64 }
        } else if let Some([only]) = text.first_chunk::<1>() {
            Self { head: *only as u64, tail: 0 }
        } else {
            Self { head: 0, tail: 0 }
        }
    }

    /// Mixes both ends and the length; one multiplication spreads them over the high half.
    #[inline]
    const fn hash(self, length: usize) -> u64 {
        (self.head ^ self.tail.rotate_left(29) ^ (length as u64).rotate_right(8)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

#[inline]
const fn place_of(hash: u64) -> usize {
    (hash >> 52) as usize & PLACE_MASK
}

/// Returns what stands above the index in a slot.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "lengths are under 64, and of the hash a few bits are taken")]
const fn label(hash: u64, length: usize) -> u32 {
    let hash = (hash >> 37) as u32 & ((1 << HASH_BITS) - 1);
    hash << LENGTH_BITS | length as u32
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "runs at compile time, where a slip is a build error; indices are under 2^11"
)]
const fn fill_slots() -> [u32; SLOTS] {
    let mut slots = [VACANT; SLOTS];
    let mut index = 1;
    while index < COUNT {
        let text = TEXTS[index].as_bytes();
        let hash = Ends::of(text).hash(text.len());
        let mut place = place_of(hash);
        while slots[place] != VACANT {
            place = (place + 1) & PLACE_MASK;
        }
        slots[place] = index as u32 | label(hash, text.len()) << INDEX_BITS;
        index += 1;
    }
    slots
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::large_stack_arrays,
    reason = "runs at compile time, where a slip is a build error"
)]
const fn all_ends() -> [Ends; 1 << INDEX_BITS] {
    let mut all = [Ends { head: 0, tail: 0 }; 1 << INDEX_BITS];
    let mut index = 0;
    while index < COUNT {
        all[index] = Ends::of(TEXTS[index].as_bytes());
        index += 1;
    }
    all
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
        let probes = |text: &str| {
            let hash = Ends::of(text.as_bytes()).hash(text.len());
            let place = SLOT_TABLE.slots.iter().cycle().skip(place_of(hash));
            let at = place.take(SLOTS).position(|slot| TEXTS[(slot & INDEX_MASK) as usize % COUNT] == text);
            at.expect("every token is in the table") + 1
        };
        let lengths: Vec<usize> = TEXTS[1..].iter().map(|text| probes(text)).collect();
        assert!(lengths.iter().max() <= Some(&12), "{:?} probes", lengths.iter().max());
        let total: usize = lengths.iter().sum();
        assert!(total * 10 < lengths.len() * 13, "{total} probes for {} tokens", lengths.len());
    }
}
