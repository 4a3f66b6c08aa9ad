//! Typed stanzas: each type knows how to write its node and how to read it.
//!
//! No tag or attribute name is matched outside of the module that owns the stanza. Most types work
//! in both directions, because the local server speaks the other role.

pub mod ack;
pub mod chatstate;
mod direction;
pub mod message;
pub mod notification;
pub mod privacy_token;
pub mod receipt;
pub mod retry;
pub mod usync;

pub use self::ack::{Ack, AckClass, RefusalReaction, Rejection, SendRefusal};
pub use self::direction::Direction;
pub use self::message::{IncomingMessage, OutgoingMessage};
pub use self::notification::{Notification, NotificationContent};
pub use self::receipt::{Receipt, ReceiptKind};
