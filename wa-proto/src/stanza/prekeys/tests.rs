use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::device::{DeviceKeys, RegistrationId};
use crate::jid::Jid;
use crate::keys::{PublicKey, Signature};
use crate::node::{self, Node};
use crate::signal::{Prekey, PrekeyBundle, PrekeyId, SignedPrekeyId};
use crate::stanza::iq::{self, IqError, Kind, Request, RequestError};
use crate::vectors::{self, array, list};

fn device() -> (DeviceKeys, Vec<Prekey>) {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    (DeviceKeys::generate(&mut rng), Prekey::generate_many(PrekeyId::FIRST, 3, &mut rng))
}

/// Encodes and decodes, so that readers see what a connection would give them.
fn over_the_wire<T>(node: &Node, read: impl FnOnce(node::NodeRef<'_>) -> T) -> T {
    let wire = node.encode().unwrap();
    read(node::decode(&wire).unwrap().root())
}

fn without(node: &Node, tag: &str) -> Node {
    let tree = node.tree();
    let mut copy = Node::new(node.tag().to_owned());
    for (key, value) in node.attrs() {
        copy = copy.attr(key.clone(), value.clone());
    }
    copy.children(tree.root().children().filter(|child| child.tag() != tag).map(node::NodeRef::to_owned))
}

#[test]
fn the_count_is_asked_for_and_answered() {
    assert!(over_the_wire(&CountPrekeys.to_node("1"), CountPrekeys::is));
    assert!(!over_the_wire(&FetchDigest.to_node("1"), CountPrekeys::is));
    let answer = CountPrekeys::answer("1", 42);
    assert_eq!(over_the_wire(&answer, iq::read_response::<CountPrekeys>), Ok(42));
    for unreadable in [iq::result("1"), iq::result("1").child(Node::new("count").attr("value", "many"))] {
        assert_eq!(over_the_wire(&unreadable, iq::read_response::<CountPrekeys>), Ok(0));
    }
}

#[test]
fn remarks_about_our_keys_come_from_the_server_only() {
    for remark in [KeyNotification::Low { count: 4 }, KeyNotification::CheckDigest] {
        assert_eq!(over_the_wire(&remark.to_node("n", 9), KeyNotification::read), Some(remark));
    }
    let from = |from: Jid| {
        let count = Node::new("count").attr("value", "4");
        Node::new("notification").attr("type", "encrypt").attr("from", from).child(count)
    };
    assert_eq!(over_the_wire(&from(Jid::pn("77010000001")), KeyNotification::read), None);
    let nobody = Node::new("notification").attr("type", "encrypt").child(Node::new("count"));
    assert_eq!(over_the_wire(&nobody, KeyNotification::read), None);
    let identity =
        Node::new("notification").attr("type", "encrypt").attr("from", Jid::SERVER).child(Node::new("identity"));
    assert_eq!(over_the_wire(&identity, KeyNotification::read), None);
}

#[test]
fn an_upload_is_written_in_order_and_read() {
    let (keys, prekeys) = device();
    let node = UploadPrekeys::new(&keys, &prekeys).to_node("1");
    let tree = node.tree();
    let tags: Vec<&str> = tree.root().children().map(node::NodeRef::tag).collect();
    assert_eq!(tags, ["registration", "type", "identity", "list", "skey"]);

    let read = over_the_wire(&node, UploadPrekeys::read).unwrap().unwrap();
    assert_eq!(read.registration_id, keys.registration_id);
    assert_eq!(read.identity, *keys.identity.public());
    assert_eq!(read.prekeys, prekeys.iter().map(PublicPrekey::from).collect::<Vec<_>>());
    assert_eq!(read.signed_prekey.id, keys.signed_prekey.id());
    read.signed_prekey.verify(keys.identity.public()).unwrap();
    read.signed_prekey.verify(keys.noise.public()).unwrap_err();

    for tag in ["registration", "type", "identity", "skey"] {
        assert!(over_the_wire(&without(&node, tag), UploadPrekeys::read).unwrap().is_err(), "{tag}");
    }
    assert!(over_the_wire(&without(&node, "list"), UploadPrekeys::read).is_none());
    assert!(over_the_wire(&RotateSignedPrekey(read.signed_prekey).to_node("1"), UploadPrekeys::read).is_none());
}

#[test]
fn a_rotation_is_written_and_read() {
    let (keys, _) = device();
    let rotation = RotateSignedPrekey(PublicSignedPrekey::from(&keys.signed_prekey));
    let read = over_the_wire(&rotation.to_node("1"), RotateSignedPrekey::read).unwrap().unwrap();
    assert_eq!((read.0.id, read.0.key), (rotation.0.id, rotation.0.key));
    let empty = iq::request("1", Kind::Set, XMLNS).child(Node::new("rotate"));
    assert!(over_the_wire(&empty, RotateSignedPrekey::read).unwrap().is_err());
}

#[test]
fn the_published_digest_is_computed() {
    let vectors = vectors::pairing();
    let keys = &vectors["keys"];
    let signed = &keys["companion_signed_prekey"];
    let signed_prekey = PublicSignedPrekey {
        id: SignedPrekeyId::FIRST,
        key: PublicKey::from_bytes(array(&signed["public"])),
        signature: Signature::from_bytes(array(&signed["signature"])),
    };
    let vector = &vectors["key_bundle_digest"];
    let prekeys: Vec<PublicKey> =
        list(&vector["prekeys"]).iter().map(|key| PublicKey::from_bytes(array(key))).collect();
    let identity = PublicKey::from_bytes(array(&keys["companion_identity"]["public"]));
    assert_eq!(bundle_digest(&identity, &signed_prekey, &prekeys), array(&vector["sha1"]));
}

#[test]
fn a_digest_is_answered_and_compared_with_our_keys() {
    let (keys, prekeys) = device();
    let prekeys: Vec<PublicPrekey> = prekeys.iter().map(PublicPrekey::from).collect();
    let signed = PublicSignedPrekey::from(&keys.signed_prekey);
    let identity = *keys.identity.public();
    let answer = KeyDigest::new(keys.registration_id, identity, signed, &prekeys).answer("1");
    let digest = over_the_wire(&answer, iq::read_response::<FetchDigest>).unwrap();
    assert_eq!(digest.prekey_ids.len(), 3);
    assert_eq!(digest.registration_id, keys.registration_id);

    let own = |id| prekeys.iter().find(|prekey| prekey.id == id).map(|prekey| prekey.key);
    assert!(digest.matches(&identity, &signed, own));
    assert!(!digest.matches(keys.noise.public(), &signed, own));
    assert!(!digest.matches(&identity, &signed, |_| None));
    assert!(!digest.matches(&identity, &signed, |_| Some(identity)));

    let none = iq::error("1", &IqError::new(iq::code::NOT_FOUND, "item-not-found"));
    let refused = over_the_wire(&none, iq::read_response::<FetchDigest>).map(drop);
    assert_eq!(refused, Err(RequestError::Refused(IqError::new(404, "item-not-found"))));
}

fn bundle(keys: &DeviceKeys, prekey: Option<&Prekey>) -> PrekeyBundle {
    PrekeyBundle {
        registration_id: keys.registration_id.value(),
        identity: *keys.identity.public(),
        signed_prekey_id: keys.signed_prekey.id(),
        signed_prekey: *keys.signed_prekey.public(),
        signature: *keys.signed_prekey.signature(),
        prekey: prekey.map(|prekey| (prekey.id(), *prekey.public())),
    }
}

#[test]
fn bundles_of_many_are_asked_for_and_answered_one_by_one() {
    let (keys, prekeys) = device();
    let primary = Jid::lid("990000000000002");
    let companion = primary.with_device(12);
    let gone = primary.with_device(15);
    let request = FetchBundles {
        devices: vec![
            (primary.clone(), None),
            (companion.clone(), Some(FetchReason::Identity)),
            (gone.clone(), Some(FetchReason::Retry)),
        ],
    };
    let read = over_the_wire(&request.to_node("1"), FetchBundles::read).unwrap().unwrap();
    assert_eq!(read, request);

    let answer = FetchBundles::answer(
        "1",
        9,
        &[
            FetchedBundle {
                jid: primary.clone(),
                outcome: Ok(DeviceBundle { bundle: bundle(&keys, None), device_identity: None }),
            },
            FetchedBundle {
                jid: companion.clone(),
                outcome: Ok(DeviceBundle { bundle: bundle(&keys, prekeys.first()), device_identity: Some(vec![1, 2]) }),
            },
            FetchedBundle { jid: gone.clone(), outcome: Err(NoBundle::Refused(IqError::new(406, "not-acceptable"))) },
        ],
    );
    let read = over_the_wire(&answer, iq::read_response::<FetchBundles>).unwrap();
    let jids: Vec<&Jid> = read.iter().map(|fetched| &fetched.jid).collect();
    assert_eq!(jids, [&primary, &companion, &gone]);
    let first = read[0].outcome.as_ref().unwrap();
    assert!(first.bundle.prekey.is_none() && first.device_identity.is_none());
    first.bundle.clone().validate().unwrap();
    let second = read[1].outcome.as_ref().unwrap();
    assert_eq!(second.bundle.prekey, prekeys.first().map(|prekey| (prekey.id(), *prekey.public())));
    assert_eq!(second.device_identity.as_deref(), Some([1, 2].as_slice()));
    assert_eq!(second.bundle.registration_id, keys.registration_id.value());
    assert!(read[2].outcome.as_ref().unwrap_err().is_gone());
}

/// An answer about one user with these children.
fn answer_with(children: Vec<Node>) -> Result<DeviceBundle, NoBundle> {
    let user = Node::new("user").attr("jid", Jid::pn("77010000002")).children(children);
    let stranger = Node::new("user");
    let answer = iq::result("1").child(Node::new("list").children([stranger, user]));
    let mut read = over_the_wire(&answer, iq::read_response::<FetchBundles>).unwrap();
    assert_eq!(read.len(), 1);
    read.remove(0).outcome
}

#[test]
fn keys_may_be_nested_and_must_be_complete() {
    let (keys, prekeys) = device();
    let device = DeviceBundle { bundle: bundle(&keys, prekeys.first()), device_identity: Some(vec![1]) };
    let nodes = device.to_nodes();
    let nested = answer_with(vec![Node::new("keys").children(nodes.clone())]).unwrap();
    assert_eq!(nested.device_identity, Some(vec![1]));
    assert_eq!(nested.bundle.identity, device.bundle.identity);

    for tag in ["registration", "type", "identity", "skey"] {
        let fewer = nodes.iter().filter(|node| node.tag() != tag).cloned().collect();
        let refused = answer_with(fewer).map(drop).unwrap_err();
        assert!(matches!(refused, NoBundle::Malformed(_)) && !refused.is_gone(), "{tag}");
    }
    for (tag, content) in [("registration", vec![1, 2, 3]), ("type", vec![6]), ("identity", vec![1; 33])] {
        let changed = nodes
            .iter()
            .map(|node| if node.tag() == tag { Node::new(tag).bytes(content.clone()) } else { node.clone() });
        assert!(matches!(answer_with(changed.collect()), Err(NoBundle::Malformed(_))), "{tag}");
    }
}

#[test]
fn other_requests_are_not_mistaken() {
    let (keys, prekeys) = device();
    for other in [CountPrekeys.to_node("1"), UploadPrekeys::new(&keys, &prekeys).to_node("1"), iq::result("1")] {
        assert!(over_the_wire(&other, FetchBundles::read).is_none());
        assert!(!over_the_wire(&other, FetchDigest::is));
    }
    let nameless = iq::request("1", Kind::Get, XMLNS).child(Node::new("key").child(Node::new("user")));
    assert!(over_the_wire(&nameless, FetchBundles::read).unwrap().is_err());
}

proptest! {
    #[test]
    fn ids_of_three_bytes_are_read_back(id in 1_u32..=0x00ff_ffff, key: [u8; 32]) {
        let prekey = PublicPrekey { id: PrekeyId::new(id).unwrap(), key: PublicKey::from_bytes(key) };
        let read = over_the_wire(&prekey.to_node(), PublicPrekey::read);
        prop_assert_eq!(read, Ok(prekey));
    }

    #[test]
    fn parts_of_any_length_do_not_panic(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 6),
    ) {
        let tags = ["registration", "type", "identity", "id", "value", "signature"];
        let leaf = |at: usize| Node::new(tags[at]).bytes(parts[at].clone());
        let skey = Node::new("skey").children([leaf(3), leaf(4), leaf(5)]);
        let key = Node::new("key").children([leaf(3), leaf(4)]);
        let _ = answer_with(vec![leaf(0), leaf(1), leaf(2), skey, key]);
    }

    #[test]
    fn registration_ids_are_four_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
        let read = RegistrationId::from_slice(&bytes);
        prop_assert_eq!(read.is_some(), bytes.len() == 4);
        if let Some(id) = read {
            prop_assert_eq!(id.to_bytes().to_vec(), bytes);
        }
    }
}
