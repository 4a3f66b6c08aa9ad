//! What the holder of an account is asked to do through the [desk](crate::desk).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use wa_client::{Client, PairingCodeError, QueryError};

use crate::desk::{Answer, Desk, DeskError, Request, Why};
use crate::telemetry::chain;

use super::hold::Hold;

/// How long a code can be typed in, in seconds. Source: observed (the phone's page says three minutes).
const CODE_SECONDS: i64 = 180;
/// The pause after the rows could not be read.
const AGAIN: Duration = Duration::from_secs(1);

/// Does what one held account is asked for.
pub(crate) struct Requests {
    pub(crate) desk: Desk,
    pub(crate) hold: Arc<Hold>,
    pub(crate) client: Client,
    /// Changes when some account is asked for something.
    pub(crate) asked: watch::Receiver<u64>,
    /// Set from when on the device is removed because somebody here wants it.
    pub(crate) logged_out: Arc<AtomicBool>,
    pub(crate) clock: booking::clock::Clock,
}

impl Requests {
    /// Answers until the future is dropped, or the device was removed.
    pub(crate) async fn run(&mut self) {
        loop {
            self.asked.mark_unchanged();
            match self.answer_all().await {
                Ok(true) => return,
                Ok(false) => {
                    if self.asked.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                }
                Err(error) => {
                    tracing::warn!(account.id = %self.hold.account_id(), "cannot read requests: {}", chain(&error));
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Answers what is asked now; tells whether the device is gone.
    async fn answer_all(&self) -> Result<bool, DeskError> {
        for (id, request) in self.desk.take(self.hold.lease()).await? {
            let is_logout = matches!(request, Request::Logout);
            if is_logout {
                // Said first: the client's end may be seen before its answer.
                self.logged_out.store(true, Ordering::Relaxed);
            }
            let answer = self.answer(request).await;
            self.desk.answer(self.hold.account_id(), id, &answer).await?;
            if is_logout {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::PairingCode { phone } => match self.client.request_pairing_code(&phone).await {
                Ok(text) => Answer::PairingCode { text, valid_until: self.clock.real_now().plus(CODE_SECONDS) },
                Err(error) => Answer::Failed { why: why_no_code(&error) },
            },
            Request::Logout => match self.client.logout().await {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Failed { why: why(&error) },
            },
            Request::Check { phones } => {
                let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
                match self.client.check_numbers(&phones).await {
                    Ok(checks) => Answer::Checked { exist: checks.iter().map(|check| check.exists).collect() },
                    Err(error) => Answer::Failed { why: why(&error) },
                }
            }
        }
    }
}

fn why_no_code(error: &PairingCodeError) -> Why {
    match error {
        PairingCodeError::InvalidNumber => Why::InvalidNumber,
        PairingCodeError::AlreadyPaired => Why::AlreadyLinked,
        PairingCodeError::CodeActive | PairingCodeError::Query(QueryError::Refused { code: 400 | 429, .. }) => {
            Why::TooMany
        }
        PairingCodeError::Query(error) => why(error),
        _ => Why::Refused,
    }
}

fn why(error: &QueryError) -> Why {
    match error {
        QueryError::NotOnline | QueryError::Disconnected | QueryError::TimedOut | QueryError::Stopped => {
            Why::NotConnected
        }
        QueryError::Refused { .. } | QueryError::Malformed | QueryError::Store(_) | _ => Why::Refused,
    }
}
