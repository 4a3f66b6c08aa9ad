//! What people are written: about a visit, a code, an invitation, in every [`Language`].
//!
//! The program's own wording is in `texts/*.ftl`, one Fluent file per language, with its plurals and the names of days
//! and months. A tenant can replace the text about a visit by a [`Template`] of its own, which knows variables and
//! nothing else. Whatever people typed goes in as a value: it is never read as Fluent or as a template.
//!
//! A client is written to in the language they chose when they booked, else in the one they chose before, by a form, in
//! the chat or with the staff, else in the business's.

mod chat;
mod template;
mod visit;
mod wording;

#[cfg(test)]
mod tests;

pub use chat::ChatText;
pub use template::{TEMPLATE_LENGTH, Template, TemplateError, Variable};
pub use visit::{Event, VisitText, greeting_name};
pub use wording::{TextsEdit, Wording, WordingError, change_wording, example};

use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::{LanguageIdentifier, langid};

use crate::language::Language;

/// Every message that code asks for; each language has all of them.
const MESSAGES: [&str; 27] = [
    "request",
    "confirmation",
    "moved",
    "cancelled-by-client",
    "cancelled-by-salon",
    "reminder",
    "expired",
    "code",
    "invitation",
    "test",
    "stopped",
    "started",
    "chat-thanks",
    "chat-ask-cancel",
    "chat-cannot-cancel",
    "weekday",
    "on-weekday",
    "month",
    "date",
    "line",
    "when",
    "greeting",
    "address",
    "how-to-cancel",
    "how-to-cancel-link",
    "free",
    "what",
];

/// The wording of all languages.
pub struct Texts {
    ru: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
    kk: FluentBundle<FluentResource>,
}

/// A language's file cannot be used: a defect of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextsError {
    /// It is not Fluent, or defines a message twice.
    #[error("the texts in {language} cannot be read")]
    Unreadable {
        /// The language.
        language: Language,
    },
    /// It lacks a message.
    #[error("there is no {message} in {language}")]
    Missing {
        /// The language.
        language: Language,
        /// The message.
        message: &'static str,
    },
}

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// Signing in.
    SignIn,
    /// Choosing a new password.
    Reset,
}

impl Texts {
    /// Reads the texts that come with the program.
    ///
    /// # Errors
    ///
    /// [`TextsError`]; a test shows that there is none.
    pub fn new() -> Result<Self, TextsError> {
        Ok(Self {
            ru: bundle(Language::Ru, langid!("ru"), include_str!("../../texts/ru.ftl"))?,
            en: bundle(Language::En, langid!("en"), include_str!("../../texts/en.ftl"))?,
            kk: bundle(Language::Kk, langid!("kk"), include_str!("../../texts/kk.ftl"))?,
        })
    }

    /// The text about a visit: the tenant's own, if it has one for this event and language, else the program's.
    #[must_use]
    pub fn visit(&self, event: Event, language: Language, wording: &Wording, visit: &VisitText<'_>) -> String {
        match wording.find(event, language) {
            Some(template) => template.render(|variable| self.value(language, variable, visit)),
            None => self.default_visit(event, language, visit),
        }
    }

    /// A code, how long it is good for in minutes, and that it is nobody else's business.
    #[must_use]
    pub fn code(&self, language: Language, business: &str, purpose: CodePurpose, code: &str, minutes: u32) -> String {
        let mut args = FluentArgs::with_capacity(4);
        args.set("business", business);
        args.set("purpose", if purpose == CodePurpose::Reset { "reset" } else { "login" });
        args.set("code", code);
        args.set("minutes", minutes);
        self.format(language, "code", &args)
    }

    /// Somebody is invited to work in a business; the link is good for so many days.
    #[must_use]
    pub fn invitation(&self, language: Language, business: &str, name: &str, link: &str, days: u32) -> String {
        let mut args = FluentArgs::with_capacity(5);
        args.set("business", business);
        set_client(&mut args, Some(name));
        args.set("link", link);
        args.set("days", days);
        self.format(language, "invitation", &args)
    }

    /// Shows that messages arrive.
    #[must_use]
    pub fn test(&self, language: Language, business: &str) -> String {
        self.of_business(language, "test", business)
    }

    /// The answer to somebody who does not want to be written to any more.
    #[must_use]
    pub fn stopped(&self, language: Language, business: &str) -> String {
        self.of_business(language, "stopped", business)
    }

    /// The answer to somebody who wants to be written to again.
    #[must_use]
    pub fn started(&self, language: Language, business: &str) -> String {
        self.of_business(language, "started", business)
    }

    fn of_business(&self, language: Language, message: &str, business: &str) -> String {
        let mut args = FluentArgs::with_capacity(1);
        args.set("business", business);
        self.format(language, message, &args)
    }

    /// `5 000 ₸`; with tiyn only if there are any.
    fn price(&self, language: Language, tiyn: i64) -> String {
        if tiyn == 0 {
            return self.format(language, "free", &FluentArgs::new());
        }
        let point = match language {
            Language::Ru | Language::Kk => ',',
            Language::En => '.',
        };
        let (tenge, rest) = (tiyn.unsigned_abs() / 100, tiyn.unsigned_abs() % 100);
        let digits = tenge.to_string();
        let mut text = String::with_capacity(digits.len() + 8);
        if tiyn < 0 {
            text.push('-');
        }
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 {
                text.push('\u{a0}');
            }
            text.push(digit);
        }
        if rest > 0 {
            text.push(point);
            if rest < 10 {
                text.push('0');
            }
            text.push_str(&rest.to_string());
        }
        text.push_str("\u{a0}₸");
        text
    }

    /// The message, which [`Texts::new`] has seen to be there.
    fn format(&self, language: Language, message: &str, args: &FluentArgs<'_>) -> String {
        let bundle = match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
            Language::Kk => &self.kk,
        };
        let Some(pattern) = bundle.get_message(message).and_then(|message| message.value()) else {
            return String::new();
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if let Some(error) = errors.first() {
            tracing::error!(message, language = %language, error = %error, "a text is incomplete");
        }
        text
    }
}

/// Sets `$client` to what a greeting can say of a name, and `$named` to whether that is anything.
fn set_client(args: &mut FluentArgs<'_>, name: Option<&str>) {
    let name = name.and_then(greeting_name);
    args.set("named", if name.is_some() { "yes" } else { "no" });
    args.set("client", name.unwrap_or_default());
}

fn bundle(
    language: Language,
    locale: LanguageIdentifier,
    file: &str,
) -> Result<FluentBundle<FluentResource>, TextsError> {
    let unreadable = TextsError::Unreadable { language };
    let resource = FluentResource::try_new(file.to_owned()).map_err(|_| unreadable.clone())?;
    let mut bundle = FluentBundle::new_concurrent(vec![locale]);
    // WhatsApp shows the marks as they are, and all our languages run in one direction.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|_| unreadable)?;
    for message in MESSAGES {
        if bundle.get_message(message).and_then(|message| message.value()).is_none() {
            return Err(TextsError::Missing { language, message });
        }
    }
    Ok(bundle)
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts")
    }
}
