//! A client in a runtime of its own, so that a test can kill it like a process.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;
use wa_client::store::AccountStore;
use wa_client::{Client, ClientBuilder, Endpoint, Event, Events};

/// Longest wait for something that has to happen; long, because a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running client.
pub(crate) struct Process {
    pub(crate) client: Client,
    pub(crate) events: Events,
    runtime: Option<Runtime>,
}

impl Process {
    /// Starts a client of the account in `store`.
    pub(crate) fn start(endpoint: &Endpoint, store: Arc<dyn AccountStore>, name: &str) -> Self {
        Self::start_with(Client::builder(endpoint.clone(), store).push_name(name))
    }

    /// Starts a client that was prepared by the test.
    pub(crate) fn start_with(builder: ClientBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let guard = runtime.enter();
        let (client, events) = builder.start();
        drop(guard);
        Self { client, events, runtime: Some(runtime) }
    }

    /// Ends it as `kill -9` would: nothing gets a chance to clean up.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Waits for the next event that `wanted` makes something of.
    pub(crate) async fn wait_for<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the client has stopped");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("the event did not come in time")
    }

    /// Waits until the client is online.
    pub(crate) async fn online(&mut self) {
        let mut status = self.client.status();
        let online = status.wait_for(wa_client::Status::is_online);
        timeout(PATIENCE, online).await.expect("not online in time").expect("the client is gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
