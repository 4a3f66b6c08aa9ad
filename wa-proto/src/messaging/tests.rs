//! Whole conversations between devices, through encoded stanzas and a server that only routes.

use proptest::prelude::*;
use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::addressing::{Names, Namespace, route};
use super::answer::answers;
use super::inbound::{Opened, Outcome, OwnDevice, OwnKeys, Records, Unreadable, named_prekeys, open};
use super::outbound::{self, Labels, Outbound, Send, Single, Target, encrypt, encrypt_single};
use super::retry::{self, Repair, RetryCase, RetryDecision, RetryFacts};
use super::sessions::{PrimaryIdentity, install, missing, session_address};
use super::source::Source;
use super::testing::{Party, names, rng};
use super::{MessageId, MessageSecret, Plaintext};
use crate::jid::Jid;
use crate::node::decode;
use crate::signal::{DeviceAddress, Prekey, PrekeyId, SessionRecord};
use crate::stanza::prekeys::DeviceBundle;
use crate::stanza::{Direction, IncomingMessage, OutgoingMessage, Receipt};
use std::collections::BTreeMap;

/// A device with its records, as a client keeps them.
struct Device {
    party: Party,
    names: Names,
    number: u16,
    sessions: BTreeMap<DeviceAddress, SessionRecord>,
    prekeys: Vec<Prekey>,
    sent: BTreeMap<String, Plaintext>,
    counts: BTreeMap<String, u32>,
    read: Vec<String>,
}

impl Device {
    fn new(account: u8, number: u16, seed: u64) -> Self {
        let party = Party::new(seed);
        let prekeys = vec![party.prekey.clone()];
        Self {
            party,
            names: names(account),
            number,
            sessions: BTreeMap::new(),
            prekeys,
            sent: BTreeMap::new(),
            counts: BTreeMap::new(),
            read: Vec::new(),
        }
    }

    fn jid(&self, namespace: Namespace) -> Jid {
        self.names.in_namespace(namespace).unwrap().with_device(self.number)
    }

    fn address(device: &Jid) -> DeviceAddress {
        let known = [1, 2].map(names).into_iter().find(|names| names.contains(device)).unwrap_or_default();
        session_address(device, &known).unwrap()
    }

    /// Sends a text to the devices of the other account and to our own others, fetching bundles as needed.
    fn send(&mut self, id: &str, text: &str, namespace: Namespace, to: u8, others: &[(Jid, Party)]) -> Outbound {
        let route = route(namespace, &self.names, &names(to)).unwrap();
        let plaintext = Plaintext::text(text, &MessageSecret::generate(&mut self.party.rng));
        self.sent.insert(id.to_owned(), plaintext.clone());
        let devices: Vec<&Jid> = others.iter().map(|(jid, _)| jid).collect();
        let mut records: Vec<SessionRecord> =
            devices.iter().map(|jid| self.sessions.get(&Self::address(jid)).cloned().unwrap_or_default()).collect();
        let wanted: Vec<Jid> = missing(devices.iter().copied().zip(records.iter().map(Some))).cloned().collect();
        for (record, (jid, party)) in records.iter_mut().zip(others) {
            if wanted.contains(jid) {
                let fetched = DeviceBundle { bundle: party.bundle(), device_identity: None };
                let local = self.party.local();
                let primary = PrimaryIdentity::default();
                install(record, local, jid, fetched, primary, &mut rng(u64::from(jid.device()))).unwrap();
            }
        }
        let message_id = MessageId::parse(id).unwrap();
        let send = Send {
            id: &message_id,
            route: &route,
            own_device: self.number,
            plaintext: &plaintext,
            labels: Labels::TEXT,
            device_identity: &[],
            token: None,
            extras: &[],
        };
        let mut targets: Vec<Target<'_>> =
            devices.iter().zip(&mut records).map(|(device, record)| Target { device, record }).collect();
        let outbound = encrypt(&send, &mut targets, &mut self.party.rng).unwrap();
        for (jid, record) in devices.iter().zip(records) {
            self.sessions.insert(Self::address(jid), record);
        }
        outbound
    }

    /// Handles a delivered message; gives back the retry receipt, if there has to be one.
    fn receive(&mut self, message: &IncomingMessage) -> (Opened, Option<Receipt>) {
        let source = Source::of(message, &self.names);
        let address = Self::address(&source.author);
        let mut record = self.sessions.get(&address).cloned().unwrap_or_default();
        let own = OwnDevice { names: &self.names, device: self.number };
        let wanted = named_prekeys(message, own);
        let prekeys: Vec<Prekey> =
            self.prekeys.iter().filter(|prekey| wanted.prekeys.contains(&prekey.id().value())).cloned().collect();
        let local =
            crate::signal::LocalDevice { identity: &self.party.identity, registration_id: self.party.registration_id };
        let keys =
            OwnKeys { local, signed_prekeys: std::slice::from_ref(&self.party.signed_prekey), prekeys: &prekeys };
        let records = Records { session: &mut record, sender_keys: None, primary: PrimaryIdentity::default() };
        let opened = open(message, &source, own, keys, records, &mut self.party.rng);
        assert_eq!(answers(message, &source, own, &opened.outcome, true).len(), 1, "one final answer");
        if opened.session_changed {
            self.sessions.insert(address, record);
        }
        self.prekeys.retain(|prekey| !opened.consumed_prekeys.contains(&prekey.id()));
        let receipt = match &opened.outcome {
            Outcome::Content(content) => {
                self.read.push(content.text().unwrap().to_owned());
                None
            }
            Outcome::Unreadable(unreadable) => self.ask_again(message, *unreadable),
            Outcome::Duplicate => None,
            other @ (Outcome::Protocol(_)
            | Outcome::Nothing
            | Outcome::Rejected(_)
            | Outcome::Unavailable(_)
            | Outcome::Unencrypted) => panic!("{other:?}"),
        };
        (opened, receipt)
    }

