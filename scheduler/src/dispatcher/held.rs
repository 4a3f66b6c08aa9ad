//! One held account: its client, its events, its sender, until the lease ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use booking::account::{self, Account, AccountState};
use booking::business;
use booking::clock::Timestamp;
use booking::inbound::{self, Incoming};
use booking::outbox;
use booking::phone::Phone;
use booking::platform::Platform;
use booking::store::StoreError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wa_client::{Client, Event, Events, Message, Receipt, ReceiptKind, Status};

use crate::desk::Code;
use crate::telemetry::chain;

use super::Shared;
use super::hold::Hold;
use super::live::LiveAccount;
use super::requests::Requests;
use super::sender::Sender;
use super::state::change_of;

/// How long what is under way may take after the end was decided.
const DRAIN: Duration = Duration::from_secs(5);
/// A sign of life is written down this often, not at each pong.
const SEEN_EVERY: i64 = 60;

/// The pauses between attempts to write down what a client wrote. After the last one the account starts over, and its
/// client hands the message in again.
const RECEIVE_AGAIN: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
/// How long messages to strangers rest after WhatsApp banned an account for a time, counted from the ban's end.
const AFTER_BAN: i64 = 86_400;

/// What wakes an account.
#[derive(Debug, Clone)]
pub(crate) struct Bells {
    /// Messages may be due.
    pub(crate) wake: watch::Receiver<u64>,
    /// Some account is asked for something.
    pub(crate) asked: watch::Receiver<u64>,
}

/// Runs one account for as long as its lease is held.
pub(crate) struct AccountTask {
    shared: Arc<Shared>,
    hold: Arc<Hold>,
    bells: Bells,
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
    /// The device is no longer linked; its keys are gone, and it can be linked anew.
    Unlinked,
    /// There is no device, and nobody looks for a phone any more.
    Unwanted,
    /// The server or the store does not want us; trying again at once makes nothing better.
    Unwelcome,
    /// Our own parts failed.
    Failed,
}

impl End {
    /// How long this process leaves the account alone.
    pub(crate) fn pause(self) -> Option<Duration> {
        match self {
            Self::Stopped | Self::Unlinked | Self::Unwanted => None,
            // Whoever is not welcome has its state, which says when it may come again.
            Self::Lost | Self::Failed | Self::Unwelcome => Some(Duration::from_secs(5)),
        }
    }
}

impl AccountTask {
    pub(crate) fn new(shared: Arc<Shared>, hold: Hold, bells: Bells, stop: CancellationToken) -> Self {
        Self { shared, hold: Arc::new(hold), bells, stop, written: None }
    }

    /// Runs the account to its end and gives the lease back, if it is still ours.
    pub(crate) async fn run(mut self) -> End {
        let end = Box::pin(self.connect()).await;
        tracing::info!(account.id = %self.hold.account_id(), ?end, "let go of account {}", self.hold.account_id());
        if end != End::Lost {
            self.hold.release().await;
        }
        end
    }

    /// Connects; again with new keys when the device was unlinked and somebody looks for a phone.
    async fn connect(&mut self) -> End {
        loop {
            let logged_out = Arc::new(AtomicBool::new(false));
            let end = match Box::pin(self.session(&logged_out)).await {
                Ok(end) => end,
                Err(error) => {
                    tracing::error!(account.id = %self.hold.account_id(), "cannot open an account: {}", chain(&error));
                    End::Failed
                }
            };
            let by_hand = logged_out.load(Ordering::Relaxed);
            if end != End::Unlinked && !by_hand {
                return end;
            }
            tracing::warn!(account.id = %self.hold.account_id(), by_hand, "the device was unlinked");
            match self.forget_device(by_hand).await {
                Ok(true) => {}
                Ok(false) => return End::Unlinked,
                Err(error) => {
                    tracing::error!("cannot forget an unlinked device: {}", chain(&error));
                    return End::Failed;
                }
            }
        }
    }

    /// Forgets an unlinked device; tells whether to look for a phone at once.
    async fn forget_device(&self, by_hand: bool) -> Result<bool, wa_client::store::StoreError> {
        let (id, now) = (self.hold.account_id(), self.shared.platform.clock.real_now());
        self.shared.stores.remove(id.get()).await?;
        if let Err(error) = account::forget_device(&self.shared.platform.db, id, by_hand, now).await {
            tracing::error!(account.id = %id, "cannot write down that a device is gone: {}", chain(&error));
        }
        Ok(self.account().await.is_some_and(|account| self.is_wanted(&account)))
    }

