//! The `scheduler` program: sends what is due for the accounts that nobody else holds.

use anyhow::Context;
use booking::clock::Clock;
use clap::Parser;
use scheduler::dispatcher::Dispatcher;
use scheduler::settings::{Settings, Source, example};
use scheduler::{start, stop, telemetry, timekeeper};

/// Sends confirmations and reminders for the WhatsApp accounts that no other process holds.
///
/// Settings come from the environment and a `.env` file; see `--print-settings`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Print every setting with its meaning and default, as `.env.example` has them, and exit.
    #[arg(long)]
    print_settings: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if Arguments::parse().print_settings {
        print!("{}", example());
        return Ok(());
    }
    let settings = Settings::parse(&Source::from_process()?)?;
    telemetry::start(&settings.log);
    let stop = stop::on_signal().context("cannot listen for signals")?;

    let platform = start::platform(&settings, Clock::system()).await?;
    start::refuse_demo_logins(&settings, &platform).await?;
    if settings.whatsapp.enabled {
        let parts = start::dispatcher_parts(&settings, platform.clone(), start::target(&settings));
        let dispatcher = Dispatcher::open(parts).await.context("cannot open the accounts' store")?;
        tracing::info!("looking for accounts");
        tokio::join!(dispatcher.run(stop.clone()), timekeeper::run(platform.clone(), stop));
    } else {
        tracing::warn!("WHATSAPP_ENABLED is false: nothing is sent");
        timekeeper::run(platform.clone(), stop).await;
    }
    platform.db.close().await;
    Ok(())
}
