//! The WhatsApp multi-device protocol as pure functions and state machines.
//!
//! Bytes, records, the time and a random source go in; bytes, new records and events come out. There is no I/O,
//! no clock, no runtime and no database here, and nothing that the peer sends makes this crate panic.
//!
//! In reading order:
//!
//! - [`keys`]: Curve25519 keys, agreement and signatures
//! - [`jid`]: addresses of users, devices and groups
//! - [`token`], [`node`]: the binary encoding of stanzas
//! - [`plaintext`], [`frame`]: what carries a stanza
//! - [`proto`]: the protobuf messages
//! - [`device`]: the record of a device of ours; [`payload`]: what it says about itself when it connects
//! - [`pairing`]: how a companion is linked to an account, by QR code or by a typed code
//! - [`signal`]: end-to-end encryption
//! - [`cert`], [`noise`]: the handshake with the server and the encrypted transport
//! - [`connection`]: all of that together, from the first byte to the last stanza
//! - [`stanza`]: typed stanzas
//! - [`messaging`]: from a text to a stanza for all devices, and back; receipts, retries, device lists

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod cert;
pub mod connection;
pub mod device;
pub mod frame;
pub mod jid;
pub mod keys;
pub mod messaging;
pub mod node;
pub mod noise;
pub mod pairing;
pub mod payload;
pub mod plaintext;
pub mod proto;
pub mod signal;
pub mod stanza;
pub mod token;
#[cfg(test)]
mod vectors;
