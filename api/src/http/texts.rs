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
        let arguments: FluentArgs<'_> = parameters.iter().map(|(name, value)| (*name, argument(name, value))).collect();
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

/// Parameters that count something: the words beside them follow the number.
const COUNTS: [&str; 7] = ["count", "extra", "hours", "max", "min", "missing", "seconds"];

fn argument<'a>(name: &str, value: &'a str) -> FluentValue<'a> {
    let number = if COUNTS.contains(&name) { value.parse::<i64>().ok() } else { None };
    number.map_or_else(|| FluentValue::from(value), FluentValue::from)
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
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const FILES: [&str; 3] = [
        include_str!("../../locales/ru.ftl"),
        include_str!("../../locales/kk.ftl"),
        include_str!("../../locales/en.ftl"),
    ];

    /// The parameters of each text, and the texts that it uses, by message and attribute.
    fn outline(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let (mut message, mut text) = (String::new(), String::new());
        let mut outline: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in source.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let name = line.trim().split(' ').next().unwrap_or_default();
            if !line.starts_with([' ', '}']) {
                name.clone_into(&mut message);
                name.clone_into(&mut text);
            } else if name.starts_with('.') {
                text = format!("{message}{name}");
            }
            let used = outline.entry(text.clone()).or_default();
            for piece in line.split('{').skip(1) {
                let word = piece.split([' ', '}']).find(|word| !word.is_empty()).unwrap_or_default();
                used.insert(word.to_owned());
            }
        }
        outline
    }

    /// The parameters of a text, with those of the texts it uses.
    fn parameters(outline: &BTreeMap<String, BTreeSet<String>>, name: &str) -> BTreeSet<String> {
        let used = outline.get(name).into_iter().flatten();
        used.flat_map(|word| match word.strip_prefix('$') {
            Some(parameter) => BTreeSet::from([parameter.to_owned()]),
            None => parameters(outline, word),
        })
        .collect()
    }

    #[test]
    fn every_language_has_the_same_texts_with_the_same_parameters() {
        let outlines = FILES.map(outline);
        let names = outlines.each_ref().map(|outline| outline.keys().collect::<BTreeSet<_>>());
        let [first, others @ ..] = &names;
        for other in others {
            assert_eq!(first.symmetric_difference(other).collect::<Vec<_>>(), Vec::<&&String>::new());
        }
        for name in first {
            let [ru, kk, en] = outlines.each_ref().map(|outline| parameters(outline, name));
            assert!(ru == en && kk == en, "{name}: {ru:?} {kk:?} {en:?}");
        }
    }

    #[test]
    fn words_follow_their_numbers() {
        let texts = Texts::load();
        let field = |language, code, name, number: i64| texts.field(language, code, &vec![(name, number.to_string())]);
        for (number, short, long) in [
            (1, "не хватает 1 цифры", "1 лишняя цифра"),
            (2, "не хватает 2 цифр", "2 лишние цифры"),
            (5, "не хватает 5 цифр", "5 лишних цифр"),
            (11, "не хватает 11 цифр", "11 лишних цифр"),
            (21, "не хватает 21 цифры", "21 лишняя цифра"),
        ] {
            assert!(field(Language::Ru, "phone-too-short", "missing", number).ends_with(short), "{number}");
            assert!(field(Language::Ru, "phone-too-long", "extra", number).ends_with(long), "{number}");
        }
        assert_eq!(field(Language::En, "phone-too-short", "missing", 1), "is too short, 1 digit is missing");
        assert_eq!(field(Language::En, "phone-too-short", "missing", 3), "is too short, 3 digits are missing");
        assert_eq!(field(Language::Kk, "phone-too-short", "missing", 3), "нөмір тым қысқа, 3 цифр жетпейді");
        assert_eq!(field(Language::Ru, "field-too-long", "max", 1000), "больше 1000 символов");
        assert_eq!(field(Language::Ru, "field-too-long", "max", 101), "больше 101 символа");
        let detail = |language, code, name, number: i64| {
            texts.problem(language, code, &vec![(name, number.to_string()), ("phone", "+7".to_owned())]).detail
        };
        for (seconds, said) in [(1, "через 1 секунду."), (3, "через 3 секунды."), (60, "через 60 секунд.")]
        {
            assert!(detail(Language::Ru, "too-many-codes", "seconds", seconds).ends_with(said), "{seconds}");
        }
        assert!(detail(Language::En, "too-many-codes", "seconds", 1).ends_with("in 1 second."));
        assert!(detail(Language::Kk, "too-many-codes", "seconds", 60).ends_with("60 секундтан кейін қайталаңыз."));
        for (hours, said) in
            [(0, "только до его начала"), (1, "за 1 час до"), (2, "за 2 часа до"), (24, "за 24 часа до")]
        {
            assert!(detail(Language::Ru, "cancellation-too-late", "hours", hours).contains(said), "{hours}");
        }
        assert!(detail(Language::Ru, "client-has-visits", "count", 2).starts_with("Впереди 2 визита."));
        assert!(detail(Language::Ru, "too-many-visits", "max", 1).contains("не больше 1 будущей записи. Позвоните"));
        // What somebody typed is no number, whatever it looks like.
        assert_eq!(field(Language::En, "field-not-with", "other", 7), "cannot be used together with 7");
    }

    #[test]
    fn letters_and_manners_are_those_of_the_language() {
        for (language, source) in ["ru", "kk"].iter().zip(FILES) {
            for word in source.split(|character: char| !character.is_alphabetic()) {
                let latin = word.chars().any(|character| character.is_ascii_alphabetic());
                assert!(!latin || word.is_ascii(), "{language}: {word} mixes alphabets");
                let kazakh = word.to_lowercase().chars().any(|letter| "әғқңөұүһі".contains(letter));
                assert!(!kazakh || *language == "kk", "{word} is not Russian");
                let familiar = ["ты", "тебя", "тебе", "твой", "твоя", "твоё", "сен", "саған", "сені", "сенің"];
                assert!(!familiar.contains(&word.to_lowercase().as_str()), "{language}: {word}");
            }
        }
        for word in FILES[1].to_lowercase().split(|character: char| !character.is_alphabetic()) {
            let russian = ["для", "и", "или", "на", "нет", "по", "с", "в", "что", "чтобы", "это", "запись", "номер"];
            assert!(!russian.contains(&word), "{word} is not Kazakh");
        }
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
