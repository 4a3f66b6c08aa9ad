//! End-to-end encryption between two devices and in groups.
//!
//! X3DH agreement and double ratchet (message version 3) between two devices, sender keys in groups. Everything is a
//! value: a record comes from the store, an operation changes it, and the caller stores it in one commit with the
//! effects. There is no store, no lock and no clock here; randomness is an argument.
//!
//! Modules in reading order: [`SessionRecord`] is where to start, `session` is one ratchet of it, `x3dh` begins one,
//! `receiving` and `chain` are its symmetric half, `message` is the wire form.

mod address;
mod bundle;
mod chain;
mod cipher;
mod error;
pub(crate) mod hmac;
mod message;
mod prekey;
mod protobuf;
mod receiving;
mod record;
mod sender_key;
mod sender_message;
mod session;
mod storage;
#[cfg(test)]
mod tests;
mod x3dh;

pub use self::address::{AddressError, DeviceAddress};
pub use self::bundle::{BundleError, PrekeyBundle, ValidBundle};
pub use self::error::{EncryptError, RecordError, SignalError};
pub use self::message::{Ciphertext, CiphertextKind, PrekeyMessage, SignalMessage};
pub use self::prekey::{Prekey, PrekeyId, SignedPrekey, SignedPrekeyId};
pub use self::receiving::{MAX_JUMP, MAX_SKIPPED};
pub use self::record::{Decrypted, IdentityChange, LocalDevice, MAX_ARCHIVED, MAX_SEEDS, NamedPrekeys, SessionRecord};
pub use self::sender_key::{MAX_SENDER_KEYS, OwnSenderKey, SenderKeyRecord};
pub use self::sender_message::{SenderKeyDistribution, SenderKeyMessage};
