//! Linking this device to an account: drives the state machine of [`wa_proto::pairing`].

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use wa_proto::connection::{RequestError, Stanza};
use wa_proto::messaging::addressing::DmAddressing;
use wa_proto::node::NodeRef;
use wa_proto::pairing::machine::{CodeEnd, CodeRequestError, PairingRequest, PairingStep};
use wa_proto::pairing::{Pairing, PairingChange, PairingEvent, PairingOutput};
use wa_proto::stanza::pair::{CodeNotification, PairRefusal, PasskeyRequest, SecretRefresh};

use super::account::Account;
use super::link::End;
use super::port::{Answer, Port};
use super::records::{put_dm_addressing, put_names, put_signed_prekey};
use super::time::Monotonic;
use crate::error::{PairingCodeError, QueryError};
use crate::event::{Event, PairingFailure};
use crate::status::{Disconnect, Status};
use crate::store::{Changes, StoreError};

/// Stanzas of a pairing that may wait; a pairing has a handful.
pub(super) const QUEUE: usize = 16;

/// Somebody who wants a code for a phone number.
pub(super) struct CodeRequest {
    pub(super) phone: String,
    pub(super) reply: oneshot::Sender<Result<String, PairingCodeError>>,
}

/// Whether a notification belongs to the pairing.
pub(super) fn concerns(node: NodeRef<'_>) -> bool {
    CodeNotification::read(node).is_some()
        || SecretRefresh::read(node).is_some()
        || PasskeyRequest::read(node).is_some()
}

/// Tells that the phone which scanned the code knows no linked devices; the code stays valid.
pub(super) fn phone_too_old(account: &Account) {
    account.events.tell(Event::PairingFailed(PairingFailure::PhoneTooOld));
}

/// Notes that the device is not linked any more; its keys are useless from now on.
pub(super) async fn logged_out(account: &Account) {
    let noted = async {
        let mut vault = account.vault().await?;
        // After a logout of our own making there is nothing left to mark.
        if vault.linked.is_none() {
            return Ok(());
        }
        vault.device_mut().login.is_logged_out = true;
        vault.commit(Changes::new()).await
    };
    if let Err(error) = noted.await {
        tracing::error!(%error, "that the device was unlinked could not be stored");
    }
}

/// Runs the pairing of one connection: handles its stanzas and the requests for codes.
pub(super) async fn run(account: Arc<Account>, port: Port, mut stanzas: mpsc::Receiver<Stanza>) -> Result<(), End> {
    let mut requests = account.code_requests.lock().await;
    let keys = account.vault().await.map(|vault| vault.keys.clone());
    let keys = keys.map_err(|error| End::from_store(&error))?;
    let clock = Monotonic::start(account.settings.speed);
    let mut linking = Linking {
        account: &account,
        port,
        clock,
        machine: Pairing::new(keys, account.settings.profile.clone()),
        answers: FuturesUnordered::new(),
        is_open: false,
        last_written: None,
        code_wanted: None,
    };
    loop {
        let until = linking.drain().await?;
        let timer = sleep(until.and_then(|until| clock.instant(until)));
        tokio::select! {
            stanza = stanzas.recv() => match stanza {
                Some(stanza) => linking.stanza(&stanza),
                None => return Ok(()),
            },
            Some((step, answer)) = linking.answers.next(), if !linking.answers.is_empty() => {
                linking.answered(step, answer);
            }
            // Before the server has offered references, requests for codes wait.
            Some(request) = requests.recv(), if linking.is_open => linking.request_code(request),
            () = timer => linking.machine.timed_out(clock.now(), &mut account.rng.clone()),
        }
    }
}

type Waiting = Pin<Box<dyn Future<Output = (PairingStep, Answer)> + Send>>;

struct Linking<'a> {
    account: &'a Account,
    port: Port,
    clock: Monotonic,
    machine: Pairing,
    /// Requests without an answer yet.
    answers: FuturesUnordered<Waiting>,
    is_open: bool,
    /// Tells when the last stanza is written.
    last_written: Option<oneshot::Receiver<()>>,
    /// Who asked for the code that is being made.
    code_wanted: Option<oneshot::Sender<Result<String, PairingCodeError>>>,
}

