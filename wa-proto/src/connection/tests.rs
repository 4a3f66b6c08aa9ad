use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::cert::{Issuer, Validity};
use crate::noise::{Accepted, Pattern, ResumePolicy, ServerHandshake, ServerIdentity};

const UNIX_NOW: u64 = 1_800_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server that does the handshake, and a client's connection to it.
struct World {
    rng: ChaCha20Rng,
    root: KeyPair,
    key: KeyPair,
    chain: Vec<u8>,
    noise: KeyPair,
    frames: FrameDecoder,
    transport: Option<Transport>,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let [root, intermediate, key, noise] = std::array::from_fn(|_| KeyPair::generate(&mut rng));
        let validity = Validity { not_before: 0, not_after: u64::MAX };
        let issuer = Issuer { root: root.private(), intermediate: &intermediate, intermediate_serial: 1, validity };
        let chain = issuer.issue(key.public(), 2, &mut rng);
        Self { rng, root, key, chain, noise, frames: FrameDecoder::new(), transport: None }
    }

    fn settings(&self) -> Settings {
        Settings {
            noise: self.noise.clone(),
            payload: b"payload".to_vec(),
            root: *self.root.public(),
            unix_now: UNIX_NOW,
            resume: None,
            routing_info: None,
        }
    }

    fn open(&mut self, settings: Settings) -> Connection {
        Connection::open(settings, Duration::ZERO, &mut self.rng)
    }

    /// Answers the connection's first message, returns the bytes for it, and keeps the server's end.
    fn answer(&mut self, first: &[u8], policy: ResumePolicy) -> (Vec<u8>, Option<ServerHandshake>) {
        let intro = frame::read_intro(first).unwrap().expect("a whole intro");
        self.frames.push(&first[intro.length..]);
        let hello = self.frames.next_frame().expect("a first message").to_vec();
        let identity = ServerIdentity { key: &self.key, chain: &self.chain };
        let mut wire = Vec::new();
        let handshake = match ServerHandshake::accept(&hello, identity, policy, &mut self.rng).unwrap() {
            Accepted::AwaitFinish { answer, handshake } => {
                frame::write(&answer, &mut wire).unwrap();
                Some(handshake)
            }
            Accepted::Established { answer, established } => {
                frame::write(&answer, &mut wire).unwrap();
                assert_eq!(established.payload, b"payload");
                self.transport = Some(established.transport);
                None
            }
        };
        (wire, handshake)
    }

    fn finish(&mut self, connection: &mut Connection, handshake: Option<ServerHandshake>) {
        if let Some(handshake) = handshake {
            self.frames.push(&transmitted(connection));
            let established = handshake.finish(self.frames.next_frame().expect("a last message")).unwrap();
            assert_eq!(established.payload, b"payload");
            self.transport = Some(established.transport);
        }
    }

    /// An open connection at time zero.
    fn connect(&mut self) -> Connection {
        let settings = self.settings();
        let mut connection = self.open(settings);
        let (wire, handshake) = self.answer(&transmitted(&mut connection), ResumePolicy::Accept);
        connection.received(&wire, Duration::ZERO, &mut self.rng);
        self.finish(&mut connection, handshake);
        let Output::Event(Event::Established { pattern: Pattern::Xx, .. }) = connection.poll() else {
            panic!("not established");
        };
        connection
    }

    /// A frame from the server.
    fn seal(&mut self, node: &Node) -> Vec<u8> {
        self.seal_raw(&[&[0], node.encode().unwrap().as_slice()].concat())
    }

    fn seal_raw(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(plaintext);
            Ok::<_, TransportError>(())
        };
        self.transport.as_mut().expect("open").seal(&mut wire, write).unwrap();
        wire
    }

    fn deliver(&mut self, connection: &mut Connection, node: &Node, now: Duration) {
        let wire = self.seal(node);
        connection.received(&wire, now, &mut self.rng);
    }

    /// The stanzas in what the connection sends.
    fn sent(&mut self, connection: &mut Connection) -> Vec<Node> {
        self.frames.push(&transmitted(connection));
        let mut nodes = Vec::new();
        while let Some(payload) = self.frames.next_frame() {
            let plaintext = self.transport.as_mut().expect("open").open(payload).unwrap();
            let (stanza, _) = Stanza::read(plaintext).unwrap();
            nodes.push(stanza.tree().root().to_owned());
        }
        nodes
    }

    fn time_out(&mut self, connection: &mut Connection, now: Duration) {
        connection.timed_out(now, &mut self.rng);
    }
}

