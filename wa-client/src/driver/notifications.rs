//! Changes on the server's side.

use std::sync::Arc;

use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::Names;
use wa_proto::messaging::device_list::{Device, DeviceList, ListUpdate};
use wa_proto::stanza::notification::{ChangedDevice, DevicesChange};
use wa_proto::stanza::prekeys::TOP_UP;
use wa_proto::stanza::{Notification, NotificationContent};

use super::account::Account;
use super::inbound::shown;
use super::link::{End, Job};
use super::port::Port;
use super::records::{address, delete_device_list, delete_sessions};
use super::{contacts, prekeys, tokens};
use crate::error::QueryError;
use crate::event::Event;
use crate::store::{Changes, StoreError};

/// Commits what a notification changes. The caller acknowledges it, whatever it is.
pub(super) async fn handle(account: &Arc<Account>, port: &Port, notification: Notification) -> Result<(), StoreError> {
    match notification.content {
        NotificationContent::PrekeysLow { left } => {
            tracing::debug!(left, "the server has {left} prekeys of ours left");
            port.spawn(top_up(Arc::clone(account), port.clone())).await;
            return Ok(());
        }
        NotificationContent::PrekeyDigest => {
            port.spawn(check_digest(Arc::clone(account), port.clone())).await;
            return Ok(());
        }
        NotificationContent::Devices(_)
        | NotificationContent::OwnDevices { .. }
        | NotificationContent::IdentityChanged
        | NotificationContent::PrivacyTokens(_)
        | NotificationContent::Other { .. }
        | _ => {}
    }
    let mut vault = account.vault().await?;
    let mut changes = Changes::new();
    let shown_names = Names::new(
        Some(&notification.from).into_iter().chain(&notification.other_name).find(|jid| jid.is_pn()),
        Some(&notification.from).into_iter().chain(&notification.other_name).find(|jid| jid.is_lid()),
    );
    account.learn(&shown_names, &mut changes).await?;
    vault.commit(std::mem::take(&mut changes)).await?;
    let names = account.records.names(&notification.from).await?;
    let mut events = Vec::new();
    match notification.content {
        NotificationContent::Devices(change) => {
            devices(account, &names, &change, &mut changes).await?;
        }
        NotificationContent::OwnDevices { devices, .. } => {
            own_devices(account, &devices, &mut changes).await?;
        }
        NotificationContent::IdentityChanged if is_foreign_phone(account, &notification.from) => {
            let of = shown(&names, &notification.from);
            delete_sessions(&mut changes, &names);
            contacts::forget(&names, &mut changes);
            let durable = account.events.reserve(Event::IdentityChanged { of });
            durable.add_to(&mut changes, account.now().as_second());
            events.push(durable);
            port.spawn(tokens::reissue(Arc::clone(account), port.clone(), names)).await;
        }
        NotificationContent::PrivacyTokens(received) => {
            tokens::keep(account, &names, received, &mut changes).await?;
        }
        NotificationContent::IdentityChanged
        | NotificationContent::PrekeysLow { .. }
        | NotificationContent::PrekeyDigest
        | NotificationContent::Other { .. }
        | _ => {}
    }
    vault.commit(changes).await?;
    account.events.publish(events);
    Ok(())
}

fn is_foreign_phone(account: &Account, from: &Jid) -> bool {
    from.device() == 0 && !from.is_server() && !account.own_names().contains(from)
}

/// Patches the device list of a contact; what cannot be patched is asked for at the next send.
async fn devices(
    account: &Account,
    names: &Names,
    change: &DevicesChange,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let Some(name) = names.canonical() else { return Ok(()) };
    let Some(list) = account.records.device_list(name).await? else { return Ok(()) };
    let primary = match address(names, &name.account()) {
        Some(phone) => account.records.session(&phone).await?.identity().copied(),
        None => None,
    };
    let (patched, details) = match change {
        DevicesChange::Added(added) => {
            let signed = added.signed.as_ref();
            let update = signed.map(|signed| list.add(added.device, signed, primary.as_ref()));
            (update.and_then(Result::ok), added)
        }
        DevicesChange::Removed(removed) => {
            let signed = removed.signed.as_ref();
            (list.remove(removed.device.id, signed, primary.as_ref()).ok(), removed)
        }
        DevicesChange::Updated { .. } | _ => {
            delete_device_list(changes, name);
            return Ok(());
        }
    };
    match patched {
        Some(update) if agrees(names, &update, details) => {
            contacts::store_list(name, &update, changes);
        }
        // Sessions of devices that are gone are forgotten all the same.
        Some(update) => {
            contacts::store_list(name, &update, changes);
            delete_device_list(changes, name);
        }
        None => delete_device_list(changes, name),
    }
    Ok(())
}

/// Whether the patched list is the one the server has.
fn agrees(names: &Names, update: &ListUpdate, changed: &ChangedDevice) -> bool {
    let pairs = [(names.pn(), &changed.hash), (names.lid(), &changed.lid_hash)];
    pairs.into_iter().all(|(name, hash)| match (name, hash) {
        (Some(name), Some(hash)) => hash.parse().is_ok_and(|hash| update.list.participant_hash(name) == hash),
        _ => true,
    })
}

async fn own_devices(account: &Account, devices: &[Device], changes: &mut Changes) -> Result<(), StoreError> {
    let own = account.own_names();
    let Some(name) = own.canonical() else { return Ok(()) };
    let stored = account.records.device_list(name).await?;
    if let Ok(update) = DeviceList::own(devices, stored.as_ref(), account.now_seconds()) {
        contacts::store_list(name, &update, changes);
    }
    Ok(())
}

fn top_up(account: Arc<Account>, port: Port) -> Job {
    Box::pin(async move { report(prekeys::upload(&account, &port, TOP_UP).await) })
}

fn check_digest(account: Arc<Account>, port: Port) -> Job {
    Box::pin(async move { report(prekeys::check_digest(&account, &port).await) })
}

fn report(outcome: Result<(), QueryError>) -> Result<(), End> {
    match outcome {
        Err(QueryError::Store(error)) => Err(End::from_store(&error)),
        Err(error) => {
            tracing::warn!(%error, "our prekeys could not be put in order");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
