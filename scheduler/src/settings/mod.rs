//! The settings of both programs: one documented list, parsed into domain types before anything
//! starts.
//!
//! [`Source`] gathers raw values (a `.env` file, the environment above it), [`Settings::parse`]
//! turns them into values that cannot be wrong, and [`SETTINGS`] documents each name.

mod error;
mod guessable;
mod list;
mod network;
mod secrets;
mod source;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use booking::holiday::Holidays;
use booking::language::Language;
use secrecy::{ExposeSecret, SecretString};

pub use self::error::SettingsError;
pub use self::list::{SETTINGS, Setting, example};
pub use self::network::{DatabaseUrl, Network, SandboxUrl};
pub use self::secrets::Key;
pub use self::source::Source;

use self::secrets::{DemoSecrets, parse_key};

/// The shortest secret that may sign tokens, in bytes: the output length of the hash.
///
/// Source: RFC 7518 §3.2.
const JWT_SECRET_MIN: usize = 32;
/// More reminders than this before one visit are a mistake.
const REMINDERS_MAX: usize = 8;

/// All settings of a program, in domain types.
#[derive(Debug)]
pub struct Settings {
    /// Where the database is.
    pub database: DatabaseUrl,
    /// Whether a SQLite commit waits until the disk has it.
    pub sqlite_full_sync: bool,
    /// The API's listeners and its limits.
    pub http: HttpSettings,
    /// Access and refresh tokens.
    pub tokens: TokenSettings,
    /// The accounts and the network they live on.
    pub whatsapp: WhatsAppSettings,
    /// Rules that a business starts with.
    pub policy: PolicySettings,
    /// What is logged and how.
    pub log: LogSettings,
}

/// Listeners of the API and what they accept.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where the REST API listens.
    pub api: SocketAddr,
    /// Where people reach the API, without a slash at its end; `None` sends no links.
    pub public_url: Option<String>,
    /// The domain whose labels are subdomains of businesses, in lower case.
    pub public_domain: Option<String>,
    /// Where the routes of the earlier WhatsApp service listen; `None` closes them.
    pub compat: Option<SocketAddr>,
    /// Where Prometheus finds the metrics of `api`; `None` closes it.
    pub metrics: Option<SocketAddr>,
    /// Where it finds those of `scheduler`; `None` closes it.
    pub scheduler_metrics: Option<SocketAddr>,
    /// How much somebody may ask; `None` for no limit.
    pub rate_limit: Option<RateLimitSettings>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

/// How much somebody may ask, and where that is counted.
#[derive(Debug, Clone)]
pub struct RateLimitSettings {
    /// Requests per minute and client address.
    pub address: u32,
    /// Requests per minute and signed-in user.
    pub user: u32,
    /// Requests per minute and client address on each operation that writes without a token.
    pub strict: u32,
    /// The Redis in which they are counted; `None` for this process. It may hold a password.
    pub redis: Option<SecretString>,
}

/// How tokens are signed and how long they live.
#[derive(Debug)]
pub struct TokenSettings {
    /// Signs access tokens; at least 32 bytes.
    pub secret: SecretString,
    /// Life of an access token.
    pub access: Duration,
    /// Life of a refresh token, in days.
    pub refresh_days: u32,
}

/// How accounts reach WhatsApp.
#[derive(Debug)]
pub struct WhatsAppSettings {
    /// Whether anything connects and sends at all.
    pub enabled: bool,
    /// The network that the accounts belong to.
    pub network: WhatsAppNetwork,
    /// Seals the secret columns of accounts.
    pub sealing_key: Key,
    /// How long a dead process keeps its accounts.
    pub lease: Duration,
}

/// The two networks an account can live on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatsAppNetwork {
    /// Simulated phones, for demos and tests.
    Sandbox {
        /// A sandbox that runs on its own; `None` for one in the process of `api`.
        url: Option<SandboxUrl>,
        /// Where the in-process sandbox listens.
        listen: SocketAddr,
    },
    /// The real one.
    WhatsApp,
}

