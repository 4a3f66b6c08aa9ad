//! The form in which records are stored: compact, versioned, little-endian.
//!
//! Everything in it is secret; the store seals it. Reading back is strict: what is out of the limits is damaged.

use zeroize::Zeroizing;

use super::RecordError;
use super::chain::{ChainKey, RootKey, Seed};
use super::receiving::{MAX_SKIPPED, ReceivingChain, SkippedSeeds};
use super::record::{MAX_ARCHIVED, SessionRecord};
use super::session::{MAX_RECEIVER_CHAINS, Pending, ReceiverChain, SenderChain, Session};
use crate::keys::{KeyPair, PrivateKey, PublicKey};

/// The version that we write.
const VERSION: u8 = 1;

const HAS_IDENTITY: u8 = 1;
const HAS_CURRENT: u8 = 2;

const INITIATED_BY_US: u8 = 1;
const PENDING: u8 = 2;
const PENDING_PREKEY: u8 = 4;

/// Length in bytes of a session without its receiving chains and pending ids.
const SESSION_LENGTH: usize = 3 * 32 + 2 * 4 + 1 + 32 + 4 + 3 * 32 + 4 + 1;
const CHAIN_LENGTH: usize = 2 * 32 + 4 + 2;
const SEED_LENGTH: usize = 4 + 32;

impl SessionRecord {
    /// Writes the record for the store, which seals it: 1 version byte and about 0.4 KB a session.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(self.stored_length());
        let identity = if self.identity.is_some() { HAS_IDENTITY } else { 0 };
        let current = if self.current.is_some() { HAS_CURRENT } else { 0 };
        writer.bytes(&[VERSION, identity | current]);
        if let Some(identity) = &self.identity {
            writer.bytes(identity.as_bytes());
        }
        writer.count8(self.archived.len());
        for session in self.current.iter().chain(&self.archived) {
            write_session(session, &mut writer);
        }
        writer.0
    }

    /// Reads a record that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(bytes);
        reader.version(VERSION)?;
        let flags = reader.flags(HAS_IDENTITY | HAS_CURRENT)?;
        let identity = if flags & HAS_IDENTITY == 0 { None } else { Some(reader.public_key()?) };
        let archived = reader.count8(MAX_ARCHIVED)?;
        let current = if flags & HAS_CURRENT == 0 { None } else { Some(read_session(&mut reader)?) };
        let archived = (0..archived).map(|_| read_session(&mut reader)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { identity, current, archived })
    }

    /// An upper bound, so that no copy of a secret stays behind when the buffer grows.
    fn stored_length(&self) -> usize {
        let sessions = self.current.iter().chain(&self.archived);
        sessions
            .map(|session| {
                let chains = session.receivers.iter().map(|receiver| chain_length(&receiver.chain));
                chains.fold(SESSION_LENGTH.saturating_add(8), usize::saturating_add)
            })
            .fold(3 + 32, usize::saturating_add)
    }
}

pub(super) fn chain_length(chain: &ReceivingChain) -> usize {
    CHAIN_LENGTH.saturating_add(chain.skipped.len().saturating_mul(SEED_LENGTH))
}

fn write_session(session: &Session, writer: &mut Writer) {
    writer.bytes(session.local_identity.as_bytes());
    writer.bytes(session.remote_identity.as_bytes());
    writer.bytes(session.base_key.as_bytes());
    writer.number(session.local_registration_id);
    writer.number(session.remote_registration_id);
    let mut flags = if session.initiated_by_us { INITIATED_BY_US } else { 0 };
    if let Some(pending) = &session.pending {
        flags |= PENDING;
        if pending.prekey_id.is_some() {
            flags |= PENDING_PREKEY;
        }
    }
    writer.bytes(&[flags]);
    if let Some(pending) = &session.pending {
        if let Some(id) = pending.prekey_id {
            writer.number(id);
        }
        writer.number(pending.signed_prekey_id);
    }
    writer.bytes(&session.root.0);
    writer.number(session.previous_counter);
    writer.bytes(session.sender.ratchet.private().expose());
    writer.bytes(session.sender.ratchet.public().as_bytes());
    writer.bytes(&session.sender.chain.0);
    writer.number(session.sender.index);
    writer.count8(session.receivers.len());
    for receiver in &session.receivers {
        writer.bytes(receiver.ratchet.as_bytes());
        writer.chain(&receiver.chain);
    }
}