fn transmitted(connection: &mut Connection) -> Vec<u8> {
    match connection.poll() {
        Output::Transmit(wire) => wire,
        other @ (Output::Event(_) | Output::Idle { .. }) => panic!("not a transmission: {other:?}"),
    }
}

fn event(connection: &mut Connection) -> Event {
    match connection.poll() {
        Output::Event(event) => event,
        other @ (Output::Transmit(_) | Output::Idle { .. }) => panic!("not an event: {other:?}"),
    }
}

fn idle_until(connection: &mut Connection) -> Option<Duration> {
    match connection.poll() {
        Output::Idle { until } => until,
        other @ (Output::Transmit(_) | Output::Event(_)) => panic!("not idle: {other:?}"),
    }
}

fn get(xmlns: &'static str) -> Node {
    Node::new("iq").attr("xmlns", xmlns).attr("type", "get").attr("to", Jid::SERVER)
}

fn result_for(request: &Node) -> Node {
    let id = request.tree().root().attr_str("id").expect("an id").to_owned();
    Node::new("iq").attr("from", Jid::SERVER).attr("id", id).attr("type", "result")
}

#[test]
fn stanzas_go_both_ways_after_the_handshake() {
    let mut world = World::new();
    let mut connection = world.connect();
    let presence = Node::new("presence").attr("type", "available");
    connection.send(&presence, seconds(1)).unwrap();
    connection.send_with("presence", seconds(1), |p| _ = p.attr("type", "available")).unwrap();
    connection.send_encoded(&presence.encode().unwrap(), seconds(1)).unwrap();
    assert_eq!(world.sent(&mut connection), vec![presence.clone(); 3], "in one transmission");

    world.deliver(&mut connection, &presence, seconds(2));
    let Event::Stanza(stanza) = event(&mut connection) else { panic!("no stanza") };
    assert_eq!(stanza.tree().root().to_owned(), presence);
    assert_eq!(Stanza::new(stanza.as_bytes().to_vec()), Ok(stanza));
}

#[test]
fn nothing_is_sent_before_and_after() {
    let mut world = World::new();
    let settings = world.settings();
    let mut connection = world.open(settings);
    assert_eq!(connection.send(&get("w:p"), seconds(0)), Err(SendError::NotOpen));
    let mut connection = world.connect();
    connection.disconnected();
    assert!(!connection.is_open());
    assert_eq!(connection.request(get("w:p"), REQUEST_TIMEOUT, seconds(0)), Err(SendError::NotOpen));
    assert!(matches!(event(&mut connection), Event::Closed(CloseReason::Disconnected)));
    connection.disconnected();
    connection.received(&[0; 40], seconds(0), &mut world.rng);
    assert_eq!(idle_until(&mut connection), None, "closed once");
}

#[test]
fn a_stanza_right_behind_the_answer_is_not_lost() {
    let mut world = World::new();
    let mut first = world.connect();
    // The first connection yields the proof to resume with; an IK server may send at once.
    let settings = Settings { resume: Some(resumable(&world)), ..world.settings() };
    let mut connection = world.open(settings);
    let (mut wire, handshake) = world.answer(&transmitted(&mut connection), ResumePolicy::Accept);
    assert!(handshake.is_none());
    wire.extend(world.seal(&Node::new("success")));
    for byte in wire {
        connection.received(&[byte], seconds(0), &mut world.rng);
    }
    assert!(matches!(event(&mut connection), Event::Established { pattern: Pattern::Ik, .. }));
    assert!(matches!(event(&mut connection), Event::Stanza(_)));
    assert!(idle_until(&mut first).is_some());
}

