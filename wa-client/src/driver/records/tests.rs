use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use wa_proto::signal::{LocalDevice, PrekeyBundle};

use super::*;
use crate::store::MemoryStore;

fn records() -> Records {
    Records::new(Arc::new(MemoryStore::new()))
}

async fn commit(records: &Records, changes: Changes) {
    records.store().commit(changes).await.unwrap();
}

fn pn() -> Jid {
    Jid::pn("77010000002")
}

fn lid() -> Jid {
    Jid::lid("990000000000002")
}

fn names() -> Names {
    Names::new(Some(&pn()), Some(&lid()))
}

/// A record with one session, and its base key.
fn session(seed: u64) -> (SessionRecord, PublicKey) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (ours, theirs) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let signed = SignedPrekey::generate(SignedPrekeyId::FIRST, theirs.private(), &mut rng);
    let bundle = PrekeyBundle {
        registration_id: 1,
        identity: *theirs.public(),
        signed_prekey_id: signed.id(),
        signed_prekey: *signed.public(),
        signature: *signed.signature(),
        prekey: None,
    };
    let mut record = SessionRecord::default();
    let local = LocalDevice { identity: &ours, registration_id: 2 };
    record.start(local, &bundle.validate().unwrap(), &mut rng).unwrap();
    let base_key = *record.base_key().unwrap();
    (record, base_key)
}

fn at(account: &Jid, device: u16) -> DeviceAddress {
    DeviceAddress::new(&account.with_device(device)).unwrap()
}

#[tokio::test]
async fn what_is_kept_under_a_number_moves_to_its_lid() {
    let records = records();
    let mut changes = Changes::new();
    let (phone, phone_key) = session(1);
    let (companion, companion_key) = session(2);
    let (other, _) = session(3);
    put_session(&mut changes, &at(&pn(), 0), &phone);
    put_session(&mut changes, &at(&pn(), 12), &companion);
    // A number that only begins like this one stays where it is.
    put_session(&mut changes, &at(&Jid::pn("770100000021"), 0), &other);
    put_device_list(&mut changes, &pn(), &DeviceList::primary_only(5));
    let mut tokens = ContactTokens::default();
    tokens.receive(TrustedToken { bytes: vec![1, 2, 3], timestamp: 9 });
    put_tokens(&mut changes, &pn(), &tokens);
    commit(&records, changes).await;

    let mut changes = Changes::new();
    records.learn_names(&names(), &mut changes).await.unwrap();
    commit(&records, changes).await;
    assert_eq!(records.names(&pn()).await.unwrap(), names());
    assert_eq!(records.names(&lid().with_device(12)).await.unwrap(), names());
    let keys = [(0, phone_key), (12, companion_key)];
    for (device, key) in keys {
        assert_eq!(records.session(&at(&lid(), device)).await.unwrap().base_key(), Some(&key));
        assert!(!records.session(&at(&pn(), device)).await.unwrap().has_session());
    }
    assert!(records.session(&at(&Jid::pn("770100000021"), 0)).await.unwrap().has_session());
    assert!(records.device_list(&lid()).await.unwrap().is_some());
    assert!(records.device_list(&pn()).await.unwrap().is_none());
    assert_eq!(records.tokens(&lid()).await.unwrap().received.unwrap().bytes, [1, 2, 3]);
    assert!(records.tokens(&pn()).await.unwrap().received.is_none());

    // Known names change nothing.
    let mut changes = Changes::new();
    records.learn_names(&names(), &mut changes).await.unwrap();
    assert!(changes.is_empty());
}

#[tokio::test]
async fn sessions_under_both_names_become_one_record() {
    let records = records();
    let mut changes = Changes::new();
    let (by_number, number_key) = session(1);
    let (by_lid, _) = session(2);
    put_session(&mut changes, &at(&pn(), 0), &by_number);
    put_session(&mut changes, &at(&lid(), 0), &by_lid);
    commit(&records, changes).await;
    let mut changes = Changes::new();
    records.learn_names(&names(), &mut changes).await.unwrap();
    commit(&records, changes).await;
    let merged = records.session(&at(&lid(), 0)).await.unwrap();
    assert_eq!(merged.base_key(), Some(&number_key));
    assert!(merged.to_bytes().len() > by_lid.to_bytes().len() + 100, "the other session is archived");
}

