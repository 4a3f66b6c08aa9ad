//! Keeping one-time prekeys of this device on the server.

use wa_proto::signal::{Prekey, SignedPrekey};
use wa_proto::stanza::prekeys::{
    CountPrekeys, FULL_UPLOAD, FetchDigest, LOW_PREKEYS, RotateSignedPrekey, TOP_UP, UploadPrekeys,
};

use super::account::Account;
use super::port::Port;
use super::records::{put_prekey, put_signed_prekey};
use crate::error::QueryError;
use crate::store::Changes;

/// Age in seconds at which the signed prekey is replaced: a week.
const ROTATION: u64 = 7 * 24 * 3600;
/// Codes that say that the server will never take this signed prekey.
const KEY_REFUSED: [u16; 2] = [406, 409];
/// The code of a digest query that says that the server has no keys of ours.
const NO_BUNDLE: u16 = 404;

/// Asks how many prekeys the server has, and uploads some if they are few.
///
/// The answer decides, not our own memory: after a restored backup or a reset on the server's side the
/// two differ.
pub(super) async fn ensure(account: &Account, port: &Port) -> Result<(), QueryError> {
    let count = port.request(CountPrekeys).await?;
    if count >= LOW_PREKEYS {
        return Ok(());
    }
    let amount = if count == 0 { FULL_UPLOAD } else { TOP_UP };
    upload(account, port, amount).await
}

/// Uploads `amount` prekeys: those that were made but never offered, and new ones.
///
/// The keys are stored, and marked as offered, before they are sent: a peer may use one the moment the
/// server has it, and an upload whose outcome is unknown must not offer the same ids again.
pub(super) async fn upload(account: &Account, port: &Port, amount: usize) -> Result<(), QueryError> {
    let upload = {
        let mut vault = account.vault().await?;
        let progress = vault.prekeys;
        let mut prekeys = if progress.first_not_uploaded == progress.next {
            Vec::new()
        } else {
            account.records.prekeys_from(progress.first_not_uploaded, amount).await?
        };
        let fresh = {
            let missing = amount.saturating_sub(prekeys.len());
            Prekey::generate_many(progress.next, missing, &mut account.rng.clone())
        };
        let mut changes = Changes::new();
        for prekey in &fresh {
            put_prekey(&mut changes, prekey);
        }
        prekeys.extend(fresh);
        if let Some(last) = prekeys.last() {
            let next = last.id().next();
            let progress = &mut vault.device_mut().prekeys;
            progress.next = next;
            progress.first_not_uploaded = next;
        }
        let upload = UploadPrekeys::new(&vault.keys, &prekeys);
        vault.commit(changes).await?;
        upload
    };
    port.request(upload).await?;
    tracing::debug!(count = amount, "uploaded {amount} prekeys");
    let mut vault = account.vault().await?;
    if !vault.prekeys.server_has_prekeys {
        vault.device_mut().prekeys.server_has_prekeys = true;
        vault.commit(Changes::new()).await?;
    }
    Ok(())
}

/// Looks whether the server has the keys of this device, and uploads them if it has none.
pub(super) async fn check_digest(account: &Account, port: &Port) -> Result<(), QueryError> {
    match port.request(FetchDigest).await {
        Ok(_) => Ok(()),
        Err(QueryError::Refused { code: NO_BUNDLE, .. }) => upload(account, port, FULL_UPLOAD).await,
        Err(error) => Err(error),
    }
}

/// Replaces the signed prekey when it is a week old. The old one stays in the store, because messages that
/// name it may be under way for weeks.
pub(super) async fn rotate_if_due(account: &Account, port: &Port) -> Result<(), QueryError> {
    let now = account.now_seconds();
    let fresh = {
        let mut vault = account.vault().await?;
        let made_at = vault.prekeys.signed_prekey_rotated_at;
        if made_at == 0 {
            vault.device_mut().prekeys.signed_prekey_rotated_at = now;
            return Ok(vault.commit(Changes::new()).await?);
        }
        if now < made_at.saturating_add(ROTATION) {
            return Ok(());
        }
        let next = vault.keys.signed_prekey.id().next();
        // One that was offered before and may have arrived is offered again.
        let offered = account.records.signed_prekey(next).await?;
        if let Some(offered) = offered {
            offered
        } else {
            let identity = vault.keys.identity.private();
            let fresh = SignedPrekey::generate(next, identity, &mut account.rng.clone());
            let mut changes = Changes::new();
            put_signed_prekey(&mut changes, &fresh);
            vault.commit(changes).await?;
            fresh
        }
    };
    let answer = port.request(RotateSignedPrekey((&fresh).into())).await;
    let mut vault = account.vault().await?;
    let mut changes = Changes::new();
    match answer {
        Ok(()) => {
            put_signed_prekey(&mut changes, &vault.keys.signed_prekey);
            let device = vault.device_mut();
            device.keys.signed_prekey = fresh;
            device.prekeys.signed_prekey_rotated_at = now;
        }
        Err(QueryError::Refused { code, .. }) if KEY_REFUSED.contains(&code) => {
            super::records::delete_signed_prekey(&mut changes, fresh.id());
        }
        Err(error) => return Err(error),
    }
    Ok(vault.commit(changes).await?)
}
