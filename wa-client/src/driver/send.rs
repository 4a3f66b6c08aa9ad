//! Sending a message: from a text and a recipient to the server's ack.
//!
//! The order is what matters: everything that has to be asked is asked first; then, under the vault,
//! the message is encrypted and committed together with the ratchets it used; only then it leaves. The
//! encoded stanza is kept until its ack, and after a lost connection these very bytes go out again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::{Instant, timeout_at};
use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::{DmAttempt, Names, Route, RouteError, route};
use wa_proto::messaging::outbound::{self, Labels, Outbound, Target, phash_agrees};
use wa_proto::messaging::sessions::{self, PrimaryIdentity};
use wa_proto::messaging::{MessageId, MessageSecret, Plaintext};
use wa_proto::signal::{DeviceAddress, LocalDevice, SessionRecord};
use wa_proto::stanza::prekeys::DeviceBundle;
use wa_proto::stanza::{Ack, RefusalReaction, SendRefusal};

use super::account::{Account, Vault};
use super::acks::Expected;
use super::port::Port;
use super::records::{address, put_dm_addressing, put_sent, put_session};
use super::{contacts, tokens};
use crate::client::{Ack as AckFuture, Acked, SendOptions, Sent};
use crate::error::{QueryError, SendError};
use crate::store::{Changes, StoreError};

/// Runs one send from the call of its handle to the server's ack.
pub(super) async fn run(
    account: Arc<Account>,
    to: Jid,
    text: String,
    options: SendOptions,
    reply: oneshot::Sender<Result<Sent, SendError>>,
) {
    let deadline = Instant::now().checked_add(options.deadline).unwrap_or_else(far_future);
    let mut rng = account.rng.clone();
    let id = if let Some(id) = &options.id {
        MessageId::parse(id)
    } else {
        let own = account.own_names();
        let user = own.pn().map(Jid::user).unwrap_or_default();
        Ok(MessageId::generate(account.now_seconds(), user, &mut rng))
    };
    // In all of this: a caller that does not wait for an answer any more does not mind.
    let id = match id {
        Ok(id) => id,
        Err(error) => return drop(reply.send(Err(SendError::Build(Box::new(error))))),
    };
    let plaintext = Plaintext::text(&text, &MessageSecret::generate(&mut rng));
    let (acked, ack) = oneshot::channel();
    let mut sending = Sending {
        account: &account,
        to,
        expected: account.acks.expect(id.as_str()),
        id,
        plaintext,
        deadline,
        turn: None,
        reply: Some((reply, ack)),
    };
    let outcome = sending.run().await;
    match (sending.reply.take(), outcome) {
        (Some((reply, _)), Err(error)) => drop(reply.send(Err(error))),
        (_, outcome) => drop(acked.send(outcome)),
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_hours(365 * 24)
}

/// The two ends a caller holds: the answer to the call, and the ack that goes into it.
type Reply = (oneshot::Sender<Result<Sent, SendError>>, oneshot::Receiver<Result<Acked, SendError>>);

struct Sending<'a> {
    account: &'a Arc<Account>,
    to: Jid,
    id: MessageId,
    plaintext: Plaintext,
    deadline: Instant,
    expected: Expected<'a>,
    /// Holds back later messages to the same chat until this one has left.
    turn: Option<OwnedMutexGuard<()>>,
    /// Taken when the message has left for the first time.
    reply: Option<Reply>,
}

/// A message that is committed and may leave.
struct Prepared {
    outbound: Outbound,
    recipient: Names,
    route: Route,
}

