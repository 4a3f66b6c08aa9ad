//! The random secrets of a demo installation, kept beside its database.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{SecretBox, SecretString};

use super::error::SettingsError;

/// Name of the file, in the folder of the database.
const FILE: &str = "demo-secrets.env";
/// A key of 32 bytes, as the sealing of account columns takes it.
pub type Key = SecretBox<[u8; 32]>;

/// Secrets that a demo makes for itself, so that no default password protects anything.
#[derive(Debug)]
pub(super) struct DemoSecrets {
    pub(super) jwt_secret: SecretString,
    pub(super) sealing_key: Key,
}

impl DemoSecrets {
    /// Reads the file of `folder`, or makes one with mode 0600 if there is none.
    ///
    /// Two processes that start at once agree: the file appears whole, by a link from a temporary
    /// one, and whoever comes second reads the winner's.
    pub(super) fn load_or_create(folder: &Path) -> Result<Self, SettingsError> {
        let path = folder.join(FILE);
        let failed = |source| SettingsError::File { path: path.clone(), source };
        for _ in 0..2 {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    return Self::parse(&text).ok_or(SettingsError::Invalid {
                        name: FILE,
                        expected: "the two keys that were written to it; restore it, or delete it \
                               together with the demo's database",
                    });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
            create(&path).map_err(failed)?;
        }
        Err(failed(ErrorKind::NotFound.into()))
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            jwt_secret: value("JWT_SECRET_KEY")?.to_owned().into(),
            sealing_key: parse_key(value("SEALING_KEY")?)?,
        })
    }
}

/// Reads a key of 32 bytes from 64 hexadecimal digits.
pub(super) fn parse_key(text: &str) -> Option<Key> {
    let mut key = Box::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice()).ok()?;
    Some(Key::new(key))
}

/// Writes new secrets to `path`, unless another process was faster.
fn create(path: &Path) -> std::io::Result<()> {
    let temporary: PathBuf = path.with_extension(hex::encode(random::<8>()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = writeln!(
        file,
        "# Made for this installation; without it the demo's WhatsApp accounts pair anew.\n\
         JWT_SECRET_KEY={}\nSEALING_KEY={}",
        hex::encode(random::<48>()),
        hex::encode(random::<32>())
    );
    let linked = written.and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "secrets of an installation come from the system, never from a seed")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_only_the_owner_can_read_them() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let data = folder.path().join("data");
        let first = DemoSecrets::load_or_create(&data).expect("first start");
        let second = DemoSecrets::load_or_create(&data).expect("second start");
        assert_eq!(first.jwt_secret.expose_secret(), second.jwt_secret.expose_secret());
        assert_eq!(first.sealing_key.expose_secret(), second.sealing_key.expose_secret());
        let mode = std::fs::metadata(data.join(FILE)).expect("file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&data).expect("folder").count(), 1, "nothing else stays");
    }

    #[test]
    fn many_starts_at_once_agree_on_one_secret() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let load = || {
            let secrets = DemoSecrets::load_or_create(folder.path()).expect("start");
            secrets.jwt_secret.expose_secret().to_owned()
        };
        let secrets = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().expect("thread")).collect::<Vec<_>>()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join(FILE), "SEALING_KEY=00\n").expect("written");
        DemoSecrets::load_or_create(folder.path()).expect_err("file is damaged");
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert!(parse_key(&"ab".repeat(32)).is_some());
        assert!(parse_key(&"ab".repeat(31)).is_none());
        assert!(parse_key(&"zz".repeat(32)).is_none());
    }
}
