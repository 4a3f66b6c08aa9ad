//! Whole flows of the client: its stores on real databases, and its connection against the sandbox.

mod crash;
mod faults;
mod lifecycle;
mod messages;
mod pairing;
mod store;
mod support;
