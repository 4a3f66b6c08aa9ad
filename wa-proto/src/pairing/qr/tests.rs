use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::vectors::{self, array, text};

const START: Duration = Duration::from_hours(1);

fn published() -> (QrCode, String) {
    let vectors = vectors::pairing();
    let keys = &vectors["keys"];
    let code = QrCode {
        reference: text(&vectors["qr"]["ref"]).to_owned(),
        noise: PublicKey::from_bytes(array(&keys["companion_noise"]["public"])),
        identity: PublicKey::from_bytes(array(&keys["companion_identity"]["public"])),
        adv_secret: AdvSecret::from_bytes(array(&keys["adv_secret"])),
        client_type: ClientType::from_text(text(&vectors["qr"]["client_type"])),
    };
    (code, text(&vectors["qr"]["string"]).to_owned())
}

#[test]
fn the_published_text_is_written_and_read() {
    let (code, text) = published();
    assert_eq!(code.to_text(), text);
    let read = QrCode::parse(&text).unwrap();
    assert_eq!(read.reference, code.reference);
    assert_eq!(read.noise, code.noise);
    assert_eq!(read.identity, code.identity);
    assert_eq!(read.adv_secret.expose(), code.adv_secret.expose());
    assert_eq!(read.client_type, Some(ClientType::Chrome));
}

#[test]
fn older_and_newer_forms_are_read() {
    let (code, text) = published();
    let bare = text.split_once('#').unwrap().1;
    let four_fields = bare.rsplit_once(',').unwrap().0;
    for (form, client_type) in [
        (bare.to_owned(), Some(ClientType::Chrome)),
        (four_fields.to_owned(), None),
        (format!("{four_fields},?"), None),
        (format!(" {text},more,fields\n"), Some(ClientType::Chrome)),
    ] {
        let read = QrCode::parse(&form).unwrap();
        assert_eq!((read.reference, read.client_type), (code.reference.clone(), client_type));
    }
}

#[test]
fn incomplete_and_malformed_texts_are_refused() {
    let (_, text) = published();
    let bare = text.split_once('#').unwrap().1;
    let fields: Vec<&str> = bare.split(',').collect();
    let refused = |fields: &[&str]| QrCode::parse(&fields.join(",")).map(drop);
    assert_eq!(refused(&[]), Err(QrError::MissingField));
    assert_eq!(refused(&fields[..3]), Err(QrError::MissingField));
    assert_eq!(refused(&["", fields[1], fields[2], fields[3]]), Err(QrError::MissingField));
    for broken in ["AAAA", "not base64", &fields[1][..40]] {
        for position in 1..4 {
            let mut changed = fields.clone();
            changed[position] = broken;
            assert_eq!(refused(&changed), Err(QrError::MalformedKey));
        }
    }
}

#[test]
fn the_first_reference_lasts_a_minute_and_the_others_twenty_seconds() {
    let after = |seconds| START + Duration::from_secs(seconds);
    let references = ["a", "b", "c"].map(str::to_owned);
    let mut rotation = QrRotation::new(references, START);
    assert_eq!(rotation.current(), Some(("a", after(60))));
    assert!(!rotation.advance(after(59)));
    assert!(rotation.advance(after(60)));
    assert_eq!(rotation.current(), Some(("b", after(80))));
    assert!(rotation.advance(after(80)));
    assert_eq!(rotation.current(), Some(("c", after(100))));
    assert!(rotation.advance(after(100)));
    assert_eq!(rotation.current(), None);
    assert!(!rotation.advance(after(200)));
}

#[test]
fn a_late_timer_skips_references_that_have_ended() {
    let references = ["a", "b", "c"].map(str::to_owned);
    let mut rotation = QrRotation::new(references, START);
    assert!(rotation.advance(START + Duration::from_secs(85)));
    assert_eq!(rotation.current(), Some(("c", START + Duration::from_secs(100))));
}

#[test]
fn no_references_are_used_up_at_once() {
    assert_eq!(QrRotation::new([], START).current(), None);
}

#[test]
fn client_types_are_told_apart() {
    for (kind, character) in ClientType::TABLE {
        assert_eq!(kind.as_char(), character);
        assert_eq!(ClientType::from_text(&character.to_string()), Some(kind));
    }
    assert_eq!(ClientType::from_text("11"), None);
    assert_eq!(ClientType::from_platform(DevicePlatform::Chrome), ClientType::Chrome);
}

#[test]
fn the_code_is_not_printed() {
    let (code, _) = published();
    assert_eq!(format!("{code:?}"), "QrCode { .. }");
}

proptest! {
    #[test]
    fn every_code_is_read_back(
        reference in "[a-zA-Z0-9@+/=]{1,40}",
        noise: [u8; 32],
        identity: [u8; 32],
        secret: [u8; 32],
    ) {
        let code = QrCode {
            reference,
            noise: PublicKey::from_bytes(noise),
            identity: PublicKey::from_bytes(identity),
            adv_secret: AdvSecret::from_bytes(secret),
            client_type: Some(ClientType::Firefox),
        };
        let read = QrCode::parse(&code.to_text()).unwrap();
        prop_assert_eq!(&read.reference, &code.reference);
        prop_assert_eq!(read.to_text(), code.to_text());
    }

    #[test]
    fn no_text_panics(text in ".{0,300}") {
        let _ = QrCode::parse(&text);
    }
}
