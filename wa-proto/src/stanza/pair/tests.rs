use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::jid::Jid;
use crate::keys::PublicKey;
use crate::node::{self, Node, NodeRef, ShapeError};
use crate::pairing::code::{PairingCode, WrappedKey};
use crate::pairing::qr::ClientType;
use crate::proto::ClientPairingProps;
use crate::stanza::iq::{self, IqError, Kind, Request};
use crate::vectors::{self, bytes, text};

fn over_the_wire<T>(node: &Node, read: impl FnOnce(NodeRef<'_>) -> T) -> T {
    let wire = node.encode().unwrap();
    read(node::decode(&wire).unwrap().root())
}

/// The element without one of the children of its first child.
fn without(node: &Node, tag: &str) -> Node {
    let copy = |of: &Node| {
        of.attrs()
            .iter()
            .fold(Node::new(of.tag().to_owned()), |copy, (key, value)| copy.attr(key.clone(), value.clone()))
    };
    let tree = node.tree();
    let inner = tree.root().children().next().unwrap();
    let fewer = inner.children().filter(|child| child.tag() != tag).map(NodeRef::to_owned);
    copy(node).child(copy(&inner.to_owned()).children(fewer))
}

#[test]
fn references_are_written_and_read() {
    let pair_device = PairDevice { id: "1-1".to_owned(), references: vec!["2@a".to_owned(), "2@b".to_owned()] };
    assert_eq!(over_the_wire(&pair_device.to_node(), PairDevice::read), Some(pair_device.clone()));
    let answer = pair_device.acknowledgement();
    let tree = answer.tree();
    assert_eq!((tree.root().attr_str("type"), tree.root().attr_str("id")), (Some("result"), Some("1-1")));
    assert_eq!(tree.root().attr_jid("to"), Some(Jid::SERVER));
}

#[test]
fn unreadable_references_are_left_out_and_many_are_cut() {
    let children = [
        Node::new("other").bytes(*b"x"),
        Node::new("ref"),
        Node::new("ref").bytes([0xff]),
        Node::new("ref").bytes(*b"2@a"),
    ];
    let iq = iq::server_request("1", Kind::Set, XMLNS).child(Node::new("pair-device").children(children));
    assert_eq!(over_the_wire(&iq, PairDevice::read).unwrap().references, ["2@a"]);

    let references = (0..100).map(|number| number.to_string()).collect();
    let many = PairDevice { id: "1".to_owned(), references }.to_node();
    assert_eq!(over_the_wire(&many, PairDevice::read).unwrap().references.len(), MAX_REFERENCES);
}

#[test]
fn only_the_server_pairs() {
    let from_user = |child: &'static str| {
        let from = Jid::pn("77010000001");
        let iq = Node::new("iq").attr("from", from).attr("type", "set").attr("id", "1").attr("xmlns", XMLNS);
        iq.child(Node::new(child))
    };
    assert_eq!(over_the_wire(&from_user("pair-device"), PairDevice::read), None);
    assert!(over_the_wire(&from_user("pair-success"), PairSuccess::read).is_none());
}

#[test]
fn the_published_pair_success_is_read_and_written() {
    for case in ["pair_success", "pair_success_hosted"] {
        let vector = &vectors::pairing()[case];
        let wire = bytes(&vector["pair_success_stanza_body"]);
        let tree = node::decode(&wire).unwrap();
        let read = PairSuccess::read(tree.root()).unwrap().unwrap();
        assert_eq!(read.container, bytes(&vector["adv_signed_device_identity_hmac"]));
        assert_eq!(read.jid.device(), read.lid.device());
        assert!(read.jid.is_pn() && read.lid.is_lid());
        assert!(read.platform.is_some() && read.time.is_some());
        assert_eq!(over_the_wire(&read.to_node(), PairSuccess::read), Some(Ok(read)));
    }
}

#[test]
fn the_published_reply_is_written_and_read() {
    for case in ["pair_success", "pair_success_hosted"] {
        let vector = &vectors::pairing()[case];
        let wire = bytes(&vector["pair_device_sign_reply_body"]);
        let tree = node::decode(&wire).unwrap();
        let read = PairReply::read(tree.root()).unwrap();
        let key_index = text(&vector["reply_key_index"]).parse().unwrap();
        assert_eq!(read, PairReply::Signed { key_index, identity: bytes(&vector["reply_device_identity"]) });
        let id = tree.root().attr_str("id").unwrap();
        assert_eq!(read.to_node(id).encode().unwrap(), wire);
    }
}

fn pair_success() -> PairSuccess {
    let jid = Jid::pn("77010000001").with_device(1);
    let lid = Jid::lid("137000000000001").with_device(1);
    PairSuccess {
        business_name: Some("Salon".to_owned()),
        props: Some(ClientPairingProps { is_chat_db_lid_migrated: Some(true), ..ClientPairingProps::default() }),
        ..PairSuccess::new("1-2", jid, lid, vec![1, 2, 3])
    }
}

