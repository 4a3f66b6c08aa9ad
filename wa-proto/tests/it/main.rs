//! Tests of the crate from outside.

mod corpus;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are another crate, and take it from there")]
mod targets;
