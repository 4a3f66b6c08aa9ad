//! The texts of problems in each language, from the Fluent files of `api/locales`.

use std::fmt;

use booking::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::langid;

/// A text's parameters by name.
pub type Parameters = Vec<(&'static str, String)>;

/// The title of a problem and its explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemText {
    /// The same for every problem of its kind.
    pub title: String,
    /// What is wrong in this case and what to do.
    pub detail: String,
}

/// The problem texts of every language.
pub struct Texts {
    ru: FluentBundle<FluentResource>,
    kk: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

impl Texts {
    /// Loads the texts that are built into the program.
    #[must_use]
    pub fn load() -> Self {
        Self {
            ru: bundle(langid!("ru"), include_str!("../../locales/ru.ftl")),
            kk: bundle(langid!("kk"), include_str!("../../locales/kk.ftl")),
            en: bundle(langid!("en"), include_str!("../../locales/en.ftl")),
        }
    }

    /// The text of the problem `code`; the code itself where a file lacks it.
    #[must_use]
    pub fn problem(&self, language: Language, code: &str, parameters: &Parameters) -> ProblemText {
        let text = |attribute| {
            let text = self.format(language, code, attribute, parameters);
            text.unwrap_or_else(|| code.to_owned())
        };
        ProblemText { title: text(None), detail: text(Some("detail")) }
    }

    /// The text that says what is wrong with a field; the code itself where a file lacks it.
    #[must_use]
    pub fn field(&self, language: Language, code: &str, parameters: &Parameters) -> String {
        let text = self.format(language, code, None, parameters);
        text.unwrap_or_else(|| code.to_owned())
    }

    /// The text for why a message was not sent; the code itself where a file lacks it.
    #[must_use]
    pub fn message_error(&self, language: Language, code: &str) -> String {
        let text = self.format(language, &format!("message-{code}"), None, &Vec::new());
        text.unwrap_or_else(|| code.to_owned())
    }

    /// How a WhatsApp account is, in words; the code itself where a file lacks it.
    #[must_use]
    pub fn account(&self, language: Language, state: &str) -> String {
        let text = self.format(language, &format!("account-{state}"), None, &Vec::new());
        text.unwrap_or_else(|| state.to_owned())
    }

    fn format(
        &self,
        language: Language,
        code: &str,
        attribute: Option<&str>,
        parameters: &Parameters,
    ) -> Option<String> {
        let bundle = match language {
            Language::Ru => &self.ru,
            Language::Kk => &self.kk,
            Language::En => &self.en,
        };
        let message = bundle.get_message(code)?;
        let pattern = match attribute {
            None => message.value()?,
            Some(attribute) => message.get_attribute(attribute)?.value(),
        };
        let arguments: FluentArgs<'_> =
            parameters.iter().map(|(name, value)| (*name, FluentValue::from(value.as_str()))).collect();
        // A parameter that is missing shows as its name; the test below finds those.
        let mut missing = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&arguments), &mut missing);
        Some(text.into_owned())
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

fn bundle(language: unic_langid::LanguageIdentifier, source: &str) -> FluentBundle<FluentResource> {
    // What a broken line would lose is found by the test on every code and language.
    let resource = FluentResource::try_new(source.to_owned());
    let resource = resource.unwrap_or_else(|(readable, _errors)| readable);
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FILES: [&str; 3] = [
        include_str!("../../locales/ru.ftl"),
        include_str!("../../locales/kk.ftl"),
        include_str!("../../locales/en.ftl"),
    ];

    /// Message and attribute names with the parameters that each line uses.
    fn outline(source: &str) -> BTreeSet<String> {
        let mut message = String::new();
        let mut outline = BTreeSet::new();
        for line in source.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, text) = line.split_once('=').expect("one text per line");
            if !line.starts_with(' ') {
                name.trim().clone_into(&mut message);
            }
            let mut parameters: Vec<_> = text.split("{ $").skip(1).collect();
            for rest in &mut parameters {
                *rest = rest.split(' ').next().unwrap_or("");
            }
            parameters.sort_unstable();
            outline.insert(format!("{message}/{}/{parameters:?}", name.trim()));
        }
        outline
    }

    #[test]
    fn every_language_has_the_same_texts_with_the_same_parameters() {
        let [ru, kk, en] = FILES.map(outline);
        assert_eq!(ru, en);
        assert_eq!(kk, en);
    }

    #[test]
    fn every_reason_of_the_dispatcher_has_a_text() {
        let texts = Texts::load();
        for reason in scheduler::dispatcher::REASONS {
            for language in [Language::Ru, Language::Kk, Language::En] {
                assert_ne!(texts.message_error(language, reason), *reason, "{language:?}");
            }
        }
    }

    #[test]
    fn every_file_parses_whole() {
        for source in FILES {
            FluentResource::try_new(source.to_owned()).expect("file is valid Fluent");
        }
    }
}
