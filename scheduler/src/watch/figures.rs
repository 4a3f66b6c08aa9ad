//! What both programs count, and what they ask the database when somebody reads.

use std::time::Duration;

use booking::overview::{self, DOWN_STEPS, Overview};
use booking::platform::Platform;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::dispatcher::LiveAccounts;
use crate::telemetry::chain;

/// How long a read waits for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked when somebody reads. What the database knows is the same whichever process answers.
#[derive(Debug, Default)]
pub(super) struct Figures {
    database_up: Gauge,
    connections: Family<Use, Gauge>,
    outbox: Family<Named, Gauge>,
    due: Gauge,
    oldest_due_seconds: Gauge,
    accounts: Family<Named, Gauge>,
    down_seconds: Family<Named, Gauge>,
    down: Family<AtLeast, Gauge>,
    clock_ahead: Gauge,
    held: Gauge,
    online: Gauge,
    memory: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AtLeast {
    seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Use {
    state: &'static str,
}

impl Figures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("database_up", "Whether the database answered this read", self.database_up.clone());
        registry.register("database_connections", "Connections of this process", self.connections.clone());
        let outbox = "Messages by state: all that are planned, the others of the last day";
        registry.register("outbox_messages", outbox, self.outbox.clone());
        registry.register("outbox_due_messages", "Planned messages whose time has come", self.due.clone());
        let oldest = "How long the oldest due message has waited";
        registry.register("outbox_oldest_due_seconds", oldest, self.oldest_due_seconds.clone());
        let accounts = "WhatsApp accounts by state; unheld: it wants a connection, and no process holds it";
        registry.register("whatsapp_accounts", accounts, self.accounts.clone());
        let longest = "For how long the linked account that is longest not online is so, by state";
        registry.register("whatsapp_account_down_seconds", longest, self.down_seconds.clone());
        let down = "Linked WhatsApp accounts that are not online for at least so many seconds";
        registry.register("whatsapp_accounts_down", down, self.down.clone());
        let ahead = "How far this machine's clock is ahead of the database's";
        registry.register("clock_ahead_seconds", ahead, self.clock_ahead.clone());
        registry.register("account_leases_held", "Accounts whose lease this process holds", self.held.clone());
        registry.register("accounts_online_here", "Those of them that are online", self.online.clone());
        registry.register("process_resident_memory_bytes", "Memory of this process", self.memory.clone());
    }

    /// Brings all figures up to date.
    pub(super) async fn read(&self, platform: &Platform, live: &LiveAccounts) {
        let asked = overview::overview(&platform.db, platform.clock.now(), platform.clock.real_now());
        // Without a database the other figures are all the more wanted.
        match tokio::time::timeout(DATABASE_TIMEOUT, asked).await {
            Ok(Ok(overview)) => self.fill(&overview),
            Ok(Err(error)) => {
                tracing::debug!("no figures from the database: {}", chain(&error));
                self.empty();
            }
            Err(_elapsed) => self.empty(),
        }
        let usage = platform.db.usage();
        for (state, count) in [("open", usage.open), ("in_use", usage.in_use)] {
            self.connections.get_or_create(&Use { state }).set(number(count));
        }
        let (held, online) = live.count();
        self.held.set(number(held));
        self.online.set(number(online));
        self.memory.set(resident_memory().await.unwrap_or_default());
    }

    fn fill(&self, overview: &Overview) {
        self.empty();
        self.database_up.set(1);
        for (state, count) in &overview.outbox {
            self.outbox.get_or_create(&Named { state: state.clone() }).set(*count);
        }
        for accounts in &overview.accounts.states {
            let named = Named { state: accounts.state.clone() };
            self.accounts.get_or_create(&named).set(accounts.count);
            self.down_seconds.get_or_create(&named).set(accounts.down_seconds);
        }
        for (seconds, count) in DOWN_STEPS.into_iter().zip(overview.accounts.down) {
            self.down.get_or_create(&AtLeast { seconds }).set(count);
        }
        self.due.set(overview.due);
        self.clock_ahead.set(overview.clock_ahead_seconds);
        self.oldest_due_seconds.set(overview.oldest_due_seconds);
    }

    /// What is not known is not shown as it was.
    fn empty(&self) {
        self.database_up.set(0);
        self.outbox.clear();
        self.accounts.clear();
        self.down_seconds.clear();
        self.down.clear();
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Bytes of this process that are in memory. Source: proc(5), `VmRSS`, in kilobytes.
async fn resident_memory() -> Option<i64> {
    let status = tokio::fs::read_to_string("/proc/self/status").await.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
