//! What the server knows about accounts: names, devices, prekey bundles.

use std::time::Duration;

use tokio::time::Instant;
use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::Names;
use wa_proto::messaging::device_list::{DeviceList, DeviceListError, ListUpdate};
use wa_proto::signal::DeviceAddress;
use wa_proto::stanza::prekeys::{DeviceBundle, FetchBundles, NoBundle};
use wa_proto::stanza::usync::{Context, Protocol, Registration, UserAnswer, UsyncAnswer, UsyncQuery};

use super::account::{Account, Vault};
use super::port::Port;
use super::records::{address, delete_device_list, delete_session, put_device_list};
use crate::client::NumberCheck;
use crate::error::QueryError;
use crate::store::{Changes, StoreError};

/// What is known about the recipient of a message and about ourselves.
pub(super) struct Lists {
    pub(super) recipient: DeviceList,
    pub(super) own: DeviceList,
}

/// When devices may be asked for again after the server said that it was too much.
#[derive(Debug, Default)]
pub(super) struct QueryPause(std::sync::Mutex<Option<Instant>>);

impl QueryPause {
    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, pause: Duration) {
        let until = Instant::now().checked_add(pause);
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = until;
    }
}

/// Finds both names of an account, asking the server for what is not known.
///
/// `None` if the server says that there is no such account.
pub(super) async fn resolve(account: &Account, port: &Port, jid: &Jid) -> Result<Option<Names>, QueryError> {
    let names = account.records.names(jid).await?;
    if names.lid().is_some() {
        return Ok(Some(names));
    }
    // The devices are needed next, and their answer brings the LID: one question instead of two.
    refresh_devices(account, port, &[jid.account()]).await?;
    let names = account.records.names(jid).await?;
    if names.lid().is_some() {
        return Ok(Some(names));
    }
    let mut checked = check_numbers(account, port, vec![jid.user().to_owned()]).await?;
    Ok(match checked.pop() {
        Some(NumberCheck { exists: Some(false), .. }) => None,
        Some(NumberCheck { jid: found, lid, .. }) => Some(Names::new(found.as_ref().or(names.pn()), lid.as_ref())),
        None => Some(names),
    })
}

/// The devices of a recipient and of the own account, asked for where they are unknown or old.
pub(super) async fn device_lists(account: &Account, port: &Port, recipient: &Names) -> Result<Lists, QueryError> {
    let own = account.own_names();
    let mut missing = Vec::new();
    for names in [recipient, &own] {
        let Some(jid) = names.canonical() else { continue };
        let list = account.records.device_list(jid).await?;
        if list.is_none_or(|list| list.needs_refresh(account.now_seconds())) {
            missing.push(jid.clone());
        }
    }
    if !missing.is_empty() {
        // Old lists are better than no message: only what was never known stops the send.
        if let Err(error) = refresh_devices(account, port, &missing).await {
            tracing::warn!(%error, "device lists could not be refreshed");
        }
    }
    let now = account.now_seconds();
    Ok(Lists {
        recipient: stored_list(account, recipient).await?.ok_or(QueryError::Malformed)?,
        own: stored_list(account, &own).await?.unwrap_or_else(|| DeviceList::primary_only(now)),
    })
}

async fn stored_list(account: &Account, names: &Names) -> Result<Option<DeviceList>, StoreError> {
    match names.canonical() {
        Some(jid) => account.records.device_list(jid).await,
        None => Ok(None),
    }
}

/// Asks for the devices and LIDs of accounts and stores what comes.
pub(super) async fn refresh_devices(account: &Account, port: &Port, accounts: &[Jid]) -> Result<(), QueryError> {
    // One question at a time: the second one finds what the first one stored.
    let _turn = account.device_queries.lock().await;
    if let Some(until) = account.query_pause.until()
        && Instant::now() < until
    {
        let backoff = Some(until.saturating_duration_since(Instant::now()));
        return Err(QueryError::Refused { code: RATE_LIMIT, backoff });
    }
    let query = UsyncQuery::devices(account.new_query_id(), accounts, Context::Message);
    let answer = port.ask(move |id| query.to_iq(id), UsyncAnswer::parse).await?;
    if let Some(failure) = answer.failure(Protocol::Devices) {
        let backoff = Duration::from_secs(failure.backoff);
        account.query_pause.set(backoff);
        return Err(QueryError::Refused { code: failure.code, backoff: Some(backoff) });
    }
    let mut vault = account.vault().await?;
    let mut changes = Changes::new();
    for asked in accounts {
        if let Some(user) = answer.user(asked) {
            take_user(account, asked, user, &mut changes).await?;
        }
    }
    Ok(vault.commit(changes).await?)
}

/// The code for "too many requests".
const RATE_LIMIT: u16 = 429;

/// Stores what the server says about one account. The caller holds the vault.
async fn take_user(account: &Account, asked: &Jid, user: &UserAnswer, changes: &mut Changes) -> Result<(), StoreError> {
    let known = account.records.names(asked).await?;
    let said = Names::new(
        user.pn.as_ref().or(known.pn()),
        user.lid.as_ref().or(user.jid.as_ref().filter(|jid| jid.is_lid())).or(known.lid()),
    );
    account.learn(&said, changes).await?;
    let Some(name) = said.canonical() else { return Ok(()) };
    let Some(Ok(listed)) = &user.devices else { return Ok(()) };
    let stored = stored_list(account, &known).await?;
    let primary = match address(&said, &name.with_device(0)) {
        Some(address) => account.records.session(&address).await?.identity().copied(),
        None => None,
    };
    let now = account.now_seconds();
    match DeviceList::resolve(listed, stored.as_ref(), primary.as_ref(), now) {
        Ok(update) => store_list(name, &update, changes),
        Err(DeviceListError::Empty) => {}
        Err(error) => {
            tracing::warn!(%error, "a device list was not taken");
            if let Some(mut stored) = stored {
                stored.mark_stale();
                put_device_list(changes, name, &stored);
            }
        }
    }
    Ok(())
}

