use std::collections::BTreeSet;

use super::*;
use crate::messaging::MessageSecret;
use crate::messaging::addressing::route;
use crate::messaging::padding::unpad;
use crate::messaging::testing::{Party, names, rng};
use crate::node::decode;
use crate::proto;
use crate::stanza::OutgoingMessage;
use prost::Message as _;

/// Us (device 7), the peer's phone and companion, and our phone, each with its record of the session.
struct Scene {
    us: Party,
    others: Vec<(Jid, SessionRecord, Party, SessionRecord)>,
    route: Route,
    plaintext: Plaintext,
    id: MessageId,
}

impl Scene {
    fn new(namespace: Namespace, established: bool) -> Self {
        let mut us = Party::new(1);
        let route = route(namespace, &names(1), &names(2)).unwrap();
        let jids = [route.to.clone(), route.to.with_device(12), route.own.clone()];
        let mut others = Vec::new();
        for (seed, jid) in (2..).zip(jids) {
            let mut other = Party::new(seed);
            let (ours, theirs) = if established {
                us.established_with(&mut other)
            } else {
                (us.session_with(&other), SessionRecord::default())
            };
            others.push((jid, ours, other, theirs));
        }
        let secret = MessageSecret::generate(&mut rng(50));
        let plaintext = Plaintext::text("Ждём вас в 14:00", &secret);
        Self { us, others, route, plaintext, id: MessageId::parse("3EB0A1B2C3D4E5F6A7B8C9").unwrap() }
    }

    fn send(&self) -> Send<'_> {
        Send {
            id: &self.id,
            route: &self.route,
            own_device: 7,
            plaintext: &self.plaintext,
            labels: Labels::TEXT,
            device_identity: b"our signed identity",
            token: None,
            extras: &[],
        }
    }

    fn encrypt(&mut self) -> Result<Outbound, OutboundError> {
        let send = Send {
            id: &self.id,
            route: &self.route,
            own_device: 7,
            plaintext: &self.plaintext,
            labels: Labels::TEXT,
            device_identity: b"our signed identity",
            token: None,
            extras: &[],
        };
        let mut targets: Vec<Target<'_>> =
            self.others.iter_mut().map(|(device, record, ..)| Target { device, record }).collect();
        encrypt(&send, &mut targets, &mut self.us.rng)
    }
}

fn parse(outbound: &Outbound) -> OutgoingMessage {
    OutgoingMessage::parse(decode(&outbound.stanza).unwrap().root()).unwrap()
}

#[test]
fn every_device_reads_the_message_and_ours_read_the_wrapper() {
    for (namespace, established) in [(Namespace::Lid, true), (Namespace::Pn, true), (Namespace::Lid, false)] {
        let mut scene = Scene::new(namespace, established);
        let outbound = scene.encrypt().unwrap();
        assert!(outbound.skipped.is_empty());
        let message = parse(&outbound);
        assert_eq!(message.addressed.len(), 3);
        assert_eq!(message.device_identity.is_some(), !established, "along with a session's start only");
        assert_eq!(message.peer_recipient_pn.is_some(), namespace == Namespace::Lid);
        for (addressed, (jid, _, party, theirs)) in message.addressed.iter().zip(&mut scene.others) {
            assert_eq!(addressed.jid, *jid);
            let enc = &addressed.encs[0];
            let padded = party.decrypt(theirs, enc.kind.as_str(), &enc.ciphertext);
            let content = proto::Message::decode(unpad(&padded).unwrap()).unwrap();
            if scene.route.own.is_same_account(jid) {
                let wrapper = content.device_sent_message.unwrap();
                assert_eq!(wrapper.destination_jid, Some(scene.route.to.to_string()));
                assert_eq!(wrapper.message.unwrap().conversation.as_deref(), Some("Ждём вас в 14:00"));
                assert!(content.message_context_info.unwrap().message_secret.is_some());
            } else {
                assert_eq!(content.conversation.as_deref(), Some("Ждём вас в 14:00"));
            }
        }
    }
}

#[test]
fn the_stanza_is_that_of_the_typed_message() {
    let mut scene = Scene::new(Namespace::Lid, false);
    let outbound = scene.encrypt().unwrap();
    assert_eq!(parse(&outbound).to_node().encode().unwrap(), outbound.stanza);
}

#[test]
fn token_and_extras_go_along() {
    let mut scene = Scene::new(Namespace::Lid, true);
    let token = StanzaToken::Trusted(vec![3; 16]);
    let extras = [Node::new("meta").attr("polltype", "creation")];
    let mut others = std::mem::take(&mut scene.others);
    let mut targets: Vec<Target<'_>> =
        others.iter_mut().map(|(device, record, ..)| Target { device, record }).collect();
    let send = Send { token: Some(&token), extras: &extras, ..scene.send() };
    let message = parse(&encrypt(&send, &mut targets, &mut rng(1)).unwrap());
    assert_eq!(message.token.unwrap().bytes(), [3; 16]);
    assert_eq!(message.extras, extras);
}

