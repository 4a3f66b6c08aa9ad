use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value as Json;

use super::symmetric::Symmetric;
use super::*;
use crate::cert::{CertificateError, ServerVerified};
use crate::keys::{KeyPair, PrivateKey, PublicKey};
use crate::vectors::{array, bytes, list, noise_and_codec, text};

const NOW: u64 = 1_800_000_000;

struct Published {
    vectors: Json,
    chain: Vec<u8>,
    payload: Vec<u8>,
}

impl Published {
    fn load() -> Self {
        let vectors = noise_and_codec()["noise"].clone();
        let chain = bytes(&vectors["certificate"]["chain"]);
        let payload = bytes(&vectors["client_payload"]);
        Self { vectors, chain, payload }
    }

    fn pair(&self, name: &str) -> KeyPair {
        let keys = &self.vectors["keys"][name];
        let pair = KeyPair::from_private(PrivateKey::from_bytes(array(&keys["private"])));
        assert_eq!(pair.public().as_bytes(), &array::<32>(&keys["public"]), "{name}");
        pair
    }

    fn message(&self, pattern: &str, name: &str) -> Vec<u8> {
        bytes(&self.vectors[pattern]["messages"][name]["protobuf"])
    }

    fn root(&self) -> PublicKey {
        *self.pair("cert_root").public()
    }

    fn verified(&self) -> ServerVerified {
        ServerVerified::restore(&self.chain, &self.root(), NOW).unwrap()
    }

    fn client_xx(&self) -> (ClientHandshake, Vec<u8>) {
        ClientHandshake::xx_with(self.pair("client_ephemeral"), &self.pair("client_static"), self.payload.clone())
    }

    fn client_ik(&self) -> (ClientHandshake, Vec<u8>) {
        let (ephemeral, noise) = (self.pair("client_ephemeral"), self.pair("client_static"));
        ClientHandshake::ik_with(ephemeral, &noise, self.verified(), self.payload.clone()).unwrap()
    }

    fn accept(&self, hello: &[u8], policy: ResumePolicy) -> Accepted {
        let key = self.pair("server_static");
        let identity = ServerIdentity { key: &key, chain: &self.chain };
        ServerHandshake::accept_with(self.pair("server_ephemeral"), hello, identity, policy).unwrap()
    }

