//! One side of a recorded conversation: fed with the recorded keys, it has to do byte for byte what the record says.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand::{TryCryptoRng, TryRng};
use serde_json::{Value, json};

use crate::keys::{KeyPair, PrivateKey, PublicKey, Signature};
use crate::signal::receiving::ReceivingChain;
use crate::signal::session::Session;
use crate::signal::{
    LocalDevice, NamedPrekeys, Prekey, PrekeyBundle, PrekeyId, PrekeyMessage, SessionRecord, SignalError,
    SignalMessage, SignedPrekey, SignedPrekeyId,
};
use crate::vectors::{array, bytes, list, text};

/// A random source that hands out recorded bytes, each entry for one request, and fails the test when asked for more.

#[derive(Clone, Default)]
pub(super) struct Recorded(pub(super) VecDeque<Vec<u8>>);

impl TryRng for Recorded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("keys are drawn as bytes");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("keys are drawn as bytes");
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        let recorded = self.0.pop_front().expect("no further randomness was recorded");
        target.copy_from_slice(&recorded);
        Ok(())
    }
}

impl TryCryptoRng for Recorded {}

pub(super) fn key_pair(private: &Value) -> KeyPair {
    KeyPair::from_private(PrivateKey::from_bytes(array(private)))
}

pub(super) fn public_key(typed: &Value) -> PublicKey {
    PublicKey::from_typed_slice(&bytes(typed)).unwrap()
}

pub(super) fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

pub(super) fn signed_prekey(vector: &Value) -> SignedPrekey {
    SignedPrekey::from_stored(
        SignedPrekeyId::new(number(&vector["id"])).unwrap(),
        key_pair(&vector["private"]),
        Signature::from_bytes(array(&vector["signature"])),
    )
}

pub(super) fn prekey(vector: &Value) -> Prekey {
    Prekey::from_stored(PrekeyId::new(number(&vector["id"])).unwrap(), key_pair(&vector["private"]))
}

pub(super) fn bundle(vector: &Value) -> PrekeyBundle {
    let signed = &vector["signed_prekey"];
    let prekey = &vector["prekey"];
    PrekeyBundle {
        registration_id: number(&vector["registration_id"]),
        identity: public_key(&vector["identity"]),
        signed_prekey_id: SignedPrekeyId::new(number(&signed["id"])).unwrap(),
        signed_prekey: public_key(&signed["public"]),
        signature: Signature::from_bytes(array(&signed["signature"])),
        prekey: (!prekey.is_null())
            .then(|| (PrekeyId::new(number(&prekey["id"])).unwrap(), public_key(&prekey["public"]))),
    }
}

/// One party of a recorded conversation.
#[derive(Clone)]
pub(super) struct Party {
    identity: KeyPair,
    registration_id: u32,
    signed_prekeys: Vec<SignedPrekey>,
    pub(super) prekeys: Vec<Prekey>,
    generated: Recorded,
    pub(super) record: SessionRecord,
}

/// What a delivery gave.
pub(super) struct Delivery {
    pub(super) plaintext: Vec<u8>,
    pub(super) consumed_prekey: Option<u32>,
    pub(super) identity_replaced: bool,
    pub(super) keys_drawn: usize,
}

impl Party {
    pub(super) fn new(vector: &Value) -> Self {
        Self {
            identity: key_pair(&vector["identity_private"]),
            registration_id: number(&vector["registration_id"]),
            signed_prekeys: list(&vector["signed_prekeys"]).iter().map(signed_prekey).collect(),
            prekeys: list(&vector["prekeys"]).iter().map(prekey).collect(),
            generated: Recorded(list(&vector["generated_private_keys"]).iter().map(bytes).collect()),
            record: SessionRecord::default(),
        }
    }

    pub(super) fn process_bundle(&mut self, vector: &Value) {
        let valid = bundle(vector).validate().unwrap();
        let local = LocalDevice { identity: &self.identity, registration_id: self.registration_id };
        self.record.start(local, &valid, &mut self.generated).unwrap();
        self.reload();
    }

    pub(super) fn encrypt(&mut self, plaintext: &[u8]) -> (&'static str, Vec<u8>) {
        let ciphertext = self.record.encrypt(plaintext).unwrap();
        self.reload();
        (ciphertext.kind.as_str(), ciphertext.bytes)
    }

