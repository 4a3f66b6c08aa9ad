//! What happens after the server has accepted the login, until the client is online.

use std::sync::Arc;
use std::time::Duration;

use wa_proto::messaging::addressing::Names;
use wa_proto::stanza::chatstate::PresenceRequest;
use wa_proto::stanza::ib::{unified_session, unified_session_id};
use wa_proto::stanza::login::{SetActivity, Success};

use super::account::Account;
use super::link::End;
use super::port::Port;
use super::prekeys;
use crate::error::QueryError;
use crate::status::Status;
use crate::store::{Changes, StoreError};

/// How often a connection that holds is looked after: daily.
const UPKEEP: Duration = Duration::from_hours(24);

/// Takes in what the server says, puts the prekeys in order, and goes online.
///
/// The login was passive: the server holds back what it has for us until the prekeys are in order, so
/// that nobody who answers the backlog finds none.
pub(super) async fn run(account: Arc<Account>, port: Port, success: Success) -> Result<(), End> {
    remember(&account, &success).await.map_err(|error| End::from_store(&error))?;
    match prekeys::ensure(&account, &port).await {
        Ok(()) => {}
        // Without prekeys sessions start all the same, from the signed one; it is tried again at
        // the next login or when the server says that there are few.
        Err(QueryError::Refused { code, .. }) => {
            tracing::warn!(code, "the server refused our prekeys");
        }
        Err(QueryError::TimedOut) => tracing::warn!("the server did not answer about prekeys"),
        Err(error) => return Err(End::from_query(&error)),
    }
    port.request(SetActivity::Active).await.map_err(|error| End::from_query(&error))?;
    let now = account.now();
    account.set_status(Status::Online { since: now, last_pong: now });
    account.set_port(Some(port.clone()));
    settle(&account, &port, &success).await
}

/// Stores what the login teaches.
async fn remember(account: &Account, success: &Success) -> Result<(), StoreError> {
    let mut vault = account.vault().await?;
    let device = vault.device_mut();
    device.login.login_counter = device.login.login_counter.saturating_add(1);
    if let Some(name) = &account.settings.push_name {
        device.login.push_name = Some(name.clone());
    }
    if let Some(linked) = &mut device.linked
        && let Some(lid) = &success.lid
        && *lid != linked.lid
    {
        tracing::warn!("the server names another LID for this device than it did before");
        linked.lid = lid.clone();
    }
    let mut changes = Changes::new();
    if let Some(linked) = &vault.linked {
        let names = Names::new(Some(&linked.jid), Some(&linked.lid));
        account.records.learn_names(&names, &mut changes).await?;
    }
    changes.purge(account.now().as_second());
    vault.commit(changes).await
}

/// What is done once the client is online and every day that it stays so, and what may fail without
/// harm.
async fn settle(account: &Account, port: &Port, success: &Success) -> Result<(), End> {
    let now_ms = u64::try_from(account.now().as_millisecond()).unwrap_or(0);
    let offset = success.time.map_or(0, |time| {
        let server_ms = i64::try_from(time).unwrap_or(i64::MAX).saturating_mul(1000);
        server_ms.saturating_sub(account.now().as_millisecond())
    });
    // A connection that ends meanwhile tells so itself.
    let _ = port.send(unified_session(unified_session_id(now_ms, offset))).await;
    let name = account.vault().await.map(|vault| vault.login.push_name.clone());
    if let Some(presence) = presence(account, name.map_err(|error| End::from_store(&error))?) {
        let _ = port.send(presence.to_node()).await;
    }
    loop {
        rotate(account, port).await?;
        tokio::time::sleep(account.settings.scaled(UPKEEP)).await;
        purge(account).await.map_err(|error| End::from_store(&error))?;
    }
}

async fn rotate(account: &Account, port: &Port) -> Result<(), End> {
    match prekeys::rotate_if_due(account, port).await {
        Err(QueryError::Store(error)) => Err(End::from_store(&error)),
        Err(error) => {
            tracing::warn!(%error, "the signed prekey was not rotated");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Removes what has expired: sent messages of more than a week ago, marks of received ones.
async fn purge(account: &Account) -> Result<(), StoreError> {
    let mut changes = Changes::new();
    changes.purge(account.now().as_second());
    account.vault().await?.commit(changes).await
}

/// How we appear. Without a name the server wants to hear nothing.
fn presence(account: &Account, name: Option<String>) -> Option<PresenceRequest> {
    let name = name?;
    Some(if account.settings.is_available {
        PresenceRequest::Available { name }
    } else {
        PresenceRequest::Unavailable { name: Some(name) }
    })
}
