//! whatsapp-rust's layers (wacore 0.7.0), measured through their public functions with records kept in memory, on the
//! same inputs and under the same case names as the project's own program.
use async_trait::async_trait;
use futures::executor::block_on;
use harness::{Bench, bytes};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use wacore::client::context::{GroupInfo, SendContextResolver};
use wacore::runtime::{AbortHandle, Runtime};
use wacore::send::*;
use wacore::types::jid::JidExt;
use wacore::types::message::AddressingMode;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::jid::Jid;
use wacore_binary::marshal::{marshal, marshal_auto, unmarshal_ref};
use wacore_binary::node::Node;
use wacore_libsignal::protocol::error::Result as SR;
use wacore_libsignal::protocol::*;
use wacore_noise::NoiseCipher;
use waproto::whatsapp as wa;

#[global_allocator]
static A: harness::Counting = harness::Counting;

// ---- stores: shared maps with the immediate (unboxed) answers and move-out checkouts that the
// ---- library offers to a store that keeps everything in memory
#[derive(Clone)]
struct Ids {
    me: IdentityKeyPair,
    reg: u32,
    known: Arc<Mutex<HashMap<ProtocolAddress, IdentityKey>>>,
}
#[async_trait]
impl IdentityKeyStore for Ids {
    async fn get_identity_key_pair(&self) -> SR<IdentityKeyPair> {
        Ok(self.me.clone())
    }
    async fn get_local_registration_id(&self) -> SR<u32> {
        Ok(self.reg)
    }
    async fn save_identity(&mut self, a: &ProtocolAddress, i: &IdentityKey) -> SR<IdentityChange> {
        self.try_save_identity(a, i).unwrap()
    }
    fn try_save_identity(&mut self, a: &ProtocolAddress, i: &IdentityKey) -> Option<SR<IdentityChange>> {
        let mut m = self.known.lock().unwrap();
        let changed = match m.get(a) {
            Some(old) if old == i => return Some(Ok(IdentityChange::NewOrUnchanged)),
            Some(_) => true,
            None => false,
        };
        m.insert(a.clone(), *i);
        Some(Ok(IdentityChange::from_changed(changed)))
    }
    async fn is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> SR<bool> {
        Ok(true)
    }
    fn try_is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Option<SR<bool>> {
        Some(Ok(true))
    }
    async fn get_identity(&self, a: &ProtocolAddress) -> SR<Option<IdentityKey>> {
        Ok(self.known.lock().unwrap().get(a).copied())
    }
}
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<ProtocolAddress, SessionRecord>>>);
#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, a: &ProtocolAddress) -> SR<Option<SessionRecord>> {
        Ok(self.0.lock().unwrap().get(a).cloned())
    }
    async fn has_session(&self, a: &ProtocolAddress) -> SR<bool> {
        Ok(self.0.lock().unwrap().contains_key(a))
    }
    fn try_has_session(&self, a: &ProtocolAddress) -> Option<SR<bool>> {
        Some(Ok(self.0.lock().unwrap().contains_key(a)))
    }
    async fn store_session(&mut self, a: &ProtocolAddress, r: SessionRecord) -> SR<()> {
        self.0.lock().unwrap().insert(a.clone(), r);
        Ok(())
    }
    fn try_load_session_for_update(
        &self,
        a: &ProtocolAddress,
    ) -> Option<SR<(Option<SessionRecord>, Option<SessionCheckoutKey>)>> {
        // leave an empty record in place so that putting it back needs no new key
        let r = self
            .0
            .lock()
            .unwrap()
            .get_mut(a)
            .map(|r| std::mem::replace(r, SessionRecord::new_fresh()));
        Some(Ok((r, Some(SessionCheckoutKey::new(1, NonZeroU64::MIN)))))
    }
    fn try_store_session_from_checkout(
        &mut self,
        a: &ProtocolAddress,
        r: SessionRecord,
        _: Option<SessionCheckoutKey>,
        _: bool,
    ) -> SessionCheckoutStoreResult {
        let mut m = self.0.lock().unwrap();
        match m.get_mut(a) {
            Some(s) => *s = r,
            None => {
                m.insert(a.clone(), r);
            }
        }
        SessionCheckoutStoreResult::Stored
    }
}
#[derive(Default, Clone)]
struct Pre(HashMap<PreKeyId, PreKeyRecord>);
#[async_trait]
impl PreKeyStore for Pre {
    async fn get_pre_key(&self, i: PreKeyId) -> SR<PreKeyRecord> {
        self.0.get(&i).cloned().ok_or(SignalProtocolError::InvalidPreKeyId)
    }
    async fn save_pre_key(&mut self, i: PreKeyId, r: &PreKeyRecord) -> SR<()> {
        self.0.insert(i, r.clone());
        Ok(())
    }
    async fn remove_pre_key(&mut self, _: PreKeyId) -> SR<()> {
        Ok(())
    }
}
#[derive(Default, Clone)]
struct Spk(HashMap<SignedPreKeyId, SignedPreKeyRecord>);
#[async_trait]
impl SignedPreKeyStore for Spk {
    async fn get_signed_pre_key(&self, i: SignedPreKeyId) -> SR<SignedPreKeyRecord> {
        self.0
            .get(&i)
            .cloned()
            .ok_or(SignalProtocolError::InvalidSignedPreKeyId)
    }
    async fn save_signed_pre_key(&mut self, i: SignedPreKeyId, r: &SignedPreKeyRecord) -> SR<()> {
        self.0.insert(i, r.clone());
        Ok(())
    }
}
#[derive(Default, Clone)]
struct Senders(Arc<Mutex<HashMap<SenderKeyName, SenderKeyRecord>>>);
#[async_trait]
impl SenderKeyStore for Senders {
    async fn store_sender_key(&mut self, n: &SenderKeyName, r: SenderKeyRecord) -> SR<()> {
        self.0.lock().unwrap().insert(n.clone(), r);
        Ok(())
    }
    async fn load_sender_key(&self, n: &SenderKeyName) -> SR<Option<SenderKeyRecord>> {
        Ok(self.0.lock().unwrap().get(n).cloned())
    }
}

