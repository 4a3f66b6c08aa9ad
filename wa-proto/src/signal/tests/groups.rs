use std::collections::HashMap;

use serde_json::{Value, json};

use super::replay::{Recorded, chain, key_pair, number, optional};
use crate::signal::chain::ChainKey;
use crate::signal::{
    EncryptError, OwnSenderKey, SenderKeyDistribution, SenderKeyMessage, SenderKeyRecord, SignalError,
};
use crate::vectors::{array, bytes, list, signal, text};

/// A group of a recorded conversation: the sender's keys, and a receiver.
struct Group {
    own: Vec<OwnSenderKey>,
    record: SenderKeyRecord,
    distributions: HashMap<String, Vec<u8>>,
    messages: HashMap<String, Vec<u8>>,
}

fn replay(name: &str) {
    let vectors = signal();
    let transcripts = list(&vectors["sender_key_transcripts"]);
    let transcript = transcripts.iter().find(|transcript| transcript["name"] == name).unwrap();
    let own = list(&transcript["sender_keys"]).iter().map(|key| {
        let pair = key_pair(&key["signing_private"]);
        OwnSenderKey::new(number(&key["key_id"]), ChainKey(array(&key["initial_chain_key"])), &pair)
    });
    let mut group = Group {
        own: own.collect(),
        record: SenderKeyRecord::default(),
        distributions: HashMap::new(),
        messages: HashMap::new(),
    };
    for (at, step) in list(&transcript["steps"]).iter().enumerate() {
        match text(&step["op"]) {
            "create_skdm" => group.create_distribution(step, at),
            "process_skdm" => group.process_distribution(step, at),
            "encrypt" => group.encrypt(step, at),
            "encrypt_many" => group.encrypt_many(step),
            "deliver" => group.deliver(step, at),
            other => panic!("step {other}"),
        }
    }
}

impl Group {
    /// The key that stands at `iteration`; a sender that skips iterations is followed by deriving past them.
    fn own_key(&mut self, key_id: u32, iteration: u32, matching: impl Fn(&OwnSenderKey) -> bool) -> &mut OwnSenderKey {
        let key = self.own.iter_mut().find(|key| key.key_id() == key_id && matching(key)).unwrap();
        while key.iteration() < iteration {
            key.encrypt(b"", &mut Recorded([vec![0; 64]].into())).unwrap();
        }
        key
    }

    fn create_distribution(&mut self, step: &Value, at: usize) {
        let signing_key = bytes(&step["signing_key"]);
        let key = self.own_key(number(&step["key_id"]), number(&step["iteration"]), |key| {
            key.distribution().ends_with(&signing_key)
        });
        assert_eq!(hex::encode(key.distribution()), text(&step["skdm"]), "step {at}");
        self.distributions.insert(text(&step["id"]).to_owned(), bytes(&step["skdm"]));
    }

    fn process_distribution(&mut self, step: &Value, at: usize) {
        let distribution = SenderKeyDistribution::parse(&self.distributions[text(&step["id"])]).unwrap();
        self.record.process(&distribution);
        self.reload();
        assert_eq!(self.state(), step["receiver_state_after"], "step {at}");
    }

    fn encrypt(&mut self, step: &Value, at: usize) {
        let recorded = bytes(&step["skmsg"]);
        let random = optional(step, "signature_random").map(|_| bytes(&step["signature_random"]));
        let reproducible = random.is_some();
        let mut random = Recorded([random.unwrap_or(vec![7; 64])].into());
        let plaintext = bytes(&step["plaintext"]);
        let message = SenderKeyMessage::parse(&recorded).unwrap();
        let (key_id, iteration) = (number(&step["key_id"]), number(&step["iteration"]));
        assert_eq!((message.key_id(), message.iteration()), (key_id, iteration));
        let key = self.own_key(key_id, iteration, |key| verifies(key, &message));
        let mut restored = OwnSenderKey::from_bytes(&key.to_bytes()).unwrap();
        let written = restored.encrypt(&plaintext, &mut random).unwrap();
        if reproducible {
            assert_eq!(hex::encode(&written), hex::encode(&recorded), "step {at}");
        } else {
            assert_eq!(written[..written.len() - 64], recorded[..recorded.len() - 64], "step {at}");
        }
        *key = restored;
        self.messages.insert(text(&step["id"]).to_owned(), recorded);
    }

