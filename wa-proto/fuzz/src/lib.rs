//! What each fuzz target does with its input: no input may make it panic.
//!
//! The functions are here and not in the targets, so that a plain test can replay the corpus with them.

mod signal;

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wa_proto::cert::{self, Issuer, ServerVerified, Validity};
use wa_proto::connection::{Connection, Output, REQUEST_TIMEOUT, Settings};
use wa_proto::frame::{self, FrameDecoder};
use wa_proto::jid::Jid;
use wa_proto::keys::{KeyPair, PublicKey};
use wa_proto::node::{self, Node};
use wa_proto::noise::{
    Accepted, ClientHandshake, ResumePolicy, ServerHandshake, ServerIdentity, Transport, TransportError,
};
use wa_proto::plaintext;

mod parsers;

pub use self::parsers::{message, pairing, stanza};
pub use self::signal::{sender_key_message, signal_message, stored_record};

const UNIX_NOW: u64 = 1_800_000_000;

/// A target: what it does with an input.
pub type Target = fn(&[u8]);

/// All targets by name; the corpus of each is in the folder of that name.
pub const TARGETS: [(&str, Target); 15] = [
    ("node", node),
    ("plaintext", plaintext),
    ("frames", frames),
    ("intro", intro),
    ("jid", jid),
    ("certificate", certificate),
    ("client_handshake", client_handshake),
    ("server_handshake", server_handshake),
    ("connection", connection),
    ("signal_message", signal_message),
    ("sender_key_message", sender_key_message),
    ("stored_record", stored_record),
    ("stanza", stanza),
    ("pairing", pairing),
    ("message", message),
];

/// Decodes a node; what was read must be written and read the same from then on.
pub fn node(data: &[u8]) {
    let Ok(tree) = node::decode(data) else { return };
    let _ = format!("{tree:?}");
    let owned = tree.root().to_owned();
    // Addresses that cannot be written can be read: a device of an address without a user.
    let Ok(first) = owned.encode() else { return };
    let again = node::decode(&first).expect("what was written is read").root().to_owned();
    assert_eq!(again.encode().expect("it was written before"), first);
    assert_eq!(owned.tree().root().to_owned().encode().expect("it was written before"), first);
}

/// Opens a plaintext, inflates it, decodes the node.
pub fn plaintext(data: &[u8]) {
    if let Ok(body) = plaintext::open(data) {
        assert!(body.len() <= plaintext::MAX_INFLATED.max(data.len()));
        let _ = node::decode(&body);
    }
}

