//! The key file that stands beside a store when no sealing key is configured.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{SealError, SealingKey};

/// A key file has 64 digits and a line end; more than this is not one.
const MAX_KEY_FILE: u64 = 256;

/// Reads the sealing key from `path`, or makes one and writes it there with mode 0600.
///
/// # Errors
///
/// [`KeyFileError::Io`] if the file can neither be read nor created, [`KeyFileError::Exposed`] if
/// others may read it, [`KeyFileError::Malformed`] if it holds no key.
pub fn load_or_create_key(path: &Path, rng: &mut impl CryptoRng) -> Result<SealingKey, KeyFileError> {
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, rng),
        Err(source) => Err(KeyFileError::Io { path: path.into(), source }),
    }
}

fn load(path: &Path, file: File) -> Result<SealingKey, KeyFileError> {
    let with_path = |source| KeyFileError::Io { path: path.into(), source };
    refuse_exposed(path, &file)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(with_path)?;
    SealingKey::from_hex(&text).map_err(|source| KeyFileError::Malformed { path: path.into(), source })
}

fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<SealingKey, KeyFileError> {
    let with_path = |source| KeyFileError::Io { path: path.into(), source };
    let mut options = OpenOptions::new();
    // `create_new`: of two processes that start at once, one makes the key and the other one fails
    // instead of sealing under a key that is about to be overwritten.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(with_path)?;
    let key = SealingKey::generate(rng);
    writeln!(file, "{}", *key.to_hex()).map_err(with_path)?;
    file.sync_all().map_err(with_path)?;
    Ok(key)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata().map_err(|source| KeyFileError::Io { path: path.into(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    let for_others = mode & 0o077;
    if for_others == 0 { Ok(()) } else { Err(KeyFileError::Exposed { path: path.into(), mode }) }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the form of the check on Unix")]
fn refuse_exposed(_: &Path, _: &File) -> Result<(), KeyFileError> {
    Ok(())
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file could not be read or made.
    #[error("the key file {} cannot be used", path.display())]
    Io {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users of the machine can read the key; `chmod 600` it.
    #[error("the key file {} is readable by others (mode {mode:o}, want 600)", path.display())]
    Exposed {
        /// Where it is.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("the key file {} holds no key", path.display())]
    Malformed {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: SealError,
    },
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn the_key_that_was_created_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let first = load_or_create_key(&path, &mut rng).unwrap();
        let second = load_or_create_key(&path, &mut rng).unwrap();
        assert_eq!(*first.to_hex(), *second.to_hex());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_private_and_an_exposed_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        load_or_create_key(&path, &mut rng).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = load_or_create_key(&path, &mut rng);
        assert!(matches!(refused, Err(KeyFileError::Exposed { mode: 0o640, .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_a_key_is_refused_and_kept() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        std::fs::write(&path, "not a key").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let refused = load_or_create_key(&path, &mut rng);
        assert!(matches!(refused, Err(KeyFileError::Malformed { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
    }
}
