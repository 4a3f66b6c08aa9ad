//! Two devices with keys and the sessions between them, made from seeds.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wa_proto::keys::KeyPair;
use wa_proto::signal::{
    LocalDevice, NamedPrekeys, Prekey, PrekeyBundle, PrekeyId, PrekeyMessage, SessionRecord, SignalMessage,
    SignedPrekey, SignedPrekeyId, ValidBundle,
};

/// A device: its keys, and the generator that it draws from.
#[derive(Debug)]
pub struct Party {
    identity: KeyPair,
    signed_prekey: SignedPrekey,
    prekey: Prekey,
    rng: ChaCha20Rng,
}

impl Party {
    /// Makes the device that belongs to `seed`.
    ///
    /// # Panics
    ///
    /// Never: one prekey is asked for, and one comes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let identity = KeyPair::generate(&mut rng);
        let signed_prekey = SignedPrekey::generate(SignedPrekeyId::FIRST, identity.private(), &mut rng);
        let prekey = Prekey::generate_many(PrekeyId::FIRST, 1, &mut rng).pop().expect("one was asked for");
        Self { identity, signed_prekey, prekey, rng }
    }

    /// Its published keys.
    #[must_use]
    pub fn bundle(&self) -> PrekeyBundle {
        PrekeyBundle {
            registration_id: 77,
            identity: *self.identity.public(),
            signed_prekey_id: self.signed_prekey.id(),
            signed_prekey: *self.signed_prekey.public(),
            signature: *self.signed_prekey.signature(),
            prekey: Some((self.prekey.id(), *self.prekey.public())),
        }
    }

    /// Starts a session from checked keys.
    ///
    /// # Panics
    ///
    /// If the keys are this device's own.
    pub fn start(&mut self, bundle: &ValidBundle) -> SessionRecord {
        let mut record = SessionRecord::default();
        let local = LocalDevice { identity: &self.identity, registration_id: 77 };
        record.start(local, bundle, &mut self.rng).expect("the bundle is another device's");
        record
    }

    /// Decrypts the first message of a session.
    ///
    /// # Panics
    ///
    /// If the message is not for this device.
    pub fn decrypt_first(&mut self, record: &mut SessionRecord, message: &[u8]) -> Vec<u8> {
        let message = PrekeyMessage::parse(message).expect("the other device wrote it");
        let named = NamedPrekeys { signed_prekey: Some(&self.signed_prekey), prekey: Some(&self.prekey) };
        let local = LocalDevice { identity: &self.identity, registration_id: 77 };
        record.decrypt_prekey(local, &message, named, &mut self.rng).expect("it is for us").plaintext
    }

    /// Decrypts a message of a session.
    ///
    /// # Panics
    ///
    /// If the message does not belong to the record.
    pub fn decrypt(&mut self, record: &mut SessionRecord, message: &[u8]) -> Vec<u8> {
        let message = SignalMessage::parse(message).expect("the other device wrote it");
        record.decrypt(&message, &mut self.rng).expect("it belongs to the session").plaintext
    }

    /// The two records of a session past its first exchange: ours and the other's. Both send plain messages.
    ///
    /// # Panics
    ///
    /// If `other` is this device.
    pub fn established_with(&mut self, other: &mut Self) -> (SessionRecord, SessionRecord) {
        let bundle = other.bundle().validate().expect("the keys are good");
        let mut ours = self.start(&bundle);
        let mut theirs = SessionRecord::default();
        other.decrypt_first(&mut theirs, &encrypt(&mut ours, b"hello"));
        self.decrypt(&mut ours, &encrypt(&mut theirs, b"hello"));
        other.decrypt(&mut theirs, &encrypt(&mut ours, b"hello"));
        (ours, theirs)
    }
}

/// Encrypts with a record that has a session.
///
/// # Panics
///
/// If it has none.
pub fn encrypt(record: &mut SessionRecord, plaintext: &[u8]) -> Vec<u8> {
    record.encrypt(plaintext).expect("there is a session").bytes
}