    fn ask_again(&mut self, message: &IncomingMessage, unreadable: Unreadable) -> Option<Receipt> {
        let id = message.id.to_string();
        let count = retry::next_count(self.counts.get(&id).copied(), message)?;
        self.counts.insert(id, count);
        let keys = retry::needs_keys(unreadable, count).then(|| {
            let last = self.prekeys.last().map_or(PrekeyId::FIRST, Prekey::id);
            let prekey = Prekey::generate_many(last.next(), 1, &mut self.party.rng).remove(0);
            self.prekeys.push(prekey.clone());
            retry::own_keys(self.party.local(), &self.party.signed_prekey, &prekey, Vec::new())
        });
        let keys = keys.map(|keys| DeviceBundle { device_identity: None, ..keys });
        Some(retry::request(message, unreadable, count, self.party.registration_id, keys))
    }

    /// Answers a retry receipt with the message once more.
    fn resend(&mut self, receipt: &Receipt) -> Option<Outbound> {
        let case = RetryCase::of(receipt, &self.names)?;
        let address = Self::address(&case.device);
        let mut record = self.sessions.get(&address).cloned().unwrap_or_default();
        let plaintext = self.sent.get(case.id.as_str())?.clone();
        let facts = RetryFacts { has_message: true, is_recipient: true, ..RetryFacts::default() };
        let RetryDecision::Resend(repair) = case.decide(facts, &record, 0) else { return None };
        match repair {
            Repair::UseKeys(keys) => {
                let local = self.party.local();
                let primary = PrimaryIdentity::default();
                install(&mut record, local, &case.device, *keys, primary, &mut rng(77)).unwrap();
            }
            Repair::Keep { .. } | Repair::FetchBundle => {}
        }
        let to = &receipt.peer;
        let count = case.request.count;
        let timestamp = case.request.timestamp;
        let single = Single::Resend { to, participant: None, recipient: receipt.recipient.as_ref(), timestamp, count };
        let mut content = plaintext.as_bytes().to_vec();
        if case.is_own {
            content.clear();
            plaintext.wrap_device_sent(&case.chat, &mut content);
        }
        let mut target = Target { device: &case.device, record: &mut record };
        let labels = Labels::TEXT;
        let outbound =
            encrypt_single(&case.id, single, labels, &content, &mut target, &[], &mut self.party.rng).unwrap();
        self.sessions.insert(address, record);
        Some(outbound)
    }
}

/// What the server delivers to `to` of a stanza that `from` sent.
fn deliver(outbound: &Outbound, from: &Jid, to: &Jid) -> IncomingMessage {
    let tree = decode(&outbound.stanza).unwrap();
    let sent = OutgoingMessage::parse(tree.root()).unwrap();
    let mut message = IncomingMessage::new(sent.id.clone(), from.clone(), 1_760_000_000, sent.kind.clone());
    if from.is_same_account(to) {
        message.recipient = Some(sent.recipient.clone().unwrap_or_else(|| sent.to.account()));
    }
    message.encs = if sent.addressed.is_empty() {
        sent.encs.clone()
    } else {
        sent.addressed.iter().find(|addressed| addressed.jid == *to).unwrap().encs.clone()
    };
    let wire = message.to_node().encode().unwrap();
    IncomingMessage::parse(decode(&wire).unwrap().root()).unwrap()
}

/// A receipt as it arrives at the other end.
fn forward(receipt: &Receipt, from: &Jid) -> Receipt {
    let wire = receipt.to_node(Direction::Up).encode().unwrap();
    let mut receipt = Receipt::parse(decode(&wire).unwrap().root(), Direction::Up).unwrap();
    receipt.peer = from.clone();
    receipt
}

#[test]
fn a_text_reaches_all_devices_in_both_namespaces() {
    for namespace in [Namespace::Lid, Namespace::Pn] {
        let mut us = Device::new(1, 7, 1);
        let (mut phone, mut companion, mut ours) = (Device::new(2, 0, 2), Device::new(2, 12, 3), Device::new(1, 0, 4));
        let others: Vec<(Jid, Party)> = [(&phone, 2), (&companion, 3), (&ours, 4)]
            .map(|(device, seed)| (device.jid(namespace), Party::new(seed)))
            .into();
        for text in ["первое", "второе"] {
            let outbound = us.send(text, text, namespace, 2, &others);
            for device in [&mut phone, &mut companion, &mut ours] {
                let message = deliver(&outbound, &us.jid(namespace), &device.jid(namespace));
                assert!(device.receive(&message).1.is_none());
            }
        }
        for device in [&phone, &companion, &ours] {
            assert_eq!(device.read, ["первое", "второе"]);
        }
    }
}

