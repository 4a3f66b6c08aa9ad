//! An asynchronous WhatsApp client on tokio.
//!
//! The protocol itself is in [`wa_proto`]; this crate adds what that one deliberately lacks: sockets, a
//! clock, randomness, a store, and one task per account that drives the protocol with them.

mod ambient;
mod backoff;
mod endpoint;
mod event;
mod status;
pub mod store;
mod transport;

pub use ambient::Clock;
pub use endpoint::{Endpoint, EndpointError};
pub use event::{Event, Events, Message, PairingFailure, Receipt, ReceiptKind, Undecryptable};
pub use status::{Disconnect, Status};
pub use transport::TransportError;
