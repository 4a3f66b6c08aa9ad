//! Messages between people: ids, plaintexts, device lists, fan-out, receipts, retries, tokens.

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
mod testing;
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