fn resumable(world: &World) -> ServerVerified {
    ServerVerified::restore(&world.chain, world.root.public(), UNIX_NOW).unwrap()
}

#[test]
fn a_refused_resumption_falls_back() {
    let mut world = World::new();
    let settings = Settings { resume: Some(resumable(&world)), ..world.settings() };
    let mut connection = world.open(settings);
    let (wire, handshake) = world.answer(&transmitted(&mut connection), ResumePolicy::FallBack);
    connection.received(&wire, seconds(0), &mut world.rng);
    world.finish(&mut connection, handshake);
    assert!(matches!(event(&mut connection), Event::Established { pattern: Pattern::XxFallback, .. }));
    world.deliver(&mut connection, &Node::new("success"), seconds(0));
    assert!(matches!(event(&mut connection), Event::Stanza(_)));
}

#[test]
fn routing_information_goes_before_the_intro() {
    let mut world = World::new();
    let settings = Settings { routing_info: Some(vec![1, 2]), ..world.settings() };
    let mut connection = world.open(settings);
    let intro = frame::read_intro(&transmitted(&mut connection)).unwrap().unwrap();
    assert_eq!(intro.routing_info, Some(vec![1, 2]));
}

#[test]
fn a_server_that_the_root_does_not_vouch_for_gets_no_last_message() {
    let mut world = World::new();
    let settings = Settings { root: crate::cert::WHATSAPP_ROOT, ..world.settings() };
    let mut connection = world.open(settings);
    let (wire, _) = world.answer(&transmitted(&mut connection), ResumePolicy::Accept);
    connection.received(&wire, seconds(0), &mut world.rng);
    let Event::Closed(CloseReason::Handshake { error, resumed: false }) = event(&mut connection) else {
        panic!("not closed");
    };
    assert!(matches!(error, HandshakeError::Certificate(_)));
    assert_eq!(idle_until(&mut connection), None);
}

#[test]
fn a_server_that_does_not_answer_the_handshake_is_given_up() {
    let mut world = World::new();
    let settings = world.settings();
    let mut connection = world.open(settings);
    transmitted(&mut connection);
    assert_eq!(idle_until(&mut connection), Some(HANDSHAKE_TIMEOUT));
    world.time_out(&mut connection, seconds(19));
    assert_eq!(idle_until(&mut connection), Some(HANDSHAKE_TIMEOUT));
    world.time_out(&mut connection, HANDSHAKE_TIMEOUT);
    assert!(matches!(event(&mut connection), Event::Closed(CloseReason::HandshakeTimeout)));
}

