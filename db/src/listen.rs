//! Words between the processes that share a PostgreSQL database. SQLite has none: whoever waits there looks again after
//! a while, which they do on PostgreSQL too, since a word can be lost.

use std::time::Duration;

use sqlx::postgres::PgListener;

use crate::database::Db;
use crate::error::Error;

/// The pause after a connection that could not be made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Hears what others [say](Db::say) on a channel.
#[derive(Debug)]
pub struct Listener(Option<PgListener>);

impl Listener {
    /// Waits for the next word; for ever on SQLite. A lost connection is made again; what was said meanwhile is lost.
    pub async fn next(&mut self) -> String {
        let Some(listener) = &mut self.0 else { return std::future::pending().await };
        loop {
            match listener.recv().await {
                Ok(word) => return word.payload().to_owned(),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

impl Db {
    /// Begins to listen on a channel.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when there is no connection to listen on.
    pub async fn listen(&self, channel: &str) -> Result<Listener, Error> {
        match self {
            Self::Sqlite(_) => Ok(Listener(None)),
            Self::Postgres(postgres) => {
                let mut listener = PgListener::connect_with(&postgres.pool).await?;
                listener.listen(channel).await?;
                Ok(Listener(Some(listener)))
            }
        }
    }

    /// Says a word to all who listen on a channel, this process too. Nothing happens on SQLite.
    ///
    /// # Errors
    ///
    /// Those of a statement.
    pub async fn say(&self, channel: &str, word: &str) -> Result<(), Error> {
        if let Self::Postgres(postgres) = self {
            sqlx::query("select pg_notify($1, $2)").bind(channel).bind(word).execute(&postgres.pool).await?;
        }
        Ok(())
    }
}
