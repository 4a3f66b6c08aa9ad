//! Messages that a device could not read, both ways.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wa_proto::jid::Jid;
use wa_proto::keys::PublicKey;
use wa_proto::messaging::addressing::Names;
use wa_proto::messaging::outbound::{Labels, Outbound, Single, Target, encrypt_single};
use wa_proto::messaging::retry::{Repair, RetryCase, RetryDecision, RetryFacts};
use wa_proto::messaging::sessions::{self, PrimaryIdentity};
use wa_proto::messaging::{Plaintext, retry};
use wa_proto::signal::{LocalDevice, SessionRecord};
use wa_proto::stanza::prekeys::DeviceBundle;
use wa_proto::stanza::{Ack, Direction, Receipt};

use super::account::{Account, Vault};
use super::contacts;
use super::link::{End, Job};
use super::port::Port;
use super::records::{SentMessage, address, put_session};
use crate::error::QueryError;
use crate::store::{Changes, StoreError};

/// Messages and devices that retries are counted for; the oldest are forgotten beyond it.
const MAX_COUNTED: usize = 1024;

/// What is remembered about retries while the process lives.
#[derive(Debug, Default)]
pub(super) struct Retries(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Retry receipts sent: by chat, author and message.
    asked: Bounded<(Jid, Jid, String), Asked>,
    /// Retry receipts answered: by device and message.
    answered: Bounded<(Jid, String), Answered>,
    /// When a new session with a device was forced last.
    rebuilt: Bounded<Jid, u64>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    count: u32,
    at: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Answered {
    answers: u32,
    noted_base_key: Option<PublicKey>,
}

impl Retries {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The count of the last retry receipt for a message, if that was not long ago.
    pub(super) fn asked(&self, chat: &Jid, author: &Jid, id: &str, now: u64) -> Option<u32> {
        let key = (chat.clone(), author.clone(), id.to_owned());
        let asked = *self.state().asked.get(&key)?;
        (now.saturating_sub(asked.at) <= retry::COUNTER_AGE).then_some(asked.count)
    }

    pub(super) fn note_asked(&self, chat: &Jid, author: &Jid, id: &str, count: u32, now: u64) {
        let key = (chat.clone(), author.clone(), id.to_owned());
        self.state().asked.insert(key, Asked { count, at: now });
    }

    /// Forgets what concerns an account.
    pub(super) fn forget(&self, names: &Names) {
        let mut state = self.state();
        state.asked.retain(|(chat, author, _)| !names.contains(chat) && !names.contains(author));
        state.answered.retain(|(device, _)| !names.contains(device));
        state.rebuilt.retain(|device| !names.contains(device));
    }
}

/// A map that forgets what was put in first.
#[derive(Debug)]
struct Bounded<K, V> {
    entries: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    fn retain(&mut self, keeps: impl Fn(&K) -> bool) {
        self.entries.retain(|key, _| keeps(key));
        self.order.retain(keeps);
    }

    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_COUNTED
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Answers a retry receipt: sends the message again, if it is still kept and the device has a right to
/// it, and acknowledges the receipt in any case. `ack` is that acknowledgement.
pub(super) fn answer(account: Arc<Account>, port: Port, receipt: Receipt, ack: Ack) -> Job {
    Box::pin(async move {
        match resend(&account, &port, &receipt).await {
            Ok(()) => {}
            Err(QueryError::Store(error)) => return Err(End::from_store(&error)),
            // The receipt stays with the server, and comes again after the reconnect.
            Err(QueryError::Disconnected) => return Ok(()),
            Err(error) => tracing::warn!(%error, "a message was not sent again"),
        }
        // A connection that ends meanwhile tells so itself.
        let _ = port.post(ack.to_node(Direction::Up)).await;
        Ok(())
    })
}

async fn resend(account: &Account, port: &Port, receipt: &Receipt) -> Result<(), QueryError> {
    let Some(case) = RetryCase::of(receipt, &account.own_names()) else { return Ok(()) };
    let names = account.records.names(&case.device).await?;
    let Some(sent) = wanted_message(account, &case, &names).await? else {
        tracing::debug!("a message that is not kept, or not for this device, was asked for again");
        return Ok(());
    };
    let Some(prepared) = prepare(account, port, receipt, &case, &names, &sent).await? else {
        return Ok(());
    };
    port.send_encoded(prepared.stanza).await
}

/// The message as it was sent, if the device that asks for it was meant to get it.
async fn wanted_message(account: &Account, case: &RetryCase, names: &Names) -> Result<Option<SentMessage>, StoreError> {
    let Some(sent) = account.records.sent(case.id.as_str()).await? else { return Ok(None) };
    let chat_names = account.records.names(&sent.chat).await?;
    let is_recipient = case.is_own || chat_names.contains(&case.device) || names.contains(&sent.chat);
    Ok(is_recipient.then_some(sent))
}

/// Repairs the session as far as needed, encrypts, and commits; `None` if there is nothing to send.
async fn prepare(
    account: &Account,
    port: &Port,
    receipt: &Receipt,
    case: &RetryCase,
    names: &Names,
    sent: &SentMessage,
) -> Result<Option<Outbound>, QueryError> {
    let Some(address) = address(names, &case.device) else { return Ok(None) };
    let now = account.now_seconds();
    let record = account.records.session(&address).await?;
    let (answered, rebuilt_at) = noted(account, case);
    let facts = RetryFacts {
        has_message: true,
        is_recipient: true,
        answers: answered.answers,
        noted_base_key: answered.noted_base_key.as_ref(),
        rebuilt_at,
    };
    let repair = match case.decide(facts, &record, now) {
        RetryDecision::Resend(repair) => repair,
        RetryDecision::Ignore(why) => {
            tracing::debug!(?why, "a retry receipt is not answered");
            return Ok(None);
        }
        _ => return Ok(None),
    };
    let mut note_base_key = answered.noted_base_key;
    let keys = match repair {
        Repair::Keep { note_base_key: note } => {
            note_base_key = note.or(note_base_key);
            None
        }
        Repair::UseKeys(keys) => Some(*keys),
        Repair::FetchBundle => {
            let fetched = contacts::bundles(account, port, vec![case.device.clone()]).await?;
            let Some((_, bundle)) = fetched.into_iter().next() else { return Ok(None) };
            account.retries.state().rebuilt.insert(case.device.clone(), now);
            Some(bundle)
        }
        _ => None,
    };
    let mut vault = account.vault().await?;
    let mut record = account.records.session(&address).await?;
    if let Some(keys) = keys
        && !install(account, &vault, &mut record, case, names, keys).await?
    {
        return Ok(None);
    }
    let Some(outbound) = encrypt(account, &vault, receipt, case, sent, &mut record) else {
        return Ok(None);
    };
    let mut changes = Changes::new();
    put_session(&mut changes, &address, &record);
    vault.commit(changes).await?;
    let key = (case.device.clone(), case.id.to_string());
    let answers = answered.answers.saturating_add(1);
    let noted = Answered { answers, noted_base_key: note_base_key };
    account.retries.state().answered.insert(key, noted);
    Ok(Some(outbound))
}

fn noted(account: &Account, case: &RetryCase) -> (Answered, Option<u64>) {
    let state = account.retries.state();
    let answered = state.answered.get(&(case.device.clone(), case.id.to_string()));
    (answered.copied().unwrap_or_default(), state.rebuilt.get(&case.device).copied())
}

/// Starts a new session; the one that did not work is set aside. False if the keys are refused.
async fn install(
    account: &Account,
    vault: &Vault<'_>,
    record: &mut SessionRecord,
    case: &RetryCase,
    names: &Names,
    keys: DeviceBundle,
) -> Result<bool, StoreError> {
    let known = if case.is_own {
        vault.linked.as_ref().map(|linked| *linked.identity.account_key())
    } else {
        match address(names, &case.device.account()) {
            Some(phone) => account.records.session(&phone).await?.identity().copied(),
            None => None,
        }
    };
    let primary = PrimaryIdentity { known: known.as_ref(), is_own_account: case.is_own };
    let local = LocalDevice { identity: &vault.keys.identity, registration_id: vault.keys.registration_id.value() };
    record.archive_current();
    let mut rng = account.rng.clone();
    let installed = sessions::install(record, local, &case.device, keys, primary, &mut rng);
    if let Err(error) = &installed {
        tracing::warn!(%error, "the keys of a retry were refused");
    }
    Ok(installed.is_ok())
}

fn encrypt(
    account: &Account,
    vault: &Vault<'_>,
    receipt: &Receipt,
    case: &RetryCase,
    sent: &SentMessage,
    record: &mut SessionRecord,
) -> Option<Outbound> {
    let plaintext = Plaintext::from_bytes(sent.plaintext.clone()).ok()?;
    let mut wrapped = zeroize::Zeroizing::new(Vec::new());
    let content = if case.is_own {
        plaintext.wrap_device_sent(&case.chat, &mut wrapped);
        wrapped.as_slice()
    } else {
        plaintext.as_bytes()
    };
    let single = Single::Resend {
        to: &receipt.peer,
        participant: receipt.participant.as_ref(),
        recipient: receipt.recipient.as_ref(),
        timestamp: case.request.timestamp,
        count: case.request.count,
    };
    let identity = vault.linked.as_ref()?.identity.to_bytes();
    let mut target = Target { device: &case.device, record };
    let mut rng = account.rng.clone();
    let encrypted = encrypt_single(&case.id, single, Labels::TEXT, content, &mut target, &identity, &mut rng);
    encrypted.inspect_err(|error| tracing::warn!(%error, "a message was not sent again")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_for_an_hour_and_bounded() {
        let retries = Retries::default();
        let (chat, author) = (Jid::lid("1"), Jid::lid("2"));
        retries.note_asked(&chat, &author, "A", 2, 1000);
        assert_eq!(retries.asked(&chat, &author, "A", 1000 + retry::COUNTER_AGE), Some(2));
        assert_eq!(retries.asked(&chat, &author, "A", 1001 + retry::COUNTER_AGE), None);
        for number in 0..MAX_COUNTED {
            retries.note_asked(&chat, &author, &number.to_string(), 1, 1000);
        }
        assert_eq!(retries.asked(&chat, &author, "A", 1000), None);
        assert_eq!(retries.asked(&chat, &author, "0", 1000), Some(1));
    }
}
