//! Whatever well-formed node the other side sends, reading it as any stanza ends in a value or an error.

use proptest::prelude::*;

use super::chatstate::{ChatState, Presence, PresenceRequest};
use super::privacy_token::IssueToken;
use super::usync::{UsyncAnswer, UsyncQuery};
use super::{Ack, Direction, IncomingMessage, Notification, OutgoingMessage, Receipt};
use crate::jid::Jid;
use crate::messaging::answer::answers;
use crate::messaging::inbound::{Outcome, OwnDevice, named_prekeys};
use crate::messaging::retry::RetryCase;
use crate::messaging::source::Source;
use crate::messaging::testing::names;
use crate::node::{Node, Value};

const STANZAS: [&str; 7] = ["message", "receipt", "ack", "notification", "chatstate", "presence", "iq"];

const TAGS: [&str; 36] = [
    "message",
    "receipt",
    "ack",
    "notification",
    "chatstate",
    "presence",
    "iq",
    "usync",
    "query",
    "list",
    "user",
    "devices",
    "device-list",
    "device",
    "key-index-list",
    "lid",
    "contact",
    "error",
    "result",
    "participants",
    "to",
    "enc",
    "retry",
    "registration",
    "keys",
    "identity",
    "skey",
    "key",
    "id",
    "value",
    "signature",
    "tokens",
    "token",
    "add",
    "composing",
    "unavailable",
];

const KEYS: [&str; 28] = [
    "id",
    "to",
    "from",
    "type",
    "t",
    "participant",
    "recipient",
    "class",
    "error",
    "code",
    "phash",
    "jid",
    "lid",
    "v",
    "count",
    "category",
    "offline",
    "notify",
    "sender_pn",
    "sender_lid",
    "peer_recipient_pn",
    "addressing_mode",
    "key-index",
    "ts",
    "val",
    "pn_jid",
    "sid",
    "device_hash",
];

const TEXTS: [&str; 24] = [
    "message",
    "receipt",
    "devices",
    "encrypt",
    "account_sync",
    "privacy_token",
    "retry",
    "read",
    "pkmsg",
    "msg",
    "skmsg",
    "0",
    "1",
    "2",
    "65536",
    "18446744073709551615",
    "-1",
    "",
    "in",
    "lid",
    "peer",
    "trusted_contact",
    "3A01",
    "@",
];

const JIDS: [&str; 8] = [
    "990000000000002:12@lid",
    "77010000002@s.whatsapp.net",
    "77010000001:7@s.whatsapp.net",
    "990000000000001@lid",
    "120363000000000001@g.us",
    "status@broadcast",
    "1@newsletter",
    "s.whatsapp.net",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        proptest::sample::select(&JIDS[..]).prop_map(|jid| Value::from(jid.parse::<Jid>().unwrap())),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let attrs = || proptest::collection::vec((proptest::sample::select(&KEYS[..]), value()), 0..8);
    let tag = || proptest::sample::select(&TAGS[..]);
    let with = |tag: &'static str, attrs: Vec<(&'static str, Value)>| {
        attrs.into_iter().fold(Node::new(tag), |node, (key, value)| node.attr(key, value))
    };
    let leaf = (tag(), attrs(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40))).prop_map(
        move |(tag, attrs, bytes)| {
            let node = with(tag, attrs);
            match bytes {
                Some(bytes) => node.bytes(bytes),
                None => node,
            }
        },
    );
    leaf.prop_recursive(4, 40, 5, move |inner| {
        (tag(), attrs(), proptest::collection::vec(inner, 0..5))
            .prop_map(move |(tag, attrs, children)| with(tag, attrs).children(children))
    })
}

/// A node that has what every stanza needs, and anything else.
fn stanza() -> impl Strategy<Value = Node> {
    let tag = proptest::sample::select(&STANZAS[..]);
    let jid = || proptest::sample::select(&JIDS[..]).prop_map(|jid| jid.parse::<Jid>().unwrap());
    let kind = proptest::sample::select(&TEXTS[..]);
    let more = proptest::collection::vec((proptest::sample::select(&KEYS[..]), value()), 0..6);
    let children = proptest::collection::vec(node(), 0..6);
    (tag, jid(), jid(), kind, more, children).prop_map(|(tag, from, to, kind, more, children)| {
        let mut node = Node::new(tag).attr("id", "3A01").attr("class", "message").attr("type", kind);
        let fixed = ["id", "class", "type", "from", "to"];
        for (key, value) in more.into_iter().filter(|(key, _)| !fixed.contains(key)) {
            node = node.attr(key, value);
        }
        node.attr("from", from).attr("to", to).children(children)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_node_is_survived_as_any_stanza(node in prop_oneof![1 => node(), 4 => stanza()]) {
        let tree = node.tree();
        let root = tree.root();
        let own_names = names(1);
        let own = OwnDevice { names: &own_names, device: 7 };
        if let Ok(message) = IncomingMessage::parse(root) {
            let source = Source::of(&message, &own_names);
            let _ = named_prekeys(&message, own);
            prop_assert!(!answers(&message, &source, own, &Outcome::Nothing, false).is_empty());
            prop_assert!(IncomingMessage::parse(message.to_node().tree().root()).is_ok());
        }
        if let Ok(message) = OutgoingMessage::parse(root) {
            prop_assert!(OutgoingMessage::parse(message.to_node().tree().root()).is_ok());
        }
        for direction in [Direction::Up, Direction::Down] {
            if let Ok(receipt) = Receipt::parse(root, direction) {
                let _ = RetryCase::of(&receipt, &own_names);
                prop_assert!(Receipt::parse(receipt.to_node(direction).tree().root(), direction).is_ok());
            }
            if let Ok(ack) = Ack::parse(root, direction) {
                let written = ack.to_node(direction);
                prop_assert_eq!(Ack::parse(written.tree().root(), direction).unwrap(), ack);
            }
            let _ = ChatState::parse(root, direction);
        }
        if let Ok(notification) = Notification::parse(root) {
            prop_assert!(Notification::parse(notification.to_node().tree().root()).is_ok());
        }
        let _ = Ack::answer(root, &Jid::pn("77010000001"));
        let _ = (Presence::parse(root), PresenceRequest::parse(root), IssueToken::parse_iq(root));
        if let (Ok(answer), Ok(query)) = (UsyncAnswer::parse(root), UsyncQuery::parse(root)) {
            prop_assert!(UsyncAnswer::parse(answer.to_iq("1", &query).tree().root()).is_ok());
        }
    }
}