/// Rules that a business starts with.
#[derive(Debug, Clone)]
pub struct PolicySettings {
    /// Trial of a new business, in days.
    pub trial_days: u32,
    /// How long before the visit a booking can still be cancelled, in hours.
    pub cancellation_hours: u32,
    /// How long before the visit reminders go out, in hours, longest first.
    pub reminder_hours: Vec<u32>,
    /// The language where nothing else decides.
    pub default_language: Language,
    /// The languages offered.
    pub languages: Vec<Language>,
    /// Public holidays.
    pub holidays: Holidays,
    /// Whether the operator's account writes for businesses that have linked none.
    pub platform_account: bool,
    /// People who never wrote to an account and that it may write to for the first time, per day.
    pub cold_per_day: Option<u32>,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Directives of `tracing-subscriber`'s `EnvFilter`.
    pub filter: String,
    /// One line of text, or one JSON object, per event.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Settings {
    /// Parses the raw values.
    ///
    /// On the sandbox network, absent secrets are made once and kept, with mode 0600, in the
    /// folder of the database (`data` for `PostgreSQL`).
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first setting that is wrong or missing.
    pub fn parse(source: &Source) -> Result<Self, SettingsError> {
        let database = database(source)?;
        let network = network(source)?;
        let given = given_secrets(source)?;
        if network == WhatsAppNetwork::WhatsApp {
            guessable::refuse(source, &database)?;
        }
        let (secret, sealing_key) = match (given, &network) {
            ((Some(secret), Some(key)), _) => (secret, key),
            ((secret, key), WhatsAppNetwork::Sandbox { .. }) => {
                let folder = database.folder().unwrap_or_else(|| PathBuf::from("data"));
                let made = DemoSecrets::load_or_create(&folder)?;
                (secret.unwrap_or(made.jwt_secret), key.unwrap_or(made.sealing_key))
            }
            ((None, _), WhatsAppNetwork::WhatsApp) => {
                let why = "without it anyone could sign tokens";
                return Err(SettingsError::NeededOnRealNetwork { name: "JWT_SECRET_KEY", why });
            }
            ((Some(_), None), WhatsAppNetwork::WhatsApp) => {
                let why = "the keys of accounts are stored sealed under it";
                return Err(SettingsError::NeededOnRealNetwork { name: "SEALING_KEY", why });
            }
        };
        Ok(Self {
            database,
            sqlite_full_sync: sqlite_full_sync(source)?,
            http: http(source, &network)?,
            tokens: tokens(source, secret)?,
            whatsapp: WhatsAppSettings {
                enabled: source.flag("WHATSAPP_ENABLED")?,
                network,
                sealing_key,
                lease: seconds(source.number("LEASE_SECONDS", 3..=300, "seconds, 3 to 300")?),
            },
            policy: policy(source)?,
            log: log(source)?,
        })
    }

    /// Whether demo accounts may exist: on the sandbox network only.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        match self.whatsapp.network {
            WhatsAppNetwork::Sandbox { .. } => true,
            WhatsAppNetwork::WhatsApp => false,
        }
    }
}

/// Reads what is logged, on its own, so that telemetry can start before the rest is judged.
///
/// # Errors
///
/// [`SettingsError::Invalid`] for an unknown format.
pub fn log(source: &Source) -> Result<LogSettings, SettingsError> {
    let format = match source.value("LOG_FORMAT") {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => return Err(invalid("LOG_FORMAT", "text or json")),
    };
    let filter = source.value("LOG_LEVEL").to_owned();
    if tracing_subscriber::EnvFilter::try_new(&filter).is_err() {
        return Err(invalid("LOG_LEVEL", "error, warn, info, debug, trace, or filter directives"));
    }
    Ok(LogSettings { filter, format })
}

fn database(source: &Source) -> Result<DatabaseUrl, SettingsError> {
    let expected = "sqlite:///path/to/file.db or postgresql://user:password@host:port/name";
    DatabaseUrl::parse(source.value("DATABASE_URL")).ok_or(invalid("DATABASE_URL", expected))
}

fn sqlite_full_sync(source: &Source) -> Result<bool, SettingsError> {
    match source.value("SQLITE_SYNC") {
        "full" => Ok(true),
        "normal" => Ok(false),
        _ => Err(invalid("SQLITE_SYNC", "full or normal")),
    }
}

