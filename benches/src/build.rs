//! Builds the programs that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Runs `cargo build` with `arguments` in a workspace.
///
/// # Errors
///
/// When it does not build.
pub fn build(workspace: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("cargo").arg("build").args(arguments).current_dir(workspace).status()?;
    if !status.success() {
        bail!("{} does not build", workspace.display());
    }
    Ok(())
}

/// Where a workspace's programs are built: asks cargo, for the directory may be set anywhere.
///
/// # Errors
///
/// When cargo does not answer.
pub fn target_directory(workspace: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(workspace)
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let directory = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    directory.map(PathBuf::from).context("cargo names no target directory")
}
