//! Messages between people: from a text to a stanza for all devices, and back.
//!
//! Everything here is a function of values: what is stored comes in as an argument, what has to be
//! stored comes out. Whoever drives it loads, calls, commits and sends, in that order.
//!
//! Sending: [`addressing`] says in which namespace, [`device_list`] to which devices, [`sessions`]
//! which of them need a bundle first; [`plaintext`] and [`text`] make the message, [`outbound`] the
//! stanza. [`SendRefusal`](crate::stanza::SendRefusal) is what the server may say to it.
//!
//! Receiving: [`source`] says who wrote and where, [`inbound`] what it is, [`content`] what it says,
//! [`answer`] what is sent back, [`retry`] how a message that cannot be read is asked for again, and
//! how such a request is answered. [`migration`] reads the list of names that the phone hands out.
//!
//! Small parts: [`id`], [`padding`], [`phash`], [`token`] (what shows that a contact knows us) and
//! [`reporting`].
//!
//! ```
//! use rand::SeedableRng;
//! use wa_proto::jid::Jid;
//! use wa_proto::messaging::addressing::route;
//! use wa_proto::messaging::outbound::{self, Labels, OutboundError, Send, Target};
//! use wa_proto::messaging::{DmAddressing, MessageId, MessageSecret, Names, Plaintext};
//! use wa_proto::signal::SessionRecord;
//!
//! let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! let own = Names::new(Some(&Jid::pn("77010000001")), Some(&Jid::lid("990000000000001")));
//! let contact = Names::new(Some(&Jid::pn("77010000002")), Some(&Jid::lid("990000000000002")));
//! let attempt = DmAddressing::default().begin();
//! let route = route(attempt.namespace(), &own, &contact)?;
//!
//! let mut record = SessionRecord::default(); // loaded from the store
//! let mut targets = [Target { device: &route.to, record: &mut record }];
//! let id = MessageId::generate(1_760_000_000, "77010000001", &mut rng);
//! let plaintext = Plaintext::text("See you at 14:00", &MessageSecret::generate(&mut rng));
//! let send = Send {
//!     id: &id,
//!     route: &route,
//!     own_device: 7,
//!     plaintext: &plaintext,
//!     labels: Labels::TEXT,
//!     device_identity: &[],
//!     token: None,
//!     extras: &[],
//! };
//! // No session with the contact yet: fetch a bundle and `install` it first.
//! let outcome = outbound::encrypt(&send, &mut targets, &mut rng);
//! assert_eq!(outcome.unwrap_err(), OutboundError::NobodyReachable);
//! # Ok::<(), wa_proto::messaging::addressing::RouteError>(())
//! ```

pub mod addressing;
pub mod answer;
pub mod content;
pub mod device_list;
mod fields;
pub mod id;
pub mod inbound;
pub mod migration;
pub mod outbound;
pub mod padding;
pub mod phash;
pub mod plaintext;
pub mod reporting;
pub mod retry;
pub mod sessions;
pub mod source;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod text;
pub mod token;
#[cfg(test)]
pub(crate) mod vectors;

pub use self::addressing::{DmAddressing, Names, Namespace, Route};
pub use self::device_list::{Device, DeviceList};
pub use self::fields::MalformedMessage;
pub use self::id::{MessageId, MessageIdError};
pub use self::phash::{ParticipantHash, ParticipantHashError};
pub use self::plaintext::{MessageSecret, Plaintext};
