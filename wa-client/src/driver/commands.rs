//! What the handles of an account ask for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wa_proto::stanza::pair::RemoveDevice;

use super::account::Account;
use super::pairing::CodeRequest;
use super::port::Port;
use super::{contacts, forget, send};
use crate::client::Command;
use crate::error::{PairingCodeError, QueryError};

/// Longest wait for a connection before a question to the server is given up.
const ONLINE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the server to confirm that this device is unlinked. Source: observed.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(3);
/// Commands that run at the same time; further ones wait in the handles' queue.
const MAX_JOBS: usize = 256;

type Job = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes commands until the handles are gone, one of them ends the client, or `stop` is told.
/// Returns who wants to hear that everything has stopped.
pub(super) async fn run(
    account: &Arc<Account>,
    commands: &mut mpsc::Receiver<Box<Command>>,
    stop: &CancellationToken,
) -> Option<oneshot::Sender<()>> {
    let mut jobs: FuturesUnordered<Job> = FuturesUnordered::new();
    loop {
        let has_room = jobs.len() < MAX_JOBS;
        tokio::select! {
            command = commands.recv(), if has_room => match *command? {
                Command::Shutdown { done } => return Some(done),
                Command::Logout { reply } => {
                    // Nobody polls the jobs any more, and one of them may hold the vault.
                    jobs.clear();
                    let outcome = logout(account).await;
                    // The handle that asked may be gone; the device is unlinked all the same.
                    let _ = reply.send(outcome);
                    return None;
                }
                command @ (Command::Send { .. }
                | Command::CheckNumbers { .. }
                | Command::Devices { .. }
                | Command::Forget { .. }
                | Command::PairingCode { .. }) => jobs.push(job(Arc::clone(account), command)),
            },
            Some(()) = jobs.next(), if !jobs.is_empty() => {}
            () = stop.cancelled() => return None,
        }
    }
}

// In all jobs: a caller that does not wait for the reply any more does not mind.

fn job(account: Arc<Account>, command: Command) -> Job {
    match command {
        Command::Send { to, text, options, reply } => Box::pin(send::run(account, to, text, options, reply)),
        Command::CheckNumbers { numbers, reply } => Box::pin(async move {
            let answer = async {
                let port = online(&account).await?;
                contacts::check_numbers(&account, &port, numbers).await
            };
            let _ = reply.send(answer.await);
        }),
        Command::Devices { of, reply } => Box::pin(async move {
            let answer = async {
                let port = online(&account).await?;
                contacts::list_devices(&account, &port, of).await
            };
            let _ = reply.send(answer.await);
        }),
        Command::Forget { contact, reply } => Box::pin(async move {
            let _ = reply.send(forget::contact(&account, &contact).await);
        }),
        Command::PairingCode { phone, reply } => Box::pin(async move {
            if account.own_device().is_some() {
                let _ = reply.send(Err(PairingCodeError::AlreadyPaired));
            } else {
                // Without room somebody asks for codes faster than they can be shown.
                let _ = account.code_queue.send(CodeRequest { phone, reply }).await;
            }
        }),
        // Both end the loop before they come here.
        Command::Logout { .. } | Command::Shutdown { .. } => Box::pin(async {}),
    }
}

/// Waits until stanzas can be sent.
async fn online(account: &Account) -> Result<Port, QueryError> {
    let mut port = account.online_port();
    let online = timeout(ONLINE_TIMEOUT, port.wait_for(Option::is_some)).await;
    let port = online.map_err(|_| QueryError::NotOnline)?.map_err(|_| QueryError::Stopped)?;
    port.clone().ok_or(QueryError::NotOnline)
}

/// Tells the server that this device is unlinked, and removes its keys whether that works or not.
async fn logout(account: &Account) -> Result<(), QueryError> {
    let told = async {
        let own = account.own_device().ok_or(QueryError::NotOnline)?;
        let port = account.online_port().borrow().clone().ok_or(QueryError::NotOnline)?;
        let request = port.request(RemoveDevice { jid: own.jid });
        match timeout(LOGOUT_TIMEOUT, request).await {
            // The server may end the connection instead of answering.
            Ok(Ok(()) | Err(QueryError::Disconnected)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(QueryError::TimedOut),
        }
    };
    let told = told.await;
    let mut vault = account.vault().await?;
    vault.clear().await?;
    told
}
