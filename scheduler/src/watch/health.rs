//! How the database and the WhatsApp accounts are.

use booking::account::AccountState;
use booking::overview;
use booking::platform::Platform;

use crate::dispatcher::LiveAccounts;
use crate::telemetry::chain;

/// How the platform is, as one process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether the database answers.
    pub database: bool,
    /// The accounts, whichever process holds them; nothing is known about them without the database.
    pub whatsapp: WhatsAppHealth,
}

/// How the WhatsApp accounts are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhatsAppHealth {
    /// `online` if every account is, `degraded` if some are, `offline` if none is, `none` if there is none.
    pub state: &'static str,
    /// Accounts there are.
    pub accounts: usize,
    /// Accounts that are online.
    pub online: usize,
    /// Accounts that wait for a phone to scan their code.
    pub waiting_for_scan: usize,
    /// Accounts whose connection is in this process.
    pub held_here: usize,
}

impl Health {
    /// Looks at database and accounts.
    pub async fn look(platform: &Platform, live: &LiveAccounts) -> Self {
        match overview::accounts(&platform.db, platform.clock.real_now()).await {
            Ok(accounts) => Self { database: true, whatsapp: WhatsAppHealth::of(&accounts, live) },
            Err(error) => {
                tracing::error!("the database does not answer: {}", chain(&error));
                Self { database: false, whatsapp: WhatsAppHealth::default() }
            }
        }
    }

    /// `healthy`, or `degraded` while the database does not answer.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.database { "healthy" } else { "degraded" }
    }

    /// `connected` or `disconnected`.
    #[must_use]
    pub fn database_word(&self) -> &'static str {
        if self.database { "connected" } else { "disconnected" }
    }
}

impl WhatsAppHealth {
    fn of(accounts: &overview::Accounts, live: &LiveAccounts) -> Self {
        let count = |count: i64| usize::try_from(count).unwrap_or(0);
        let (all, online) = (count(accounts.count()), count(accounts.count_in(AccountState::Online.as_str())));
        Self {
            state: match (all, online) {
                (0, _) => "none",
                (_, 0) => "offline",
                (all, online) if all == online => "online",
                _ => "degraded",
            },
            accounts: all,
            online,
            waiting_for_scan: count(accounts.count_in(AccountState::WaitingForScan.as_str())),
            held_here: live.count().0,
        }
    }
}
