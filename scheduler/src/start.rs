//! Putting the parts together from the settings, the same way in both programs.

use std::time::Duration;

use booking::clock::Clock;
use booking::demo;
use booking::entropy::Entropy;
use booking::platform::{OpenError, Platform};
use booking::policy::Policy;
use booking::user::LoginError;
use db::Db;
use secrecy::ExposeSecret;
use wa_client::store::SealingKey;

use crate::desk::Desk;
use crate::dispatcher::DispatcherParts;
use crate::link::Target;
use crate::settings::{SandboxUrl, Settings, WhatsAppNetwork};

/// How long the server may take to confirm a message: it answers within a second when it is well.
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);

/// How often free accounts and due messages are looked for: what wakes a dispatcher can be lost.
const POLL: Duration = Duration::from_secs(2);

/// Messages to strangers per day and account in a sandbox, which punishes nobody for them.
const COLD_IN_SANDBOX: u32 = 1_000;

/// Why the parts could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database cannot be opened; see `DATABASE_URL`.
    #[error("cannot open the database that DATABASE_URL names")]
    Open(#[source] db::Error),
    /// The tables cannot be brought up to date, or the machine lacks what the domain needs.
    #[error("cannot put the domain together")]
    Platform(#[from] OpenError),
    /// The demo's logins work, and everybody knows them. Use another database, or delete them.
    #[error("the database has the demo's logins, which everybody knows: not on the real network")]
    DemoLogins,
    /// Whether the demo's logins work could not be found out.
    #[error("cannot find out whether the demo's logins work")]
    Logins(#[from] LoginError),
}

/// Opens the database of `settings`, brings it up to date and puts the domain on top of it.
///
/// # Errors
///
/// [`StartError`] says what the operator has to look at.
pub async fn platform(settings: &Settings, clock: Clock) -> Result<Platform, StartError> {
    let mut options = db::Options::default();
    options.sqlite_full_sync = settings.sqlite_full_sync;
    let db = Db::connect_with(settings.database.expose(), &options).await.map_err(StartError::Open)?;
    Ok(Platform::open(db, clock, Entropy::system(), policy(settings)).await?)
}

/// Refuses the real network to a database in which the demo's logins work.
///
/// # Errors
///
/// [`StartError::DemoLogins`].
pub async fn refuse_demo_logins(settings: &Settings, platform: &Platform) -> Result<(), StartError> {
    if !settings.is_demo() && demo::logins_work(platform).await? { Err(StartError::DemoLogins) } else { Ok(()) }
}

/// What a dispatcher of `settings` works with; `target` is the network it was told to use.
#[must_use]
pub fn dispatcher_parts(settings: &Settings, platform: Platform, target: Target) -> DispatcherParts {
    DispatcherParts {
        platform,
        target,
        sealing_key: SealingKey::new(*settings.whatsapp.sealing_key.expose_secret()),
        lease: settings.whatsapp.lease,
        confirm_within: CONFIRM_WITHIN,
        poll: POLL,
    }
}

/// Where accounts are asked about.
#[must_use]
pub fn desk(settings: &Settings, platform: Platform) -> Desk {
    Desk::new(platform, SealingKey::new(*settings.whatsapp.sealing_key.expose_secret()))
}

/// The network of `settings`, where a sandbox without a URL of its own is the one that `api` starts.
#[must_use]
pub fn target(settings: &Settings) -> Target {
    match &settings.whatsapp.network {
        WhatsAppNetwork::WhatsApp => Target::WhatsApp,
        WhatsAppNetwork::Sandbox { url: Some(url), .. } => Target::Sandbox(url.clone()),
        WhatsAppNetwork::Sandbox { url: None, listen } => Target::Sandbox(SandboxUrl::of(*listen)),
    }
}

fn policy(settings: &Settings) -> Policy {
    let mut policy = Policy::default();
    policy.cancellation_hours = settings.policy.cancellation_hours;
    policy.reminder_hours.clone_from(&settings.policy.reminder_hours);
    policy.trial_days = settings.policy.trial_days;
    policy.default_language = settings.policy.default_language;
    policy.supported_languages.clone_from(&settings.policy.languages);
    policy.holidays.clone_from(&settings.policy.holidays);
    policy.refresh_token_days = settings.tokens.refresh_days;
    policy.platform_account = settings.policy.platform_account;
    if settings.is_demo() {
        policy.cold_per_day = COLD_IN_SANDBOX;
        policy.bulk_interval_seconds = 0;
    }
    if let Some(cold_per_day) = settings.policy.cold_per_day {
        policy.cold_per_day = cold_per_day;
    }
    policy.public_url.clone_from(&settings.http.public_url);
    policy.public_domain.clone_from(&settings.http.public_domain);
    policy
}
