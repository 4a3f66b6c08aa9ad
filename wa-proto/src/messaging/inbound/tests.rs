use super::*;
use crate::messaging::padding::pad;
use crate::messaging::testing::{Party, names, rng};
use crate::messaging::{MessageId, MessageSecret, Plaintext};
use crate::signal::CiphertextKind;

/// Us as the receiver and one device that writes to us.
struct Scene {
    us: Party,
    peer: Party,
    ours: SessionRecord,
    theirs: SessionRecord,
    primary: Option<crate::keys::PublicKey>,
}

impl Scene {
    /// The peer has fetched our bundle and not written yet.
    fn new() -> Self {
        let (us, mut peer) = (Party::new(1), Party::new(2));
        let theirs = peer.session_with(&us);
        Self { us, peer, ours: SessionRecord::default(), theirs, primary: None }
    }

    /// Both have written.
    fn established() -> Self {
        let (mut us, mut peer) = (Party::new(1), Party::new(2));
        let (theirs, ours) = peer.established_with(&mut us);
        Self { us, peer, ours, theirs, primary: None }
    }

    fn message(&mut self, text: &str) -> IncomingMessage {
        let plaintext = Plaintext::text(text, &MessageSecret::generate(&mut self.peer.rng));
        self.seal(plaintext.as_bytes())
    }

    fn seal(&mut self, plaintext: &[u8]) -> IncomingMessage {
        let mut padded = plaintext.to_vec();
        pad(&mut padded, &mut self.peer.rng);
        self.seal_as_it_is(&padded)
    }

    fn seal_as_it_is(&mut self, padded: &[u8]) -> IncomingMessage {
        let ciphertext = self.theirs.encrypt(padded).unwrap();
        let starts_session = ciphertext.kind == CiphertextKind::Prekey;
        let kind = if starts_session { EncKind::PreKey } else { EncKind::Session };
        let id = MessageId::parse("3A01").unwrap();
        let from = Jid::lid("990000000000002").with_device(12);
        let mut message = IncomingMessage::new(id, from, 1_760_000_000, "text");
        message.encs = vec![Enc::new(kind, ciphertext.bytes)];
        message
    }

    fn open(&mut self, message: &IncomingMessage) -> Opened {
        self.open_with(message, true)
    }

    fn open_with(&mut self, message: &IncomingMessage, has_prekey: bool) -> Opened {
        let names = names(1);
        let own = OwnDevice { names: &names, device: 7 };
        let prekeys: &[Prekey] = if has_prekey { std::slice::from_ref(&self.us.prekey) } else { &[] };
        let keys = OwnKeys {
            local: LocalDevice { identity: &self.us.identity, registration_id: self.us.registration_id },
            signed_prekeys: std::slice::from_ref(&self.us.signed_prekey),
            prekeys,
        };
        let primary = PrimaryIdentity { known: self.primary.as_ref(), is_own_account: false };
        let records = Records { session: &mut self.ours, sender_keys: None, primary };
        open(message, &Source::of(message, &names), own, keys, records, &mut self.us.rng)
    }
}

fn text(opened: &Opened) -> &str {
    let Outcome::Content(content) = &opened.outcome else { panic!("no content but {:?}", opened.outcome) };
    content.text().unwrap()
}

fn unreadable(opened: &Opened) -> Unreadable {
    let Outcome::Unreadable(unreadable) = opened.outcome else { panic!("readable: {:?}", opened.outcome) };
    unreadable
}

#[test]
fn the_first_message_of_a_stranger_uses_up_a_prekey() {
    let mut scene = Scene::new();
    let message = scene.message("Здравствуйте");
    let own_names = names(1);
    let ids = named_prekeys(&message, OwnDevice { names: &own_names, device: 7 });
    assert_eq!((ids.prekeys, ids.signed_prekeys), (vec![1], vec![1]));
    let opened = scene.open(&message);
    assert_eq!(text(&opened), "Здравствуйте");
    assert_eq!(opened.consumed_prekeys, [PrekeyId::FIRST]);
    assert_eq!(opened.identity, IdentityChange::First);
    assert!(opened.session_changed && !opened.sender_keys_changed);
}

#[test]
fn a_repeated_message_is_a_duplicate_and_changes_nothing() {
    let mut scene = Scene::established();
    let message = scene.message("раз");
    assert_eq!(text(&scene.open(&message)), "раз");
    let before = scene.ours.to_bytes();
    let opened = scene.open(&message);
    assert!(matches!(opened.outcome, Outcome::Duplicate));
    assert!(!opened.session_changed && opened.consumed_prekeys.is_empty());
    assert_eq!(*scene.ours.to_bytes(), *before);
}

#[test]
fn messages_are_read_in_any_order() {
    let mut scene = Scene::established();
    let messages: Vec<_> = ["a", "b", "c"].map(|text| scene.message(text)).into();
    for (at, expected) in [(2, "c"), (0, "a"), (1, "b")] {
        assert_eq!(text(&scene.open(&messages[at])), expected);
    }
}

#[test]
fn what_cannot_be_decrypted_is_asked_for_again() {
    let mut scene = Scene::established();
    let mut message = scene.message("x");
    message.encs[0].hides_failure = true;
    scene.ours = SessionRecord::default();
    let failed = unreadable(&scene.open(&message));
    assert_eq!((failed.reason, failed.needs_keys, failed.hides_failure), (RetryReason::NoSession, false, true));

    let mut scene = Scene::new();
    let message = scene.message("x");
    let failed = unreadable(&scene.open_with(&message, false));
    assert_eq!((failed.reason, failed.needs_keys), (RetryReason::UnknownPrekey, true));
    assert!(!scene.ours.has_session(), "a failure leaves no session behind");

    let mut scene = Scene::established();
    let mut message = scene.message("x");
    *message.encs[0].ciphertext.last_mut().unwrap() ^= 1;
    assert_eq!(unreadable(&scene.open(&message)).reason, RetryReason::BadMac);
}