fn network(source: &Source) -> Result<WhatsAppNetwork, SettingsError> {
    match source.value("WHATSAPP_NETWORK") {
        "sandbox" => {
            let expected = "http://host:port of a sandbox";
            let url =
                source.given("SANDBOX_URL").map(|text| SandboxUrl::parse(text).ok_or(invalid("SANDBOX_URL", expected)));
            Ok(WhatsAppNetwork::Sandbox { url: url.transpose()?, listen: address(source, "SANDBOX_ADDR")? })
        }
        "whatsapp" => Ok(WhatsAppNetwork::WhatsApp),
        _ => Err(invalid("WHATSAPP_NETWORK", "sandbox or whatsapp")),
    }
}

type GivenSecrets = (Option<SecretString>, Option<Key>);

fn given_secrets(source: &Source) -> Result<GivenSecrets, SettingsError> {
    let secret = source.given("JWT_SECRET_KEY").map(SecretString::from);
    if let Some(secret) = &secret
        && secret.expose_secret().len() < JWT_SECRET_MIN
    {
        return Err(invalid("JWT_SECRET_KEY", "at least 32 bytes, e.g. from `openssl rand -hex 32`"));
    }
    let expected = "64 hexadecimal digits, e.g. from `openssl rand -hex 32`";
    let key = source.given("SEALING_KEY");
    let key = key.map(|text| parse_key(text).ok_or(invalid("SEALING_KEY", expected)));
    Ok((secret, key.transpose()?))
}

fn http(source: &Source, network: &WhatsAppNetwork) -> Result<HttpSettings, SettingsError> {
    let expected = "addresses or networks such as 10.0.0.0/8, separated by commas";
    let proxies = source
        .entries("TRUSTED_PROXIES")
        .map(|entry| Network::parse(entry).ok_or(invalid("TRUSTED_PROXIES", expected)));
    Ok(HttpSettings {
        api: address(source, "API_ADDR")?,
        public_url: public_url(source, network)?,
        public_domain: public_domain(source)?,
        compat: closable(source, "COMPAT_ADDR")?,
        metrics: closable(source, "METRICS_ADDR")?,
        scheduler_metrics: closable(source, "SCHEDULER_METRICS_ADDR")?,
        rate_limit: rate_limit(source)?,
        trusted_proxies: proxies.collect::<Result<_, _>>()?,
    })
}

fn rate_limit(source: &Source) -> Result<Option<RateLimitSettings>, SettingsError> {
    let (range, expected) = (1..=1_000_000, "1 to 1000000");
    let address = source.number("RATE_LIMIT_PER_MINUTE", 0..=1_000_000, "0 to 1000000")?;
    let user = source.number("RATE_LIMIT_USER_PER_MINUTE", range.clone(), expected)?;
    let strict = source.number("RATE_LIMIT_STRICT_PER_MINUTE", range, expected)?;
    let redis = source.given("REDIS_URL");
    if redis.is_some_and(|url| !is_redis_url(url)) {
        return Err(invalid("REDIS_URL", "redis://[user:password@]host[:port][/database]"));
    }
    let redis = redis.map(SecretString::from);
    Ok((address > 0).then_some(RateLimitSettings { address, user, strict, redis }))
}

/// A look at the form; what the client thinks of it shows when it connects.
fn is_redis_url(url: &str) -> bool {
    let rest = url.strip_prefix("redis://").or_else(|| url.strip_prefix("valkey://"));
    rest.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        !host.is_empty() && !host.starts_with(':')
    })
}

/// An address, or `off`.
fn closable(source: &Source, name: &'static str) -> Result<Option<SocketAddr>, SettingsError> {
    if source.value(name) == "off" { Ok(None) } else { address(source, name).map(Some) }
}

fn public_url(source: &Source, network: &WhatsAppNetwork) -> Result<Option<String>, SettingsError> {
    let Some(text) = source.given("PUBLIC_URL") else {
        let local = address(source, "API_ADDR")?;
        return Ok(match network {
            WhatsAppNetwork::Sandbox { .. } => Some(format!("http://{local}")),
            WhatsAppNetwork::WhatsApp => None,
        });
    };
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_fine = |host: &&str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    host.filter(is_fine).ok_or(invalid("PUBLIC_URL", "http:// or https:// and a host, without a path"))?;
    Ok(Some(text.to_owned()))
}

