//! Copies of the database: made under load, put back, and found whole.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use db::Db;
use hyper::Method;

use crate::process::{Process, command, folder, free_times};
use crate::program::call;
use crate::redis::until;
use crate::support::registration;

const QUIET: (&str, &str) = ("WHATSAPP_ENABLED", "false");

fn api(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, &[QUIET]).args(arguments).stderr(std::process::Stdio::piped()).output().expect("it runs")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The times of the visits in a database.
async fn visits(file: &Path) -> Vec<String> {
    let db = Db::connect(&format!("sqlite:{}", file.display())).await.expect("database");
    let mut connection = db.read().await.expect("connection");
    let rows = db::fetch_all!(&mut connection, (String,), "select wall_start from bookings order by id");
    let rows = rows.expect("visits").into_iter().map(|(start,)| start).collect();
    drop(connection);
    db.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_has_every_visit_that_was_answered_before() {
    let (here, there) = (folder(), folder());
    let process = Process::start(here.path(), &[QUIET]);
    let times = free_times(process.api).await;
    let mut made = Vec::new();
    for time in times.iter().step_by(4).take(3) {
        assert_eq!(process.book(time).await.0, 201);
        made.push(time.clone());
    }
    // Others register while the copy is made.
    let (address, stop, count) = (process.api, Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
    let load = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let form = registration(&format!("salon-{}", counted.load(Ordering::Relaxed)));
            let (status, answer) = call(Method::POST, address, "/api/v1/register", Some(form)).await;
            assert_eq!(status, 201, "{answer}");
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    until(async || count.load(Ordering::Relaxed) > 0).await;
    let copy = there.path().join("copy.db");
    let copy_text = copy.to_str().expect("text").to_owned();
    let folder_path = here.path().to_owned();
    let saved = {
        let arguments = copy_text.clone();
        tokio::task::spawn_blocking(move || api(&folder_path, &["backup", &arguments])).await.expect("it runs")
    };
    stop.store(true, Ordering::Relaxed);
    load.await.expect("the load went on");
    assert!(saved.status.success(), "{}", told(&saved));
    let again = api(here.path(), &["backup", &copy_text]);
    assert!(!again.status.success() && told(&again).contains("is there already"), "{}", told(&again));

    // Not while a process has the database open, not even with --force.
    for arguments in [vec!["restore", &copy_text], vec!["restore", &copy_text, "--force"]] {
        let refused = api(here.path(), &arguments);
        assert!(!refused.status.success() && told(&refused).contains("open"), "{}", told(&refused));
    }
    assert_eq!(process.book(times.last().expect("a time")).await.0, 201);
    process.stop().await;

    // Into an empty folder.
    let restored = api(there.path(), &["restore", &copy_text]);
    assert!(restored.status.success(), "{}", told(&restored));
    let found = visits(&there.path().join("data/booking.db")).await;
    assert_eq!(found.len(), made.len());
    for time in &made {
        assert!(found.iter().any(|start| time.starts_with(start.as_str()) || start.starts_with(time.as_str())));
    }
    let process = Process::start(there.path(), &[QUIET]);
    assert_eq!(process.book(&made[0]).await.0, 409, "the time is taken in the copy too");
    process.stop().await;
    assert!(api(there.path(), &["migrate"]).status.success());

    // Over the first one, which is kept.
    let refused = api(here.path(), &["restore", &copy_text]);
    assert!(!refused.status.success() && told(&refused).contains("is not empty"), "{}", told(&refused));
    let forced = api(here.path(), &["restore", &copy_text, "--force"]);
    assert!(forced.status.success() && told(&forced).contains("replaced-"), "{}", told(&forced));
    assert_eq!(visits(&here.path().join("data/booking.db")).await.len(), made.len());
    let kept = std::fs::read_dir(here.path().join("data")).expect("folder").flatten();
    let kept = kept.map(|entry| entry.path()).find(|path| path.display().to_string().contains("replaced-"));
    assert_eq!(visits(&kept.expect("the old file")).await.len(), made.len() + 1);
}

#[test]
fn what_is_no_copy_is_refused_and_nothing_is_touched() {
    let folder = folder();
    let wrong = folder.path().join("wrong.db");
    std::fs::write(&wrong, "not a database, but longer than a header of one ".repeat(10)).expect("writes");
    for (arguments, why) in [
        (["restore", "wrong.db"], "no sound copy"),
        (["restore", "absent.db"], "no database"),
        (["backup", "copy.db"], "no database"),
    ] {
        let refused = api(folder.path(), &arguments);
        assert!(!refused.status.success() && told(&refused).contains(why), "{}", told(&refused));
    }
    assert!(!folder.path().join("data/booking.db").exists() && !folder.path().join("copy.db").exists());
}

#[test]
fn for_postgres_the_command_is_told_without_the_password() {
    let folder = folder();
    let url = [("DATABASE_URL", "postgresql://user:hush@127.0.0.1:1/name"), QUIET];
    for (arguments, tool) in [(["backup", "out.dump"], "pg_dump"), (["restore", "out.dump"], "pg_restore")] {
        let mut command = command(folder.path(), &url);
        let output = command.args(arguments).stderr(std::process::Stdio::piped()).output().expect("it runs");
        let told = told(&output);
        assert!(!output.status.success() && told.contains(tool), "{told}");
        assert!(told.contains("postgresql://user@127.0.0.1:1/name") && !told.contains("hush"), "{told}");
    }
}
