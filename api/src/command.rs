//! What the program does besides serving: tables, administrators, copies of the database.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use booking::clock::Clock;
use booking::operator::{self, CreateAdminError};
use clap::Subcommand;
use db::backup::{self, BackupError};
use scheduler::settings::Settings;
use scheduler::start::{self, StartError};
use scheduler::watch::{self, NotReady};
use secrecy::{ExposeSecret, SecretString};
use wa_client::store::{SealingKey, SqlStores, StoreError};

/// Where a script can leave the new administrator's password.
const PASSWORD_VARIABLE: &str = "ADMIN_PASSWORD";

/// One thing to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the database's tables up to date.
    Migrate,
    /// Ask the program that runs on `API_ADDR` whether requests should come to it; for health checks.
    Ready,
    /// Make an administrator of the platform. The password is asked for, or read from the first line of the standard
    /// input or from `ADMIN_PASSWORD`; never from the command line, which others can see.
    CreateAdmin {
        /// What they log in with.
        email: String,
        /// Their name.
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
    /// Copy the SQLite database while it is in use, and check the copy.
    Backup {
        /// The new file; nothing is overwritten.
        path: PathBuf,
    },
    /// Put a copy in the place of the SQLite database, which nobody may be using, and bring it up to date.
    Restore {
        /// The copy.
        path: PathBuf,
        /// Also where there is a database already: it is kept beside the new one.
        #[arg(long)]
        force: bool,
    },
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The database could not be opened or brought up to date.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The accounts' tables could not be brought up to date.
    #[error("cannot bring the accounts' tables up to date")]
    Accounts(#[from] StoreError),
    /// The administrator could not be made.
    #[error("cannot make the administrator")]
    Admin(#[from] CreateAdminError),
    /// No password came.
    #[error("cannot read the password")]
    Password(#[source] io::Error),
    /// The copy was not made or not put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The program does not run, or requests should not come to it.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// The database is of the kind that brings its own tools.
    #[error("PostgreSQL has tools of its own; run this instead:\n\n{command}\n")]
    Postgres {
        /// What to run.
        command: String,
    },
}

impl Command {
    /// Does it; gives what to tell the operator.
    ///
    /// # Errors
    ///
    /// [`CommandError`]: it was not done.
    pub async fn run(&self, settings: &Settings) -> Result<String, CommandError> {
        match self {
            Self::Migrate => {
                migrate(settings).await?;
                Ok("the tables are up to date".to_owned())
            }
            Self::Ready => {
                watch::ask_ready(settings.http.api).await?;
                Ok("ready".to_owned())
            }
            Self::CreateAdmin { email, name } => {
                let password = password()?;
                let platform = start::platform(settings, Clock::system()).await?;
                let id = operator::create_admin(&platform, email, name, password.expose_secret()).await;
                platform.db.close().await;
                Ok(format!("user {} can log in as an administrator", id?))
            }
            Self::Backup { path } => save(settings, path).await,
            Self::Restore { path, force } => restore(settings, path, *force).await,
        }
    }
}

async fn migrate(settings: &Settings) -> Result<(), CommandError> {
    let platform = start::platform(settings, Clock::system()).await?;
    let key = SealingKey::new(*settings.whatsapp.sealing_key.expose_secret());
    let accounts = SqlStores::open(platform.db.clone(), key).await;
    platform.db.close().await;
    accounts?;
    Ok(())
}

async fn save(settings: &Settings, path: &Path) -> Result<String, CommandError> {
    if !settings.database.is_sqlite() {
        let url = settings.database.without_password();
        let command = format!("  pg_dump --format=custom --no-owner --file={} {url}", path.display());
        return Err(CommandError::Postgres { command });
    }
    backup::save(settings.database.expose(), path).await?;
    Ok(format!("copied and checked: {}", path.display()))
}

async fn restore(settings: &Settings, path: &Path, force: bool) -> Result<String, CommandError> {
    if !settings.database.is_sqlite() {
        let url = settings.database.without_password();
        let command = format!(
            "  pg_restore --clean --if-exists --no-owner --single-transaction --dbname={url} {} && api migrate",
            path.display()
        );
        return Err(CommandError::Postgres { command });
    }
    let now = Clock::system().real_now().seconds();
    let kept = backup::restore(settings.database.expose(), path, force, now).await?;
    migrate(settings).await?;
    let kept = kept.map(|kept| format!("; the database that was there is now {}", kept.display()));
    Ok(format!("restored{}", kept.unwrap_or_default()))
}

/// Asks at a terminal; elsewhere takes the variable, else the first line of the standard input.
fn password() -> Result<SecretString, CommandError> {
    #[expect(clippy::disallowed_methods, reason = "a password is no setting of the program")]
    let given = std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty());
    if let Some(password) = given {
        return Ok(password.into());
    }
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password (not shown): ").map_err(CommandError::Password)?;
        return Ok(typed.into());
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(CommandError::Password)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
