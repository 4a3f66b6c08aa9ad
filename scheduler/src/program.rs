//! The program `scheduler`: the dispatcher, the timekeeper, and the pages for whoever watches it.

use std::net::SocketAddr;

use axum::Router;
use booking::clock::Clock;
use booking::platform::Platform;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wa_client::store::StoreError;

use crate::dispatcher::Dispatcher;
use crate::serve::{ServeError, listen, serve};
use crate::settings::Settings;
use crate::start::{self, StartError};
use crate::timekeeper;
use crate::watch::{Readiness, Watch, Watched};

/// Why the program could not start, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The parts could not be put together.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The accounts' store could not be opened.
    #[error("cannot open the accounts' store")]
    Accounts(#[from] StoreError),
    /// The port could not be opened or failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// The program, started: its port is open.
#[derive(Debug)]
pub struct Program {
    platform: Platform,
    dispatcher: Option<Dispatcher>,
    readiness: Readiness,
    pages: Option<(TcpListener, SocketAddr, Router)>,
}

impl Program {
    /// Opens the database and the port; nothing connects or is served yet.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] says what stands in the way and which setting changes it.
    pub async fn start(settings: &Settings) -> Result<Self, ProgramError> {
        let platform = start::platform(settings, Clock::system()).await?;
        start::refuse_demo_logins(settings, &platform).await?;
        let dispatcher = if settings.whatsapp.enabled {
            let parts = start::dispatcher_parts(settings, platform.clone(), start::target(settings));
            Some(Dispatcher::open(parts).await?)
        } else {
            None
        };
        let readiness = Readiness { dispatcher: dispatcher.as_ref().map(Dispatcher::pulse), ..Readiness::default() };
        let pages = match settings.http.scheduler_metrics {
            Some(address) => {
                let watched = Watched {
                    service: "scheduler",
                    platform: platform.clone(),
                    live: dispatcher.as_ref().map(Dispatcher::live).unwrap_or_default(),
                    tally: dispatcher.as_ref().map(Dispatcher::tally).unwrap_or_default(),
                    readiness: readiness.clone(),
                };
                let listener = listen("SCHEDULER_METRICS_ADDR", address).await?;
                let address = listener.local_addr().map_err(ServeError::Accept)?;
                Some((listener, address, Watch::new(watched, |_| {}).router()))
            }
            None => None,
        };
        Ok(Self { platform, dispatcher, readiness, pages })
    }

    /// Where the metrics are, and whether the program is ready.
    #[must_use]
    pub fn pages_address(&self) -> Option<SocketAddr> {
        self.pages.as_ref().map(|(_, address, _)| *address)
    }

    /// Delivers until `stop`, then lets what is under way finish and gives the leases back. The pages stay open to the
    /// end.
    ///
    /// # Errors
    ///
    /// [`ProgramError::Serve`] when the port failed; delivery is stopped then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ProgramError> {
        let Self { platform, dispatcher, readiness, pages } = self;
        let delivered = CancellationToken::new();
        let work = async {
            let dispatching = async {
                if let Some(dispatcher) = dispatcher {
                    dispatcher.run(stop.clone()).await;
                } else {
                    tracing::warn!("WHATSAPP_ENABLED is false: nothing is sent");
                }
            };
            let told = async {
                stop.cancelled().await;
                readiness.stopping.cancel();
            };
            tokio::join!(dispatching, timekeeper::run(platform.clone(), stop.clone()), told);
            delivered.cancel();
        };
        let watching = async {
            let Some((listener, address, router)) = pages else { return Ok(()) };
            tracing::info!(%address, "watched at http://{address}/metrics");
            let outcome = serve(listener, router, delivered.clone()).await;
            // Nobody would notice a delivery that cannot be watched any more: whoever starts programs starts it again.
            stop.cancel();
            outcome
        };
        let ((), outcome) = tokio::join!(work, watching);
        platform.db.close().await;
        Ok(outcome?)
    }
}
