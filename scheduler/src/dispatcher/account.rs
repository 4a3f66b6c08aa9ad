//! One held account: its client, its events, its sender, until the lease ends.

use std::sync::Arc;
use std::time::Duration;

use booking::account;
use booking::business;
use booking::outbox;
use booking::phone::Phone;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wa_client::{Client, Event, Events, Receipt, ReceiptKind, Status};

use crate::telemetry::chain;

use super::Shared;
use super::hold::Hold;
use super::live::{LiveAccount, Qr};
use super::sender::Sender;
use super::state::change_of;

/// How long what is under way may take after the end was decided.
const DRAIN: Duration = Duration::from_secs(5);
/// A sign of life is written down this often, not at each pong.
const SEEN_EVERY: i64 = 60;

/// Runs one account for as long as its lease is held.
pub(crate) struct AccountTask {
    shared: Arc<Shared>,
    hold: Arc<Hold>,
    wake: watch::Receiver<u64>,
    stop: CancellationToken,
    written: Option<(&'static str, i64)>,
}

/// Why an account's task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The program stops.
    Stopped,
    /// The lease is lost, or the store went to another process.
    Lost,
    /// The device is no longer linked; its keys are gone, and it can be paired anew.
    Unlinked,
    /// The server or the store does not want us; trying again at once makes nothing better.
    Unwelcome,
    /// Our own parts failed.
    Failed,
}

impl End {
    /// How long this process leaves the account alone.
    pub(crate) fn pause(self) -> Option<Duration> {
        match self {
            Self::Stopped | Self::Unlinked => None,
            Self::Lost | Self::Failed => Some(Duration::from_secs(5)),
            Self::Unwelcome => Some(Duration::from_mins(5)),
        }
    }
}

impl AccountTask {
    pub(crate) fn new(shared: Arc<Shared>, hold: Hold, wake: watch::Receiver<u64>, stop: CancellationToken) -> Self {
        Self { shared, hold: Arc::new(hold), wake, stop, written: None }
    }

    /// Runs the account to its end and gives the lease back, if it is still ours.
    pub(crate) async fn run(mut self) -> End {
        let end = self.connect().await;
        self.shared.live.remove(self.hold.account_id());
        tracing::info!(account.id = %self.hold.account_id(), ?end, "let go of account {}", self.hold.account_id());
        if end != End::Lost {
            self.hold.release().await;
        }
        end
    }

    /// Connects, again with new keys when the device was unlinked.
    async fn connect(&mut self) -> End {
        loop {
            let end = match self.session().await {
                Ok(end) => end,
                Err(error) => {
                    tracing::error!(account.id = %self.hold.account_id(), "cannot open an account: {}", chain(&error));
                    End::Failed
                }
            };
            if end != End::Unlinked {
                return end;
            }
            tracing::warn!(account.id = %self.hold.account_id(), "the device was unlinked; it has to be paired anew");
            if let Err(error) = self.shared.stores.remove(self.hold.account_id().get()).await {
                tracing::error!("cannot forget an unlinked device: {}", chain(&error));
                return End::Failed;
            }
        }
    }

    /// Runs one client until it ends.
    async fn session(&mut self) -> Result<End, wa_client::store::StoreError> {
        let id = self.hold.account_id();
        let store = self.shared.stores.account(id.get()).await?;
        // Whatever the last holder wrote down is over.
        self.write_status(&Status::Connecting).await;
        let mut builder = Client::builder(self.shared.link.endpoint().clone(), Arc::new(store));
        if let Some(name) = self.business_name().await {
            builder = builder.push_name(name);
        }
        let (client, mut events) = builder.gate(self.shared.gate.clone()).start();
        let (shown, qr) = watch::channel(None);
        self.shared.live.insert(id, LiveAccount { client: client.clone(), qr });
        let mut sender =
            Sender::new(Arc::clone(&self.shared), Arc::clone(&self.hold), client.clone(), self.wake.clone());
        let (stop, hold) = (self.stop.clone(), Arc::clone(&self.hold));
        let end = tokio::select! {
            end = self.take_events(&mut events, &shown) => end,
            () = sender.run() => End::Failed,
            () = hold.keep() => End::Lost,
            () = stop.cancelled() => End::Stopped,
        };
        let drained = tokio::time::timeout(DRAIN, async {
            if end == End::Stopped {
                sender.finish().await;
            }
            client.shutdown().await;
            // Messages whose ack will not come any more are written down as such.
            sender.finish().await;
            // What arrived meanwhile is dealt with, not left to the next holder.
            while let Some(event) = events.recv().await {
                self.take(event, &shown).await;
            }
        });
        if drained.await.is_err() {
            tracing::warn!(account.id = %id, "the account did not end within {} s", DRAIN.as_secs());
        }
        Ok(end)
    }

    async fn take_events(&mut self, events: &mut Events, shown: &watch::Sender<Option<Qr>>) -> End {
        while let Some(event) = events.recv().await {
            if let Some(end) = self.take(event, shown).await {
                return end;
            }
        }
        End::Failed
    }

