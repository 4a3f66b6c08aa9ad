use super::*;
use crate::messaging::testing::{Party, names};
use crate::stanza::message::EncKind;
use crate::stanza::retry::RetryReason;

fn message(count: Option<u32>) -> IncomingMessage {
    let from = Jid::lid("990000000000002").with_device(12);
    let mut message = IncomingMessage::new(MessageId::parse("3A01").unwrap(), from, 1_760_000_000, "text");
    let mut enc = Enc::new(EncKind::Session, vec![1]);
    enc.count = count;
    message.encs = vec![enc];
    message
}

fn unreadable(needs_keys: bool) -> Unreadable {
    Unreadable { reason: RetryReason::BadMac, needs_keys, hides_failure: false }
}

/// A retry receipt as it arrives at us, from the companion of the peer.
fn case(count: u32, keys: Option<DeviceBundle>, registration_id: u32) -> RetryCase {
    let mut receipt = request(&message(None), unreadable(false), count, registration_id, keys);
    receipt.participant = None;
    RetryCase::of(&receipt, &names(1)).unwrap()
}

const GOOD: RetryFacts<'static> =
    RetryFacts { has_message: true, is_recipient: true, answers: 0, noted_base_key: None, rebuilt_at: None };

fn repair(case: &RetryCase, facts: RetryFacts<'_>, record: &SessionRecord) -> Repair {
    match case.decide(facts, record, 10_000) {
        RetryDecision::Resend(repair) => repair,
        RetryDecision::Ignore(reason) => panic!("ignored: {reason:?}"),
    }
}

#[test]
fn counts_go_from_1_to_4() {
    let counts: Vec<_> = (0..5).map(|previous| next_count(Some(previous), &message(None))).collect();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4), None]);
    assert_eq!(next_count(None, &message(None)), Some(1));
    assert_eq!(next_count(None, &message(Some(2))), Some(3), "a restart does not begin anew");
    assert_eq!(next_count(Some(3), &message(Some(1))), Some(4));
    assert_eq!(next_count(None, &message(Some(u32::MAX))), None);
}

#[test]
fn keys_come_with_the_second_attempt_or_when_nothing_else_helps() {
    assert!(!needs_keys(unreadable(false), 1));
    assert!(needs_keys(unreadable(false), 2));
    assert!(needs_keys(unreadable(true), 1));
}

#[test]
fn the_request_echoes_the_message() {
    let mut message = message(None);
    message.is_peer = true;
    let us = Party::new(1);
    let local = LocalDevice { identity: &us.identity, registration_id: 77 };
    let keys = own_keys(local, &us.signed_prekey, &us.prekey, vec![1]);
    let receipt = request(&message, unreadable(true), 2, 77, Some(keys));
    assert_eq!((&receipt.peer, receipt.category.as_deref()), (&message.from, Some("peer")));
    let asked = receipt.retry.unwrap();
    assert_eq!((asked.count, asked.timestamp, asked.registration_id), (2, 1_760_000_000, 77));
    assert!(asked.keys.unwrap().bundle.validate().is_ok());
}

#[test]
fn the_chat_is_found_for_every_kind_of_asker() {
    let own = names(1);
    let mut receipt = request(&message(None), unreadable(false), 1, 1, None);
    let direct = RetryCase::of(&receipt, &own).unwrap();
    assert_eq!((direct.chat.device(), direct.device.device(), direct.is_own), (0, 12, false));
    receipt.peer = Jid::lid("990000000000001").with_device(3);
    assert!(RetryCase::of(&receipt, &own).is_none(), "a note to ourselves");
    receipt.recipient = Some(Jid::lid("990000000000002"));
    let own_device = RetryCase::of(&receipt, &own).unwrap();
    assert!(own_device.is_own);
    assert_eq!(own_device.chat, Jid::lid("990000000000002"));
    receipt.peer = Jid::group("120363000000000001");
    receipt.participant = Some(Jid::lid("990000000000002").with_device(1));
    let group = RetryCase::of(&receipt, &own).unwrap();
    assert_eq!((group.chat, group.device.device()), (receipt.peer.clone(), 1));
    receipt.retry = None;
    assert!(RetryCase::of(&receipt, &own).is_none());
}

#[test]
fn limits_hold() {
    let ignored = |case: RetryCase, facts| match case.decide(facts, &SessionRecord::default(), 0) {
        RetryDecision::Ignore(reason) => reason,
        RetryDecision::Resend(_) => panic!("answered"),
    };
    assert_eq!(ignored(case(5, None, 1), GOOD), Ignored::TooManyAttempts);
    assert_eq!(ignored(case(1, None, 1), RetryFacts { answers: 10, ..GOOD }), Ignored::TooManyAnswers);
    assert_eq!(ignored(case(1, None, 1), RetryFacts { is_recipient: false, ..GOOD }), Ignored::Stranger);
    assert_eq!(ignored(case(1, None, 1), RetryFacts { has_message: false, ..GOOD }), Ignored::UnknownMessage);
}

#[test]
fn a_session_is_repaired_as_far_as_it_is_broken() {
    let (mut us, mut peer) = (Party::new(1), Party::new(2));
    let (record, _) = us.established_with(&mut peer);
    let id = peer.registration_id;
    let base_key = *record.base_key().unwrap();

    assert!(matches!(repair(&case(1, None, id), GOOD, &record), Repair::Keep { note_base_key: None }));
    assert!(matches!(repair(&case(1, None, id + 1), GOOD, &record), Repair::FetchBundle), "installed anew");
    let nothing = SessionRecord::default();
    assert!(matches!(repair(&case(1, None, id), GOOD, &nothing), Repair::FetchBundle));

    assert!(matches!(repair(&case(2, None, id), GOOD, &record), Repair::FetchBundle));
    let recent = RetryFacts { rebuilt_at: Some(9_000), ..GOOD };
    let Repair::Keep { note_base_key } = repair(&case(2, None, id), recent, &record) else { panic!("rebuilt twice") };
    assert_eq!(note_base_key, Some(base_key));
    let noted = RetryFacts { noted_base_key: Some(&base_key), ..recent };
    assert!(matches!(repair(&case(3, None, id), noted, &record), Repair::FetchBundle), "the repair did not work");
    assert!(matches!(repair(&case(3, None, id), recent, &record), Repair::Keep { note_base_key: None }));
}

#[test]
fn keys_in_the_receipt_are_used() {
    let (mut us, mut peer) = (Party::new(1), Party::new(2));
    let (record, _) = us.established_with(&mut peer);
    let keys = |party: &Party| {
        let local = LocalDevice { identity: &party.identity, registration_id: party.registration_id };
        own_keys(local, &party.signed_prekey, &party.prekey, vec![1])
    };
    let good = case(2, Some(keys(&peer)), peer.registration_id);
    assert!(matches!(repair(&good, GOOD, &record), Repair::UseKeys(_)));
    let mut without_prekey = keys(&peer);
    without_prekey.bundle.prekey = None;
    let case_without = case(1, Some(without_prekey), peer.registration_id);
    assert!(matches!(repair(&case_without, GOOD, &record), Repair::Keep { .. }));

    let other = Party::new(3);
    let mut own_device = case(2, Some(keys(&other)), other.registration_id);
    assert!(matches!(repair(&own_device, GOOD, &record), Repair::UseKeys(_)), "a contact may reinstall");
    own_device.is_own = true;
    assert!(matches!(repair(&own_device, GOOD, &record), Repair::FetchBundle), "our own device is asked twice");
}
