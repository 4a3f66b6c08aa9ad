//! Our own cases, alone. Their names are those of the peers' programs.

#![expect(clippy::indexing_slicing, reason = "a measuring program: a wrong index should stop it")]

use std::cell::RefCell;

use benches::party::{Party, encrypt};
use harness::{Bench, bytes};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wa_proto::jid::Jid;
use wa_proto::messaging::outbound::{self, Labels, Send, Target};
use wa_proto::messaging::reporting::reporting_token;
use wa_proto::messaging::{MessageId, MessageSecret, Plaintext, Route};
use wa_proto::node::{self, Node};
use wa_proto::noise::{Transport, TransportError};
use wa_proto::signal::SessionRecord;

#[global_allocator]
static ALLOCATOR: harness::Counting = harness::Counting;

fn main() {
    let bench = Bench::new();
    nodes(&bench);
    frames(&bench);
    set_up(&bench);
    for (label, length) in [("100B", 100), ("1KB", 1024)] {
        session(&bench, label, length);
    }
    send(&bench);
}

fn nodes(bench: &Bench) {
    for (name, node) in [("message 3 encs", message()), ("group 200", group())] {
        let wire = node.encode().expect("the node is well-formed");
        eprintln!("# {name}: {} bytes on the wire", wire.len() + 1);
        let mut buffer = Vec::with_capacity(wire.len());
        bench.run(&format!("node encode {name}"), wire.len(), || {
            buffer.clear();
            node::encode_into(&node, &mut buffer).expect("the node is well-formed");
            buffer.len()
        });
        bench.run(&format!("node decode {name}"), wire.len(), || {
            node::decode(&wire).expect("we wrote it").root().tag().len()
        });
    }
}

/// A message with three ciphertexts, a device identity and a reporting token.
fn message() -> Node {
    let to = |jid: Jid, seed| Node::new("to").attr("jid", jid).child(enc("msg", 240, seed));
    let contact = Jid::pn("5511999990000");
    Node::new("message")
        .attr("id", "3EB0A1B2C3D4E5F60718")
        .attr("to", contact.clone())
        .attr("type", "text")
        .attr("phash", "2:aBcDeFgH")
        .children([
            Node::new("participants").children([
                to(contact.clone(), 1),
                to(contact.with_device(12), 2),
                to(Jid::pn("5511888880000").with_device(3), 3),
            ]),
            Node::new("device-identity").bytes(bytes(190, 4)),
            Node::new("reporting").child(Node::new("reporting_token").attr("v", "2").bytes(bytes(16, 5))),
        ])
}

/// A group message that hands its key to 200 devices.
fn group() -> Node {
    let to = (0..200_u64).map(|number| {
        let user = (100_000_000_000_100 + number * 7919).to_string();
        let device = u16::try_from(number % 30 + 1).expect("it is at most 30");
        Node::new("to").attr("jid", Jid::lid(&user).with_device(device)).child(enc("msg", 190, number + 1))
    });
    let group: Jid = "120363000000000001@g.us".parse().expect("it is a group's JID");
    Node::new("message")
        .attr("id", "3EB0A1B2C3D4E5F60718")
        .attr("to", group)
        .attr("type", "text")
        .attr("phash", "2:aBcDeFgH")
        .attr("addressing_mode", "lid")
        .children([Node::new("participants").children(to), enc("skmsg", 180, 999)])
}

fn enc(kind: &'static str, length: usize, seed: u64) -> Node {
    Node::new("enc").attr("v", "2").attr("type", kind).bytes(bytes(length, seed))
}

fn frames(bench: &Bench) {
    for (label, length) in [("200B", 200), ("1KB", 1024), ("64KB", 65536)] {
        let plaintext = bytes(length, 1);
        let mut sender = Transport::new(&[7; 32], &[8; 32]);
        let mut buffer = Vec::with_capacity(length + 64);
        bench.run(&format!("noise frame encrypt {label}"), length, || {
            buffer.clear();
            seal(&mut sender, &mut buffer, &plaintext);
            buffer[0]
        });
        // The receiver's counter has to follow the sender's, so each operation opens a frame of its own.
        let pair = RefCell::new((Transport::new(&[7; 32], &[8; 32]), Transport::new(&[8; 32], &[7; 32])));
        bench.run_with(
            &format!("noise frame decrypt {label}"),
            length,
            || {
                let mut frame = Vec::with_capacity(length + 64);
                seal(&mut pair.borrow_mut().0, &mut frame, &plaintext);
                frame
            },
            |frame| pair.borrow_mut().1.open(&mut frame[3..]).expect("frames come in order").len(),
        );
    }
}

