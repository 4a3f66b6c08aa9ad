//! Short text kept in place.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Longest text kept in place, in bytes: every phone number, LID and group id is shorter.
const INLINE: usize = 22;

/// Immutable text that needs no allocation up to [`INLINE`] bytes.
///
/// Addresses are cloned for every device of every message; the user parts of real ones all fit.
#[derive(Clone)]
pub(crate) enum CompactText {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<str>),
}

impl CompactText {
    /// No text.
    pub(crate) const EMPTY: Self = Self::Inline { len: 0, bytes: [0; INLINE] };

    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(head), Ok(len)) => {
                head.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Heap(text.into()),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Heap(text) => text.as_bytes(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            // Only `new` fills the bytes, with a whole `str`.
            Self::Inline { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Heap(text) => text,
        }
    }
}

impl PartialEq for CompactText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for CompactText {}

impl Hash for CompactText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for CompactText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CompactText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_comes_back() {
        for len in [0, 1, 21, 22, 23, 300] {
            let text = "7".repeat(len);
            assert_eq!(CompactText::new(&text).as_str(), text);
        }
        assert_eq!(CompactText::new("Zoë 名").as_str(), "Zoë 名");
        assert_eq!(CompactText::EMPTY.as_str(), "");
    }

    #[test]
    fn order_is_the_order_of_the_text() {
        assert!(CompactText::new("12") < CompactText::new("2"));
        assert!(CompactText::new("2") < CompactText::new(&"3".repeat(40)));
    }
}
