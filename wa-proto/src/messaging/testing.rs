//! Devices for tests: keys, published prekeys and the sessions between them.

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::addressing::Names;
use crate::jid::Jid;
use crate::keys::KeyPair;
use crate::pairing::adv::{DeviceIdentityDetails, Hosting};
use crate::signal::{
    LocalDevice, NamedPrekeys, Prekey, PrekeyBundle, PrekeyId, PrekeyMessage, SessionRecord, SignalMessage,
    SignedPrekey, SignedPrekeyId,
};
use crate::stanza::prekeys::DeviceBundle;

/// A generator that gives the same bytes in every run.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The names of the account with that number.
pub(crate) fn names(number: u8) -> Names {
    let pn = Jid::pn(&format!("7701000000{number}"));
    Names::new(Some(&pn), Some(&Jid::lid(&format!("99000000000000{number}"))))
}

/// A device of an account.
pub(crate) struct Party {
    pub(crate) identity: KeyPair,
    pub(crate) registration_id: u32,
    pub(crate) signed_prekey: SignedPrekey,
    pub(crate) prekey: Prekey,
    pub(crate) rng: ChaCha20Rng,
}

impl Party {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let identity = KeyPair::generate(&mut rng);
        let signed_prekey = SignedPrekey::generate(SignedPrekeyId::FIRST, identity.private(), &mut rng);
        let prekey = Prekey::generate_many(PrekeyId::FIRST, 1, &mut rng).remove(0);
        let registration_id = u32::try_from(seed).unwrap() + 100;
        Self { identity, registration_id, signed_prekey, prekey, rng }
    }

    pub(crate) fn local(&self) -> LocalDevice<'_> {
        LocalDevice { identity: &self.identity, registration_id: self.registration_id }
    }

    pub(crate) fn bundle(&self) -> PrekeyBundle {
        PrekeyBundle {
            registration_id: self.registration_id,
            identity: *self.identity.public(),
            signed_prekey_id: self.signed_prekey.id(),
            signed_prekey: *self.signed_prekey.public(),
            signature: *self.signed_prekey.signature(),
            prekey: Some((self.prekey.id(), *self.prekey.public())),
        }
    }

    /// The bundle as it is fetched, vouched for by `primary` when there is one.
    pub(crate) fn fetched(&mut self, primary: Option<&Party>) -> DeviceBundle {
        let device_identity = primary.map(|primary| self.device_identity(primary));
        DeviceBundle { bundle: self.bundle(), device_identity }
    }

    /// The signed identity of this device as a companion of `primary`.
    pub(crate) fn device_identity(&mut self, primary: &Party) -> Vec<u8> {
        use prost::Message as _;
        let details = DeviceIdentityDetails {
            raw_id: 1,
            timestamp: 1,
            key_index: 1,
            account_type: Hosting::Own,
            device_type: Hosting::Own,
        }
        .to_bytes();
        let (ours, theirs) = (self.identity.public().as_bytes(), primary.identity.public().as_bytes());
        let account = [&[6, 0], details.as_slice(), ours].concat();
        let device = [&[6, 1], details.as_slice(), ours, theirs].concat();
        crate::proto::AdvSignedDeviceIdentity {
            account_signature_key: Some(theirs.to_vec()),
            account_signature: Some(primary.identity.private().sign(&account, &mut self.rng).as_bytes().to_vec()),
            device_signature: Some(self.identity.private().sign(&device, &mut self.rng).as_bytes().to_vec()),
            details: Some(details),
        }
        .encode_to_vec()
    }

    /// A record of ours with a fresh session to `other`.
    pub(crate) fn session_with(&mut self, other: &Party) -> SessionRecord {
        let mut record = SessionRecord::default();
        let bundle = other.bundle().validate().unwrap();
        let local = LocalDevice { identity: &self.identity, registration_id: self.registration_id };
        record.start(local, &bundle, &mut self.rng).unwrap();
        record
    }

    /// Two records of an established session: ours and the other's.
    pub(crate) fn established_with(&mut self, other: &mut Party) -> (SessionRecord, SessionRecord) {
        let mut ours = self.session_with(other);
        let hello = ours.encrypt(b"hello").unwrap();
        let mut theirs = SessionRecord::default();
        other.decrypt(&mut theirs, "pkmsg", &hello.bytes);
        let answer = theirs.encrypt(b"hello").unwrap();
        self.decrypt(&mut ours, "msg", &answer.bytes);
        (ours, theirs)
    }

    /// Decrypts without taking padding off.
    pub(crate) fn decrypt(&mut self, record: &mut SessionRecord, kind: &str, bytes: &[u8]) -> Vec<u8> {
        if kind == "msg" {
            let message = SignalMessage::parse(bytes).unwrap();
            return record.decrypt(&message, &mut self.rng).unwrap().plaintext;
        }
        let message = PrekeyMessage::parse(bytes).unwrap();
        let named = NamedPrekeys { signed_prekey: Some(&self.signed_prekey), prekey: Some(&self.prekey) };
        let local = LocalDevice { identity: &self.identity, registration_id: self.registration_id };
        record.decrypt_prekey(local, &message, named, &mut self.rng).unwrap().plaintext
    }
}
