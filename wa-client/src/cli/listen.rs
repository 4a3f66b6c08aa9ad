//! `listen`: prints what arrives.

use std::future::pending;
use std::time::Duration;

use tokio::time::sleep;
use wa_client::{Client, Event, Events};

use super::args::Listen;
use super::failure::Failure;
use super::output::Line;
use super::{Context, session};

/// Prints until it is interrupted, or has printed or waited enough.
pub(super) async fn run(context: &Context<'_>, arguments: &Listen) -> Result<(), Failure> {
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, mut events) =
        session::builder(context.global, &store)?.require_paired().available(!arguments.background).start();
    let enough = async {
        match arguments.seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = print_events(context, arguments.count, &client, &mut events) => outcome,
        () = enough => Ok(()),
        interrupted = interrupted() => interrupted.map_err(Failure::from),
    };
    // What was printed shall not be printed again by the next `listen`.
    events.confirm().await?;
    client.shutdown().await;
    outcome
}

/// Waits until somebody asks the command to stop.
async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn print_events(
    context: &Context<'_>,
    count: Option<u64>,
    client: &Client,
    events: &mut Events,
) -> Result<(), Failure> {
    let mut messages = 0;
    while let Some(event) = events.recv().await {
        let line = match &event {
            Event::Message(message) => {
                messages += 1;
                Line::message(message)
            }
            Event::Receipt(receipt) => Line::receipt(receipt),
            Event::Undecryptable(message) => Line::Undecryptable {
                id: message.id.clone(),
                from: message.from.to_string(),
                chat: message.chat.to_string(),
                timestamp: message.timestamp.as_second(),
            },
            Event::IdentityChanged { of } => Line::IdentityChanged { of: of.to_string() },
            Event::Status(status) => Line::connection(*status),
            _ => continue,
        };
        context.printer.print(&line)?;
        match event {
            Event::Status(status) if status.is_final() => return Err(Failure::status(status)),
            _ if count.is_some_and(|count| messages >= count) => return Ok(()),
            _ => {}
        }
    }
    Err(Failure::status(*client.status().borrow()))
}
