//! Everything kept about one remote device: its identity and the sessions with it.

use rand::CryptoRng;

use super::session::{Received, Session};
use super::{
    BundleError, Ciphertext, CiphertextKind, EncryptError, Prekey, PrekeyId, PrekeyMessage, SignalError, SignalMessage,
    SignedPrekey, ValidBundle, x3dh,
};
use crate::keys::{KeyPair, PublicKey};

/// How many archived sessions a record keeps; beyond, the oldest is dropped.
pub const MAX_ARCHIVED: usize = 40;

/// How many seeds of missing messages all sessions of a record keep together; beyond, the oldest sessions lose theirs.
pub const MAX_SEEDS: usize = 10_000;

/// Our own side of every session.
#[derive(Debug, Clone, Copy)]
pub struct LocalDevice<'a> {
    /// Our identity key pair.
    pub identity: &'a KeyPair,
    /// Our registration id.
    pub registration_id: u32,
}

/// The prekeys of ours that a [`PrekeyMessage`] names, as far as the store still has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamedPrekeys<'a> {
    /// The one with [`PrekeyMessage::signed_prekey_id`].
    pub signed_prekey: Option<&'a SignedPrekey>,
    /// The one with [`PrekeyMessage::prekey_id`].
    pub prekey: Option<&'a Prekey>,
}

/// What happened to the identity key that is stored for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityChange {
    /// It is the one we knew.
    Unchanged,
    /// It is the first.
    First,
    /// It replaced another: the app was installed anew. Shown to users for device 0 only.
    Replaced,
}

/// A decrypted message. To be committed together: the record, the plaintext, and the deletion of the prekey.
#[derive(Clone, PartialEq, Eq)]
pub struct Decrypted {
    /// What the sender encrypted; in stanzas of version 2 still padded.
    pub plaintext: Vec<u8>,
    /// The one-time prekey that is used up and has to be deleted in the same commit.
    pub consumed_prekey: Option<PrekeyId>,
    /// Whether the device's identity is new.
    pub identity: IdentityChange,
}

impl std::fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decrypted")
            .field("consumed_prekey", &self.consumed_prekey)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Identity and sessions of one remote device, as a value: load it, use it, store it in the same commit as the effects.
///
/// A failed operation leaves the record as it was. After a successful one the changed record must be durable before the
/// ciphertext leaves or the message is acknowledged.
///
/// ```
/// use rand_chacha::ChaCha20Rng;
/// use rand_chacha::rand_core::SeedableRng;
/// use wa_proto::keys::KeyPair;
/// use wa_proto::signal::{
///     LocalDevice, NamedPrekeys, Prekey, PrekeyBundle, PrekeyId, PrekeyMessage, SessionRecord, SignedPrekey,
///     SignedPrekeyId,
/// };
///
/// let mut rng = ChaCha20Rng::seed_from_u64(1);
/// // Bob publishes a bundle.
/// let bob = KeyPair::generate(&mut rng);
/// let signed = SignedPrekey::generate(SignedPrekeyId::FIRST, bob.private(), &mut rng);
/// let prekeys = Prekey::generate_many(PrekeyId::FIRST, 1, &mut rng);
/// let bundle = PrekeyBundle {
///     registration_id: 2,
///     identity: *bob.public(),
///     signed_prekey_id: signed.id(),
///     signed_prekey: *signed.public(),
///     signature: *signed.signature(),
///     prekey: Some((prekeys[0].id(), *prekeys[0].public())),
/// };
/// // Alice starts a session and writes.
/// let alice = KeyPair::generate(&mut rng);
/// let mut alices = SessionRecord::default();
/// alices.start(LocalDevice { identity: &alice, registration_id: 1 }, &bundle.validate()?, &mut rng)?;
/// let ciphertext = alices.encrypt(b"hello")?;
/// // Bob reads.
/// let mut bobs = SessionRecord::default();
/// let message = PrekeyMessage::parse(&ciphertext.bytes)?;
/// let named = NamedPrekeys { signed_prekey: Some(&signed), prekey: prekeys.first() };
/// let local = LocalDevice { identity: &bob, registration_id: 2 };
/// let decrypted = bobs.decrypt_prekey(local, &message, named, &mut rng)?;
/// assert_eq!(decrypted.plaintext, b"hello");
/// assert_eq!(decrypted.consumed_prekey, Some(PrekeyId::FIRST));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct SessionRecord {
    pub(super) identity: Option<PublicKey>,
    pub(super) current: Option<Session>,
    /// Newest first.
    pub(super) archived: Vec<Session>,
}

impl SessionRecord {
    /// Returns the identity key stored for the device.
    #[must_use]
    pub const fn identity(&self) -> Option<&PublicKey> {
        self.identity.as_ref()
    }

    /// Says whether something can be encrypted without fetching a bundle.
    #[must_use]
    pub const fn has_session(&self) -> bool {
        self.current.is_some()
    }

