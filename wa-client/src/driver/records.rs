//! The records of an account, typed: the only place that knows their keys and bytes.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use wa_proto::device::DeviceRecord;
use wa_proto::jid::Jid;
use wa_proto::keys::{KeyPair, PrivateKey, PublicKey, Signature};
use wa_proto::messaging::addressing::{DmAddressing, Names};
use wa_proto::messaging::device_list::DeviceList;
use wa_proto::messaging::token::{ContactTokens, TrustedToken};
use wa_proto::signal::{DeviceAddress, Prekey, PrekeyId, SenderKeyRecord, SessionRecord, SignedPrekey, SignedPrekeyId};
use zeroize::Zeroizing;

use crate::store::{AccountStore, Changes, Key, Kind, StoreError, Value};

/// Sent messages are kept so that retry receipts can be answered: 7 days, in seconds.
const SENT_LIFETIME: i64 = 7 * 24 * 3600;
/// How long a received message's repeat is recognised: 30 days, in seconds. The server keeps what it
/// could not deliver for 14.
const SEEN_LIFETIME: i64 = 30 * 24 * 3600;
/// Most devices of one account that are migrated at once.
const MAX_DEVICES: usize = 300;
/// Rows that are looked through at a time.
const PAGE: usize = 256;
/// The setting under which [`DmAddressing`] is kept.
const DM_ADDRESSING: &str = "dm_addressing";

/// Reads the records of one account; writing goes through [`Changes`].
#[derive(Clone)]
pub(crate) struct Records(Arc<dyn AccountStore>);

/// Where the Signal record of a device is kept: under the LID of its account once that is known.
///
/// `None` for what is no device, like a group.
pub(crate) fn address(names: &Names, device: &Jid) -> Option<DeviceAddress> {
    let address = DeviceAddress::new(device).ok()?;
    Some(names.lid().map_or_else(|| address.clone(), |lid| address.under_lid(lid)))
}

fn session_key(address: &DeviceAddress) -> Key {
    let device = address.as_jid();
    Key::from(format!("{}/{}", device.account(), device.device()))
}

/// How the keys of all devices of an account start.
fn session_prefix(account: &Jid) -> Vec<u8> {
    format!("{account}/").into_bytes()
}

