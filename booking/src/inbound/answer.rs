//! What a short answer in the chat says, if it says one thing only.
//!
//! Whole messages are compared, never parts of them: a guess would call off somebody's visit.

use crate::language::Language;

/// What a client said of their visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// They come.
    Yes,
    /// They do not, or want it called off.
    No,
}

/// What somebody means, and the language it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What they said.
    pub said: Said,
    /// The language of the word, if it is of one only.
    pub language: Option<Language>,
}

use Language::{En, Kk, Ru};
use Said::{No, Yes};

/// Every answer that is understood, as [`plain`] has it. What is not here is left to a person.
const PHRASES: &[(&str, Said, Option<Language>)] = &[
    ("1", Yes, None),
    ("+", Yes, None),
    ("👍", Yes, None),
    ("ok", Yes, None),
    ("okay", Yes, None),
    ("ок", Yes, None),
    ("окей", Yes, None),
    ("да", Yes, Some(Ru)),
    ("да да", Yes, Some(Ru)),
    ("буду", Yes, Some(Ru)),
    ("да буду", Yes, Some(Ru)),
    ("приду", Yes, Some(Ru)),
    ("да приду", Yes, Some(Ru)),
    ("подтверждаю", Yes, Some(Ru)),
    ("да подтверждаю", Yes, Some(Ru)),
    ("иә", Yes, Some(Kk)),
    ("ия", Yes, Some(Kk)),
    ("иа", Yes, Some(Kk)),
    ("барамын", Yes, Some(Kk)),
    ("келемін", Yes, Some(Kk)),
    ("иә келемін", Yes, Some(Kk)),
    ("растаймын", Yes, Some(Kk)),
    ("yes", Yes, Some(En)),
    ("y", Yes, Some(En)),
    ("yep", Yes, Some(En)),
    ("confirm", Yes, Some(En)),
    ("i will come", Yes, Some(En)),
    ("2", No, None),
    ("нет", No, Some(Ru)),
    ("не приду", No, Some(Ru)),
    ("нет не приду", No, Some(Ru)),
    ("не смогу", No, Some(Ru)),
    ("отмена", No, Some(Ru)),
    ("отменить", No, Some(Ru)),
    ("отмените", No, Some(Ru)),
    ("отменяю", No, Some(Ru)),
    ("жоқ", No, Some(Kk)),
    ("жок", No, Some(Kk)),
    ("келмеймін", No, Some(Kk)),
    ("келе алмаймын", No, Some(Kk)),
    ("бас тарту", No, Some(Kk)),
    ("бас тартамын", No, Some(Kk)),
    ("no", No, Some(En)),
    ("n", No, Some(En)),
    ("cancel", No, Some(En)),
];

/// The longest message that is looked at, in characters.
const LONGEST: usize = 40;

/// Reads an answer; none if it may mean something else.
#[must_use]
pub fn read(message: &str) -> Option<Answer> {
    let plain = plain(message)?;
    let found = PHRASES.iter().find(|(phrase, ..)| *phrase == plain)?;
    Some(Answer { said: found.1, language: found.2 })
}

/// The words of a message in lower case with one blank between them, without punctuation; a thumb or a plus alone is
/// itself. None for what is too long to be an answer, or has other signs.
fn plain(message: &str) -> Option<String> {
    if message.chars().count() > LONGEST {
        return None;
    }
    let mut plain = String::new();
    for character in message.chars().flat_map(char::to_lowercase) {
        match character {
            // Frames and skin colours of emoji change nothing.
            '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' => {}
            '.' | ',' | '!' | ')' | ';' | '"' | '«' | '»' => plain.push(' '),
            // A question is no answer, and a sign we do not know may turn one around.
            character if character.is_alphanumeric() || character.is_whitespace() || "+👍".contains(character) => {
                plain.push(character);
            }
            _ => return None,
        }
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_answers_are_understood_in_three_languages() {
        for yes in [
            "1",
            "1.",
            " 1 ",
            "1️⃣",
            "Да",
            "ДА!",
            "да.",
            "да, буду",
            "Иә",
            "иә!",
            "ия",
            "Yes",
            "YES!!",
            "+",
            "👍",
            "👍🏽",
            "ok",
            "Ok.",
            "ОК",
            "окей",
            "Подтверждаю",
            "келемін",
            "иә, келемін",
            "растаймын)",
        ] {
            assert_eq!(read(yes).map(|answer| answer.said), Some(Yes), "{yes}");
        }
        for no in [
            "2",
            "2.",
            "2️⃣",
            "Нет",
            "нет!",
            "жоқ",
            "Жок",
            "no",
            "NO.",
            "отмена",
            "ОТМЕНА",
            "Не приду",
            "не смогу",
            "келе алмаймын",
            "cancel",
            "Бас тарту",
        ] {
            assert_eq!(read(no).map(|answer| answer.said), Some(No), "{no}");
        }
        assert_eq!(read("иә").and_then(|answer| answer.language), Some(Kk));
        assert_eq!(read("нет").and_then(|answer| answer.language), Some(Ru));
        assert_eq!(read("yes").and_then(|answer| answer.language), Some(En));
        assert_eq!(read("1").and_then(|answer| answer.language), None);
    }

    #[test]
    fn what_may_mean_something_else_is_left_to_a_person() {
        for other in [
            "",
            " ",
            "!",
            "да?",
            "нет?",
            "1?",
            "12",
            "21",
            "1 2",
            "1/2",
            "да нет",
            "нет да",
            "да или нет",
            "не да",
            "не нет",
            "не отмена",
            "не отменять",
            "нет, приду",
            "да, но позже",
            "2 человека",
            "в 2",
            "1 час",
            "-",
            "👎",
            "👍👎",
            "+7 777 123 45 67",
            "можно перенести?",
            "нет проблем",
            "no problem",
            "yes and no",
            "ok?",
            "3",
            "отмена?",
            "да 😢",
            "❌",
            "cancel my other visit please and keep this one",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn every_phrase_is_found_as_it_stands() {
        for (phrase, said, language) in PHRASES {
            assert_eq!(read(phrase), Some(Answer { said: *said, language: *language }), "{phrase}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_message_panics(message in "\\PC{0,60}") {
            let _ = read(&message);
        }
    }
}
