//! Accounts in a SQL database: many of them in one SQLite file or PostgreSQL server.

use std::fmt;
use std::sync::Arc;

use db::migration::{Component, Step};
use db::{Connection, Db, Tx};

use super::{AccountStore, Change, Changes, Key, Kind, SealingKey, StoreError, StoreFuture, Value, prefix_end};
use crate::ambient::SharedRng;

/// The tables of this crate, all named `wa_…`.
const COMPONENT: Component = Component {
    name: "wa",
    steps: &[Step {
        number: 1,
        name: "accounts and their records",
        sqlite: include_str!("../../migrations/sqlite-1.sql"),
        postgres: include_str!("../../migrations/postgres-1.sql"),
    }],
};

/// The accounts of one database. A cheap handle; clones share the connections and the key.
///
/// Commits of many accounts that arrive together reach the disk together: on SQLite the
/// [`db`] crate lets waiting transactions share one commit, on PostgreSQL the server does.
///
/// ```
/// use wa_client::store::{SealingKey, SqlStores};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let db = db::Db::connect("sqlite::memory:").await?;
/// let stores = SqlStores::open(db, SealingKey::new([7; 32])).await?;
/// let store = stores.account(1).await?; // give it to Client::builder
/// # drop(store); Ok(()) }
/// ```
#[derive(Clone)]
pub struct SqlStores(Arc<Shared>);

struct Shared {
    db: Db,
    key: SealingKey,
    rng: SharedRng,
}

impl SqlStores {
    /// Opens the accounts in `db`, with values sealed under `key`, and brings the tables up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Migration`] if the tables cannot be brought up to date.
    pub async fn open(db: Db, key: SealingKey) -> Result<Self, StoreError> {
        db.migrate(&COMPONENT).await.map_err(Box::new)?;
        Ok(Self(Arc::new(Shared { db, key, rng: SharedRng::new(None) })))
    }

    /// Opens one account, made empty if it is new, and takes it over: whoever opened it before can
    /// read it, but not write to it any more.
    ///
    /// Two processes that used the same ratchet keys would encrypt different messages with one
    /// key; so the later one wins, and the earlier one fails at its next commit, before anything
    /// it encrypted leaves it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if the database fails.
    pub async fn account(&self, account_id: i64) -> Result<SqlStore, StoreError> {
        let mut tx = self.0.db.begin().await?;
        let (generation,) = db::fetch_one!(
            &mut tx,
            (i64,),
            "insert into wa_accounts (account_id, generation) values ($1, 1)
             on conflict (account_id) do update set generation = wa_accounts.generation + 1
             returning generation",
            account_id,
        )?;
        tx.commit().await?;
        Ok(SqlStore { shared: Arc::clone(&self.0), account_id, generation })
    }

    /// Removes an account and all it has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if the database fails; nothing is removed then.
    pub async fn remove(&self, account_id: i64) -> Result<(), StoreError> {
        let mut tx = self.0.db.begin().await?;
        db::execute!(&mut tx, "delete from wa_accounts where account_id = $1", account_id)?;
        tx.commit().await?;
        Ok(())
    }
}

impl fmt::Debug for SqlStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlStores").field(&self.0.db).finish()
    }
}

/// One account of a database; from [`SqlStores::account`].
pub struct SqlStore {
    shared: Arc<Shared>,
    account_id: i64,
    generation: i64,
}

impl SqlStore {
    fn open_value(&self, kind: Kind, key: &[u8], sealed: &[u8]) -> Result<Value, StoreError> {
        Ok(self.shared.key.open(self.account_id, kind, key, sealed)?)
    }

    async fn read(&self, connection: &mut Connection, kind: Kind, key: &Key) -> Result<Option<Value>, StoreError> {
        let row = db::fetch_optional!(
            connection,
            (Vec<u8>,),
            "select value from wa_records where account_id = $1 and kind = $2 and key = $3",
            self.account_id,
            i64::from(kind.code()),
            key.as_bytes(),
        )?;
        row.map(|(sealed,)| self.open_value(kind, key.as_bytes(), &sealed)).transpose()
    }

    async fn read_range(
        &self,
        kind: Kind,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let after = after.map(Key::as_bytes);
        let mut connection = self.shared.db.read().await?;
        let rows = db::fetch_all!(
            &mut connection,
            (Vec<u8>, Vec<u8>),
            "select key, value from wa_records
             where account_id = $1 and kind = $2 and key >= $3
               and ($4 is null or key < $4) and ($5 is null or key > $5)
             order by key limit $6",
            self.account_id,
            i64::from(kind.code()),
            prefix,
            prefix_end(prefix),
            after,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )?;
        drop(connection);
        rows.into_iter()
            .map(|(key, sealed)| {
                let value = self.open_value(kind, &key, &sealed)?;
                Ok((Key::from(key), value))
            })
            .collect()
    }