#[test]
fn a_companion_that_its_account_does_not_vouch_for_is_not_read() {
    let phone = Party::new(3);
    let mut scene = Scene::new();
    let mut message = scene.message("x");
    let mut forged = scene.peer.device_identity(&phone);
    forged[8] ^= 1;
    message.device_identity = Some(forged);
    assert_eq!(unreadable(&scene.open(&message)).reason, RetryReason::DeviceIdentity);
    message.device_identity = Some(scene.peer.device_identity(&phone));
    scene.primary = Some(*phone.identity.public());
    assert_eq!(text(&scene.open(&message)), "x");
}

#[test]
fn broken_content_is_refused_and_the_session_goes_on() {
    let mut scene = Scene::established();
    for broken in [&b"\x0a\x05Hel\x03\x03\x03"[..], b"\x0a\x05Hello\x00", b""] {
        let opened = {
            let message = scene.seal_as_it_is(broken);
            scene.open(&message)
        };
        assert!(matches!(opened.outcome, Outcome::Rejected(Rejection::InvalidProtobuf)));
        assert!(opened.session_changed, "the key is spent");
    }
    let message = scene.message("и снова");
    assert_eq!(text(&scene.open(&message)), "и снова");
}

#[test]
fn an_unpadded_version_is_read_as_it_is() {
    let mut scene = Scene::established();
    let mut message = scene.seal_as_it_is(b"\x0a\x05Hello");
    message.encs[0].version = 3;
    assert_eq!(text(&scene.open(&message)), "Hello");
}

#[test]
fn a_ciphertext_may_name_this_device() {
    let mut scene = Scene::established();
    let mut message = scene.message("нам");
    let encs = std::mem::take(&mut message.encs);
    let to = |device| crate::stanza::message::Addressed {
        jid: Jid::pn("77010000001").with_device(device),
        encs: encs.clone(),
    };
    message.addressed = vec![to(8)];
    assert!(matches!(scene.open(&message).outcome, Outcome::Rejected(Rejection::UnknownStanza)));
    message.addressed = vec![to(7)];
    assert_eq!(text(&scene.open(&message)), "нам");
}

#[test]
fn stanzas_without_ciphertext_say_why() {
    let mut scene = Scene::established();
    let mut message = scene.message("x");
    message.encs.clear();
    assert!(matches!(scene.open(&message).outcome, Outcome::Rejected(Rejection::UnknownStanza)));
    message.unavailable = Some(Unavailable::ViewOnce);
    assert!(matches!(scene.open(&message).outcome, Outcome::Unavailable(Unavailable::ViewOnce)));
    message.encs = vec![Enc::new(EncKind::MessageSecret, vec![1])];
    assert!(matches!(scene.open(&message).outcome, Outcome::Rejected(Rejection::MissingMessageSecret)));
    message.encs = vec![Enc::new(EncKind::Session, vec![1])];
    assert!(matches!(scene.open(&message).outcome, Outcome::Rejected(Rejection::Parsing)));
    message.from = "120363000000000001@newsletter".parse().unwrap();
    assert!(matches!(scene.open(&message).outcome, Outcome::Unencrypted));
}

#[test]
fn a_group_message_is_read_with_the_key_that_comes_beside_it() {
    use crate::signal::OwnSenderKey;
    let mut scene = Scene::established();
    let group = Jid::group("120363000000000001");
    let mut key = OwnSenderKey::generate(&mut rng(9));
    let skdm = proto::Message {
        sender_key_distribution_message: Some(proto::SenderKeyDistributionMessage {
            group_id: Some(group.to_string()),
            axolotl_sender_key_distribution_message: Some(key.distribution()),
        }),
        ..Default::default()
    };
    let mut message = scene.seal(Plaintext::encode(&skdm).as_bytes());
    message.participant = Some(message.from.clone());
    message.from = group;
    let mut padded = Plaintext::text("всем", &MessageSecret::generate(&mut rng(1))).as_bytes().to_vec();
    pad(&mut padded, &mut rng(2));
    let sealed = key.encrypt(&padded, &mut rng(3)).unwrap();
    message.encs.insert(0, Enc::new(EncKind::SenderKey, sealed.clone()));

    let failed = unreadable(
        &scene.open(&IncomingMessage { encs: vec![Enc::new(EncKind::SenderKey, sealed)], ..message.clone() }),
    );
    assert_eq!((failed.reason, failed.needs_keys), (RetryReason::NoSession, true));

    let names = names(1);
    let mut sender_keys = SenderKeyRecord::default();
    let keys = OwnKeys {
        local: LocalDevice { identity: &scene.us.identity, registration_id: 1 },
        signed_prekeys: &[],
        prekeys: &[],
    };
    let records =
        Records { session: &mut scene.ours, sender_keys: Some(&mut sender_keys), primary: PrimaryIdentity::default() };
    let own = OwnDevice { names: &names, device: 7 };
    let opened = open(&message, &Source::of(&message, &names), own, keys, records, &mut rng(4));
    assert_eq!(text(&opened), "всем");
    assert!(opened.session_changed && opened.sender_keys_changed);
}
