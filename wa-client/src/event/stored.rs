//! Durable events as bytes, for the rows of the inbox.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wa_proto::jid::Jid;

use super::{Event, Message, Receipt, ReceiptKind, Undecryptable};

/// The form in which durable events are stored. Fields may be added, never renamed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Stored {
    Message {
        id: String,
        from: String,
        chat: String,
        #[serde(default)]
        chat_lid: Option<String>,
        from_me: bool,
        t: i64,
        #[serde(default)]
        push_name: Option<String>,
        offline: bool,
        #[serde(default)]
        text: Option<String>,
        payload: String,
    },
    Receipt {
        ids: Vec<String>,
        from: String,
        chat: String,
        kind: Kind,
        t: i64,
    },
    Undecryptable {
        id: String,
        from: String,
        chat: String,
        t: i64,
    },
    IdentityChanged {
        of: String,
    },
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Delivered,
    Read,
    Played,
}

/// Writes a durable event; `None` for those that are not.
pub(super) fn encode(event: &Event) -> Option<Vec<u8>> {
    let stored = match event {
        Event::Message(message) => Stored::Message {
            id: message.id.clone(),
            from: message.from.to_string(),
            chat: message.chat.to_string(),
            chat_lid: message.chat_lid.as_ref().map(Jid::to_string),
            from_me: message.from_me,
            t: message.timestamp.as_second(),
            push_name: message.push_name.clone(),
            offline: message.offline,
            text: message.text.clone(),
            payload: hex::encode(&message.payload),
        },
        Event::Receipt(receipt) => Stored::Receipt {
            ids: receipt.ids.clone(),
            from: receipt.from.to_string(),
            chat: receipt.chat.to_string(),
            kind: match receipt.kind {
                ReceiptKind::Delivered => Kind::Delivered,
                ReceiptKind::Read => Kind::Read,
                ReceiptKind::Played => Kind::Played,
            },
            t: receipt.timestamp.as_second(),
        },
        Event::Undecryptable(message) => Stored::Undecryptable {
            id: message.id.clone(),
            from: message.from.to_string(),
            chat: message.chat.to_string(),
            t: message.timestamp.as_second(),
        },
        Event::IdentityChanged { of } => Stored::IdentityChanged { of: of.to_string() },
        Event::Qr { .. }
        | Event::PairingCode { .. }
        | Event::Paired { .. }
        | Event::PairingFailed(_)
        | Event::Status(_) => return None,
    };
    serde_json::to_vec(&stored).ok()
}

/// Reads what [`encode`] wrote; `None` if the row is not one of ours.
pub(super) fn decode(bytes: &[u8]) -> Option<Event> {
    let event = match serde_json::from_slice(bytes).ok()? {
        Stored::Message { id, from, chat, chat_lid, from_me, t, push_name, offline, text, payload } => {
            Event::Message(Message {
                id,
                from: from.parse().ok()?,
                chat: chat.parse().ok()?,
                chat_lid: chat_lid.and_then(|lid| lid.parse().ok()),
                from_me,
                timestamp: Timestamp::from_second(t).ok()?,
                push_name,
                offline,
                text,
                payload: hex::decode(payload).ok()?,
            })
        }
        Stored::Receipt { ids, from, chat, kind, t } => Event::Receipt(Receipt {
            ids,
            from: from.parse().ok()?,
            chat: chat.parse().ok()?,
            kind: match kind {
                Kind::Delivered => ReceiptKind::Delivered,
                Kind::Read => ReceiptKind::Read,
                Kind::Played => ReceiptKind::Played,
            },
            timestamp: Timestamp::from_second(t).ok()?,
        }),
        Stored::Undecryptable { id, from, chat, t } => Event::Undecryptable(Undecryptable {
            id,
            from: from.parse().ok()?,
            chat: chat.parse().ok()?,
            timestamp: Timestamp::from_second(t).ok()?,
        }),
        Stored::IdentityChanged { of } => Event::IdentityChanged { of: of.parse().ok()? },
    };
    Some(event)
}
