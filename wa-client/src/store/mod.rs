//! Where an account keeps what it must not forget.
//!
//! A store holds *records*: a [`Kind`], a [`Key`] within the kind, and opaque bytes. Everything that
//! the driver changes together goes into one [`Changes`] and becomes durable together, or not at
//! all. Two rules of the client rest on that:
//!
//! * ratchet state is committed before the ciphertext made with it leaves the process;
//! * an incoming message is committed, with its plaintext, before it is acknowledged.
//!
//! [`MemoryStore`] serves tests and throw-away clients; [`SqlStores`] keeps many accounts in one
//! SQLite file or PostgreSQL database, with every value sealed under a [`SealingKey`].

mod key_file;
mod memory;
mod seal;
mod sql;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use zeroize::Zeroizing;

pub use key_file::{KeyFileError, load_or_create_key};
pub use memory::MemoryStore;
pub use seal::{SealError, SealingKey};
pub use sql::{SqlStore, SqlStores};

/// The answer of a store, boxed so that the trait can be used as `dyn AccountStore`.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The bytes of a record; wiped when dropped, because most of them are secret.
pub type Value = Zeroizing<Vec<u8>>;

/// The store of one account.
///
/// Reads see every commit that was answered before them. A commit is atomic and durable when its
/// future resolves to `Ok`; after an error nothing of it is visible.
pub trait AccountStore: Send + Sync + 'static {
    /// Reads one record.
    fn get<'a>(&'a self, kind: Kind, key: &'a Key) -> StoreFuture<'a, Option<Value>>;

    /// Reads several records of a kind; the answer has the order and the length of `keys`.
    fn get_many<'a>(&'a self, kind: Kind, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Value>>>;

    /// Lists at most `limit` records whose key starts with `prefix`, in the order of their keys,
    /// beginning after the key `after` if there is one.
    fn scan<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(Key, Value)>>;

    /// Makes all of `changes` durable, in their order, in one transaction.
    fn commit(&self, changes: Changes) -> StoreFuture<'_, ()>;
}

/// What a record is about. The numbers are stored and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Kind {
    /// The device record: keys, JIDs, counters. One per account, under the empty key.
    Device = 1,
    /// Identity and sessions of one remote device. Key: its Signal address.
    Session = 2,
    /// A setting of the account. Key: its name.
    Setting = 3,
    /// A one-time prekey. Key: its id, four bytes big-endian.
    PreKey = 4,
    /// A signed prekey. Key: its id, four bytes big-endian.
    SignedPreKey = 5,
    /// Half of a pair of phone number and LID. Key: one of the two JIDs; value: the other.
    LidMap = 6,
    /// The devices of an account. Key: the account's JID.
    DeviceList = 7,
    /// A message that was sent, kept to answer retry receipts. Key: message id.
    Sent = 8,
    /// An incoming event that the application has not taken yet. Key: sequence, eight bytes
    /// big-endian.
    Inbox = 9,
    /// An incoming message that was already taken in. Key: digest of chat, author and id.
    Seen = 10,
    /// A trusted-contact token. Key: the contact's JID.
    Token = 11,
    /// A sender key of a group. Key: group and author.
    SenderKey = 12,
}

impl Kind {
    /// Every kind, in the order of the stored numbers.
    pub const ALL: [Self; 12] = [
        Self::Device,
        Self::Session,
        Self::Setting,
        Self::PreKey,
        Self::SignedPreKey,
        Self::LidMap,
        Self::DeviceList,
        Self::Sent,
        Self::Inbox,
        Self::Seen,
        Self::Token,
        Self::SenderKey,
    ];

    /// The number that stands for the kind in a database.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }
}

/// The name of a record within its kind; at most a few dozen bytes, compared bytewise.
///
/// Keys are stored as they are, so nothing secret belongs into them. Addresses of people do, which
/// is why `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The key of the only record of a kind.
    #[must_use]
    pub fn only() -> Self {
        Self::default()
    }

    /// A numbered record; keys sort by their number.
    #[must_use]
    pub fn number(number: u32) -> Self {
        Self(number.to_be_bytes().into())
    }

    /// A record in a sequence; keys sort by their position.
    #[must_use]
    pub fn sequence(position: u64) -> Self {
        Self(position.to_be_bytes().into())
    }

    /// The bytes that are stored and compared.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads back what [`Key::number`] wrote.
    #[must_use]
    pub fn to_number(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.0.as_ref().try_into().ok()?))
    }

    /// Reads back what [`Key::sequence`] wrote.
    #[must_use]
    pub fn to_sequence(&self) -> Option<u64> {
        Some(u64::from_be_bytes(self.0.as_ref().try_into().ok()?))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into_boxed_slice())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

