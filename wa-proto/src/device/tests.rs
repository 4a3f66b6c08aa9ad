use proptest::prelude::*;
use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::jid::Jid;
use crate::pairing::adv::SignedDeviceIdentity;
use crate::proto::AdvSignedDeviceIdentity;
use crate::vectors::{self, bytes};

fn record() -> DeviceRecord {
    DeviceRecord::generate(&mut ChaCha20Rng::seed_from_u64(6))
}

fn linked() -> DeviceRecord {
    let vectors = vectors::pairing();
    let reply = bytes(&vectors["pair_success"]["reply_device_identity"]);
    let mut signed = AdvSignedDeviceIdentity::decode(reply.as_slice()).unwrap();
    signed.account_signature_key = Some(bytes(&vectors["keys"]["primary_identity"]["public"]));
    let identity = SignedDeviceIdentity::from_bytes(&signed.encode_to_vec()).unwrap();
    let jid = Jid::pn("77010000001").with_device(3);
    let lid = Jid::lid("990000000000001").with_device(3);
    let mut record = record();
    record.linked =
        Some(LinkedAccount { platform: Some("android".to_owned()), ..LinkedAccount::new(jid, lid, identity) });
    record.login.push_name = Some("Salon Aigerim".to_owned());
    record.login.routing_info = Some(vec![1, 2, 3]);
    record.login.server_chain = Some(vec![4, 5]);
    record.login.lid_migrated = true;
    record.prekeys.server_has_prekeys = true;
    record.prekeys.next = PrekeyId::new(813).unwrap();
    record
}

#[test]
fn a_new_device_has_distinct_keys_and_a_valid_signed_prekey() {
    let keys = record().keys;
    assert_ne!(keys.noise.public(), keys.identity.public());
    assert!((1..=16_380).contains(&keys.registration_id.value()));
    let signed = keys.signed_prekey.public().to_typed_bytes();
    keys.identity.public().verify(&signed, keys.signed_prekey.signature()).unwrap();
    assert_eq!(keys.signed_prekey.id().value(), 1);
}

#[test]
fn records_are_stored_and_read_back() {
    for record in [record(), linked()] {
        let stored = record.to_bytes();
        let read = DeviceRecord::from_bytes(&stored).unwrap();
        assert_eq!(read.to_bytes(), stored);
        assert_eq!(read.keys.identity.public(), record.keys.identity.public());
        assert_eq!(read.keys.noise.public(), record.keys.noise.public());
        assert_eq!(read.prekeys, record.prekeys);
        assert_eq!(read.login.server_chain, record.login.server_chain);
        let accounts = read.linked.zip(record.linked);
        if let Some((read, record)) = accounts {
            assert_eq!((read.jid, read.lid), (record.jid, record.lid));
            assert_eq!(read.identity.to_bytes(), record.identity.to_bytes());
        }
    }
}

#[test]
fn damaged_and_newer_records_are_refused() {
    let stored = linked().to_bytes();
    assert_eq!(DeviceRecord::from_bytes(&[]).map(drop), Err(DeviceRecordError::Malformed));
    let mut newer = stored.clone();
    newer[1] = 9;
    let refused = DeviceRecord::from_bytes(&newer).map(drop);
    assert_eq!(refused, Err(DeviceRecordError::Newer { version: 9 }));
    let version_only = DeviceRecord::from_bytes(&stored[..2]).map(drop);
    assert_eq!(version_only, Err(DeviceRecordError::Field { field: "noise key" }));
}

#[test]
fn nothing_personal_or_secret_is_printed() {
    let record = linked();
    let printed = format!("{record:?} {:?} {:?} {:?}", record.keys, record.linked, record.login);
    for secret in ["7701", "9900", "Aigerim"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = DeviceRecord::from_bytes(&input);
    }

    #[test]
    fn cut_records_are_refused_or_complete(cut in 0_usize..700) {
        let stored = linked().to_bytes();
        let _ = DeviceRecord::from_bytes(stored.get(..cut).unwrap_or(&stored));
    }
}
