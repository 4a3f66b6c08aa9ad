//! The WhatsApp multi-device protocol as pure functions and state machines.

pub mod keys;
pub mod pairing;
pub mod proto;
pub mod stanza;
#[cfg(test)]
mod vectors;
