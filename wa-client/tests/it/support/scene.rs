//! A sandbox with clients in it.

use std::sync::Arc;
use std::time::Duration;

use fixtures::sandbox::{InboxMessage, Sandbox, SandboxConfig, ScanOptions};
use wa_client::store::{AccountStore, MemoryStore};
use wa_client::{Acked, Client, ClientBuilder, Endpoint, Event, Message, SendError, SendOptions};

use super::network::Network;
use super::process::{PATIENCE, Process};

/// The numbers of the two people in most tests.
pub(crate) const SALON: &str = "77010000001";
pub(crate) const GUEST: &str = "77010000002";

/// Deadlines run this many times as fast where a test waits for one.
pub(crate) const SPEED: u32 = 50;

/// A sandbox behind a network that can be broken.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) network: Network,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let config = SandboxConfig { no_tls: true, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let network = Network::to(&sandbox.address().to_string()).await;
        Self { sandbox, network }
    }

    /// The sandbox, through the network.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::sandbox(&self.network.url(), self.sandbox.root_key()).unwrap()
    }

    /// The sandbox, past the network: for whoever is not to be disturbed.
    pub(crate) fn direct_endpoint(&self) -> Endpoint {
        Endpoint::sandbox(&self.sandbox.url(), self.sandbox.root_key()).unwrap()
    }

    pub(crate) fn builder(&self, store: Arc<dyn AccountStore>) -> ClientBuilder {
        Client::builder(self.endpoint(), store).push_name("Salon").dangerous_speed(SPEED)
    }

    /// Starts a client that is linked to `number` already, or links it.
    pub(crate) async fn linked(&self, store: Arc<dyn AccountStore>, number: &str) -> Process {
        self.link(Process::start_with(self.builder(store)), number).await
    }

    /// Like [`linked`](Self::linked), but past the network.
    pub(crate) async fn linked_directly(&self, store: Arc<dyn AccountStore>, number: &str) -> Process {
        let builder = Client::builder(self.direct_endpoint(), store).push_name("Guest");
        self.link(Process::start_with(builder), number).await
    }

    /// A client of its own for `number`, past the network.
    pub(crate) async fn other(&self, number: &str) -> Process {
        self.linked_directly(Arc::new(MemoryStore::new()), number).await
    }

    /// Lets the phone with `number` scan what the client shows, until it is online.
    pub(crate) async fn link(&self, mut process: Process, number: &str) -> Process {
        loop {
            let shown = process
                .wait_for(|event| match event {
                    Event::Qr { code, .. } => Some(Some(code.clone())),
                    Event::Status(status) if status.is_online() => Some(None),
                    _ => None,
                })
                .await;
            match shown {
                // A code of a connection that is gone is refused; the next one comes.
                Some(code) => drop(self.sandbox.scan_qr(&code, &ScanOptions::by_phone(number))),
                None => return process,
            }
        }
    }

    /// Waits until the phone with `number` shows `count` messages, and returns them.
    pub(crate) async fn phone_shows(&self, number: &str, count: usize) -> Vec<InboxMessage> {
        let shown = async {
            let mut since = 0;
            loop {
                let shown = self.sandbox.inbox(number, 0).unwrap_or_default();
                if shown.len() >= count {
                    return shown;
                }
                since = shown.iter().map(|message| message.seq).max().unwrap_or(since);
                drop(self.sandbox.wait_inbox(number, since, Duration::from_secs(1)).await);
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect("the phone did not get the messages in time")
    }
}

/// Sends a text and waits for the server's ack.
pub(crate) async fn send(process: &Process, to: &str, text: &str) -> Result<Acked, SendError> {
    send_with(process, to, text, SendOptions::default()).await
}

/// Sends a text with options and waits for the server's ack.
pub(crate) async fn send_with(
    process: &Process,
    to: &str,
    text: &str,
    options: SendOptions,
) -> Result<Acked, SendError> {
    process.client.send_text(to, text, options).await?.ack.await
}

/// Waits for the next message that is not our own.
pub(crate) async fn next_message(process: &mut Process) -> Message {
    process
        .wait_for(|event| match event {
            Event::Message(message) => Some(message.clone()),
            _ => None,
        })
        .await
}

/// Waits for the texts of the next `count` messages.
pub(crate) async fn next_texts(process: &mut Process, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        texts.extend(next_message(process).await.text);
    }
    texts
}
