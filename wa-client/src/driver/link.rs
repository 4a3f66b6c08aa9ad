//! One connection: the `select!` at the heart of an account's task.

mod end;
mod opening;

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wa_proto::cert::ServerVerified;
use wa_proto::connection::{CloseReason, Connection, Event as WireEvent, Output, REQUEST_TIMEOUT, RequestId, Stanza};
use wa_proto::device::DeviceRecord;
use wa_proto::node::NodeRef;
use wa_proto::stanza::ib::{Aside, OFFLINE_BATCH, offline_batch};
use wa_proto::stanza::login::Success;
use wa_proto::stanza::{Ack, AckClass, Direction, Rejection};

pub(super) use self::end::End;
use super::account::Account;
use super::port::{Answer, Outgoing, Port};
use super::time::Monotonic;
use super::{inbound, login, pairing};
use crate::error::QueryError;
use crate::status::{Disconnect, Status};
use crate::store::Changes;
use crate::transport::Transport;

/// Stanzas that wait to be handled; while there are more, nothing is read from the socket.
const INBOUND_QUEUE: usize = 256;
/// Longest wait for the answer to the login.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest wait, after the connection has ended, for the stanza that is being handled.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A job of one connection. An error ends the connection.
pub(super) type Job = Pin<Box<dyn Future<Output = Result<(), End>> + Send>>;

/// Connects, logs in or registers, and serves the connection until it ends. `turn` is given back
/// when the login is complete.
pub(super) async fn run(account: &Arc<Account>, turn: Option<OwnedSemaphorePermit>, stop: &CancellationToken) -> End {
    let device = match account.vault().await {
        Ok(vault) => DeviceRecord::clone(&vault),
        Err(error) => return End::from_store(&error),
    };
    let settings = match opening::settings(account, &device) {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!(%error, "the stored device cannot log in");
            return End::Final(Status::StoreFailed);
        }
    };
    let transport = tokio::select! {
        transport = Transport::connect(&account.settings.endpoint) => transport,
        () = stop.cancelled() => return End::Stopped,
    };
    let transport = match transport {
        Ok(transport) => transport,
        Err(error) => return End::unreachable(&error),
    };
    let clock = Monotonic::start(account.settings.speed);
    let connection = Connection::open(settings, clock.now(), &mut account.rng.clone());
    let (port, outgoing) = Port::new();
    let (to_inbound, inbound) = mpsc::channel(INBOUND_QUEUE);
    let mut link = Link {
        account,
        transport,
        connection,
        clock,
        is_linked: device.linked.is_some(),
        port: port.clone(),
        answers: BTreeMap::new(),
        written: Vec::new(),
        backlog: VecDeque::new(),
        pairing: None,
        jobs: FuturesUnordered::new(),
        login_deadline: Instant::now().checked_add(account.settings.scaled(LOGIN_TIMEOUT)),
        online_since: None,
        turn,
        wake: None,
        has_failed_resumption: false,
        offline: Offline::default(),
    };
    let (running, handled) = oneshot::channel::<()>();
    let inbound = inbound::run(Arc::clone(account), port, inbound);
    link.jobs.push(Box::pin(async move {
        let _running = running;
        inbound.await
    }));
    let end = link.serve(outgoing, to_inbound, stop).await;
    link.finish(end, handled).await
}

/// A connection that is being served.
struct Link<'a> {
    account: &'a Arc<Account>,
    transport: Transport,
    connection: Connection,
    clock: Monotonic,
    is_linked: bool,
    port: Port,
    /// Who waits for which answer.
    answers: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    /// Who waits for what is about to be written.
    written: Vec<oneshot::Sender<()>>,
    /// Stanzas that the inbound job has no room for yet.
    backlog: VecDeque<Stanza>,
    /// The way to the pairing job, once the server offered codes.
    pairing: Option<mpsc::Sender<Stanza>>,
    jobs: FuturesUnordered<Job>,
    /// When a login without an answer is given up; `None` once it is answered.
    login_deadline: Option<Instant>,
    online_since: Option<Instant>,
    turn: Option<OwnedSemaphorePermit>,
    wake: Option<Duration>,
    /// The server did not prove to be the one of last time.
    has_failed_resumption: bool,
    offline: Offline,
}

