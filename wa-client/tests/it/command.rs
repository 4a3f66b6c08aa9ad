//! The command as scripts use it: its lines, its exit codes, and what `kill -9` does to it.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use fixtures::sandbox::{NewPhone, Receipts, ScanOptions};
use serde_json::Value;

use crate::support::scene::{GUEST, SALON, Scene};

/// The command with a store of its own.
struct Cli {
    folder: tempfile::TempDir,
    url: String,
    root_key: String,
}

impl Cli {
    fn new(scene: &Scene) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: scene.sandbox.url(),
            root_key: hex::encode(scene.sandbox.root_key().as_bytes()),
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("wa.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_wa-client")));
        command.args(arguments).args(["--json", "--push-name", "Salon"]);
        command.env("WA_STORE", self.store()).env("WA_ENDPOINT", &self.url).env("WA_ROOT_KEY", &self.root_key);
        command.env_remove("WA_SEALING_KEY").stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs the command to its end: its lines and its exit code.
    async fn run(&self, arguments: &[&str]) -> (Vec<Value>, i32) {
        let mut command = self.command(arguments);
        let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, output.status.code().unwrap())
    }

    fn spawn(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines: Some(lines) }
    }

    /// Links the store to the phone with `number`.
    async fn pair(&self, scene: &Scene, number: &str) {
        let mut running = self.spawn(&["pair"]);
        let qr = running.next("qr").await;
        scene.sandbox.scan_qr(qr["code"].as_str().unwrap(), &ScanOptions::by_phone(number)).unwrap();
        let paired = running.next("paired").await;
        assert!(paired["jid"].as_str().unwrap().starts_with(number));
        assert!(paired["lid"].as_str().unwrap().ends_with("@lid"));
        running.next("online").await;
        assert!(running.child.wait().unwrap().success());
    }
}

