//! Answers to what clients write about their visits in the chat.

use jiff::civil::{Date, DateTime};

use super::Texts;
use crate::language::Language;

/// What a client is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatText {
    /// They said that they come.
    Thanks,
    /// They said that they do not: shall the visit be called off?
    AskCancel,
    /// It cannot be called off here any more; whom to call.
    CannotCancel,
}

impl Texts {
    /// The answer about a visit at `start` on the wall clock of a business with the number `phone`, sent on the date
    /// `today`.
    #[must_use]
    pub fn chat(
        &self,
        language: Language,
        text: ChatText,
        (business, phone): (&str, &str),
        start: DateTime,
        today: Date,
    ) -> String {
        let mut args = Self::day_args(language, start, today);
        args.set("business", business);
        args.set("phone", phone);
        let message = match text {
            ChatText::Thanks => "chat-thanks",
            ChatText::AskCancel => "chat-ask-cancel",
            ChatText::CannotCancel => "chat-cannot-cancel",
        };
        self.format(language, message, &args)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_answer_names_the_visit_in_every_language() {
        let texts = Texts::new().unwrap();
        let start = date(2026, 1, 15).at(14, 0, 0, 0);
        for language in Language::ALL {
            let say = |text| texts.chat(*language, text, ("Ару", "+7 777 123 45 67"), start, date(2026, 1, 14));
            assert!(say(ChatText::Thanks).contains("14:00"), "{language}");
            let ask = say(ChatText::AskCancel);
            assert!(ask.contains("14:00") && ask.contains('2'), "{language}: {ask}");
            assert!(say(ChatText::CannotCancel).contains("+7 777 123 45 67"), "{language}");
        }
    }
}
