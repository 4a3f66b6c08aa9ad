use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

use super::*;
use crate::vectors::{array, bytes, list, signal, text};

#[test]
fn public_keys_and_clamping_match_the_vectors() {
    for vector in list(&signal()["x25519"]["public_keys"]) {
        let private = PrivateKey::from_bytes(array(&vector["private"]));
        assert_eq!(private.expose(), &array(&vector["clamped"]));
        assert_eq!(private.public_key().as_bytes(), &array(&vector["public_raw"]));
        assert_eq!(private.public_key().to_typed_bytes(), array(&vector["public_serialized"]));
    }
}

#[test]
fn agreements_match_the_vectors() {
    for vector in list(&signal()["x25519"]["agreements"]) {
        let private = PrivateKey::from_bytes(array(&vector["private"]));
        let public = PublicKey::from_bytes(array(&vector["public"]));
        let shared = private.agree(&public).unwrap();
        assert_eq!(shared.as_bytes(), &array(&vector["shared"]), "{}", vector["name"]);
    }
}

#[test]
fn agreements_with_low_order_keys_are_refused() {
    for vector in list(&signal()["x25519"]["must_reject"]) {
        let private = PrivateKey::from_bytes(array(&vector["private"]));
        let mut raw: [u8; 32] = array(&vector["public"]);
        for _ in 0..2 {
            let public = PublicKey::from_bytes(raw);
            assert_eq!(private.agree(&public).unwrap_err(), KeyError::WeakKey);
            assert!(public.is_low_order());
            assert_eq!(public.require_verifying(), Err(KeyError::WeakKey));
            raw[31] ^= 0x80; // bit 255 changes nothing
        }
    }
}

#[test]
fn typed_keys_parse_strictly() {
    for vector in list(&signal()["public_key_parsing"]) {
        let parsed = PublicKey::from_typed_slice(&bytes(&vector["bytes"]));
        assert_eq!(parsed.is_ok(), vector["accept"].as_bool().unwrap(), "{}", vector["note"]);
    }
}

#[test]
fn signatures_match_the_vectors() {
    for vector in list(&signal()["xeddsa"]["sign_exact"]["vectors"]) {
        let private = PrivateKey::from_bytes(array(&vector["private"]));
        let message = bytes(&vector["message"]);
        let signature = private.sign_with_random(&message, &array(&vector["random"]));
        assert_eq!(signature.as_bytes(), &array(&vector["signature"]));
        assert_eq!(u64::from(signature.sign_bit()), vector["sign_bit"].as_u64().unwrap());
        assert_eq!(SigningKey::new(&private).edwards_bytes(), &array(&vector["edwards_public"]));
        private.public_key().verify(&message, &signature).unwrap();
    }
}

fn verify(vector: &Value) -> Result<(), KeyError> {
    let public = PublicKey::from_typed_slice(&bytes(&vector["public"]))?;
    let signature = Signature::from_slice(&bytes(&vector["signature"]))?;
    public.verify(&bytes(&vector["message"]), &signature)
}

#[test]
fn signatures_of_four_libraries_verify() {
    for vector in list(&signal()["xeddsa"]["verify_valid"]["vectors"]) {
        assert_eq!(verify(vector), Ok(()));
    }
}

#[test]
fn altered_signatures_are_refused() {
    for vector in list(&signal()["xeddsa"]["verify_invalid"]["vectors"]) {
        assert!(verify(vector).is_err(), "{}", vector["note"]);
    }
}

#[test]
fn disputed_signatures_follow_the_recommended_policy() {
    for vector in list(&signal()["xeddsa"]["policy"]["vectors"]) {
        let recommended = text(&vector["recommended"]);
        if recommended.starts_with("reject") {
            assert!(verify(vector).is_err(), "{}", vector["note"]);
        } else {
            assert!(recommended.starts_with("accept or reject"));
        }
    }
}

#[test]
fn a_prepared_key_checks_signatures_of_its_sign_only() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let private = PrivateKey::generate(&mut rng);
    let signature = private.sign(b"statement", &mut rng);
    let sign = signature.as_bytes()[63] >> 7;
    let fitting = VerifyingKey::new(&private.public_key(), sign).unwrap();
    assert_eq!(fitting.sign_bit(), sign);
    assert_eq!(fitting.verify(b"statement", &signature), Ok(()));
    let other = VerifyingKey::new(&private.public_key(), 1 - sign).unwrap();
    assert_eq!(other.verify(b"statement", &signature), Err(KeyError::BadSignature));
}

#[test]
fn many_pairs_are_the_pairs_made_one_by_one() {
    let together = KeyPair::generate_many(9, &mut ChaCha20Rng::seed_from_u64(7));
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    assert_eq!(together.len(), 9);
    for pair in together {
        let single = KeyPair::generate(&mut rng);
        assert_eq!(pair.private().expose(), single.private().expose());
        assert_eq!(pair.public(), single.public());
    }
}

#[test]
fn debug_output_shows_no_key() {
    let pair = KeyPair::generate(&mut ChaCha20Rng::seed_from_u64(3));
    assert_eq!(format!("{pair:?}"), "KeyPair { private: PrivateKey(..), public: PublicKey(..) }");
    let shared = pair.private().agree(pair.public()).unwrap();
    assert_eq!(format!("{shared:?}"), "SharedSecret(..)");
}

proptest! {
    #[test]
    fn both_sides_agree(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
        let (a, b) = (PrivateKey::from_bytes(a), PrivateKey::from_bytes(b));
        let ours = a.agree(&b.public_key()).unwrap();
        let theirs = b.agree(&a.public_key()).unwrap();
        prop_assert_eq!(ours.as_bytes(), theirs.as_bytes());
    }

    #[test]
    fn own_signatures_verify_and_altered_ones_do_not(
        key in any::<[u8; 32]>(), seed in any::<u64>(),
        message in proptest::collection::vec(any::<u8>(), 0..100), bit in 0usize..512,
    ) {
        let private = PrivateKey::from_bytes(key);
        let signature = private.sign(&message, &mut ChaCha20Rng::seed_from_u64(seed));
        prop_assert_eq!(private.public_key().verify(&message, &signature), Ok(()));
        let mut altered = *signature.as_bytes();
        altered[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(private.public_key().verify(&message, &Signature::from_bytes(altered)).is_err());
    }

    #[test]
    fn any_bytes_are_handled(key in any::<[u8; 32]>(), signature in proptest::collection::vec(any::<u8>(), 0..70)) {
        let public = PublicKey::from_bytes(key);
        if let Ok(signature) = Signature::from_slice(&signature) {
            prop_assert!(public.verify(b"", &signature).is_err());
        }
    }
}
