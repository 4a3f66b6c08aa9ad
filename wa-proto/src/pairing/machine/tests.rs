#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of output among many")]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::device::DeviceRecord;
use crate::keys::{KeyPair, PublicKey};
use crate::node::Node;
use crate::pairing::adv::{DeviceIdentityDetails, Hosting, Linking, PendingLink};
use crate::pairing::code::{PrimaryCode, WrappedKey};
use crate::pairing::success::check_reply;
use crate::stanza::iq;
use crate::stanza::pair::CompanionFinish;

const START: Duration = Duration::from_hours(5);

fn after(seconds: u64) -> Duration {
    START + Duration::from_secs(seconds)
}

/// A companion with its record, and the phone opposite.
struct Scene {
    record: DeviceRecord,
    pairing: Pairing,
    phone: KeyPair,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(10);
        let record = DeviceRecord::generate(&mut rng);
        let pairing = Pairing::new(record.keys.clone(), ClientProfile::default());
        Self { record, pairing, phone: KeyPair::generate(&mut rng), rng }
    }

    /// A scene in which the references are there and the first code is shown.
    fn open() -> Self {
        let mut scene = Self::new();
        assert_eq!(scene.hear(&references(6), START), ["iq result", "qr 2@0 until 60"]);
        scene
    }

    /// Hands over a stanza and says what came of it.
    fn hear(&mut self, stanza: &Node, now: Duration) -> Vec<String> {
        assert!(self.pairing.handle_stanza(stanza.tree().root(), now, &mut self.rng));
        self.outputs()
    }

    fn wait_until(&mut self, now: Duration) -> Vec<String> {
        self.pairing.timed_out(now, &mut self.rng);
        self.outputs()
    }

    /// Takes all outputs; changes reach the record.
    fn drain(&mut self) -> Vec<PairingOutput> {
        let mut outputs = Vec::new();
        loop {
            match self.pairing.poll() {
                PairingOutput::Idle { .. } => return outputs,
                PairingOutput::Persist(change) => {
                    change.apply(&mut self.record);
                    outputs.push(PairingOutput::Persist(change));
                }
                output => outputs.push(output),
            }
        }
    }

    fn outputs(&mut self) -> Vec<String> {
        self.drain().iter().map(summary).collect()
    }

    fn deadline(&mut self) -> Option<u64> {
        match self.pairing.poll() {
            PairingOutput::Idle { until } => until.map(|until| until.saturating_sub(START).as_secs()),
            output => panic!("not idle: {output:?}"),
        }
    }

    /// What the phone sends after a scan under this secret.
    fn scan(&mut self, secret: &AdvSecret) -> (PendingLink, Node) {
        let details = DeviceIdentityDetails {
            raw_id: 1,
            timestamp: 2,
            key_index: 3,
            account_type: Hosting::Own,
            device_type: Hosting::Own,
        };
        let companion = *self.record.keys.identity.public();
        let link = Linking { primary: &self.phone, companion: &companion, secret, details }.offer(&mut self.rng);
        let (jid, lid) = (Jid::pn("77010000001").with_device(4), Jid::lid("137000000000001").with_device(4));
        let success = PairSuccess::new("s1", jid, lid, link.container().to_vec()).to_node();
        (link, success)
    }

    /// Asks for a code and has the server answer with the reference `ref`.
    fn show_code(&mut self, now: Duration) -> (PairingCode, CompanionHello) {
        self.pairing.request_code("77010000001", None, true, now, &mut self.rng).unwrap();
        let mut outputs = self.drain();
        let Some(PairingOutput::Request(PairingRequest::Hello(hello))) = outputs.pop() else {
            panic!("no hello");
        };
        assert!(outputs.is_empty());
        let answer = CompanionHello::answer("1", b"ref");
        self.pairing.handle_response(PairingStep::Hello, Ok(answer.tree().root()));
        match self.drain().pop() {
            Some(PairingOutput::Event(PairingEvent::Code { code, valid_until })) => {
                assert_eq!(valid_until, now + CODE_LIFE);
                (code, hello)
            }
            output => panic!("no code: {output:?}"),
        }
    }

    /// Has the phone take this code, and returns its state and its hello.
    fn type_code(&mut self, code: &PairingCode, hello: &CompanionHello, reference: &[u8]) -> (PrimaryCode, Node) {
        let primary = PrimaryCode::answer(code, &hello.ephemeral, &mut self.rng);
        let said = CodeNotification::PrimaryHello {
            reference: reference.to_vec(),
            ephemeral: primary.wrapped().clone(),
            identity: *self.phone.public(),
        };
        (primary, said.to_node("n1", 0))
    }
}