/// Stores a list and forgets the sessions of devices that are gone.
pub(super) fn store_list(name: &Jid, update: &ListUpdate, changes: &mut Changes) {
    put_device_list(changes, name, &update.list);
    for device in &update.removed {
        if let Ok(address) = DeviceAddress::new(&name.with_device(*device)) {
            delete_session(changes, &address);
        }
    }
}

/// Makes the next send ask for the devices of an account again.
pub(super) async fn mark_stale(account: &Account, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
    let Some(name) = names.canonical() else { return Ok(()) };
    if let Some(mut list) = account.records.device_list(name).await? {
        list.mark_stale();
        put_device_list(changes, name, &list);
    }
    Ok(())
}

/// Forgets what is known about the devices of an account.
pub(super) fn forget(names: &Names, changes: &mut Changes) {
    for name in [names.pn(), names.lid()].into_iter().flatten() {
        delete_device_list(changes, name);
    }
}

/// Fetches bundles for devices; those without one are left out, and those that are gone are taken off
/// their lists.
pub(super) async fn bundles(
    account: &Account,
    port: &Port,
    devices: Vec<Jid>,
) -> Result<Vec<(Jid, DeviceBundle)>, QueryError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let answers = match port.request(FetchBundles::new(devices.clone())).await {
        // At least one device of the request is bad: ask for each on its own.
        Err(QueryError::Refused { code: NOT_ACCEPTABLE, .. }) if devices.len() > 1 => {
            let mut answers = Vec::new();
            for device in devices {
                match port.request(FetchBundles::new([device])).await {
                    Ok(answer) => answers.extend(answer),
                    Err(QueryError::Refused { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            answers
        }
        answer => answer?,
    };
    let mut found = Vec::new();
    for answer in answers {
        match answer.outcome {
            Ok(bundle) => found.push((answer.jid, bundle)),
            Err(error) => {
                tracing::debug!(%error, "a device has no bundle");
                if NoBundle::is_gone(&error) {
                    drop_device(account, &answer.jid).await?;
                }
            }
        }
    }
    Ok(found)
}

/// The code for a device that does not exist any more.
const NOT_ACCEPTABLE: u16 = 406;

async fn drop_device(account: &Account, device: &Jid) -> Result<(), StoreError> {
    let mut vault: Vault<'_> = account.vault().await?;
    let names = account.records.names(device).await?;
    let mut changes = Changes::new();
    if let Some(name) = names.canonical()
        && let Some(mut list) = account.records.device_list(name).await?
    {
        list.drop_device(device.device());
        put_device_list(&mut changes, name, &list);
    }
    vault.commit(changes).await
}

/// Asks which numbers are on WhatsApp, and stores the names that come.
pub(super) async fn check_numbers(
    account: &Account,
    port: &Port,
    numbers: Vec<String>,
) -> Result<Vec<NumberCheck>, QueryError> {
    let sid = account.new_query_id();
    let query = UsyncQuery::contacts(sid, numbers.iter().map(String::as_str));
    let answer = port.ask(move |id| query.to_iq(id), UsyncAnswer::parse).await?;
    if let Some(failure) = answer.failure(Protocol::Contact) {
        let backoff = Some(Duration::from_secs(failure.backoff));
        return Err(QueryError::Refused { code: failure.code, backoff });
    }
    let mut vault = account.vault().await?;
    let mut changes = Changes::new();
    let mut checks = Vec::with_capacity(numbers.len());
    for number in numbers {
        let user = answer.contact(&number);
        let names = user.map(names_of).unwrap_or_default();
        let exists = user.and_then(|user| user.contact.as_ref()).and_then(|contact| match contact.registration {
            Registration::Registered => Some(true),
            Registration::NotRegistered | Registration::Invalid => Some(false),
            Registration::Unknown | _ => None,
        });
        if exists == Some(true) {
            account.learn(&names, &mut changes).await?;
        }
        let (jid, lid) = if exists == Some(true) { (names.pn().cloned(), names.lid().cloned()) } else { (None, None) };
        checks.push(NumberCheck { number, exists, jid, lid });
    }
    vault.commit(changes).await?;
    Ok(checks)
}

fn names_of(user: &UserAnswer) -> Names {
    let names = [user.jid.as_ref(), user.pn.as_ref(), user.lid.as_ref()];
    let find = |wanted: fn(&Jid) -> bool| names.into_iter().flatten().find(|jid| wanted(jid));
    Names::new(find(Jid::is_pn), find(Jid::is_lid))
}

/// The devices of an account as the server lists them now, by the name that was asked for.
pub(super) async fn list_devices(account: &Account, port: &Port, of: Option<Jid>) -> Result<Vec<Jid>, QueryError> {
    let jid = match of {
        Some(jid) => jid,
        None => account.own_device().map(|own| own.jid).ok_or(QueryError::NotOnline)?,
    };
    refresh_devices(account, port, &[jid.account()]).await?;
    let names = account.records.names(&jid).await?;
    let list = stored_list(account, &names).await?;
    Ok(list.map(|list| list.jids(&jid.account()).collect()).unwrap_or_default())
}
