//! The commands.

mod args;
mod bulk;
mod connection;
mod doctor;
mod failure;
mod listen;
mod output;
mod pair;
mod qr;
mod queries;
mod send;
mod session;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use failure::Failure;
use output::{Line, Printer};

/// Reads the command line, runs the command, and turns what became of it into an exit code.
pub(crate) fn main() -> ExitCode {
    // A wrong command line ends here, with exit code 2.
    let cli = Cli::parse();
    log_to_stderr(cli.global.verbose);
    let printer = Printer { json: cli.global.json };
    match run(&cli, printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = Line::Error { kind: failure.kind.as_str(), message: failure.to_string() };
            // If even that cannot be printed, the exit code still tells.
            drop(printer.print(&line));
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(command(cli, printer));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

async fn command(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let sealing_key = sealing_key_from_environment();
    let context = Context { global: &cli.global, printer, sealing_key: sealing_key.as_deref() };
    match &cli.command {
        Command::Pair(arguments) => pair::run(&context, arguments).await,
        Command::Status(patience) => connection::status(&context, patience.timeout()).await,
        Command::Send(arguments) => send::run(&context, arguments).await,
        Command::Check(arguments) => queries::check(&context, arguments).await,
        Command::Listen(arguments) => listen::run(&context, arguments).await,
        Command::Bulk(arguments) => bulk::run(&context, arguments).await,
        Command::Devices(arguments) => queries::devices(&context, arguments).await,
        Command::Logout(patience) => connection::logout(&context, patience.timeout()).await,
        Command::Doctor(patience) => doctor::run(&context, patience.timeout()).await,
    }
}

/// What every command needs.
struct Context<'a> {
    global: &'a args::Global,
    printer: Printer,
    sealing_key: Option<&'a str>,
}

/// The sealing key is no option of the command line: those show in the list of processes.
#[expect(clippy::disallowed_methods, reason = "the command's configuration reads the environment")]
fn sealing_key_from_environment() -> Option<String> {
    std::env::var("WA_SEALING_KEY").ok().filter(|text| !text.is_empty())
}

fn log_to_stderr(verbose: u8) {
    let directives = match verbose {
        0 => "error",
        1 => "wa_client=debug,wa_proto=debug,warn",
        _ => "trace",
    };
    let filter = EnvFilter::builder().parse_lossy(directives);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
