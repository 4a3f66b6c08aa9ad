//! The client payload: what a client says about itself inside the handshake, and how the server reads it.
//!
//! A *registration* brings the keys of a device that no account knows yet, and is answered with references for the QR
//! code. A *login* names the account and the device number. [`ClientPayload::registration`] and
//! [`ClientPayload::login`] write them; [`ClientPurpose::read`] is the server's side.
//!
//! Source: observed, vectors `registration_payload` and `login_payload`.

mod login;
mod profile;
mod purpose;
mod registration;
#[cfg(test)]
mod tests;
mod version;

pub use self::login::{Login, NotALogin};
pub use self::profile::{Browser, ClientProfile, OperatingSystem};
pub use self::purpose::{ClientPurpose, PayloadError};
pub use self::registration::Registration;
pub use self::version::{ClientVersion, MalformedVersion, find_client_revision};
pub use crate::proto::ClientPayload;
