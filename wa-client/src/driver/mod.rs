//! The task of one account: its connections, and the jobs that run on them.
//!
//! ```text
//!   handles ── commands ──► commands ──► jobs (send, check, …) ──┐
//!                                                                │ Port: queries and stanzas
//!   server ◄──── socket ──► link (one connection) ◄──────────────┘
//!                             │
//!                             ├─ login: names, prekeys, active
//!                             ├─ pairing: QR code, pairing code
//!                             └─ inbound: messages, receipts, notifications, in their order
//! ```
//!
//! Everything of an account runs in one tokio task. `link` is its heart, one `select!` over socket,
//! outgoing stanzas, timer, finished jobs and shutdown; what takes several steps is a future
//! that it polls, and that talks to it through a [`port::Port`]. Ratchets, prekeys and the device
//! record are read, changed and committed under one lock, the vault of [`account`].

mod account;
mod acks;
mod commands;
mod connections;
mod contacts;
mod forget;
mod inbound;
mod link;
mod locks;
mod login;
mod notifications;
mod pairing;
mod port;
mod prekeys;
mod receipts;
mod records;
mod retry;
mod send;
mod time;
mod tokens;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use account::{Account, Settings};

use crate::client::Command;

/// Runs an account until its handles are gone, it is told to stop, or its connection ended for good.
pub(crate) async fn run(account: Arc<Account>, mut commands: mpsc::Receiver<Box<Command>>) {
    let stop = CancellationToken::new();
    let connections = async {
        let status = connections::run(&account, &stop).await;
        account.set_status(status);
        stop.cancel();
    };
    let asked = async {
        let waiting = commands::run(&account, &mut commands, &stop).await;
        stop.cancel();
        waiting
    };
    let ((), waiting) = tokio::join!(connections, asked);
    account.events.close();
    // Whoever asked for the shutdown, or asks for anything now, hears that all is done.
    drop((waiting, commands));
}
