use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;

use super::*;
use crate::keys::{KeyPair, PrivateKey, PublicKey};
use crate::proto::{AdvSignedDeviceIdentity, AdvSignedDeviceIdentityHmac};
use crate::vectors::{self, array, bytes};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(4)
}

fn pair(keys: &Value) -> KeyPair {
    let pair = KeyPair::from_private(PrivateKey::from_bytes(array(&keys["private"])));
    assert_eq!(pair.public().as_bytes(), &array(&keys["public"]));
    pair
}

/// The keys of the published pairing.
struct Published {
    vectors: Value,
    companion: KeyPair,
    primary: KeyPair,
    secret: AdvSecret,
}

impl Published {
    fn load() -> Self {
        let vectors = vectors::pairing();
        let keys = &vectors["keys"];
        Self {
            companion: pair(&keys["companion_identity"]),
            primary: pair(&keys["primary_identity"]),
            secret: AdvSecret::from_bytes(array(&keys["adv_secret"])),
            vectors,
        }
    }

    fn container(&self, case: &str) -> AdvSignedDeviceIdentityHmac {
        let container = bytes(&self.vectors[case]["adv_signed_device_identity_hmac"]);
        AdvSignedDeviceIdentityHmac::decode(container.as_slice()).unwrap()
    }

    fn verify(&self, container: &AdvSignedDeviceIdentityHmac) -> Result<(), AdvError> {
        verify_container(&container.encode_to_vec(), &self.secret, &self.companion).map(drop)
    }

    /// The container around a changed identity, authenticated as an insider would.
    fn reseal(&self, change: impl FnOnce(&mut AdvSignedDeviceIdentity)) -> AdvSignedDeviceIdentityHmac {
        let mut container = self.container("pair_success");
        let mut signed = AdvSignedDeviceIdentity::decode(container.details.unwrap().as_slice()).unwrap();
        change(&mut signed);
        let signed = signed.encode_to_vec();
        container.hmac = Some(self.secret.authenticate(&[], &signed).to_vec());
        container.details = Some(signed);
        container
    }
}

const CASES: [&str; 2] = ["pair_success", "pair_success_hosted"];

#[test]
fn published_containers_are_accepted_and_the_reply_has_the_published_shape() {
    let published = Published::load();
    for case in CASES {
        let vector = &published.vectors[case];
        let container = bytes(&vector["adv_signed_device_identity_hmac"]);
        let verified = verify_container(&container, &published.secret, &published.companion).unwrap();
        assert_eq!(verified.details().key_index.to_string(), vector["reply_key_index"]);
        assert_eq!(verified.account_key(), published.primary.public());

        let identity = verified.sign(&mut rng());
        assert_eq!(identity.details(), bytes(&vector["adv_device_identity"]));
        // Signatures are randomised, so the published reply is compared apart from its last 64 bytes.
        let (reply, expected) = (identity.to_reply_bytes(), bytes(&vector["reply_device_identity"]));
        assert_eq!(reply.len(), expected.len());
        assert_eq!(reply[..reply.len() - 64], expected[..expected.len() - 64]);
        published
            .companion
            .public()
            .verify(
                &bytes(&vector["device_signature_message"]),
                &crate::keys::Signature::from_slice(&reply[reply.len() - 64..]).unwrap(),
            )
            .unwrap();
    }
}

#[test]
fn an_offer_has_the_published_shape_and_takes_the_published_reply() {
    let published = Published::load();
    for case in CASES {
        let vector = &published.vectors[case];
        let details = DeviceIdentityDetails::parse(&bytes(&vector["adv_device_identity"])).unwrap();
        assert_eq!(details.to_bytes(), bytes(&vector["adv_device_identity"]));
        let mut link = Linking {
            primary: &published.primary,
            companion: published.companion.public(),
            secret: &published.secret,
            details,
        }
        .offer(&mut rng());
        published.verify(&AdvSignedDeviceIdentityHmac::decode(link.container()).unwrap()).unwrap();

        // With the published account signature in place of ours, the published reply is the answer.
        let offered = published.container(case);
        let signed = AdvSignedDeviceIdentity::decode(offered.details.unwrap().as_slice()).unwrap();
        link = link.with_account_signature(&signed.account_signature.unwrap());
        let identity = link.accept_reply(&bytes(&vector["reply_device_identity"])).unwrap();
        assert_eq!(identity.account_key(), published.primary.public());
        let again = SignedDeviceIdentity::from_bytes(&identity.to_bytes()).unwrap();
        assert_eq!(again.to_reply_bytes(), bytes(&vector["reply_device_identity"]));
    }
}

