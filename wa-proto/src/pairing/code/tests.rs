use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;
use zeroize::Zeroizing;

use super::companion::FinishRandom;
use super::*;
use crate::keys::{KeyPair, PrivateKey};
use crate::vectors::{self, array, bytes, list, text};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

fn pair(keys: &Value) -> KeyPair {
    KeyPair::from_private(PrivateKey::from_bytes(array(&keys["private"])))
}

#[test]
fn published_codes_are_written_and_read() {
    let vectors = vectors::pairing();
    for case in list(&vectors["crockford"]) {
        let code = PairingCode::from_bits(array(&case["bytes"]));
        assert_eq!(code.as_bytes(), text(&case["code"]).as_bytes());
    }
    let vector = &vectors["pair_code"];
    let code = PairingCode::parse(text(&vector["code"])).unwrap();
    assert_eq!(code.as_bytes(), PairingCode::from_bits(array(&vector["code_bytes"])).as_bytes());
    assert_eq!(code.expose(), text(&vector["displayed"]));
    let lower = text(&vector["displayed"]).to_lowercase();
    assert_eq!(PairingCode::parse(&lower).unwrap().as_bytes(), code.as_bytes());
}

#[test]
fn other_texts_are_no_codes() {
    for wrong in [
        "",
        "1234567",
        "123456789",
        "1234-567",
        "12-345678",
        "1234567O",
        "1234567U",
        "1234-56-8",
        "ÄÄ345678",
        "123ß5678",
    ] {
        assert_eq!(PairingCode::parse(wrong).map(drop), Err(CodeError::MalformedCode), "{wrong}");
    }
}

/// Both sides of the published run.
struct Published {
    vector: Value,
    companion_identity: KeyPair,
    primary_identity: KeyPair,
    companion: CompanionCode,
    primary: PrimaryCode,
}

fn published() -> Published {
    let vectors = vectors::pairing();
    let vector = vectors["pair_code"].clone();
    let code = PairingCode::parse(text(&vector["code"])).unwrap();
    let wrap = |key: &KeyPair, side: &str| {
        let salt = array(&vector[format!("{side}_salt")]);
        let iv = array(&vector[format!("{side}_iv")]);
        assert_eq!(*wrap::code_key(&code, &salt), array(&vector[format!("{side}_code_key")]));
        let wrapped = WrappedKey::wrap_with(&code, key.public(), salt, iv);
        let expected = bytes(&vector[format!("wrapped_{side}_ephemeral_pub")]);
        assert_eq!(wrapped.to_bytes(), expected);
        WrappedKey::from_slice(&expected).unwrap()
    };
    let companion_ephemeral = pair(&vector["companion_ephemeral"]);
    let primary_ephemeral = pair(&vector["primary_ephemeral"]);
    let companion_wrapped = wrap(&companion_ephemeral, "companion");
    let primary_wrapped = wrap(&primary_ephemeral, "primary");
    assert_eq!(companion_wrapped.open(&code), *companion_ephemeral.public());
    Published {
        companion_identity: pair(&vectors["keys"]["companion_identity"]),
        primary_identity: pair(&vectors["keys"]["primary_identity"]),
        primary: PrimaryCode::from_parts(&code, primary_ephemeral, primary_wrapped, &companion_wrapped),
        companion: CompanionCode::from_parts(code, companion_ephemeral, companion_wrapped),
        vector,
    }
}

#[test]
fn the_published_run_is_reproduced_on_both_sides() {
    let run = published();
    let random = FinishRandom {
        random: Zeroizing::new(array(&run.vector["random"])),
        salt: array(&run.vector["bundle_salt"]),
        nonce: array(&run.vector["bundle_nonce"]),
    };
    let primary_public = run.primary_identity.public();
    let finish =
        run.companion.finish_with(run.primary.wrapped(), primary_public, &run.companion_identity, random).unwrap();
    assert_eq!(finish.bundle, bytes(&run.vector["wrapped_key_bundle"]));
    assert_eq!(finish.adv_secret.expose(), &array(&run.vector["adv_secret"]));

    let opened = run
        .primary
        .open(&bytes(&run.vector["wrapped_key_bundle"]), run.companion_identity.public(), &run.primary_identity)
        .unwrap();
    assert_eq!(opened.expose(), &array(&run.vector["adv_secret"]));
}