/// A hello of a phone whose ephemeral key nobody knows, as after a wrong code.
fn stray_hello(reference: &[u8]) -> Node {
    let said = CodeNotification::PrimaryHello {
        reference: reference.to_vec(),
        ephemeral: WrappedKey::from_slice(&[7; WrappedKey::LENGTH]).unwrap(),
        identity: PublicKey::from_bytes([9; 32]),
    };
    said.to_node("n1", 0)
}

fn references(count: usize) -> Node {
    let references = (0..count).map(|number| format!("2@{number}")).collect();
    PairDevice { id: "p1".to_owned(), references }.to_node()
}

fn finish_of(outputs: Vec<PairingOutput>) -> CompanionFinish {
    let finish = outputs.into_iter().find_map(|output| match output {
        PairingOutput::Request(PairingRequest::Finish(finish)) => Some(finish),
        _ => None,
    });
    finish.expect("a bundle for the phone")
}

fn summary(output: &PairingOutput) -> String {
    match output {
        PairingOutput::Persist(PairingChange::AdvSecret(_)) => "persist secret".to_owned(),
        PairingOutput::Persist(PairingChange::Linked(_)) => "persist linked".to_owned(),
        PairingOutput::Transmit(node) => {
            let tree = node.tree();
            let root = tree.root();
            let kind = root.attr_str("type").unwrap_or_default();
            let error = root.child("error").and_then(|error| error.attr_str("text")).unwrap_or_default();
            let signed = root.child("pair-device-sign").map_or("", |_| "signed");
            format!("{} {kind} {error}{signed}", root.tag()).trim().to_owned()
        }
        PairingOutput::Request(request) => format!("request {:?}", request.step()),
        PairingOutput::Event(PairingEvent::Qr { code, valid_until }) => {
            format!("qr {} until {}", code.reference, valid_until.saturating_sub(START).as_secs())
        }
        PairingOutput::Event(PairingEvent::CodeEnded(end)) => format!("code ended: {end}"),
        PairingOutput::Event(event) => format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
        PairingOutput::Disconnect => "disconnect".to_owned(),
        PairingOutput::Idle { .. } => "idle".to_owned(),
    }
}

#[test]
fn references_are_shown_in_turn_until_they_are_used_up() {
    let mut scene = Scene::open();
    for (number, until) in [(1, 80), (2, 100), (3, 120), (4, 140), (5, 160)] {
        let due = scene.deadline().unwrap();
        assert_eq!(scene.wait_until(after(due - 1)), [""; 0]);
        assert_eq!(scene.wait_until(after(due)), [format!("qr 2@{number} until {until}")]);
    }
    assert_eq!(scene.wait_until(after(160)), ["Exhausted", "disconnect"]);
    assert!(scene.pairing.is_over());
    assert_eq!(scene.deadline(), None);
}

#[test]
fn no_references_are_used_up_at_once() {
    let mut scene = Scene::new();
    assert_eq!(scene.hear(&references(0), START), ["iq result", "Exhausted", "disconnect"]);
}

