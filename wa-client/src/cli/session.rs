//! What every command opens: the store under its lock, and a client on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rand::rngs::StdRng;
use tokio::time::timeout;
use wa_client::store::{AccountStore, SealingKey, SqlStores, load_or_create_key};
use wa_client::{Client, ClientBuilder, Endpoint, Events, Status};
use wa_proto::keys::PublicKey;

use super::args::Global;
use super::failure::{Failure, Kind};

/// The account of the command in its store. A store of the command has only one.
const ACCOUNT_ID: i64 = 1;

/// An opened store, locked against other processes for as long as this lives.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn AccountStore>,
    _lock: Option<File>,
}

/// Where the store is.
enum Location {
    File(PathBuf),
    Url(String),
}

impl Location {
    fn parse(text: &str) -> Self {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Self::Url(text.to_owned());
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
        Self::File(path.unwrap_or(text).into())
    }

    fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Url(url) => url.clone(),
        }
    }
}

/// Opens and locks the store.
pub(crate) async fn open_store(global: &Global, sealing_key: Option<&str>) -> Result<OpenStore, Failure> {
    let location = Location::parse(&global.store);
    let lock = match &location {
        Location::File(path) => Some(lock(path)?),
        // Of two processes on one database the later one takes the account over, and the earlier
        // one notices at its next commit.
        Location::Url(_) => None,
    };
    let key = sealing_key_for(&location, sealing_key)?;
    let stores = open_database(&location, key).await?;
    let store = stores.account(ACCOUNT_ID).await?;
    Ok(OpenStore { store: Arc::new(store), _lock: lock })
}

async fn open_database(location: &Location, key: SealingKey) -> Result<SqlStores, Failure> {
    let db = db::Db::connect(&location.url())
        .await
        .context("the store cannot be opened")
        .map_err(|error| Failure::new(Kind::Local, error))?;
    Ok(SqlStores::open(db, key).await?)
}

/// Two processes with the same keys would disconnect each other in turn, so the second one is told.
fn lock(path: &Path) -> Result<File, Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let lock_path = with_suffix(path, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .with_context(|| format!("the lock file {} cannot be opened", lock_path.display()))
        .map_err(|error| Failure::new(Kind::Local, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::message(
            Kind::Local,
            format!(
                "the store {} is in use by another wa-client: stop it, or give this one a store \
                 of its own",
                path.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn sealing_key_for(location: &Location, configured: Option<&str>) -> Result<SealingKey, Failure> {
    if let Some(text) = configured {
        return SealingKey::from_hex(text).context("WA_SEALING_KEY").map_err(Failure::usage);
    }
    match location {
        Location::File(path) => {
            let mut rng: StdRng = rand::make_rng();
            load_or_create_key(&with_suffix(path, ".key"), &mut rng).map_err(|error| Failure::new(Kind::Local, error))
        }
        Location::Url(_) => {
            Err(Failure::message(Kind::Usage, "a store on a server needs WA_SEALING_KEY (64 hexadecimal digits)"))
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The server of the command line.
pub(crate) fn endpoint(global: &Global) -> Result<Endpoint, Failure> {
    let root_key = match &global.root_key {
        None => None,
        Some(text) => {
            let bytes = hex::decode(text.trim()).context("the root key is not hexadecimal");
            let bytes = bytes.map_err(Failure::usage)?;
            let key = PublicKey::from_slice(&bytes).context("the root key is not 32 bytes");
            Some(key.map_err(Failure::usage)?)
        }
    };
    let whatsapp = Endpoint::whatsapp();
    let endpoint = match &global.endpoint {
        None => root_key.map_or_else(|| whatsapp.clone(), |key| whatsapp.with_root_key(key)),
        Some(url) => {
            let root_key = root_key.unwrap_or(*whatsapp.root_key());
            Endpoint::sandbox(url, root_key).map_err(Failure::usage)?
        }
    };
    let Some(path) = &global.ca_file else {
        return Ok(endpoint);
    };
    let pem = std::fs::read(path)
        .with_context(|| format!("the authority file {} cannot be read", path.display()))
        .map_err(Failure::usage)?;
    endpoint.trust_authority(&pem).map_err(Failure::usage)
}

/// A client that is being started.
pub(crate) fn builder(global: &Global, store: &OpenStore) -> Result<ClientBuilder, Failure> {
    let builder = Client::builder(endpoint(global)?, Arc::clone(&store.store));
    Ok(match &global.push_name {
        Some(name) => builder.push_name(name),
        None => builder,
    })
}

/// Starts a client that must be linked already, and waits until it is online.
pub(crate) async fn online(
    global: &Global,
    store: &OpenStore,
    patience: Duration,
) -> Result<(Client, Events), Failure> {
    let (client, events) = builder(global, store)?.require_paired().start();
    match timeout(patience, client.settled()).await {
        Ok(status) if status.is_online() => Ok((client, events)),
        Ok(status) => Err(Failure::status(status)),
        Err(_) => {
            let status = *client.status().borrow();
            client.shutdown().await;
            Err(Failure::status(status))
        }
    }
}

/// What is kept of the account, without connecting.
pub(crate) fn is_network_trouble(status: Status) -> bool {
    matches!(status, Status::Backoff { .. } | Status::Connecting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_use_is_refused_with_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/store.db");
        let held = lock(&path).unwrap();
        let refused = lock(&path).unwrap_err();
        assert_eq!(refused.kind, Kind::Local);
        assert!(refused.to_string().contains("in use by another wa-client"));
        drop(held);
        lock(&path).unwrap();
    }

    #[test]
    fn a_server_store_needs_a_key() {
        let location = Location::parse("postgres://localhost/wa");
        assert_eq!(sealing_key_for(&location, None).unwrap_err().kind, Kind::Usage);
        assert_eq!(sealing_key_for(&location, Some("abc")).unwrap_err().kind, Kind::Usage);
        assert!(sealing_key_for(&location, Some(&"ab".repeat(32))).is_ok());
    }
}