#[test]
fn a_device_without_session_is_skipped_and_a_recipient_without_any_is_an_error() {
    let mut scene = Scene::new(Namespace::Lid, true);
    scene.others[1].1 = SessionRecord::default();
    let outbound = scene.encrypt().unwrap();
    let skipped = Skipped { device: scene.others[1].0.clone(), reason: EncryptError::NoSession };
    assert_eq!(outbound.skipped, [skipped]);
    assert_eq!(outbound.devices.len(), 2);
    scene.others[0].1 = SessionRecord::default();
    let own = scene.others[2].1.to_bytes();
    assert_eq!(scene.encrypt().unwrap_err(), OutboundError::NobodyReachable);
    assert_eq!(*scene.others[2].1.to_bytes(), *own, "no index of our own session is spent");
}

#[test]
fn foreign_repeated_and_own_targets_are_refused() {
    let mut scene = Scene::new(Namespace::Lid, true);
    scene.others[1].0 = Jid::pn("77010000002").with_device(12);
    assert_eq!(scene.encrypt().unwrap_err(), OutboundError::ForeignTarget);
    scene.others[1].0 = Jid::lid("990000000000009");
    assert_eq!(scene.encrypt().unwrap_err(), OutboundError::ForeignTarget);
    scene.others[1].0 = scene.others[0].0.clone();
    assert_eq!(scene.encrypt().unwrap_err(), OutboundError::DuplicateTarget);
    scene.others[1].0 = scene.route.own.with_device(7);
    assert_eq!(scene.encrypt().unwrap_err(), OutboundError::OwnDevice);
}

#[test]
fn two_sends_of_one_text_share_no_ciphertext() {
    let mut scene = Scene::new(Namespace::Lid, true);
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        for addressed in parse(&scene.encrypt().unwrap()).addressed {
            assert!(seen.insert(addressed.encs[0].ciphertext.clone()));
        }
    }
}

#[test]
fn a_resend_is_for_one_device() {
    let mut scene = Scene::new(Namespace::Lid, false);
    let (device, record, party, theirs) = &mut scene.others[1];
    let single = Single::Resend { to: device, participant: None, recipient: None, timestamp: 5, count: 2 };
    let mut target = Target { device, record };
    let content = scene.plaintext.as_bytes();
    let outbound =
        encrypt_single(&scene.id, single, Labels::TEXT, content, &mut target, b"id", &mut scene.us.rng).unwrap();
    let message = parse(&outbound);
    assert_eq!((message.device_fanout, message.timestamp), (Some(false), Some(5)));
    assert_eq!(message.encs[0].count, Some(2));
    assert!(message.addressed.is_empty() && message.device_identity.is_some() && message.token.is_none());
    let padded = party.decrypt(theirs, "pkmsg", &message.encs[0].ciphertext);
    assert_eq!(unpad(&padded).unwrap(), content);
}

#[test]
fn a_peer_message_is_marked_as_such() {
    let mut scene = Scene::new(Namespace::Lid, true);
    let (device, record, ..) = &mut scene.others[2];
    let to = Jid::pn("77010000001");
    let single = Single::Peer { to: &to, priority: PushPriority::HighForce, is_privacy_sensitive: true };
    let mut target = Target { device, record };
    let outbound =
        encrypt_single(&scene.id, single, Labels::TEXT, b"x", &mut target, b"id", &mut scene.us.rng).unwrap();
    let message = parse(&outbound);
    assert!(message.is_peer && message.token.is_none());
    assert_eq!(message.push_priority, Some(PushPriority::HighForce));
    assert_eq!(message.extras, [Node::new("meta").attr("appdata", "default")]);
    let tree = decode(&outbound.stanza).unwrap();
    assert_eq!(tree.root().attr_str("privacy_sensitive"), Some("1"));
}

#[test]
fn either_hash_of_the_ack_agrees() {
    let own = Jid::lid("990000000000001");
    let devices = [Jid::lid("990000000000002"), own.clone()];
    let without = ParticipantHash::of(&devices).to_string();
    let with = ParticipantHash::of(devices.iter().chain([&own.with_device(7)])).to_string();
    assert!(phash_agrees(&without, &devices, &own, 7) && phash_agrees(&with, &devices, &own, 7));
    assert!(!phash_agrees("2:AAAAAAAA", &devices, &own, 7));
    assert!(!phash_agrees("nonsense", &devices, &own, 7));
}
