//! Typed stanzas: each type knows how to write its node and how to read it.
//!
//! No tag or attribute name is matched outside of the module that owns the stanza. Most types work
//! in both directions, because the local server speaks the other role.
//!
//! Connections and keys:
//!
//! - [`iq`]: requests, their answers and errors; ping
//! - [`login`]: success, failure, stream errors, going active
//! - [`ib`]: the server's asides: backlog, routing, dirty state
//! - [`pair`]: linking a device, by QR code and by typed code; unlinking
//! - [`prekeys`]: publishing our keys, fetching those of others
//!
//! Messages:
//!
//! - [`usync`]: which devices a number has, and whether it is there at all
//! - [`message`], [`receipt`], [`ack`], [`retry`]: messages and what is said about them
//! - [`notification`], [`chatstate`], [`privacy_token`]: the rest

pub mod ack;
pub mod chatstate;
mod direction;
pub mod ib;
pub mod iq;
pub mod login;
pub mod message;
pub mod notification;
pub mod pair;
pub mod prekeys;
pub mod privacy_token;
pub mod receipt;
pub mod retry;
#[cfg(test)]
mod tests;
pub mod usync;

pub use self::ack::{Ack, AckClass, RefusalReaction, Rejection, SendRefusal};
pub use self::direction::Direction;
pub use self::message::{IncomingMessage, OutgoingMessage};
pub use self::notification::{Notification, NotificationContent};
pub use self::receipt::{Receipt, ReceiptKind};
