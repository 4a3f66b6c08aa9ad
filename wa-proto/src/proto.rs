//! The protobuf messages, compiled from `proto/wa.proto`.
//!
//! Field numbers, units and sizes are documented there. Every field is an `Option`: `Some(0)` is
//! written, `None` is not. Fields that are not listed are skipped when read, so bytes that are
//! signed, hashed or passed on are kept as received and never encoded again.
//!
//! `Debug` shows the name of the type only: the contents are keys, phone numbers and texts.

#![expect(missing_docs, reason = "generated; the fields are described in proto/wa.proto")]
#![expect(clippy::pedantic, reason = "generated; the style of prost is not ours")]

pub use prost::Message as ProtobufMessage;

include!(concat!(env!("OUT_DIR"), "/wa.rs"));
include!(concat!(env!("OUT_DIR"), "/wa.debug.rs"));
