//! What clients are written: confirmation, reminder, cancellation, in every [`Language`].
//!
//! The wording is in `texts/*.ftl`, one Fluent file per language, with its plurals and the names of days and months.

use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use jiff::civil::{Date, DateTime};
use unic_langid::{LanguageIdentifier, langid};

use crate::language::Language;

/// Every message that code asks for; each language has all of them.
const MESSAGES: [&str; 6] = ["confirmation", "reminder", "cancellation", "address", "how-to-cancel", "free"];

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

/// What the messages about a visit say of it.
#[derive(Clone)]
pub struct VisitText<'a> {
    /// The salon.
    pub business: &'a str,
    /// Where it is, if known.
    pub address: Option<&'a str>,
    /// What is booked; several with commas.
    pub service: &'a str,
    /// Who serves; several with commas.
    pub master: &'a str,
    /// The price in tiyn.
    pub price_tiyn: i64,
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// The salon's date when the message goes out.
    pub today: Date,
    /// Hours before the visit up to which it can be cancelled.
    pub cancellation_hours: u32,
}

impl Texts {
    /// Reads the texts that come with the program.
    ///
    /// # Errors
    ///
    /// [`TextsError`]; a test shows that there is none.
    pub fn new() -> Result<Self, TextsError> {
        Ok(Self {
            ru: bundle(Language::Ru, langid!("ru"), include_str!("../texts/ru.ftl"))?,
            en: bundle(Language::En, langid!("en"), include_str!("../texts/en.ftl"))?,
            kk: bundle(Language::Kk, langid!("kk"), include_str!("../texts/kk.ftl"))?,
        })
    }

    /// The visit is booked: what, when, where, for how much, how to cancel.
    #[must_use]
    pub fn confirmation(&self, language: Language, visit: &VisitText<'_>) -> String {
        let args = self.args(language, visit);
        let mut text = self.format(language, "confirmation", &args);
        if visit.address.is_some() {
            text.push('\n');
            text.push_str(&self.format(language, "address", &args));
        }
        text.push('\n');
        text.push_str(&self.format(language, "how-to-cancel", &args));
        text
    }

    /// The visit is near.
    #[must_use]
    pub fn reminder(&self, language: Language, visit: &VisitText<'_>) -> String {
        let args = self.args(language, visit);
        let mut text = self.format(language, "reminder", &args);
        if visit.address.is_some() {
            text.push('\n');
            text.push_str(&self.format(language, "address", &args));
        }
        text
    }

    /// The visit is off.
    #[must_use]
    pub fn cancellation(&self, language: Language, visit: &VisitText<'_>) -> String {
        self.format(language, "cancellation", &self.args(language, visit))
    }

