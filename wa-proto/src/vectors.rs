//! Access to the test vectors in `wa-proto/vectors`; see `vectors/README.md` for where they come from.

use serde_json::Value;

/// The Signal vectors.
pub(crate) fn signal() -> Value {
    serde_json::from_str(include_str!("../vectors/signal.json")).unwrap()
}

/// The pairing vectors: payloads, QR code, pair-success, pairing code, passkey, digest, session ids.
pub(crate) fn pairing() -> Value {
    serde_json::from_str(include_str!("../vectors/pairing.json")).unwrap()
}

/// The frame, Noise and binary-node vectors.
pub(crate) fn noise_and_codec() -> Value {
    serde_json::from_str(include_str!("../vectors/noise-and-codec.json")).unwrap()
}

/// The elements of an array.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or_else(|| panic!("not a list: {value}"), Vec::as_slice)
}

/// A string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// A string of hexadecimal digits, decoded.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

/// A string of hexadecimal digits, decoded to a known length.
pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}