#[derive(Clone)]
struct Party {
    jid: Jid,
    addr: ProtocolAddress,
    ids: Ids,
    ses: Sessions,
    pre: Pre,
    spk: Spk,
    snd: Senders,
    otk: KeyPair,
    sk: KeyPair,
    sig: Vec<u8>,
}
impl Party {
    fn new(jid: &str) -> Self {
        let mut rng = rand::rng();
        let me = IdentityKeyPair::generate(&mut rng);
        let (otk, sk) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
        let sig = me
            .private_key()
            .calculate_signature(&sk.public_key.serialize(), &mut rng)
            .unwrap()
            .to_vec();
        let (mut pre, mut spk) = (Pre::default(), Spk::default());
        pre.0.insert(1.into(), PreKeyRecord::new(1.into(), &otk));
        spk.0.insert(
            1.into(),
            SignedPreKeyRecord::new(1.into(), Timestamp::from_epoch_millis(0), &sk, &sig),
        );
        let jid: Jid = jid.parse().unwrap();
        Self {
            addr: jid.to_protocol_address(),
            jid,
            ids: Ids {
                me,
                reg: 77,
                known: Default::default(),
            },
            ses: Default::default(),
            pre,
            spk,
            snd: Default::default(),
            otk,
            sk,
            sig,
        }
    }
    fn bundle(&self) -> PreKeyBundle {
        PreKeyBundle::new(
            self.ids.reg,
            1.into(),
            Some((1.into(), self.otk.public_key)),
            1.into(),
            self.sk.public_key,
            self.sig.clone(),
            *self.ids.me.identity_key(),
        )
        .unwrap()
    }
    fn setup(&mut self, to: &Party, b: &PreKeyBundle) {
        block_on(process_prekey_bundle(
            &to.addr,
            &mut self.ses,
            &mut self.ids,
            b,
            &mut rand::rng(),
            UsePQRatchet::No,
        ))
        .unwrap();
    }
    fn enc(&mut self, to: &ProtocolAddress, m: &[u8]) -> CiphertextMessage {
        block_on(message_encrypt(m, to, &mut self.ses, &mut self.ids)).unwrap()
    }
    fn dec(&mut self, from: &ProtocolAddress, wire: &[u8], pre: bool) -> Vec<u8> {
        let m = if pre {
            CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(wire).unwrap())
        } else {
            CiphertextMessage::SignalMessage(SignalMessage::try_from(wire).unwrap())
        };
        block_on(message_decrypt(
            &m,
            from,
            &mut self.ses,
            &mut self.ids,
            &mut self.pre,
            &self.spk,
            &mut rand::rng(),
            UsePQRatchet::No,
        ))
        .unwrap()
        .plaintext
        .to_vec()
    }
}
fn wire(c: &CiphertextMessage) -> Vec<u8> {
    c.serialize().to_vec()
}
/// Two parties past the first exchange: both send plain messages.
fn pair(a: &str, b: &str) -> (Party, Party) {
    let (mut a, mut b) = (Party::new(a), Party::new(b));
    join(&mut a, &mut b);
    (a, b)
}
fn join(a: &mut Party, b: &mut Party) {
    let bu = b.bundle();
    a.setup(b, &bu);
    let w = wire(&a.enc(&b.addr, b"hello"));
    b.dec(&a.addr, &w, true);
    let w = wire(&b.enc(&a.addr, b"hello"));
    a.dec(&b.addr, &w, false);
    let w = wire(&a.enc(&b.addr, b"hello"));
    b.dec(&a.addr, &w, false);
}