#[test]
fn a_container_under_another_secret_is_refused() {
    let published = Published::load();
    for case in CASES {
        let mut container = published.container(case);
        container.hmac.as_mut().unwrap()[31] ^= 1;
        assert_eq!(published.verify(&container), Err(AdvError::HmacMismatch));
        container.hmac.as_mut().unwrap().truncate(31);
        assert_eq!(published.verify(&container), Err(AdvError::HmacMismatch));
    }
    // The hosting is part of what is authenticated.
    let mut container = published.container("pair_success");
    container.account_type = Some(1);
    assert_eq!(published.verify(&container), Err(AdvError::HmacMismatch));
}

#[test]
fn a_wrong_account_signature_is_refused() {
    let published = Published::load();
    let other = KeyPair::generate(&mut rng());
    let changes: [&dyn Fn(&mut AdvSignedDeviceIdentity); 6] = [
        &|signed| signed.account_signature.as_mut().unwrap()[0] ^= 1,
        &|signed| signed.account_signature = None,
        &|signed| signed.account_signature.as_mut().unwrap().truncate(63),
        &|signed| signed.account_signature_key = Some(other.public().as_bytes().to_vec()),
        &|signed| signed.account_signature_key = None,
        &|signed| signed.details.as_mut().unwrap()[1] ^= 1,
    ];
    for change in changes {
        let container = published.reseal(change);
        assert_eq!(published.verify(&container), Err(AdvError::AccountSignature));
    }
}

#[test]
fn the_signature_is_about_our_identity_key() {
    let published = Published::load();
    let container = bytes(&published.vectors["pair_success"]["adv_signed_device_identity_hmac"]);
    let other = KeyPair::generate(&mut rng());
    let refused = verify_container(&container, &published.secret, &other).map(drop);
    assert_eq!(refused, Err(AdvError::AccountSignature));
}

#[test]
fn malformed_containers_are_refused() {
    let published = Published::load();
    let mut container = published.container("pair_success");
    container.hmac = None;
    assert_eq!(published.verify(&container), Err(AdvError::Malformed));
    container = published.container("pair_success");
    container.details = None;
    assert_eq!(published.verify(&container), Err(AdvError::Malformed));
    // Details without a key index.
    let no_index = published.reseal(|signed| signed.details = Some(vec![8, 1]));
    assert_eq!(published.verify(&no_index), Err(AdvError::Malformed));
    let no_details = published.reseal(|signed| signed.details = None);
    assert_eq!(published.verify(&no_details), Err(AdvError::Malformed));
}

fn offer(hosting: Hosting, published: &Published) -> PendingLink {
    Linking {
        primary: &published.primary,
        companion: published.companion.public(),
        secret: &published.secret,
        details: DeviceIdentityDetails {
            raw_id: 7,
            timestamp: 1_760_000_000,
            key_index: 3,
            account_type: hosting,
            device_type: hosting,
        },
    }
    .offer(&mut rng())
}