    pub(super) fn deliver(&mut self, kind: &str, content: &[u8]) -> Result<Delivery, SignalError> {
        let before = self.record.to_bytes();
        let keys_before = self.generated.0.len();
        let result = match kind {
            "pkmsg" => PrekeyMessage::parse(content).and_then(|message| {
                let id = message.signed_prekey_id();
                let local = LocalDevice { identity: &self.identity, registration_id: self.registration_id };
                let named = NamedPrekeys {
                    signed_prekey: self.signed_prekeys.iter().find(|prekey| prekey.id().value() == id),
                    prekey: self.prekeys.iter().find(|prekey| Some(prekey.id().value()) == message.prekey_id()),
                };
                self.record.decrypt_prekey(local, &message, named, &mut self.generated)
            }),
            "msg" => {
                SignalMessage::parse(content).and_then(|message| self.record.decrypt(&message, &mut self.generated))
            }
            other => panic!("type {other}"),
        };
        let keys_drawn = keys_before - self.generated.0.len();
        match result {
            Ok(decrypted) => {
                self.prekeys.retain(|prekey| Some(prekey.id()) != decrypted.consumed_prekey);
                self.reload();
                Ok(Delivery {
                    plaintext: decrypted.plaintext,
                    consumed_prekey: decrypted.consumed_prekey.map(PrekeyId::value),
                    identity_replaced: decrypted.identity == crate::signal::IdentityChange::Replaced,
                    keys_drawn,
                })
            }
            Err(error) => {
                assert_eq!(*before, *self.record.to_bytes(), "a failure changed the record");
                assert_eq!(keys_drawn, 0, "a failure cost randomness");
                Err(error)
            }
        }
    }

    /// Puts the record through the store's form after each step.
    fn reload(&mut self) {
        let stored = self.record.to_bytes();
        self.record = SessionRecord::from_bytes(&stored).unwrap();
        assert_eq!(*stored, *self.record.to_bytes());
    }

    /// The record in the form of the vectors.
    pub(super) fn state(&self) -> Value {
        json!({
            "current": self.record.current.as_ref().map(session),
            "archived": self.record.archived.iter().map(session).collect::<Vec<_>>(),
        })
    }
}

fn session(session: &Session) -> Value {
    let receivers = session.receivers.iter().map(|receiver| {
        let mut chain = chain(&receiver.chain);
        chain["ratchet_public"] = typed(&receiver.ratchet);
        chain
    });
    json!({
        "version": 3,
        "local_identity": typed(&session.local_identity),
        "remote_identity": typed(&session.remote_identity),
        "root_key": hex::encode(session.root.0),
        "previous_counter": session.previous_counter,
        "base_key": typed(&session.base_key),
        "local_registration_id": session.local_registration_id,
        "remote_registration_id": session.remote_registration_id,
        "sender_chain": {
            "ratchet_public": typed(session.sender.ratchet.public()),
            "ratchet_private": hex::encode(session.sender.ratchet.private().expose()),
            "chain_key": hex::encode(session.sender.chain.0),
            "index": session.sender.index,
        },
        "receiver_chains": receivers.collect::<Vec<_>>(),
        "pending_prekey": session.pending.map(|pending| json!({
            "prekey_id": pending.prekey_id,
            "signed_prekey_id": pending.signed_prekey_id,
            "base_key": typed(&session.base_key),
        })),
    })
}

/// Chain key, index and the inclusive ranges of kept counters.
pub(super) fn chain(chain: &ReceivingChain) -> Value {
    let mut ranges: Vec<[u32; 2]> = Vec::new();
    for (counter, _) in chain.skipped.iter() {
        match ranges.last_mut() {
            Some([_, last]) if *last + 1 == *counter => *last = *counter,
            Some(_) | None => ranges.push([*counter, *counter]),
        }
    }
    json!({ "chain_key": hex::encode(chain.chain.0), "index": chain.index, "skipped": ranges })
}

fn typed(key: &PublicKey) -> Value {
    hex::encode(key.to_typed_bytes()).into()
}

/// The text of a field that may be absent.
pub(super) fn optional<'a>(vector: &'a Value, field: &str) -> Option<&'a str> {
    vector.get(field).filter(|value| !value.is_null()).map(text)
}
