//! Sending what is due for one account.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use booking::account;
use booking::clock::Timestamp;
use booking::outbox::{self, Failure, OutboxMessage};
use booking::store::StoreError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wa_client::{Client, SendError, SendOptions, Sent, Status};

use crate::pacing::Pacer;
use crate::telemetry::chain;

use super::failure::judge;
use super::hold::Hold;
use super::{Shared, until};

/// Messages that wait for the server's ack at once; the next waits for one of them.
const IN_FLIGHT: usize = 16;
/// Messages claimed at once. Those that are not sent when the process dies wait for the next holder of the account.
const CLAIM: u32 = 16;

/// Sends the due messages of one account.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    hold: Arc<Hold>,
    client: Client,
    wake: watch::Receiver<u64>,
    pacer: Pacer,
    silent_until: Instant,
    rng: StdRng,
    in_flight: JoinSet<Option<Duration>>,
    slots: Arc<Semaphore>,
    /// Whether it also writes for tenants that have linked no account.
    adopts: bool,
    /// Until when nobody is written to who never wrote, in Unix seconds; known here before it is read from the
    /// database.
    cold_until: Arc<AtomicI64>,
}

impl Sender {
    pub(crate) fn new(
        shared: Arc<Shared>,
        hold: Arc<Hold>,
        client: Client,
        wake: watch::Receiver<u64>,
        adopts: bool,
    ) -> Self {
        let now = Instant::now();
        let pacer = Pacer::new(shared.link.pace(), now);
        let rng = StdRng::from_seed(shared.platform.entropy.bytes());
        Self {
            shared,
            hold,
            client,
            wake,
            pacer,
            silent_until: now,
            rng,
            in_flight: JoinSet::new(),
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
            adopts,
            cold_until: Arc::default(),
        }
    }

    /// Sends until the future is dropped; what is under way goes on, see [`finish`](Self::finish).
    pub(crate) async fn run(&mut self) {
        loop {
            self.online().await;
            self.wake.mark_unchanged();
            match self.send_due().await {
                Ok(0) => self.idle().await,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(account.id = %self.hold.account_id(), "cannot claim messages: {}", chain(&error));
                    tokio::time::sleep(self.shared.poll).await;
                }
            }
        }
    }

    /// Waits until what is under way was acknowledged or given up.
    pub(crate) async fn finish(&mut self) {
        while self.in_flight.join_next().await.is_some() {}
    }

    /// Waits until the client is online and the account may speak.
    async fn online(&mut self) {
        let mut status = self.client.status();
        if status.wait_for(Status::is_online).await.is_err() {
            // The client is gone, and with it the reason to go on; the account's task notices.
            return std::future::pending().await;
        }
        tokio::time::sleep_until(self.silent_until).await;
    }

    /// Waits for something new: a ring, a due time, an ack that asks for silence.
    async fn idle(&mut self) {
        let next = outbox::next_due(&self.shared.platform.db, self.hold.lease()).await;
        let pause = match next {
            Ok(Some(at)) => until(&self.shared.platform.clock, at, self.shared.poll),
            Ok(None) | Err(_) => self.shared.poll,
        };
        tokio::select! {
            _ = self.wake.changed() => {}
            () = tokio::time::sleep(pause) => {}
            Some(ended) = self.in_flight.join_next() => self.note(ended),
        }
    }

    /// Claims what is due and sends it; gives how many messages that were.
    async fn send_due(&mut self) -> Result<usize, StoreError> {
        if !self.hold.is_safe() {
            return Ok(0);
        }
        let platform = &self.shared.platform;
        let (lease, now) = (self.hold.lease(), platform.clock.now());
        if self.adopts {
            outbox::adopt(&platform.db, lease, now, CLAIM).await?;
        }
        // No more than can leave at once: what somebody does not want any more must not wait here.
        let limit = CLAIM.min(self.shared.link.pace().burst.max(1));
        let claimed = outbox::claim_due(&platform.db, &platform.policy, lease, now, limit).await?;
        let count = claimed.len();
        for message in claimed {
            self.send(message).await;
        }
        Ok(count)
    }

    async fn send(&mut self, message: OutboxMessage) {
        while let Some(ended) = self.in_flight.try_join_next() {
            self.note(ended);
        }
        let turn = self.pacer.take(Instant::now()).max(self.silent_until);
        tokio::time::sleep_until(turn).await;
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
        // Between the claim and now the lease may have gone; the next holder sends the message then.
        if !self.hold.is_safe() {
            return;
        }
        let cold_until = Timestamp::from_seconds(self.cold_until.load(Ordering::Relaxed));
        if message.is_cold && self.shared.platform.clock.now() < cold_until {
            let (db, lease) = (&self.shared.platform.db, self.hold.lease());
            if let Err(error) = outbox::put_back(db, lease, &message, cold_until, "cold-stopped").await {
                tracing::error!(message.id = %message.id, "cannot put a message back: {}", chain(&error));
            }
            return;
        }
        let options = SendOptions::default().id(&message.wa_message_id).deadline(self.shared.confirm_within);
        let sent = self.client.send_text(message.phone.expose(), &message.text, options).await;
        let attempt = Attempt {
            shared: Arc::clone(&self.shared),
            hold: Arc::clone(&self.hold),
            message,
            rng: StdRng::from_rng(&mut self.rng),
            cold_until: Arc::clone(&self.cold_until),
        };
        self.in_flight.spawn(async move {
            let _slot = slot;
            attempt.conclude(sent).await
        });
    }

    fn note(&mut self, ended: Result<Option<Duration>, tokio::task::JoinError>) {
        match ended {
            Ok(None) => {}
            Ok(Some(silence)) => self.silent_until = Instant::now() + silence,
            Err(error) => tracing::error!("a message's task died: {}", chain(&error)),
        }
    }
}

