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
pub(super) fn unpack(packed: &[u8], hex: bool, odd: bool, out: &mut Vec<u8>) -> Result<(), PackedError> {
    let pairs = if hex { &HEX_PAIRS } else { &NIBBLE_PAIRS };
    let (whole, single) = match packed.split_last() {
        Some((&last, whole)) if odd => (whole, Some(last)),
        None if odd => return Err(PackedError),
        Some(_) | None => (packed, None),
    };
    let mut text = [[0_u8; 2]; LONGEST_PACKED];
    let mut invalid = false;
    for (&byte, pair) in whole.iter().zip(&mut text) {
        *pair = pairs.get(usize::from(byte)).copied().unwrap_or_default();
        invalid |= *pair == [0; 2];
    }
    out.extend_from_slice(text.as_flattened().get(..whole.len().saturating_mul(2)).unwrap_or_default());
    if let Some(single) = single {
        // The nibble that goes is read as a zero, so that only the other one decides.
        let [character, _] = pairs.get(usize::from(single & 0xF0)).copied().unwrap_or_default();
        invalid |= character == 0;
        out.push(character);
    }
    if invalid { Err(PackedError) } else { Ok(()) }
}

/// The alphabet a text fits: the first that does, digits before hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    Nibble,
    Hex,
}

/// Tells whether a text that begins with this byte may have a packed form.
#[inline]
pub(super) fn is_packable(first: u8) -> bool {
    class(first) != 0
}

/// A text in its packed form.
pub(super) struct Packed {
    pub(super) alphabet: Alphabet,
    bytes: [u8; LONGEST_PACKED.div_ceil(2)],
    /// Number of characters.
    length: u8,
}

impl Packed {
    /// Packs `text` if it is not empty, not too long, and one alphabet has all of its characters.
    #[inline]
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST_PACKED {
            return None;
        }
        let mut fits = IN_NIBBLE | IN_HEX;
        let mut bytes = [0; LONGEST_PACKED.div_ceil(2)];
        let (pairs, last) = text.as_chunks::<2>();
        for ([high, low], place) in pairs.iter().zip(&mut bytes) {
            let (high, low) = (class(*high), class(*low));
            fits &= high & low;
            *place = (high << 4) | (low & 0x0F);
        }
        if let [last] = last {
            let last = class(*last);
            fits &= last;
            if let Some(place) = bytes.get_mut(pairs.len()) {
                *place = (last << 4) | PADDING;
            }
        }
        let alphabet = match fits & (IN_NIBBLE | IN_HEX) {
            0 => return None,
            IN_HEX => Alphabet::Hex,
            _ => Alphabet::Nibble,
        };
        Some(Self { alphabet, bytes, length: u8::try_from(text.len()).ok()? })
    }

    /// Returns the number of packed bytes, and in the top bit whether the last one holds a single character.
    #[inline]
    pub(super) fn header(&self) -> u8 {
        self.length.div_ceil(2) | (self.length << 7)
    }

    /// Returns the packed bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length.div_ceil(2))).unwrap_or_default()
    }
}

// For each byte, the alphabets it belongs to in the high bits and its value there in the low four. No byte has
// different values in the two.

const IN_NIBBLE: u8 = 0x10;
const IN_HEX: u8 = 0x20;

#[inline]
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

    fn alphabet_of(text: &[u8]) -> Option<Alphabet> {
        Packed::new(text).map(|packed| packed.alphabet)
    }

    #[test]
    fn texts_pack_into_the_first_alphabet_that_fits() {
        assert_eq!(alphabet_of(b"12.34-5678"), Some(Alphabet::Nibble));
        assert_eq!(alphabet_of(b"12AB"), Some(Alphabet::Hex));
        assert_eq!(alphabet_of(b"AB-1"), None);
        assert_eq!(alphabet_of(b"1-AB"), None);
        assert_eq!(alphabet_of(b"ab"), None);
        assert_eq!(alphabet_of(b"12b"), None);
        assert_eq!(alphabet_of(b""), None);
        assert_eq!(alphabet_of(&[b'7'; 127]), Some(Alphabet::Nibble));
        assert_eq!(alphabet_of(&[b'7'; 128]), None);
    }

    #[test]
    fn packed_texts_come_back() {
        for (text, hex) in [("1", false), ("12.34-5678", false), ("195.7-1", false), ("ABCDEF123", true), ("F", true)] {
            let packed = Packed::new(text.as_bytes()).expect(text);
            assert_eq!(usize::from(packed.header()), text.len().div_ceil(2) + 128 * (text.len() % 2));
            let mut back = Vec::new();
            assert!(unpack(packed.bytes(), hex, text.len() % 2 == 1, &mut back).is_ok());
            assert_eq!(back, text.as_bytes());
        }
    }

    #[test]
    fn the_longest_packed_text_is_read() {
        let mut out = Vec::new();
        assert!(unpack(&[0x77; 127], false, false, &mut out).is_ok());
        assert_eq!(out, [b'7'; 254]);
    }

    #[test]
    fn nibbles_without_a_character_are_refused_wherever_they_are() {
        let refused = |packed: &[u8], odd| unpack(packed, false, odd, &mut Vec::new()).is_err();
        assert!(refused(&[0xc1], false) && refused(&[0x1f], false) && refused(&[0x12, 0xe1, 0x11], false));
        assert!(refused(&[0xc1, 0x11], true) && refused(&[0x11, 0xf1], true) && refused(&[], true));
        assert!(!refused(&[0x11, 0x1c], true), "the padding may be anything");
        assert!(!refused(&[], false));
    }
}
