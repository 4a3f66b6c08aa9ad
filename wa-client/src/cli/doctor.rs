//! `doctor`: looks at one thing after the other and says what is wrong.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use wa_client::Status;

use super::failure::{Failure, Kind};
use super::output::{Line, why};
use super::{Context, session};

/// Checks in the order in which things depend on each other, and stops where going on tells
/// nothing more.
pub(super) async fn run(context: &Context<'_>, patience: Duration) -> Result<(), Failure> {
    let report = |name, outcome: Result<String, String>| {
        let ok = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|detail| detail);
        context.printer.print(&Line::Check { name, ok, detail })
    };
    let endpoint = session::endpoint(context.global)?;
    report("endpoint", Ok(endpoint.url().to_owned()))?;

    let store = match session::open_store(context.global, context.sealing_key).await {
        Ok(store) => store,
        Err(failure) => {
            report("store", Err(failure.to_string()))?;
            return Err(failure);
        }
    };
    report("store", Ok(format!("{} opens and is not in use", context.global.store)))?;

    let (host, port) = endpoint.address();
    let reached = timeout(patience, TcpStream::connect((host, port))).await;
    let network = match reached {
        Ok(Ok(_)) => Ok(format!("{host}:{port} accepts connections")),
        Ok(Err(error)) => Err(format!("{host}:{port}: {error}")),
        Err(_) => Err(format!("{host}:{port} does not answer")),
    };
    let is_reachable = network.is_ok();
    report("network", network)?;
    if !is_reachable {
        return Err(Failure::message(Kind::Network, "the server cannot be reached"));
    }

    let (client, _events) = session::builder(context.global, &store)?.require_paired().start();
    let settled = timeout(patience, client.settled()).await;
    let status = settled.unwrap_or(*client.status().borrow());
    let own = client.own_account();
    client.shutdown().await;
    report("account", own.map(|own| format!("linked as {}", own.jid)).ok_or_else(unlinked))?;
    report("login", login(status))?;
    if status.is_online() { Ok(()) } else { Err(Failure::status(status)) }
}

fn unlinked() -> String {
    "no account is linked: run `wa-client pair`".to_owned()
}

fn login(status: Status) -> Result<String, String> {
    if status.is_online() {
        return Ok("logged in, the server answers".to_owned());
    }
    let reason = why(status).0.map(|why| format!(", {why}")).unwrap_or_default();
    let advice = match why(status).0 {
        Some("untrusted") => ": check --root-key, the certificate authority and this machine's clock",
        _ => "",
    };
    Err(format!("{}{reason}{advice}", status.as_str()))
}
