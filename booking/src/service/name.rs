//! What a service is called.

use serde::Deserialize;

use crate::id::ServiceId;
use crate::language::Language;
use crate::localized::Localized;
use crate::name::Name;
use crate::store::StoreError;

/// The names of a service: the one that is shown where no language is asked for, and those in the languages that it has
/// one in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    shown: Name,
    names: Localized<Name>,
}

impl ServiceName {
    /// As the columns `name` and `texts` have it.
    pub(crate) fn of_row(shown: Name, texts: &str, id: ServiceId) -> Result<Self, StoreError> {
        let broken = |rule| StoreError::Row { table: "services", id: id.get(), rule };
        let texts: Texts = serde_json::from_str(texts).map_err(|_| broken("texts are malformed"))?;
        let names = texts.name.try_map(|text| text.parse()).map_err(|_| broken("a name is malformed"))?;
        Ok(Self { shown, names })
    }

    /// What is shown where no language is asked for: the name in the business's language, if there is one.
    #[must_use]
    pub const fn shown(&self) -> &Name {
        &self.shown
    }

    /// The name in a language, else the one that is shown.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &Name {
        self.names.of(language).unwrap_or(&self.shown)
    }
}

/// Of the texts of a service, its names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Texts {
    name: Localized<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_a_name_has_the_one_that_is_shown() {
        let id = ServiceId::new(1);
        let texts = r#"{"name":{"ru":"Стрижка","kk":"Шаш қию"},"description":{"en":"A cut"},"category":{}}"#;
        let name = ServiceName::of_row("Стрижка".parse().unwrap(), texts, id).unwrap();
        assert_eq!(name.in_language(Language::Kk).as_str(), "Шаш қию");
        assert_eq!(name.in_language(Language::En).as_str(), "Стрижка");
        assert_eq!(name.shown().as_str(), "Стрижка");
        assert!(ServiceName::of_row("x".parse().unwrap(), "{}", id).is_ok());
        assert!(ServiceName::of_row("x".parse().unwrap(), "7", id).is_err());
    }
}
