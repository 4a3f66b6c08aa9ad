//! Forgetting a contact.

use wa_proto::jid::Jid;

use super::account::Account;
use super::contacts;
use super::records::{delete_sessions, delete_tokens};
use crate::error::ForgetError;
use crate::store::Changes;

/// Removes all that the store has of the account that `jid` names, in one commit.
pub(super) async fn contact(account: &Account, jid: &Jid) -> Result<(), ForgetError> {
    let names = account.records.names(jid).await?;
    let own = account.own_names();
    if [names.pn(), names.lid()].into_iter().flatten().any(|name| own.contains(name)) {
        return Err(ForgetError::OwnAccount);
    }
    let mut changes = Changes::new();
    // No part of their keys finds these, and looking through them takes its time: what is sent meanwhile is younger
    // than the wish to forget.
    account.records.delete_sent_to(&names, &mut changes).await?;
    account.records.delete_sender_keys_of(&names, &mut changes).await?;
    account.records.delete_names(&names, &mut changes).await?;
    let mut vault = account.vault().await?;
    delete_sessions(&mut changes, &names);
    contacts::forget(&names, &mut changes);
    delete_tokens(&mut changes, &names);
    vault.commit(changes).await?;
    account.retries.forget(&names);
    Ok(())
}
