//! What the parts of an account's task share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard, mpsc, watch};
use wa_proto::device::DeviceRecord;
use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::Names;
use wa_proto::payload::ClientProfile;

use super::acks::Acks;
use super::contacts::QueryPause;
use super::locks::{ChatLocks, InProgress};
use super::pairing::CodeRequest;
use super::port::Port;
use super::records::{Records, put_device};
use super::retry::Retries;
use crate::ambient::{Clock, SharedRng};
use crate::client::OwnAccount;
use crate::endpoint::Endpoint;
use crate::event::{Event, EventQueue, Events};
use crate::fleet::ConnectGate;
use crate::status::Status;
use crate::store::{AccountStore, Changes, StoreError};

/// Requests for pairing codes that wait; one more waits in its caller.
const CODE_QUEUE: usize = 4;

/// How a client was configured.
pub(crate) struct Settings {
    pub(crate) endpoint: Endpoint,
    pub(crate) push_name: Option<String>,
    pub(crate) require_paired: bool,
    pub(crate) gate: ConnectGate,
    pub(crate) clock: Clock,
    pub(crate) seed: Option<[u8; 32]>,
    pub(crate) profile: ClientProfile,
    pub(crate) is_available: bool,
    /// How much faster than time the deadlines of the connection run; 1 outside of tests.
    pub(crate) speed: u32,
}

impl Settings {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            push_name: None,
            require_paired: false,
            gate: ConnectGate::default(),
            clock: Clock::system(),
            seed: None,
            profile: ClientProfile::default(),
            is_available: false,
            speed: 1,
        }
    }

    /// A duration as long as it takes at the configured speed.
    pub(super) fn scaled(&self, duration: Duration) -> Duration {
        duration.checked_div(self.speed).unwrap_or(duration)
    }
}

/// The state of one account that outlives its connections.
pub(crate) struct Account {
    pub(super) records: Records,
    pub(super) settings: Settings,
    pub(super) rng: SharedRng,
    pub(super) events: Arc<EventQueue>,
    status: watch::Sender<Status>,
    own: watch::Sender<Option<OwnAccount>>,
    port: watch::Sender<Option<Port>>,
    /// The device record as it is stored; `None` when it has to be read (again).
    device: Mutex<Option<DeviceRecord>>,
    /// Held by whoever asks the server for devices.
    pub(super) device_queries: Mutex<()>,
    pub(super) query_pause: QueryPause,
    query_ids: AtomicU64,
    pub(super) acks: Acks,
    pub(super) chats: ChatLocks,
    pub(super) issuing: InProgress,
    pub(super) retries: Retries,
    /// Where requests for pairing codes wait until a pairing takes them.
    pub(super) code_queue: mpsc::Sender<CodeRequest>,
    pub(super) code_requests: Mutex<mpsc::Receiver<CodeRequest>>,
}