#[test]
fn a_reply_must_be_signed_by_the_companion_about_what_was_offered() {
    let published = Published::load();
    let link = offer(Hosting::Own, &published);
    let reply = verify_container(link.container(), &published.secret, &published.companion)
        .unwrap()
        .sign(&mut rng())
        .to_reply_bytes();
    link.accept_reply(&reply).unwrap();

    let changed = |change: &dyn Fn(&mut AdvSignedDeviceIdentity)| {
        let mut wire = AdvSignedDeviceIdentity::decode(reply.as_slice()).unwrap();
        change(&mut wire);
        link.accept_reply(&wire.encode_to_vec()).map(drop)
    };
    let flip = |field: &mut Option<Vec<u8>>| field.as_mut().unwrap()[2] ^= 1;
    assert_eq!(changed(&|wire| flip(&mut wire.device_signature)), Err(AdvError::DeviceSignature));
    assert_eq!(changed(&|wire| wire.device_signature = None), Err(AdvError::DeviceSignature));
    assert_eq!(changed(&|wire| flip(&mut wire.details)), Err(AdvError::Changed));
    assert_eq!(changed(&|wire| flip(&mut wire.account_signature)), Err(AdvError::Changed));
    let other = [9; 32].to_vec();
    assert_eq!(changed(&|wire| wire.account_signature_key = Some(other.clone())), Err(AdvError::Changed));
    let primary = published.primary.public().as_bytes().to_vec();
    assert_eq!(changed(&|wire| wire.account_signature_key = Some(primary.clone())), Ok(()));
}

#[test]
fn the_hosted_device_prefix_is_taken_for_hosted_accounts_only() {
    let published = Published::load();
    for (hosting, expected) in [(Hosting::Own, Err(AdvError::DeviceSignature)), (Hosting::Hosted, Ok(()))] {
        let link = offer(hosting, &published);
        let identity =
            verify_container(link.container(), &published.secret, &published.companion).unwrap().sign(&mut rng());
        let message = device_identity::device_message(
            Hosting::Hosted,
            identity.details(),
            published.companion.public(),
            published.primary.public(),
        );
        let mut wire = AdvSignedDeviceIdentity::decode(identity.to_bytes().as_slice()).unwrap();
        let signature = published.companion.private().sign(&message, &mut rng());
        wire.device_signature = Some(signature.as_bytes().to_vec());
        assert_eq!(link.accept_reply(&wire.encode_to_vec()).map(drop), expected);
    }
}

#[test]
fn a_device_identity_needs_both_signatures_under_one_hosting() {
    let published = Published::load();
    let (companion, primary) = (&published.companion, &published.primary);
    let details = vec![8, 1, 24, 2];
    for account in [Hosting::Own, Hosting::Hosted] {
        for device in [Hosting::Own, Hosting::Hosted] {
            let by_account = primary
                .private()
                .sign(&device_identity::account_message(account, &details, companion.public()), &mut rng());
            let by_device = companion.private().sign(
                &device_identity::device_message(device, &details, companion.public(), primary.public()),
                &mut rng(),
            );
            let identity = SignedDeviceIdentity::new(details.clone(), *primary.public(), by_account, by_device);
            let outcome = check_device_identity(&identity.to_bytes(), companion.public(), None);
            if account == device {
                let account_key = *primary.public();
                assert_eq!(outcome, Ok(IdentityCheck::Verified { account_key }));
            } else {
                assert_eq!(outcome, Err(AdvError::DeviceSignature));
            }
        }
    }
}

#[test]
fn published_device_identities_are_judged_as_published() {
    let vectors = crate::messaging::vectors::load();
    let vector = &vectors["adv"]["device_identity"];
    let key = |name: &str| PublicKey::from_bytes(array(&vectors["adv"][name]));
    let (account, device) = (key("account_public"), key("device_public"));
    let other = PublicKey::from_bytes([9; 32]);
    let check = |identity: &str, device: &PublicKey, known: Option<&PublicKey>| {
        check_device_identity(&bytes(&vector[identity]), device, known)
    };
    let verified = Ok(IdentityCheck::Verified { account_key: account });
    assert_eq!(check("with_key", &device, None), verified);
    assert_eq!(check("without_key", &device, Some(&account)), verified);
    assert_eq!(check("hosted_prefixes_with_key", &device, None), verified);
    assert_eq!(check("without_key", &device, None), Ok(IdentityCheck::NoAccountKey));
    assert_eq!(check("without_key", &device, Some(&device)), Err(AdvError::AccountSignature));
    assert_eq!(check("with_key", &other, None), Err(AdvError::AccountSignature));
}

