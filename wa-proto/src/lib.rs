//! The WhatsApp multi-device protocol as pure functions and state machines.

pub mod keys;
#[cfg(test)]
mod vectors;
