//! The dispatcher: takes the accounts nobody holds, connects them, and sends what is due.
//!
//! ```text
//!  free account ─► lease ─► client ─► online ─► claim due ─► send (same id) ─► ack ─► sent
//!        ▲           │renewed every third of its life            receipts ─► delivered, read
//!        └───────────┴── lost, given back, or rested after a failure
//! ```
//!
//! Both programs run the same dispatcher on the same database. An account is connected by whoever holds its lease;
//! when that process dies, another takes the account over once the lease has run out.

mod failure;
mod forgetting;
mod held;
mod hold;
mod live;
mod pulse;
mod requests;
mod sender;
mod state;
mod tally;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use booking::account::{self, desk as account_desk};
use booking::clock::Clock;
use booking::id::AccountId;
use booking::lease;
use booking::platform::Platform;
use db::listen::Listener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wa_client::ConnectGate;
use wa_client::store::{SealingKey, SqlStores, StoreError};

use crate::desk::Desk;
use crate::link::{Link, Target};
use crate::telemetry::chain;

use self::held::{AccountTask, Bells, End};
use self::hold::Hold;

pub use self::failure::REASONS;
pub use self::live::{LiveAccount, LiveAccounts};
pub use self::pulse::Pulse;
pub use self::tally::Tally;

/// The channel on which dispatchers wake each other.
const CHANNEL: &str = "outbox";
/// Accounts taken in one look; the rest follow at the next.
const TAKE_AT_ONCE: u32 = 64;

/// What a dispatcher works with.
#[derive(Debug, Clone)]
pub struct DispatcherParts {
    /// The domain, with its database and clock.
    pub platform: Platform,
    /// Where the network is that the accounts live on.
    pub target: Target,
    /// Opens the sealed columns of accounts.
    pub sealing_key: SealingKey,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How long the server may take to confirm a message; later it is sent again, under the same id.
    pub confirm_within: Duration,
    /// How often free accounts and due messages are looked for when nothing wakes it.
    pub poll: Duration,
}

/// Delivers the messages of every account that this process can get hold of.
#[derive(Debug)]
pub struct Dispatcher {
    parts: DispatcherParts,
    stores: SqlStores,
    live: LiveAccounts,
    pulse: Pulse,
    tally: Tally,
    desk: Desk,
}

/// What all account tasks of one dispatcher share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) platform: Platform,
    pub(crate) link: Link,
    pub(crate) stores: SqlStores,
    pub(crate) gate: ConnectGate,
    pub(crate) live: LiveAccounts,
    pulse: Pulse,
    pub(crate) tally: Tally,
    pub(crate) confirm_within: Duration,
    pub(crate) poll: Duration,
    pub(crate) desk: Desk,
    holder: String,
    lease: Duration,
}

/// A dispatcher at work.
struct Running {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<(AccountId, End)>,
    resting: HashMap<AccountId, Instant>,
    wake: watch::Sender<u64>,
    asked: watch::Sender<u64>,
}

impl Dispatcher {
    /// Opens the accounts' store; nothing connects before [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store's tables cannot be brought up to date.
    pub async fn open(parts: DispatcherParts) -> Result<Self, StoreError> {
        let stores = SqlStores::open(parts.platform.db.clone(), parts.sealing_key.clone()).await?;
        let desk = Desk::new(parts.platform.clone(), parts.sealing_key.clone());
        let (live, pulse, tally) = (LiveAccounts::default(), Pulse::default(), Tally::default());
        Ok(Self { parts, stores, live, pulse, tally, desk })
    }

    /// The accounts that this dispatcher holds, as they come and go.
    #[must_use]
    pub fn live(&self) -> LiveAccounts {
        self.live.clone()
    }

    /// Its sign of life.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// What it counts.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Delivers until `stop`, then lets what is under way finish and gives the leases back.
    ///
    /// A sandbox that is not there yet is waited for.
    pub async fn run(self, stop: CancellationToken) {
        let Some(link) = Link::wait(&self.parts.target, &stop).await else { return };
        let platform = self.parts.platform;
        // A restarted process must not mistake its predecessor's leases for its own.
        let holder = format!("{}-{}", std::process::id(), hex::encode(platform.entropy.bytes::<8>()));
        let shared = Arc::new(Shared {
            platform: platform.clone(),
            link: link.clone(),
            stores: self.stores,
            gate: ConnectGate::default(),
            live: self.live,
            pulse: self.pulse,
            tally: self.tally,
            confirm_within: self.parts.confirm_within,
            poll: self.parts.poll,
            desk: self.desk,
            holder,
            lease: self.parts.lease,
        });
        let running = Running {
            shared: Arc::clone(&shared),
            stop: stop.clone(),
            tasks: JoinSet::new(),
            resting: HashMap::new(),
            wake: watch::Sender::new(0),
            asked: watch::Sender::new(0),
        };
        tokio::select! {
            () = running.run() => {}
            () = Box::pin(forgetting::run(&shared)) => {}
            () = link.follow_clock(&platform.clock, || platform.outbox.ring()) => {}
        }
    }
}

