//! Whether a process is fit for its work.

use booking::platform::Platform;
use booking::schema;
use tokio_util::sync::CancellationToken;

use crate::dispatcher::Pulse;
use crate::telemetry::chain;

/// What readiness depends on, besides the database. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// The dispatcher's sign of life, where this process has one.
    pub dispatcher: Option<Pulse>,
    /// Is cancelled when the program is told to stop.
    pub stopping: CancellationToken,
}

/// How the parts are that readiness depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Whether the database answers.
    pub database: bool,
    /// Whether its tables are at this program's last step.
    pub tables: bool,
    /// Whether the dispatcher is at work; `None` where messages are switched off.
    pub dispatcher: Option<bool>,
    /// Whether the program was told to stop.
    pub stopping: bool,
}

impl Readiness {
    /// Looks at each part.
    pub async fn parts(&self, platform: &Platform) -> Parts {
        let current = platform.db.is_current(&schema::COMPONENT).await;
        if let Err(error) = &current {
            tracing::error!("the database does not answer: {}", chain(error));
        }
        Parts {
            database: current.is_ok(),
            tables: current.unwrap_or(false),
            dispatcher: self.dispatcher.as_ref().map(Pulse::is_alive),
            stopping: self.stopping.is_cancelled(),
        }
    }
}

impl Parts {
    /// Whether all of them are as they should be.
    #[must_use]
    pub fn are_ready(self) -> bool {
        self.database && self.tables && self.dispatcher != Some(false) && !self.stopping
    }

    /// `ready` or `not_ready`.
    #[must_use]
    pub fn status(self) -> &'static str {
        if self.are_ready() { "ready" } else { "not_ready" }
    }

    /// `connected` or `disconnected`.
    #[must_use]
    pub fn database_word(self) -> &'static str {
        if self.database { "connected" } else { "disconnected" }
    }

    /// `current`, or `pending` while the tables are older than the program.
    #[must_use]
    pub fn tables_word(self) -> &'static str {
        if self.tables { "current" } else { "pending" }
    }

    /// `running`, `stopped` (also while it waits for a sandbox), or `off` where messages are switched off.
    #[must_use]
    pub fn dispatcher_word(self) -> &'static str {
        match self.dispatcher {
            Some(true) => "running",
            Some(false) => "stopped",
            None => "off",
        }
    }
}