#[test]
fn a_device_that_lost_its_records_gets_the_message_with_the_second_attempt() {
    let namespace = Namespace::Lid;
    let mut us = Device::new(1, 7, 1);
    let mut companion = Device::new(2, 12, 3);
    let jid = companion.jid(namespace);
    let others = [(jid.clone(), Party::new(3))];
    let first = us.send("A", "раз", namespace, 2, &others);
    companion.receive(&deliver(&first, &us.jid(namespace), &jid));
    companion.sessions.clear();
    companion.prekeys.clear();

    let mut outbound = us.send("B", "два", namespace, 2, &others);
    for attempt in 1..=2 {
        let (_, receipt) = companion.receive(&deliver(&outbound, &us.jid(namespace), &jid));
        let receipt = forward(&receipt.expect("it cannot be read"), &jid);
        assert_eq!(receipt.retry.as_ref().map(|retry| retry.count), Some(attempt));
        outbound = us.resend(&receipt).expect("it is sent again");
        if receipt.retry.is_some_and(|retry| retry.keys.is_some()) {
            break;
        }
    }
    assert!(companion.receive(&deliver(&outbound, &us.jid(namespace), &jid)).1.is_none());
    assert_eq!(companion.read, ["раз", "два"]);
}

#[test]
fn our_own_phone_asks_again_and_gets_the_wrapped_form() {
    let namespace = Namespace::Lid;
    let mut us = Device::new(1, 7, 1);
    let (phone, mut ours) = (Device::new(2, 0, 2), Device::new(1, 0, 4));
    let jid = ours.jid(namespace);
    let others = [(phone.jid(namespace), Party::new(2)), (jid.clone(), Party::new(4))];
    let outbound = us.send("A", "копия", namespace, 2, &others);
    let mut message = deliver(&outbound, &us.jid(namespace), &jid);
    ours.prekeys.clear();
    let (_, receipt) = ours.receive(&message);
    let receipt = forward(&receipt.unwrap(), &jid);
    assert_eq!(receipt.recipient, message.recipient, "the chat is named");
    let again = us.resend(&receipt).unwrap();
    message = deliver(&again, &us.jid(namespace), &jid);
    ours.receive(&message);
    assert_eq!(ours.read, ["копия"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Messages both ways, delivered late, in another order and twice: each is read once.
    #[test]
    fn any_order_of_delivery_is_read_once(seed: u64, turns in proptest::collection::vec(any::<bool>(), 1..24)) {
        let namespace = Namespace::Lid;
        let mut order: ChaCha20Rng = rng(seed);
        let mut ends = [Device::new(1, 7, 1), Device::new(2, 12, 2)];
        let mut under_way: Vec<(usize, IncomingMessage)> = Vec::new();
        let mut sent = [Vec::new(), Vec::new()];
        for (at, from_first) in turns.iter().enumerate() {
            let (from, to) = if *from_first { (0, 1) } else { (1, 0) };
            let jid = ends[to].jid(namespace);
            let others = [(jid.clone(), Party::new(if to == 0 { 1 } else { 2 }))];
            let text = format!("{at}");
            let account = if to == 0 { 1 } else { 2 };
            let outbound = ends[from].send(&text, &text, namespace, account, &others);
            under_way.push((to, deliver(&outbound, &ends[from].jid(namespace), &jid)));
            sent[to].push(text);
            while !under_way.is_empty() && order.next_u32().is_multiple_of(2) {
                let at = usize::try_from(order.next_u32()).unwrap() % under_way.len();
                let (to, message) = under_way[at].clone();
                if !order.next_u32().is_multiple_of(4) {
                    under_way.remove(at);
                }
                prop_assert!(ends[to].receive(&message).1.is_none());
            }
        }
        for (to, message) in under_way {
            prop_assert!(ends[to].receive(&message).1.is_none());
        }
        for (end, mut sent) in ends.iter_mut().zip(sent) {
            end.read.sort_unstable();
            sent.sort_unstable();
            prop_assert_eq!(&end.read, &sent);
        }
    }
}

#[test]
fn the_hash_of_an_ack_is_judged_by_the_devices_that_were_addressed() {
    let mut us = Device::new(1, 7, 1);
    let others = [(Jid::lid("990000000000002"), Party::new(2))];
    let outbound = us.send("A", "x", Namespace::Lid, 2, &others);
    let own = us.names.lid().unwrap().clone();
    let agreed = super::ParticipantHash::of(&outbound.devices).to_string();
    assert!(outbound::phash_agrees(&agreed, &outbound.devices, &own, 7));
}
