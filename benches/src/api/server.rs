//! A program under measurement: started on a free port of this machine, stopped when dropped.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// How often, and how many times, it is looked whether the port is open.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOKS: u32 = 400;

/// A program that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `command` and waits until something answers at `address`. What it prints goes to a file in `folder`,
    /// and into the error if it ends early.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or does not listen.
    pub async fn start(command: &mut Command, address: SocketAddr, folder: &Path) -> anyhow::Result<Self> {
        let output = folder.join(format!("server-{}.log", address.port()));
        let file = File::create(&output)?;
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self { child, address };
        for _ in 0..LOOKS {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended: {status}\n{}", std::fs::read_to_string(&output)?);
            }
            if TcpStream::connect(address).await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        bail!("nothing listens at {address}\n{}", std::fs::read_to_string(&output)?)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already cannot be stopped, and need not be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port of this machine that nobody listens on.
///
/// # Errors
///
/// When there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Our own program, on a database, with nothing in its environment but what is set here.
///
/// Messages are planned and written, and not delivered. Nobody is limited, and no booking is logged, as with the peers.
#[must_use]
pub fn ours(program: &Path, database: &str, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs([
        ("DATABASE_URL", database),
        ("COMPAT_ADDR", "off"),
        ("METRICS_ADDR", "off"),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("WHATSAPP_ENABLED", "false"),
        // Nothing connects there; without it a sandbox would start in the same process.
        ("SANDBOX_URL", "http://127.0.0.1:9"),
        ("LOG_LEVEL", "warn"),
    ]);
    command.env("API_ADDR", address.to_string());
    command
}

/// The booking transaction in plain axum and sqlx.
#[must_use]
pub fn axum(program: &Path, database: &str, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command.args([database, &address.port().to_string()]);
    command
}

/// Makes a Python environment with what `requirements.txt` in `program` names, once; gives its Python.
///
/// # Errors
///
/// A sentence: what stands in the way.
pub fn environment(folder: &Path, program: &Path) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or_default().to_owned()),
        Err(error) => Err(format!("{} does not run: {error}", command.get_program().display())),
    };
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    let requirements = program.join("requirements.txt");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    Ok(python)
}

/// The booking transaction on `FastAPI` and asyncpg, or what is missing for it.
///
/// # Errors
///
/// A sentence.
pub fn fastapi(python: &Path, folder: &Path) -> Result<FastApi, String> {
    let found = Command::new(python).args(["-c", "import fastapi, uvicorn, asyncpg"]).output();
    match found {
        Ok(output) if output.status.success() => Ok(FastApi { python: python.to_owned(), folder: folder.to_owned() }),
        Ok(_) => Err(format!("{} has no fastapi, uvicorn or asyncpg", python.display())),
        Err(error) => Err(format!("{} does not run: {error}", python.display())),
    }
}

/// A Python with all that the program needs.
#[derive(Debug)]
pub struct FastApi {
    python: PathBuf,
    folder: PathBuf,
}

impl FastApi {
    /// One worker without an access log.
    #[must_use]
    pub fn command(&self, database: &str, address: SocketAddr) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "uvicorn", "app:app", "--no-access-log", "--log-level", "warning", "--app-dir"]);
        command.arg(&self.folder).args(["--port", &address.port().to_string()]).env("DSN", database);
        command
    }
}