impl Sending<'_> {
    async fn run(&mut self) -> Result<Acked, SendError> {
        let account = self.account;
        let Ok(turn) = timeout_at(self.deadline, account.chats.lock(&self.to)).await else {
            return Err(self.too_late());
        };
        self.turn = Some(turn);
        let mut attempt = account.records.dm_addressing().await?.begin();
        loop {
            let prepared = self.prepare(attempt).await?;
            let ack = self.deliver(&prepared).await?;
            match ack.outcome() {
                Ok(()) => {
                    self.accepted(attempt, &prepared, &ack).await;
                    return Ok(Acked { timestamp: self.time_of(&ack) });
                }
                Err(refusal) => {
                    let next = (refusal.reaction() == RefusalReaction::OtherNamespace).then(|| attempt.refused());
                    let Some(next) = next.flatten() else {
                        self.refused(refusal, &prepared).await;
                        return Err(SendError::Refused(refusal));
                    };
                    attempt = next;
                }
            }
            // The same message with the same id, encrypted anew: the next ack is for that.
            self.expected = account.acks.expect(self.id.as_str());
        }
    }

    fn time_of(&self, ack: &Ack) -> Timestamp {
        let seconds = ack.timestamp.and_then(|seconds| i64::try_from(seconds).ok());
        let told = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        told.unwrap_or_else(|| self.account.now())
    }

    /// Asks what has to be asked, encrypts and commits. If the connection is lost meanwhile, it starts
    /// again on the next one.
    async fn prepare(&mut self, attempt: DmAttempt) -> Result<Prepared, SendError> {
        loop {
            let port = self.online().await?;
            let prepared = timeout_at(self.deadline, self.prepare_on(&port, attempt)).await;
            match prepared {
                Ok(Err(SendError::Query(QueryError::Disconnected))) => self.left(&port).await?,
                Ok(prepared) => return prepared,
                Err(_) => return Err(self.too_late()),
            }
        }
    }

    /// Waits for a connection that is logged in.
    async fn online(&self) -> Result<Port, SendError> {
        let mut port = self.account.online_port();
        let port = timeout_at(self.deadline, port.wait_for(Option::is_some)).await;
        let port = port.map_err(|_| self.too_late())?.map_err(|_| SendError::Stopped)?;
        port.clone().ok_or(SendError::NotOnline)
    }

    /// Waits until `port` is not the current one any more.
    async fn left(&self, port: &Port) -> Result<(), SendError> {
        let mut current = self.account.online_port();
        let gone = current.wait_for(|now| now.as_ref().is_none_or(|now| !now.is_same(port)));
        timeout_at(self.deadline, gone).await.map_err(|_| self.too_late())?.map_err(|_| SendError::Stopped)?;
        Ok(())
    }

    /// What it means that the time is over: before the message has left, nothing was sent.
    fn too_late(&self) -> SendError {
        match self.reply {
            Some(_) if self.account.current_status().is_online() => QueryError::TimedOut.into(),
            Some(_) => SendError::NotOnline,
            None => SendError::Unconfirmed,
        }
    }

    async fn prepare_on(&self, port: &Port, attempt: DmAttempt) -> Result<Prepared, SendError> {
        let account = self.account;
        let recipient = contacts::resolve(account, port, &self.to).await?;
        let recipient = recipient.ok_or(SendError::NotOnWhatsApp)?;
        let own = account.own_device().ok_or(SendError::Stopped)?;
        let route = match route(attempt.namespace(), &account.own_names(), &recipient) {
            Err(RouteError::UnknownRecipient(namespace)) => route(namespace.other(), &account.own_names(), &recipient),
            routed => routed,
        };
        let route = route.map_err(|error| SendError::Build(Box::new(error)))?;
        let lists = contacts::device_lists(account, port, &recipient).await?;
        let devices = sessions::target_devices(&route, &lists.recipient, &lists.own, own.jid.device());
        let names = [recipient.clone(), account.own_names()];
        let addresses: Vec<DeviceAddress> = devices.iter().filter_map(|device| address_among(&names, device)).collect();
        let records = account.records.sessions(&addresses).await?;
        let missing = sessions::missing(devices.iter().zip(records.iter().map(Some)));
        let bundles = contacts::bundles(account, port, missing.cloned().collect()).await;
        let bundles = match bundles {
            Ok(bundles) => bundles,
            // Those that have a session get the message all the same.
            Err(QueryError::Refused { .. } | QueryError::TimedOut) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let outbound = self.encrypt(&recipient, &route, &devices, bundles).await?;
        Ok(Prepared { outbound, recipient, route })
    }

    /// Encrypts for all devices and commits the ratchets, the new sessions and the message itself.
    async fn encrypt(
        &self,
        recipient: &Names,
        route: &Route,
        devices: &[Jid],
        bundles: Vec<(Jid, DeviceBundle)>,
    ) -> Result<Outbound, SendError> {
        let account = self.account;
        let names = [recipient.clone(), account.own_names()];
        let mut vault = account.vault().await?;
        let linked = vault.linked.clone().ok_or(SendError::Stopped)?;
        let (jids, addresses): (Vec<Jid>, Vec<DeviceAddress>) =
            devices.iter().filter_map(|device| Some((device.clone(), address_among(&names, device)?))).unzip();
        let records = account.records.sessions(&addresses).await?;
        let mut targets: Vec<(Jid, DeviceAddress, SessionRecord)> = jids
            .into_iter()
            .zip(addresses)
            .zip(records)
            .map(|((jid, address), record)| (jid, address, record))
            .collect();
        install_bundles(account, &vault, &names, &mut targets, bundles).await?;
        let token = if route.is_self { None } else { tokens::for_message(account, recipient).await? };
        let identity = linked.identity.to_bytes();
        let send = outbound::Send {
            id: &self.id,
            route,
            own_device: linked.device(),
            plaintext: &self.plaintext,
            labels: Labels::TEXT,
            device_identity: &identity,
            token: token.as_ref(),
            extras: &[],
        };
        let mut borrowed: Vec<Target<'_>> =
            targets.iter_mut().map(|(device, _, record)| Target { device, record }).collect();
        let outbound = outbound::encrypt(&send, &mut borrowed, &mut account.rng.clone());
        let outbound = outbound.map_err(|error| match error {
            outbound::OutboundError::NobodyReachable => SendError::NoUsableDevice,
            error @ (outbound::OutboundError::ForeignTarget
            | outbound::OutboundError::DuplicateTarget
            | outbound::OutboundError::OwnDevice
            | outbound::OutboundError::Encode(_)
            | _) => SendError::Build(Box::new(error)),
        })?;
        let mut changes = Changes::new();
        for (device, address, record) in &targets {
            if outbound.devices.contains(device) {
                put_session(&mut changes, address, record);
            }
        }
        let now = account.now().as_second();
        put_sent(&mut changes, self.id.as_str(), &route.to, self.plaintext.as_bytes(), now);
        vault.commit(changes).await?;
        Ok(outbound)
    }

    /// Puts the message on the wire and waits for its ack, on one connection after the other.
    async fn deliver(&mut self, prepared: &Prepared) -> Result<Ack, SendError> {
        loop {
            let port = self.online().await?;
            let written = port.send_encoded(prepared.outbound.stanza.clone());
            let Ok(written) = timeout_at(self.deadline, written).await else {
                // It may have left in this moment.
                self.has_left(prepared);
                return Err(SendError::Unconfirmed);
            };
            if written.is_err() {
                self.left(&port).await?;
                continue;
            }
            if self.reply.is_some() && !prepared.route.is_self {
                let (account, contact) = (Arc::clone(self.account), prepared.recipient.clone());
                port.spawn(tokens::issue_after_send(account, port.clone(), contact)).await;
            }
            self.has_left(prepared);
            let mut current = self.account.online_port();
            let gone = current.wait_for(|now| now.as_ref().is_none_or(|now| !now.is_same(&port)));
            tokio::select! {
                ack = &mut self.expected.ack => return ack.map_err(|_| SendError::Unconfirmed),
                // The connection is lost: the same bytes go out on the next one.
                gone = gone => { gone.map_err(|_| SendError::Unconfirmed)?; }
                () = tokio::time::sleep_until(self.deadline) => return Err(SendError::Unconfirmed),
            }
        }
    }

    /// Answers the call: the message has left.
    fn has_left(&mut self, prepared: &Prepared) {
        self.turn = None;
        if let Some((reply, ack)) = self.reply.take() {
            let chat = prepared.recipient.pn().unwrap_or(&prepared.route.to).clone();
            let sent = Sent { id: self.id.to_string(), chat, ack: AckFuture(ack) };
            // The caller may be gone; the message is on its way all the same.
            let _ = reply.send(Ok(sent));
        }
    }

    /// Takes in what an ack teaches. The message is delivered, so a failure here is no failure of it.
    async fn accepted(&self, attempt: DmAttempt, prepared: &Prepared, ack: &Ack) {
        let learnt = async {
            let known = self.account.records.dm_addressing().await?;
            let mut changes = Changes::new();
            if attempt.accepted(known) != known {
                put_dm_addressing(&mut changes, attempt.accepted(known));
            }
            if let Some(phash) = &ack.phash {
                let own = self.account.own_device().map_or(0, |own| own.jid.device());
                let devices = &prepared.outbound.devices;
                if !phash_agrees(phash, devices, &prepared.route.own, own) {
                    tracing::debug!("a device list is stale");
                    contacts::mark_stale(self.account, &prepared.recipient, &mut changes).await?;
                    let own = self.account.own_names();
                    contacts::mark_stale(self.account, &own, &mut changes).await?;
                }
            }
            self.commit(changes).await
        };
        report(learnt.await);
    }

    /// Takes in what a refusal teaches.
    async fn refused(&self, refusal: SendRefusal, prepared: &Prepared) {
        tracing::warn!(%refusal, "the server refused a message");
        let learnt = async {
            let mut changes = Changes::new();
            match refusal.reaction() {
                RefusalReaction::ForgetRecipient => {
                    contacts::forget(&prepared.recipient, &mut changes);
                }
                RefusalReaction::RefreshOwnDevices => {
                    let own = self.account.own_names();
                    contacts::mark_stale(self.account, &own, &mut changes).await?;
                }
                RefusalReaction::OtherNamespace
                | RefusalReaction::RefreshGroup
                | RefusalReaction::BackOff
                | RefusalReaction::RetryLater
                | RefusalReaction::PauseNewContacts
                | RefusalReaction::Fail
                | _ => {}
            }
            self.commit(changes).await
        };
        report(learnt.await);
    }

    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.account.vault().await?.commit(changes).await
    }
}

