//! A PostgreSQL of a test's own, which can be stopped and started again.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A server on a port and in a folder of its own; stops with the test.
pub(crate) struct Cluster {
    tools: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    folder: TempDir,
}

impl Cluster {
    /// `None`, said loudly, where there is no PostgreSQL and none is required.
    pub(crate) fn start() -> Option<Self> {
        let Some(tools) = tools() else {
            #[expect(clippy::disallowed_methods, reason = "tests are set up by their environment")]
            let required = std::env::var("REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "PostgreSQL is required, but there is no initdb");
            eprintln!("SKIPPED with PostgreSQL: there is no initdb");
            return None;
        };
        let folder = tempfile::tempdir().expect("temporary folder");
        let user = user(&folder);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("the folder is given away");
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("address").port();
        drop(free);
        let cluster = Self { tools, user, port, folder };
        cluster.tool("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        cluster.run();
        Some(cluster)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, again on its port, and waits until it answers.
    pub(crate) fn run(&self) {
        let options =
            format!("-c listen_addresses=127.0.0.1 -p {} -k {} -c fsync=off", self.port, self.folder.path().display());
        let log = self.folder.path().join("log").display().to_string();
        self.tool("pg_ctl", &["-w", "-o", &options, "-l", &log, "start"]);
    }

    /// Stops it at once, as a power cut does.
    pub(crate) fn stop(&self) {
        self.tool("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let status = self.command(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect(name).success(), "{name} {arguments:?}");
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.current_dir(self.folder.path()).arg("-D").arg(self.folder.path().join("data"));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        let _stopped_already = command.args(["-w", "-m", "immediate", "stop"]).output();
    }
}

/// The newest version's programs, where Debian puts them.
fn tools() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    let tools = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    tools.join("initdb").exists().then_some(tools)
}

/// The user and group `postgres` where we are root, for the server refuses to run as root; else whoever we are.
fn user(folder: &TempDir) -> Option<(u32, u32)> {
    if std::fs::metadata(folder.path()).expect("folder").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("users");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("the user postgres");
    let mut numbers = line.split(':').skip(2).map(|number| number.parse::<u32>().expect("number"));
    Some((numbers.next().expect("user"), numbers.next().expect("group")))
}
