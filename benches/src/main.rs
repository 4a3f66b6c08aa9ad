//! Prints our figures beside the peers', measured in this run.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use benches::{api, build, compare};
use clap::{Parser, Subcommand};

/// How often the programs alternate, and how many samples a case has each time.
const ROUNDS: u32 = 5;
const SAMPLES: u32 = 20;

/// Measures this project beside its peers; without a command, everything.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The protocol's steps beside whatsapp-rust's layers.
    Protocol,
    /// Bookings through the API beside plain axum + sqlx and `FastAPI` + asyncpg.
    Api(api::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate stands in the workspace")?;
    let reached = match arguments.part {
        Some(Part::Protocol) => protocol(workspace)?,
        Some(Part::Api(options)) => api::run(&options, workspace).await?,
        None => {
            let protocol = protocol(workspace)?;
            println!();
            // Its options come from the command line or their defaults, also when the command is left out.
            let Arguments { part: Some(Part::Api(options)) } = Arguments::parse_from(["benches", "api"]) else {
                anyhow::bail!("the command line has no api part");
            };
            api::run(&options, workspace).await? && protocol
        }
    };
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn protocol(workspace: &Path) -> anyhow::Result<bool> {
    let peers = workspace.join("benches/peers");
    let cases = ["--profile", "measure", "-p", "benches", "--bin", "measure", "--no-default-features"];
    build::build(workspace, &cases)?;
    build::build(&peers, &["--release", "-p", "wacore-peer"])?;
    let our_program = build::target_directory(workspace)?.join("measure/measure");
    let their_program = build::target_directory(&peers)?.join("release/wacore-peer");

    let (mut ours, mut theirs) = (compare::Figures::new(), compare::Figures::new());
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        compare::run(&our_program, SAMPLES, &mut ours)?;
        compare::run(&their_program, SAMPLES, &mut theirs)?;
    }
    let (table, reached) = compare::table(&ours, &theirs);
    print!("{table}");
    Ok(reached)
}
