//! One conformance suite, run on every store.

mod conformance;
mod databases;
