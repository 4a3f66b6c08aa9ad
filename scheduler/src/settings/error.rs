//! Why settings were refused.

use std::path::PathBuf;

use booking::holiday::HolidaysError;

/// Why the settings stop the start. No variant carries a value, because values may be secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A setting has a value outside what is documented for it.
    #[error("setting {name}: expected {expected}")]
    Invalid {
        /// The setting to correct.
        name: &'static str,
        /// What a right value looks like.
        expected: &'static str,
    },
    /// A setting without which the real network is not safe to use is absent.
    #[error("setting {name} is needed when WHATSAPP_NETWORK=whatsapp: {why}")]
    NeededOnRealNetwork {
        /// The setting to add.
        name: &'static str,
        /// What it protects.
        why: &'static str,
    },
    /// A secret for the real network is one that others could guess: an example's, or one with hardly any variety.
    #[error("setting {name} is a value that others could guess, e.g. an example's: {expected}")]
    Guessable {
        /// The setting to change.
        name: &'static str,
        /// What a right value looks like.
        expected: &'static str,
    },
    /// The `.env` file names something that is not a setting.
    #[error("{}, line {line}: {name} is not a setting", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The name as written.
        name: String,
    },
    /// A line of the `.env` file is not `NAME=value`.
    #[error("{}, line {line}: expected NAME=value", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// The file that `HOLIDAYS_FILE` names is no list of holidays.
    #[error("setting HOLIDAYS_FILE: {} cannot be used", path.display())]
    Holidays {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: HolidaysError,
    },
    /// The file that a setting names cannot be read.
    #[error("setting {name}: cannot read {}", path.display())]
    Unreadable {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
