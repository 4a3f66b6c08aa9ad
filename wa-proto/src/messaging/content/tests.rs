use super::*;
use crate::messaging::testing::names;
use crate::messaging::{MessageId, Plaintext, vectors};

fn vector(name: &str) -> Vec<u8> {
    let vectors = vectors::load();
    let cases = vectors::cases(&vectors["messages"]["cases"]);
    vectors::bytes(&cases.iter().find(|case| case["name"] == name).unwrap()["hex"])
}

fn message(from: &str, recipient: Option<&str>) -> IncomingMessage {
    let id = MessageId::parse("3A01").unwrap();
    let mut message = IncomingMessage::new(id, from.parse().unwrap(), 1, "text");
    message.recipient = recipient.map(|jid| jid.parse().unwrap());
    message
}

fn decoded(plaintext: &[u8], message: &IncomingMessage) -> Result<Decoded, MalformedMessage> {
    decode(plaintext, message, &Source::of(message, &names(1))).map(|decoding| decoding.decoded)
}

fn content(plaintext: &[u8], message: &IncomingMessage) -> Content {
    match decoded(plaintext, message) {
        Ok(Decoded::Content(content)) => content,
        other => panic!("no content but {other:?}"),
    }
}

const PEER: &str = "990000000000002:12@lid";
const OWN_PHONE: &str = "990000000000001@lid";
const CHAT: Option<&str> = Some("990000000000002@lid");

#[test]
fn a_text_is_read_with_its_secret() {
    let bytes = vector("text_with_secret");
    let content = content(&bytes, &message(PEER, None));
    assert_eq!(content.text(), Some("Hello"));
    assert_eq!(content.chat, Jid::lid("990000000000002"));
    assert_eq!(content.bytes, bytes);
    assert_eq!(content.secret.unwrap().expose()[31], 32);
}

#[test]
fn a_copy_from_our_own_device_is_unwrapped_and_gets_its_context_back() {
    let content = content(&vector("dsm_text_secret_outer"), &message(OWN_PHONE, CHAT));
    assert_eq!(content.chat, Jid::lid("990000000000002"));
    assert_eq!(content.bytes, vector("text_with_secret"));
    assert!(content.secret.is_some());
}

#[test]
fn the_wrapper_of_a_stranger_or_for_another_chat_is_refused() {
    let wrapped = vector("dsm_text");
    assert!(decoded(&wrapped, &message(PEER, None)).is_err());
    assert!(decoded(&wrapped, &message(OWN_PHONE, Some("990000000000003@lid"))).is_err());
    let mut by_number = message(OWN_PHONE, Some("77010000002@s.whatsapp.net"));
    assert!(decoded(&wrapped, &by_number).is_err());
    by_number.recipient_other_name = Some(Jid::lid("990000000000002"));
    assert_eq!(content(&wrapped, &by_number).text(), Some("Hello"));
}

#[test]
fn protocol_content_of_devices_is_heard_from_our_own_only() {
    for name in ["peer_appstate_key_request", "peer_placeholder_resend", "peer_history_on_demand"] {
        let bytes = vector(name);
        assert!(matches!(decoded(&bytes, &message(OWN_PHONE, None)), Ok(Decoded::Protocol(_))), "{name}");
        assert!(matches!(decoded(&bytes, &message(PEER, None)), Ok(Decoded::Nothing)), "{name}");
    }
    let answer = proto::Message {
        protocol_message: Some(Box::new(proto::ProtocolMessage {
            r#type: Some(ProtocolMessageType::PeerDataOperationRequestResponseMessage.into()),
            ..Default::default()
        })),
        ..Default::default()
    };
    let bytes = Plaintext::encode(&answer).as_bytes().to_vec();
    assert!(matches!(decoded(&bytes, &message(OWN_PHONE, None)), Ok(Decoded::Protocol(_))));
    let companion = message("990000000000001:3@lid", None);
    assert!(matches!(decoded(&bytes, &companion), Ok(Decoded::Nothing)), "the phone only");
}

#[test]
fn revokes_and_edits_reach_the_application() {
    for name in ["revoke_own", "edit_top_level", "ephemeral_setting"] {
        assert!(content(&vector(name), &message(PEER, None)).message.protocol_message.is_some(), "{name}");
    }
}

#[test]
fn a_sender_key_counts_in_its_own_group_only() {
    let bytes = vector("skdm");
    let decode_in = |message: &IncomingMessage| decode(&bytes, message, &Source::of(message, &names(1))).unwrap();
    let direct = decode_in(&message(PEER, None));
    assert!(matches!(direct.decoded, Decoded::Nothing) && direct.sender_key.is_none());
    let group = proto::Message::decode(bytes.as_slice()).unwrap().sender_key_distribution_message.unwrap().group_id;
    let mut in_group = message(&group.unwrap(), None);
    in_group.participant = Some(PEER.parse().unwrap());
    assert!(decode_in(&in_group).sender_key.is_some());
    in_group.from = Jid::group("120363000000000009");
    assert!(decode_in(&in_group).sender_key.is_none());
}

#[test]
fn texts_are_found_in_all_their_places() {
    let text = |name: &str| content(&vector(name), &message(PEER, None)).text().map(str::to_owned);
    assert_eq!(text("text_unicode").as_deref(), Some("Сәлем 👋"));
    assert_eq!(text("extended_text_plain").as_deref(), Some("Hello"));
    assert_eq!(text("image").as_deref(), Some("cap"));
    assert_eq!(text("poll_creation_v3_single"), None);
    assert!(text("ephemeral_wrapper").is_some());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
        let _ = decoded(&bytes, &message(OWN_PHONE, CHAT));
        let _ = decoded(&bytes, &message(PEER, None));
    }
}
