//! A PostgreSQL to measure on: one that is given, or one of our own with the server's own defaults.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use db::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::api::server::free_address;
use crate::usage;

/// How often, and how many times, it is tried whether the server answers.
const TRY_AGAIN: Duration = Duration::from_millis(100);
const TRIES: u32 = 300;

/// A server that answers.
#[derive(Debug)]
pub struct Postgres {
    /// The URL of a database on which others can be made.
    server: String,
    /// Its first process, where that runs on this machine.
    postmaster: Option<u32>,
    /// How it keeps what was committed.
    pub settings: String,
    /// Dropped last, so that the server's connections are gone.
    _own: Option<Cluster>,
}

impl Postgres {
    /// Takes the server at `given`, or starts one.
    ///
    /// # Errors
    ///
    /// A sentence: why there is none.
    pub async fn open(given: Option<&str>) -> anyhow::Result<Self> {
        let own = if given.is_none() { Some(Cluster::start()?) } else { None };
        let server =
            given.or(own.as_ref().map(|cluster| cluster.url.as_str())).context("a server was started")?.to_owned();
        let mut connection = connect(&server).await?;
        let (process, settings): (i32, String) = sqlx::query_as(
            "select pg_backend_pid(), 'PostgreSQL ' || current_setting('server_version') || ', fsync '
                 || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')",
        )
        .fetch_one(&mut connection)
        .await?;
        // A server elsewhere has processes by these numbers too, but none of them is a postgres here.
        let postmaster = usage::parent_if_named(u32::try_from(process)?, "postgres");
        connection.close().await?;
        Ok(Self { server, postmaster, settings, _own: own })
    }

    /// Its first process, where that runs on this machine.
    #[must_use]
    pub const fn postmaster(&self) -> Option<u32> {
        self.postmaster
    }

    /// Makes an empty database in the place of one with this name; gives its URL.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn create(&self, name: &str) -> anyhow::Result<String> {
        self.drop_database(name).await?;
        self.run(format!("create database {name} template template0")).await?;
        Ok(with_database(&self.server, name))
    }

    /// Drops a database, whoever is still connected.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        ensure!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "the name needs no quotes");
        self.run(format!("drop database if exists {name} with (force)")).await
    }

    /// Writes out what is cached, so that nobody pays for the one before.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn settle(&self) -> anyhow::Result<()> {
        self.run("checkpoint".to_owned()).await
    }

    async fn run(&self, statement: String) -> anyhow::Result<()> {
        let mut connection = connect(&self.server).await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
        Ok(connection.close().await?)
    }
}

async fn connect(server: &str) -> anyhow::Result<PgConnection> {
    for _ in 0..TRIES {
        if let Ok(connection) = PgConnection::connect(server).await {
            return Ok(connection);
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
    bail!("PostgreSQL does not answer")
}

/// `postgres://user@host/old?options` with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, String::new()), |(a, o)| (a, format!("?{o}")));
    let host = address.find("://").map_or(0, |start| start + 3);
    let slash = address.get(host..).and_then(|rest| rest.find('/')).map_or(address.len(), |slash| host + slash);
    format!("{}/{name}{options}", address.get(..slash).unwrap_or(address))
}

/// A server of our own, on a free port of this machine.
#[derive(Debug)]
struct Cluster {
    url: String,
    child: Child,
    tools: PathBuf,
    user: Option<(u32, u32)>,
    folder: TempDir,
}

impl Cluster {
    fn start() -> anyhow::Result<Self> {
        let tools = tools().context("there is no initdb on this machine")?;
        let folder = tempfile::tempdir()?;
        let user = user(&folder)?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let data = folder.path().join("data");
        let made = tool(&tools, "initdb", user, folder.path())
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()?;
        ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_address()?.port().to_string();
        let child = tool(&tools, "postgres", user, folder.path())
            .args(["-c", "listen_addresses=127.0.0.1", "-p", &port, "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), child, tools, user, folder })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let stopped = tool(&self.tools, "pg_ctl", self.user, self.folder.path())
            .args(["-m", "fast", "-w", "stop", "-D"])
            .arg(&data)
            .output()
            .is_ok_and(|output| output.status.success());
        if !stopped {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// One of PostgreSQL's programs, as the user that the server runs as.
fn tool(tools: &Path, name: &str, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(tools.join(name));
    command.current_dir(folder);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

/// The newest version's programs, where Debian puts them, or where `pg_config` says.
fn tools() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let debian = newest.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let asked = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    debian.or_else(asked).filter(|tools| tools.join("initdb").exists())
}

/// The user and group `postgres` where we are root, for the server refuses to run as root; else whoever we are.
fn user(folder: &TempDir) -> anyhow::Result<Option<(u32, u32)>> {
    if std::fs::metadata(folder.path())?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?;
    let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok(Some((user, group))),
        _ => bail!("the user postgres has no number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_server() {
        assert_eq!(with_database("postgres://u:p@h:5/old?a=b", "new"), "postgres://u:p@h:5/new?a=b");
        assert_eq!(with_database("postgres://h", "new"), "postgres://h/new");
    }
}
