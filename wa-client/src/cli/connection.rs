//! `status` and `logout`.

use std::time::Duration;

use tokio::time::timeout;

use super::failure::Failure;
use super::output::{Line, why};
use super::{Context, session};

/// Connects, tells how far it got, and disconnects. Fails unless the client came online.
pub(super) async fn status(context: &Context<'_>, patience: Duration) -> Result<(), Failure> {
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, _events) = session::builder(context.global, &store)?.require_paired().start();
    let settled = timeout(patience, client.settled()).await;
    let status = settled.unwrap_or(*client.status().borrow());
    let own = client.own_account();
    client.shutdown().await;
    context.printer.print(&Line::Status {
        paired: own.is_some(),
        jid: own.as_ref().map(|own| own.jid.to_string()),
        lid: own.as_ref().map(|own| own.lid.to_string()),
        connection: status.as_str().to_owned(),
        reason: why(status).0.map(str::to_owned),
    })?;
    if status.is_online() { Ok(()) } else { Err(Failure::status(status)) }
}

/// Unlinks the device. The keys are removed here even if the server cannot be told.
pub(super) async fn logout(context: &Context<'_>, patience: Duration) -> Result<(), Failure> {
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, _events) = session::builder(context.global, &store)?.require_paired().start();
    let settled = timeout(patience, client.settled()).await;
    if let Ok(status) = settled
        && status.is_final()
    {
        return Err(Failure::status(status));
    }
    let outcome = client.logout().await;
    client.shutdown().await;
    outcome?;
    context.printer.print(&Line::LoggedOut {})?;
    Ok(())
}
