use proptest::prelude::*;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::*;
use crate::jid::{Jid, Server};
use crate::vectors::{self, bytes, list, noise_and_codec};

/// Builds the node that a vector describes; the form is explained in the file itself.
fn build(json: &Json) -> Node {
    let mut node = Node::new(vectors::text(&json["tag"]).to_owned());
    for attr in list(&json["attrs"]) {
        node = node.attr(vectors::text(&attr[0]).to_owned(), value(&attr[1]));
    }
    let content = &json["content"];
    if let Some(hex) = content.get("bytes") {
        node.bytes(bytes(hex))
    } else if let Some(fill) = content.get("fill") {
        node.bytes(vec![number(&fill["byte"]); number(&fill["len"])])
    } else if let Some(string) = content.get("text") {
        node.text(vectors::text(string).to_owned())
    } else if let Some(nodes) = content.get("nodes") {
        node.children(list(nodes).iter().map(build))
    } else if let Some(repeat) = content.get("repeat") {
        let child = build(&repeat["node"]);
        node.children(std::iter::repeat_n(child, number(&repeat["count"])))
    } else if let Some(ids) = content.get("prekeys") {
        node.children((number(&ids["from"])..=number(&ids["to"])).map(|id: u32| {
            let id_bytes = id.to_be_bytes();
            let value = Node::new("value").bytes(vec![id_bytes[3]; 32]);
            Node::new("key").children([Node::new("id").bytes(&id_bytes[1..]), value])
        }))
    } else {
        assert!(content.is_null(), "unknown content {content}");
        node
    }
}

fn number<N: TryFrom<u64>>(json: &Json) -> N {
    json.as_u64().and_then(|number| number.try_into().ok()).expect("a number in range")
}

fn value(json: &Json) -> Value {
    let Some(jid) = json.get("jid") else { return vectors::text(json).to_owned().into() };
    let part = |name: &str| jid.get(name).map_or(0, number);
    Jid::new(vectors::text(&jid["user"]), Server::from_name(vectors::text(&jid["server"])))
        .with_device(part("device"))
        .with_integrator(part("integrator"))
        .into()
}

/// The bytes of an input: hexadecimal, or a part that repeats before another.
fn input(json: &Json) -> Vec<u8> {
    match json.get("repeat_prefix") {
        Some(prefix) => [bytes(prefix).repeat(number(&json["times"])), bytes(&json["then"])].concat(),
        None => bytes(json),
    }
}

/// A node in the form of the vectors' `decoded`.
fn describe(node: NodeRef<'_>) -> Json {
    let mut attrs: Vec<(String, String)> = node
        .attrs()
        .map(|(key, value)| {
            let mut printed = value.to_text().into_owned();
            if let Some(integrator) = value.to_jid().map(|jid| jid.integrator()).filter(|&n| n != 0) {
                printed = format!("{printed}#integrator={integrator}");
            }
            (key.to_owned(), printed)
        })
        .collect();
    attrs.sort();
    let content = match node.content() {
        ContentRef::None => Json::Null,
        ContentRef::Bytes(bytes) if bytes.len() > 1600 => {
            serde_json::json!({ "sha256": hex::encode(Sha256::digest(bytes)), "len": bytes.len() })
        }
        ContentRef::Bytes(bytes) => serde_json::json!({ "bytes": hex::encode(bytes) }),
        ContentRef::Value(value) => serde_json::json!({ "text": value.to_text() }),
        ContentRef::Nodes(children) => serde_json::json!({ "nodes": children.map(describe).collect::<Vec<_>>() }),
    };
    serde_json::json!({ "tag": node.tag(), "attrs": attrs, "content": content })
}

/// What a node reads back as: raw text content cannot be told from bytes, nor an empty list from no content.
fn read_back(mut node: Node) -> Node {
    node.content = match node.content {
        Content::Nodes(children) if children.is_empty() => Content::None,
        Content::Nodes(children) => Content::Nodes(children.into_iter().map(read_back).collect()),
        Content::Text(text)
            if crate::token::lookup(text.as_bytes()).is_none() && text::Packed::new(text.as_bytes()).is_none() =>
        {
            Content::Bytes(text.as_bytes().to_vec())
        }
        other @ (Content::None | Content::Bytes(_) | Content::Text(_)) => other,
    };
    node
}