impl Linking<'_> {
    fn stanza(&mut self, stanza: &Stanza) {
        let tree = stanza.tree();
        self.machine.handle_stanza(tree.root(), self.clock.now(), &mut self.account.rng.clone());
    }

    fn answered(&mut self, step: PairingStep, answer: Answer) {
        match answer {
            Ok(stanza) => self.machine.handle_response(step, Ok(stanza.tree().root())),
            Err(error) => self.machine.handle_response(step, Err(request_error(&error))),
        }
    }

    fn request_code(&mut self, request: CodeRequest) {
        let CodeRequest { phone, reply } = request;
        let (now, mut rng) = (self.clock.now(), self.account.rng.clone());
        match self.machine.request_code(&phone, None, true, now, &mut rng) {
            Ok(()) => self.code_wanted = Some(reply),
            Err(error) => {
                // Here and below: a caller that does not wait for the reply any more does not mind.
                let _ = reply.send(Err(match error {
                    CodeRequestError::CodeIsLive => PairingCodeError::CodeActive,
                    CodeRequestError::MalformedNumber => PairingCodeError::InvalidNumber,
                    CodeRequestError::NotOpen | _ => PairingCodeError::Query(QueryError::NotOnline),
                }));
            }
        }
    }

    /// Does what the machine wants done; returns when it wants to be woken.
    async fn drain(&mut self) -> Result<Option<Duration>, End> {
        loop {
            match self.machine.poll() {
                PairingOutput::Persist(change) => persist(self.account, &change).await?,
                // What follows is not held up by the write: the server ends the connection as soon as it has our
                // signature, and the application is to hear of the pairing all the same.
                PairingOutput::Transmit(node) => {
                    let written = self.port.enqueue(node).await;
                    self.last_written = Some(written.map_err(|error| End::from_query(&error))?);
                }
                PairingOutput::Request(request) => self.request(request),
                PairingOutput::Event(event) => self.event(event),
                PairingOutput::Disconnect => {
                    if let Some(written) = self.last_written.take() {
                        // If the connection ends first, there is nobody to tell.
                        let _ = written.await;
                    }
                    return Err(End::lost(Disconnect::PairingExpired));
                }
                PairingOutput::Idle { until } => return Ok(until),
            }
        }
    }

    fn request(&mut self, request: PairingRequest) {
        let port = self.port.clone();
        let step = request.step();
        self.answers.push(Box::pin(async move { (step, port.query(move |id| request.to_node(id)).await) }));
    }

    fn event(&mut self, event: PairingEvent) {
        let events = &self.account.events;
        match event {
            PairingEvent::Qr { code, valid_until } => {
                self.is_open = true;
                self.account.set_status(Status::WaitingForScan);
                events.tell(Event::Qr { code: code.to_text(), valid_until: self.wall_time(valid_until) });
            }
            PairingEvent::Code { code, valid_until } => {
                let code = code.expose();
                events.tell(Event::PairingCode { code: code.clone(), valid_until: self.wall_time(valid_until) });
                if let Some(reply) = self.code_wanted.take() {
                    let _ = reply.send(Ok(code));
                }
            }
            PairingEvent::CodeEnded(end) => self.code_ended(&end),
            PairingEvent::PasskeyRequired(_) => self.account.set_status(Status::PasskeyRequired),
            PairingEvent::Linked { jid, lid } => {
                tracing::info!("linked to an account");
                events.tell(Event::Paired { jid, lid });
            }
            PairingEvent::Refused(refusal) => {
                tracing::warn!(%refusal, "refused a pairing");
                events.tell(Event::PairingFailed(match refusal {
                    PairRefusal::HmacMismatch | PairRefusal::SignatureMismatch => PairingFailure::Unauthentic,
                    PairRefusal::Internal => PairingFailure::Malformed,
                }));
            }
            // The connection ends, and the next one brings new codes.
            PairingEvent::Exhausted | _ => {}
        }
    }

    fn code_ended(&mut self, end: &CodeEnd) {
        tracing::info!(%end, "a pairing code has ended");
        let (failure, error) = match end {
            CodeEnd::Refused(RequestError::Refused { code, backoff }) => (
                PairingFailure::CodeRefused { code: (*code).into() },
                QueryError::Refused { code: *code, backoff: *backoff },
            ),
            CodeEnd::Refused(RequestError::TimedOut) => (PairingFailure::CodeExpired, QueryError::TimedOut),
            CodeEnd::Refused(_) => (PairingFailure::CodeExpired, QueryError::Disconnected),
            CodeEnd::PhoneSilent => (PairingFailure::CodeMistyped, QueryError::TimedOut),
            CodeEnd::Expired | CodeEnd::NoReference | CodeEnd::RefreshWanted { .. } | _ => {
                (PairingFailure::CodeExpired, QueryError::Malformed)
            }
        };
        self.account.events.tell(Event::PairingFailed(failure));
        if let Some(reply) = self.code_wanted.take() {
            let _ = reply.send(Err(error.into()));
        }
    }

    /// The wall time at which the pairing's clock shows `time`.
    fn wall_time(&self, time: Duration) -> Timestamp {
        let left = self.account.settings.scaled(time.saturating_sub(self.clock.now()));
        self.account.now().saturating_add(left).unwrap_or(Timestamp::MAX)
    }
}

/// Makes a change durable. What the machine wants next tells the other side that we remember it.
async fn persist(account: &Account, change: &PairingChange) -> Result<(), End> {
    store(account, change).await.map_err(|error| {
        account.events.tell(Event::PairingFailed(PairingFailure::NotStored));
        End::from_store(&error)
    })
}

async fn store(account: &Account, change: &PairingChange) -> Result<(), StoreError> {
    let mut vault = account.vault().await?;
    change.apply(vault.device_mut());
    let mut changes = Changes::new();
    if let PairingChange::Linked(linked) = change {
        let (pn, lid) = linked.addresses();
        put_names(&mut changes, &pn, &lid);
        put_signed_prekey(&mut changes, &vault.keys.signed_prekey);
        let unknown = DmAddressing::default();
        let addressing = if vault.login.lid_migrated { unknown.migrated() } else { unknown };
        put_dm_addressing(&mut changes, addressing);
    }
    vault.commit(changes).await
}

fn request_error(error: &QueryError) -> RequestError {
    match error {
        QueryError::Refused { code, backoff } => RequestError::Refused { code: *code, backoff: *backoff },
        QueryError::TimedOut => RequestError::TimedOut,
        QueryError::Malformed => RequestError::Unexpected,
        QueryError::NotOnline | QueryError::Disconnected | QueryError::Stopped | QueryError::Store(_) => {
            RequestError::Closed
        }
    }
}

async fn sleep(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
