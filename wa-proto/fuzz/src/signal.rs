//! The targets of end-to-end encryption: what a peer sends, and what a store gives back.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wa_proto::keys::KeyPair;
use wa_proto::signal::{
    LocalDevice, NamedPrekeys, OwnSenderKey, Prekey, PrekeyBundle, PrekeyId, PrekeyMessage, SenderKeyDistribution,
    SenderKeyMessage, SenderKeyRecord, SessionRecord, SignalMessage, SignedPrekey, SignedPrekeyId,
};

/// Delivers a message to a device that has a session with the sender: the first byte says of which kind it is.
///
/// What is refused must leave the record as it was.
pub fn signal_message(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else { return };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (alice, bob) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let signed = SignedPrekey::generate(SignedPrekeyId::FIRST, bob.private(), &mut rng);
    let prekeys = Prekey::generate_many(PrekeyId::FIRST, 2, &mut rng);
    let Ok(bundle) = bundle(&bob, &signed, prekeys.first()).validate() else { return };
    let mut alices = SessionRecord::default();
    let local = LocalDevice { identity: &alice, registration_id: 1 };
    alices.start(local, &bundle, &mut rng).expect("a valid bundle");

    let mut record = SessionRecord::default();
    let local = LocalDevice { identity: &bob, registration_id: 2 };
    let hello = alices.encrypt(b"hello").expect("a fresh session");
    let hello = PrekeyMessage::parse(&hello.bytes).expect("our own message");
    let named = NamedPrekeys { signed_prekey: Some(&signed), prekey: prekeys.first() };
    record.decrypt_prekey(local, &hello, named, &mut rng).expect("a genuine message");

    let before = record.to_bytes();
    let decrypted = match kind % 2 {
        0 => SignalMessage::parse(content).and_then(|message| record.decrypt(&message, &mut rng)),
        _ => PrekeyMessage::parse(content).and_then(|message| {
            let _ = format!("{message:?}");
            let named = NamedPrekeys { signed_prekey: Some(&signed), prekey: prekeys.get(1) };
            record.decrypt_prekey(local, &message, named, &mut rng)
        }),
    };
    if decrypted.is_err() {
        assert_eq!(*before, *record.to_bytes());
    }
}

fn bundle(identity: &KeyPair, signed: &SignedPrekey, prekey: Option<&Prekey>) -> PrekeyBundle {
    PrekeyBundle {
        registration_id: 2,
        identity: *identity.public(),
        signed_prekey_id: signed.id(),
        signed_prekey: *signed.public(),
        signature: *signed.signature(),
        prekey: prekey.map(|prekey| (prekey.id(), *prekey.public())),
    }
}

/// Hands a group member a sender key and a message: the first byte says which of them.
pub fn sender_key_message(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else { return };
    let own = OwnSenderKey::generate(&mut ChaCha20Rng::seed_from_u64(2));
    let mut record = SenderKeyRecord::default();
    record.process(&SenderKeyDistribution::parse(&own.distribution()).expect("our own key"));
    if kind % 2 == 0 {
        let before = record.to_bytes();
        let decrypted = SenderKeyMessage::parse(content).and_then(|message| record.decrypt(&message));
        if decrypted.is_err() {
            assert_eq!(*before, *record.to_bytes());
        }
    } else if let Ok(distribution) = SenderKeyDistribution::parse(content) {
        record.process(&distribution);
        assert!(record.has_key(distribution.key_id()));
    }
}

/// Reads stored records; what was read must be written and read the same from then on.
pub fn stored_record(data: &[u8]) {
    if let Ok(record) = SessionRecord::from_bytes(data) {
        let first = record.to_bytes();
        let again = SessionRecord::from_bytes(&first).expect("what was written is read");
        assert_eq!(*again.to_bytes(), *first);
        let _ = record.clone().encrypt(b"text");
        let _ = SessionRecord::merge(record, again);
    }
    if let Ok(record) = SenderKeyRecord::from_bytes(data) {
        assert_eq!(*record.to_bytes(), *data);
    }
    if let Ok(key) = OwnSenderKey::from_bytes(data) {
        let _ = key.distribution();
    }
}