    /// Returns the base key of the current session, which names it in retry receipts' bookkeeping.
    #[must_use]
    pub fn base_key(&self) -> Option<&PublicKey> {
        self.current.as_ref().map(|session| &session.base_key)
    }

    /// Returns the registration id that the device gave with the current session; 0 is unknown.
    #[must_use]
    pub fn remote_registration_id(&self) -> Option<u32> {
        self.current.as_ref().map(|session| session.remote_registration_id)
    }

    /// Starts a session from a bundle; the former one is archived and goes on decrypting what is under way.
    ///
    /// # Errors
    ///
    /// [`BundleError::OwnDevice`] for our own bundle; [`BundleError::Key`] does not occur for a bundle of honest make.
    pub fn start<R: CryptoRng + ?Sized>(
        &mut self,
        local: LocalDevice<'_>,
        bundle: &ValidBundle,
        rng: &mut R,
    ) -> Result<IdentityChange, BundleError> {
        if bundle.as_bundle().identity == *local.identity.public() {
            return Err(BundleError::OwnDevice);
        }
        let session = x3dh::initiate(&local, bundle, rng).map_err(BundleError::Key)?;
        Ok(self.adopt(session))
    }

    /// Encrypts `plaintext` (already padded as the stanza's version wants it) with the current session.
    ///
    /// # Errors
    ///
    /// [`EncryptError`].
    pub fn encrypt(&mut self, plaintext: &[u8]) -> Result<Ciphertext, EncryptError> {
        let mut bytes = Vec::new();
        let kind = self.encrypt_onto(plaintext, &mut bytes)?;
        Ok(Ciphertext { kind, bytes })
    }

    /// Like [`encrypt`](Self::encrypt), appending the message to `output`.
    ///
    /// # Errors
    ///
    /// [`EncryptError`]; `output` is unchanged then.
    pub fn encrypt_onto(&mut self, plaintext: &[u8], output: &mut Vec<u8>) -> Result<CiphertextKind, EncryptError> {
        let session = self.current.as_mut().ok_or(EncryptError::NoSession)?;
        session.encrypt_onto(plaintext, output)
    }

    /// Says whether [`decrypt_prekey`](Self::decrypt_prekey) will need our prekeys: the message starts a session that
    /// the record does not know yet.
    #[must_use]
    pub fn needs_prekeys(&self, message: &PrekeyMessage<'_>) -> bool {
        self.position_of_base_key(message).is_none()
    }

    /// Decrypts a message that starts a session, or repeats the start of a known one.
    ///
    /// # Errors
    ///
    /// [`SignalError`]; nothing changed, and no prekey may be deleted.
    pub fn decrypt_prekey<R: CryptoRng + ?Sized>(
        &mut self,
        local: LocalDevice<'_>,
        message: &PrekeyMessage<'_>,
        named: NamedPrekeys<'_>,
        rng: &mut R,
    ) -> Result<Decrypted, SignalError> {
        if let Some(position) = self.position_of_base_key(message) {
            return self.decrypt_known(position, message, rng);
        }
        let signed_prekey = named
            .signed_prekey
            .filter(|prekey| prekey.id().value() == message.signed_prekey_id())
            .ok_or(SignalError::UnknownSignedPrekey)?;
        let prekey = match message.prekey_id() {
            None => None,
            Some(id) => {
                let named = named.prekey.filter(|prekey| prekey.id().value() == id);
                Some(named.ok_or(SignalError::UnknownPrekey)?)
            }
        };
        let mut session = x3dh::respond(&local, message, signed_prekey, prekey)?;
        let received = session.decrypt(message.message(), rng)?;
        let identity = self.adopt(session);
        self.limit_seeds();
        Ok(Decrypted { plaintext: received.plaintext, consumed_prekey: prekey.map(Prekey::id), identity })
    }

    /// Decrypts a message of a known session: the current one, else the newest archived one that fits.
    ///
    /// # Errors
    ///
    /// [`SignalError`]; nothing changed.
    pub fn decrypt<R: CryptoRng + ?Sized>(
        &mut self,
        message: &SignalMessage<'_>,
        rng: &mut R,
    ) -> Result<Decrypted, SignalError> {
        // A ratchet key belongs to one session: where one has its chain, the others need not try.
        let known = self.sessions().any(|session| session.knows_chain_of(message));
        let mut failure = None;
        for position in Position::all(self.archived.len()) {
            let Some(session) = self.session_mut(position) else { continue };
            if known && !session.knows_chain_of(message) {
                continue;
            }
            match session.decrypt(message, rng) {
                Ok(received) => return Ok(self.received(position, received)),
                Err(error) => failure = Some(worse(failure, error)),
            }
        }
        Err(failure.unwrap_or(SignalError::NoSession))
    }

    /// Sets the current session aside: it still decrypts, but the next message needs a bundle.
    pub fn archive_current(&mut self) {
        if let Some(mut session) = self.current.take() {
            session.pending = None;
            self.archived.insert(0, session);
            self.archived.truncate(MAX_ARCHIVED);
        }
    }