struct Inline;
#[async_trait]
impl Runtime for Inline {
    fn spawn(&self, f: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) -> AbortHandle {
        let mut f = f;
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        while f.as_mut().poll(&mut cx).is_pending() {}
        AbortHandle::noop()
    }
    fn sleep(&self, _: std::time::Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        unreachable!("nothing here waits or blocks")
    }
    fn spawn_blocking(&self, _: Box<dyn FnOnce() + Send + 'static>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        unreachable!("nothing here waits or blocks")
    }
    fn yield_now(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}
struct Devices(Vec<Jid>);
#[async_trait]
impl SendContextResolver for Devices {
    async fn resolve_devices(&self, _: &[Jid]) -> anyhow::Result<Vec<Jid>> {
        Ok(self.0.clone())
    }
    async fn fetch_prekeys(&self, _: &[Jid]) -> anyhow::Result<HashMap<Jid, PreKeyBundle>> {
        Ok(HashMap::new())
    }
    async fn fetch_prekeys_for_identity_check(&self, _: &[Jid]) -> anyhow::Result<wacore::prekeys::PreKeyFetchOutcome> {
        Ok(Default::default())
    }
    async fn resolve_group_info(&self, _: &Jid) -> anyhow::Result<Arc<GroupInfo>> {
        Ok(Arc::new(GroupInfo::new(self.0.clone(), AddressingMode::Pn)))
    }
}

// ---- stanzas
fn dm() -> Node {
    let enc = |jid: &str, s| {
        NodeBuilder::new("to")
            .attr("jid", jid.parse::<Jid>().unwrap())
            .children([NodeBuilder::new("enc")
                .attr("v", "2")
                .attr("type", "msg")
                .bytes(bytes(240, s))
                .build()])
            .build()
    };
    NodeBuilder::new("message")
        .attr("id", "3EB0A1B2C3D4E5F60718")
        .attr("to", "5511999990000@s.whatsapp.net".parse::<Jid>().unwrap())
        .attr("type", "text")
        .attr("phash", "2:aBcDeFgH")
        .children([
            NodeBuilder::new("participants")
                .children([
                    enc("5511999990000@s.whatsapp.net", 1),
                    enc("5511999990000:12@s.whatsapp.net", 2),
                    enc("5511888880000:3@s.whatsapp.net", 3),
                ])
                .build(),
            NodeBuilder::new("device-identity").bytes(bytes(190, 4)).build(),
            NodeBuilder::new("reporting")
                .children([NodeBuilder::new("reporting_token")
                    .attr("v", "2")
                    .bytes(bytes(16, 5))
                    .build()])
                .build(),
        ])
        .build()
}
fn group200() -> Node {
    let parts: Vec<Node> = (0..200u64)
        .map(|i| {
            NodeBuilder::new("to")
                .attr(
                    "jid",
                    format!("{}:{}@lid", 100000000000100u64 + i * 7919, i % 30 + 1)
                        .parse::<Jid>()
                        .unwrap(),
                )
                .children([NodeBuilder::new("enc")
                    .attr("v", "2")
                    .attr("type", "msg")
                    .bytes(bytes(190, i + 1))
                    .build()])
                .build()
        })
        .collect();
    NodeBuilder::new("message")
        .attr("id", "3EB0A1B2C3D4E5F60718")
        .attr("to", "120363000000000001@g.us".parse::<Jid>().unwrap())
        .attr("type", "text")
        .attr("phash", "2:aBcDeFgH")
        .attr("addressing_mode", "lid")
        .children([
            NodeBuilder::new("participants").children(parts).build(),
            NodeBuilder::new("enc")
                .attr("v", "2")
                .attr("type", "skmsg")
                .bytes(bytes(180, 999))
                .build(),
        ])
        .build()
}

fn main() {
    let b = Bench::new();
    for (n, mk) in [("message 3 encs", dm as fn() -> Node), ("group 200", group200)] {
        let node = mk();
        let w = marshal_auto(&node).unwrap();
        eprintln!("# {n}: {} bytes on the wire", w.len());
        b.run(&format!("node encode {n}"), w.len(), || marshal_auto(&node).unwrap());
        b.run(&format!("node decode {n}"), w.len(), || {
            let r = unmarshal_ref(&w[1..]).unwrap();
            r.tag.len()
        });
    }
    for (l, n) in [("200B", 200usize), ("1KB", 1024), ("64KB", 65536)] {
        let c = NoiseCipher::new(&[7; 32]).unwrap();
        let mut buf = Vec::with_capacity(n + 16);
        let src = bytes(n, 1);
        let mut ctr = 0u32;
        b.run(&format!("noise frame encrypt {l}"), n, || {
            ctr = ctr.wrapping_add(1);
            buf.clear();
            buf.extend_from_slice(&src);
            c.encrypt_in_place_with_counter(ctr, &mut buf).unwrap();
            buf[0]
        });
        let mut ct = src.clone();
        c.encrypt_in_place_with_counter(5, &mut ct).unwrap();
        b.run(&format!("noise frame decrypt {l}"), n, || {
            buf.clear();
            buf.extend_from_slice(&ct);
            c.decrypt_in_place_with_counter(5, &mut buf).unwrap();
            buf[0]
        });
    }
    // ---- signal
    {
        let bob = Party::new("5511888880000@s.whatsapp.net");
        let bu = bob.bundle();
        b.run_with(
            "session set-up, initiator",
            0,
            || Party::new("5511999990000@s.whatsapp.net"),
            |a| a.setup(&bob, &bu),
        );
        b.run_with(
            "session set-up, responder",
            0,
            || {
                let (mut a, bob) = (
                    Party::new("5511999990000@s.whatsapp.net"),
                    Party::new("5511888880000@s.whatsapp.net"),
                );
                a.setup(&bob, &bob.bundle());
                let w = wire(&a.enc(&bob.addr, &[1; 100]));
                (a, bob, w)
            },
            |(a, bob, w)| bob.dec(&a.addr, w, true),
        );
    }
    for (l, n) in [("100B", 100usize), ("1KB", 1024)] {
        let m = bytes(n, 9);
        {
            let (mut a, bb) = pair("5511999990000@s.whatsapp.net", "5511888880000@s.whatsapp.net");
            b.run(&format!("steady encrypt {l}"), n, || a.enc(&bb.addr, &m));
        }
        {
            let (a, bb) = pair("5511999990000@s.whatsapp.net", "5511888880000@s.whatsapp.net");
            let st = std::cell::RefCell::new((a, bb));
            b.run_with(
                &format!("steady decrypt {l}"),
                n,
                || {
                    let s = &mut *st.borrow_mut();
                    wire(&s.0.enc(&s.1.addr, &m))
                },
                |w| {
                    let s = &mut *st.borrow_mut();
                    s.1.dec(&s.0.addr, w, false)
                },
            );
        }
        {
            let (mut a, mut bb) = pair("5511999990000@s.whatsapp.net", "5511888880000@s.whatsapp.net");
            b.run(&format!("ping-pong {l}"), 2 * n, || {
                let w = wire(&a.enc(&bb.addr, &m));
                bb.dec(&a.addr, &w, false);
                let w = wire(&bb.enc(&a.addr, &m));
                a.dec(&bb.addr, &w, false)
            });
        }
    }
    // ---- a whole send: 2 devices of the contact + 1 of our own
    {
        let mut a = Party::new("5511999990000@s.whatsapp.net");
        let to: Jid = "5511888880000@s.whatsapp.net".parse().unwrap();
        let mut devs = vec![];
        for j in [
            "5511888880000@s.whatsapp.net",
            "5511888880000:12@s.whatsapp.net",
            "5511999990000:3@s.whatsapp.net",
        ] {
            let mut p = Party::new(j);
            join(&mut a, &mut p);
            devs.push(p.jid.clone());
        }
        let res = ResolvedDmDevices::new(devs.clone(), &a.jid, None);
        let resolver = Devices(devs);
        let text = String::from_utf8(bytes(60, 5).iter().map(|b| b % 26 + 97).collect()).unwrap();
        let acct = wa::ADVSignedDeviceIdentity {
            details: Some(bytes(32, 1)),
            account_signature_key: Some(bytes(32, 2)),
            account_signature: Some(bytes(64, 3)),
            device_signature: Some(bytes(64, 4)),
        };
        let c = NoiseCipher::new(&[7; 32]).unwrap();
        let mut ctr = 0u32;
        let mut size = 0;
        let own = a.jid.clone();
        b.run("send one text to 2+1 devices", 0, || {
            let msg = wa::Message {
                conversation: Some(text.clone()),
                ..Default::default()
            };
            let mut st = SignalStores {
                sender_key_store: &mut a.snd,
                session_store: &mut a.ses,
                identity_store: &mut a.ids,
                prekey_store: &mut a.pre,
                signed_prekey_store: &a.spk,
            };
            let p = block_on(prepare_dm_stanza(
                &Inline,
                &mut st,
                &resolver,
                DmStanzaRequest {
                    own_jid: &own,
                    account: Some(&acct),
                    to: &to,
                    message: &msg,
                    message_id: "3EB0A1B2C3D4E5F60718",
                    edit: None,
                    extra_nodes: &[],
                    devices: &res,
                    pre_encoded: None,
                },
            ))
            .unwrap();
            let mut w = marshal(&p.node).unwrap();
            size = w.len();
            ctr = ctr.wrapping_add(1);
            c.encrypt_in_place_with_counter(ctr, &mut w).unwrap();
            w
        });
        eprintln!("# whole send: {size} bytes");
    }
}
