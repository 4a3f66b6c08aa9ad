//! What every use case needs, in one cheap handle.

use std::sync::Arc;

use db::Db;
use db::migration::MigrateError;
use zeroize::Zeroizing;

use crate::booking::Writer;
use crate::client;
use crate::clock::Clock;
use crate::code::CodeKey;
use crate::entropy::Entropy;
use crate::known::Known;
use crate::outbox::OutboxSignal;
use crate::password::Passwords;
use crate::policy::Policy;
use crate::schema;
use crate::store::StoreError;
use crate::text::{Texts, TextsError};
use crate::zone::{self, StaleDatabaseZoneData, StaleZoneData};

/// The database, the clock, randomness, the operator's rules, the texts and the outbox's bell. Clones share all of
/// them.
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
    /// What clients are written.
    pub texts: Arc<Texts>,
    /// Hashes passwords, a few at a time.
    pub passwords: Passwords,
    /// Rings when a message is due at once.
    pub outbox: OutboxSignal,
    /// The key under which codes that go to phones are kept.
    pub(crate) codes: CodeKey,
    /// What need not be read for each visit.
    pub(crate) known: Known,
    /// Writes new visits.
    pub(crate) writer: Writer,
}

/// Why the platform cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The tables could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// This machine does not know the time in Kazakhstan.
    #[error(transparent)]
    Zone(#[from] StaleZoneData),
    /// The database does not know it either.
    #[error(transparent)]
    DatabaseZone(#[from] StaleDatabaseZoneData),
    /// The database could not be asked.
    #[error("cannot ask the database for the time in Kazakhstan")]
    Database(#[from] db::Error),
    /// The texts of the program are incomplete.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// The names of clients could not be prepared for searches.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// Puts the parts together, checks the zone data, and brings the tables up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn open(db: Db, clock: Clock, entropy: Entropy, policy: Policy) -> Result<Self, OpenError> {
        zone::self_test()?;
        let texts = Arc::new(Texts::new()?);
        zone::database_self_test(&mut db.read().await?).await??;
        db.migrate(&schema::COMPONENT).await?;
        let codes = CodeKey::new(&Zeroizing::new(entropy.bytes()));
        let platform = Self {
            codes,
            writer: Writer::start(db.clone())?,
            known: Known::default(),
            db,
            clock,
            entropy,
            policy: Arc::new(policy),
            texts,
            passwords: Passwords::default(),
            outbox: OutboxSignal::default(),
        };
        client::prepare_search(&platform).await?;
        Ok(platform)
    }

    /// Keeps codes that go to phones under a key that all processes of an installation have. Without it each has a
    /// random one: a code opens something only in the process that sent it.
    #[must_use]
    pub fn with_code_key(self, key: &Zeroizing<[u8; 32]>) -> Self {
        Self { codes: CodeKey::new(key), ..self }
    }
}
