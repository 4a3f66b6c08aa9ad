//! Whole flows between the dispatcher, a database of its own and a sandbox.

#![expect(clippy::indexing_slicing, reason = "a missing message fails the test, as it should")]

mod delivery;
mod desk;
mod erase;
mod support;
mod takeover;
mod wake;
mod watch;