#[test]
fn both_sides_derive_one_secret_and_a_wrong_code_does_not_open() {
    let mut rng = rng();
    let (companion_identity, primary_identity) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let companion = CompanionCode::generate(PairingCode::generate(&mut rng), &mut rng);
    let wrong = PairingCode::generate(&mut rng);
    for (typed, right) in [(companion.code().clone(), true), (wrong, false)] {
        let primary = PrimaryCode::answer(&typed, companion.wrapped(), &mut rng);
        let finish =
            companion.finish(primary.wrapped(), primary_identity.public(), &companion_identity, &mut rng).unwrap();
        assert_eq!(finish.bundle.len(), BUNDLE_LENGTH);
        let opened = primary.open(&finish.bundle, companion_identity.public(), &primary_identity);
        if right {
            assert_eq!(opened.unwrap().expose(), finish.adv_secret.expose());
        } else {
            assert_eq!(opened.map(drop), Err(CodeError::WrongCode));
        }
    }
}

#[test]
fn the_bundle_binds_both_identities() {
    let run = published();
    let bundle = bytes(&run.vector["wrapped_key_bundle"]);
    let other = KeyPair::generate(&mut rng());
    let open =
        |companion: &KeyPair, primary: &KeyPair| run.primary.open(&bundle, companion.public(), primary).map(drop);
    assert_eq!(open(&run.companion_identity, &run.primary_identity), Ok(()));
    assert_eq!(open(&other, &run.primary_identity), Err(CodeError::IdentityMismatch));
    assert_eq!(open(&run.companion_identity, &other), Err(CodeError::IdentityMismatch));
}

#[test]
fn changed_and_cut_bundles_are_refused() {
    let run = published();
    let bundle = bytes(&run.vector["wrapped_key_bundle"]);
    let open = |bundle: &[u8]| {
        let companion = run.companion_identity.public();
        run.primary.open(bundle, companion, &run.primary_identity).map(drop)
    };
    for position in [0, 32, 44, 155] {
        let mut changed = bundle.clone();
        changed[position] ^= 1;
        assert_eq!(open(&changed), Err(CodeError::WrongCode));
    }
    assert_eq!(open(&bundle[..155]), Err(CodeError::MalformedMessage));
    assert_eq!(open(&[]), Err(CodeError::MalformedMessage));
}

#[test]
fn keys_of_low_order_are_refused() {
    let run = published();
    let weak = crate::keys::PublicKey::from_bytes([0; 32]);
    let wrapped = WrappedKey::wrap(run.companion.code(), &weak, &mut rng());
    let identity = &run.companion_identity;
    let primary = run.primary_identity.public();
    let by_ephemeral = run.companion.finish(&wrapped, primary, identity, &mut rng());
    assert_eq!(by_ephemeral.map(drop), Err(CodeError::WeakKey));
    let by_identity = run.companion.finish(run.primary.wrapped(), &weak, identity, &mut rng());
    assert_eq!(by_identity.map(drop), Err(CodeError::WeakKey));
}

#[test]
fn codes_are_not_printed() {
    let run = published();
    let printed = format!("{:?}", run.companion);
    assert!(!printed.contains(text(&run.vector["code"])), "{printed}");
    assert!(!printed.contains(&run.companion.code().expose()), "{printed}");
}

proptest! {
    #[test]
    fn every_code_is_read_back(code in any::<[u8; 5]>()) {
        let written = PairingCode::from_bits(code);
        let read = PairingCode::parse(&written.expose()).unwrap();
        prop_assert_eq!(read.as_bytes(), written.as_bytes());
    }

    #[test]
    fn no_text_panics(text in ".{0,12}") {
        let _ = PairingCode::parse(&text);
    }

    #[test]
    fn wrapped_keys_have_one_length(input in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(wrapped) = WrappedKey::from_slice(&input) {
            prop_assert_eq!(wrapped.to_bytes(), input);
        } else {
            prop_assert_ne!(input.len(), WrappedKey::LENGTH);
        }
    }
}
