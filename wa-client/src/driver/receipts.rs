//! What becomes of the messages we sent.

use std::sync::Arc;

use jiff::Timestamp;
use wa_proto::jid::Jid;
use wa_proto::stanza::receipt::Reader;
use wa_proto::stanza::{Ack, Direction, Receipt as Stanza, ReceiptKind as StanzaKind};

use super::account::Account;
use super::inbound::{answer, shown};
use super::port::Port;
use super::retry;
use crate::event::{Event, Receipt, ReceiptKind};
use crate::store::{Changes, StoreError};

/// Commits what a receipt says and acknowledges it.
pub(super) async fn handle(account: &Arc<Account>, port: &Port, receipt: Stanza, ack: Ack) -> Result<(), StoreError> {
    if receipt.kind == StanzaKind::Retry {
        // Answering may need the server's help, and the stanzas after this one shall not wait.
        port.spawn(retry::answer(Arc::clone(account), port.clone(), receipt, ack)).await;
        return Ok(());
    }
    let mut changes = Changes::new();
    let mut events = Vec::new();
    for event in read(account, &receipt).await? {
        let durable = account.events.reserve(Event::Receipt(event));
        durable.add_to(&mut changes, account.now().as_second());
        events.push(durable);
    }
    if !changes.is_empty() {
        account.vault().await?.commit(changes).await?;
    }
    account.events.publish(events);
    answer(port, [ack.to_node(Direction::Up)]).await
}

/// What a receipt means for the application; nothing for traffic between our own devices.
async fn read(account: &Account, receipt: &Stanza) -> Result<Vec<Receipt>, StoreError> {
    let own = account.own_names();
    if receipt.is_incapable || own.contains(&receipt.peer) {
        return Ok(Vec::new());
    }
    let chat = shown(&account.records.names(&receipt.peer).await?, &receipt.peer);
    let ids: Vec<String> = receipt.ids().map(ToString::to_string).collect();
    let mut read = Vec::new();
    if receipt.readers.is_empty() {
        if let Some(kind) = meaning(&receipt.kind) {
            let from = receipt.participant.as_ref().unwrap_or(&receipt.peer);
            let from = device(account, from).await?;
            let timestamp = time(account, receipt.timestamp);
            read.push(Receipt { ids, from, chat, kind, timestamp });
        }
        return Ok(read);
    }
    for Reader { jid, timestamp, kind, .. } in &receipt.readers {
        if let Some(kind) = meaning(kind.as_ref().unwrap_or(&receipt.kind)) {
            let from = device(account, jid).await?;
            let timestamp = time(account, timestamp.or(receipt.timestamp));
            read.push(Receipt { ids: ids.clone(), from, chat: chat.clone(), kind, timestamp });
        }
    }
    Ok(read)
}

fn meaning(kind: &StanzaKind) -> Option<ReceiptKind> {
    match kind {
        StanzaKind::Delivered | StanzaKind::Inactive => Some(ReceiptKind::Delivered),
        StanzaKind::Read => Some(ReceiptKind::Read),
        StanzaKind::Played => Some(ReceiptKind::Played),
        StanzaKind::Sender
        | StanzaKind::ReadSelf
        | StanzaKind::PlayedSelf
        | StanzaKind::ServerError
        | StanzaKind::Retry
        | StanzaKind::PeerMessage
        | StanzaKind::HistorySync
        | StanzaKind::CallRetry
        | StanzaKind::View
        | StanzaKind::Other(_)
        | _ => None,
    }
}

/// A device as the application sees it: by phone number if that is known.
async fn device(account: &Account, jid: &Jid) -> Result<Jid, StoreError> {
    let names = account.records.names(jid).await?;
    Ok(shown(&names, jid).with_device(jid.device()))
}

fn time(account: &Account, seconds: Option<u64>) -> Timestamp {
    let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    let told = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    told.unwrap_or_else(|| account.now())
}