fn public_domain(source: &Source) -> Result<Option<String>, SettingsError> {
    let Some(text) = source.given("PUBLIC_DOMAIN") else { return Ok(None) };
    let domain = text.trim_matches('.').to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_fine = domain.len() <= 200 && domain.split('.').all(is_label);
    if is_fine { Ok(Some(domain)) } else { Err(invalid("PUBLIC_DOMAIN", "a domain such as example.kz")) }
}

fn tokens(source: &Source, secret: SecretString) -> Result<TokenSettings, SettingsError> {
    let minutes = source.number("ACCESS_TOKEN_EXPIRE_MINUTES", 1..=43_200, "minutes, 1 to 43200")?;
    let days = source.number("REFRESH_TOKEN_EXPIRE_DAYS", 1..=365, "days, 1 to 365")?;
    Ok(TokenSettings { secret, access: seconds(minutes.saturating_mul(60)), refresh_days: days })
}

fn policy(source: &Source) -> Result<PolicySettings, SettingsError> {
    let expected = "language codes of ru, en, kk, separated by commas";
    let languages = source
        .entries("SUPPORTED_LANGUAGES")
        .map(|code| code.parse::<Language>().map_err(|_| invalid("SUPPORTED_LANGUAGES", expected)));
    let languages = languages.collect::<Result<Vec<_>, _>>()?;
    let default_language = source.value("DEFAULT_LANGUAGE").parse::<Language>().ok();
    let default_language = default_language.filter(|language| languages.contains(language));
    Ok(PolicySettings {
        trial_days: source.number("DEFAULT_TRIAL_DAYS", 0..=3650, "days, 0 to 3650")?,
        cancellation_hours: source.number("CANCELLATION_HOURS", 0..=720, "hours, 0 to 720")?,
        reminder_hours: reminder_hours(source)?,
        default_language: default_language.ok_or(invalid("DEFAULT_LANGUAGE", "one of SUPPORTED_LANGUAGES"))?,
        languages,
        holidays: holidays(source)?,
        platform_account: match source.value("PLATFORM_ACCOUNT") {
            "on" => true,
            "off" => false,
            _ => return Err(invalid("PLATFORM_ACCOUNT", "on or off")),
        },
        cold_per_day: match source.given("COLD_PER_DAY") {
            Some(_) => Some(source.number("COLD_PER_DAY", 0..=1000, "0 to 1000")?),
            None => None,
        },
    })
}

fn holidays(source: &Source) -> Result<Holidays, SettingsError> {
    let Some(path) = source.given("HOLIDAYS_FILE").map(PathBuf::from) else { return Ok(Holidays::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Holidays::parse(&text).map_err(|source| SettingsError::Holidays { path, source }),
        Err(source) => Err(SettingsError::Unreadable { name: "HOLIDAYS_FILE", path, source }),
    }
}

fn reminder_hours(source: &Source) -> Result<Vec<u32>, SettingsError> {
    let name = "REMINDER_HOURS";
    let expected = "up to 8 different hours from 1 to 720, separated by commas, or none";
    if source.value(name) == "none" {
        return Ok(Vec::new());
    }
    let hours = source.entries(name).map(|entry| {
        let hours = entry.parse::<u32>().ok();
        hours.filter(|hours| (1..=720).contains(hours)).ok_or(invalid(name, expected))
    });
    let mut hours = hours.collect::<Result<Vec<_>, _>>()?;
    hours.sort_unstable_by(|a, b| b.cmp(a));
    if hours.len() > REMINDERS_MAX || hours.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid(name, expected));
    }
    Ok(hours)
}

fn address(source: &Source, name: &'static str) -> Result<SocketAddr, SettingsError> {
    let expected = "an address and a port, e.g. 127.0.0.1:8000";
    source.value(name).parse().map_err(|_| invalid(name, expected))
}

const fn invalid(name: &'static str, expected: &'static str) -> SettingsError {
    SettingsError::Invalid { name, expected }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests;
