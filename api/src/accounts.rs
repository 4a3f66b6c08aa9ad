//! How WhatsApp accounts are, whichever process holds them.

use std::collections::BTreeSet;

use booking::account::{Account, AccountState};
use booking::lease;
use booking::platform::Platform;
use booking::store::StoreError;

/// The states of `accounts`, in their order; `None` for one that nobody holds, whose row tells of its last holder.
///
/// # Errors
///
/// [`StoreError`].
pub async fn states(platform: &Platform, accounts: &[Account]) -> Result<Vec<Option<AccountState>>, StoreError> {
    let free = lease::free_accounts(&platform.db, platform.clock.real_now(), u32::MAX).await?;
    let free: BTreeSet<_> = free.into_iter().collect();
    let state = |account: &Account| (!free.contains(&account.id)).then_some(account.state);
    Ok(accounts.iter().map(state).collect())
}