/// One change of one record, or of a range of them.
#[derive(Clone)]
pub enum Change {
    /// Writes a record, replacing what was there.
    Put {
        /// What the record is about.
        kind: Kind,
        /// Its name.
        key: Key,
        /// Its bytes.
        value: Value,
        /// Unix seconds after which [`Change::Purge`] removes it; `None` keeps it.
        expires_at: Option<i64>,
    },
    /// Removes a record; nothing happens if there is none.
    Delete {
        /// What the record is about.
        kind: Kind,
        /// Its name.
        key: Key,
    },
    /// Removes every record of a kind whose key starts with `prefix`.
    DeletePrefix {
        /// What the records are about.
        kind: Kind,
        /// How their keys start; empty for all of them.
        prefix: Box<[u8]>,
    },
    /// Removes records of any kind that expired before `now`.
    Purge {
        /// Unix seconds.
        now: i64,
    },
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { kind, .. } => write!(f, "Put({kind:?})"),
            Self::Delete { kind, .. } => write!(f, "Delete({kind:?})"),
            Self::DeletePrefix { kind, .. } => write!(f, "DeletePrefix({kind:?})"),
            Self::Purge { now } => write!(f, "Purge({now})"),
        }
    }
}

/// What becomes durable together.
#[derive(Debug, Clone, Default)]
#[must_use = "changes do nothing until they are committed"]
pub struct Changes(Vec<Change>);

impl Changes {
    /// Starts with no change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a record that stays until it is deleted.
    pub fn put(&mut self, kind: Kind, key: Key, value: impl Into<Value>) -> &mut Self {
        self.push(Change::Put { kind, key, value: value.into(), expires_at: None })
    }

    /// Writes a record that may be purged after `expires_at`, in Unix seconds.
    pub fn put_until(&mut self, kind: Kind, key: Key, value: impl Into<Value>, expires_at: i64) -> &mut Self {
        self.push(Change::Put { kind, key, value: value.into(), expires_at: Some(expires_at) })
    }

    /// Removes a record.
    pub fn delete(&mut self, kind: Kind, key: Key) -> &mut Self {
        self.push(Change::Delete { kind, key })
    }

    /// Removes every record of `kind` whose key starts with `prefix`.
    pub fn delete_prefix(&mut self, kind: Kind, prefix: &[u8]) -> &mut Self {
        self.push(Change::DeletePrefix { kind, prefix: prefix.into() })
    }

    /// Removes what expired before `now`, in Unix seconds.
    pub fn purge(&mut self, now: i64) -> &mut Self {
        self.push(Change::Purge { now })
    }

    /// Removes everything the account has, as after a logout.
    pub fn clear(&mut self) -> &mut Self {
        for kind in Kind::ALL {
            self.delete_prefix(kind, &[]);
        }
        self
    }

    /// Adds one change.
    pub fn push(&mut self, change: Change) -> &mut Self {
        self.0.push(change);
        self
    }

    /// Adds the changes of `other` after the own ones.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.0.append(&mut other.0);
        self
    }

    /// The changes, in the order in which they take effect.
    #[must_use]
    pub fn as_slice(&self) -> &[Change] {
        &self.0
    }
}

impl IntoIterator for Changes {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused or could not be reached; the operation may be tried again. After a
    /// failed commit, ask the store what it holds: the answer may have been lost, not the commit.
    #[error("the store's database failed")]
    Database(#[from] db::Error),
    /// The tables could not be brought up to date.
    #[error("the store's tables cannot be brought up to date")]
    Migration(#[from] Box<db::migration::MigrateError>),
    /// A record does not open under the sealing key: wrong key, or the row was altered.
    #[error("a stored record does not open under the sealing key")]
    Sealed(#[from] SealError),
    /// Another process opened the same account after this one; this one must stop, because both
    /// would use the same ratchet keys.
    #[error("another process has taken over this account")]
    Superseded,
    /// A record was written by a newer version of this program, or is damaged.
    #[error("the stored {0:?} record cannot be read")]
    Damaged(Kind),
    /// A test, or a store of somebody else, refused the operation.
    #[error("the store refused the operation: {0}")]
    Refused(&'static str),
}

/// The end (exclusive) of the range of keys that start with `prefix`; `None` when there is none.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    let byte = end.last_mut()?;
    *byte = byte.checked_add(1)?;
    Some(end)
}