/// A message that was sent, as it is kept for retries.
pub(crate) struct SentMessage {
    /// The chat, as it was addressed.
    pub(crate) chat: Jid,
    /// The serialised message.
    pub(crate) plaintext: Vec<u8>,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn AccountStore>) -> Self {
        Self(store)
    }

    pub(crate) fn store(&self) -> &Arc<dyn AccountStore> {
        &self.0
    }

    pub(crate) async fn device(&self) -> Result<Option<DeviceRecord>, StoreError> {
        let bytes = self.0.get(Kind::Device, &Key::only()).await?;
        bytes.map(|bytes| DeviceRecord::from_bytes(&bytes)).transpose().map_err(|_| StoreError::Damaged(Kind::Device))
    }

    pub(crate) async fn sessions(&self, addresses: &[DeviceAddress]) -> Result<Vec<SessionRecord>, StoreError> {
        let keys: Vec<Key> = addresses.iter().map(session_key).collect();
        let values = self.0.get_many(Kind::Session, &keys).await?;
        Ok(values.iter().map(Option::as_ref).map(read_session).collect())
    }

    pub(crate) async fn session(&self, address: &DeviceAddress) -> Result<SessionRecord, StoreError> {
        let value = self.0.get(Kind::Session, &session_key(address)).await?;
        Ok(read_session(value.as_ref()))
    }

    pub(crate) async fn sender_key(&self, key: &Key) -> Result<SenderKeyRecord, StoreError> {
        let value = self.0.get(Kind::SenderKey, key).await?;
        let read = value.map(|bytes| SenderKeyRecord::from_bytes(&bytes));
        Ok(read.and_then(Result::ok).unwrap_or_default())
    }

    pub(crate) async fn prekey(&self, id: PrekeyId) -> Result<Option<Prekey>, StoreError> {
        let value = self.0.get(Kind::PreKey, &Key::number(id.value())).await?;
        Ok(value.and_then(|bytes| Some(Prekey::from_stored(id, read_pair(&bytes)?))))
    }

    /// The prekeys with ids from `first` on, at most `limit`, in the order of their ids.
    pub(crate) async fn prekeys_from(&self, first: PrekeyId, limit: usize) -> Result<Vec<Prekey>, StoreError> {
        let before = first.value().checked_sub(1).map(Key::number);
        let rows = self.0.scan(Kind::PreKey, &[], before.as_ref(), limit).await?;
        Ok(rows
            .iter()
            .filter_map(|(key, bytes)| {
                let id = PrekeyId::new(key.to_number()?)?;
                Some(Prekey::from_stored(id, read_pair(bytes)?))
            })
            .collect())
    }

    pub(crate) async fn signed_prekey(&self, id: SignedPrekeyId) -> Result<Option<SignedPrekey>, StoreError> {
        let value = self.0.get(Kind::SignedPreKey, &Key::number(id.value())).await?;
        Ok(value.and_then(|bytes| {
            let (pair, signature) = bytes.split_at_checked(PAIR_LENGTH)?;
            let signature = Signature::from_slice(signature).ok()?;
            Some(SignedPrekey::from_stored(id, read_pair(pair)?, signature))
        }))
    }

    /// Both names of an account, as far as they are known.
    pub(crate) async fn names(&self, jid: &Jid) -> Result<Names, StoreError> {
        let account = jid.account();
        let other = self.0.get(Kind::LidMap, &Key::from(account.to_string())).await?;
        let other = other.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse::<Jid>().ok());
        Ok(match (account.is_lid(), other) {
            (true, other) => Names::new(other.as_ref(), Some(&account)),
            (false, other) => Names::new(Some(&account), other.as_ref()),
        })
    }

    pub(crate) async fn device_list(&self, account: &Jid) -> Result<Option<DeviceList>, StoreError> {
        let value = self.0.get(Kind::DeviceList, &Key::from(account.account().to_string())).await?;
        Ok(value.and_then(|bytes| DeviceList::from_bytes(&bytes)))
    }

    pub(crate) async fn tokens(&self, account: &Jid) -> Result<ContactTokens, StoreError> {
        let value = self.0.get(Kind::Token, &Key::from(account.account().to_string())).await?;
        Ok(value.map(|bytes| read_tokens(&bytes)).unwrap_or_default())
    }

    pub(crate) async fn sent(&self, id: &str) -> Result<Option<SentMessage>, StoreError> {
        let value = self.0.get(Kind::Sent, &Key::from(id)).await?;
        Ok(value.and_then(|bytes| {
            let (chat, plaintext) = read_sent(&bytes)?;
            Some(SentMessage { chat, plaintext: plaintext.to_vec() })
        }))
    }

    /// Forgets the messages that were sent to an account.
    pub(crate) async fn delete_sent_to(&self, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
        let is_theirs = |_: &Key, value: &Value| read_sent(value).is_some_and(|(chat, _)| names.contains(&chat));
        self.delete_where(Kind::Sent, is_theirs, changes).await
    }

    /// Forgets the sender keys of an account's devices, in whatever group.
    pub(crate) async fn delete_sender_keys_of(&self, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
        let is_theirs = |key: &Key, _: &Value| {
            let author = std::str::from_utf8(key.as_bytes()).ok().and_then(|key| key.rsplit_once('/'));
            author.and_then(|(_, author)| author.parse().ok()).is_some_and(|author: Jid| names.contains(&author))
        };
        self.delete_where(Kind::SenderKey, is_theirs, changes).await
    }

    /// Forgets what connects an account's number with its LID, and with those it may have had before.
    pub(crate) async fn delete_names(&self, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
        let name = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|name| name.parse::<Jid>().ok());
        let is_theirs = |key: &Key, value: &Value| {
            [key.as_bytes(), value.as_slice()].into_iter().filter_map(name).any(|name| names.contains(&name))
        };
        self.delete_where(Kind::LidMap, is_theirs, changes).await
    }

    async fn delete_where(
        &self,
        kind: Kind,
        is_meant: impl Fn(&Key, &Value) -> bool,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let mut last: Option<Key> = None;
        loop {
            let rows = self.0.scan(kind, &[], last.as_ref(), PAGE).await?;
            let is_full = rows.len() == PAGE;
            for (key, value) in rows {
                if is_meant(&key, &value) {
                    changes.delete(kind, key.clone());
                }
                last = Some(key);
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    pub(crate) async fn has_seen(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.0.get(Kind::Seen, key).await?.is_some())
    }

    pub(crate) async fn dm_addressing(&self) -> Result<DmAddressing, StoreError> {
        let value = self.0.get(Kind::Setting, &Key::from(DM_ADDRESSING)).await?;
        Ok(match value.as_ref().map(|bytes| bytes.as_slice()) {
            Some(b"lid") => DmAddressing::Lid,
            Some(b"pn") => DmAddressing::Pn,
            _ => DmAddressing::Unknown,
        })
    }

    /// Takes in that `pn` and `lid` are one account: the pair itself, and everything kept under the
    /// phone number moves to the LID.
    ///
    /// Adds nothing if the pair is known and nothing is left to move.
    pub(crate) async fn learn_names(&self, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
        let (Some(pn), Some(lid)) = (names.pn(), names.lid()) else { return Ok(()) };
        if self.names(pn).await? == *names && self.names(lid).await? == *names {
            return Ok(());
        }
        put_names(changes, pn, lid);
        self.move_sessions(pn, lid, changes).await?;
        let (pn_key, lid_key) = (Key::from(pn.to_string()), Key::from(lid.to_string()));
        let moved = self.0.get(Kind::Token, &pn_key).await?;
        if let Some(moved) = moved {
            let merged = self.tokens(lid).await?.merge(read_tokens(&moved));
            put_tokens(changes, lid, &merged);
            changes.delete(Kind::Token, pn_key.clone());
        }
        if let Some(list) = self.0.get(Kind::DeviceList, &pn_key).await? {
            if self.0.get(Kind::DeviceList, &lid_key).await?.is_none() {
                changes.put(Kind::DeviceList, lid_key, list);
            }
            changes.delete(Kind::DeviceList, pn_key);
        }
        Ok(())
    }

    async fn move_sessions(&self, pn: &Jid, lid: &Jid, changes: &mut Changes) -> Result<(), StoreError> {
        let prefix = session_prefix(pn);
        let rows = self.0.scan(Kind::Session, &prefix, None, MAX_DEVICES).await?;
        for (key, value) in rows {
            let number = key.as_bytes().strip_prefix(prefix.as_slice());
            let device = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if let Some(device) = device {
                let Ok(target) = DeviceAddress::new(&lid.with_device(device)) else { continue };
                let existing = self.session(&target).await?;
                let merged = SessionRecord::merge(read_session(Some(&value)), existing);
                put_session(changes, &target, &merged);
            }
            changes.delete(Kind::Session, key);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Records")
    }
}

pub(crate) fn put_device(changes: &mut Changes, device: &DeviceRecord) {
    changes.put(Kind::Device, Key::only(), device.to_bytes());
}

pub(crate) fn put_session(changes: &mut Changes, address: &DeviceAddress, record: &SessionRecord) {
    changes.put(Kind::Session, session_key(address), record.to_bytes());
}

pub(crate) fn put_sender_key(changes: &mut Changes, key: Key, record: &SenderKeyRecord) {
    changes.put(Kind::SenderKey, key, record.to_bytes());
}

/// Forgets the session and the identity of one device.
pub(crate) fn delete_session(changes: &mut Changes, address: &DeviceAddress) {
    changes.delete(Kind::Session, session_key(address));
}

/// Forgets the sessions and identities of all devices of an account.
pub(crate) fn delete_sessions(changes: &mut Changes, names: &Names) {
    for account in [names.pn(), names.lid()].into_iter().flatten() {
        changes.delete_prefix(Kind::Session, &session_prefix(account));
    }
}

pub(crate) fn put_prekey(changes: &mut Changes, prekey: &Prekey) {
    let value = write_pair(prekey.private(), prekey.public());
    changes.put(Kind::PreKey, Key::number(prekey.id().value()), value);
}

pub(crate) fn delete_prekey(changes: &mut Changes, id: PrekeyId) {
    changes.delete(Kind::PreKey, Key::number(id.value()));
}

pub(crate) fn put_signed_prekey(changes: &mut Changes, prekey: &SignedPrekey) {
    let mut value = write_pair(prekey.private(), prekey.public());
    value.extend_from_slice(prekey.signature().as_bytes());
    changes.put(Kind::SignedPreKey, Key::number(prekey.id().value()), value);
}

pub(crate) fn delete_signed_prekey(changes: &mut Changes, id: SignedPrekeyId) {
    changes.delete(Kind::SignedPreKey, Key::number(id.value()));
}

pub(crate) fn put_names(changes: &mut Changes, pn: &Jid, lid: &Jid) {
    let (pn, lid) = (pn.account().to_string(), lid.account().to_string());
    changes.put(Kind::LidMap, Key::from(pn.as_str()), lid.clone().into_bytes());
    changes.put(Kind::LidMap, Key::from(lid), pn.into_bytes());
}

pub(crate) fn put_device_list(changes: &mut Changes, account: &Jid, list: &DeviceList) {
    changes.put(Kind::DeviceList, Key::from(account.account().to_string()), list.to_bytes());
}

pub(crate) fn delete_device_list(changes: &mut Changes, account: &Jid) {
    changes.delete(Kind::DeviceList, Key::from(account.account().to_string()));
}

/// Keeps a message that is about to be sent, from `now` (Unix seconds) on.
pub(crate) fn put_sent(changes: &mut Changes, id: &str, chat: &Jid, plaintext: &[u8], now: i64) {
    let chat = chat.to_string();
    let Ok(length) = u8::try_from(chat.len()) else { return };
    let mut value = Vec::with_capacity(1 + chat.len() + plaintext.len());
    value.push(length);
    value.extend_from_slice(chat.as_bytes());
    value.extend_from_slice(plaintext);
    changes.put_until(Kind::Sent, Key::from(id), value, now.saturating_add(SENT_LIFETIME));
}

/// Remembers that a message was taken in, from `now` (Unix seconds) on.
pub(crate) fn put_seen(changes: &mut Changes, key: Key, now: i64) {
    changes.put_until(Kind::Seen, key, Vec::new(), now.saturating_add(SEEN_LIFETIME));
}

pub(crate) fn put_tokens(changes: &mut Changes, account: &Jid, tokens: &ContactTokens) {
    let issued_at = tokens.issued_at.unwrap_or(0);
    let received_at = tokens.received.as_ref().map_or(0, |token| token.timestamp);
    let mut value = Vec::new();
    value.extend_from_slice(&issued_at.to_be_bytes());
    value.extend_from_slice(&received_at.to_be_bytes());
    if let Some(token) = &tokens.received {
        value.extend_from_slice(&token.bytes);
    }
    changes.put(Kind::Token, Key::from(account.account().to_string()), value);
}

pub(crate) fn put_dm_addressing(changes: &mut Changes, addressing: DmAddressing) {
    let value = match addressing {
        DmAddressing::Unknown => return drop_setting(changes, DM_ADDRESSING),
        DmAddressing::Lid => b"lid".to_vec(),
        DmAddressing::Pn => b"pn".to_vec(),
    };
    changes.put(Kind::Setting, Key::from(DM_ADDRESSING), value);
}

fn drop_setting(changes: &mut Changes, name: &str) {
    changes.delete(Kind::Setting, Key::from(name));
}

pub(crate) fn delete_tokens(changes: &mut Changes, names: &Names) {
    for name in [names.pn(), names.lid()].into_iter().flatten() {
        changes.delete(Kind::Token, Key::from(name.account().to_string()));
    }
}

/// The chat that a sent message went to, and its plaintext.
fn read_sent(bytes: &[u8]) -> Option<(Jid, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (chat, plaintext) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(chat).ok()?.parse().ok()?, plaintext))
}