/// Cuts a stream into frames, in pieces whose sizes the first bytes tell; the pieces must not matter.
pub fn frames(data: &[u8]) {
    let (cuts, stream) = data.split_at(data.len().min(4));
    let mut whole = FrameDecoder::new();
    whole.push(stream);
    let mut pieces = FrameDecoder::new();
    let mut rest = stream;
    for cut in cuts.iter().cycle() {
        let (piece, later) = rest.split_at(usize::from(*cut).max(1).min(rest.len()));
        pieces.push(piece);
        while let Some(payload) = pieces.next_frame() {
            assert_eq!(Some(payload), whole.next_frame());
        }
        pieces.shrink();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    assert!(whole.next_frame().is_none());
}

/// Reads an intro; what follows must not matter.
pub fn intro(data: &[u8]) {
    if let Ok(Some(intro)) = frame::read_intro(data) {
        let mut written = Vec::new();
        frame::write_intro(intro.routing_info.as_deref(), &mut written);
        assert_eq!(data.get(..intro.length), Some(written.as_slice()));
    }
}

/// Parses an address; what is printed must be parsed to the same.
pub fn jid(data: &[u8]) {
    let Ok(jid) = String::from_utf8_lossy(data).parse::<Jid>() else { return };
    let _ = format!("{jid:?} {:?}", jid.account());
    if !jid.is_server() && !jid.user().contains([':', '.', '@']) {
        assert_eq!(jid.to_string().parse(), Ok(jid));
    }
}

/// Checks a certificate chain: no input is vouched for by a root that signed nothing.
pub fn certificate(data: &[u8]) {
    let key = PublicKey::from_bytes([9; 32]);
    assert!(cert::verify(data, &cert::WHATSAPP_ROOT, &key, UNIX_NOW).is_err());
    assert!(ServerVerified::restore(data, &key, UNIX_NOW).is_err());
}

/// Takes a server's answer, as a client that begins and as one that resumes: no input is the server.
pub fn client_handshake(data: &[u8]) {
    let mut server = Server::new();
    let noise = KeyPair::generate(&mut server.rng);
    let (client, _) = ClientHandshake::xx(&noise, vec![1], &mut server.rng);
    assert!(client.finish(data, server.root.public(), UNIX_NOW).is_err());
    let proof = server.proof();
    let (client, _) = ClientHandshake::ik(&noise, proof, vec![1], &mut server.rng).expect("a usable key");
    assert!(client.finish(data, server.root.public(), UNIX_NOW).is_err());
}

/// Takes a client's first message, and its last one.
pub fn server_handshake(data: &[u8]) {
    let mut server = Server::new();
    let identity = ServerIdentity { key: &server.key, chain: &server.chain };
    let accepted = ServerHandshake::accept(data, identity, ResumePolicy::Accept, &mut server.rng);
    if let Ok(Accepted::AwaitFinish { handshake, .. }) = accepted {
        assert!(handshake.finish(data).is_err());
    }
}

/// Runs a connection: an open one that gets stanzas, raw bytes, timeouts and commands as the input says.
///
/// The input is a list of steps: a byte that says what, a byte that says how long, then that many bytes.
pub fn connection(data: &[u8]) {
    let mut server = Server::new();
    let (mut client, mut transport) = server.connect();
    let mut now = Duration::ZERO;
    let mut rest = data;
    while let [what, length, tail @ ..] = rest {
        let (bytes, later) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = later;
        match what % 8 {
            0..=3 => client.received(&seal(&mut transport, bytes), now, &mut server.rng),
            4 => client.received(bytes, now, &mut server.rng),
            5 => {
                now += Duration::from_millis(u64::from(*length) * 250);
                client.timed_out(now, &mut server.rng);
            }
            6 => {
                let query = Node::new("iq").attr("type", "get").bytes(bytes);
                let _ = client.request(query, REQUEST_TIMEOUT, now);
            }
            _ => {
                let _ = client.send_encoded(bytes, now);
            }
        }
        while !matches!(client.poll(), Output::Idle { .. }) {}
    }
}

struct Server {
    rng: ChaCha20Rng,
    root: KeyPair,
    key: KeyPair,
    chain: Vec<u8>,
}

impl Server {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [root, intermediate, key] = std::array::from_fn(|_| KeyPair::generate(&mut rng));
        let validity = Validity { not_before: 0, not_after: u64::MAX };
        let issuer = Issuer { root: root.private(), intermediate: &intermediate, intermediate_serial: 1, validity };
        let chain = issuer.issue(key.public(), 2, &mut rng);
        Self { rng, root, key, chain }
    }

    fn proof(&self) -> ServerVerified {
        ServerVerified::restore(&self.chain, self.root.public(), UNIX_NOW).expect("the server's own chain")
    }

    /// An open connection and the server's end of it.
    fn connect(&mut self) -> (Connection, Transport) {
        let settings = Settings {
            noise: KeyPair::generate(&mut self.rng),
            payload: vec![1],
            root: *self.root.public(),
            unix_now: UNIX_NOW,
            resume: Some(self.proof()),
            routing_info: None,
        };
        let mut client = Connection::open(settings, Duration::ZERO, &mut self.rng);
        let Output::Transmit(wire) = client.poll() else { unreachable!("the first message is there at once") };
        let hello = wire.get(frame::INTRO.len() + frame::HEADER..).expect("intro, header, message");
        let identity = ServerIdentity { key: &self.key, chain: &self.chain };
        let accepted = ServerHandshake::accept(hello, identity, ResumePolicy::Accept, &mut self.rng);
        let Ok(Accepted::Established { answer, established }) = accepted else { unreachable!("it resumes") };
        let mut wire = Vec::new();
        frame::write(&answer, &mut wire).expect("a short message");
        client.received(&wire, Duration::ZERO, &mut self.rng);
        assert!(client.is_open());
        (client, established.transport)
    }
}

fn seal(transport: &mut Transport, plaintext: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(plaintext);
        Ok::<_, TransportError>(())
    };
    transport.seal(&mut wire, write).expect("a short plaintext");
    wire
}