#[test]
fn a_scan_links_and_is_stored_before_it_is_answered() {
    let mut scene = Scene::open();
    let secret = scene.record.keys.adv_secret.clone();
    let (link, success) = scene.scan(&secret);
    assert!(scene.pairing.handle_stanza(success.tree().root(), after(5), &mut scene.rng));
    let outputs = scene.drain();
    let summaries: Vec<String> = outputs.iter().map(summary).collect();
    assert_eq!(summaries, ["persist linked", "iq result signed", "Linked"]);
    assert_eq!(scene.record.linked.as_ref().unwrap().device(), 4);
    let PairingOutput::Transmit(reply) = &outputs[1] else {
        panic!("no reply");
    };
    check_reply(&link, &PairReply::read(reply.tree().root()).unwrap()).unwrap();

    // Nothing more happens on this connection.
    assert!(scene.pairing.is_over());
    assert_eq!(scene.hear(&success, after(6)), [""; 0]);
    assert_eq!(scene.wait_until(after(60)), [""; 0]);
    assert_eq!(scene.deadline(), None);
}

#[test]
fn an_answer_under_another_secret_is_refused() {
    let mut scene = Scene::open();
    let other = AdvSecret::generate(&mut scene.rng);
    let (_, success) = scene.scan(&other);
    assert_eq!(scene.hear(&success, after(5)), ["iq error hmac-mismatch", "Refused", "disconnect"]);
    assert!(scene.record.linked.is_none() && scene.pairing.is_over());
}

#[test]
fn an_unreadable_answer_is_refused() {
    let mut scene = Scene::open();
    let broken = iq::server_request("s1", iq::Kind::Set, "md").child(Node::new("pair-success"));
    assert_eq!(scene.hear(&broken, after(5)), ["iq error internal-error", "Refused", "disconnect"]);
}

#[test]
fn another_account_is_refused_if_one_is_expected() {
    for (account, expected) in [
        ("77010000001", &["persist linked", "iq result signed", "Linked"]),
        ("77010000002", &["iq error internal-error", "Refused", "disconnect"]),
    ] {
        let mut scene = Scene::new();
        scene.pairing = scene.pairing.only_account(&Jid::pn(account).with_device(9));
        scene.hear(&references(6), START);
        let secret = scene.record.keys.adv_secret.clone();
        let (_, success) = scene.scan(&secret);
        assert_eq!(scene.hear(&success, after(5)), *expected);
    }
}

#[test]
fn a_new_secret_redraws_the_code_with_its_remaining_time() {
    let mut scene = Scene::open();
    let before = scene.record.keys.adv_secret.clone();
    let outputs = scene.hear(&SecretRefresh.to_node("n1"), after(10));
    assert_eq!(outputs, ["ack companion_reg_refresh", "persist secret", "qr 2@0 until 60"]);
    let secret = scene.record.keys.adv_secret.clone();
    assert_ne!(secret.expose(), before.expose());
    let (_, success) = scene.scan(&secret);
    assert_eq!(scene.hear(&success, after(11)), ["persist linked", "iq result signed", "Linked"]);
}

#[test]
fn the_shown_code_carries_our_keys_and_secret() {
    let mut scene = Scene::new();
    scene.pairing.handle_stanza(references(1).tree().root(), START, &mut scene.rng);
    let code = scene.drain().into_iter().find_map(|output| match output {
        PairingOutput::Event(PairingEvent::Qr { code, .. }) => Some(code),
        _ => None,
    });
    let read = QrCode::parse(&code.unwrap().to_text()).unwrap();
    let keys = &scene.record.keys;
    assert_eq!((read.noise, read.identity), (*keys.noise.public(), *keys.identity.public()));
    assert_eq!(read.adv_secret.expose(), keys.adv_secret.expose());
}

#[test]
fn a_typed_code_links() {
    let mut scene = Scene::open();
    let (code, hello) = scene.show_code(after(1));
    let (primary, said) = scene.type_code(&code, &hello, b"ref");
    assert!(scene.pairing.handle_stanza(said.tree().root(), after(20), &mut scene.rng));
    let outputs = scene.drain();
    let summaries: Vec<String> = outputs.iter().map(summary).collect();
    assert_eq!(summaries, ["ack link_code_companion_reg", "persist secret", "request Finish", "qr 2@0 until 60"]);
    let finish = finish_of(outputs);
    assert_eq!(finish.reference, b"ref");
    let secret = primary.open(&finish.bundle, &finish.identity, &scene.phone).unwrap();
    assert_eq!(secret.expose(), scene.record.keys.adv_secret.expose());
    assert_eq!(scene.deadline(), Some(60));

    let (_, success) = scene.scan(&secret);
    assert_eq!(scene.hear(&success, after(22)), ["persist linked", "iq result signed", "Linked"]);
}

