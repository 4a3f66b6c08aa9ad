//! Prints our figures beside the peers', measured in this run.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use benches::compare::{self, Figures};

/// How often the programs alternate, and how many samples a case has each time.
const ROUNDS: u32 = 5;
const SAMPLES: u32 = 20;

fn main() -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = here.parent().context("the crate stands in the workspace")?;
    build(ours, &["--profile", "measure", "-p", "benches", "--bin", "measure"])?;
    build(&here.join("peers"), &["--release", "-p", "wacore-peer"])?;
    let our_program = target_directory(ours)?.join("measure/measure");
    let their_program = target_directory(&here.join("peers"))?.join("release/wacore-peer");

    let (mut ours, mut theirs) = (Figures::new(), Figures::new());
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        compare::run(&our_program, SAMPLES, &mut ours)?;
        compare::run(&their_program, SAMPLES, &mut theirs)?;
    }
    let (table, reached) = compare::table(&ours, &theirs);
    print!("{table}");
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build(workspace: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("cargo").arg("build").args(arguments).current_dir(workspace).status()?;
    if !status.success() {
        bail!("{} does not build", workspace.display());
    }
    Ok(())
}

/// Asks cargo, for the directory may be set anywhere.
fn target_directory(workspace: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(workspace)
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let directory = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    directory.map(PathBuf::from).context("cargo names no target directory")
}
