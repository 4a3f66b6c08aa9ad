use proptest::prelude::*;
use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;

use super::*;
use crate::device::{DeviceKeys, RegistrationId};
use crate::keys::{KeyPair, PrivateKey, Signature};
use crate::pairing::adv::AdvSecret;
use crate::proto::{DevicePlatform, EncryptedPairingRequest};
use crate::signal::{SignedPrekey, SignedPrekeyId};
use crate::vectors::{self, array, bytes, text};

fn pair(keys: &Value) -> KeyPair {
    KeyPair::from_private(PrivateKey::from_bytes(array(&keys["private"])))
}

/// Both sides of the published run.
struct Published {
    vector: Value,
    keys: DeviceKeys,
    companion: PasskeyCompanion,
    primary: PasskeyPrimary,
}

fn published() -> Published {
    let vectors = vectors::pairing();
    let (keys, vector) = (&vectors["keys"], &vectors["passkey"]);
    let identity = pair(&keys["companion_identity"]);
    let signed = pair(&keys["companion_signed_prekey"]);
    let signature = Signature::from_bytes(array(&keys["companion_signed_prekey"]["signature"]));
    // The new adv secret stands at the end of the published request.
    let request = bytes(&vector["pairing_request"]);
    let secret = AdvSecret::from_slice(&request[request.len() - 32..]).unwrap();
    let keys = DeviceKeys::from_stored(
        pair(&keys["companion_noise"]),
        identity,
        RegistrationId::new(1),
        SignedPrekey::from_stored(SignedPrekeyId::FIRST, signed, signature),
        secret,
    );
    let companion = PasskeyCompanion::from_parts(
        pair(&vector["companion_ephemeral"]),
        array(&vector["companion_nonce"]),
        DevicePlatform::try_from(i32::try_from(vector["device_type"].as_i64().unwrap()).unwrap()).unwrap(),
        text(&vector["ref"]),
    );
    let primary = PasskeyPrimary::answer_with(
        &bytes(&vector["prologue_payload"]),
        pair(&vector["primary_ephemeral"]),
        array(&vector["primary_nonce"]),
    );
    Published { keys, companion, primary: primary.unwrap(), vector: vector.clone() }
}

#[test]
fn the_published_run_is_reproduced_on_both_sides() {
    let run = published();
    assert_eq!(run.companion.prologue(), bytes(&run.vector["prologue_payload"]));
    let answer = PrimaryEphemeral::from_bytes(&run.primary.ephemeral().to_bytes()).unwrap();
    let code = PairingCode::parse(text(&run.vector["verification_code"])).unwrap().expose();
    assert_eq!(run.companion.verification_code(&answer).expose(), code);

    let sealed = run.companion.seal_with(&answer, &run.keys, array(&run.vector["iv"])).unwrap();
    assert_eq!(sealed, bytes(&run.vector["encrypted_pairing_request"]));

    let confirmed = run.primary.confirm(run.companion.nonce()).unwrap();
    assert_eq!(confirmed.verification_code().expose(), code);
    let requested = confirmed.open(&bytes(&run.vector["encrypted_pairing_request"])).unwrap();
    assert_eq!(requested.noise, *run.keys.noise.public());
    assert_eq!(requested.identity, *run.keys.identity.public());
    assert_eq!(requested.adv_secret.expose(), run.keys.adv_secret.expose());
}

#[test]
fn the_published_handoff_is_proved() {
    let run = published();
    let key = HandoffKey::derive(&AdvSecret::from_bytes(array(&run.vector["prior_adv_secret"]))).unwrap();
    assert_eq!(key.expose(), &array(&run.vector["handoff_hmac_key"]));
    assert_eq!(key.prove(&run.companion.prologue()), array(&run.vector["pairing_handoff_proof"]));
}

#[test]
fn the_published_key_and_commitment_are_computed() {
    let run = published();
    let shared = pair(&run.vector["companion_ephemeral"]).private().agree(&run.primary.ephemeral().key).unwrap();
    assert_eq!(shared.as_bytes(), &array(&run.vector["shared_secret"]));
    let key = request_key(&shared, 1, text(&run.vector["ref"])).unwrap();
    assert_eq!(*key, array(&run.vector["encryption_key"]));
    let identity = bytes(&run.vector["companion_ephemeral_identity"]);
    assert_eq!(commitment(&identity, run.companion.nonce()), array(&run.vector["commitment_hash"]));
}

#[test]
fn another_nonce_breaks_the_commitment() {
    let run = published();
    let mut nonce = *run.companion.nonce();
    nonce[0] ^= 1;
    assert_eq!(run.primary.confirm(&nonce).map(drop), Err(PasskeyError::Commitment));
}

#[test]
fn a_changed_request_does_not_open() {
    let run = published();
    let confirmed = run.primary.confirm(run.companion.nonce()).unwrap();
    let sealed = bytes(&run.vector["encrypted_pairing_request"]);
    let changed = |change: &dyn Fn(&mut EncryptedPairingRequest)| {
        let mut request = EncryptedPairingRequest::decode(sealed.as_slice()).unwrap();
        change(&mut request);
        confirmed.open(&request.encode_to_vec()).map(drop)
    };
    assert_eq!(changed(&|_| ()), Ok(()));
    let flipped = changed(&|request| request.encrypted_payload.as_mut().unwrap()[0] ^= 1);
    assert_eq!(flipped, Err(PasskeyError::Unauthentic));
    assert_eq!(changed(&|request| request.iv.as_mut().unwrap()[0] ^= 1), Err(PasskeyError::Unauthentic));
    assert_eq!(changed(&|request| request.iv = None), Err(PasskeyError::Malformed));
}

#[test]
fn keys_of_low_order_are_refused() {
    let run = published();
    let weak = PrimaryEphemeral { key: PublicKey::from_bytes([0; 32]), nonce: [0; 32] };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    assert_eq!(run.companion.seal(&weak, &run.keys, &mut rng), Err(PasskeyError::WeakKey));
}

#[test]
fn a_fresh_run_ends_with_one_code_and_the_right_keys() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let keys = DeviceKeys::generate(&mut rng);
    let companion = PasskeyCompanion::generate(DevicePlatform::Firefox, "2@ref", &mut rng);
    let primary = PasskeyPrimary::answer(&companion.prologue(), &mut rng).unwrap();
    let ephemeral = primary.ephemeral();
    let confirmed = primary.confirm(companion.nonce()).unwrap();
    assert_eq!(confirmed.verification_code().expose(), companion.verification_code(&ephemeral).expose());
    let requested = confirmed.open(&companion.seal(&ephemeral, &keys, &mut rng).unwrap()).unwrap();
    assert_eq!(requested.adv_secret.expose(), keys.adv_secret.expose());
}

proptest! {
    #[test]
    fn no_message_panics(input in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let _ = PasskeyPrimary::answer(&input, &mut rng);
        let _ = PrimaryEphemeral::from_bytes(&input);
        let companion = PasskeyCompanion::generate(DevicePlatform::Chrome, "r", &mut rng);
        let primary = PasskeyPrimary::answer(&companion.prologue(), &mut rng).unwrap();
        let _ = primary.confirm(companion.nonce()).unwrap().open(&input);
    }
}
