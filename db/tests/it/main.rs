//! The promises of the crate, on both engines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod engines;
mod group;
mod migrations;
mod pipeline;
mod private;
