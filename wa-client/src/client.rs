//! The handle of an account, and how it is started.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use wa_proto::jid::Jid;

use crate::ambient::Clock;
use crate::driver::{self, Settings};
use crate::endpoint::Endpoint;
use crate::error::{ForgetError, PairingCodeError, QueryError, SendError};
use crate::event::Events;
use crate::fleet::ConnectGate;
use crate::status::Status;
use crate::store::AccountStore;

/// Commands that wait for the account's task; whoever sends one more waits.
const COMMAND_QUEUE: usize = 64;
/// How long a send may take until the server confirms it, unless the caller says otherwise.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(75);

/// A handle to one account. Clones are cheap and share the account's task, which stops when the
/// last handle is dropped or [`Client::shutdown`] is called.
///
/// ```no_run
/// use std::sync::Arc;
/// use wa_client::store::MemoryStore;
/// use wa_client::{Client, Endpoint, Event, SendOptions};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryStore::new());
/// let (client, mut events) = Client::builder(Endpoint::whatsapp(), store).push_name("Salon").start();
/// while let Some(event) = events.recv().await {
///     match event {
///         Event::Qr { code, .. } => println!("show as a QR code: {code}"),
///         Event::Status(status) if status.is_online() => break,
///         _ => {}
///     }
/// }
/// let sent = client.send_text("77771234567", "See you at ten.", SendOptions::default()).await?;
/// println!("taken by the server at {}", sent.ack.await?.timestamp);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    commands: mpsc::Sender<Box<Command>>,
    status: watch::Receiver<Status>,
    own: watch::Receiver<Option<OwnAccount>>,
}

/// The account a device is linked to.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnAccount {
    /// The own device, by phone number.
    pub jid: Jid,
    /// The own device, by LID.
    pub lid: Jid,
}

impl fmt::Debug for OwnAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnAccount").finish_non_exhaustive()
    }
}

/// How a message is sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SendOptions {
    /// The message id; chosen at random if absent. Use the same one when sending a message again:
    /// the recipient shows it once.
    pub id: Option<String>,
    /// The time until the server's ack must be there, counted from the call.
    pub deadline: Duration,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { id: None, deadline: DEFAULT_DEADLINE }
    }
}

impl SendOptions {
    /// Sends with this message id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Gives up after `deadline`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// A message that left this process.
#[derive(Debug)]
#[must_use = "the server may still refuse the message: wait for `ack`"]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// The chat it went to.
    pub chat: Jid,
    /// Resolves when the server confirms or refuses it. Dropping it does not take the message back.
    pub ack: Ack,
}

/// Waits for the server to confirm a message.
#[derive(Debug)]
pub struct Ack(pub(crate) oneshot::Receiver<Result<Acked, SendError>>);

/// The server has a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acked {
    /// When the server got it.
    pub timestamp: Timestamp,
}

impl Future for Ack {
    type Output = Result<Acked, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A task that is gone cannot tell any more what became of the message.
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(SendError::Unconfirmed)))
    }
}

/// Whether a number is on WhatsApp.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumberCheck {
    /// The number that was asked for, digits only.
    pub number: String,
    /// Whether it is on WhatsApp; `None` if the server does not say.
    pub exists: Option<bool>,
    /// Its address by phone number; the server may have corrected the number.
    pub jid: Option<Jid>,
    /// Its address by LID.
    pub lid: Option<Jid>,
}

impl fmt::Debug for NumberCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberCheck").field("exists", &self.exists).finish_non_exhaustive()
    }
}

/// What a handle asks the account's task for.
pub(crate) enum Command {
    Send { to: Jid, text: String, options: SendOptions, reply: oneshot::Sender<Result<Sent, SendError>> },
    CheckNumbers { numbers: Vec<String>, reply: oneshot::Sender<Result<Vec<NumberCheck>, QueryError>> },
    Devices { of: Option<Jid>, reply: oneshot::Sender<Result<Vec<Jid>, QueryError>> },
    PairingCode { phone: String, reply: oneshot::Sender<Result<String, PairingCodeError>> },
    Forget { contact: Jid, reply: oneshot::Sender<Result<(), ForgetError>> },
    Logout { reply: oneshot::Sender<Result<(), QueryError>> },
    Shutdown { done: oneshot::Sender<()> },
}