    /// Holds the account's row until the transaction ends, and fails if somebody else took the
    /// account over. Source: the rule in [`SqlStores::account`].
    async fn require_generation(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let row = db::fetch_optional!(
            tx,
            (i64,),
            sqlite: "select generation from wa_accounts where account_id = $1",
            postgres: "select generation from wa_accounts where account_id = $1 for share",
            self.account_id,
        )?;
        match row {
            Some((generation,)) if generation == self.generation => Ok(()),
            Some(_) | None => Err(StoreError::Superseded),
        }
    }

    async fn write(&self, changes: Vec<Sealed>) -> Result<(), StoreError> {
        let mut tx = self.shared.db.begin().await?;
        self.require_generation(&mut tx).await?;
        for change in changes {
            self.apply(&mut tx, change).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn apply(&self, tx: &mut Tx, change: Sealed) -> Result<u64, db::Error> {
        let account_id = self.account_id;
        match change {
            Sealed::Put { kind, key, value, expires_at } => db::execute!(
                tx,
                "insert into wa_records (account_id, kind, key, value, expires_at)
                 values ($1, $2, $3, $4, $5)
                 on conflict (account_id, kind, key)
                 do update set value = excluded.value, expires_at = excluded.expires_at",
                account_id,
                i64::from(kind.code()),
                key.as_bytes(),
                value,
                expires_at,
            ),
            Sealed::Delete { kind, key } => db::execute!(
                tx,
                "delete from wa_records where account_id = $1 and kind = $2 and key = $3",
                account_id,
                i64::from(kind.code()),
                key.as_bytes(),
            ),
            Sealed::DeletePrefix { kind, prefix } => db::execute!(
                tx,
                "delete from wa_records
                 where account_id = $1 and kind = $2 and key >= $3 and ($4 is null or key < $4)",
                account_id,
                i64::from(kind.code()),
                prefix.as_ref(),
                prefix_end(&prefix),
            ),
            Sealed::Purge { now } => {
                db::execute!(tx, "delete from wa_records where account_id = $1 and expires_at <= $2", account_id, now,)
            }
        }
    }

    /// Seals before the transaction begins, so that nobody waits for it.
    fn seal(&self, change: Change) -> Result<Sealed, StoreError> {
        Ok(match change {
            Change::Put { kind, key, value, expires_at } => {
                let mut rng = self.shared.rng.clone();
                let sealing_key = &self.shared.key;
                let value = sealing_key.seal(&mut rng, self.account_id, kind, key.as_bytes(), &value)?;
                Sealed::Put { kind, key, value, expires_at }
            }
            Change::Delete { kind, key } => Sealed::Delete { kind, key },
            Change::DeletePrefix { kind, prefix } => Sealed::DeletePrefix { kind, prefix },
            Change::Purge { now } => Sealed::Purge { now },
        })
    }
}

/// A [`Change`] whose value is sealed.
enum Sealed {
    Put { kind: Kind, key: Key, value: Vec<u8>, expires_at: Option<i64> },
    Delete { kind: Kind, key: Key },
    DeletePrefix { kind: Kind, prefix: Box<[u8]> },
    Purge { now: i64 },
}

impl AccountStore for SqlStore {
    fn get<'a>(&'a self, kind: Kind, key: &'a Key) -> StoreFuture<'a, Option<Value>> {
        Box::pin(async move {
            let mut connection = self.shared.db.read().await?;
            self.read(&mut connection, kind, key).await
        })
    }

    fn get_many<'a>(&'a self, kind: Kind, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Value>>> {
        Box::pin(async move {
            let mut connection = self.shared.db.read().await?;
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                values.push(self.read(&mut connection, kind, key).await?);
            }
            Ok(values)
        })
    }

    fn scan<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(Key, Value)>> {
        Box::pin(self.read_range(kind, prefix, after, limit))
    }

    fn commit(&self, changes: Changes) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let sealed = changes.into_iter().map(|change| self.seal(change));
            self.write(sealed.collect::<Result<_, _>>()?).await
        })
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("account.id", &self.account_id).finish_non_exhaustive()
    }
}