/// A record that cannot be read is treated as none: the peer is then asked for a new session, which
/// repairs it.
fn read_session(value: Option<&Value>) -> SessionRecord {
    let Some(bytes) = value else { return SessionRecord::default() };
    SessionRecord::from_bytes(bytes).unwrap_or_else(|error| {
        tracing::error!(%error, "a session record cannot be read");
        SessionRecord::default()
    })
}

fn read_tokens(bytes: &[u8]) -> ContactTokens {
    let mut tokens = ContactTokens::default();
    let Some((issued_at, rest)) = bytes.split_first_chunk() else { return tokens };
    let Some((received_at, token)) = rest.split_first_chunk() else { return tokens };
    tokens.issued_at = Some(u64::from_be_bytes(*issued_at)).filter(|at| *at > 0);
    if !token.is_empty() {
        let timestamp = u64::from_be_bytes(*received_at);
        tokens.received = Some(TrustedToken { bytes: token.to_vec(), timestamp });
    }
    tokens
}

/// Length of a stored key pair: private ‖ public.
const PAIR_LENGTH: usize = 64;

fn write_pair(private: &PrivateKey, public: &PublicKey) -> Value {
    let mut value = Zeroizing::new(Vec::with_capacity(2 * PAIR_LENGTH));
    value.extend_from_slice(private.expose());
    value.extend_from_slice(public.as_bytes());
    value
}

fn read_pair(bytes: &[u8]) -> Option<KeyPair> {
    let (private, public) = bytes.split_at_checked(32)?;
    let private = PrivateKey::from_slice(private).ok()?;
    Some(KeyPair::from_stored(private, PublicKey::from_slice(public).ok()?))
}
