//! Asking a running program whether it is ready, as a health check does from beside it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::telemetry::chain;

/// How long the running program may take to say that it is ready.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The program does not run, or is not ready; why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not ready: {0}")]
pub struct NotReady(pub String);

/// Asks for `/ready` at `address`, where a program of this machine listens.
///
/// # Errors
///
/// [`NotReady`] unless it answers with success within four seconds.
pub async fn ask_ready(mut address: SocketAddr) -> Result<(), NotReady> {
    if address.ip().is_unspecified() {
        // It listens everywhere, so also here.
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let uri = format!("http://{address}/ready").parse::<Uri>().map_err(|error| NotReady(error.to_string()))?;
    match tokio::time::timeout(TIMEOUT, client.get(uri)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(NotReady(format!("status {}", answer.status().as_u16()))),
        Ok(Err(error)) => Err(NotReady(chain(&error))),
        Err(_elapsed) => Err(NotReady("no answer in time".to_owned())),
    }
}