#[test]
fn the_published_list_is_read_and_checked() {
    let vectors = crate::messaging::vectors::load();
    let account = PublicKey::from_bytes(array(&vectors["adv"]["account_public"]));
    let vector = &vectors["adv"]["key_index_list"];
    let list = KeyIndexList {
        raw_id: 1_234_567,
        timestamp: 1_760_000_000,
        current_index: 9,
        valid_indexes: vec![0, 3, 9],
        account_type: Hosting::Own,
    };
    for form in ["list_without_key", "list_with_account_key"] {
        let signed = bytes(&vector[form]);
        assert_eq!(SignedKeyIndexList::parse(&signed).unwrap().verify(Some(&account)), Ok(list.clone()));
        // One bit of the list, behind its two-byte header.
        let mut tampered = signed;
        tampered[2 + 16] ^= 1;
        let refused = SignedKeyIndexList::parse(&tampered).unwrap().verify(Some(&account));
        assert_eq!(refused, Err(AdvError::AccountSignature));
    }
    let admitted: Vec<bool> = [3, 5, 9, 10].into_iter().map(|index| list.admits(index)).collect();
    assert_eq!(admitted, [true, false, true, true]);
}

#[test]
fn a_list_is_checked_with_the_known_key_before_its_own() {
    let published = Published::load();
    let list = KeyIndexList {
        raw_id: 1,
        timestamp: 2,
        current_index: 9,
        valid_indexes: vec![0, 3, 9],
        account_type: Hosting::Own,
    };
    let other = KeyPair::generate(&mut rng());
    for with_key in [false, true] {
        let signed = list.sign(&published.primary, with_key, &mut rng());
        let signed = SignedKeyIndexList::parse(&signed).unwrap();
        assert_eq!(signed.account_key().is_some(), with_key);
        assert_eq!(signed.verify(Some(published.primary.public())), Ok(list.clone()));
        assert_eq!(signed.verify(None), Ok(list.clone()));
        assert_eq!(signed.verify(Some(other.public())), Err(AdvError::AccountSignature));
    }
    let mut forged = list.sign(&published.primary, true, &mut rng());
    // The first byte of the details' raw id.
    forged[3] ^= 1;
    let forged = SignedKeyIndexList::parse(&forged).unwrap();
    assert_eq!(forged.verify(None), Err(AdvError::AccountSignature));
}

#[test]
fn a_missing_signature_on_a_list_is_a_wrong_one_once_a_key_is_known() {
    let unsigned = crate::proto::AdvSignedKeyIndexList {
        details: Some(vec![8, 1]),
        account_signature: None,
        account_signature_key: None,
    };
    let unsigned = SignedKeyIndexList::parse(&unsigned.encode_to_vec()).unwrap();
    assert!(unsigned.verify(None).is_ok());
    let key = PublicKey::from_bytes([9; 32]);
    assert_eq!(unsigned.verify(Some(&key)), Err(AdvError::AccountSignature));
}

#[test]
fn nothing_secret_or_personal_is_printed() {
    let published = Published::load();
    let link = offer(Hosting::Own, &published);
    assert_eq!(format!("{link:?}"), "PendingLink { .. }");
    assert_eq!(format!("{:?}", published.secret), "AdvSecret(..)");
}

proptest::proptest! {
    #[test]
    fn no_input_panics(input in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let published = Published::load();
        let key = PublicKey::from_bytes([9; 32]);
        let _ = verify_container(&input, &published.secret, &published.companion).map(drop);
        let _ = check_device_identity(&input, &key, Some(&key));
        let _ = SignedDeviceIdentity::from_bytes(&input);
        let _ = SignedKeyIndexList::parse(&input).map(|list| list.verify(None));
    }
}