#[test]
fn requests_get_their_own_answers() {
    let mut world = World::new();
    let mut connection = world.connect();
    let first = connection.request(get("a"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    let second = connection.request(get("b"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    let sent = world.sent(&mut connection);
    let refusal = Node::new("error").attr("code", "429").attr("text", "rate-overlimit").attr("backoff", "30");
    let refused = Node::new("iq").attr("id", sent[1].value("id").unwrap().clone()).attr("type", "error").child(refusal);
    world.deliver(&mut connection, &refused, seconds(2));
    world.deliver(&mut connection, &result_for(&sent[0]), seconds(2));

    let Event::Response { id, answer } = event(&mut connection) else { panic!("no response") };
    assert_eq!((id, answer), (second, Err(RequestError::Refused { code: 429, backoff: Some(seconds(30)) })));
    let Event::Response { id, answer: Ok(_) } = event(&mut connection) else { panic!("no result") };
    assert_eq!(id, first);

    // A second answer, and one to nothing, are nobody's.
    world.deliver(&mut connection, &result_for(&sent[0]), seconds(3));
    world.deliver(&mut connection, &Node::new("iq").attr("id", "9.9-1").attr("type", "result"), seconds(3));
    assert!(idle_until(&mut connection).is_some());
}

#[test]
fn a_request_of_the_server_is_no_answer_even_with_the_same_id() {
    let mut world = World::new();
    let mut connection = world.connect();
    connection.request(get("a"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    let sent = world.sent(&mut connection);
    let id = sent[0].value("id").unwrap().clone();
    world.deliver(&mut connection, &Node::new("iq").attr("type", "set").attr("id", id.clone()), seconds(2));
    assert!(matches!(event(&mut connection), Event::Stanza(_)));
    world.deliver(&mut connection, &Node::new("iq").attr("type", "other").attr("id", id), seconds(2));
    assert!(matches!(event(&mut connection), Event::Response { answer: Err(RequestError::Unexpected), .. }));
}

#[test]
fn requests_end_at_their_time_or_with_the_connection() {
    let mut world = World::new();
    let mut connection = world.connect();
    let short = connection.request(get("a"), seconds(5), seconds(1)).unwrap();
    let long = connection.request(get("b"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    world.sent(&mut connection);
    assert_eq!(idle_until(&mut connection), Some(seconds(6)));
    world.time_out(&mut connection, seconds(6));
    let Event::Response { id, answer: Err(RequestError::TimedOut) } = event(&mut connection) else {
        panic!("not timed out");
    };
    assert_eq!(id, short);
    connection.disconnected();
    let Event::Response { id, answer: Err(RequestError::Closed) } = event(&mut connection) else {
        panic!("not closed");
    };
    assert_eq!(id, long);
    assert!(matches!(event(&mut connection), Event::Closed(CloseReason::Disconnected)));
}

#[test]
fn requests_are_bounded() {
    let mut world = World::new();
    let mut connection = world.connect();
    for _ in 0..MAX_REQUESTS {
        connection.request(get("a"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    }
    assert_eq!(connection.request(get("a"), REQUEST_TIMEOUT, seconds(1)), Err(SendError::TooManyRequests));
}

#[test]
fn pings_of_the_server_are_answered() {
    let mut world = World::new();
    let mut connection = world.connect();
    let by_child = Node::new("iq").attr("from", Jid::SERVER).attr("id", "s1").attr("type", "get");
    let by_namespace = Node::new("iq").attr("from", Jid::SERVER).attr("id", "s1").attr("xmlns", "urn:xmpp:ping");
    for ping in [by_child.child(Node::new("ping")), by_namespace] {
        world.deliver(&mut connection, &ping, seconds(1));
        let pong = Node::new("iq").attr("to", Jid::SERVER).attr("id", "s1").attr("type", "result");
        assert_eq!(world.sent(&mut connection), [pong]);
        assert!(idle_until(&mut connection).is_some());
    }
}

#[test]
fn an_idle_connection_is_pinged_and_the_answer_told() {
    let mut world = World::new();
    let mut connection = world.connect();
    let look = idle_until(&mut connection).unwrap();
    assert!((seconds(15)..=seconds(30)).contains(&look), "{look:?}");
    world.time_out(&mut connection, look);
    let [ping] = world.sent(&mut connection).try_into().unwrap();
    assert_eq!(ping.tree().root().attr_str("xmlns"), Some("w:p"));
    let answer = result_for(&ping).attr("t", "1800000000");
    world.deliver(&mut connection, &answer, look + seconds(1));
    let Event::Pong { round_trip, server_time } = event(&mut connection) else { panic!("no pong") };
    assert_eq!((round_trip, server_time), (seconds(1), Some(UNIX_NOW)));
    assert!(idle_until(&mut connection).unwrap() > look);
}

#[test]
fn a_silent_server_is_given_up_twenty_seconds_after_the_ping() {
    let mut world = World::new();
    let mut connection = world.connect();
    let look = idle_until(&mut connection).unwrap();
    world.time_out(&mut connection, look);
    world.sent(&mut connection);
    let mut now = look;
    loop {
        match connection.poll() {
            Output::Idle { until } => now = until.expect("open"),
            Output::Event(Event::Closed(CloseReason::Silent)) => break,
            other @ (Output::Transmit(_) | Output::Event(_)) => panic!("{other:?}"),
        }
        world.time_out(&mut connection, now);
    }
    assert_eq!(now, look + seconds(20));
}

#[test]
fn only_what_is_answered_starts_the_deadline() {
    let mut world = World::new();
    let mut connection = world.connect();
    let look = idle_until(&mut connection).unwrap();
    connection.send(&Node::new("presence"), seconds(1)).unwrap();
    connection.send(&Node::new("iq").attr("type", "result"), seconds(1)).unwrap();
    world.sent(&mut connection);
    assert_eq!(idle_until(&mut connection), Some(look));
    connection.send_with("message", seconds(2), |_| ()).unwrap();
    connection.send(&Node::new("message"), seconds(3)).unwrap();
    world.sent(&mut connection);
    assert_eq!(idle_until(&mut connection), Some(look.min(seconds(22))));
    world.deliver(&mut connection, &Node::new("ack"), seconds(4));
    event(&mut connection);
    assert_eq!(idle_until(&mut connection), Some(look));
}

#[test]
fn no_ping_goes_out_while_the_server_is_heard() {
    let mut world = World::new();
    let mut connection = world.connect();
    let look = idle_until(&mut connection).unwrap();
    world.deliver(&mut connection, &Node::new("presence"), look.saturating_sub(seconds(14)));
    event(&mut connection);
    world.time_out(&mut connection, look);
    let next = idle_until(&mut connection).expect("no ping, another look");
    assert!((look + seconds(15)..=look + seconds(30)).contains(&next));
}

#[test]
fn the_server_can_end_the_stream_in_two_ways() {
    let mut world = World::new();
    let mut connection = world.connect();
    world.deliver(&mut connection, &Node::new("xmlstreamend"), seconds(1));
    assert!(matches!(event(&mut connection), Event::Closed(CloseReason::StreamEnd)));

    let mut world = World::new();
    let mut connection = world.connect();
    connection.request(get("a"), REQUEST_TIMEOUT, seconds(1)).unwrap();
    world.sent(&mut connection);
    world.deliver(&mut connection, &Node::new("stream:error").attr("code", "515"), seconds(1));
    assert!(matches!(event(&mut connection), Event::Response { answer: Err(RequestError::Closed), .. }));
    let Event::Closed(CloseReason::StreamError(stanza)) = event(&mut connection) else { panic!("not closed") };
    assert_eq!(stanza.tree().root().attr_str("code"), Some("515"));
    assert!(!connection.is_open());
}

#[test]
fn a_frame_without_a_stanza_is_dropped_and_the_next_one_read() {
    let mut world = World::new();
    let mut connection = world.connect();
    for plaintext in [&[][..], &[2, 1], &[0, 0xf8, 0]] {
        let wire = world.seal_raw(plaintext);
        connection.received(&wire, seconds(1), &mut world.rng);
        assert!(matches!(event(&mut connection), Event::Dropped(_)), "{plaintext:?}");
    }
    world.deliver(&mut connection, &Node::new("presence"), seconds(1));
    assert!(matches!(event(&mut connection), Event::Stanza(_)));
}

#[test]
fn a_forged_frame_ends_the_connection() {
    let mut world = World::new();
    let mut connection = world.connect();
    let mut wire = world.seal(&Node::new("presence"));
    *wire.last_mut().unwrap() ^= 1;
    wire.extend(world.seal(&Node::new("presence")));
    connection.received(&wire, seconds(1), &mut world.rng);
    let closed = event(&mut connection);
    assert!(matches!(closed, Event::Closed(CloseReason::Transport(TransportError::Unauthentic))));
    assert_eq!(idle_until(&mut connection), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_instead_of_an_answer_end_in_silence_or_refusal(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut world = World::new();
        let settings = world.settings();
        let mut connection = world.open(settings);
        transmitted(&mut connection);
        connection.received(&bytes, seconds(1), &mut world.rng);
        prop_assert!(!connection.is_open());
    }

    #[test]
    fn any_plaintexts_are_read_or_dropped(
        plaintexts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8),
    ) {
        let mut world = World::new();
        let mut connection = world.connect();
        for plaintext in plaintexts {
            let wire = world.seal_raw(&plaintext);
            connection.received(&wire, seconds(1), &mut world.rng);
        }
        while !matches!(connection.poll(), Output::Idle { .. }) {}
    }
}
