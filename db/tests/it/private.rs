//! Nobody but its owner reads a SQLite file, what lies beside it, or a copy of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use db::migration::{Component, Step};
use db::{Db, backup};

const NOTES: Component = Component {
    name: "notes",
    steps: &[Step { number: 1, name: "notes", sqlite: "create table notes (body text)", postgres: "" }],
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The names and modes of what is in a folder.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut modes: Vec<_> =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), mode(&entry.path()))).collect();
    modes.sort();
    modes
}

async fn write(url: &str) -> Db {
    let db = Db::connect(url).await.unwrap();
    db.migrate(&NOTES).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    db::execute!(&mut tx, "insert into notes (body) values ($1)", "Айгерим").unwrap();
    tx.commit().await.unwrap();
    db
}

#[tokio::test]
async fn a_new_file_and_its_copies_are_their_owners_alone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data/deep");
    let url = format!("sqlite:{}", folder.join("test.db").display());
    let db = write(&url).await;
    let private = |name: &str| (name.to_owned(), 0o600);
    assert_eq!((mode(&place.path().join("data")), mode(&folder)), (0o700, 0o700));
    assert_eq!(modes(&folder), [private("test.db"), private("test.db-shm"), private("test.db-wal")]);
    let copy = place.path().join("copy.db");
    backup::save(&url, &copy).await.unwrap();
    assert_eq!(mode(&copy), 0o600);
    db.close().await;

    // A copy that somebody made readable is put back so that it is not.
    fs::set_permissions(&copy, Permissions::from_mode(0o644)).unwrap();
    let elsewhere = place.path().join("elsewhere");
    let url = format!("sqlite:{}", elsewhere.join("test.db").display());
    backup::restore(&url, &copy, false, 0).await.unwrap();
    let db = write(&url).await;
    assert_eq!(mode(&elsewhere), 0o700);
    assert_eq!(modes(&elsewhere), [private("test.db"), private("test.db-shm"), private("test.db-wal")]);
    db.close().await;
}

#[tokio::test]
async fn a_file_that_is_there_keeps_its_mode() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("test.db");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let db = write(&format!("sqlite:{}", file.display())).await;
    assert!(modes(place.path()).iter().all(|(_, mode)| *mode == 0o640), "{:?}", modes(place.path()));
    db.close().await;
}
