//! One line of text that people read: names of people, salons and services.

use std::fmt;
use std::str::FromStr;

/// The most characters of a [`Name`].
pub const NAME_LENGTH: usize = 100;
/// The most characters of [`Notes`].
pub const NOTES_LENGTH: usize = 1_000;

/// A line of 1 to [`NAME_LENGTH`] characters, without spaces at its ends and without invisible marks.
///
/// `Debug` shows nothing: most of them are people's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// Up to [`NOTES_LENGTH`] characters in any number of lines; may be empty. `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notes(Box<str>);

/// Why a text is not a [`Name`] or [`Notes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing but spaces.
    #[error("the text is empty")]
    Empty,
    /// It has more characters than fit.
    #[error("the text is longer than {most} characters")]
    TooLong {
        /// The most characters.
        most: usize,
    },
    /// It has line ends, control characters or marks that turn the direction of writing.
    #[error("the text has characters that cannot be seen")]
    Invisible,
}

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Notes {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        checked(text, NAME_LENGTH, |_| false).map(Self)
    }
}

impl FromStr for Notes {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        checked(text.trim(), NOTES_LENGTH, |character| matches!(character, '\n' | '\r' | '\t')).map(Self)
    }
}

fn checked(text: &str, most: usize, allowed: impl Fn(char) -> bool) -> Result<Box<str>, NameError> {
    if text.chars().count() > most {
        return Err(NameError::TooLong { most });
    }
    let turns =
        |character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    if text.chars().any(|character| (character.is_control() || turns(character)) && !allowed(character)) {
        return Err(NameError::Invisible);
    }
    Ok(text.into())
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(…)")
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!("  Әйгерім  ".parse::<Name>().unwrap().as_str(), "Әйгерім");
        assert_eq!(" ".parse::<Name>(), Err(NameError::Empty));
        assert_eq!("a\nb".parse::<Name>(), Err(NameError::Invisible));
        assert_eq!("a\u{202e}b".parse::<Name>(), Err(NameError::Invisible));
        assert_eq!("ж".repeat(101).parse::<Name>(), Err(NameError::TooLong { most: 100 }));
        assert_eq!("one\ntwo".parse::<Notes>().unwrap().as_str(), "one\ntwo");
        assert_eq!("\0".parse::<Notes>(), Err(NameError::Invisible));
    }
}
