use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

use super::replay::{Recorded, key_pair, number, prekey, signed_prekey};
use crate::keys::{KeyPair, PublicKey};
use crate::signal::hmac::HmacKey;
use crate::signal::message::{SignalHeader, write_mac};
use crate::signal::{
    BundleError, CiphertextKind, LocalDevice, NamedPrekeys, PrekeyBundle, PrekeyMessage, SessionRecord, cipher, x3dh,
};
use crate::vectors::{array, bytes, list, signal, text};

fn bundle(responder: &Value) -> PrekeyBundle {
    let signed = signed_prekey(&responder["signed_prekey"]);
    let one_time = &responder["one_time_prekey"];
    let one_time = (!one_time.is_null()).then(|| prekey(one_time));
    PrekeyBundle {
        registration_id: number(&responder["registration_id"]),
        identity: *key_pair(&responder["identity"]["private"]).public(),
        signed_prekey_id: signed.id(),
        signed_prekey: *signed.public(),
        signature: *signed.signature(),
        prekey: one_time.map(|prekey| (prekey.id(), *prekey.public())),
    }
}

#[test]
fn both_roles_match_the_vectors() {
    for vector in list(&signal()["x3dh"]["vectors"]) {
        let (initiator, responder) = (&vector["initiator"], &vector["responder"]);
        let identity = key_pair(&initiator["identity"]["private"]);
        let local = LocalDevice { identity: &identity, registration_id: number(&initiator["registration_id"]) };
        let keys = ["base", "first_ratchet"].map(|key| bytes(&initiator[key]["private"]));
        let mut record = SessionRecord::default();
        record.start(local, &bundle(responder).validate().unwrap(), &mut Recorded(keys.into())).unwrap();

        let expected = &vector["initiator_state_after"];
        let session = record.current.as_ref().unwrap();
        assert_eq!(session.root.0, array(&expected["root_key_1"]));
        assert_eq!(session.sender.chain.0, array(&expected["sender_chain_key"]));
        let receiver = &session.receivers[0];
        assert_eq!(receiver.ratchet.to_typed_bytes(), array(&expected["receiver_chain"]["ratchet_public"]));
        assert_eq!(receiver.chain.chain.0, array(&expected["receiver_chain"]["chain_key"]));

        let message = record.encrypt(&bytes(&vector["first_message"]["plaintext"])).unwrap();
        assert_eq!(message.kind, CiphertextKind::Prekey);
        assert_eq!(hex::encode(&message.bytes), text(&vector["first_message"]["pkmsg"]));

        let parsed = PrekeyMessage::parse(&message.bytes).unwrap();
        let identity = key_pair(&responder["identity"]["private"]);
        let local = LocalDevice { identity: &identity, registration_id: number(&responder["registration_id"]) };
        let signed = signed_prekey(&responder["signed_prekey"]);
        let one_time = &responder["one_time_prekey"];
        let one_time = (!one_time.is_null()).then(|| prekey(one_time));
        let session = x3dh::respond(&local, &parsed, &signed, one_time.as_ref()).unwrap();
        let expected = &vector["responder_state_after"];
        assert_eq!(session.root.0, array(&vector["root_key_0"]));
        assert_eq!(session.root.0, array(&expected["root_key"]));
        assert_eq!(session.sender.ratchet.private().expose(), &array(&expected["sender_chain"]["ratchet_private"]));
        assert_eq!(session.sender.chain.0, array(&vector["chain_key_0"]));
    }
}

#[test]
fn messages_are_encoded_as_in_the_vectors() {
    for vector in list(&signal()["signal_message_encoding"]["vectors"]) {
        let plaintext = bytes(&vector["plaintext"]);
        let header = SignalHeader {
            ratchet_key: &PublicKey::from_typed_slice(&bytes(&vector["ratchet_public"])).unwrap(),
            counter: number(&vector["counter"]),
            previous_counter: number(&vector["previous_counter"]),
            plaintext_length: plaintext.len(),
        };
        let mut output = Vec::new();
        header.write(&mut output);
        let start = output.len();
        cipher::encrypt_onto(&array(&vector["cipher_key"]), &array(&vector["iv"]), &plaintext, &mut output);
        assert_eq!(hex::encode(&output[start..]), text(&vector["aes_cbc_ciphertext"]));
        let identities = ["sender_identity", "receiver_identity"].map(|identity| bytes(&vector[identity]));
        let input = [&identities.concat(), &output[..]].concat();
        assert_eq!(hex::encode(&input), text(&vector["mac_input"]));
        let code = HmacKey::new(&array(&vector["mac_key"])).authenticate(&[&input]);
        assert_eq!(code, array(&vector["mac_full"]));
        write_mac(&code, &mut output);
        assert_eq!(hex::encode(&output), text(&vector["serialized"]));
        assert_eq!(output.len(), header.message_length());
    }
}

#[test]
fn no_session_is_started_with_the_own_device() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let responder = &signal()["x3dh"]["vectors"][0]["responder"];
    let identity = key_pair(&responder["identity"]["private"]);
    let local = LocalDevice { identity: &identity, registration_id: 1 };
    let mut record = SessionRecord::default();
    let own = bundle(responder).validate().unwrap();
    assert_eq!(record.start(local, &own, &mut rng), Err(BundleError::OwnDevice));
    assert!(!record.has_session());
}

#[test]
fn a_start_that_names_our_own_base_key_is_malformed() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let responder = &signal()["x3dh"]["vectors"][0]["responder"];
    let identity = KeyPair::generate(&mut rng);
    let local = LocalDevice { identity: &identity, registration_id: 1 };
    let mut record = SessionRecord::default();
    record.start(local, &bundle(responder).validate().unwrap(), &mut rng).unwrap();
    let reflected = record.encrypt(b"reflected").unwrap();
    let message = PrekeyMessage::parse(&reflected.bytes).unwrap();
    assert!(!record.needs_prekeys(&message));
    let refused = record.decrypt_prekey(local, &message, NamedPrekeys::default(), &mut rng);
    assert_eq!(refused.unwrap_err().name(), "malformed");
}
