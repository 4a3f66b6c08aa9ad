//! Where raw values come from: a `.env` file below the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use super::error::SettingsError;
use super::list::SETTINGS;

/// Raw values by name, before they are parsed. `Debug` shows the names only.
#[derive(Clone, Default)]
pub struct Source(BTreeMap<String, String>);

impl Source {
    /// Reads `.env` in the working directory if there is one, then the environment above it.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Unknown`] or [`SettingsError::Malformed`] for a line of the file,
    /// [`SettingsError::File`] if it exists and cannot be read.
    pub fn from_process() -> Result<Self, SettingsError> {
        let mut source = Self::from_file(Path::new(".env"))?;
        for (name, value) in std::env::vars_os() {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                continue;
            };
            if is_setting(name) {
                source.0.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(source)
    }

    /// Makes a source of given pairs, for tests and embedders.
    ///
    /// ```
    /// use scheduler::settings::Source;
    /// let source = Source::from_pairs([("REMINDER_HOURS", "24,2")]);
    /// ```
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.into_iter().map(own).collect())
    }

    /// Reads one file of `NAME=value` lines; a file that does not exist is an empty one.
    ///
    /// Blank lines and lines that begin with `#` are skipped, a leading `export ` and one pair of
    /// quotes around the value are dropped.
    ///
    /// # Errors
    ///
    /// As [`from_process`](Self::from_process).
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                let path = path.to_owned();
                return Err(SettingsError::File { path, source });
            }
        };
        let mut values = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let text = text.strip_prefix("export ").unwrap_or(text);
            let Some((name, value)) = text.split_once('=') else {
                let path = path.to_owned();
                return Err(SettingsError::Malformed { path, line });
            };
            let name = name.trim();
            if !is_setting(name) {
                return Err(SettingsError::Unknown { path: path.to_owned(), line, name: name.to_owned() });
            }
            values.insert(name.to_owned(), unquoted(value.trim()).to_owned());
        }
        Ok(Self(values))
    }

    /// The value given for `name`; an empty one counts as absent.
    pub(super) fn given(&self, name: &'static str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The value given for `name`, else its documented default, else the empty text.
    pub(super) fn value(&self, name: &'static str) -> &str {
        let default = || {
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            setting.and_then(|setting| setting.default).unwrap_or_default()
        };
        self.given(name).unwrap_or_else(default)
    }

    pub(super) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u32>,
        expected: &'static str,
    ) -> Result<u32, SettingsError> {
        let number = self.value(name).parse().ok();
        number.filter(|number| range.contains(number)).ok_or(SettingsError::Invalid { name, expected })
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, SettingsError> {
        match self.value(name).to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(SettingsError::Invalid { name, expected: "true or false" }),
        }
    }

    /// The entries of a list separated by commas, without blanks.
    pub(super) fn entries(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let entries = self.value(name).split(',').map(str::trim);
        entries.filter(|entry| !entry.is_empty())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name)
}

fn unquoted(value: &str) -> &str {
    let between = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Source, SettingsError> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(".env");
        std::fs::write(&path, text).expect("file is written");
        Source::from_file(&path)
    }

    #[test]
    fn a_file_is_read_with_comments_quotes_and_exports() {
        let source = file("# note\n\nexport API_ADDR = '127.0.0.1:1'\nLOG_FORMAT=\"json\"\n").expect("file is valid");
        assert_eq!(source.value("API_ADDR"), "127.0.0.1:1");
        assert_eq!(source.value("LOG_FORMAT"), "json");
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused_with_its_line() {
        let error = file("LOG_LEVEL=info\nREMINDER_HOUR=2\n").expect_err("name is unknown");
        assert!(error.to_string().ends_with("line 2: REMINDER_HOUR is not a setting"));
    }

    #[test]
    fn an_empty_value_means_the_default() {
        let source = Source::from_pairs([("REMINDER_HOURS", " ")]);
        assert_eq!(source.value("REMINDER_HOURS"), "24,2");
        assert_eq!(source.given("REMINDER_HOURS"), None);
    }

    #[test]
    fn debug_shows_no_value() {
        let source = Source::from_pairs([("JWT_SECRET_KEY", "do-not-print")]);
        assert!(!format!("{source:?}").contains("do-not-print"));
    }
}
