//! What is sent back for a delivered message, once everything about it is committed.
//!
//! Each message with an id gets exactly one final answer; without, the server delivers it again
//! after every connect.

use super::inbound::{Outcome, OwnDevice};
use super::source::{ChatKind, Source};
use crate::node::Node;
use crate::proto::ProtocolMessageType;
use crate::stanza::message::IncomingMessage;
use crate::stanza::{Ack, AckClass, Direction, Receipt, ReceiptKind};

/// A stanza that answers another one.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A receipt.
    Receipt(Box<Receipt>),
    /// An acknowledgement, maybe a refusal.
    Ack(Box<Ack>),
}

impl Answer {
    /// The stanza to send.
    #[must_use]
    pub fn to_node(&self) -> Node {
        match self {
            Self::Receipt(receipt) => receipt.to_node(Direction::Up),
            Self::Ack(ack) => ack.to_node(Direction::Up),
        }
    }
}

/// The answers to a message, in the order they are sent.
///
/// `is_available` is whether our own presence is: if not, the receipts say so and the sender sees no
/// second tick. For a message that is [`Outcome::Unreadable`] this is what follows the retry
/// receipt; build that with [`retry::request`](super::retry::request) and send it first.
#[must_use]
pub fn answers(
    message: &IncomingMessage,
    source: &Source,
    own: OwnDevice<'_>,
    outcome: &Outcome,
    is_available: bool,
) -> Vec<Answer> {
    let ack = || Box::new(Ack { own_device: own.pn(), ..ack_of(message) });
    match outcome {
        Outcome::Content(_) | Outcome::Nothing | Outcome::Duplicate | Outcome::Protocol(_) => {
            let Some(receipt) = receipt(message, source, own, is_available) else {
                return vec![Answer::Ack(ack())];
            };
            let history = is_history(outcome).then(|| Receipt { kind: ReceiptKind::HistorySync, ..receipt.clone() });
            [Some(receipt), history].into_iter().flatten().map(Box::new).map(Answer::Receipt).collect()
        }
        Outcome::Unreadable(_) | Outcome::Unavailable(_) | Outcome::Unencrypted => vec![Answer::Ack(ack())],
        Outcome::Rejected(rejection) => vec![Answer::Ack(Box::new(ack().rejecting(*rejection)))],
    }
}

/// The ack of a message, whatever becomes of it.
fn ack_of(message: &IncomingMessage) -> Ack {
    Ack {
        participant: message.participant.clone(),
        recipient: message.recipient.clone(),
        kind: (!message.kind.is_empty()).then(|| message.kind.clone()),
        ..Ack::new(AckClass::Message, message.id.as_str(), message.from.clone())
    }
}

/// The receipt that says a message arrived; `None` for notes to ourselves, which are only acknowledged.
fn receipt(message: &IncomingMessage, source: &Source, own: OwnDevice<'_>, is_available: bool) -> Option<Receipt> {
    let mut receipt = Receipt::new(message.id.clone(), message.from.clone(), ReceiptKind::Delivered);
    if message.is_peer {
        receipt.kind = ReceiptKind::PeerMessage;
        if let Some(own_account) = own.names.pn() {
            receipt.peer = own_account.clone();
        }
        return Some(receipt);
    }
    receipt.participant.clone_from(&message.participant);
    match source.chat_kind {
        ChatKind::Status => receipt.context = Some("status".to_owned()),
        ChatKind::Direct if source.is_own => {
            receipt.recipient = Some(message.recipient.as_ref()?.account());
            receipt.kind = ReceiptKind::Sender;
        }
        ChatKind::Direct | ChatKind::Group | ChatKind::BroadcastList | ChatKind::Newsletter | ChatKind::Bot => {
            if source.is_own {
                receipt.kind = ReceiptKind::Sender;
            } else if !is_available {
                receipt.kind = ReceiptKind::Inactive;
            }
        }
    }
    Some(receipt)
}