impl Client {
    /// Prepares a client of the account in `store`.
    ///
    /// Use one client per account and store: a second one with the same keys makes the server
    /// disconnect the first.
    pub fn builder(endpoint: Endpoint, store: Arc<dyn AccountStore>) -> ClientBuilder {
        ClientBuilder { store, settings: Settings::new(endpoint) }
    }

    /// The state of the connection, to look at and to wait for changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The account this device is linked to, once it is.
    #[must_use]
    pub fn own_account(&self) -> Option<OwnAccount> {
        self.own.borrow().clone()
    }

    /// Waits until the client is online, or has stopped for good; returns the status of then.
    pub async fn settled(&self) -> Status {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| status.is_online() || status.is_final()).await;
        settled.map_or(Status::Stopped, |status| *status)
    }

    /// Sends `text` to a phone number (international, digits, a leading `+` is fine) or to a JID.
    ///
    /// Returns when the message has left this process; that it did is remembered, and the server's
    /// answer is [`Sent::ack`]. While the client is offline it waits, at most until the deadline.
    ///
    /// # Errors
    ///
    /// Those of [`SendError`], except [`SendError::Refused`] and [`SendError::Unconfirmed`], which
    /// come from [`Sent::ack`].
    pub async fn send_text(&self, to: &str, text: &str, options: SendOptions) -> Result<Sent, SendError> {
        let to = recipient(to).ok_or(SendError::InvalidRecipient)?;
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(SendError::InvalidText);
        }
        let (reply, answer) = oneshot::channel();
        let text = text.to_owned();
        let command = Command::Send { to, text, options, reply };
        self.commands.send(Box::new(command)).await.map_err(|_| SendError::Stopped)?;
        self.reply(answer).await.unwrap_or(Err(SendError::Stopped))
    }

    /// Asks which numbers are on WhatsApp. Ask rarely: bursts of questions cost accounts.
    ///
    /// The answers have the order and the length of `numbers`.
    ///
    /// # Errors
    ///
    /// Those of [`QueryError`].
    pub async fn check_numbers(&self, numbers: &[&str]) -> Result<Vec<NumberCheck>, QueryError> {
        let numbers = numbers.iter().map(|number| digits(number)).collect();
        self.ask(|reply| Command::CheckNumbers { numbers, reply }).await
    }

    /// Lists the devices of an account, the own one if `of` is `None`.
    ///
    /// # Errors
    ///
    /// Those of [`QueryError`].
    pub async fn devices(&self, of: Option<Jid>) -> Result<Vec<Jid>, QueryError> {
        self.ask(|reply| Command::Devices { of, reply }).await
    }

    /// Forgets all that the store has of a contact, by phone number or JID: sessions and identities of their devices,
    /// the list of those, tokens, what connects number and LID, sender keys, and the messages that were sent to them in
    /// the last seven days and kept for being asked for again. Needs no connection.
    ///
    /// Events that were not taken yet stay, and so do the marks of received messages, which name nobody. A contact who
    /// writes later, or is written to, is known again from then on.
    ///
    /// # Errors
    ///
    /// Those of [`ForgetError`].
    pub async fn forget(&self, contact: &str) -> Result<(), ForgetError> {
        let contact = recipient(contact).ok_or(ForgetError::InvalidContact)?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Forget { contact, reply };
        self.commands.send(Box::new(command)).await.map_err(|_| ForgetError::Stopped)?;
        self.reply(answer).await.unwrap_or(Err(ForgetError::Stopped))
    }

    /// Asks for a code to be typed into the phone with number `phone`, as another way to link than
    /// the QR code; it also comes as [`Event::PairingCode`](crate::Event::PairingCode).
    ///
    /// # Errors
    ///
    /// Those of [`PairingCodeError`].
    pub async fn request_pairing_code(&self, phone: &str) -> Result<String, PairingCodeError> {
        let phone = digits(phone);
        if phone.len() < 7 || phone.len() > 15 || phone.starts_with('0') {
            return Err(PairingCodeError::InvalidNumber);
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::PairingCode { phone, reply };
        self.commands.send(Box::new(command)).await.map_err(|_| QueryError::Stopped)?;
        self.reply(answer).await.unwrap_or(Err(PairingCodeError::Query(QueryError::Stopped)))
    }

    /// Unlinks this device, forgets its keys, and stops.
    ///
    /// # Errors
    ///
    /// [`QueryError`] if the server could not be told. The keys are gone all the same, and the phone
    /// keeps listing the device until it is removed there.
    pub async fn logout(&self) -> Result<(), QueryError> {
        self.ask(|reply| Command::Logout { reply }).await
    }

    /// Closes the connection and stops the account's task; returns when it has stopped.
    pub async fn shutdown(&self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Box::new(Command::Shutdown { done })).await.is_ok() {
            self.reply(stopped).await;
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueryError>>) -> Command,
    ) -> Result<T, QueryError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Box::new(command(reply))).await.map_err(|_| QueryError::Stopped)?;
        self.reply(answer).await.unwrap_or(Err(QueryError::Stopped))
    }
}