    /// Joins what is stored under a device's phone number with what is stored under its LID.
    ///
    /// Nothing becomes unreadable whichever side was fresher; the phone number's current session goes on.
    #[must_use]
    pub fn merge(phone_number: Self, lid: Self) -> Self {
        let mut merged = Self { identity: phone_number.identity.or(lid.identity), ..Self::default() };
        let mut others = Vec::new();
        match (phone_number.current, lid.current) {
            (Some(current), Some(mut other)) => {
                other.pending = None;
                merged.current = Some(current);
                others.push(other);
            }
            (current, other) => merged.current = current.or(other),
        }
        for session in others.into_iter().chain(phone_number.archived).chain(lid.archived) {
            let known = merged.sessions().any(|kept| kept.base_key == session.base_key);
            if !known && merged.archived.len() < MAX_ARCHIVED {
                merged.archived.push(session);
            }
        }
        if let Some(current) = &merged.current {
            merged.identity = Some(current.remote_identity);
        }
        merged.limit_seeds();
        merged
    }

    /// Finds the session that `message` names by its base key.
    fn position_of_base_key(&self, message: &PrekeyMessage<'_>) -> Option<Position> {
        Position::all(self.archived.len()).find(|position| {
            let session = self.session(*position);
            session.is_some_and(|session| session.base_key == *message.base_key())
        })
    }

    /// Decrypts a repeated start of a session. The envelope is not authenticated, so that it must not teach us
    /// anything.
    fn decrypt_known<R: CryptoRng + ?Sized>(
        &mut self,
        position: Position,
        message: &PrekeyMessage<'_>,
        rng: &mut R,
    ) -> Result<Decrypted, SignalError> {
        let session = self.session_mut(position).ok_or(SignalError::NoSession)?;
        if session.initiated_by_us || session.remote_identity != *message.identity_key() {
            return Err(SignalError::Malformed);
        }
        let received = session.decrypt(message.message(), rng)?;
        Ok(self.received(position, received))
    }

    /// Completes a decryption with a session that the record had.
    fn received(&mut self, position: Position, received: Received) -> Decrypted {
        self.promote(position);
        if received.seeds_added {
            self.limit_seeds();
        }
        Decrypted { plaintext: received.plaintext, consumed_prekey: None, identity: IdentityChange::Unchanged }
    }

    /// Makes an archived session current, unless it belongs to a former installation of the device.
    fn promote(&mut self, position: Position) {
        let Position::Archived(at) = position else { return };
        let Some(session) = self.archived.get(at) else { return };
        if self.identity.is_some_and(|identity| identity != session.remote_identity) {
            return;
        }
        let session = self.archived.remove(at);
        self.archive_current();
        self.current = Some(session);
    }

    /// Makes a new session current and its peer's identity the stored one.
    fn adopt(&mut self, session: Session) -> IdentityChange {
        let change = match self.identity.replace(session.remote_identity) {
            None => IdentityChange::First,
            Some(former) if former == session.remote_identity => IdentityChange::Unchanged,
            Some(_) => IdentityChange::Replaced,
        };
        self.archive_current();
        self.current = Some(session);
        change
    }

    /// Drops seeds of the oldest sessions' oldest chains until [`MAX_SEEDS`] remain.
    fn limit_seeds(&mut self) {
        let total: usize =
            self.sessions().flat_map(|session| &session.receivers).map(|receiver| receiver.chain.skipped.len()).sum();
        let mut excess = total.saturating_sub(MAX_SEEDS);
        let oldest_first = self.archived.iter_mut().rev().chain(self.current.as_mut());
        for receiver in oldest_first.flat_map(|session| &mut session.receivers) {
            let dropped = excess.min(receiver.chain.skipped.len());
            receiver.chain.skipped.drop_lowest(dropped);
            excess = excess.saturating_sub(dropped);
        }
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.current.iter().chain(&self.archived)
    }

    fn session(&self, position: Position) -> Option<&Session> {
        match position {
            Position::Current => self.current.as_ref(),
            Position::Archived(at) => self.archived.get(at),
        }
    }

    fn session_mut(&mut self, position: Position) -> Option<&mut Session> {
        match position {
            Position::Current => self.current.as_mut(),
            Position::Archived(at) => self.archived.get_mut(at),
        }
    }
}

impl std::fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRecord")
            .field("has_session", &self.has_session())
            .field("archived", &self.archived.len())
            .finish_non_exhaustive()
    }
}

/// Where a session stands in its record.
#[derive(Debug, Clone, Copy)]
enum Position {
    Current,
    Archived(usize),
}

impl Position {
    /// The current session, then the archived ones, newest first.
    fn all(archived: usize) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Current).chain((0..archived).map(Self::Archived))
    }
}

/// Of the failures of several sessions the one that says most: a used counter, then a failed authentication, then the
/// first.
fn worse(former: Option<SignalError>, error: SignalError) -> SignalError {
    let rank = |error: SignalError| (error == SignalError::Duplicate, error == SignalError::BadMac);
    match former {
        Some(former) if rank(former) >= rank(error) => former,
        Some(_) | None => error,
    }
}
