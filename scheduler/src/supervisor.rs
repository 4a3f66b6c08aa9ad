//! Telling whoever supervises the process how it is: systemd's notification socket, where there is one.

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Says that the program has started; later, once `stop` is cancelled, that it stops; and meanwhile, if the supervisor
/// watches for it, that it lives: twice in the time that it may be silent. The sign of life is a task's, so it ceases
/// when no task is run any more.
///
/// Does nothing where nobody supervises.
pub fn started(stop: &CancellationToken) {
    tell(NotifyState::Ready);
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        tell(NotifyState::Stopping);
    });
    if let Some(silence) = sd_notify::watchdog_enabled().filter(|silence| !silence.is_zero()) {
        tokio::spawn(async move {
            let mut every = tokio::time::interval(silence / 2);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                tell(NotifyState::Watchdog);
            }
        });
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot tell the supervisor: {error}");
    }
}