#[tokio::test]
async fn prekeys_come_in_the_order_of_their_ids() {
    let records = records();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let prekeys = Prekey::generate_many(PrekeyId::FIRST, 300, &mut rng);
    let mut changes = Changes::new();
    for prekey in &prekeys {
        put_prekey(&mut changes, prekey);
    }
    commit(&records, changes).await;
    let read = records.prekeys_from(PrekeyId::new(250).unwrap(), 100).await.unwrap();
    let ids: Vec<u32> = read.iter().map(|prekey| prekey.id().value()).collect();
    assert_eq!(ids, (250..=300).collect::<Vec<_>>());
    let one = records.prekey(PrekeyId::new(7).unwrap()).await.unwrap().unwrap();
    assert_eq!(one.public(), prekeys[6].public());
    assert!(records.prekey(PrekeyId::new(301).unwrap()).await.unwrap().is_none());

    let signed = SignedPrekey::generate(SignedPrekeyId::FIRST, KeyPair::generate(&mut rng).private(), &mut rng);
    let mut changes = Changes::new();
    put_signed_prekey(&mut changes, &signed);
    delete_prekey(&mut changes, PrekeyId::FIRST);
    commit(&records, changes).await;
    let read = records.signed_prekey(SignedPrekeyId::FIRST).await.unwrap().unwrap();
    assert_eq!((read.public(), read.signature().as_bytes()), (signed.public(), signed.signature().as_bytes()));
    assert!(records.prekey(PrekeyId::FIRST).await.unwrap().is_none());
}

#[tokio::test]
async fn sent_messages_and_tokens_read_back() {
    let records = records();
    let mut changes = Changes::new();
    put_sent(&mut changes, "3EB0", &lid(), b"serialised", 1000);
    let mut tokens = ContactTokens::default();
    tokens.mark_issued(77);
    put_tokens(&mut changes, &lid(), &tokens);
    put_dm_addressing(&mut changes, DmAddressing::Pn);
    commit(&records, changes).await;
    let sent = records.sent("3EB0").await.unwrap().unwrap();
    assert_eq!((sent.chat, sent.plaintext.as_slice()), (lid(), &b"serialised"[..]));
    assert!(records.sent("3EB1").await.unwrap().is_none());
    let tokens = records.tokens(&lid()).await.unwrap();
    assert_eq!((tokens.issued_at, tokens.received.is_none()), (Some(77), true));
    assert_eq!(records.dm_addressing().await.unwrap(), DmAddressing::Pn);

    let mut changes = Changes::new();
    put_dm_addressing(&mut changes, DmAddressing::Unknown);
    changes.purge(1000 + SENT_LIFETIME);
    commit(&records, changes).await;
    assert!(records.sent("3EB0").await.unwrap().is_none());
    assert_eq!(records.dm_addressing().await.unwrap(), DmAddressing::Unknown);
}

#[tokio::test]
async fn a_damaged_session_counts_as_none() {
    let records = records();
    let mut changes = Changes::new();
    changes.put(Kind::Session, session_key(&at(&lid(), 0)), vec![9, 9, 9]);
    commit(&records, changes).await;
    assert!(!records.session(&at(&lid(), 0)).await.unwrap().has_session());
}

#[tokio::test]
async fn what_has_no_key_of_its_own_is_found_by_what_it_says() {
    let records = records();
    let mut changes = Changes::new();
    let stranger = Jid::lid("990000000000009");
    for (id, chat) in [("A", pn()), ("B", lid()), ("C", stranger.clone())] {
        put_sent(&mut changes, id, &chat, b"text", 0);
    }
    let groups = ["120363000000000001@g.us", "status@broadcast"];
    for group in groups {
        for author in [at(&lid(), 3), at(&pn(), 0), at(&stranger, 0)] {
            put_sender_key(&mut changes, Key::from(format!("{group}/{author}")), &SenderKeyRecord::default());
        }
    }
    put_names(&mut changes, &pn(), &Jid::lid("990000000000001"));
    put_names(&mut changes, &pn(), &lid());
    put_names(&mut changes, &Jid::pn("77010000009"), &stranger);
    commit(&records, changes).await;

    let mut changes = Changes::new();
    records.delete_sent_to(&names(), &mut changes).await.unwrap();
    records.delete_sender_keys_of(&names(), &mut changes).await.unwrap();
    records.delete_names(&names(), &mut changes).await.unwrap();
    commit(&records, changes).await;
    let mut left: Vec<Vec<String>> = Vec::new();
    for kind in [Kind::Sent, Kind::SenderKey, Kind::LidMap] {
        let rows = records.store().scan(kind, &[], None, 100).await.unwrap();
        left.push(rows.into_iter().map(|(key, _)| String::from_utf8(key.as_bytes().to_vec()).unwrap()).collect());
    }
    let sender_keys: Vec<String> = groups.map(|group| format!("{group}/{stranger}")).into();
    let stranger_names = vec!["77010000009@s.whatsapp.net".to_owned(), stranger.to_string()];
    assert_eq!(left, [vec!["C".to_owned()], sender_keys, stranger_names]);
}