    /// Runs one client until it ends.
    async fn session(&mut self, logged_out: &Arc<AtomicBool>) -> Result<End, wa_client::store::StoreError> {
        let id = self.hold.account_id();
        let account = self.account().await;
        if account.as_ref().is_some_and(|account| account.state == AccountState::LoggedOut && !account.is_linked()) {
            // Whoever logged it out could not reach its keys.
            self.shared.stores.remove(id.get()).await?;
        }
        let store = self.shared.stores.account(id.get()).await?;
        // Whatever the last holder wrote down is over.
        self.write_status(&Status::Connecting).await;
        let mut builder = Client::builder(self.shared.link.endpoint().clone(), Arc::new(store));
        if let Some(name) = self.business_name(account.as_ref()).await {
            builder = builder.push_name(name);
        }
        let (client, mut events) = builder.gate(self.shared.gate.clone()).start();
        let _live = self.shared.live.enter(id, LiveAccount { client: client.clone() });
        let is_shared = account.is_some_and(|account| account.business_id.is_none());
        let mut sender = Sender::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.hold),
            client.clone(),
            self.bells.wake.clone(),
            is_shared && self.shared.platform.policy.platform_account,
        );
        let mut requests = Requests {
            desk: self.shared.desk.clone(),
            hold: Arc::clone(&self.hold),
            client: client.clone(),
            asked: self.bells.asked.clone(),
            logged_out: Arc::clone(logged_out),
            clock: self.shared.platform.clock.clone(),
        };
        let (stop, hold) = (self.stop.clone(), Arc::clone(&self.hold));
        let end = {
            let over = async {
                tokio::select! {
                    () = sender.run() => End::Failed,
                    () = requests.run() => End::Unlinked,
                    () = hold.keep() => End::Lost,
                    () = stop.cancelled() => End::Stopped,
                }
            };
            Box::pin(self.take_events(&client, &mut events, over, logged_out)).await
        };
        let drained = tokio::time::timeout(DRAIN, async {
            if end == End::Stopped {
                sender.finish().await;
            }
            client.shutdown().await;
            // Messages whose ack will not come any more are written down as such.
            sender.finish().await;
            // What arrived meanwhile is dealt with, not left to the next holder; unless something could not be dealt
            // with, which comes again.
            while end != End::Failed
                && let Some(event) = events.recv().await
            {
                self.take(&client, event).await;
            }
        });
        if drained.await.is_err() {
            tracing::warn!(account.id = %id, "the account did not end within {} s", DRAIN.as_secs());
        }
        Ok(end)
    }

    /// Deals with events until one of them is the end, or `over` is. An event that was begun is finished: asking for
    /// the next one says that it was. When the end is a logout that somebody asked for, they get their answer first.
    async fn take_events(
        &mut self,
        client: &Client,
        events: &mut Events,
        over: impl Future<Output = End>,
        logged_out: &AtomicBool,
    ) -> End {
        let mut over = std::pin::pin!(over);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                end = &mut over => return end,
            };
            let ended = match event {
                None => Some(End::Failed),
                Some(event) => {
                    let mut taking = std::pin::pin!(self.take(client, event));
                    tokio::select! {
                        ended = &mut taking => ended,
                        end = &mut over => {
                            taking.await;
                            return end;
                        }
                    }
                }
            };
            let Some(end) = ended else { continue };
            if logged_out.load(Ordering::Relaxed) {
                return tokio::time::timeout(DRAIN, over).await.unwrap_or(end);
            }
            return end;
        }
    }

    /// Deals with one event; tells the end if it is one.
    async fn take(&mut self, client: &Client, event: Event) -> Option<End> {
        match event {
            Event::Qr { code, valid_until } => {
                self.show_qr(&Code { text: code, valid_until: Timestamp::from(valid_until) }).await;
                None
            }
            Event::Paired { jid, lid } => {
                self.paired(&jid.to_string(), jid.user(), &lid.to_string()).await;
                None
            }
            Event::Status(status) => self.take_status(client, &status).await,
            Event::Receipt(receipt) => {
                self.take_receipt(&receipt).await;
                None
            }
            Event::PairingFailed(failure) => {
                tracing::warn!(account.id = %self.hold.account_id(), "pairing failed: {failure}");
                None
            }
            Event::Message(message) => self.take_message(&message).await,
            Event::PairingCode { .. } | Event::Undecryptable(_) | Event::IdentityChanged { .. } | _ => None,
        }
    }

    async fn take_status(&mut self, client: &Client, status: &Status) -> Option<End> {
        let id = self.hold.account_id();
        self.write_status(status).await;
        if let Status::Online { .. } = status
            && let Some(own) = client.own_account()
            && self.account().await.is_some_and(|account| !account.is_linked())
        {
            // A crash came between the link and its note.
            self.paired(&own.jid.to_string(), own.jid.user(), &own.lid.to_string()).await;
            self.written = None;
            self.write_status(status).await;
        }
        if let Status::Banned { until } = status {
            let end = until.map_or_else(|| self.shared.platform.clock.now(), Timestamp::from).plus(AFTER_BAN);
            if let Err(error) = account::stop_cold(&self.shared.platform.db, id, end, "account-banned").await {
                tracing::error!(account.id = %id, "cannot stop messages to strangers: {}", chain(&error));
            }
        }
        if matches!(status, Status::Backoff { .. })
            && client.own_account().is_none()
            && self.account().await.is_some_and(|account| !self.is_wanted(&account))
        {
            return Some(End::Unwanted);
        }
        end_of(status)
    }

    /// Whether an account without a device is to look for a phone.
    fn is_wanted(&self, account: &Account) -> bool {
        let now = self.shared.platform.clock.real_now();
        account.is_linked() || account.link_until > now || (self.shared.link.is_sandbox() && !account.by_hand)
    }

    /// Shows a QR code; in a sandbox a simulated phone scans it, unless the owner wants to do it by hand.
    async fn show_qr(&self, code: &Code) {
        let id = self.hold.account_id();
        if let Err(error) = self.shared.desk.show(self.hold.lease(), code).await {
            tracing::error!(account.id = %id, "cannot show a QR code: {}", chain(&error));
        }
        let Some(account) = self.account().await.filter(|account| !account.by_hand) else { return };
        let known = account.phone.as_ref().map(Phone::expose);
        if let Err(error) = self.shared.link.scan(id, &code.text, known).await {
            tracing::warn!(account.id = %id, "the simulated phone did not pair: {}", chain(&error));
        }
    }

    /// The account's row; none, with a word in the log, if it cannot be read.
    async fn account(&self) -> Option<Account> {
        let read = async {
            let mut connection = self.shared.platform.db.read().await?;
            account::by_id(&mut connection, self.hold.account_id()).await
        };
        read.await.unwrap_or_else(|error: StoreError| {
            tracing::warn!(account.id = %self.hold.account_id(), "cannot read an account: {}", chain(&error));
            None
        })
    }

    /// The name that clients see beside messages.
    async fn business_name(&self, account: Option<&Account>) -> Option<String> {
        let business_id = account?.business_id?;
        let mut connection = self.shared.platform.db.read().await.ok()?;
        let business = business::by_id(&mut connection, business_id).await.ok()??;
        Some(business.name.as_str().to_owned())
    }

    async fn paired(&self, jid: &str, user: &str, lid: &str) {
        let id = self.hold.account_id();
        tracing::info!(account.id = %id, "paired account {id}");
        let Ok(phone) = Phone::try_from(user.to_owned()) else {
            tracing::error!(account.id = %id, "the paired device's address holds no phone number");
            return;
        };
        let Platform { db, clock, outbox, .. } = &self.shared.platform;
        let written = async {
            account::set_identity(db, id, &phone, jid, Some(lid), clock.real_now()).await?;
            account::desk::hide(db, id).await
        };
        if let Err(error) = written.await {
            tracing::error!(account.id = %id, "cannot write down a pairing: {}", chain(&error));
        }
        outbox.ring();
    }

    async fn write_status(&mut self, status: &Status) {
        let now = self.shared.platform.clock.real_now();
        let Some(change) = change_of(status, now) else { return };
        let seen = change.seen_at.map_or(0, |at| at.seconds() / SEEN_EVERY);
        if self.written.replace((status.as_str(), seen)) == Some((status.as_str(), seen)) {
            return;
        }
        let id = self.hold.account_id();
        tracing::info!(account.id = %id, status = status.as_str(), "account {id} is {}", status.as_str());
        if let Err(error) = account::set_state(&self.shared.platform.db, self.hold.lease(), &change, now).await {
            tracing::warn!(account.id = %id, "cannot write down an account's state: {}", chain(&error));
        }
    }

    /// Deals with a message of one person. It stays in the client's inbox until that is written down: while the
    /// database does not answer, nothing that comes after it is taken either.
    async fn take_message(&self, message: &Message) -> Option<End> {
        if message.from_me || !(message.chat.is_pn() || message.chat.is_lid()) {
            return None;
        }
        let id = self.hold.account_id();
        let chat = message.chat.account().to_string();
        let phone = message.chat.is_pn().then(|| Phone::try_from(message.chat.user().to_owned()).ok()).flatten();
        let incoming = Incoming {
            chat: &chat,
            wa_message_id: &message.id,
            phone: phone.as_ref(),
            text: message.text.as_deref(),
            at: Timestamp::from(message.timestamp),
        };
        for pause in RECEIVE_AGAIN {
            match inbound::receive(&self.shared.platform, id, &incoming).await {
                Ok(_) => return None,
                Err(error) => {
                    tracing::error!(account.id = %id, "cannot write down what a client wrote: {}", chain(&error));
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Some(End::Failed)
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
