//! Texts in several languages.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// A text in some of the languages, or in none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localized<T> {
    /// Russian.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ru: Option<T>,
    /// Kazakh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kk: Option<T>,
    /// English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<T>,
}

impl<T> Default for Localized<T> {
    fn default() -> Self {
        Self { ru: None, kk: None, en: None }
    }
}

impl<T> Localized<T> {
    /// The text in one language.
    #[must_use]
    pub const fn of(&self, language: Language) -> Option<&T> {
        match language {
            Language::Ru => self.ru.as_ref(),
            Language::Kk => self.kk.as_ref(),
            Language::En => self.en.as_ref(),
        }
    }

    /// The text in the language that is wanted, else in `fallback`, else the first there is of Russian, Kazakh,
    /// English.
    #[must_use]
    pub fn pick(&self, wanted: Language, fallback: Language) -> Option<&T> {
        let order = [wanted, fallback, Language::Ru, Language::Kk, Language::En];
        order.into_iter().find_map(|language| self.of(language))
    }

    /// Whether there is a text in no language.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ru.is_none() && self.kk.is_none() && self.en.is_none()
    }

    /// Makes another of each text.
    pub fn map<U>(&self, make: impl Fn(&T) -> U) -> Localized<U> {
        Localized { ru: self.ru.as_ref().map(&make), kk: self.kk.as_ref().map(&make), en: self.en.as_ref().map(&make) }
    }

    /// Makes another of each text, if that succeeds for all.
    ///
    /// # Errors
    ///
    /// The first, with the language of its text.
    pub fn try_map<U, E>(&self, make: impl Fn(&T) -> Result<U, E>) -> Result<Localized<U>, (Language, E)> {
        let each = |language, text: &Option<T>| text.as_ref().map(&make).transpose().map_err(|error| (language, error));
        Ok(Localized {
            ru: each(Language::Ru, &self.ru)?,
            kk: each(Language::Kk, &self.kk)?,
            en: each(Language::En, &self.en)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_falls_back() {
        let text = Localized { ru: Some("ru"), kk: None, en: Some("en") };
        assert_eq!(text.pick(Language::En, Language::Ru), Some(&"en"));
        assert_eq!(text.pick(Language::Kk, Language::En), Some(&"en"));
        assert_eq!(text.pick(Language::Kk, Language::Kk), Some(&"ru"));
        assert_eq!(Localized::<&str>::default().pick(Language::Ru, Language::Ru), None);
    }
}
