//! What every use case needs, in one cheap handle.

use std::sync::Arc;

use db::Db;
use db::migration::MigrateError;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::outbox::OutboxSignal;
use crate::policy::Policy;
use crate::schema;

/// The database, the clock, randomness, the operator's rules and the outbox's bell. Clones share all of them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Platform {
    /// Where everything is kept.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// Salts, tokens, message ids.
    pub entropy: Entropy,
    /// What holds for all tenants.
    pub policy: Arc<Policy>,
    /// Rings when a message is due at once.
    pub outbox: OutboxSignal,
}

impl Platform {
    /// Puts the parts together and brings the tables up to date.
    ///
    /// # Errors
    ///
    /// See [`MigrateError`].
    pub async fn open(db: Db, clock: Clock, entropy: Entropy, policy: Policy) -> Result<Self, MigrateError> {
        db.migrate(&schema::COMPONENT).await?;
        Ok(Self { db, clock, entropy, policy: Arc::new(policy), outbox: OutboxSignal::default() })
    }
}