    /// Deals with one event; tells the end if it is one.
    async fn take(&mut self, event: Event, shown: &watch::Sender<Option<Qr>>) -> Option<End> {
        match event {
            Event::Qr { code, valid_until } => {
                self.show_qr(Qr { code, valid_until }, shown).await;
                None
            }
            Event::Paired { jid, lid } => {
                shown.send_replace(None);
                self.paired(&jid.to_string(), jid.user(), &lid.to_string()).await;
                None
            }
            Event::Status(status) => {
                if status.is_online() {
                    shown.send_replace(None);
                }
                self.write_status(&status).await;
                end_of(&status)
            }
            Event::Receipt(receipt) => {
                self.take_receipt(&receipt).await;
                None
            }
            Event::PairingFailed(failure) => {
                tracing::warn!(account.id = %self.hold.account_id(), "pairing failed: {failure}");
                None
            }
            // What clients write is not read here.
            Event::PairingCode { .. }
            | Event::Message(_)
            | Event::Undecryptable(_)
            | Event::IdentityChanged { .. }
            | _ => None,
        }
    }

    /// Shows a QR code; in a sandbox a simulated phone scans it.
    async fn show_qr(&self, qr: Qr, shown: &watch::Sender<Option<Qr>>) {
        let code = qr.code.clone();
        shown.send_replace(Some(qr));
        let id = self.hold.account_id();
        let known = self.known_phone().await;
        if let Err(error) = self.shared.link.scan(id, &code, known.as_ref().map(Phone::expose)).await {
            tracing::warn!(account.id = %id, "the simulated phone did not pair: {}", chain(&error));
        }
    }

    /// The name that clients see beside messages.
    async fn business_name(&self) -> Option<String> {
        let mut connection = self.shared.platform.db.read().await.ok()?;
        let account = account::by_id(&mut connection, self.hold.account_id()).await.ok()??;
        let business = business::by_id(&mut connection, account.business_id?).await.ok()??;
        Some(business.name.as_str().to_owned())
    }

    async fn known_phone(&self) -> Option<Phone> {
        let mut connection = self.shared.platform.db.read().await.ok()?;
        let account = account::by_id(&mut connection, self.hold.account_id()).await.ok()??;
        account.phone
    }

    async fn paired(&self, jid: &str, user: &str, lid: &str) {
        let id = self.hold.account_id();
        tracing::info!(account.id = %id, "paired account {id}");
        let Ok(phone) = Phone::try_from(user.to_owned()) else {
            tracing::error!(account.id = %id, "the paired device's address holds no phone number");
            return;
        };
        let now = self.shared.platform.clock.now();
        let written = account::set_identity(&self.shared.platform.db, id, &phone, jid, Some(lid), now).await;
        if let Err(error) = written {
            tracing::error!(account.id = %id, "cannot write down a pairing: {}", chain(&error));
        }
    }

    async fn write_status(&mut self, status: &Status) {
        let Some(change) = change_of(status) else { return };
        let seen = change.seen_at.map_or(0, |at| at.seconds() / SEEN_EVERY);
        if self.written.replace((status.as_str(), seen)) == Some((status.as_str(), seen)) {
            return;
        }
        let id = self.hold.account_id();
        tracing::info!(account.id = %id, status = status.as_str(), "account {id} is {}", status.as_str());
        let now = self.shared.platform.clock.now();
        if let Err(error) = account::set_state(&self.shared.platform.db, id, &change, now).await {
            tracing::warn!(account.id = %id, "cannot write down an account's state: {}", chain(&error));
        }
    }

    async fn take_receipt(&self, receipt: &Receipt) {
        let platform = &self.shared.platform;
        let (id, now) = (self.hold.account_id(), platform.clock.now());
        let marked = match receipt.kind {
            ReceiptKind::Read | ReceiptKind::Played => outbox::mark_read(&platform.db, id, &receipt.ids, now).await,
            ReceiptKind::Delivered | _ => outbox::mark_delivered(&platform.db, id, &receipt.ids, now).await,
        };
        if let Err(error) = marked {
            tracing::error!(account.id = %id, "cannot write down a receipt: {}", chain(&error));
        }
    }
}

/// The end that a status means, if it is one.
fn end_of(status: &Status) -> Option<End> {
    match status {
        Status::LoggedOut => Some(End::Unlinked),
        Status::Superseded => Some(End::Lost),
        Status::StoreFailed | Status::Stopped => Some(End::Failed),
        Status::Banned { .. } | Status::Replaced | Status::Outdated | Status::Refused { .. } | Status::NotPaired => {
            Some(End::Unwelcome)
        }
        Status::Connecting
        | Status::WaitingForScan
        | Status::PasskeyRequired
        | Status::Online { .. }
        | Status::Backoff { .. }
        | _ => None,
    }
}
