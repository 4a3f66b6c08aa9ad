//! Sender keys: one chain per group and sending device, signed by its owner.

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::chain::ChainKey;
use super::receiving::ReceivingChain;
use super::sender_message::{SenderKeyDistribution, SenderKeyHeader, SenderKeyMessage};
use super::storage::{Reader, Writer, chain_length};
use super::{EncryptError, RecordError, SignalError, cipher};
use crate::keys::{KeyPair, PrivateKey, PublicKey, Signature, SigningKey, VerifyingKey};

/// How many keys of one sender are kept for one group; beyond, the oldest is dropped.
pub const MAX_SENDER_KEYS: usize = 5;

/// The version of the stored forms that we write.
const STORED_VERSION: u8 = 1;

/// Our own key for one group.
///
/// To be kept apart from received keys, so that none of them can displace it. Within one critical section the
/// [distribution](Self::distribution) comes first, then the message is encrypted and the changed key stored, then both
/// leave.
#[derive(Clone)]
pub struct OwnSenderKey {
    key_id: u32,
    iteration: u32,
    chain: ChainKey,
    signing: SigningKey,
    signing_public: PublicKey,
}

impl OwnSenderKey {
    /// Makes a fresh key; it replaces all earlier ones of ours for the group.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let (mut id, mut chain) = ([0; 4], Zeroizing::new([0; 32]));
        rng.fill_bytes(&mut id);
        rng.fill_bytes(&mut *chain);
        let pair = KeyPair::generate(rng);
        Self::new(u32::from_le_bytes(id) & 0x7fff_ffff, ChainKey(*chain), &pair)
    }

    pub(super) fn new(key_id: u32, chain: ChainKey, pair: &KeyPair) -> Self {
        Self { key_id, iteration: 0, chain, signing: SigningKey::new(pair.private()), signing_public: *pair.public() }
    }

    /// Returns the id under which messages name the key: 31 random bits.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }

    /// Returns the index of the next message.
    #[must_use]
    pub const fn iteration(&self) -> u32 {
        self.iteration
    }

    /// Writes the message that lets a device read what we send from now on; it goes into a pairwise message.
    #[must_use]
    pub fn distribution(&self) -> Vec<u8> {
        let distribution = SenderKeyDistribution {
            key_id: self.key_id,
            iteration: self.iteration,
            chain: self.chain.clone(),
            signing_key: self.signing_public,
        };
        distribution.to_bytes()
    }

    /// Encrypts `plaintext` (already padded) for the group: the content of an `enc` node of type `skmsg`.
    ///
    /// # Errors
    ///
    /// [`EncryptError::Exhausted`] after 2³² − 1 messages.
    pub fn encrypt<R: CryptoRng + ?Sized>(&mut self, plaintext: &[u8], rng: &mut R) -> Result<Vec<u8>, EncryptError> {
        let next_iteration = self.iteration.checked_add(1).ok_or(EncryptError::Exhausted)?;
        let (seed, next_chain) = self.chain.step();
        let keys = seed.group_keys();
        let header =
            SenderKeyHeader { key_id: self.key_id, iteration: self.iteration, plaintext_length: plaintext.len() };
        let mut output = Vec::with_capacity(header.message_length());
        header.write(&mut output);
        cipher::encrypt_onto(&keys.cipher, &keys.iv, plaintext, &mut output);
        let signature = self.signing.sign(&output, rng);
        output.extend_from_slice(signature.as_bytes());
        self.chain = next_chain;
        self.iteration = next_iteration;
        Ok(output)
    }

    /// Writes the key for the store, which seals it.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(1 + 2 * 4 + 4 * 32);
        writer.bytes(&[STORED_VERSION]);
        writer.number(self.key_id);
        writer.number(self.iteration);
        writer.bytes(&self.chain.0);
        writer.bytes(self.signing.private().expose());
        writer.bytes(self.signing.edwards_bytes());
        writer.bytes(self.signing_public.as_bytes());
        writer.0
    }

    /// Reads a key that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(bytes);
        reader.version(STORED_VERSION)?;
        let (key_id, iteration) = (reader.number()?, reader.number()?);
        let chain = ChainKey(reader.array()?);
        let private = PrivateKey::from_bytes(reader.array()?);
        let signing = SigningKey::from_stored(private, reader.array()?);
        let signing_public = reader.public_key()?;
        reader.end()?;
        Ok(Self { key_id, iteration, chain, signing, signing_public })
    }
}

