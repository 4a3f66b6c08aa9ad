//! Reading of `vectors/messaging.json` in tests.

use serde_json::Value;

/// The whole file.
pub(crate) fn load() -> Value {
    serde_json::from_str(include_str!("../../vectors/messaging.json")).expect("the vectors are JSON")
}

/// The cases of a list.
pub(crate) fn cases(list: &Value) -> &[Value] {
    let cases = list.as_array().expect("a list of cases");
    assert!(!cases.is_empty(), "a list without cases shows nothing");
    cases
}

/// Bytes written in hex.
pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().expect("a hex text")).expect("valid hex")
}