#[test]
fn published_nodes_are_written_byte_for_byte_and_read_back() {
    let vectors = noise_and_codec();
    let rows = list(&vectors["binary_nodes"]);
    assert_eq!(rows.len(), 82);
    for row in rows {
        let name = vectors::text(&row["name"]);
        let node = build(&row["node"]);
        let wire = [vec![0], node.encode().expect(name)].concat();
        let encoded = &row["encoded"];
        if let Some(hex) = encoded.as_str() {
            assert_eq!(hex::encode(&wire), hex, "{name}");
        } else {
            assert_eq!(wire.len(), number::<usize>(&encoded["len"]), "{name}");
            assert_eq!(hex::encode(Sha256::digest(&wire)), vectors::text(&encoded["sha256"]), "{name}");
            assert_eq!(hex::encode(&wire[..48]), vectors::text(&encoded["first_48_bytes"]), "{name}");
        }
        let tree = decode(&wire[1..]).expect(name);
        let back = tree.root().to_owned();
        let expected = read_back(node);
        assert_eq!(back, expected, "{name}");
    }
}

#[test]
fn published_inputs_are_read_or_refused_as_agreed() {
    let vectors = noise_and_codec();
    let rows = list(&vectors["decode_only"]);
    assert_eq!(rows.len(), 56);
    for row in rows {
        let (name, expect) = (vectors::text(&row["name"]), vectors::text(&row["expect"]));
        let wire = input(&row["hex"]);
        match decode(&wire) {
            Ok(tree) => {
                assert!(!expect.starts_with("error"), "{name} must be refused");
                if name == "ok_attr_value_list_empty" {
                    assert!(tree.root().value("to").is_none(), "a null attribute is absent");
                } else if let Some(decoded) = row.get("decoded") {
                    assert_eq!(describe(tree.root()), *decoded, "{name}");
                }
            }
            Err(error) => assert!(expect.starts_with("error"), "{name}: {error}"),
        }
    }
}

#[test]
fn short_cuts_around_the_dictionary_lead_to_the_same_bytes() {
    let tokens = (1..=235).filter_map(crate::token::single);
    let tokens = tokens.chain((236..=239).flat_map(|d| (0..=255).filter_map(move |i| crate::token::double(d, i))));
    for token in tokens {
        let packable = text::Packed::new(token.as_bytes()).is_some();
        assert!(!packable || token.len() <= encode::LONGEST_PACKABLE_TOKEN, "{token}");
    }
    for (server, byte) in [("s.whatsapp.net", 3), ("g.us", 28), ("lid", 118)] {
        assert_eq!(crate::token::single(byte), Some(server));
    }
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let wire = hex::decode("f8051908040811").unwrap();
    let tree = decode(&wire).unwrap();
    assert_eq!(tree.root().attr_str("id"), Some("to"));
}

#[test]
fn nesting_ends_at_the_limit() {
    let mut node = Node::new("a1");
    for _ in 1..MAX_DEPTH {
        node = Node::new("a1").child(node);
    }
    let wire = node.encode().expect("at the limit");
    assert!(decode(&wire).is_ok());
    let deeper = Node::new("a1").child(node);
    assert_eq!(deeper.encode(), Err(EncodeError::TooDeep));
    let wire = [&[0xf8, 2, 0x2d, 0xf8, 1][..], &wire].concat();
    assert_eq!(decode(&wire).err(), Some(DecodeError::TooDeep));
}

#[test]
fn what_cannot_be_written_leaves_the_buffer_alone() {
    let cases = [
        (Node::new(""), EncodeError::NoTag),
        (Node::new("x").attr("to", Jid::group("1").with_device(2)), EncodeError::Device),
        (Node::new("x").attr("to", Jid::pn("1").with_device(256)), EncodeError::Device),
        (Node::new("x").children(vec![Node::new("y"); 65_536]), EncodeError::ListTooLong),
    ];
    for (node, error) in cases {
        let mut out = vec![7];
        assert_eq!(encode_into(&node, &mut out), Err(error));
        assert_eq!(out, [7]);
    }
}

#[test]
fn long_lists_are_written_alike_by_both_writers() {
    for count in [0, 1, 255, 256, 300] {
        let child = Node::new("item").attr("id", "7");
        let node = Node::new("list").attr("x", 5_u32).children(vec![child; count]);
        let mut direct = Vec::new();
        encode_with(&mut direct, "list", |list| {
            list.attr_u64("x", 5).children(|children| {
                for _ in 0..count {
                    children.node("item", |item| {
                        item.attr("id", "7");
                    });
                }
            });
        })
        .unwrap();
        assert_eq!(direct, node.encode().unwrap(), "{count} children");
    }
}

#[test]
fn the_direct_writer_refuses_a_second_content() {
    let mut out = Vec::new();
    let twice = encode_with(&mut out, "x", |x| {
        x.bytes(&[1]);
        x.text("a");
    });
    assert_eq!(twice, Err(EncodeError::Order));
    let late = encode_with(&mut out, "x", |x| {
        x.bytes(&[1]);
        x.attr("a", "b");
    });
    assert_eq!(late, Err(EncodeError::Order));
    assert!(out.is_empty());
}

