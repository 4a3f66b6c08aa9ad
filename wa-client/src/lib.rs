//! An asynchronous WhatsApp client on tokio.
//!
//! The protocol itself is in [`wa_proto`]; this crate adds what that one deliberately lacks: sockets, a
//! clock, randomness, a store, and one task per account that drives the protocol with them.

mod ambient;
mod backoff;
mod client;
mod driver;
mod endpoint;
mod error;
mod event;
mod fleet;
mod status;
pub mod store;
mod transport;

pub use ambient::Clock;
pub use client::{Ack, Acked, Client, ClientBuilder, NumberCheck, OwnAccount, SendOptions, Sent};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ForgetError, PairingCodeError, QueryError, SendError};
pub use event::{Event, Events, Message, PairingFailure, Receipt, ReceiptKind, Undecryptable};
pub use fleet::ConnectGate;
pub use status::{Disconnect, Status};
pub use transport::TransportError;

pub use wa_proto::keys::PublicKey;
pub use wa_proto::stanza::SendRefusal;