impl std::fmt::Debug for OwnSenderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnSenderKey")
            .field("key_id", &self.key_id)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

/// The keys of one sending device for one group, newest first, at most [`MAX_SENDER_KEYS`]: a value like a session
/// record.
///
/// A failed operation leaves the record as it was.
#[derive(Clone, Default)]
pub struct SenderKeyRecord {
    pub(super) keys: Vec<SenderKey>,
}

impl SenderKeyRecord {
    /// Says whether a message under the key `key_id` can be tried.
    #[must_use]
    pub fn has_key(&self, key_id: u32) -> bool {
        self.keys.iter().any(|key| key.key_id == key_id)
    }

    /// Takes in a key that its owner handed out. A key that is already known keeps its place in the chain.
    pub fn process(&mut self, distribution: &SenderKeyDistribution) {
        let known = self.keys.iter().position(|key| key.key_id == distribution.key_id);
        let former = known.map(|at| self.keys.remove(at));
        let key = match former {
            Some(key) if key.signing_key == distribution.signing_key => key,
            Some(_) | None => SenderKey {
                key_id: distribution.key_id,
                chain: ReceivingChain::new(distribution.chain.clone(), distribution.iteration),
                signing_key: distribution.signing_key,
                verifying: None,
            },
        };
        self.keys.insert(0, key);
        self.keys.truncate(MAX_SENDER_KEYS);
    }

    /// Checks and decrypts a group message.
    ///
    /// # Errors
    ///
    /// [`SignalError`]; nothing changed.
    pub fn decrypt(&mut self, message: &SenderKeyMessage<'_>) -> Result<Vec<u8>, SignalError> {
        let key = self.keys.iter_mut().find(|key| key.key_id == message.key_id());
        key.ok_or(SignalError::NoSenderKey)?.decrypt(message)
    }

    /// Writes the record for the store, which seals it.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let lengths = self.keys.iter().map(|key| chain_length(&key.chain).saturating_add(4));
        let mut writer = Writer::with_capacity(lengths.fold(2, usize::saturating_add));
        writer.bytes(&[STORED_VERSION]);
        writer.count8(self.keys.len());
        for key in &self.keys {
            writer.number(key.key_id);
            writer.bytes(key.signing_key.as_bytes());
            writer.chain(&key.chain);
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
        reader.version(STORED_VERSION)?;
        let count = reader.count8(MAX_SENDER_KEYS)?;
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            keys.push(SenderKey {
                key_id: reader.number()?,
                signing_key: reader.public_key()?,
                chain: reader.chain()?,
                verifying: None,
            });
        }
        reader.end()?;
        Ok(Self { keys })
    }
}

impl std::fmt::Debug for SenderKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderKeyRecord").field("keys", &self.keys.len()).finish()
    }
}

/// One received key.
#[derive(Clone)]
pub(super) struct SenderKey {
    pub(super) key_id: u32,
    pub(super) chain: ReceivingChain,
    pub(super) signing_key: PublicKey,
    /// The signing key made ready by the first good signature; a quarter of the cost of checking one. Not stored.
    verifying: Option<VerifyingKey>,
}

impl SenderKey {
    /// The signature comes first: a forgery must not cost a derivation.
    fn decrypt(&mut self, message: &SenderKeyMessage<'_>) -> Result<Vec<u8>, SignalError> {
        let verifying = self.verify(message.signed(), message.signature())?;
        let (seed, advance) = self.chain.seed(message.iteration())?;
        let keys = seed.group_keys();
        let plaintext = cipher::decrypt(&keys.cipher, &keys.iv, message.ciphertext())
            .map_err(|cipher::BadPadding| SignalError::BrokenContent)?;
        self.chain.apply(advance);
        if verifying.is_some() {
            self.verifying = verifying;
        }
        Ok(plaintext)
    }

    /// Checks a signature; gives the prepared key if it was not at hand.
    fn verify(&self, signed: &[u8], signature: &Signature) -> Result<Option<VerifyingKey>, SignalError> {
        if let Some(ready) = self.verifying.as_ref().filter(|ready| ready.sign_bit() == signature.sign_bit()) {
            ready.verify(signed, signature).map_err(|_| SignalError::BadSignature)?;
            return Ok(None);
        }
        let verifying = VerifyingKey::new(&self.signing_key, signature.sign_bit())?;
        verifying.verify(signed, signature).map_err(|_| SignalError::BadSignature)?;
        Ok(Some(verifying))
    }
}
