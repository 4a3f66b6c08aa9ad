use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value as Json;

use super::*;
use crate::vectors::{array, bytes, list, noise_and_codec, text};

const NOW: u64 = 1_800_000_000;
const ALWAYS: Validity = Validity { not_before: 0, not_after: u64::MAX };

fn public(vectors: &Json, name: &str) -> PublicKey {
    PublicKey::from_bytes(array(&vectors["noise"]["keys"][name]["public"]))
}

/// The published chain with some of its parts replaced by those of a row.
fn chain_with(vectors: &Json, row: &Json) -> Vec<u8> {
    let valid = &vectors["noise"]["certificate"];
    let part = |row_name: &str, name: &str| Some(bytes(row.get(row_name).unwrap_or(&valid[name])));
    CertChain {
        leaf: Some(NoiseCertificate {
            details: part("leaf_details", "details_leaf"),
            signature: part("leaf_signature", "signature_leaf"),
        }),
        intermediate: Some(NoiseCertificate {
            details: part("intermediate_details", "details_intermediate"),
            signature: part("intermediate_signature", "signature_intermediate"),
        }),
    }
    .encode_to_vec()
}

#[test]
fn the_published_chain_is_accepted() {
    let vectors = noise_and_codec();
    let chain = bytes(&vectors["noise"]["certificate"]["chain"]);
    assert_eq!(chain, chain_with(&vectors, &Json::Null));
    let (root, key) = (public(&vectors, "cert_root"), public(&vectors, "server_static"));
    let verified = verify(&chain, &root, &key, NOW).unwrap();
    assert_eq!(*verified.key(), key);
    assert_eq!(verified.validity(), Validity { not_before: 1_700_000_500, not_after: 1_899_999_500 });

    let restored = ServerVerified::restore(verified.chain(), &root, NOW).unwrap();
    assert_eq!(*restored.key(), key);
}

#[test]
fn the_published_false_chains_are_rejected_each_for_its_reason() {
    let vectors = noise_and_codec();
    let (root, key) = (public(&vectors, "cert_root"), public(&vectors, "server_static"));
    let rows = list(&vectors["noise"]["certificate_negative"]["rows"]);
    assert_eq!(rows.len(), 6);
    for row in rows {
        let case = text(&row["case"]);
        let error = verify(&chain_with(&vectors, row), &root, &key, NOW).expect_err(case);
        let reason = match error {
            CertificateError::StaticKey => "leaf key differs from the decrypted server static",
            CertificateError::Issuer(Certificate::Leaf) => "leaf issuerSerial is not the intermediate serial",
            CertificateError::Issuer(Certificate::Intermediate) => "intermediate issuerSerial 1",
            CertificateError::OutsideValidity { certificate: Certificate::Leaf, .. } => "leaf expired",
            CertificateError::Signature { certificate: Certificate::Leaf, .. } => "leaf signature",
            CertificateError::Signature { certificate: Certificate::Intermediate, .. } => "intermediate signature",
            other @ (CertificateError::Malformed | CertificateError::OutsideValidity { .. }) => {
                panic!("{case}: {other}")
            }
        };
        assert!(case.starts_with(reason), "{case}: {error}");
    }
}

#[test]
fn another_root_is_rejected() {
    let vectors = noise_and_codec();
    let chain = bytes(&vectors["noise"]["certificate"]["chain"]);
    let key = public(&vectors, "server_static");
    let error = verify(&chain, &WHATSAPP_ROOT, &key, NOW).unwrap_err();
    assert!(matches!(error, CertificateError::Signature { certificate: Certificate::Intermediate, .. }));
}

#[test]
fn validity_is_checked_for_each_certificate_and_both_ends() {
    let vectors = noise_and_codec();
    let chain = bytes(&vectors["noise"]["certificate"]["chain"]);
    let (root, key) = (public(&vectors, "cert_root"), public(&vectors, "server_static"));
    let at = |now| match verify(&chain, &root, &key, now) {
        Ok(_) => None,
        Err(CertificateError::OutsideValidity { certificate, .. }) => Some(certificate),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(at(1_699_999_999), Some(Certificate::Intermediate));
    assert_eq!(at(1_700_000_499), Some(Certificate::Leaf));
    assert_eq!(at(1_700_000_500), None);
    assert_eq!(at(1_899_999_500), None);
    assert_eq!(at(1_899_999_501), Some(Certificate::Leaf));
    assert_eq!(at(1_900_000_001), Some(Certificate::Intermediate));
    assert!(ServerVerified::restore(&chain, &root, 0).is_err());
}

#[test]
fn issued_chains_are_accepted_and_any_change_to_them_is_not() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (root, intermediate, leaf) =
        (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let issuer = Issuer { root: root.private(), intermediate: &intermediate, intermediate_serial: 7, validity: ALWAYS };
    let chain = issuer.issue(leaf.public(), 8, &mut rng);
    assert!(verify(&chain, root.public(), leaf.public(), NOW).is_ok());
    for at in 0..chain.len() {
        let mut changed = chain.clone();
        changed[at] ^= 1;
        assert!(verify(&changed, root.public(), leaf.public(), NOW).is_err(), "byte {at}");
        assert!(ServerVerified::restore(&changed, root.public(), NOW).is_err(), "byte {at}");
        assert!(verify(&chain[..at], root.public(), leaf.public(), NOW).is_err(), "cut at {at}");
    }
}
