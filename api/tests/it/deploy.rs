//! What is shipped for operators fits the program.

use std::collections::BTreeSet;

use scheduler::settings::{SETTINGS, Settings, Source};

use crate::process::{Process, command, folder};

fn file(name: &str) -> String {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect(name)
}

/// The names before `:` or `=` that look like settings.
fn names(text: &str, separator: char) -> BTreeSet<&str> {
    let names = text.lines().flat_map(|line| line.split([' ', '"'])).filter_map(|word| {
        let name = word.split_once(separator)?.0;
        let is_name = name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_name.then_some(name)
    });
    names.collect()
}

#[test]
fn the_containers_set_only_what_is_a_setting_and_give_no_secret_a_default() {
    let others = [
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
        "MALLOC_ARENA_MAX",
        "MALLOC_MMAP_THRESHOLD_",
        // Of the stages that build.
        "RUSTUP_TOOLCHAIN",
    ];
    let is_known = |name: &str| SETTINGS.iter().any(|setting| setting.name == name) || others.contains(&name);
    let compose = file("docker-compose.yml");
    let set = names(&compose, ':');
    assert!(set.len() > 12, "{set:?}");
    for name in set.iter().chain(&names(&file("Dockerfile"), '=')) {
        assert!(is_known(name), "{name} is no setting");
    }
    for secret in ["POSTGRES_PASSWORD", "JWT_SECRET_KEY", "SEALING_KEY"] {
        assert!(compose.contains(&format!("${{{secret}:?")), "{secret}");
        assert!(
            !compose.contains(&format!("${{{secret}:-")) && !compose.contains(&format!("${{{secret}}}")),
            "{secret}"
        );
    }
    for unit in ["deploy/booking-api.service", "deploy/booking-scheduler.service"] {
        let unit = file(unit);
        assert!(unit.contains("NoNewPrivileges=yes") && unit.contains("User=booking"), "{unit}");
    }
}

#[test]
fn the_settings_of_the_containers_are_accepted_with_secrets_and_refused_without() {
    let key = "5a17c0de9b3f6824".repeat(4);
    let pairs = |secret: &'static str, key: &'static str| {
        Source::from_pairs([
            ("DATABASE_URL", "postgresql://booking:8f2c6a017be94d53@postgres:5432/booking"),
            ("REDIS_URL", "redis://redis:6379/0"),
            ("WHATSAPP_NETWORK", "whatsapp"),
            ("API_ADDR", "0.0.0.0:8000"),
            ("METRICS_ADDR", "0.0.0.0:9464"),
            ("COMPAT_ADDR", "off"),
            ("JWT_SECRET_KEY", secret),
            ("SEALING_KEY", key),
        ])
    };
    let key: &'static str = key.leak();
    assert!(Settings::parse(&pairs(key, key)).is_ok());
    for (secret, sealing, name) in [("", key, "JWT_SECRET_KEY"), (key, "", "SEALING_KEY")] {
        let error = Settings::parse(&pairs(secret, sealing)).expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_asks_the_running_program() {
    let folder = folder();
    let process = Process::start(folder.path(), &[("WHATSAPP_ENABLED", "false")]);
    let address = process.api.to_string();
    let ask = || command(folder.path(), &[("API_ADDR", &address)]).arg("ready").output().expect("it runs").status;
    assert!(ask().success());
    process.stop().await;
    assert!(!ask().success());
}

#[test]
fn a_wrong_setting_stops_the_start_with_its_name() {
    let folder = folder();
    let output = command(folder.path(), &[("LEASE_SECONDS", "1"), ("LOG_FORMAT", "json")])
        .stderr(std::process::Stdio::piped())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("LEASE_SECONDS"), "{told}");
    assert!(!folder.path().join("data/booking.db").exists(), "nothing was begun");
}