/// One message on its way.
struct Attempt {
    shared: Arc<Shared>,
    hold: Arc<Hold>,
    message: OutboxMessage,
    rng: StdRng,
    cold_until: Arc<AtomicI64>,
}

impl Attempt {
    /// Waits for the ack and writes down what became of the message; gives how long to be silent.
    async fn conclude(mut self, sent: Result<Sent, SendError>) -> Option<Duration> {
        let acked = match sent {
            Ok(sent) => sent.ack.await,
            Err(error) => Err(error),
        };
        match acked {
            Ok(_) => {
                self.shared.tally.sent();
                let marked = outbox::mark_sent(self.db(), &self.message, self.shared.platform.clock.now()).await;
                self.log(marked);
                tracing::debug!(message.id = %self.message.id, "sent message {}", self.message.id);
                None
            }
            Err(error) => self.fail(&error).await,
        }
    }

    async fn fail(&mut self, error: &SendError) -> Option<Duration> {
        let now = self.shared.platform.clock.now();
        let verdict = judge(error, self.message.attempts, now, &mut self.rng);
        tracing::warn!(
            message.id = %self.message.id,
            reason = verdict.reason,
            attempts = self.message.attempts,
            "message {} was not sent: {}", self.message.id, chain(error),
        );
        match verdict.failure {
            Failure::Retry { .. } => self.shared.tally.retried(verdict.reason),
            Failure::Final => self.shared.tally.failed(verdict.reason),
        }
        if let Some(stop) = verdict.cold_stop {
            self.stop_cold(now.plus(stop), verdict.reason).await;
        }
        let lease = self.hold.lease();
        let marked = outbox::mark_failed(self.db(), lease, &self.message, verdict.failure, verdict.reason).await;
        self.log(marked);
        verdict.silence
    }

    /// WhatsApp refuses messages to strangers: none goes out any more, those that were claimed already included.
    async fn stop_cold(&self, until: Timestamp, reason: &str) {
        self.cold_until.fetch_max(until.seconds(), Ordering::Relaxed);
        let id = self.hold.account_id();
        tracing::error!(account.id = %id, %until, reason, "account {id} writes to no strangers until {until}");
        if let Err(error) = account::stop_cold(self.db(), id, until, reason).await {
            tracing::error!(account.id = %id, "cannot write down that stop: {}", chain(&error));
        }
    }

    fn db(&self) -> &db::Db {
        &self.shared.platform.db
    }

    fn log(&self, marked: Result<(), StoreError>) {
        if let Err(error) = marked {
            tracing::error!(message.id = %self.message.id, "cannot write down a message's fate: {}", chain(&error));
        }
    }
}
