//! A walk over the fields of a serialised protobuf message, without a schema.
//!
//! Wrapping a message for our own devices and extracting what a reporting token covers must keep
//! fields that this client does not know, byte for byte; decoding and encoding again would not.

use std::ops::Range;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// One field of a message; both ranges index the bytes that were walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The field number.
    pub(crate) number: u32,
    /// The whole field: key, length if it has one, value.
    pub(crate) whole: Range<usize>,
    /// The value of a length-delimited field, `None` for the other wire types.
    pub(crate) content: Option<Range<usize>>,
}

/// The bytes are no sequence of protobuf fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bytes are not a protobuf message")]
pub struct MalformedMessage;

/// The fields of `bytes` in the order they stand; ends after the first error.
pub(crate) fn walk(bytes: &[u8]) -> impl Iterator<Item = Result<Field, MalformedMessage>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let field = read(rest, at);
        at = field.as_ref().map_or(bytes.len(), |field| field.whole.end);
        Some(field)
    })
}

/// Reads the field at the front of `rest`, which begins at offset `start`.
fn read(rest: &[u8], start: usize) -> Result<Field, MalformedMessage> {
    let end_of = |remaining: &[u8]| start.saturating_add(rest.len().saturating_sub(remaining.len()));
    let mut cursor = rest;
    let (number, wire_type) = decode_key(&mut cursor).map_err(|_| MalformedMessage)?;
    if wire_type != WireType::LengthDelimited {
        skip_field(wire_type, number, &mut cursor, DecodeContext::default()).map_err(|_| MalformedMessage)?;
        return Ok(Field { number, whole: start..end_of(cursor), content: None });
    }
    let length = decode_varint(&mut cursor).map_err(|_| MalformedMessage)?;
    let content_start = end_of(cursor);
    let content_end = usize::try_from(length)
        .ok()
        .filter(|&length| length <= cursor.len())
        .and_then(|length| content_start.checked_add(length))
        .ok_or(MalformedMessage)?;
    let content = Some(content_start..content_end);
    Ok(Field { number, whole: start..content_end, content })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_found_with_their_ranges() {
        // 1: "Hello"; 2: varint 14; 35: one byte.
        let bytes = hex::decode("0a0548656c6c6f100e9a020101").unwrap();
        let fields: Vec<_> = walk(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[0], Field { number: 1, whole: 0..7, content: Some(2..7) });
        assert_eq!(fields[1], Field { number: 2, whole: 7..9, content: None });
        assert_eq!(fields[2], Field { number: 35, whole: 9..13, content: Some(12..13) });
    }

    #[test]
    fn a_length_past_the_end_is_an_error() {
        assert_eq!(walk(&[0x0a, 0x05, 0x48]).collect::<Vec<_>>(), [Err(MalformedMessage)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for field in walk(&bytes).flatten() {
                prop_assert!(bytes.get(field.whole.clone()).is_some());
                prop_assert!(field.content.is_none_or(|content| bytes.get(content).is_some()));
            }
        }
    }
}
