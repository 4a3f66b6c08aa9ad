use std::collections::HashMap;

use serde_json::Value;

use super::replay::{Party, optional};
use crate::vectors::{bytes, list, signal, text};

/// Replays a transcript. Parties without recorded keys are the peer's: their messages come from the record.
fn replay(name: &str) -> HashMap<String, Party> {
    let vectors = signal();
    let transcript = find(&vectors["session_transcripts"], name);
    let mut parties: HashMap<String, Party> = HashMap::new();
    for (party, keys) in transcript["parties"].as_object().unwrap() {
        if keys.get("generated_private_keys").is_some() {
            parties.insert(party.clone(), Party::new(keys));
        }
    }
    let forged: Vec<&Value> =
        list(&vectors["session_policy"]).iter().filter(|policy| policy["transcript"] == name).collect();
    let mut sent = HashMap::new();
    for (at, step) in list(&transcript["steps"]).iter().enumerate() {
        for policy in forged.iter().filter(|policy| policy["before_step"] == at) {
            let party = parties.get_mut(text(&policy["to"])).unwrap();
            let refused = party.deliver(text(&policy["type"]), &bytes(&policy["ciphertext"]));
            assert_eq!(refused.err().unwrap().name(), "malformed");
        }
        match text(&step["op"]) {
            "process_bundle" => process_bundle(&mut parties, step),
            "encrypt" => encrypt(&mut parties, step, &mut sent),
            "encrypt_many" => encrypt_many(&mut parties, step, &mut sent),
            "deliver" => deliver(&mut parties, step, &sent, at),
            other => panic!("step {other}"),
        }
    }
    parties
}

fn find<'a>(transcripts: &'a Value, name: &str) -> &'a Value {
    list(transcripts).iter().find(|transcript| transcript["name"] == name).unwrap()
}

/// The contents under which a message may be delivered: ours, and a peer's form of the same.
type Sent = HashMap<String, Vec<Vec<u8>>>;

fn process_bundle(parties: &mut HashMap<String, Party>, step: &Value) {
    let Some(party) = parties.get_mut(text(&step["by"])) else { return };
    party.process_bundle(&step["bundle"]);
    assert_eq!(party.state(), step["state_after"]);
}

fn encrypt(parties: &mut HashMap<String, Party>, step: &Value, sent: &mut Sent) {
    let recorded = bytes(&step["ciphertext"]);
    if let Some(party) = parties.get_mut(text(&step["by"])) {
        let (kind, content) = party.encrypt(&bytes(&step["plaintext"]));
        assert_eq!((kind, hex::encode(content).as_str()), (text(&step["type"]), text(&step["ciphertext"])));
        assert_eq!(party.state(), step["state_after"]);
    }
    let mut forms = vec![recorded];
    if optional(step, "alternate_ciphertext").is_some() {
        forms.push(bytes(&step["alternate_ciphertext"]));
    }
    sent.insert(text(&step["id"]).to_owned(), forms);
}

fn encrypt_many(parties: &mut HashMap<String, Party>, step: &Value, sent: &mut Sent) {
    let party = parties.get_mut(text(&step["by"])).unwrap();
    let plaintext = bytes(&step["plaintext"]);
    let first = step["first_counter"].as_u64().unwrap();
    let mut contents = HashMap::new();
    for counter in first..=step["last_counter"].as_u64().unwrap() {
        contents.insert(counter, party.encrypt(&plaintext).1);
    }
    assert_eq!(contents.len() as u64, step["count"].as_u64().unwrap());
    for selected in list(&step["selected"]) {
        let content = contents.remove(&selected["counter"].as_u64().unwrap()).unwrap();
        assert_eq!(hex::encode(&content), text(&selected["ciphertext"]));
        sent.insert(text(&selected["id"]).to_owned(), vec![content]);
    }
    assert_eq!(party.state(), step["state_after"]);
}

fn deliver(parties: &mut HashMap<String, Party>, step: &Value, sent: &Sent, at: usize) {
    let Some(party) = parties.get_mut(text(&step["to"])) else { return };
    let forms = match optional(step, "ciphertext_override") {
        Some(_) => vec![bytes(&step["ciphertext_override"])],
        None => sent[text(&step["id"])].clone(),
    };
    // A peer's form of the message is tried on a copy of our side by taking the record back.
    let (content, alternates) = forms.split_first().unwrap();
    for alternate in alternates {
        let mut copy = party.clone();
        let delivered = copy.deliver(text(&step["type"]), alternate);
        assert_eq!(delivered.is_ok(), step["expect"] == "ok", "alternate form at step {at}");
    }
    let result = party.deliver(text(&step["type"]), content);
    match text(&step["expect"]) {
        "ok" => {
            let delivery = result.unwrap_or_else(|error| panic!("step {at}: {error}"));
            assert_eq!(hex::encode(&delivery.plaintext), text(&step["plaintext"]));
            let consumed = step.get("consumed_prekey_id").and_then(Value::as_u64);
            assert_eq!(delivery.consumed_prekey.map(u64::from), consumed, "step {at}");
            let replaced = step.get("identity_replaced").and_then(Value::as_bool);
            assert_eq!(delivery.identity_replaced, replaced.unwrap_or(false), "step {at}");
            let ratcheted = optional(step, "generated_ratchet_private").is_some();
            assert_eq!(delivery.keys_drawn, usize::from(ratcheted), "step {at}");
            assert_eq!(party.state(), step["state_after"], "step {at}");
        }
        "duplicate" => assert_eq!(result.err().unwrap().name(), "duplicate", "step {at}"),
        "error" => assert_eq!(result.err().unwrap().name(), text(&step["error_class"]), "step {at}"),
        other => panic!("expectation {other}"),
    }
}

#[test]
fn main_conversation() {
    replay("main");
}

#[test]
fn without_one_time_prekey() {
    replay("no_one_time_prekey");
}

#[test]
fn simultaneous_initiation_converges() {
    replay("simultaneous_initiation");
}

#[test]
fn reinitiation_and_forged_starts() {
    let parties = replay("reinitiation");
    assert!(parties["bob"].prekeys.iter().any(|prekey| prekey.id().value() == 3), "spent on a forgery");
}

#[test]
fn identity_change_keeps_old_sessions_readable() {
    replay("identity_change");
}

#[test]
fn limits_of_jumps_and_kept_keys() {
    replay("limits");
}

#[test]
fn official_library_responds() {
    replay("official_peer_responds");
}

#[test]
fn official_library_initiates() {
    replay("official_peer_initiates");
}

#[test]
fn every_transcript_is_replayed() {
    let vectors = signal();
    let mut names: Vec<&str> =
        list(&vectors["session_transcripts"]).iter().map(|transcript| text(&transcript["name"])).collect();
    names.sort_unstable();
    let replayed = [
        "identity_change",
        "limits",
        "main",
        "no_one_time_prekey",
        "official_peer_initiates",
        "official_peer_responds",
        "reinitiation",
        "simultaneous_initiation",
    ];
    assert_eq!(names, replayed);
}