/// A command that runs.
struct Running {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Running {
    /// Waits for the next line with this event.
    async fn next(&mut self, event: &'static str) -> Value {
        let mut lines = self.lines.take().unwrap();
        let (lines, found) = tokio::task::spawn_blocking(move || {
            let found = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            let found = found.into_iter().find(|line| line["event"] == event);
            (lines, found)
        })
        .await
        .unwrap();
        self.lines = Some(lines);
        found.unwrap_or_else(|| panic!("the command ended without {event}"))
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        drop(self.child.kill());
    }
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_the_life_of_a_script() {
    let scene = Scene::start().await;
    let cli = Cli::new(&scene);
    cli.pair(&scene, SALON).await;

    let (lines, code) = cli.run(&["status"]).await;
    assert_eq!((events(&lines), code), (vec!["status"], 0));
    assert_eq!(lines[0]["connection"], "online");

    let absent = NewPhone { phone: Some("77019999999".into()), exists: Some(false), ..NewPhone::default() };
    scene.sandbox.create_phone(absent).unwrap();
    let (lines, code) = cli.run(&["check", GUEST, "+7 701 999-99-99"]).await;
    assert_eq!((events(&lines), code), (vec!["number", "number"], 0));
    assert_eq!(lines[0]["exists"], true);
    assert_eq!(lines[1]["exists"], false);
    assert_eq!(lines[1]["input"], "+7 701 999-99-99");

    let (lines, code) = cli.run(&["send", GUEST, "Ждём вас"]).await;
    assert_eq!((events(&lines), code), (vec!["sent"], 0));
    assert_eq!(lines[0]["to"], format!("{GUEST}@s.whatsapp.net"));
    assert_eq!(scene.phone_shows(GUEST, 1).await[0].text.as_deref(), Some("Ждём вас"));

    scene.sandbox.deliver(GUEST, &Receipts { auto_deliver: Some(true), ..Receipts::default() }).unwrap();
    let (lines, code) = cli.run(&["send", GUEST, "Ещё раз", "--wait", "delivered"]).await;
    assert_eq!((events(&lines), code), (vec!["sent", "delivered"], 0));
    assert_eq!(lines[0]["id"], lines[1]["id"]);

    let (lines, code) = cli.run(&["devices"]).await;
    assert_eq!((lines.len(), code), (2, 0));
    let (lines, code) = cli.run(&["doctor"]).await;
    assert_eq!(code, 0);
    assert!(lines.iter().all(|line| line["ok"] == true));

    let (lines, code) = cli.run(&["bulk", "--pause", "0", "Всем", GUEST, "77010000003", GUEST]).await;
    assert_eq!((events(&lines), code), (vec!["sent", "sent"], 0));

    let (lines, code) = cli.run(&["logout"]).await;
    assert_eq!((events(&lines), code), (vec!["logged_out"], 0));
    assert!(scene.sandbox.phone(SALON).unwrap().devices.is_empty());
    let (_, code) = cli.run(&["send", GUEST, "gone"]).await;
    assert_eq!(code, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_listener_starts_again_without_a_code_and_misses_nothing() {
    let scene = Scene::start().await;
    let cli = Cli::new(&scene);
    cli.pair(&scene, SALON).await;
    let mut listener = cli.spawn(&["listen"]);
    scene.sandbox.send_from_phone(GUEST, SALON, "one").unwrap();
    assert_eq!(listener.next("message").await["text"], "one");
    listener.kill();
    scene.sandbox.send_from_phone(GUEST, SALON, "two").unwrap();
    let mut listener = cli.spawn(&["listen"]);
    // The kill may have come between the print and its confirmation: then "one" is printed again.
    let mut text = listener.next("message").await["text"].clone();
    if text == "one" {
        text = listener.next("message").await["text"].clone();
    }
    assert_eq!(text, "two");

    // Meanwhile the store is in use, and whoever tries hears it.
    let (lines, code) = cli.run(&["send", GUEST, "x"]).await;
    assert_eq!((events(&lines), code), (vec!["error"], 1));
    assert!(lines[0]["message"].as_str().unwrap().contains("in use"));
    listener.kill();
    let (_, code) = cli.run(&["send", GUEST, "x"]).await;
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_while_another_command_waits_is_left_to_listen() {
    let scene = Scene::start().await;
    let cli = Cli::new(&scene);
    cli.pair(&scene, SALON).await;
    scene.sandbox.send_from_phone(GUEST, SALON, "one").unwrap();
    // The receipt does not come; the message does.
    let (_, code) = cli.run(&["send", GUEST, "x", "--wait", "delivered", "--timeout", "3"]).await;
    assert_eq!(code, 6);
    let (lines, code) = cli.run(&["pair"]).await;
    assert_eq!((events(&lines), code), (vec!["online"], 0));
    let (lines, code) = cli.run(&["listen", "--count", "1", "--for", "30"]).await;
    let message = lines.iter().find(|line| line["event"] == "message").unwrap();
    assert_eq!((message["text"].as_str(), code), (Some("one"), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_their_own_exit_codes() {
    let scene = Scene::start().await;
    let cli = Cli::new(&scene);
    for (arguments, want) in [
        (vec!["send", GUEST, "x"], 3),
        (vec!["status"], 3),
        (vec!["send", "call me", "x", "--root-key", "00"], 2),
        (vec!["send", GUEST], 2),
        (vec!["fly"], 2),
    ] {
        assert_eq!(cli.run(&arguments).await.1, want, "{arguments:?}");
    }
    cli.pair(&scene, SALON).await;
    let absent = NewPhone { phone: Some("77019999999".into()), exists: Some(false), ..NewPhone::default() };
    scene.sandbox.create_phone(absent).unwrap();
    for (arguments, want) in [
        (vec!["send", "call me", "x"], 2),
        (vec!["send", "77019999999", "x"], 5),
        (vec!["send", GUEST, "x", "--endpoint", "ws://127.0.0.1:1/ws/chat", "--timeout", "2"], 4),
        (vec!["send", GUEST, "x", "--wait", "delivered", "--timeout", "3"], 6),
        (vec!["pair", "--store", "/dev/null/nowhere.db"], 1),
    ] {
        assert_eq!(cli.run(&arguments).await.1, want, "{arguments:?}");
    }
}