fn read_session(reader: &mut Reader<'_>) -> Result<Session, RecordError> {
    let (local_identity, remote_identity) = (reader.public_key()?, reader.public_key()?);
    let base_key = reader.public_key()?;
    let (local_registration_id, remote_registration_id) = (reader.number()?, reader.number()?);
    let flags = reader.flags(INITIATED_BY_US | PENDING | PENDING_PREKEY)?;
    let pending = if flags & PENDING == 0 {
        None
    } else {
        let prekey_id = if flags & PENDING_PREKEY == 0 { None } else { Some(reader.number()?) };
        Some(Pending { prekey_id, signed_prekey_id: reader.number()? })
    };
    let root = RootKey(reader.array()?);
    let previous_counter = reader.number()?;
    let ratchet = reader.key_pair()?;
    let sender = SenderChain { ratchet, chain: ChainKey(reader.array()?), index: reader.number()? };
    let count = reader.count8(MAX_RECEIVER_CHAINS)?;
    let mut receivers = Vec::with_capacity(MAX_RECEIVER_CHAINS.saturating_add(1));
    for _ in 0..count {
        receivers.push(ReceiverChain { ratchet: reader.public_key()?, chain: reader.chain()? });
    }
    Ok(Session {
        local_identity,
        remote_identity,
        local_registration_id,
        remote_registration_id,
        base_key,
        initiated_by_us: flags & INITIATED_BY_US != 0,
        root,
        previous_counter,
        sender,
        receivers,
        pending,
    })
}

/// Appends to a buffer that is large enough from the start and overwritten on drop.
pub(super) struct Writer(pub(super) Zeroizing<Vec<u8>>);

impl Writer {
    pub(super) fn with_capacity(length: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(length)))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    /// Counts are within limits below 256 wherever the record is changed.
    pub(super) fn count8(&mut self, count: usize) {
        self.bytes(&[u8::try_from(count).unwrap_or(u8::MAX)]);
    }

    pub(super) fn chain(&mut self, chain: &ReceivingChain) {
        self.bytes(&chain.chain.0);
        self.number(chain.index);
        self.bytes(&u16::try_from(chain.skipped.len()).unwrap_or(u16::MAX).to_le_bytes());
        for (counter, seed) in chain.skipped.iter() {
            self.number(*counter);
            self.bytes(&seed.0);
        }
    }
}

/// Takes values off the front of a stored record.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RecordError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn version(&mut self, known: u8) -> Result<(), RecordError> {
        let [version] = self.array()?;
        if version == known { Ok(()) } else { Err(RecordError::Version(version)) }
    }

    pub(super) fn flags(&mut self, known: u8) -> Result<u8, RecordError> {
        let [flags] = self.array()?;
        if flags & !known == 0 { Ok(flags) } else { Err(RecordError::Damaged) }
    }

    pub(super) fn number(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn count8(&mut self, limit: usize) -> Result<usize, RecordError> {
        let [count] = self.array()?;
        let count = usize::from(count);
        if count > limit { Err(RecordError::Damaged) } else { Ok(count) }
    }

    pub(super) fn public_key(&mut self) -> Result<PublicKey, RecordError> {
        self.array().map(PublicKey::from_bytes)
    }

    pub(super) fn key_pair(&mut self) -> Result<KeyPair, RecordError> {
        let private = PrivateKey::from_bytes(self.array()?);
        Ok(KeyPair::from_stored(private, self.public_key()?))
    }

    pub(super) fn chain(&mut self) -> Result<ReceivingChain, RecordError> {
        let mut chain = ReceivingChain::new(ChainKey(self.array()?), self.number()?);
        let count = usize::from(u16::from_le_bytes(self.array()?));
        if count > MAX_SKIPPED {
            return Err(RecordError::Damaged);
        }
        chain.skipped = SkippedSeeds::with_capacity(count);
        for _ in 0..count {
            let (counter, seed) = (self.number()?, Seed(self.array()?));
            if counter >= chain.index || !chain.skipped.push(counter, seed) {
                return Err(RecordError::Damaged);
            }
        }
        Ok(chain)
    }

    pub(super) fn end(&self) -> Result<(), RecordError> {
        if self.0.is_empty() { Ok(()) } else { Err(RecordError::Damaged) }
    }
}