impl Running {
    async fn run(mut self) {
        let outbox = self.shared.platform.outbox.clone();
        let mut poll = tokio::time::interval(self.shared.poll);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut listener = match self.shared.platform.db.listen(CHANNEL).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::warn!("cannot hear other processes, so new messages are looked for: {}", chain(&error));
                None
            }
        };
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(ended) = self.tasks.join_next() => self.rest(ended),
                () = outbox.rung() => {
                    self.look().await;
                    self.tell_others().await;
                }
                word = hear(&mut listener) => if word != self.shared.holder { self.look().await },
                _ = poll.tick() => {
                    self.shared.pulse.beat();
                    self.take().await;
                    self.look_for_requests().await;
                    self.look_after().await;
                }
            }
        }
        while self.tasks.join_next().await.is_some() {}
        tracing::info!("gave back all accounts");
    }

    /// Somebody rang: messages are due, accounts are asked for something, or one may connect.
    async fn look(&mut self) {
        self.wake.send_modify(|rings| *rings = rings.wrapping_add(1));
        self.look_for_requests().await;
    }

    /// Wakes the dispatchers of other processes. One word stands for all rings of its time: it is said here and not by
    /// the transactions, which would wait for each other to say it.
    async fn tell_others(&self) {
        if let Err(error) = self.shared.platform.db.say(CHANNEL, &self.shared.holder).await {
            tracing::debug!("cannot wake other processes: {}", chain(&error));
        }
    }

    /// Wakes the accounts if one is asked for something, and takes those that want a connection for it.
    async fn look_for_requests(&mut self) {
        let Platform { db, clock, .. } = &self.shared.platform;
        let waiting = async {
            let mut connection = db.read().await?;
            account_desk::any_waiting(&mut connection, clock.real_now()).await
        };
        match waiting.await {
            Ok(true) => {
                self.take().await;
                self.asked.send_modify(|asked| *asked = asked.wrapping_add(1));
            }
            Ok(false) => {}
            Err(error) => tracing::warn!("cannot look for requests: {}", chain(&error)),
        }
    }

    async fn take(&mut self) {
        if let Err(error) = self.take_free_accounts().await {
            tracing::warn!("cannot look for free accounts: {}", chain(&error));
        }
    }

    /// Reports accounts that are down for too long, each once.
    async fn look_after(&self) {
        let Platform { db, clock, .. } = &self.shared.platform;
        let now = clock.real_now();
        match account::take_alarms(db, now.plus(-account::ALARM_SECONDS), now).await {
            Ok(down) => {
                for id in down {
                    tracing::error!(account.id = %id, "account {id} is down for more than two minutes");
                }
            }
            Err(error) => tracing::warn!("cannot look after the accounts: {}", chain(&error)),
        }
    }

    async fn take_free_accounts(&mut self) -> Result<(), booking::store::StoreError> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let Shared { platform, link, holder, lease: life, .. } = &*self.shared;
        let Platform { db, clock, .. } = platform;
        let seconds = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
        for account_id in lease::free_accounts(db, clock.real_now(), link.is_sandbox(), TAKE_AT_ONCE).await? {
            if self.resting.contains_key(&account_id) {
                continue;
            }
            let asked_at = Instant::now();
            let taken = lease::acquire(db, account_id, holder, clock.real_now(), seconds).await?;
            let Some(lease) = taken else { continue };
            tracing::info!(account.id = %account_id, fence = lease.fence, "took account {account_id}");
            let hold = Hold::new(platform.clone(), lease, *life, asked_at);
            let bells = Bells { wake: self.wake.subscribe(), asked: self.asked.subscribe() };
            let task = AccountTask::new(Arc::clone(&self.shared), hold, bells, self.stop.clone());
            self.tasks.spawn(async move { (account_id, Box::pin(task.run()).await) });
        }
        Ok(())
    }

    /// Lets an account that ended rest, so that a fault does not turn into a storm of connections.
    fn rest(&mut self, ended: Result<(AccountId, End), tokio::task::JoinError>) {
        match ended {
            Ok((account_id, end)) => {
                if let Some(pause) = end.pause() {
                    self.resting.insert(account_id, Instant::now() + pause);
                }
            }
            // Its lease runs out by itself, and whoever is first takes the account then.
            Err(error) => tracing::error!("an account's task died: {}", chain(&error)),
        }
    }
}

/// Hears the next word of another process; for ever, without a listener.
async fn hear(listener: &mut Option<Listener>) -> String {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

/// The time until `at` on a clock that a demo may move, at most `poll`.
pub(crate) fn until(clock: &Clock, at: booking::clock::Timestamp, poll: Duration) -> Duration {
    let ms = at.seconds().saturating_mul(1000).saturating_sub(clock.now_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(poll)
}
