//! What the program tells whoever started it.

use std::fmt::Write;
use std::time::Duration;

use booking::account;
use booking::demo;
use booking::platform::Platform;
use scheduler::link::Target;
use scheduler::settings::Settings;
use tokio_util::sync::CancellationToken;

use crate::program::Program;

/// How often it is looked whether the demo's account is online.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The addresses of the program and, in a demo, its logins and a first booking.
#[must_use]
pub fn text(program: &Program, settings: &Settings) -> String {
    let api = program.api_address();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _infallible = writeln!(text, "  {name:<12}{value}");
    };
    line("API", &format!("http://{api}"));
    line("API docs", &format!("http://{api}/api/docs/"));
    if let Some(compat) = program.compat_address() {
        line("old routes", &format!("http://{compat}  (no token: keep it on loopback)"));
    }
    if let Some(metrics) = program.metrics_address() {
        line("metrics", &format!("http://{metrics}/metrics"));
    }
    match program.target() {
        Target::Sandbox(url) => line("phones", &format!("{}/ui/", url.http())),
        Target::WhatsApp => line("WhatsApp", "the real network"),
    }
    if settings.is_demo() {
        line("owner", &format!("{} / {}", demo::OWNER.0, demo::OWNER.1));
        line("admin", &format!("{} / {}", demo::ADMIN.0, demo::ADMIN.1));
    }
    format!("\n{text}")
}

/// Waits until the demo salon's account is online and tells its number; `None` once `stop` is cancelled.
pub async fn demo_account_online(platform: &Platform, stop: &CancellationToken) -> Option<String> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let Ok(mut connection) = platform.db.read().await else { continue };
        let Ok(Some(business)) = booking::business::by_subdomain(&mut connection, demo::SUBDOMAIN).await else {
            continue;
        };
        let Ok(Some(found)) = account::of_business(&mut connection, business.id).await else { continue };
        if let (true, Some(phone)) = (found.is_online(platform.clock.real_now()), found.phone) {
            return Some(format!("+{}", phone.expose()));
        }
    }
}
