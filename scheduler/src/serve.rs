//! Opening ports and serving a router until it is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests that are under way may take after the signal to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Why a program cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is taken or not allowed; change the setting.
    #[error("cannot listen on {address}, the setting {setting}")]
    Listen {
        /// The setting that names the address.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The listener failed later.
    #[error("a listener failed")]
    Accept(#[source] std::io::Error),
}

/// Opens the port that `setting` names.
///
/// # Errors
///
/// [`ServeError::Listen`], which names the setting to change.
pub async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { setting, address, source })
}

/// Serves `router` until `stop`, then lets requests that are under way finish within [`DRAIN`].
///
/// # Errors
///
/// [`ServeError::Accept`] when the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> Result<(), ServeError> {
    let listener = listener.tap_io(|stream| {
        // Answers are small; waiting to fill a packet only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("cannot switch off Nagle's algorithm: {error}");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    within(DRAIN, stop, serving.into_future()).await.map_err(ServeError::Accept)
}

/// Runs `serving` to its end, but no longer than `drain` after `stop`.
async fn within(
    drain: Duration,
    stop: CancellationToken,
    serving: impl Future<Output = std::io::Result<()>>,
) -> std::io::Result<()> {
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        result = serving => result,
        () = deadline => {
            tracing::warn!("requests were still under way after {} s", drain.as_secs());
            Ok(())
        }
    }
}
