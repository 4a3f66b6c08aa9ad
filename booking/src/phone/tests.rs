//! The numbers people type in Kazakhstan.

use super::*;

fn parsed(text: &str) -> Result<(String, Reach), PhoneError> {
    text.parse::<Phone>().map(|phone| (phone.expose().to_owned(), phone.reach()))
}

#[test]
fn what_people_type_becomes_one_form() {
    let cases = [
        ("87771234567", "77771234567", Reach::Mobile),
        ("+77771234567", "77771234567", Reach::Mobile),
        ("77771234567", "77771234567", Reach::Mobile),
        ("7771234567", "77771234567", Reach::Mobile),
        ("8 (777) 123-45-67", "77771234567", Reach::Mobile),
        ("8-10-7-777-123-45-67", "77771234567", Reach::Mobile),
        ("\u{202a}+7\u{a0}777\u{a0}123‑45‑67\u{202c}", "77771234567", Reach::Mobile),
        ("8 (747) 123-45-67", "77471234567", Reach::Mobile),
        ("9161234567", "79161234567", Reach::Mobile),
        ("89161234567", "79161234567", Reach::Mobile),
        ("+7 916 123 45 67", "79161234567", Reach::Mobile),
        ("7272501234", "77272501234", Reach::Landline),
        ("+7 727 250 1234", "77272501234", Reach::Landline),
        ("+7 600 123 45 67", "76001234567", Reach::Unknown),
        ("+7 000 123 45 67", "70001234567", Reach::Unknown),
        ("+996 555 123 456", "996555123456", Reach::Mobile),
        ("996555123456", "996555123456", Reach::Mobile),
        ("00996555123456", "996555123456", Reach::Mobile),
        ("+998 90 123 45 67", "998901234567", Reach::Mobile),
        ("+86 138 0013 8000", "8613800138000", Reach::Mobile),
        ("+393331234567", "393331234567", Reach::Mobile),
    ];
    for (text, digits, reach) in cases {
        assert_eq!(parsed(text), Ok((digits.to_owned(), reach)), "{text}");
    }
}

#[test]
fn what_cannot_be_a_number_says_why() {
    let cases = [
        ("", PhoneError::Empty),
        ("+", PhoneError::Empty),
        ("88001234567", PhoneError::Service),
        ("8001234567", PhoneError::Service),
        ("+7 778 123 45 6", PhoneError::TooShort { missing: 1 }),
        ("8777123456", PhoneError::TooShort { missing: 1 }),
        ("777123456", PhoneError::TooShort { missing: 2 }),
        ("+7 777 123 45 678", PhoneError::TooLong { extra: 1 }),
        ("8 777 123 45 678", PhoneError::TooLong { extra: 1 }),
        ("123", PhoneError::TooShort { missing: 7 }),
        ("12345678901234567890123456789012345", PhoneError::TooLong { extra: 25 }),
        ("777abc4567", PhoneError::Unexpected { character: 'a' }),
        ("7+7771234567", PhoneError::Unexpected { character: '+' }),
        ("+999 12345678", PhoneError::UnknownCountry),
        ("+996 555 123", PhoneError::TooShort { missing: 3 }),
    ];
    for (text, error) in cases {
        assert_eq!(parsed(text), Err(error), "{text}");
    }
}

#[test]
fn a_row_reads_back_what_was_written() {
    assert_eq!(Phone::try_from("76001234567".to_owned()).map(|phone| phone.reach()), Ok(Reach::Unknown));
    assert!(Phone::try_from("+7777".to_owned()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_every_number_is_stable(text in "\\PC{0,24}|[0-9+() -]{0,20}") {
        if let Ok(phone) = text.parse::<Phone>() {
            proptest::prop_assert!(E164_DIGITS.contains(&phone.expose().len()));
            proptest::prop_assert_eq!(format!("+{}", phone.expose()).parse::<Phone>(), Ok(phone));
        }
    }
}

/// What users expect, row by row: input, number, and what whoever typed it is told.
#[test]
fn every_vector_of_the_expectations_holds() {
    use super::PhoneWarning::{Unusual, WhatsAppUnlikely};

    let rows: [(&str, Result<&str, PhoneError>, Option<PhoneWarning>); 22] = [
        ("87771234567", Ok("77771234567"), None),
        ("+77771234567", Ok("77771234567"), None),
        ("77771234567", Ok("77771234567"), None),
        ("7771234567", Ok("77771234567"), None),
        ("8 (777) 123-45-67", Ok("77771234567"), None),
        ("8-10-7-777-123-45-67", Ok("77771234567"), None),
        ("8 (747) 123-45-67", Ok("77471234567"), None),
        ("9161234567", Ok("79161234567"), None),
        ("89161234567", Ok("79161234567"), None),
        ("+7 916 123 45 67", Ok("79161234567"), None),
        ("7272501234", Ok("77272501234"), Some(WhatsAppUnlikely)),
        ("+7 727 250 1234", Ok("77272501234"), Some(WhatsAppUnlikely)),
        ("88001234567", Err(PhoneError::Service), None),
        ("+78001234567", Err(PhoneError::Service), None),
        ("+7 600 123 45 67", Ok("76001234567"), Some(Unusual)),
        ("+7 000 123 45 67", Ok("70001234567"), Some(Unusual)),
        ("+996 555 123 456", Ok("996555123456"), None),
        ("+998 90 123 45 67", Ok("998901234567"), None),
        ("+86 138 0013 8000", Ok("8613800138000"), None),
        ("+7 778 123 45 6", Err(PhoneError::TooShort { missing: 1 }), None),
        ("8 778 123 45", Err(PhoneError::TooShort { missing: 2 }), None),
        ("+7 778 123 45 678", Err(PhoneError::TooLong { extra: 1 }), None),
    ];
    for (typed, expected, warning) in rows {
        let phone = typed.parse::<Phone>();
        assert_eq!(phone.as_ref().map(Phone::expose), expected.as_ref().copied(), "{typed}");
        assert_eq!(phone.ok().and_then(|phone| phone.warning()), warning, "{typed}");
    }
}

#[test]
fn a_number_is_shown_in_groups() {
    let shown = |digits: &str| Phone::try_from(digits.to_owned()).map(|phone| phone.display()).unwrap();
    assert_eq!(shown("77771234567"), "+7 777 123 45 67");
    assert_eq!(shown("70001234567"), "+7 000 123 45 67");
    assert_eq!(shown("996555123456"), "+996 555 123 456");
    assert_eq!(shown("99912345678"), "+99912345678");
}
