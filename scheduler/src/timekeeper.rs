//! Keeps time: what is due by itself is done soon after, whichever of the programs is up.

use std::time::Duration;

use booking::platform::Platform;
use booking::timekeeping;
use tokio_util::sync::CancellationToken;

use crate::telemetry::chain;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(5);
/// How long the right to keep time lasts without being renewed, in seconds of real time: longer than any round takes.
const LEASE_SECONDS: u32 = 60;

/// Does what is due every few seconds, if no other process does, until `stop`.
pub async fn run(platform: Platform, stop: CancellationToken) {
    // A restarted process must not mistake its predecessor's lease for its own.
    let holder = format!("{}-{}", std::process::id(), hex::encode(platform.entropy.bytes::<8>()));
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = every.tick() => {
                if let Err(error) = once(&platform, &holder).await {
                    tracing::warn!("time could not be kept: {}", chain(&error));
                }
            }
        }
    }
    if let Err(error) = timekeeping::release(&platform.db, &holder).await {
        tracing::debug!("the right to keep time runs out by itself: {}", chain(&error));
    }
}

async fn once(platform: &Platform, holder: &str) -> Result<(), booking::store::StoreError> {
    if timekeeping::acquire(&platform.db, holder, platform.clock.real_now(), LEASE_SECONDS).await? {
        let round = timekeeping::round(platform).await?;
        if round != timekeeping::Round::default() {
            tracing::info!(
                holds = round.holds,
                visits = round.visits,
                planned = round.planned,
                recipients = round.recipients,
                moved = round.moved,
                "did what was due",
            );
        }
    }
    Ok(())
}
