//! Linking a companion device to an account, in both roles: the companion (this client) and the primary phone
//! (the local server's simulated phones).
//!
//! | step | module |
//! | --- | --- |
//! | the companion's side as a whole, with its timers | [`machine`] |
//! | the QR code: its text, and which reference is shown when | [`qr`] |
//! | linking by a typed code: keys, bundle | [`code`] |
//! | linking with a passkey: keys, commitment, sealed request | [`passkey`] |
//! | from pair-success to a linked device, and the phone's check of the reply | [`success`] |
//! | the signatures and the HMAC under all of it | [`adv`] |
//! | the stanzas | [`stanza::pair`](crate::stanza::pair) |
//!
//! The phone's side of a scan: [`qr::QrCode::parse`], [`adv::Linking::offer`],
//! [`stanza::pair::PairSuccess`](crate::stanza::pair::PairSuccess), [`success::check_reply`].

pub mod adv;
pub mod code;
pub mod machine;
pub mod passkey;
pub mod qr;
pub mod success;

pub use self::machine::{Pairing, PairingChange, PairingEvent, PairingOutput};
