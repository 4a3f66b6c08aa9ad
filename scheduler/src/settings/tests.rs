//! What the parser takes and refuses.

use super::*;

const SECRET: &str = "8f2c6a017be94d53a0b1c2d3e4f56789";

fn key() -> String {
    "5a17c0de9b3f6824".repeat(4)
}

/// Parses `pairs` above secrets that are right.
fn parse(pairs: &[(&'static str, &str)]) -> Result<Settings, SettingsError> {
    let key = key();
    let secrets = [("JWT_SECRET_KEY", SECRET), ("SEALING_KEY", key.as_str())];
    Settings::parse(&Source::from_pairs(secrets.into_iter().chain(pairs.iter().copied())))
}

#[test]
fn the_documented_defaults_hold() {
    let settings = parse(&[]).expect("defaults are valid");
    assert_eq!(settings.database.expose(), "sqlite://data/booking.db");
    assert_eq!(settings.http.api.port(), 8000);
    assert_eq!(settings.http.compat.map(|address| address.port()), Some(3000));
    assert_eq!(settings.http.metrics.map(|address| address.port()), Some(9464));
    assert_eq!(settings.http.scheduler_metrics.map(|address| address.port()), Some(9465));
    let limits = settings.http.rate_limit.clone().expect("there is a limit");
    assert_eq!((limits.address, limits.user, limits.strict, limits.redis.is_some()), (100, 300, 20, false));
    assert_eq!(settings.tokens.access, Duration::from_hours(24));
    assert_eq!(settings.tokens.refresh_days, 7);
    assert_eq!(settings.policy.reminder_hours, [24, 2]);
    assert_eq!(settings.policy.cancellation_hours, 2);
    assert_eq!(settings.policy.trial_days, 30);
    assert_eq!(settings.policy.languages.len(), 3);
    assert!(settings.whatsapp.enabled);
    assert!(settings.is_demo());
}

#[test]
fn a_wrong_value_is_refused_by_name_and_never_shown() {
    let cases = [
        ("DATABASE_URL", "mysql://secret-value"),
        ("SQLITE_SYNC", "secret-value"),
        ("API_ADDR", "secret-value"),
        ("COMPAT_ADDR", "secret-value"),
        ("JWT_SECRET_KEY", "secret-value"),
        ("SEALING_KEY", "secret-value"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "seven"),
        ("RATE_LIMIT_PER_MINUTE", "-1"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("METRICS_ADDR", "secret-value"),
        ("SCHEDULER_METRICS_ADDR", "secret-value"),
        ("RATE_LIMIT_USER_PER_MINUTE", "0"),
        ("RATE_LIMIT_STRICT_PER_MINUTE", "many"),
        ("REDIS_URL", "http://secret-value"),
        ("REDIS_URL", "redis://:secret-value@"),
        ("WHATSAPP_ENABLED", "perhaps"),
        ("WHATSAPP_NETWORK", "telegram"),
        ("SANDBOX_URL", "https://secret-value"),
        ("SANDBOX_ADDR", "8080"),
        ("LEASE_SECONDS", "2"),
        ("PLATFORM_ACCOUNT", "perhaps"),
        ("COLD_PER_DAY", "1001"),
        ("PUBLIC_URL", "secret-value"),
        ("PUBLIC_DOMAIN", "secret value"),
        ("DEFAULT_TRIAL_DAYS", "1.5"),
        ("CANCELLATION_HOURS", "721"),
        ("REMINDER_HOURS", "24,0"),
        ("REMINDER_HOURS", "2,2"),
        ("REMINDER_HOURS", "9,8,7,6,5,4,3,2,1"),
        ("DEFAULT_LANGUAGE", "de"),
        ("SUPPORTED_LANGUAGES", "ru,de"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "info,,=x"),
    ];
    for (name, value) in cases {
        let error = parse(&[(name, value)]).expect_err(name).to_string();
        assert!(error.starts_with(&format!("setting {name}: expected ")), "{error}");
        assert!(!error.contains("secret-value"), "{error}");
    }
    // Every setting has a wrong value here, so that a new one cannot be left unchecked.
    for setting in SETTINGS {
        let is_file = setting.name == "HOLIDAYS_FILE"; // with a test of its own, below
        assert!(is_file || cases.iter().any(|(name, _)| *name == setting.name), "{}", setting.name);
    }
}

#[test]
fn the_default_language_must_be_a_supported_one() {
    let error = parse(&[("SUPPORTED_LANGUAGES", "en,kk")]).expect_err("ru is not offered");
    assert!(error.to_string().contains("DEFAULT_LANGUAGE"));
}

#[test]
fn reminders_are_sorted_and_can_be_none() {
    let hours = |text| parse(&[("REMINDER_HOURS", text)]).expect("valid").policy.reminder_hours;
    assert_eq!(hours("2, 24"), [24, 2]);
    assert!(hours("none").is_empty());
}

#[test]
fn zero_requests_per_minute_means_no_limit_and_off_closes_the_old_routes() {
    let settings = parse(&[("RATE_LIMIT_PER_MINUTE", "0"), ("COMPAT_ADDR", "off")]).expect("valid");
    assert!(settings.http.rate_limit.is_none());
    assert_eq!(settings.http.compat, None);
}

#[test]
fn the_real_network_needs_both_secrets() {
    let key = key();
    let refused = |pairs: &[(&'static str, &str)]| {
        let network = [("WHATSAPP_NETWORK", "whatsapp")];
        let source = Source::from_pairs(network.into_iter().chain(pairs.iter().copied()));
        Settings::parse(&source).expect_err("a secret is missing").to_string()
    };
    assert!(refused(&[("SEALING_KEY", &key)]).contains("JWT_SECRET_KEY"));
    assert!(refused(&[("JWT_SECRET_KEY", SECRET)]).contains("SEALING_KEY"));
    assert!(refused(&[("JWT_SECRET_KEY", "short"), ("SEALING_KEY", &key)]).contains("32 bytes"));
    let wrong = "0123456789abcdefghijklmnopqrstuv-secret";
    let zeros = "00".repeat(32);
    assert!(refused(&[("JWT_SECRET_KEY", wrong), ("SEALING_KEY", &key)]).contains("JWT_SECRET_KEY"));
    assert!(refused(&[("JWT_SECRET_KEY", SECRET), ("SEALING_KEY", &zeros)]).contains("SEALING_KEY"));
    let database = ("DATABASE_URL", "postgresql://booking:postgres@localhost/booking");
    let told = refused(&[("JWT_SECRET_KEY", SECRET), ("SEALING_KEY", &key), database]);
    assert!(told.contains("DATABASE_URL") && !told.contains("booking:"), "{told}");
    let settings = parse(&[("WHATSAPP_NETWORK", "whatsapp")]).expect("both are given");
    assert!(!settings.is_demo());
}

#[test]
fn debug_of_the_settings_shows_no_secret() {
    let shown = format!("{:?}", parse(&[]).expect("valid"));
    assert!(!shown.contains(SECRET) && !shown.contains("5a17c0de"), "{shown}");
}

#[test]
fn a_list_of_holidays_is_read_or_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("holidays.json");
    let name = path.to_str().expect("a plain path");
    let count =
        |source: &[(&'static str, &str)]| parse(source).map(|settings| settings.policy.holidays.of_year(2026).count());
    assert_eq!(count(&[]).expect("the built-in list"), 21);
    let missing = count(&[("HOLIDAYS_FILE", name)]).expect_err("no such file").to_string();
    assert!(missing.contains("HOLIDAYS_FILE") && missing.contains("holidays.json"), "{missing}");
    std::fs::write(&path, r#"{"holidays": [{"date": "2026-02-30", "name": {"ru": "a"}}]}"#).expect("writes");
    let wrong = count(&[("HOLIDAYS_FILE", name)]).expect_err("no such date").to_string();
    assert!(wrong.contains("HOLIDAYS_FILE"), "{wrong}");
    std::fs::write(&path, r#"{"holidays": [{"date": "2026-02-28", "name": {"ru": "a"}}]}"#).expect("writes");
    assert_eq!(count(&[("HOLIDAYS_FILE", name)]).expect("valid"), 1);
}
