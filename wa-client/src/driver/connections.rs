//! One connection after the other, with pauses between them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use wa_proto::device::DeviceRecord;

use super::account::Account;
use super::link::{self, End};
use super::records::put_device;
use crate::backoff::Backoff;
use crate::status::{Disconnect, Status};
use crate::store::{Changes, StoreError};

/// Connects again and again until there is a reason not to; returns the final status.
pub(super) async fn run(account: &Arc<Account>, stop: &CancellationToken) -> Status {
    let mut backoff = Backoff::default();
    let mut is_prepared = false;
    let mut has_restarted = false;
    while !stop.is_cancelled() {
        let end = if is_prepared {
            attempt(account, stop).await
        } else {
            match prepare(account).await {
                Ok(Some(status)) => return status,
                Ok(None) => {
                    is_prepared = true;
                    continue;
                }
                Err(error) => End::from_store(&error),
            }
        };
        account.set_port(None);
        match end {
            // A server that wants one restart after the other is no reason to hammer it.
            End::Restart if has_restarted => {
                pause(account, stop, backoff.next_delay(&mut account.rng.clone()), Disconnect::ServerEnded).await;
            }
            End::Restart => has_restarted = true,
            End::Final(Status::LoggedOut) if may_start_over(account).await => is_prepared = false,
            End::Final(status) => return status,
            End::Stopped => return Status::Stopped,
            End::Lost { reason, online_for } => {
                has_restarted = false;
                backoff.connection_held(online_for);
                if reason == Disconnect::RateLimited {
                    backoff.rate_limited();
                }
                pause(account, stop, backoff.next_delay(&mut account.rng.clone()), reason).await;
            }
        }
    }
    Status::Stopped
}

/// Whether a device that the server does not know was never linked in the first place: the process
/// died, or the connection, after the pairing was stored and before the server heard of it.
async fn may_start_over(account: &Account) -> bool {
    let device = account.records.device().await;
    let never_logged_in = device.is_ok_and(|device| device.is_some_and(|device| device.login.login_counter == 0));
    never_logged_in && !account.settings.require_paired
}

/// Reads what is stored, and makes a device if there is none. Answers a status if the client cannot
/// go on.
async fn prepare(account: &Account) -> Result<Option<Status>, StoreError> {
    account.events.resume(account.records.store().as_ref()).await?;
    let device = account.stored_device().await?;
    let is_linked = device.as_ref().is_some_and(|device| device.linked.is_some());
    if let Some(device) = &device
        && device.login.is_logged_out
        && account.settings.require_paired
    {
        return Ok(Some(Status::LoggedOut));
    }
    if !is_linked && account.settings.require_paired {
        return Ok(Some(Status::NotPaired));
    }
    // The keys of a device that was unlinked are useless: it starts over as a new one.
    if device.is_none_or(|device| device.login.is_logged_out) {
        let fresh = DeviceRecord::generate(&mut account.rng.clone());
        let mut changes = Changes::new();
        changes.clear();
        put_device(&mut changes, &fresh);
        account.records.store().commit(changes).await?;
        account.stored_device().await?;
    }
    Ok(None)
}

/// Makes one connection and stays on it. Only a few accounts of a process connect at a time; who is
/// logged in has left the gate.
async fn attempt(account: &Arc<Account>, stop: &CancellationToken) -> End {
    account.set_status(Status::Connecting);
    let turn = tokio::select! {
        turn = account.settings.gate.enter() => turn,
        () = stop.cancelled() => return End::Stopped,
    };
    link::run(account, turn, stop).await
}

async fn pause(account: &Account, stop: &CancellationToken, delay: Duration, reason: Disconnect) {
    let until = account.now().saturating_add(delay).unwrap_or(Timestamp::MAX);
    account.set_status(Status::Backoff { until, reason });
    tokio::select! {
        () = tokio::time::sleep(account.settings.scaled(delay)) => {}
        () = stop.cancelled() => {}
    }
}