#[test]
fn a_secret_is_kept_while_the_phone_finishes() {
    let mut scene = Scene::open();
    scene.show_code(after(1));
    scene.hear(&stray_hello(b"ref"), after(20));
    let secret = scene.record.keys.adv_secret.clone();
    assert_eq!(scene.hear(&SecretRefresh.to_node("n2"), after(21)), ["ack companion_reg_refresh"]);
    assert_eq!(secret.expose(), scene.record.keys.adv_secret.expose());
}

#[test]
fn a_silent_phone_ends_the_code_and_its_secret() {
    let mut scene = Scene::open();
    scene.show_code(after(1));
    scene.hear(&stray_hello(b"ref"), after(20));
    let derived = scene.record.keys.adv_secret.clone();
    assert_eq!(scene.wait_until(after(60)), ["qr 2@1 until 80"]);
    let outputs = scene.wait_until(after(80));
    assert_eq!(outputs.first().map(String::as_str), Some("persist secret"));
    assert!(outputs.iter().any(|output| output.starts_with("code ended: the phone did not finish")));
    assert!(outputs.contains(&"qr 2@2 until 100".to_owned()));
    assert_ne!(derived.expose(), scene.record.keys.adv_secret.expose());
    scene.show_code(after(81));
}

#[test]
fn only_three_hellos_to_the_shown_code_are_answered_and_the_last_counts() {
    let mut scene = Scene::open();
    let (code, hello) = scene.show_code(after(1));
    assert_eq!(scene.hear(&stray_hello(b"other"), after(2)), ["ack link_code_companion_reg"]);
    let answered = ["ack link_code_companion_reg", "persist secret", "request Finish", "qr 2@0 until 60"];
    for attempt in 1..3 {
        let before = scene.record.keys.adv_secret.clone();
        assert_eq!(scene.hear(&stray_hello(b"ref"), after(2 + attempt)), answered);
        assert_ne!(before.expose(), scene.record.keys.adv_secret.expose());
    }
    let (primary, said) = scene.type_code(&code, &hello, b"ref");
    assert!(scene.pairing.handle_stanza(said.tree().root(), after(6), &mut scene.rng));
    let finish = finish_of(scene.drain());
    let secret = primary.open(&finish.bundle, &finish.identity, &scene.phone).unwrap();
    assert_eq!(secret.expose(), scene.record.keys.adv_secret.expose());
    assert_eq!(scene.hear(&stray_hello(b"ref"), after(9)), ["ack link_code_companion_reg"]);
}

#[test]
fn an_old_code_is_not_answered() {
    let mut scene = Scene::open();
    scene.show_code(after(1));
    assert_eq!(scene.hear(&stray_hello(b"ref"), after(181)), ["ack link_code_companion_reg"]);
}

#[test]
fn a_hello_without_a_code_is_acknowledged_and_dropped() {
    let mut scene = Scene::open();
    assert_eq!(scene.hear(&stray_hello(b"ref"), after(2)), ["ack link_code_companion_reg"]);
}

#[test]
fn a_live_code_keeps_the_connection_after_the_last_reference() {
    let mut scene = Scene::new();
    scene.hear(&references(1), START);
    scene.show_code(after(50));
    assert_eq!(scene.wait_until(after(60)), [""; 0]);
    assert!(!scene.pairing.is_over());
    assert_eq!(scene.deadline(), Some(230));
    let outputs = scene.wait_until(after(230));
    assert_eq!(outputs, ["code ended: the pairing code was not used in time", "Exhausted", "disconnect"]);
}