#[test]
fn debug_shows_the_protocol_and_hides_people() {
    let node = Node::new("message")
        .attr("id", "3EB0AA")
        .attr("notify", "Alice")
        .attr("from", Jid::pn("77012345678"))
        .child(Node::new("enc").bytes(b"secret".to_vec()))
        .child(Node::new("body").text("hello"));
    let shown = format!("{node:?}");
    assert_eq!(
        shown,
        "<message id=\"3EB0AA\" notify=(5 bytes of text) from=Jid(…78:0@s.whatsapp.net)>\
         <enc>6 bytes</><body>(5 bytes of text)</></>"
    );
}

fn any_jid() -> impl Strategy<Value = Jid> {
    let users = prop_oneof!["[0-9]{1,18}", "[A-F0-9]{2,40}", "[a-z.:é-]{1,30}"];
    (users, 0..9_usize, any::<u8>(), any::<u16>()).prop_map(|(user, server, device, wide)| {
        let device = u16::from(device);
        match server {
            0 => Jid::pn(&user).with_device(device),
            1 => Jid::lid(&user).with_device(device),
            2 => Jid::new(&user, Server::Hosted).with_device(device),
            3 => Jid::new(&user, Server::HostedLid).with_device(device),
            4 => Jid::new(&user, Server::Messenger).with_device(wide),
            5 => Jid::new(&user, Server::Interop).with_device(device).with_integrator(wide),
            6 => Jid::group(&user),
            7 => Jid::new("", Server::from_name(&user)),
            _ => Jid::new(&user, Server::from_name("example")),
        }
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9.-]{0,130}", "[0-9A-F]{0,130}", ".{0,300}", Just("receipt".to_owned()), Just("1961".to_owned())]
}

fn any_node() -> impl Strategy<Value = Node> {
    let value = prop_oneof![any_text().prop_map(Value::from), any_jid().prop_map(Value::from)];
    let attrs = prop::collection::vec(("[a-z_]{1,12}", value), 0..6);
    let leaf = (any_text(), attrs.clone(), 0..3_u8, prop::collection::vec(any::<u8>(), 0..400), any_text());
    let named = |tag: String, attrs: Vec<(String, Value)>| {
        let tag = if tag.is_empty() { "x".to_owned() } else { tag };
        attrs.into_iter().fold(Node::new(tag), |node, (key, value)| node.attr(key, value))
    };
    leaf.prop_map(move |(tag, attrs, kind, bytes, text)| match kind {
        0 => named(tag, attrs),
        1 => named(tag, attrs).bytes(bytes),
        _ => named(tag, attrs).text(text),
    })
    .prop_recursive(4, 40, 6, move |inner| {
        (any_text(), attrs.clone(), prop::collection::vec(inner, 1..6))
            .prop_map(move |(tag, attrs, children)| named(tag, attrs).children(children))
    })
}

/// Writes `node` with the direct writer.
fn direct(element: &mut ElementWriter<'_>, node: &Node) {
    for (key, value) in node.attrs() {
        match value {
            Value::Text(text) => element.attr(key, text),
            Value::Jid(jid) => element.attr_jid(key, jid),
        };
    }
    match node.content() {
        Content::None => {}
        Content::Bytes(bytes) => element.bytes(bytes),
        Content::Text(text) => element.text(text),
        Content::Nodes(nodes) => element.children(|children| {
            for node in nodes {
                children.node(node.tag(), |element| direct(element, node));
            }
        }),
    }
}

proptest! {
    #[test]
    fn every_node_comes_back(node in any_node()) {
        let wire = node.encode().unwrap();
        let tree = decode(&wire).unwrap();
        prop_assert_eq!(tree.root().to_owned(), read_back(node.clone()));
        prop_assert_eq!(node.tree().root().to_owned(), node.clone());

        let mut written = Vec::new();
        encode_with(&mut written, node.tag(), |element| direct(element, &node)).unwrap();
        prop_assert_eq!(written, wire);
    }

    #[test]
    fn a_node_cut_anywhere_is_refused(node in any_node(), at in any::<prop::sample::Index>()) {
        let wire = node.encode().unwrap();
        prop_assert!(decode(&wire[..at.index(wire.len())]).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = decode(&bytes) {
            let _ = tree.root().to_owned();
        }
    }

    #[test]
    fn a_damaged_node_is_read_or_refused(node in any_node(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut wire = node.encode().unwrap();
        let index = at.index(wire.len());
        wire[index] = byte;
        if let Ok(tree) = decode(&wire) {
            let _ = (tree.root().to_owned(), format!("{tree:?}"));
        }
    }
}
