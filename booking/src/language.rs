//! The languages a client can be written to in.

use crate::store::text_enum;

text_enum! {
    /// A language; its text is the ISO 639-1 code.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    Language {
        /// Russian.
        Ru = "ru",
        /// English.
        En = "en",
        /// Kazakh.
        Kk = "kk",
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::from_text(&text.trim().to_ascii_lowercase()).ok_or(UnknownLanguage)
    }
}

/// The text is not the code of a language that messages exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the language is none of ru, en, kk")]
pub struct UnknownLanguage;