#[test]
fn one_code_at_a_time_for_a_number_that_can_be_one() {
    let mut scene = Scene::new();
    let request =
        |scene: &mut Scene, number: &str| scene.pairing.request_code(number, None, false, after(1), &mut scene.rng);
    assert_eq!(request(&mut scene, "77010000001"), Err(CodeRequestError::NotOpen));
    scene.hear(&references(6), START);
    for number in ["", "123456", "07701000000", "+77010000001", "7701 000 0001", "1234567890123456"] {
        assert_eq!(request(&mut scene, number), Err(CodeRequestError::MalformedNumber), "{number}");
    }
    assert_eq!(request(&mut scene, "77010000001"), Ok(()));
    assert_eq!(request(&mut scene, "77010000001"), Err(CodeRequestError::CodeIsLive));
}

#[test]
fn a_chosen_code_is_the_one_that_is_shown() {
    let mut scene = Scene::open();
    let chosen = PairingCode::parse("SAKN-2222").unwrap();
    scene.pairing.request_code("77010000001", Some(chosen), false, after(1), &mut scene.rng).unwrap();
    scene.drain();
    let answer = CompanionHello::answer("1", b"ref");
    scene.pairing.handle_response(PairingStep::Hello, Ok(answer.tree().root()));
    let Some(PairingOutput::Event(PairingEvent::Code { code, .. })) = scene.drain().pop() else {
        panic!("no code");
    };
    assert_eq!(code.expose(), "SAKN-2222");
}

#[test]
fn refusals_end_the_code_and_leave_the_qr_code() {
    let refusal = || RequestError::Refused { code: 452, backoff: None };
    let mut scene = Scene::open();
    scene.pairing.request_code("77010000001", None, true, after(1), &mut scene.rng).unwrap();
    scene.drain();
    scene.pairing.handle_response(PairingStep::Hello, Err(refusal()));
    assert_eq!(scene.outputs(), ["code ended: the server refused the pairing code"]);

    scene.pairing.request_code("77010000001", None, true, after(1), &mut scene.rng).unwrap();
    scene.drain();
    scene.pairing.handle_response(PairingStep::Hello, Ok(iq::result("1").tree().root()));
    assert_eq!(scene.outputs(), ["code ended: the server's answer to the pairing code is incomplete"]);

    scene.show_code(after(2));
    scene.hear(&stray_hello(b"ref"), after(3));
    scene.pairing.handle_response(PairingStep::Finish, Ok(iq::result("2").tree().root()));
    assert_eq!(scene.outputs(), [""; 0]);
    scene.pairing.handle_response(PairingStep::Finish, Err(refusal()));
    assert_eq!(scene.outputs(), ["code ended: the server refused the pairing code"]);
    assert!(!scene.pairing.is_over());
}

#[test]
fn a_refresh_ends_the_code_that_it_names() {
    let mut scene = Scene::open();
    scene.show_code(after(1));
    let refresh = |reference: &[u8]| {
        CodeNotification::RefreshCode { reference: reference.to_vec(), is_forced_manual: true }.to_node("n", 0)
    };
    assert_eq!(scene.hear(&refresh(b"other"), after(2)), ["ack link_code_companion_reg"]);
    assert_eq!(
        scene.hear(&refresh(b"ref"), after(3)),
        ["ack link_code_companion_reg", "code ended: the server wants a new pairing code"]
    );
    scene.show_code(after(4));
}

#[test]
fn a_passkey_demand_is_reported() {
    let mut scene = Scene::open();
    let request = PasskeyRequest { options: None }.to_node("n1");
    assert_eq!(scene.hear(&request, after(1)), ["ack passkey_prologue_request", "PasskeyRequired"]);
}

#[test]
fn other_stanzas_are_left_to_others() {
    let mut scene = Scene::open();
    for other in [Node::new("success"), iq::result("1"), Node::new("notification").attr("type", "devices")] {
        assert!(!scene.pairing.handle_stanza(other.tree().root(), after(1), &mut scene.rng));
    }
    assert_eq!(scene.outputs(), [""; 0]);
}
