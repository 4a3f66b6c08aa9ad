//! Whether requests should come to this process.

use booking::platform::Platform;
use booking::schema;
use scheduler::dispatcher::Pulse;
use tokio_util::sync::CancellationToken;

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
            tracing::error!("the database does not answer: {}", scheduler::telemetry::chain(error));
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
}
