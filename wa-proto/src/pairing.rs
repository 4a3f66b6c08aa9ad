//! Linking a companion device to an account, in both roles: the companion (this client) and the primary phone
//! (the local server's simulated phones).

pub mod adv;
pub mod code;
pub mod qr;
pub mod success;