/// How much of the backlog is still to come.
#[derive(Debug, Default)]
struct Offline {
    /// Stanzas that the server announced and has not delivered.
    left: u64,
    /// Stanzas that were asked for and have not arrived.
    asked: u64,
}

impl Offline {
    /// Counts a stanza of the backlog; true if more has to be asked for.
    fn has_arrived(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.asked = self.asked.saturating_sub(1);
        let more = self.left > 0 && self.asked == 0;
        if more {
            self.asked = OFFLINE_BATCH.into();
        }
        more
    }
}

impl Link<'_> {
    async fn serve(
        &mut self,
        mut outgoing: mpsc::Receiver<Outgoing>,
        to_inbound: mpsc::Sender<Stanza>,
        stop: &CancellationToken,
    ) -> End {
        loop {
            let drained = tokio::select! {
                drained = self.drain() => drained,
                () = stop.cancelled() => Err(End::Stopped),
            };
            if let Err(end) = drained {
                return end;
            }
            let wake = sleep_at(self.wake.and_then(|wake| self.clock.instant(wake)));
            let login_over = sleep_at(self.login_deadline);
            let now = self.clock.now();
            tokio::select! {
                received = self.transport.receive(), if self.backlog.is_empty() => match received {
                    Ok(bytes) => self.connection.received(&bytes, now, &mut self.account.rng.clone()),
                    Err(error) => {
                        tracing::info!(%error, "the connection ended");
                        self.connection.disconnected();
                    }
                },
                room = to_inbound.reserve(), if !self.backlog.is_empty() => {
                    // Without the inbound job the connection ends, and the server sends it all again.
                    if let Ok(room) = room && let Some(stanza) = self.backlog.pop_front() {
                        room.send(stanza);
                    }
                }
                Some(wanted) = outgoing.recv() => self.put(wanted),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => {
                    if let Err(end) = done {
                        return end;
                    }
                }
                () = wake => {
                    let now = self.clock.now();
                    self.connection.timed_out(now, &mut self.account.rng.clone());
                }
                () = login_over => return End::lost(Disconnect::Handshake),
                () = stop.cancelled() => return End::Stopped,
            }
        }
    }

    /// Does what the connection wants done, until it wants nothing.
    async fn drain(&mut self) -> Result<(), End> {
        loop {
            match self.connection.poll() {
                Output::Transmit(bytes) => {
                    if let Err(error) = self.transport.send(bytes).await {
                        tracing::info!(%error, "the connection broke while writing");
                        return Err(End::lost(Disconnect::Closed));
                    }
                }
                Output::Event(event) => self.event(event)?,
                Output::Idle { until } => {
                    self.wake = until;
                    for written in self.written.drain(..) {
                        // A job that does not wait any more does not mind.
                        let _ = written.send(());
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Sends what a job wants sent.
    fn put(&mut self, wanted: Outgoing) {
        let now = self.clock.now();
        let sent = match wanted {
            Outgoing::Query { write, reply } => match self.connection.request_with(write, REQUEST_TIMEOUT, now) {
                Ok(id) => {
                    self.answers.insert(id, reply);
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            Outgoing::Node { node, written } => self.connection.send(&node, now).map(|()| written),
            Outgoing::Stanza { bytes, written } => self.connection.send_encoded(&bytes, now).map(|()| Some(written)),
            Outgoing::Job(job) => {
                self.jobs.push(job);
                Ok(None)
            }
        };
        match sent {
            Ok(written) => self.written.extend(written),
            // The job hears of it because its end of the channel is dropped.
            Err(error) => tracing::warn!(%error, "a stanza was not sent"),
        }
    }

    fn event(&mut self, event: WireEvent) -> Result<(), End> {
        match event {
            WireEvent::Established { server, .. } => self.established(&server),
            WireEvent::Stanza(stanza) => self.stanza(stanza)?,
            WireEvent::Response { id, answer } => {
                if let Some(reply) = self.answers.remove(&id) {
                    // A job that does not wait any more does not mind.
                    let _ = reply.send(answer.map_err(QueryError::from));
                }
            }
            WireEvent::Pong { .. } => self.pong(),
            WireEvent::Dropped(problem) => {
                tracing::warn!(error = %problem, "dropped a frame without a stanza");
            }
            WireEvent::Closed(reason) => return Err(self.closed(reason)),
            _ => {}
        }
        Ok(())
    }

    /// Keeps the server's certificates, so that the next login takes one round trip less.
    fn established(&mut self, server: &ServerVerified) {
        if !self.is_linked {
            return;
        }
        let chain = server.chain().to_vec();
        let account = Arc::clone(self.account);
        self.jobs.push(Box::pin(async move {
            let stored = async {
                let mut vault = account.vault().await?;
                if vault.login.server_chain.as_ref() == Some(&chain) {
                    return Ok(());
                }
                vault.device_mut().login.server_chain = Some(chain);
                vault.commit(Changes::new()).await
            };
            stored.await.map_err(|error| End::from_store(&error))
        }));
    }

    fn pong(&mut self) {
        if let Status::Online { since, .. } = self.account.current_status() {
            let last_pong = self.account.now();
            self.account.set_status(Status::Online { since, last_pong });
        }
    }

    fn stanza(&mut self, stanza: Stanza) -> Result<(), End> {
        let tree = stanza.tree();
        let node = tree.root();
        match node.tag() {
            "success" => self.succeeded(node),
            "failure" => return Err(End::login_failure(node, self.account.now())),
            "ib" => self.asides(node),
            "ack" => self.acknowledged(node),
            "iq" => self.pair(stanza),
            "notification" if pairing::concerns(node) => self.pair(stanza),
            "message" | "receipt" | "notification" | "call" | "status" | "appdata" => {
                let asks_for_more = node.value("offline").is_some() && self.offline.has_arrived();
                if asks_for_more {
                    self.spawn_send(offline_batch(OFFLINE_BATCH));
                }
                self.backlog.push_back(stanza);
            }
            // Nothing that is acted on yet, and nothing that wants an answer.
            "presence" | "chatstate" => {}
            _ => self.refuse(node),
        }
        Ok(())
    }

    fn succeeded(&mut self, node: NodeRef<'_>) {
        // The server repeats nothing, but a second login of the same connection must not start.
        if self.login_deadline.take().is_none() || !self.is_linked {
            return;
        }
        let Ok(success) = Success::read(node) else { return };
        self.online_since = Some(Instant::now());
        let (account, port) = (Arc::clone(self.account), self.port.clone());
        self.turn.take();
        self.jobs.push(Box::pin(login::run(account, port, success)));
    }

    fn asides(&mut self, node: NodeRef<'_>) {
        for aside in Aside::read_all(node).unwrap_or_default() {
            match aside {
                Aside::OfflinePreview(counts) if counts.count > 0 => {
                    tracing::debug!(count = counts.count, "a backlog of {} waits", counts.count);
                    self.offline = Offline { left: counts.count, asked: OFFLINE_BATCH.into() };
                    self.spawn_send(offline_batch(OFFLINE_BATCH));
                }
                Aside::OfflineEnd { .. } => self.offline = Offline::default(),
                Aside::EdgeRouting(info) => self.keep_routing(info),
                Aside::DowngradeWebclient => pairing::phone_too_old(self.account),
                // Dirty state concerns collections that this client does not keep.
                Aside::OfflinePreview(_) | Aside::Dirty { .. } | Aside::Unknown | _ => {}
            }
        }
    }

    fn spawn_send(&mut self, node: wa_proto::node::Node) {
        let port = self.port.clone();
        // A connection that ends meanwhile tells so itself.
        self.jobs.push(Box::pin(async move {
            drop(port.post(node).await);
            Ok(())
        }));
    }

    fn keep_routing(&mut self, info: Vec<u8>) {
        let account = Arc::clone(self.account);
        self.jobs.push(Box::pin(async move {
            let stored = async {
                let mut vault = account.vault().await?;
                if vault.login.routing_info.as_ref() == Some(&info) {
                    return Ok(());
                }
                vault.device_mut().login.routing_info = Some(info);
                vault.commit(Changes::new()).await
            };
            stored.await.map_err(|error| End::from_store(&error))
        }));
    }

    fn acknowledged(&mut self, node: NodeRef<'_>) {
        let Ok(ack) = Ack::parse(node, Direction::Down) else { return };
        if ack.class == AckClass::Message {
            self.account.acks.resolve(ack);
        }
    }

    /// Hands a stanza to the pairing job, which starts with the first one.
    fn pair(&mut self, stanza: Stanza) {
        if self.is_linked {
            return;
        }
        self.login_deadline = None;
        self.turn.take();
        let to_pairing = self.pairing.get_or_insert_with(|| {
            let (to_pairing, stanzas) = mpsc::channel(pairing::QUEUE);
            let (account, port) = (Arc::clone(self.account), self.port.clone());
            self.jobs.push(Box::pin(pairing::run(account, port, stanzas)));
            to_pairing
        });
        if to_pairing.try_send(stanza).is_err() {
            tracing::warn!("dropped a stanza of the pairing: too many wait");
        }
    }

    /// Refuses a stanza of an unknown kind, so that the server does not send it again and again.
    fn refuse(&mut self, node: NodeRef<'_>) {
        let Some(own) = self.account.own_device() else { return };
        if let Ok(ack) = Ack::answer(node, &own.jid) {
            let ack = ack.rejecting(Rejection::UnknownStanza);
            self.spawn_send(ack.to_node(Direction::Up));
        }
    }

    fn closed(&mut self, reason: CloseReason) -> End {
        match reason {
            CloseReason::Handshake { error, resumed } => {
                self.has_failed_resumption = resumed;
                End::handshake(&error)
            }
            CloseReason::HandshakeTimeout => End::lost(Disconnect::Handshake),
            CloseReason::Transport(error) => {
                tracing::warn!(%error, "the connection is out of step");
                End::lost(Disconnect::Protocol)
            }
            CloseReason::StreamEnd => End::lost(Disconnect::ServerEnded),
            CloseReason::StreamError(stanza) => End::stream_error(&stanza),
            CloseReason::Silent => End::lost(Disconnect::Silent),
            CloseReason::Disconnected | _ => End::lost(Disconnect::Closed),
        }
    }

    /// Lets the stanza that is being handled come to its end; `handled` is told then.
    ///
    /// Once it is committed, the server's repetition of it tells nothing new: dropped between its commit and its
    /// events, a message would stay in the store, untold until the next start. A store that does not answer in time is
    /// not waited for, so whatever it did commit is looked for.
    async fn settle(&mut self, mut handled: oneshot::Receiver<()>) {
        let settled = async {
            loop {
                tokio::select! {
                    _ = &mut handled => return,
                    // The stanza may wait for the vault, which another job holds.
                    Some(_) = self.jobs.next(), if !self.jobs.is_empty() => {}
                }
            }
        };
        if tokio::time::timeout(SETTLE_TIMEOUT, settled).await.is_err() {
            tracing::warn!("the store did not answer before the connection was given up");
        }
        self.account.events.look_again();
    }

    async fn finish(mut self, end: End, handled: oneshot::Receiver<()>) -> End {
        self.account.set_port(None);
        self.settle(handled).await;
        // Nobody polls the jobs any more, and one of them may hold the vault.
        self.jobs.clear();
        if self.has_failed_resumption {
            forget_chain(self.account).await;
        }
        let online_for = self.online_since.map_or(Duration::ZERO, |since| since.elapsed());
        match end {
            End::Lost { reason, .. } => {
                End::Lost { reason, online_for: online_for.saturating_mul(self.account.settings.speed) }
            }
            End::Final(Status::LoggedOut) => {
                pairing::logged_out(self.account).await;
                end
            }
            End::Stopped => {
                self.transport.close().await;
                End::Stopped
            }
            End::Restart | End::Final(_) => end,
        }
    }
}

/// Forgets the server's certificates: the next login does without.
async fn forget_chain(account: &Account) {
    let forgotten = async {
        let mut vault = account.vault().await?;
        vault.device_mut().login.server_chain = None;
        vault.commit(Changes::new()).await
    };
    if let Err(error) = forgotten.await {
        tracing::warn!(%error, "the server's certificates could not be forgotten");
    }
}

async fn sleep_at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_backlog_is_asked_for_in_parts() {
        let batch = u64::from(OFFLINE_BATCH);
        let mut offline = Offline { left: 2 * batch + 50, asked: batch };
        let asked: Vec<u64> = (1..=2 * batch + 50).filter(|_| offline.has_arrived()).collect();
        assert_eq!(asked, [batch, 2 * batch]);
        assert!(!offline.has_arrived(), "what was not announced asks for nothing");
    }
}
