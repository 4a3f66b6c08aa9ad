//! Files and folders that only their owner may read, from the moment they are there.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes an empty file that was not there. What SQLite puts beside it (`-wal`, `-shm`, `-journal`) gets its mode.
pub(crate) fn new_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Makes the folder of a file, and those above it, where they are not there.
pub(crate) fn folder_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => DirBuilder::new().recursive(true).mode(0o700).create(folder),
        Some(_) | None => Ok(()),
    }
}
