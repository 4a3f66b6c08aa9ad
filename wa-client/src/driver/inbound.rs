//! What the server delivers, one stanza after the other, in its order.
//!
//! Every stanza is committed with all that follows from it before it is answered, so that a crash at
//! any point leads to a repetition by the server and not to a loss.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use wa_proto::connection::Stanza;
use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::Names;
use wa_proto::messaging::answer::answers;
use wa_proto::messaging::content::Content;
use wa_proto::messaging::inbound::{self, Opened, Outcome, OwnDevice, OwnKeys, Records as OpenRecords, Unreadable};
use wa_proto::messaging::retry;
use wa_proto::messaging::sessions::PrimaryIdentity;
use wa_proto::messaging::source::{ChatKind, Source};
use wa_proto::node::Node;
use wa_proto::proto::{self, ProtobufMessage, ProtocolMessageType};
use wa_proto::signal::{
    DeviceAddress, IdentityChange, LocalDevice, Prekey, PrekeyId, SenderKeyRecord, SessionRecord, SignedPrekey,
    SignedPrekeyId,
};
use wa_proto::stanza::{Ack, Direction, IncomingMessage, Rejection};

use super::account::{Account, Vault};
use super::link::End;
use super::port::Port;
use super::records::{address, delete_prekey, put_dm_addressing, put_prekey, put_seen, put_sender_key, put_session};
use super::{notifications, receipts};
use crate::client::OwnAccount;
use crate::event::{Durable, Event, Message, Undecryptable};
use crate::store::{Changes, Key, StoreError};

/// Handles stanzas until the connection ends; those that wait then are repeated by the server.
pub(super) async fn run(account: Arc<Account>, port: Port, mut stanzas: mpsc::Receiver<Stanza>) -> Result<(), End> {
    while let Some(stanza) = stanzas.recv().await
        && !port.has_ended()
    {
        handle(&account, &port, &stanza).await.map_err(|error| End::from_store(&error))?;
    }
    Ok(())
}

/// A stanza, read.
enum Read {
    Message(Box<IncomingMessage>),
    Receipt(Option<Box<wa_proto::stanza::Receipt>>),
    Notification(Option<Box<wa_proto::stanza::Notification>>),
    Other,
}

async fn handle(account: &Arc<Account>, port: &Port, stanza: &Stanza) -> Result<(), StoreError> {
    // Before the device is linked nothing of this is for us.
    let Some(own) = account.own_device() else { return Ok(()) };
    // A tree borrows from its frame, so the parts are taken out before the first wait.
    let (ack, read) = {
        let tree = stanza.tree();
        let node = tree.root();
        // Without an id there is nothing to answer and nothing that could come again.
        let Ok(ack) = Ack::answer(node, &own.jid) else { return Ok(()) };
        let read = match node.tag() {
            "message" => match IncomingMessage::parse(node) {
                Ok(message) => Read::Message(Box::new(message)),
                Err(error) => {
                    tracing::warn!(%error, "refused a malformed message");
                    return answer(port, [ack.rejecting(Rejection::Parsing).to_node(Direction::Up)]).await;
                }
            },
            "receipt" => {
                let receipt = wa_proto::stanza::Receipt::parse(node, Direction::Down);
                Read::Receipt(receipt.ok().map(Box::new))
            }
            "notification" => {
                let notification = wa_proto::stanza::Notification::parse(node);
                Read::Notification(notification.ok().map(Box::new))
            }
            _ => Read::Other,
        };
        (ack, read)
    };
    match read {
        Read::Message(received) => message(account, port, &own, &received).await,
        Read::Receipt(Some(receipt)) => receipts::handle(account, port, *receipt, ack).await,
        Read::Notification(Some(notification)) => {
            notifications::handle(account, port, *notification).await?;
            answer(port, [ack.to_node(Direction::Up)]).await
        }
        Read::Receipt(None) | Read::Notification(None) => {
            answer(port, [ack.rejecting(Rejection::Parsing).to_node(Direction::Up)]).await
        }
        Read::Other => answer(port, [ack.to_node(Direction::Up)]).await,
    }
}

