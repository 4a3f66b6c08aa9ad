//! The `scheduler` program: sends what is due for the accounts that nobody else holds.

use anyhow::Context;
use clap::{Parser, Subcommand};
use scheduler::program::Program;
use scheduler::settings::{Settings, Source, example};
use scheduler::{stop, supervisor, telemetry, watch};

/// Sends confirmations and reminders for the WhatsApp accounts that no other process holds.
///
/// Settings come from the environment and a `.env` file; see `--print-settings`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Print every setting with its meaning and default, as `.env.example` has them, and exit.
    #[arg(long)]
    print_settings: bool,
    /// Without one, the program delivers.
    #[command(subcommand)]
    command: Option<Command>,
}

/// One thing to do instead of delivering.
#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the program that runs on `SCHEDULER_METRICS_ADDR` whether it is fit for its work; for health checks.
    Ready,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.print_settings {
        print!("{}", example());
        return Ok(());
    }
    let settings = Settings::parse(&Source::from_process()?)?;
    telemetry::start(&settings.log);
    if let Some(Command::Ready) = arguments.command {
        let address = settings.http.scheduler_metrics.context("SCHEDULER_METRICS_ADDR is off: nobody can be asked")?;
        watch::ask_ready(address).await?;
        println!("ready");
        return Ok(());
    }
    let stop = stop::on_signal().context("cannot listen for signals")?;
    let program = Program::start(&settings).await?;
    supervisor::started(&stop);
    program.run(stop).await?;
    Ok(())
}
