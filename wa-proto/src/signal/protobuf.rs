//! The little of protobuf that Signal messages need: varints and byte strings, written canonically.
//!
//! Zero is written like any other value, because a peer authenticates its own re-encoding of the fields.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::SignalError;

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes; no field of ours is of these types.
    Fixed,
}

impl<'a> Value<'a> {
    /// A number that fits into 32 bits.
    pub(super) fn number(self) -> Result<u32, SignalError> {
        match self {
            Self::Varint(number) => u32::try_from(number).map_err(|_| SignalError::Malformed),
            Self::Bytes(_) | Self::Fixed => Err(SignalError::Malformed),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], SignalError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed => Err(SignalError::Malformed),
        }
    }
}

/// The fields of a message in the order in which they came.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Returns number and value of the next field, or nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, SignalError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            VARINT => Value::Varint(self.varint()?),
            FIXED64 => self.take(8).map(|_| Value::Fixed)?,
            BYTES => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| SignalError::Malformed)?)?)
            }
            FIXED32 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(SignalError::Malformed),
        };
        match key >> 3 {
            0 => Err(SignalError::Malformed),
            number => Ok(Some((number, value))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SignalError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SignalError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, SignalError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(SignalError::Malformed)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return if shift == 63 && byte > 1 { Err(SignalError::Malformed) } else { Ok(number) };
            }
        }
        Err(SignalError::Malformed)
    }
}

/// Length in bytes of a number as a varint.
pub(super) const fn varint_length(number: u32) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        0x1000_0000.. => 5,
    }
}

/// Appends a number as a varint.
fn write_varint(mut number: u32, output: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return output.push(low & 0x7f);
        }
        output.push(low | 0x80);
    }
}

/// Appends a number field; `field` is below 16.
pub(super) fn write_number(field: u8, number: u32, output: &mut Vec<u8>) {
    output.push(field << 3);
    write_varint(number, output);
}

/// Appends key and length of a byte field; its `length` bytes follow. `field` is below 16.
///
/// Lengths over 32 bits do not occur: what is encrypted is a stanza's content.
pub(super) fn write_bytes_header(field: u8, length: usize, output: &mut Vec<u8>) {
    output.push(field << 3 | 2);
    write_varint(u32::try_from(length).unwrap_or(u32::MAX), output);
}

/// Appends a byte field; `field` is below 16.
pub(super) fn write_bytes(field: u8, bytes: &[u8], output: &mut Vec<u8>) {
    write_bytes_header(field, bytes.len(), output);
    output.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_wire_types_and_overlong_varints_are_malformed() {
        for bytes in [&[0x0b][..], &[0x08], &[0x00, 0x01], &[0x0a, 2, 1], &[0x09, 1, 2, 3, 4, 5, 6, 7], &[0x0d, 1]] {
            assert_eq!(Fields::of(bytes).next(), Err(SignalError::Malformed), "{bytes:?}");
        }
        let mut overlong = [0xff; 12];
        overlong[0] = 8;
        assert_eq!(Fields::of(&overlong).next(), Err(SignalError::Malformed));
    }

    #[test]
    fn numbers_are_of_32_bits_and_of_their_type() {
        assert_eq!(Value::Varint(1 << 32).number(), Err(SignalError::Malformed));
        assert_eq!(Value::Varint((1 << 32) - 1).number(), Ok(u32::MAX));
        assert_eq!(Value::Bytes(b"").number(), Err(SignalError::Malformed));
        assert_eq!(Value::Fixed.bytes(), Err(SignalError::Malformed));
    }

    proptest! {
        #[test]
        fn fields_come_back(number in any::<u32>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut output = Vec::new();
            write_number(15, number, &mut output);
            prop_assert_eq!(output.len(), varint_length(number) + 1);
            write_bytes(2, &bytes, &mut output);
            let mut fields = Fields::of(&output);
            prop_assert_eq!(fields.next(), Ok(Some((15, Value::Varint(u64::from(number))))));
            prop_assert_eq!(fields.next(), Ok(Some((2, Value::Bytes(&bytes)))));
            prop_assert_eq!(fields.next(), Ok(None));
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut fields = Fields::of(&bytes);
            while let Ok(Some(_)) = fields.next() {}
        }
    }
}
