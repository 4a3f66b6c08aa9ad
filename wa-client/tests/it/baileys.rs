//! The command beside a client that nobody here wrote.

use std::path::Path;
use std::process::Command;

use fixtures::foreign;
use fixtures::sandbox::{Sandbox, SandboxConfig};

/// Runs `tests/baileys/check.mjs`: texts and delivery receipts both ways, also after both reconnect, also what was sent
/// while the other was away, also when the first texts of both cross.
///
/// Needs Node 20 and npm, and the package registry the first time. Without them it says so and passes, unless
/// `REQUIRE_NODE` is set.
#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_baileys_and_the_command_talk() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("baileys");
    let scripts =
        [("check.mjs", include_str!("../baileys/check.mjs")), ("client.mjs", include_str!("../baileys/client.mjs"))];
    let Some(directory) = foreign::baileys(&directory, &scripts).unwrap() else { return };
    let sandbox = Sandbox::start(SandboxConfig { no_tls: true, ..SandboxConfig::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut check = Command::new("node");
    check
        .arg("check.mjs")
        .current_dir(directory)
        // What the devices of Baileys remember goes with the test, however it ends.
        .env("TMPDIR", folder.path())
        .env("SANDBOX_BASE", sandbox.base_url())
        .env("SANDBOX_WS", sandbox.url())
        .env("SANDBOX_ROOT_KEY", hex::encode(sandbox.root_key().as_bytes()))
        .env("WA_CLIENT", env!("CARGO_BIN_EXE_wa-client"))
        .env("WA_CLIENT_STORE", folder.path().join("wa-client.db"));
    let output = tokio::task::spawn_blocking(move || check.output()).await.unwrap().unwrap();
    let shown = [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{shown}");
    sandbox.shutdown().await;
}