/// Whether a history notification was taken over.
fn is_history(outcome: &Outcome) -> bool {
    let Outcome::Protocol(protocol) = outcome else { return false };
    protocol.r#type == Some(ProtocolMessageType::HistorySyncNotification.into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::names;
    use super::*;
    use crate::jid::Jid;
    use crate::messaging::MessageId;
    use crate::messaging::inbound::Unreadable;
    use crate::stanza::ack::Rejection;
    use crate::stanza::retry::RetryReason;

    fn message(from: &str) -> IncomingMessage {
        IncomingMessage::new(MessageId::parse("3A01").unwrap(), from.parse().unwrap(), 1, "text")
    }

    fn only(message: &IncomingMessage, outcome: &Outcome, is_available: bool) -> Node {
        let [node] = answer(message, outcome, is_available).try_into().expect("one answer");
        node
    }

    fn answer(message: &IncomingMessage, outcome: &Outcome, is_available: bool) -> Vec<Node> {
        let names = names(1);
        let own = OwnDevice { names: &names, device: 7 };
        let source = Source::of(message, &names);
        answers(message, &source, own, outcome, is_available).iter().map(Answer::to_node).collect()
    }

    fn receipt(to: &str) -> Node {
        let to: Jid = to.parse().unwrap();
        Node::new("receipt").attr("id", "3A01").attr("to", to)
    }

    #[test]
    fn a_direct_message_is_receipted_to_the_device() {
        let message = message("990000000000002:12@lid");
        let expected = receipt("990000000000002:12@lid");
        assert_eq!(only(&message, &Outcome::Nothing, true), expected.clone());
        assert_eq!(only(&message, &Outcome::Duplicate, true), expected.clone());
        assert_eq!(only(&message, &Outcome::Nothing, false), expected.attr("type", "inactive"));
    }

    #[test]
    fn a_copy_of_our_own_message_is_receipted_as_its_sender() {
        let mut message = message("990000000000001@lid");
        message.recipient = Some(Jid::lid("990000000000002"));
        let expected =
            receipt("990000000000001@lid").attr("type", "sender").attr("recipient", Jid::lid("990000000000002"));
        assert_eq!(only(&message, &Outcome::Nothing, false), expected);
        message.recipient = None;
        assert_eq!(answer(&message, &Outcome::Nothing, false)[0].tag(), "ack");
    }

    #[test]
    fn peer_messages_and_history_have_receipts_of_their_own() {
        let mut message = message("990000000000001@lid");
        message.is_peer = true;
        let peer = receipt("77010000001@s.whatsapp.net").attr("type", "peer_msg");
        assert_eq!(only(&message, &Outcome::Nothing, true), peer.clone());
        let history = crate::proto::ProtocolMessage {
            r#type: Some(ProtocolMessageType::HistorySyncNotification.into()),
            ..Default::default()
        };
        let also = receipt("77010000001@s.whatsapp.net").attr("type", "hist_sync");
        assert_eq!(answer(&message, &Outcome::Protocol(Box::new(history)), true), [peer, also]);
    }

    #[test]
    fn groups_and_status_name_the_author() {
        let mut group = message("120363000000000001@g.us");
        let participant: Jid = "990000000000002:12@lid".parse().unwrap();
        group.participant = Some(participant.clone());
        let expected = receipt("120363000000000001@g.us").attr("participant", &participant);
        assert_eq!(only(&group, &Outcome::Nothing, true), expected);
        let mut status = message("status@broadcast");
        status.participant = Some(participant.clone());
        let expected = receipt("status@broadcast").attr("participant", &participant).attr("context", "status");
        assert_eq!(only(&status, &Outcome::Nothing, false), expected);
    }

    #[test]
    fn what_was_not_read_is_acknowledged() {
        let message = message("990000000000002:12@lid");
        let ack = Node::new("ack")
            .attr("class", "message")
            .attr("id", "3A01")
            .attr("to", &message.from)
            .attr("type", "text")
            .attr("from", Jid::pn("77010000001").with_device(7));
        let unreadable = Unreadable { reason: RetryReason::BadMac, needs_keys: false, hides_failure: false };
        assert_eq!(only(&message, &Outcome::Unreadable(unreadable), true), ack.clone());
        assert_eq!(only(&message, &Outcome::Unencrypted, true), ack.clone());
        let rejected = Outcome::Rejected(Rejection::InvalidProtobuf);
        assert_eq!(only(&message, &rejected, true), ack.attr("error", "491"));
    }
}
