//! `send`: one text to one recipient.

use tokio::time::{Instant, timeout_at};
use wa_client::{Event, Events, ReceiptKind, SendOptions};

use super::args::{Send, Wait};
use super::failure::{Failure, Kind};
use super::output::Line;
use super::{Context, session};

/// Sends, and waits as far as `--wait` says.
pub(super) async fn run(context: &Context<'_>, arguments: &Send) -> Result<(), Failure> {
    let patience = arguments.patience.timeout();
    let deadline = Instant::now() + patience;
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, mut events) = session::online(context.global, &store, patience).await?;
    let mut options = SendOptions::default().deadline(deadline - Instant::now());
    options.id.clone_from(&arguments.id);
    let outcome = async {
        let sent = client.send_text(&arguments.to, &arguments.text, options).await?;
        let acked = sent.ack.await?;
        let (id, to) = (sent.id, sent.chat.to_string());
        let timestamp = acked.timestamp.as_second();
        context.printer.print(&Line::Sent { id: id.clone(), to: to.clone(), timestamp })?;
        if arguments.wait == Wait::Delivered {
            let delivered = timeout_at(deadline, first_delivery(&mut events, &id)).await;
            let (from, timestamp) = delivered.map_err(|_| not_delivered())?.ok_or_else(not_delivered)?;
            context.printer.print(&Line::Delivered { id, to, from, timestamp })?;
        }
        Ok(())
    }
    .await;
    client.shutdown().await;
    outcome
}

fn not_delivered() -> Failure {
    Failure::message(Kind::TimedOut, "the message was sent, but no device has it yet")
}

/// Waits for the first receipt that says the message arrived: read or played say so too. Who sent
/// it back is a device of the recipient; our own other devices do not confirm delivery. All else that
/// arrives meanwhile is left to `listen`.
async fn first_delivery(events: &mut Events, id: &str) -> Option<(String, i64)> {
    while let Some(event) = events.recv().await {
        if let Event::Receipt(receipt) = event
            && receipt.kind >= ReceiptKind::Delivered
            && receipt.ids.iter().any(|other| other == id)
        {
            return Some((receipt.from.to_string(), receipt.timestamp.as_second()));
        }
        events.leave();
    }
    None
}