    fn encrypt_many(&mut self, step: &Value) {
        let plaintext = bytes(&step["plaintext"]);
        let selected = list(&step["selected"]);
        let key = self.own.first_mut().unwrap();
        assert_eq!(key.iteration(), number(&step["first_iteration"]));
        for iteration in number(&step["first_iteration"])..=number(&step["last_iteration"]) {
            let written = key.encrypt(&plaintext, &mut Recorded([vec![1; 64]].into())).unwrap();
            if let Some(selected) = selected.iter().find(|selected| selected["iteration"] == iteration) {
                let recorded = bytes(&selected["skmsg"]);
                assert_eq!(written[..written.len() - 64], recorded[..recorded.len() - 64]);
                self.messages.insert(text(&selected["id"]).to_owned(), recorded);
            }
        }
    }

    fn deliver(&mut self, step: &Value, at: usize) {
        let content = match optional(step, "skmsg_override") {
            Some(_) => bytes(&step["skmsg_override"]),
            None => self.messages[text(&step["id"])].clone(),
        };
        let before = self.record.to_bytes();
        let result = SenderKeyMessage::parse(&content).and_then(|message| self.record.decrypt(&message));
        match text(&step["expect"]) {
            "ok" => {
                assert_eq!(hex::encode(result.unwrap()), text(&step["plaintext"]), "step {at}");
                self.reload();
            }
            expected => {
                let class = optional(step, "error_class").unwrap_or(expected);
                assert_eq!(result.unwrap_err().name(), class, "step {at}");
                assert_eq!(*before, *self.record.to_bytes());
            }
        }
        assert_eq!(self.state(), step["receiver_state_after"], "step {at}");
    }

    /// Puts the record through the store's form, half of the time, so that prepared keys are tested as well.
    fn reload(&mut self) {
        let stored = self.record.to_bytes();
        let restored = SenderKeyRecord::from_bytes(&stored).unwrap();
        assert_eq!(*stored, *restored.to_bytes());
        if stored.len().is_multiple_of(2) {
            self.record = restored;
        }
    }

    fn state(&self) -> Value {
        let keys = self.record.keys.iter().map(|key| {
            let chain = chain(&key.chain);
            json!({
                "key_id": key.key_id,
                "iteration": chain["index"],
                "chain_key": chain["chain_key"],
                "signing_public": hex::encode(key.signing_key.to_typed_bytes()),
                "skipped": chain["skipped"],
            })
        });
        keys.collect::<Vec<_>>().into()
    }
}

/// Says whether `message` was signed by `key`; two keys of a transcript share their id.
fn verifies(key: &OwnSenderKey, message: &SenderKeyMessage<'_>) -> bool {
    let distribution = SenderKeyDistribution::parse(&key.distribution()).unwrap();
    distribution.signing_key.verify(message.signed(), message.signature()).is_ok()
}

#[test]
fn a_sender_that_leaves_gaps_is_followed() {
    replay("group_baileys_sender");
}

#[test]
fn rotated_keys_stay_readable_up_to_five() {
    replay("group_wacore_sender");
}

#[test]
fn a_repeated_distribution_keeps_the_place_in_the_chain() {
    replay("group_repeated_skdm");
}

#[test]
fn jumps_in_a_group_are_limited() {
    replay("group_limits");
}

#[test]
fn fresh_keys_have_31_bit_ids_and_work() {
    let mut rng = Recorded([vec![0xff; 4], vec![1; 32], vec![2; 32], vec![3; 64]].into());
    let mut own = OwnSenderKey::generate(&mut rng);
    assert_eq!(own.key_id(), 0x7fff_ffff);
    let mut record = SenderKeyRecord::default();
    record.process(&SenderKeyDistribution::parse(&own.distribution()).unwrap());
    assert!(record.has_key(own.key_id()) && !record.has_key(1));
    let content = own.encrypt(b"to all", &mut rng).unwrap();
    let message = SenderKeyMessage::parse(&content).unwrap();
    assert_eq!(record.decrypt(&message).unwrap(), b"to all");
    assert_eq!(record.decrypt(&message).unwrap_err(), SignalError::Duplicate);
}

#[test]
fn a_used_up_chain_encrypts_nothing() {
    let mut own = OwnSenderKey::generate(&mut Recorded([vec![0; 4], vec![1; 32], vec![2; 32]].into()));
    let mut stored = own.to_bytes();
    stored[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
    own = OwnSenderKey::from_bytes(&stored).unwrap();
    assert_eq!(own.encrypt(b"", &mut Recorded::default()).unwrap_err(), EncryptError::Exhausted);
}
