//! Whole flows of the client: its stores on real databases, and its connection against the sandbox.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall fail loudly, and looks for what it waits for only"
)]

mod baileys;
mod command;
mod crash;
mod faults;
mod lifecycle;
mod messages;
mod pairing;
mod store;
mod support;