    /// Checks that both ends send the published frames, and read each other's.
    fn check_transport(&self, pattern: &str, mut client: Transport, mut server: Transport) {
        let rows = list(&self.vectors[pattern]["transport"]);
        assert_eq!(rows.len(), 4);
        let mut counters = [0, 0];
        for row in rows {
            let up = text(&row["dir"]) == "client_to_server";
            let (sender, receiver) = if up { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let counter = &mut counters[usize::from(up)];
            let plaintext = bytes(&row["plaintext"]);
            loop {
                let mut frame = Vec::new();
                sender
                    .seal(&mut frame, |out| {
                        out.extend_from_slice(&plaintext);
                        Ok::<_, TransportError>(())
                    })
                    .unwrap();
                if row["counter"] == *counter {
                    assert_eq!(frame, bytes(&row["frame"]), "{pattern} {counter}");
                }
                assert_eq!(receiver.open(&mut frame[3..]).unwrap(), plaintext);
                *counter += 1;
                if row["counter"] == *counter - 1 {
                    break;
                }
            }
        }
    }
}

fn await_finish(accepted: Accepted) -> (Vec<u8>, ServerHandshake) {
    match accepted {
        Accepted::AwaitFinish { answer, handshake } => (answer, handshake),
        Accepted::Established { .. } => panic!("resumed"),
    }
}

#[test]
fn xx_reproduces_the_published_transcript_on_both_sides() {
    let published = Published::load();
    let (client, hello) = published.client_xx();
    assert_eq!(hello, published.message("xx", "client_hello"));
    let (answer, server) = await_finish(published.accept(&hello, ResumePolicy::Accept));
    assert_eq!(answer, published.message("xx", "server_hello"));
    let client = client.finish(&answer, &published.root(), NOW).unwrap();
    let finish = client.finish.unwrap();
    assert_eq!(finish, published.message("xx", "client_finish"));
    assert_eq!(client.pattern, Pattern::Xx);
    assert_eq!(client.server.key(), published.pair("server_static").public());
    let server = server.finish(&finish).unwrap();
    assert_eq!(server.client, *published.pair("client_static").public());
    assert_eq!(server.payload, published.payload);
    published.check_transport("xx", client.transport, server.transport);
}

#[test]
fn ik_reproduces_the_published_transcript_on_both_sides() {
    let published = Published::load();
    let (client, hello) = published.client_ik();
    assert!(client.is_resumption());
    assert_eq!(hello, published.message("ik", "client_hello"));
    let Accepted::Established { answer, established: server } = published.accept(&hello, ResumePolicy::Accept) else {
        panic!("not resumed");
    };
    assert_eq!(answer, published.message("ik", "server_hello"));
    assert_eq!(server.client, *published.pair("client_static").public());
    assert_eq!(server.payload, published.payload);
    let client = client.finish(&answer, &published.root(), NOW).unwrap();
    assert_eq!((client.finish, client.pattern), (None, Pattern::Ik));
    published.check_transport("ik", client.transport, server.transport);
}

#[test]
fn xxfallback_reproduces_the_published_transcript_on_both_sides() {
    let published = Published::load();
    let (client, hello) = published.client_ik();
    let (answer, server) = await_finish(published.accept(&hello, ResumePolicy::FallBack));
    assert_eq!(answer, published.message("xxfallback", "server_hello"));
    let client = client.finish(&answer, &published.root(), NOW).unwrap();
    let finish = client.finish.unwrap();
    assert_eq!(finish, published.message("xxfallback", "client_finish"));
    assert_eq!(client.pattern, Pattern::XxFallback);
    let server = server.finish(&finish).unwrap();
    assert_eq!(server.payload, published.payload);
    published.check_transport("xxfallback", client.transport, server.transport);
}

#[test]
fn every_step_has_the_published_hash_and_keys() {
    let published = Published::load();
    for (pattern, name) in [(Pattern::Xx, "xx"), (Pattern::Ik, "ik"), (Pattern::XxFallback, "xxfallback")] {
        let steps = list(&published.vectors[name]["steps"]);
        let mut state = Symmetric::new(pattern);
        // The prologue is mixed in by `new`, so the first two steps are one here.
        for step in steps.iter().skip(1) {
            let operation = text(&step["op"]);
            match operation.split_once('(').map(|(kind, argument)| (kind, argument.trim_end_matches(')'))) {
                Some(("MixHash", "prologue")) => {}
                Some(("MixHash", _)) => state.mix_hash(&bytes(&step["input"])),
                Some(("MixKey", which)) => {
                    let (ours, theirs) = match which {
                        "ee" => ("client_ephemeral", "server_ephemeral"),
                        "es" => ("client_ephemeral", "server_static"),
                        "se" => ("client_static", "server_ephemeral"),
                        "ss" => ("client_static", "server_static"),
                        other => panic!("{other}"),
                    };
                    state.mix_agreement(published.pair(ours).private(), published.pair(theirs).public()).unwrap();
                }
                Some(("EncryptAndHash", what)) => {
                    let plaintext = match what {
                        "server static" => published.pair("server_static").public().as_bytes().to_vec(),
                        "client static" => published.pair("client_static").public().as_bytes().to_vec(),
                        "certificate chain" => published.chain.clone(),
                        "client payload" => published.payload.clone(),
                        other => panic!("{other}"),
                    };
                    state.seal(&plaintext).unwrap();
                }
                other => panic!("{other:?}"),
            }
            let (hash, chaining_key, key, _) = state.parts();
            assert_eq!(hash, array(&step["h"]), "{name} {operation}");
            assert_eq!(chaining_key, array(&step["ck"]), "{name} {operation}");
            assert_eq!(key, array(&step["k"]), "{name} {operation}");
        }
        let [up, down] = state.split();
        assert_eq!(up, array(&published.vectors[name]["final_keys"]["client_to_server"]), "{name}");
        assert_eq!(down, array(&published.vectors[name]["final_keys"]["server_to_client"]), "{name}");
    }
}

#[test]
fn a_resumption_for_another_key_falls_back_by_itself() {
    let published = Published::load();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (client, hello) = published.client_ik();
    let moved = KeyPair::generate(&mut rng);
    let identity = ServerIdentity { key: &moved, chain: &published.chain };
    let accepted = ServerHandshake::accept(&hello, identity, ResumePolicy::Accept, &mut rng).unwrap();
    let (answer, _) = await_finish(accepted);
    // The chain still names the old key, so that the client stops here.
    let error = client.finish(&answer, &published.root(), NOW).unwrap_err();
    assert_eq!(error, HandshakeError::Certificate(CertificateError::StaticKey));
}

#[test]
fn a_server_that_another_root_vouches_for_is_refused() {
    let published = Published::load();
    let (client, hello) = published.client_xx();
    let (answer, _) = await_finish(published.accept(&hello, ResumePolicy::Accept));
    let error = client.finish(&answer, &crate::cert::WHATSAPP_ROOT, NOW).unwrap_err();
    assert!(matches!(error, HandshakeError::Certificate(CertificateError::Signature { .. })));
}

#[test]
fn changed_or_cut_answers_are_refused() {
    let published = Published::load();
    let (_, hello) = published.client_xx();
    let (answer, _) = await_finish(published.accept(&hello, ResumePolicy::Accept));
    for at in (0..answer.len()).step_by(7) {
        let mut changed = answer.clone();
        changed[at] ^= 0x20;
        let (client, _) = published.client_xx();
        assert!(client.finish(&changed, &published.root(), NOW).is_err(), "byte {at}");
        let (client, _) = published.client_xx();
        assert!(client.finish(&answer[..at], &published.root(), NOW).is_err(), "cut at {at}");
    }
}

#[test]
fn changed_or_cut_last_messages_are_refused() {
    let published = Published::load();
    let (client, hello) = published.client_xx();
    let (answer, _) = await_finish(published.accept(&hello, ResumePolicy::Accept));
    let finish = client.finish(&answer, &published.root(), NOW).unwrap().finish.unwrap();
    for at in (0..finish.len()).step_by(5) {
        let mut changed = finish.clone();
        changed[at] ^= 1;
        let (_, server) = await_finish(published.accept(&hello, ResumePolicy::Accept));
        assert!(server.finish(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn predictable_keys_are_refused() {
    let published = Published::load();
    let weak = PublicKey::from_bytes([0; 32]);
    let hello = message::Hello { ephemeral: weak, resumption: None }.write();
    let key = published.pair("server_static");
    let identity = ServerIdentity { key: &key, chain: &published.chain };
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let refused = ServerHandshake::accept(&hello, identity, ResumePolicy::Accept, &mut rng);
    assert!(matches!(refused, Err(HandshakeError::Key(_))));
    let (client, _) = published.client_xx();
    let answer = message::Answer { ephemeral: weak, static_key: Some(vec![0; 48]), payload: vec![0; 48] }.write();
    assert!(matches!(client.finish(&answer, &published.root(), NOW), Err(HandshakeError::Key(_))));
}

#[test]
fn the_first_message_follows_intro_and_routing_as_published() {
    let published = Published::load();
    let (_, hello) = published.client_xx();
    let mut wire = Vec::new();
    crate::frame::write_intro(None, &mut wire);
    crate::frame::write(&hello, &mut wire).unwrap();
    assert_eq!(wire, bytes(&published.vectors["xx"]["messages"]["client_hello"]["wire"]));

    let routing = &published.vectors["edge_routing"];
    let mut wire = Vec::new();
    crate::frame::write_intro(Some(&bytes(&routing["routing_info"])), &mut wire);
    crate::frame::write(&hello, &mut wire).unwrap();
    assert_eq!(wire, bytes(&routing["first_wire_message_with_client_hello"]));
}