impl Account {
    pub(crate) fn new(store: Arc<dyn AccountStore>, settings: Settings) -> (Arc<Self>, Events) {
        let queue = Arc::new(EventQueue::default());
        let events = Events::new(Arc::clone(&queue), Arc::clone(&store));
        let (code_queue, code_requests) = mpsc::channel(CODE_QUEUE);
        let account = Self {
            records: Records::new(store),
            rng: SharedRng::new(settings.seed),
            settings,
            events: queue,
            status: watch::Sender::new(Status::Connecting),
            own: watch::Sender::new(None),
            port: watch::Sender::new(None),
            device: Mutex::new(None),
            device_queries: Mutex::new(()),
            query_pause: QueryPause::default(),
            query_ids: AtomicU64::new(0),
            acks: Acks::default(),
            chats: ChatLocks::default(),
            issuing: InProgress::default(),
            retries: Retries::default(),
            code_queue,
            code_requests: Mutex::new(code_requests),
        };
        (Arc::new(account), events)
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn own(&self) -> watch::Receiver<Option<OwnAccount>> {
        self.own.subscribe()
    }

    /// Follows the connection that is logged in: stanzas can be sent through it.
    pub(super) fn online_port(&self) -> watch::Receiver<Option<Port>> {
        self.port.subscribe()
    }

    pub(super) fn set_port(&self, port: Option<Port>) {
        self.port.send_replace(port);
    }

    pub(super) fn current_status(&self) -> Status {
        *self.status.borrow()
    }

    /// Publishes a status; a new pong alone is no event.
    pub(super) fn set_status(&self, status: Status) {
        let former = self.status.send_replace(status);
        let told = match (former, status) {
            (Status::Online { since: former, .. }, Status::Online { since, .. }) => former == since,
            (former, status) => former == status,
        };
        if !told {
            tracing::debug!(status = status.as_str(), "status is {}", status.as_str());
            self.events.tell(Event::Status(status));
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Unix seconds, as stanzas and records have them.
    pub(super) fn now_seconds(&self) -> u64 {
        u64::try_from(self.now().as_second()).unwrap_or(0)
    }

    /// Both names of the own account, without device; nothing before it is linked.
    pub(super) fn own_names(&self) -> Names {
        self.own.borrow().as_ref().map_or_else(Names::default, |own| Names::new(Some(&own.jid), Some(&own.lid)))
    }

    pub(super) fn own_device(&self) -> Option<OwnAccount> {
        self.own.borrow().clone()
    }

    /// Opens the vault: whoever holds it is the only one who reads, changes and commits ratchets,
    /// prekeys, names and the device record.
    ///
    /// One lock for all of it keeps the rule simple that no message is encrypted from a state that
    /// was read before the last commit. What is done under it is computation and one commit, never
    /// a wait for the network.
    pub(super) async fn vault(&self) -> Result<Vault<'_>, StoreError> {
        let mut stored = self.device.lock().await;
        let device = match stored.as_ref() {
            Some(device) => device.clone(),
            None => match self.records.device().await? {
                Some(device) => {
                    *stored = Some(device.clone());
                    device
                }
                None => DeviceRecord::generate(&mut self.rng.clone()),
            },
        };
        Ok(Vault { account: self, stored, device, is_changed: false })
    }

    /// Whether the account's device exists and is linked, as the store says.
    pub(super) async fn stored_device(&self) -> Result<Option<DeviceRecord>, StoreError> {
        let device = self.records.device().await?;
        *self.device.lock().await = device.clone();
        self.publish_own(device.as_ref());
        Ok(device)
    }

    /// Takes in the names of an account, unless they would mix it up with the own one. The caller holds
    /// the vault.
    pub(super) async fn learn(&self, names: &Names, changes: &mut Changes) -> Result<(), StoreError> {
        let own = self.own_names();
        let is_own = |jid: Option<&Jid>| jid.is_some_and(|jid| own.contains(jid));
        if is_own(names.pn()) != is_own(names.lid()) {
            return Ok(());
        }
        self.records.learn_names(names, changes).await
    }

    /// An id for a usync query, unique in this process.
    pub(super) fn new_query_id(&self) -> String {
        format!("u-{}", self.query_ids.fetch_add(1, Ordering::Relaxed))
    }

    fn publish_own(&self, device: Option<&DeviceRecord>) {
        let own = device
            .and_then(|device| device.linked.as_ref())
            .map(|linked| OwnAccount { jid: linked.jid.clone(), lid: linked.lid.clone() });
        self.own.send_if_modified(|known| {
            let changed = *known != own;
            *known = own;
            changed
        });
    }
}

/// Exclusive access to what has to be changed and committed together.
pub(super) struct Vault<'a> {
    account: &'a Account,
    stored: MutexGuard<'a, Option<DeviceRecord>>,
    device: DeviceRecord,
    is_changed: bool,
}

impl Vault<'_> {
    /// The device record, to change; the change is kept with the next commit.
    pub(super) fn device_mut(&mut self) -> &mut DeviceRecord {
        self.is_changed = true;
        &mut self.device
    }

    /// Makes `changes` and the device record durable, or nothing of it.
    pub(super) async fn commit(&mut self, mut changes: Changes) -> Result<(), StoreError> {
        if self.is_changed {
            put_device(&mut changes, &self.device);
        }
        if changes.is_empty() {
            return Ok(());
        }
        // Until it is known how the commit went, nobody knows what is stored: should it fail or
        // this future be dropped, the next one reads.
        *self.stored = None;
        self.account.records.store().commit(changes).await?;
        self.is_changed = false;
        self.account.publish_own(Some(&self.device));
        *self.stored = Some(self.device.clone());
        Ok(())
    }

    /// Removes everything the account has, after a logout.
    pub(super) async fn clear(&mut self) -> Result<(), StoreError> {
        let mut changes = Changes::new();
        changes.clear();
        *self.stored = None;
        self.account.records.store().commit(changes).await?;
        self.account.publish_own(None);
        Ok(())
    }
}

impl Deref for Vault<'_> {
    type Target = DeviceRecord;

    fn deref(&self) -> &DeviceRecord {
        &self.device
    }
}