#[test]
fn optional_parts_of_pair_success_are_read() {
    let success = pair_success();
    assert_eq!(over_the_wire(&success.to_node(), PairSuccess::read), Some(Ok(success)));
    let unparsable = iq::server_request("1", Kind::Set, XMLNS).child(
        Node::new("pair-success")
            .child(Node::new("device-identity").bytes([1]))
            .child(Node::new("device").attr("jid", pair_success().jid).attr("lid", pair_success().lid))
            .child(Node::new("client-props").bytes([0xff])),
    );
    assert_eq!(over_the_wire(&unparsable, PairSuccess::read).unwrap().unwrap().props, None);
}

#[test]
fn an_incomplete_pair_success_can_be_refused_by_its_id() {
    for tag in ["device-identity", "device"] {
        let refused = over_the_wire(&without(&pair_success().to_node(), tag), PairSuccess::read).unwrap();
        let expected = MalformedPairSuccess { id: "1-2".to_owned(), source: ShapeError::NoChild { tag } };
        assert_eq!(refused, Err(expected));
    }
    let pn = Jid::pn("77010000001");
    let lid = Jid::lid("137000000000001");
    for (jid, lid) in [
        (pn.clone(), lid.clone()),
        (pn.with_device(1), lid.with_device(2)),
        (lid.with_device(1), lid.with_device(1)),
        (pn.with_device(1), pn.with_device(1)),
    ] {
        let success = PairSuccess { jid, lid, ..pair_success() };
        assert!(over_the_wire(&success.to_node(), PairSuccess::read).unwrap().is_err());
    }
}

#[test]
fn refusals_have_their_codes() {
    for (refusal, code, text) in [
        (PairRefusal::HmacMismatch, 401, "hmac-mismatch"),
        (PairRefusal::SignatureMismatch, 401, "signature-mismatch"),
        (PairRefusal::Internal, 500, "internal-error"),
    ] {
        let read = over_the_wire(&PairReply::refused(refusal).to_node("1"), PairReply::read);
        assert_eq!(read, Ok(PairReply::Refused(IqError::new(code, text))));
    }
    assert!(over_the_wire(&iq::client_result("1"), PairReply::read).is_err());
}

fn wrapped() -> WrappedKey {
    WrappedKey::from_slice(&[7; WrappedKey::LENGTH]).unwrap()
}

#[test]
fn the_hello_of_linking_by_code_is_written_and_read() {
    let hello = CompanionHello {
        phone: Jid::pn("77010000001"),
        notify: true,
        ephemeral: wrapped(),
        noise: PublicKey::from_bytes([1; 32]),
        client_type: Some(ClientType::Chrome),
        display_name: "Chrome (Linux)".to_owned(),
    };
    let node = hello.to_node("1");
    let read = over_the_wire(&node, CompanionHello::read).unwrap().unwrap();
    assert_eq!((&read.phone, read.notify, read.noise), (&hello.phone, true, hello.noise));
    assert_eq!((read.client_type, &read.display_name), (hello.client_type, &hello.display_name));
    assert_eq!(read.ephemeral.to_bytes(), hello.ephemeral.to_bytes());
    assert!(over_the_wire(&node, CompanionFinish::read).is_none());
    for tag in ["link_code_pairing_wrapped_companion_ephemeral_pub", "companion_server_auth_key_pub"] {
        assert!(over_the_wire(&without(&node, tag), CompanionHello::read).unwrap().is_err());
    }

    let answer = CompanionHello::answer("1", b"ref");
    assert_eq!(over_the_wire(&answer, iq::read_response::<CompanionHello>), Ok(b"ref".to_vec()));
    for empty in [CompanionHello::answer("1", b""), iq::result("1")] {
        assert!(over_the_wire(&empty, iq::read_response::<CompanionHello>).is_err());
    }
}

#[test]
fn what_the_phone_says_is_written_and_read() {
    let hello = CodeNotification::PrimaryHello {
        reference: b"ref".to_vec(),
        ephemeral: wrapped(),
        identity: PublicKey::from_bytes([2; 32]),
    };
    let node = hello.to_node("n1", 9);
    let Some(Ok(CodeNotification::PrimaryHello { reference, ephemeral, identity })) =
        over_the_wire(&node, CodeNotification::read)
    else {
        panic!("not read back");
    };
    assert_eq!((reference, ephemeral.to_bytes()), (b"ref".to_vec(), wrapped().to_bytes()));
    assert_eq!(identity, PublicKey::from_bytes([2; 32]));
    for tag in ["link_code_pairing_ref", "link_code_pairing_wrapped_primary_ephemeral_pub", "primary_identity_pub"] {
        assert!(over_the_wire(&without(&node, tag), CodeNotification::read).unwrap().is_err(), "{tag}");
    }
    for forced in [false, true] {
        let refresh = CodeNotification::RefreshCode { reference: b"ref".to_vec(), is_forced_manual: forced };
        let read = over_the_wire(&refresh.to_node("n2", 9), CodeNotification::read);
        assert!(matches!(
            read,
            Some(Ok(CodeNotification::RefreshCode { is_forced_manual, .. })) if is_forced_manual == forced
        ));
    }
    // The same from anybody but the server is not heard.
    let tree = node.tree();
    let forged = Node::new("notification").attr("type", "link_code_companion_reg").attr("from", Jid::pn("7701"));
    let forged = forged.children(tree.root().children().map(NodeRef::to_owned));
    assert!(over_the_wire(&forged, CodeNotification::read).is_none());
}