/// Sends answers. If the connection ends meanwhile, the server repeats what was not answered.
pub(super) async fn answer(port: &Port, nodes: impl IntoIterator<Item = Node>) -> Result<(), StoreError> {
    for node in nodes {
        if port.post(node).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Everything that belongs to one incoming message.
struct Incoming<'a> {
    account: &'a Account,
    own: OwnDevice<'a>,
    message: &'a IncomingMessage,
    source: Source,
    /// The author's account, by both names as far as they are known.
    author: Names,
    /// The chat, by both names as far as they are known.
    chat: Names,
}

async fn message(
    account: &Arc<Account>,
    port: &Port,
    own: &OwnAccount,
    message: &IncomingMessage,
) -> Result<(), StoreError> {
    let own_names = account.own_names();
    let own = OwnDevice { names: &own_names, device: own.jid.device() };
    let source = Source::of(message, &own_names);
    let mut vault = account.vault().await?;
    let mut learnt = Changes::new();
    for mapping in source.mappings() {
        account.learn(&mapping.names(), &mut learnt).await?;
    }
    // On its own: what is read next shall find the records where they have moved to.
    vault.commit(learnt).await?;
    let incoming = Incoming {
        account,
        own,
        message,
        author: account.records.names(&source.author).await?,
        chat: account.records.names(&source.chat).await?,
        source,
    };
    let (outcome, effects) = incoming.open(&mut vault).await?;
    let Effects { changes, events, mut nodes } = effects;
    vault.commit(changes).await?;
    drop(vault);
    account.events.publish(events);
    let is_available = account.settings.is_available;
    let last = answers(message, &incoming.source, own, &outcome, is_available);
    nodes.extend(last.iter().map(wa_proto::messaging::answer::Answer::to_node));
    answer(port, nodes).await
}

/// What has to be committed, told and sent for a message.
#[derive(Default)]
struct Effects {
    changes: Changes,
    events: Vec<Durable>,
    nodes: Vec<Node>,
}

impl Incoming<'_> {
    /// Decrypts the message and works out what follows.
    async fn open(&self, vault: &mut Vault<'_>) -> Result<(Outcome, Effects), StoreError> {
        let mut effects = Effects::default();
        let Some(address) = address(&self.author, &self.source.author) else {
            return Ok((Outcome::Unencrypted, effects));
        };
        let mut session = self.account.records.session(&address).await?;
        let group = self.group_key(&address);
        let mut sender_keys = match &group {
            Some(key) => Some(self.account.records.sender_key(key).await?),
            None => None,
        };
        let opened = self.decrypt(vault, &mut session, sender_keys.as_mut()).await?;
        if opened.session_changed {
            put_session(&mut effects.changes, &address, &session);
        }
        if let (true, Some(key), Some(record)) = (opened.sender_keys_changed, group, &sender_keys) {
            put_sender_key(&mut effects.changes, key, record);
        }
        for prekey in &opened.consumed_prekeys {
            delete_prekey(&mut effects.changes, *prekey);
        }
        self.identity(&opened, &mut effects);
        match &opened.outcome {
            Outcome::Content(content) => self.content(content, &mut effects).await?,
            Outcome::Protocol(protocol) => self.protocol(protocol, &mut effects).await?,
            Outcome::Unreadable(unreadable) => self.unreadable(*unreadable, vault, &mut effects),
            Outcome::Nothing
            | Outcome::Duplicate
            | Outcome::Rejected(_)
            | Outcome::Unavailable(_)
            | Outcome::Unencrypted
            | _ => {}
        }
        Ok((opened.outcome, effects))
    }

    /// Where the author's sender keys for a group or for status are kept.
    fn group_key(&self, author: &DeviceAddress) -> Option<Key> {
        let has_sender_keys = matches!(self.source.chat_kind, ChatKind::Group | ChatKind::Status);
        has_sender_keys.then(|| Key::from(format!("{}/{author}", self.source.chat)))
    }

    async fn decrypt(
        &self,
        vault: &Vault<'_>,
        session: &mut SessionRecord,
        sender_keys: Option<&mut SenderKeyRecord>,
    ) -> Result<Opened, StoreError> {
        let named = inbound::named_prekeys(self.message, self.own);
        let mut prekeys: Vec<Prekey> = Vec::new();
        for id in named.prekeys.into_iter().filter_map(PrekeyId::new) {
            prekeys.extend(self.account.records.prekey(id).await?);
        }
        let mut signed_prekeys: Vec<SignedPrekey> = vec![vault.keys.signed_prekey.clone()];
        for id in named.signed_prekeys.into_iter().filter_map(SignedPrekeyId::new) {
            if id.value() != vault.keys.signed_prekey.id().value() {
                signed_prekeys.extend(self.account.records.signed_prekey(id).await?);
            }
        }
        let keys = OwnKeys {
            local: LocalDevice { identity: &vault.keys.identity, registration_id: vault.keys.registration_id.value() },
            signed_prekeys: &signed_prekeys,
            prekeys: &prekeys,
        };
        let known = self.primary(vault).await?;
        let is_own_account = self.source.is_own;
        let primary = PrimaryIdentity { known: known.as_ref(), is_own_account };
        let records = OpenRecords { session, sender_keys, primary };
        let mut rng = self.account.rng.clone();
        Ok(inbound::open(self.message, &self.source, self.own, keys, records, &mut rng))
    }

    /// The identity of the phone of the author's account, as far as it is known.
    async fn primary(&self, vault: &Vault<'_>) -> Result<Option<wa_proto::keys::PublicKey>, StoreError> {
        if self.source.is_own {
            return Ok(vault.linked.as_ref().map(|linked| *linked.identity.account_key()));
        }
        let Some(phone) = address(&self.author, &self.source.author.account()) else {
            return Ok(None);
        };
        Ok(self.account.records.session(&phone).await?.identity().copied())
    }

    /// Tells that a contact has a new phone.
    fn identity(&self, opened: &Opened, effects: &mut Effects) {
        let is_phone = self.source.author.device() == 0 && !self.source.is_own;
        if opened.identity == IdentityChange::Replaced && is_phone {
            let of = shown(&self.author, &self.source.author);
            self.tell(Event::IdentityChanged { of }, effects);
        }
    }

    fn tell(&self, event: Event, effects: &mut Effects) {
        let durable = self.account.events.reserve(event);
        durable.add_to(&mut effects.changes, self.account.now().as_second());
        effects.events.push(durable);
    }

    /// Takes in a message for the application, unless a copy of it was taken in before.
    async fn content(&self, content: &Content, effects: &mut Effects) -> Result<(), StoreError> {
        let chat = if content.chat == self.source.chat {
            self.chat.clone()
        } else {
            self.account.records.names(&content.chat).await?
        };
        let seen = self.seen_key(&chat, &content.chat);
        if self.account.records.has_seen(&seen).await? {
            return Ok(());
        }
        put_seen(&mut effects.changes, seen, self.account.now().as_second());
        let event = Event::Message(Message {
            id: self.message.id.to_string(),
            from: shown(&self.author, &self.source.author),
            chat: shown(&chat, &content.chat),
            chat_lid: chat.lid().cloned(),
            from_me: self.source.is_own,
            timestamp: self.timestamp(),
            push_name: self.message.push_name.clone(),
            offline: self.message.offline.is_some(),
            text: content.text().map(str::to_owned),
            payload: content.bytes.clone(),
        });
        self.tell(event, effects);
        Ok(())
    }

    /// Names a message whatever namespace its stanza used: a digest of chat, author and id.
    fn seen_key(&self, chat_names: &Names, chat: &Jid) -> Key {
        let chat = chat_names.canonical().unwrap_or(chat).to_string();
        let author = self.source.author.account();
        let author = self.author.canonical().unwrap_or(&author).to_string();
        let mut digest = Sha256::new();
        for part in [chat.as_str(), author.as_str(), self.message.id.as_str()] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Key::from(digest.finalize().iter().take(16).copied().collect::<Vec<u8>>())
    }

    fn timestamp(&self) -> Timestamp {
        let seconds = i64::try_from(self.message.timestamp).unwrap_or(0);
        match Timestamp::from_second(seconds) {
            Ok(timestamp) if seconds > 0 => timestamp,
            _ => self.account.now(),
        }
    }

    /// Acts on what the phone says to its companions.
    async fn protocol(&self, protocol: &proto::ProtocolMessage, effects: &mut Effects) -> Result<(), StoreError> {
        let kind = ProtocolMessageType::LidMigrationMappingSync;
        let Some(sync) = &protocol.lid_migration_mapping_sync_message else { return Ok(()) };
        if protocol.r#type != Some(kind.into()) {
            return Ok(());
        }
        let known = self.account.records.dm_addressing().await?;
        put_dm_addressing(&mut effects.changes, known.migrated());
        let bytes = sync.encoded_mapping_payload.as_deref().unwrap_or_default();
        let payload = proto::LidMigrationMappingSyncPayload::decode(bytes).unwrap_or_default();
        for mapping in payload.pn_to_lid_mappings {
            let lid = mapping.latest_lid.or(mapping.assigned_lid);
            let (Some(pn), Some(lid)) = (mapping.pn, lid) else { continue };
            let (pn, lid) = (Jid::pn(&pn.to_string()), Jid::lid(&lid.to_string()));
            // A list of many adds what is missing; what a contact showed itself stays.
            if self.account.records.names(&pn).await?.lid().is_none() {
                let names = Names::new(Some(&pn), Some(&lid));
                self.account.learn(&names, &mut effects.changes).await?;
            }
        }
        Ok(())
    }

    /// Asks the sender to send the message again, and tells the application the first time.
    fn unreadable(&self, unreadable: Unreadable, vault: &mut Vault<'_>, effects: &mut Effects) {
        let id = self.message.id.as_str();
        let (chat, author) = (&self.source.chat, &self.source.author);
        let now = self.account.now_seconds();
        let previous = self.account.retries.asked(chat, author, id, now);
        tracing::info!(reason = ?unreadable.reason, "a message cannot be decrypted");
        if previous.is_none() && !unreadable.hides_failure && !self.message.is_peer {
            let event = Event::Undecryptable(Undecryptable {
                id: id.to_owned(),
                from: shown(&self.author, author),
                chat: shown(&self.chat, chat),
                timestamp: self.timestamp(),
            });
            self.tell(event, effects);
        }
        let Some(count) = retry::next_count(previous, self.message) else { return };
        let keys = retry::needs_keys(unreadable, count).then(|| self.retry_keys(vault, effects));
        self.account.retries.note_asked(chat, author, id, count, now);
        let registration_id = vault.keys.registration_id.value();
        let receipt = retry::request(self.message, unreadable, count, registration_id, keys.flatten());
        effects.nodes.push(receipt.to_node(Direction::Up));
    }

    /// Our keys with a new one-time prekey, which is stored and never uploaded.
    fn retry_keys(
        &self,
        vault: &mut Vault<'_>,
        effects: &mut Effects,
    ) -> Option<wa_proto::stanza::prekeys::DeviceBundle> {
        let id = vault.prekeys.next;
        let prekey = Prekey::generate_many(id, 1, &mut self.account.rng.clone()).pop()?;
        put_prekey(&mut effects.changes, &prekey);
        let progress = &mut vault.device_mut().prekeys;
        progress.next = id.next();
        // Whatever is not offered yet has an id of its own; this one must not be offered.
        if progress.first_not_uploaded == id {
            progress.first_not_uploaded = id.next();
        }
        let identity = vault.linked.as_ref()?.identity.to_bytes();
        let local = LocalDevice { identity: &vault.keys.identity, registration_id: vault.keys.registration_id.value() };
        Some(retry::own_keys(local, &vault.keys.signed_prekey, &prekey, identity))
    }
}

/// An account as the application sees it: by phone number if that is known.
pub(super) fn shown(names: &Names, jid: &Jid) -> Jid {
    names.pn().cloned().unwrap_or_else(|| jid.account())
}
