//! Packed texts: two characters a byte, from an alphabet of digits, or of upper-case hexadecimal digits.

/// Longest text that is written packed, in characters. Longer ones are read.
pub(super) const LONGEST_PACKED: usize = 127;

/// The low nibble that fills up a text of an odd number of characters.
const PADDING: u8 = 15;

const NIBBLES: [u8; 16] = *b"0123456789-.\0\0\0\0";
const HEX: [u8; 16] = *b"0123456789ABCDEF";

/// Malformed packed text.
pub(super) struct PackedError;

/// Appends the text in `packed` to `out`.
///
/// With `odd`, the last low nibble is no character, whatever it is.
pub(super) fn unpack(packed: &[u8], hex: bool, odd: bool, out: &mut String) -> Result<(), PackedError> {
    let pairs = if hex { &HEX_PAIRS } else { &NIBBLE_PAIRS };
    let mut text = [0u8; 2 * LONGEST_PACKED];
    let (body, last) = match packed.split_last() {
        Some((&last, body)) if odd => (body, Some(last)),
        None if odd => return Err(PackedError),
        _ => (packed, None),
    };
    let mut chars = text.chunks_exact_mut(2);
    let mut valid = true;
    for (&byte, pair) in body.iter().zip(&mut chars) {
        let found = pairs.get(usize::from(byte)).copied().unwrap_or_default();
        valid &= found != [0; 2];
        pair.copy_from_slice(&found);
    }
    let mut len = body.len().saturating_mul(2);
    if let Some(last) = last {
        // The nibble that goes is read as a zero, so that only the other one decides.
        let [first, _] = pairs.get(usize::from(last & 0xF0)).copied().unwrap_or_default();
        valid &= first != 0;
        if let Some(place) = text.get_mut(len) {
            *place = first;
        }
        len = len.saturating_add(1);
    }
    let text = text.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text {
        Some(text) if valid => {
            out.push_str(text);
            Ok(())
        }
        _ => Err(PackedError),
    }
}

/// The alphabet a text fits: the first that does, digits before hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    Nibble,
    Hex,
}

/// Returns the alphabet that has all characters of `text`.
pub(super) fn alphabet_of(text: &[u8]) -> Option<Alphabet> {
    if text.is_empty() || text.len() > LONGEST_PACKED {
        return None;
    }
    let mut fits = IN_NIBBLE | IN_HEX;
    for &byte in text {
        fits &= class(byte);
        if fits == 0 {
            return None;
        }
    }
    Some(if fits & IN_NIBBLE != 0 { Alphabet::Nibble } else { Alphabet::Hex })
}

/// Appends the packed form of `text`, which has to fit the alphabet.
pub(super) fn pack(text: &[u8], out: &mut Vec<u8>) {
    let (pairs, last) = text.as_chunks::<2>();
    out.extend(pairs.iter().map(|[high, low]| (class(*high) << 4) | (class(*low) & 0x0F)));
    if let [last] = last {
        out.push((class(*last) << 4) | PADDING);
    }
}

// For each byte, the alphabets it belongs to in the high bits and its value there in the low four. No byte has
// different values in the two.

const IN_NIBBLE: u8 = 0x10;
const IN_HEX: u8 = 0x20;

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

static CLASSES: [u8; 256] = classes();

/// Both characters of each byte; zeros if either nibble stands for none.
static NIBBLE_PAIRS: [[u8; 2]; 256] = pairs(NIBBLES);
static HEX_PAIRS: [[u8; 2]; 256] = pairs(HEX);

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "runs at compile time; values are under 16"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut value = 0;
    while value < 16 {
        if NIBBLES[value] != 0 {
            classes[NIBBLES[value] as usize] |= IN_NIBBLE | value as u8;
        }
        classes[HEX[value] as usize] |= IN_HEX | value as u8;
        value += 1;
    }
    classes
}

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "runs at compile time")]
const fn pairs(alphabet: [u8; 16]) -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (high, low) = (alphabet[byte >> 4], alphabet[byte & 15]);
        if high != 0 && low != 0 {
            pairs[byte] = [high, low];
        }
        byte += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_pack_into_the_first_alphabet_that_fits() {
        assert_eq!(alphabet_of(b"12.34-5678"), Some(Alphabet::Nibble));
        assert_eq!(alphabet_of(b"12AB"), Some(Alphabet::Hex));
        assert_eq!(alphabet_of(b"AB-1"), None);
        assert_eq!(alphabet_of(b"ab"), None);
        assert_eq!(alphabet_of(b""), None);
        assert_eq!(alphabet_of(&[b'7'; 127]), Some(Alphabet::Nibble));
        assert_eq!(alphabet_of(&[b'7'; 128]), None);
    }

    #[test]
    fn packed_texts_come_back() {
        for (text, hex) in [("1", false), ("12.34-5678", false), ("195.7-1", false), ("ABCDEF123", true), ("F", true)] {
            let mut packed = Vec::new();
            pack(text.as_bytes(), &mut packed);
            let mut back = String::new();
            assert!(unpack(&packed, hex, text.len() % 2 == 1, &mut back).is_ok());
            assert_eq!(back, text);
        }
    }

    #[test]
    fn the_longest_packed_text_is_read() {
        let mut out = String::new();
        assert!(unpack(&[0x77; 127], false, false, &mut out).is_ok());
        assert_eq!(out.len(), 254);
    }
}
