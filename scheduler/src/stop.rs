//! The end of a program: the first signal asks for it, the second forces it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels the returned token at the first SIGINT or SIGTERM and ends the process at the second.
///
/// # Errors
///
/// When the system refuses a signal handler.
pub fn on_signal() -> io::Result<CancellationToken> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    tokio::spawn(wait(interrupt, terminate, stop.clone()));
    Ok(stop)
}

async fn wait(mut interrupt: Signal, mut terminate: Signal, stop: CancellationToken) {
    either(&mut interrupt, &mut terminate).await;
    tracing::info!("stopping; a second signal ends the process at once");
    stop.cancel();
    either(&mut interrupt, &mut terminate).await;
    tracing::warn!("ended by a second signal");
    std::process::exit(130);
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