fn report(stored: Result<(), StoreError>) {
    if let Err(error) = stored {
        tracing::warn!(%error, "what an ack taught could not be stored");
    }
}

/// Where a device's record is kept, given the names of the accounts it may belong to.
pub(super) fn address_among(names: &[Names], device: &Jid) -> Option<DeviceAddress> {
    let of = names.iter().find(|names| names.contains(device)).cloned();
    address(&of.unwrap_or_else(|| Names::of(device)), device)
}

/// Starts sessions with devices that have none, from the bundles that were fetched for them.
async fn install_bundles(
    account: &Account,
    vault: &Vault<'_>,
    names: &[Names; 2],
    targets: &mut [(Jid, DeviceAddress, SessionRecord)],
    bundles: Vec<(Jid, DeviceBundle)>,
) -> Result<(), StoreError> {
    let local = LocalDevice { identity: &vault.keys.identity, registration_id: vault.keys.registration_id.value() };
    for (device, fetched) in bundles {
        let primary = primary_identity(account, vault, names, &device, targets).await?;
        let target = targets.iter_mut().find(|(target, ..)| *target == device);
        // Somebody else may have started a session meanwhile.
        let Some((_, _, record)) = target.filter(|(_, _, record)| !record.has_session()) else {
            continue;
        };
        let (known, is_own_account) = primary;
        let primary = PrimaryIdentity { known: known.as_ref(), is_own_account };
        let mut rng = account.rng.clone();
        if let Err(error) = sessions::install(record, local, &device, fetched, primary, &mut rng) {
            tracing::warn!(%error, "a bundle was refused");
        }
    }
    Ok(())
}

/// The identity of the phone that vouches for a device, as far as it is known: for the own account the
/// key that signed our pairing, for others that of their device 0.
async fn primary_identity(
    account: &Account,
    vault: &Vault<'_>,
    names: &[Names; 2],
    device: &Jid,
    targets: &[(Jid, DeviceAddress, SessionRecord)],
) -> Result<(Option<wa_proto::keys::PublicKey>, bool), StoreError> {
    if account.own_names().contains(device) {
        let key = vault.linked.as_ref().map(|linked| *linked.identity.account_key());
        return Ok((key, true));
    }
    let Some(phone) = address_among(names, &device.account()) else { return Ok((None, false)) };
    // A session that this very send has started shows the identity first.
    let fresh = targets.iter().find(|(_, address, _)| *address == phone);
    let known = match fresh {
        Some((_, _, record)) => record.identity().copied(),
        None => account.records.session(&phone).await?.identity().copied(),
    };
    Ok((known, false))
}