#[test]
fn the_finish_of_linking_by_code_is_written_and_read() {
    let finish = CompanionFinish {
        phone: Jid::pn("77010000001"),
        bundle: vec![3; 156],
        identity: PublicKey::from_bytes([4; 32]),
        reference: b"ref".to_vec(),
    };
    let node = finish.to_node("1");
    let read = over_the_wire(&node, CompanionFinish::read).unwrap().unwrap();
    assert_eq!((read.phone, read.bundle, read.identity), (finish.phone, finish.bundle, finish.identity));
    assert_eq!(read.reference, finish.reference);
    for tag in ["link_code_pairing_wrapped_key_bundle", "companion_identity_public", "link_code_pairing_ref"] {
        assert!(over_the_wire(&without(&node, tag), CompanionFinish::read).unwrap().is_err(), "{tag}");
    }
}

#[test]
fn notices_are_the_servers_and_ask_for_something_known() {
    assert_eq!(over_the_wire(&SecretRefresh.to_node("1"), SecretRefresh::read), Some(SecretRefresh));
    let refresh = |child: &'static str, from: Jid| {
        let node = Node::new("notification").attr("type", "companion_reg_refresh").attr("from", from);
        node.child(Node::new(child))
    };
    let rotate = refresh("pair-device-rotate-qr", Jid::SERVER);
    assert_eq!(over_the_wire(&rotate, SecretRefresh::read), Some(SecretRefresh));
    assert_eq!(over_the_wire(&refresh("else", Jid::SERVER), SecretRefresh::read), None);
    let by_user = refresh("companion_reg_refresh", Jid::pn("77010000001"));
    assert_eq!(over_the_wire(&by_user, SecretRefresh::read), None);

    for options in [None, Some("{}".to_owned())] {
        let request = PasskeyRequest { options };
        assert_eq!(over_the_wire(&request.to_node("1"), PasskeyRequest::read), Some(request));
    }
    assert_eq!(over_the_wire(&SecretRefresh.to_node("1"), PasskeyRequest::read), None);
}

#[test]
fn removal_is_written_and_read() {
    let remove = RemoveDevice { jid: Jid::pn("77010000001").with_device(3) };
    assert_eq!(over_the_wire(&remove.to_node("1"), RemoveDevice::read), Some(Ok(remove)));
    assert!(over_the_wire(&iq::request("1", Kind::Set, XMLNS), RemoveDevice::read).is_none());
}

#[test]
fn nothing_secret_or_personal_is_printed() {
    let code = PairingCode::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let hello = CompanionHello {
        phone: Jid::pn("77010000001"),
        notify: true,
        ephemeral: wrapped(),
        noise: PublicKey::from_bytes([1; 32]),
        client_type: None,
        display_name: "Chrome (Linux)".to_owned(),
    };
    let printed = format!("{hello:?} {:?} {code:?}", pair_success());
    assert!(!printed.contains("7701") && !printed.contains("Salon"), "{printed}");
}

proptest! {
    #[test]
    fn children_of_any_content_do_not_panic(
        content in proptest::collection::vec(any::<u8>(), 0..170),
        stage in "companion_hello|companion_finish|primary_hello|refresh_code",
    ) {
        let tags = [
            "link_code_pairing_wrapped_companion_ephemeral_pub",
            "companion_server_auth_key_pub",
            "companion_platform_id",
            "link_code_pairing_wrapped_primary_ephemeral_pub",
            "primary_identity_pub",
            "link_code_pairing_wrapped_key_bundle",
            "companion_identity_public",
            "link_code_pairing_ref",
        ];
        let element = || {
            let children = tags.map(|tag| Node::new(tag).bytes(content.clone()));
            let element = Node::new("link_code_companion_reg").attr("stage", stage.clone());
            element.attr("jid", Jid::pn("7")).children(children)
        };
        let request = iq::request("1", Kind::Set, XMLNS).child(element());
        let _ = over_the_wire(&request, CompanionHello::read);
        let _ = over_the_wire(&request, CompanionFinish::read);
        let notification = Node::new("notification").attr("type", "link_code_companion_reg").child(element());
        let _ = over_the_wire(&notification, CodeNotification::read);
    }
}
