//! Whole flows over the router, on a database of their own.

#![expect(clippy::indexing_slicing, reason = "a missing part of an answer fails the test, as it should")]

mod auth;
mod backup;
mod bad_input;
mod bookings;
mod catalogue;
mod clients;
mod closed;
mod deploy;
mod document;
mod faults;
mod idempotency;
mod limits;
mod link;
mod matrix;
mod people;
mod phones;
mod postgres;
mod process;
mod program;
mod public;
mod redaction;
mod redis;
mod support;
mod texts;
mod visits;
