//! The `api` program: the REST API, the dispatcher, and in a demo the sandbox.

use anyhow::Context;
use api::banner;
use api::command::Command;
use api::program::Program;
use clap::Parser;
use scheduler::settings::{Settings, Source, example};
use scheduler::{stop, supervisor, telemetry};

/// Serves the booking platform's REST API and sends its WhatsApp messages.
///
/// Without any setting it is a demo: a SQLite database in `data/`, simulated phones, two logins. Settings come from
/// the environment and a `.env` file; see `--print-settings`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Print every setting with its meaning and default, as `.env.example` has them, and exit.
    #[arg(long)]
    print_settings: bool,
    /// Print the OpenAPI document and exit.
    #[arg(long)]
    print_openapi: bool,
    /// Without one, the program serves.
    #[command(subcommand)]
    command: Option<Command>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.print_settings {
        print!("{}", example());
        return Ok(());
    }
    if arguments.print_openapi {
        println!("{}", api::router::document().to_pretty_json()?);
        return Ok(());
    }
    let settings = Settings::parse(&Source::from_process()?)?;
    telemetry::start(&settings.log);
    if let Some(command) = arguments.command {
        println!("{}", command.run(&settings).await?);
        return Ok(());
    }
    let stop = stop::on_signal().context("cannot listen for signals")?;

    let program = Program::start(&settings).await?;
    supervisor::started(&stop);
    print!("{}", banner::text(&program, &settings));
    if settings.is_demo() && settings.whatsapp.enabled {
        let (platform, stop) = (program.platform().clone(), stop.clone());
        tokio::spawn(async move {
            if let Some(number) = banner::demo_account_online(&platform, &stop).await {
                println!("  {:<12}{number}, online\n", "WhatsApp");
            }
        });
    }
    program.run(stop).await?;
    Ok(())
}
