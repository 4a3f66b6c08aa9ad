//! Keeping a lease while it is needed, and knowing in time that it is lost.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use booking::id::AccountId;
use booking::lease::{self, Lease};
use booking::platform::Platform;
use tokio::time::Instant;

use crate::telemetry::chain;

/// The pause after a renewal that failed.
const RENEW_AGAIN: Duration = Duration::from_millis(500);

/// A lease in use.
///
/// It counts as held until a fifth of its life before its end, measured from the moment the last renewal was asked
/// for: the database, whose clock may run a little differently, gives the account away only later.
#[derive(Debug)]
pub(crate) struct Hold {
    platform: Platform,
    lease: Lease,
    life: Duration,
    safe_until: Mutex<Instant>,
}

impl Hold {
    /// Wraps a lease that was asked for at `asked_at`.
    pub(crate) fn new(platform: Platform, lease: Lease, life: Duration, asked_at: Instant) -> Self {
        Self { platform, lease, life, safe_until: Mutex::new(asked_at + safe(life)) }
    }

    /// The account.
    pub(crate) fn account_id(&self) -> AccountId {
        self.lease.account_id
    }

    /// The lease, to name its fence where something is claimed.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether sending is safe now.
    pub(crate) fn is_safe(&self) -> bool {
        Instant::now() < self.safe_until()
    }

    /// Renews the lease as long as that works; returns when it is lost and sending must stop.
    pub(crate) async fn keep(&self) {
        let mut pause = self.life / 3;
        while self.is_safe() {
            let deadline = self.safe_until();
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
            let asked_at = Instant::now();
            pause = match tokio::time::timeout_at(deadline, self.renew()).await {
                Ok(Ok(true)) => {
                    self.set_safe_until(asked_at + safe(self.life));
                    self.life / 3
                }
                Ok(Ok(false)) => {
                    tracing::warn!(account.id = %self.account_id(), "another process took the account");
                    break;
                }
                Ok(Err(error)) => {
                    tracing::warn!(account.id = %self.account_id(), "cannot renew a lease: {}", chain(&error));
                    RENEW_AGAIN
                }
                Err(_) => break,
            };
        }
        self.set_safe_until(Instant::now());
    }

    /// Gives the lease back, so that others need not wait for its end.
    pub(crate) async fn release(&self) {
        self.set_safe_until(Instant::now());
        if let Err(error) = lease::release(&self.platform.db, &self.lease).await {
            tracing::warn!(account.id = %self.account_id(), "cannot give a lease back: {}", chain(&error));
        }
    }

    async fn renew(&self) -> Result<bool, booking::store::StoreError> {
        let seconds = u32::try_from(self.life.as_secs()).unwrap_or(u32::MAX);
        let now = self.platform.clock.real_now();
        Ok(lease::renew(&self.platform.db, &self.lease, now, seconds).await?.is_some())
    }

    fn safe_until(&self) -> Instant {
        *self.safe_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_safe_until(&self, until: Instant) {
        *self.safe_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// The part of a lease's life in which its holder acts on it.
fn safe(life: Duration) -> Duration {
    life.saturating_sub(life / 5)
}
