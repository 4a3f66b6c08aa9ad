//! The one list of settings: names, defaults, meanings.

/// One setting that an operator can give, in the environment or in a `.env` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// What holds when the setting is absent or empty; `None` where that means something of its
    /// own, which `meaning` then says.
    pub default: Option<&'static str>,
    /// What the setting does, its unit and its range, in one or two sentences.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// Every setting of the programs `api` and `scheduler`, in the order of `.env.example`.
pub const SETTINGS: &[Setting] = &[
    setting(
        "DATABASE_URL",
        Some("sqlite:///data/booking.db"),
        "The database: sqlite:///relative/path.db, sqlite:////absolute/path.db, or \
         postgresql://user:password@host:5432/name.",
    ),
    setting(
        "SQLITE_SYNC",
        Some("full"),
        "When a SQLite commit counts as made. full: when the disk has it, so that a power cut takes back nothing that \
         was confirmed. normal: when the system has it, which is faster; a power cut may take back the last moments, a \
         crash of the program nothing. PostgreSQL has settings of its own.",
    ),
    setting("API_ADDR", Some("127.0.0.1:8000"), "Where the REST API listens."),
    setting(
        "PUBLIC_URL",
        None,
        "Where people reach the API, e.g. https://book.example.kz: what links in messages begin with. Absent: on the \
         sandbox network http:// and API_ADDR, on the real one no links are sent and nobody can be invited.",
    ),
    setting(
        "PUBLIC_DOMAIN",
        None,
        "A domain such as example.kz: a request to demo.example.kz means the business demo. Absent: only paths name a \
         business.",
    ),
    setting(
        "COMPAT_ADDR",
        Some("127.0.0.1:3000"),
        "Where the five routes of the earlier WhatsApp service listen; they ask for no token, so \
         keep them on loopback. `off` closes them.",
    ),
    setting(
        "METRICS_ADDR",
        Some("127.0.0.1:9464"),
        "Where `api` shows its metrics to Prometheus, at /metrics, and /health and /ready once more; nobody is asked \
         who they are. `off` closes it.",
    ),
    setting(
        "SCHEDULER_METRICS_ADDR",
        Some("127.0.0.1:9465"),
        "Where `scheduler` shows /metrics, /health and /ready, like METRICS_ADDR. `off` closes it.",
    ),
    setting(
        "JWT_SECRET_KEY",
        None,
        "Signs access tokens; at least 32 bytes. Absent: on the sandbox network a random one is \
         kept beside the database, on the real network the program does not start.",
    ),
    setting("ACCESS_TOKEN_EXPIRE_MINUTES", Some("1440"), "Life of an access token in minutes, 1 to 43200."),
    setting("REFRESH_TOKEN_EXPIRE_DAYS", Some("7"), "Life of a refresh token in days, 1 to 365."),
    setting(
        "RATE_LIMIT_PER_MINUTE",
        Some("100"),
        "Requests per minute and client address, up to 1000000; 0 switches all three limits off.",
    ),
    setting(
        "RATE_LIMIT_USER_PER_MINUTE",
        Some("300"),
        "Requests per minute and signed-in user, wherever they are, 1 to 1000000: takes the place of the address's.",
    ),
    setting(
        "RATE_LIMIT_STRICT_PER_MINUTE",
        Some("20"),
        "Requests per minute and client address on each operation that writes without a token, such as signing in, \
         asking for a code, the public booking: 1 to 1000000.",
    ),
    setting(
        "REDIS_URL",
        None,
        "redis://[user:password@]host[:port][/database]: several `api` processes share their limits there. Absent: \
         each counts for itself, as it does while that Redis does not answer.",
    ),
    setting(
        "TRUSTED_PROXIES",
        Some(""),
        "Addresses or networks (10.0.0.0/8) of reverse proxies whose X-Forwarded-For is believed, \
         separated by commas.",
    ),
    setting("WHATSAPP_ENABLED", Some("true"), "false: messages are planned but nothing connects and nothing is sent."),
    setting(
        "WHATSAPP_NETWORK",
        Some("sandbox"),
        "sandbox: simulated phones and demo accounts. whatsapp: the real network.",
    ),
    setting(
        "SANDBOX_URL",
        None,
        "A sandbox of its own, e.g. http://127.0.0.1:8080. Absent: `api` starts one in its process \
         on SANDBOX_ADDR, and `scheduler` uses the one there.",
    ),
    setting("SANDBOX_ADDR", Some("127.0.0.1:8080"), "Where the in-process sandbox listens."),
    setting(
        "SEALING_KEY",
        None,
        "Seals the secret columns of WhatsApp accounts: 32 bytes, hex. Absent: as JWT_SECRET_KEY.",
    ),
    setting(
        "LEASE_SECONDS",
        Some("15"),
        "How long a process that died keeps its WhatsApp accounts from the others, 3 to 300.",
    ),
    setting(
        "PLATFORM_ACCOUNT",
        Some("off"),
        "on: the operator's own WhatsApp account writes for businesses that have linked none; link it under \
         /api/v1/admin/whatsapp.",
    ),
    setting(
        "COLD_PER_DAY",
        None,
        "How many people who never wrote to an account it may write to for the first time, per day, 0 to 1000. \
         Absent: 20, on the sandbox network 1000, for nobody is punished there.",
    ),
    setting("DEFAULT_TRIAL_DAYS", Some("30"), "Trial of a new business in days, 0 to 3650."),
    setting(
        "CANCELLATION_HOURS",
        Some("2"),
        "A booking can be cancelled until so many hours before the visit, 0 to 720.",
    ),
    setting(
        "REMINDER_HOURS",
        Some("24,2"),
        "Reminders go out so many hours before the visit: up to 8 numbers from 1 to 720, separated \
         by commas; `none` for no reminders.",
    ),
    setting(
        "DEFAULT_LANGUAGE",
        Some("ru"),
        "Language of texts where nothing else decides: one of SUPPORTED_LANGUAGES.",
    ),
    setting("SUPPORTED_LANGUAGES", Some("ru,en,kk"), "Languages offered, separated by commas: of ru, en, kk."),
    setting(
        "HOLIDAYS_FILE",
        None,
        "A list of public holidays, which businesses can close on, in the form of \
         booking/data/holidays.json. Absent: those of Kazakhstan for 2026.",
    ),
    setting(
        "LOG_LEVEL",
        Some("info"),
        "What is logged: error, warn, info, debug, trace, or directives such as \
         info,wa_client=debug.",
    ),
    setting("LOG_FORMAT", Some("text"), "text or json."),
];

/// The text of `.env.example`: every setting with its meaning, commented out at its default.
///
/// ```
/// let example = scheduler::settings::example();
/// assert!(example.contains("# REMINDER_HOURS=24,2"));
/// ```
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of `api` and `scheduler`. Copy this file to `.env` and change what you need;\n\
         # the environment has the last word. A name that is not in this list stops the start.\n",
    );
    for setting in SETTINGS {
        text.push('\n');
        for line in wrap(setting.meaning) {
            text.push_str("# ");
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str("# ");
        text.push_str(setting.name);
        text.push('=');
        text.push_str(setting.default.unwrap_or_default());
        text.push('\n');
    }
    text
}

/// Breaks a sentence into lines of at most 96 characters.
fn wrap(text: &str) -> Vec<String> {
    const WIDTH: usize = 96;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
    }

    #[test]
    fn the_committed_example_is_this_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../.env.example");
        let committed = std::fs::read_to_string(path).expect(".env.example is committed");
        assert_eq!(committed, example(), "regenerate .env.example with `cargo run -p scheduler -- --print-settings`");
    }
}
