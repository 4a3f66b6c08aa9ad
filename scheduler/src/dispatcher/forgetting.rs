//! Forgetting, in the accounts' own stores, whoever was erased.
//!
//! An account's store is written to by its holder only, so the wish stands in a row until the holder has done it:
//! whatever crashes, it is done, and doing it again changes nothing. The row of an account that nobody may connect (it
//! was replaced, or banned) waits until somebody does, or its device is unlinked and the store with it.

use std::time::Duration;

use booking::contact;
use booking::platform::Platform;
use booking::store::StoreError;
use tokio::time::{MissedTickBehavior, interval, timeout};
use wa_client::ForgetError;

use crate::telemetry::chain;

use super::Shared;

/// How long an account may take for one contact; it has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks as often as for due messages, for ever.
pub(super) async fn run(shared: &Shared) {
    let mut poll = interval(shared.poll);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        poll.tick().await;
        if let Err(error) = round(shared).await {
            tracing::warn!("cannot look for whom to forget: {}", chain(&error));
        }
    }
}

async fn round(shared: &Shared) -> Result<(), StoreError> {
    let Platform { db, clock, .. } = &shared.platform;
    for (account_id, phone) in contact::to_forget(db, &shared.holder, clock.now(), clock.real_now()).await? {
        // Held, but its client is not there yet, or not any more.
        let Some(account) = shared.live.get(account_id) else { continue };
        match timeout(PATIENCE, account.client().forget(phone.expose())).await {
            // The own number is nobody's to forget.
            Ok(Ok(()) | Err(ForgetError::OwnAccount)) => {
                contact::forgotten(db, account_id, &phone).await?;
                tracing::info!(account.id = %account_id, "account {account_id} has forgotten an erased client");
            }
            Ok(Err(error)) => {
                tracing::warn!(account.id = %account_id, "an erased client is not forgotten yet: {}", chain(&error));
            }
            Err(_) => tracing::warn!(account.id = %account_id, "an erased client is not forgotten yet: too slow"),
        }
    }
    Ok(())
}