fn seal(transport: &mut Transport, buffer: &mut Vec<u8>, plaintext: &[u8]) {
    let write = |buffer: &mut Vec<u8>| {
        buffer.extend_from_slice(plaintext);
        Ok::<(), TransportError>(())
    };
    transport.seal(buffer, write).expect("the counter is far from its end");
}

fn set_up(bench: &Bench) {
    let bundle = Party::new(2).bundle();
    bench.run_with(
        "session set-up, initiator",
        0,
        || Party::new(1),
        |ours| ours.start(&bundle.clone().validate().expect("the keys are good")),
    );
    bench.run_with(
        "session set-up, responder",
        0,
        || {
            let theirs = Party::new(2);
            let mut record = Party::new(1).start(&theirs.bundle().validate().expect("the keys are good"));
            (theirs, encrypt(&mut record, &[1; 100]))
        },
        |(theirs, message)| {
            let mut record = SessionRecord::default();
            theirs.decrypt_first(&mut record, message);
            record
        },
    );
}

fn session(bench: &Bench, label: &str, length: usize) {
    let plaintext = bytes(length, 9);
    let (mut ours, mut theirs) = (Party::new(1), Party::new(2));
    let (mut sending, _) = ours.established_with(&mut theirs);
    bench.run(&format!("steady encrypt {label}"), length, || encrypt(&mut sending, &plaintext));

    let (sending, mut receiving) = ours.established_with(&mut theirs);
    let sending = RefCell::new(sending);
    bench.run_with(
        &format!("steady decrypt {label}"),
        length,
        || encrypt(&mut sending.borrow_mut(), &plaintext),
        |message| theirs.decrypt(&mut receiving, message),
    );

    let (mut mine, mut yours) = ours.established_with(&mut theirs);
    bench.run(&format!("ping-pong {label}"), 2 * length, || {
        theirs.decrypt(&mut yours, &encrypt(&mut mine, &plaintext));
        ours.decrypt(&mut mine, &encrypt(&mut yours, &plaintext))
    });
}

/// A text to two devices of a contact and one other of our own, with its reporting token, to the encrypted frame.
fn send(bench: &Bench) {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (own, contact) = (Jid::pn("5511999990000"), Jid::pn("5511888880000"));
    let devices = [contact.clone(), contact.with_device(12), own.with_device(3)];
    let mut us = Party::new(1);
    let mut records: Vec<SessionRecord> = (2..5).map(|seed| us.established_with(&mut Party::new(seed)).0).collect();
    let text: String = bytes(60, 5).iter().map(|byte| char::from(byte % 26 + b'a')).collect();
    let route = Route { to: contact.clone(), own: own.clone(), peer_recipient_pn: None, is_self: false };
    let id = MessageId::parse("3EB0A1B2C3D4E5F60718").expect("it is an id");
    let identity = bytes(190, 4);
    let mut transport = Transport::new(&[7; 32], &[8; 32]);
    let mut frame = Vec::with_capacity(2048);
    let mut size = 0;
    bench.run("send one text to 2+1 devices", 0, || {
        let secret = MessageSecret::generate(&mut rng);
        let plaintext = Plaintext::text(&text, &secret);
        let token = reporting_token(&plaintext, &secret, &id, &own, &contact).map(|token| {
            Node::new("reporting").child(Node::new("reporting_token").attr("v", "2").bytes(token.to_vec()))
        });
        let send = Send {
            id: &id,
            route: &route,
            own_device: 1,
            plaintext: &plaintext,
            labels: Labels::TEXT,
            device_identity: &identity,
            token: None,
            extras: token.as_slice(),
        };
        let [first, second, third] = &mut records[..] else { unreachable!("three records were made") };
        let mut targets = [
            Target { device: &devices[0], record: first },
            Target { device: &devices[1], record: second },
            Target { device: &devices[2], record: third },
        ];
        let ready = outbound::encrypt(&send, &mut targets, &mut rng).expect("every device has a session");
        size = ready.stanza.len();
        frame.clear();
        seal(&mut transport, &mut frame, &ready.stanza);
        frame.len()
    });
    eprintln!("# whole send: {size} bytes");
}