impl Client {
    /// Waits for a reply of the task; `None` if it stopped without one.
    async fn reply<T>(&self, mut reply: oneshot::Receiver<T>) -> Option<T> {
        tokio::select! {
            biased;
            reply = &mut reply => reply.ok(),
            // A command that was queued in the moment the task ended is never looked at.
            () = self.commands.closed() => reply.try_recv().ok(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}

/// Longest text that phones accept, in characters. Source: observed.
const MAX_TEXT: usize = 65_536;

/// Keeps the digits of a number as people write it: `+7 777 123-45-67`.
fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// Reads a recipient: a phone number, or the JID of a user.
fn recipient(text: &str) -> Option<Jid> {
    let text = text.trim();
    if text.contains('@') {
        let jid: Jid = text.parse().ok()?;
        return (jid.is_pn() || jid.is_lid()).then(|| jid.account());
    }
    let written_as_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')'));
    let number = digits(text);
    (written_as_number && (7..=15).contains(&number.len()) && !number.starts_with('0')).then(|| Jid::pn(&number))
}

/// Prepares a [`Client`]; from [`Client::builder`].
#[must_use]
pub struct ClientBuilder {
    store: Arc<dyn AccountStore>,
    settings: Settings,
}

impl ClientBuilder {
    /// The name that others see beside messages.
    pub fn push_name(mut self, name: impl Into<String>) -> Self {
        self.settings.push_name = Some(name.into());
        self
    }

    /// Stops with [`Status::NotPaired`] instead of showing a QR code if no account is linked.
    pub fn require_paired(mut self) -> Self {
        self.settings.require_paired = true;
        self
    }

    /// Appears online while connected: senders see two ticks at once, contacts see us there, and
    /// the phone stops notifying for a while. Off unless asked for, as suits a gateway.
    pub fn available(mut self, is_available: bool) -> Self {
        self.settings.is_available = is_available;
        self
    }

    /// Shares the limit of connection attempts with other clients of the process.
    pub fn gate(mut self, gate: ConnectGate) -> Self {
        self.settings.gate = gate;
        self
    }

    /// Takes the wall time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Seeds all randomness, keys included, for a run that can be repeated: for tests only.
    pub fn dangerous_seed(mut self, seed: [u8; 32]) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Lets the deadlines of the connection (pings, answers, back-off) run `speed` times as fast: for
    /// tests only.
    pub fn dangerous_speed(mut self, speed: u32) -> Self {
        self.settings.speed = speed.max(1);
        self
    }

    /// Starts the account's task on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(self) -> (Client, Events) {
        let (commands, inbox) = mpsc::channel(COMMAND_QUEUE);
        let (account, events) = driver::Account::new(self.store, self.settings);
        let client = Client { commands, status: account.status(), own: account.own() };
        tokio::spawn(driver::run(account, inbox));
        (client, events)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_numbers_or_addresses_of_users() {
        for (text, want) in [
            ("77771234567", Some(Jid::pn("77771234567"))),
            ("+7 777 123-45-67", Some(Jid::pn("77771234567"))),
            ("77771234567:3@s.whatsapp.net", Some(Jid::pn("77771234567"))),
            ("990000000000002@lid", Some(Jid::lid("990000000000002"))),
            ("120363000000000001@g.us", None),
            ("", None),
            ("12345", None),
            ("0777123456", None),
            ("call me", None),
            ("1234567890123456", None),
        ] {
            assert_eq!(recipient(text), want, "{text}");
        }
    }
}