    fn args<'a>(&self, language: Language, visit: &VisitText<'a>) -> FluentArgs<'a> {
        let date = visit.start.date();
        let days = date.since(visit.today).map_or(0, |span| span.get_days());
        let mut args = FluentArgs::with_capacity(12);
        args.set("business", visit.business);
        args.set("address", visit.address.unwrap_or_default());
        args.set("service", visit.service);
        args.set("master", visit.master);
        args.set("price", self.price(language, visit.price_tiyn));
        args.set("time", visit.start.strftime("%H:%M").to_string());
        args.set("weekday", date.weekday().to_monday_one_offset());
        args.set("day", date.day());
        args.set("month", date.month());
        if date.year() == visit.today.year() {
            args.set("year", 0);
        } else {
            // As text: a number could be grouped like an amount.
            args.set("year", date.year().to_string());
        }
        args.set("days", days);
        args.set("hours", visit.cancellation_hours);
        args
    }

    /// `5 000 ₸`; with tiyn only if there are any.
    fn price(&self, language: Language, tiyn: i64) -> String {
        if tiyn == 0 {
            return self.format(language, "free", &FluentArgs::new());
        }
        let (group, point) = match language {
            Language::Ru | Language::Kk => ('\u{a0}', ','),
            Language::En => (',', '.'),
        };
        let (tenge, rest) = (tiyn.unsigned_abs() / 100, tiyn.unsigned_abs() % 100);
        let digits = tenge.to_string();
        let mut text = String::with_capacity(digits.len() + 8);
        if tiyn < 0 {
            text.push('-');
        }
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 {
                text.push(group);
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

/// Shows nothing: it is what a client reads.
impl fmt::Debug for VisitText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitText")
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn visit(days_ahead: i8) -> VisitText<'static> {
        VisitText {
            business: "Ару",
            address: Some("Абая 10"),
            service: "Стрижка",
            master: "Айгуль",
            price_tiyn: 500_000,
            start: date(2026, 1, 15).at(14, 0, 0, 0),
            today: date(2026, 1, 15 - days_ahead),
            cancellation_hours: 2,
        }
    }

    #[test]
    fn a_confirmation_says_what_when_where_and_for_how_much() {
        let texts = Texts::new().unwrap();
        assert_eq!(
            texts.confirmation(Language::Ru, &visit(1)),
            "Здравствуйте! Вы записаны: Ару.\nчетверг, 15 января, 14:00\nСтрижка, мастер: Айгуль\n\
             Стоимость: 5\u{a0}000\u{a0}₸\nАдрес: Абая 10\n\
             Чтобы отменить или перенести запись, ответьте на это сообщение не позднее чем за 2 часа до визита."
        );
        assert_eq!(
            texts.confirmation(Language::En, &visit(1)),
            "Hello! You are booked at Ару.\nThursday, 15 January, 14:00\nСтрижка with Айгуль\n\
             Price: 5,000\u{a0}₸\nAddress: Абая 10\n\
             To cancel or move your visit, reply to this message at least 2 hours before it."
        );
        assert_eq!(
            texts.confirmation(Language::Kk, &visit(1)),
            "Сәлеметсіз бе! Сіз жазылдыңыз: Ару.\nбейсенбі, 15 қаңтар, сағат 14:00\nСтрижка, шебер: Айгуль\n\
             Бағасы: 5\u{a0}000\u{a0}₸\nМекенжайы: Абая 10\n\
             Бас тарту немесе уақытын ауыстыру үшін осы хабарламаға келетін уақыттан кемінде 2 сағат бұрын \
             жауап жазыңыз."
        );
    }

    #[test]
    fn a_reminder_names_the_date_unless_it_is_today() {
        let texts = Texts::new().unwrap();
        let first = |language, days| texts.reminder(language, &visit(days)).lines().next().unwrap().to_owned();
        assert_eq!(first(Language::Ru, 0), "Напоминаем: сегодня в 14:00 у вас запись, Ару.");
        assert_eq!(first(Language::Ru, 1), "Напоминаем: четверг, 15 января, в 14:00 у вас запись, Ару.");
        assert_eq!(first(Language::En, 0), "A reminder: you have a visit at Ару today at 14:00.");
        assert_eq!(first(Language::En, 2), "A reminder: you have a visit at Ару on Thursday, 15 January at 14:00.");
        assert_eq!(first(Language::Kk, 0), "Еске саламыз: бүгін сағат 14:00 уақытына жазылғансыз, Ару.");
        assert_eq!(first(Language::Kk, 1), "Еске саламыз: бейсенбі, 15 қаңтар, сағат 14:00 уақытына жазылғансыз, Ару.");
    }

    #[test]
    fn plurals_and_edges_are_right() {
        let texts = Texts::new().unwrap();
        let hours = |language, cancellation_hours| {
            let visit = VisitText { cancellation_hours, address: None, ..visit(1) };
            texts.confirmation(language, &visit).lines().last().unwrap().to_owned()
        };
        for (count, noun) in [(1, "1 час "), (3, "3 часа "), (5, "5 часов "), (21, "21 час "), (24, "24 часа ")]
        {
            assert!(hours(Language::Ru, count).contains(noun), "{count}");
        }
        assert!(hours(Language::En, 1).contains("1 hour before"));
        assert!(Language::ALL.iter().all(|language| !hours(*language, 0).contains('0')));
        let next_year = VisitText { today: date(2025, 12, 31), price_tiyn: 0, ..visit(0) };
        assert!(texts.cancellation(Language::Ru, &next_year).contains("четверг, 15 января 2026 года, 14:00"));
        assert!(texts.cancellation(Language::En, &next_year).contains("Thursday, 15 January 2026, 14:00"));
        assert!(texts.cancellation(Language::Kk, &next_year).contains("бейсенбі, 2026 жылғы 15 қаңтар, сағат 14:00"));
        assert!(texts.confirmation(Language::Ru, &next_year).contains("Стоимость: бесплатно"));
        assert_eq!(texts.price(Language::Ru, 123_456_789), "1\u{a0}234\u{a0}567,89\u{a0}₸");
        assert_eq!(texts.price(Language::En, 5), "0.05\u{a0}₸");
    }

    #[test]
    fn every_month_and_weekday_has_its_own_name() {
        let texts = Texts::new().unwrap();
        for language in Language::ALL {
            let lines: std::collections::BTreeSet<String> = (0..366)
                .map(|day| date(2028, 1, 1).saturating_add(jiff::Span::new().days(day)))
                .map(|day| VisitText { start: day.at(9, 0, 0, 0), today: day, ..visit(0) })
                .map(|visit| texts.cancellation(*language, &visit))
                .collect();
            assert_eq!(lines.len(), 366, "{language}");
        }
    }
}
