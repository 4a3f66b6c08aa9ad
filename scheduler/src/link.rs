//! The network that accounts live on: the real one, or a sandbox with its clock and its simulated phones.

use std::sync::atomic::Ordering;
use std::time::Duration;

use booking::clock::Clock;
use booking::id::AccountId;
use tokio_util::sync::CancellationToken;
use wa_client::{Endpoint, EndpointError, PublicKey};

use crate::pacing::Pace;
use crate::sandbox::{SandboxAdmin, SandboxCallError};
use crate::settings::SandboxUrl;
use crate::telemetry::chain;

/// How often a sandbox's clock is looked at: reminders follow a jump within this time.
const CLOCK_POLL: Duration = Duration::from_millis(500);
/// The pause between two attempts to reach a sandbox that is not there yet.
const REACH_AGAIN: Duration = Duration::from_secs(2);

/// Where to find the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The real network.
    WhatsApp,
    /// A sandbox, which tells its root key itself.
    Sandbox(SandboxUrl),
}

/// A network that was found.
#[derive(Debug, Clone)]
pub struct Link {
    endpoint: Endpoint,
    sandbox: Option<SandboxAdmin>,
}

/// Why a network was not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The sandbox does not answer.
    #[error("cannot ask the sandbox for its root key")]
    Sandbox(#[from] SandboxCallError),
    /// The sandbox's root key is not 32 bytes of hex.
    #[error("the sandbox's root key is malformed")]
    RootKey,
    /// The sandbox's address is no WebSocket address.
    #[error("the sandbox's address is no WebSocket address")]
    Endpoint(#[from] EndpointError),
}

impl Link {
    /// Finds the network once.
    ///
    /// # Errors
    ///
    /// [`LinkError`] when the sandbox is not there or is none; the real network is always found.
    pub async fn find(target: &Target) -> Result<Self, LinkError> {
        match target {
            Target::WhatsApp => Ok(Self { endpoint: Endpoint::whatsapp(), sandbox: None }),
            Target::Sandbox(url) => {
                let sandbox = SandboxAdmin::new(url.clone());
                let mut root_key = [0; 32];
                hex::decode_to_slice(sandbox.root_key().await?, &mut root_key).map_err(|_| LinkError::RootKey)?;
                let endpoint = Endpoint::sandbox(&url.chat(), PublicKey::from_bytes(root_key))?;
                Ok(Self { endpoint, sandbox: Some(sandbox) })
            }
        }
    }

    /// Finds the network, as often as it takes; `None` once `stop` is cancelled.
    pub async fn wait(target: &Target, stop: &CancellationToken) -> Option<Self> {
        let mut waited = false;
        loop {
            match Self::find(target).await {
                Ok(link) => return Some(link),
                Err(error) if waited => tracing::debug!("still no network: {}", chain(&error)),
                Err(error) => tracing::warn!("waiting for the network: {}", chain(&error)),
            }
            waited = true;
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(REACH_AGAIN) => {}
            }
        }
    }

    /// The server to connect to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it is a sandbox, whose phones scan by themselves.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// How fast an account may send there.
    #[must_use]
    pub fn pace(&self) -> Pace {
        if self.sandbox.is_some() { Pace::SANDBOX } else { Pace::WHATSAPP }
    }

    /// Keeps `clock` at the sandbox's time and calls `moved` after each jump; never returns.
    ///
    /// On the real network the clock is left alone.
    pub async fn follow_clock(&self, clock: &Clock, moved: impl Fn()) {
        let Some(sandbox) = &self.sandbox else { return std::future::pending().await };
        let mut poll = tokio::time::interval(CLOCK_POLL);
        loop {
            poll.tick().await;
            // A sandbox that is away keeps the time it had.
            let Ok(shown) = sandbox.clock().await else { continue };
            let before = clock.offset_ms().swap(shown.offset_ms, Ordering::Relaxed);
            if before != shown.offset_ms {
                tracing::debug!(offset_ms = shown.offset_ms, "the sandbox's clock moved");
                moved();
            }
        }
    }

    /// Lets a simulated phone scan `code` for `account_id`; a person does that on the real network.
    ///
    /// `phone` is the number that the account had before, if it had one.
    ///
    /// # Errors
    ///
    /// [`SandboxCallError`]; the next code is another chance.
    pub async fn scan(&self, account_id: AccountId, code: &str, phone: Option<&str>) -> Result<(), SandboxCallError> {
        let Some(sandbox) = &self.sandbox else { return Ok(()) };
        let made_up = demo_phone(account_id);
        sandbox.scan_qr(code, phone.unwrap_or(&made_up)).await
    }
}

/// The number of the simulated phone that an account of a demo pairs with: a Kazakh mobile number.
fn demo_phone(account_id: AccountId) -> String {
    format!("7701{:07}", account_id.get().rem_euclid(10_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_account_has_a_number_of_its_own() {
        assert_eq!(demo_phone(AccountId::new(1)), "77010000001");
        let phone: booking::phone::Phone = demo_phone(AccountId::new(42)).parse().expect("a phone number");
        assert_eq!(phone.expose(), "77010000042");
    }
}
