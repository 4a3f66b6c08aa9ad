//! `pair`: links this device to an account.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wa_client::{Client, Event, Events, Status};

use super::args::Pair;
use super::failure::{Failure, Kind};
use super::output::Line;
use super::{Context, session};

/// Shows codes until the device is linked and online. A device that is linked already is told so.
pub(super) async fn run(context: &Context<'_>, arguments: &Pair) -> Result<(), Failure> {
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, mut events) = session::builder(context.global, &store)?.start();
    let deadline = Instant::now() + Duration::from_secs(arguments.timeout);
    let paired = timeout_at(deadline, until_online(context, arguments, &client, &mut events)).await;
    let status = *client.status().borrow();
    client.shutdown().await;
    paired.unwrap_or_else(|_| {
        let network = session::is_network_trouble(status);
        Err(if network { Failure::status(status) } else { timed_out() })
    })
}

fn timed_out() -> Failure {
    Failure::message(Kind::TimedOut, "nobody scanned the code in time")
}

async fn until_online(
    context: &Context<'_>,
    arguments: &Pair,
    client: &Client,
    events: &mut Events,
) -> Result<(), Failure> {
    let mut code_requested = false;
    while let Some(event) = events.recv().await {
        match event {
            Event::Qr { code, valid_until } => match &arguments.phone {
                None => {
                    let valid_until = valid_until.as_second();
                    context.printer.print(&Line::Qr { code, valid_until })?;
                }
                Some(phone) if !code_requested => {
                    code_requested = true;
                    client.request_pairing_code(phone).await?;
                }
                Some(_) => {}
            },
            Event::PairingCode { code, valid_until } => {
                let valid_until = valid_until.as_second();
                context.printer.print(&Line::PairingCode { code, valid_until })?;
            }
            Event::PairingFailed(failure) => {
                code_requested = false;
                context.printer.print(&Line::PairingFailed { message: failure.to_string() })?;
            }
            Event::Paired { jid, lid } => {
                let (jid, lid) = (jid.to_string(), lid.to_string());
                context.printer.print(&Line::Paired { jid, lid })?;
            }
            Event::Status(status) if status.is_online() => {
                let jid = client.own_account().map(|own| own.jid.to_string());
                context.printer.print(&Line::Online { jid })?;
                return Ok(());
            }
            Event::Status(status) if status.is_final() => return Err(Failure::status(status)),
            Event::Status(Status::Backoff { .. }) => code_requested = false,
            // Messages that arrive meanwhile stay in the store for the next `listen`.
            _ => events.leave(),
        }
    }
    Err(Failure::status(*client.status().borrow()))
}
