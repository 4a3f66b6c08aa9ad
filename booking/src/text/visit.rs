//! The texts about a visit, as the program words them.

use std::fmt;

use fluent_bundle::FluentArgs;
use jiff::civil::{Date, DateTime};

use super::{Texts, Variable, set_client};
use crate::language::Language;
use crate::store::text_enum;

/// The most characters of a name in a greeting; what is longer is cut behind a word.
const GREETING_LENGTH: usize = 40;

text_enum! {
    /// What happened to a visit, or is about to: what its client is written about.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    Event {
        /// It was asked for, and waits for the staff's word.
        Request = "request",
        /// It is agreed.
        Confirmation = "confirmation",
        /// It has another time.
        Moved = "moved",
        /// The client called it off.
        CancelledByClient = "cancelled_by_client",
        /// The staff called it off.
        CancelledBySalon = "cancelled_by_salon",
        /// It is near.
        Reminder = "reminder",
        /// Nobody confirmed it in time.
        Expired = "expired",
    }
}

/// What the messages about a visit say of it.
#[derive(Clone)]
pub struct VisitText<'a> {
    /// The salon.
    pub business: &'a str,
    /// Where it is, if known.
    pub address: Option<&'a str>,
    /// Who comes, as given for this visit.
    pub client: &'a str,
    /// What is booked; several with commas.
    pub service: &'a str,
    /// Who serves; several with commas.
    pub master: &'a str,
    /// The price in tiyn.
    pub price_tiyn: i64,
    /// When, on the salon's wall clock.
    pub start: DateTime,
    /// When it was to be before, if it was moved.
    pub moved_from: Option<DateTime>,
    /// The salon's date when the message goes out.
    pub today: Date,
    /// Hours before the visit up to which it can be cancelled.
    pub cancellation_hours: u32,
    /// Where the client can cancel or move it without logging in.
    pub link: Option<&'a str>,
}

impl Texts {
    /// The program's own text.
    pub(super) fn default_visit(&self, event: Event, language: Language, visit: &VisitText<'_>) -> String {
        let mut args = Self::day_args(language, visit.start, visit.today);
        args.set("business", visit.business);
        args.set("address", visit.address.unwrap_or_default());
        args.set("service", visit.service);
        args.set("master", visit.master);
        args.set("price", self.price(language, visit.price_tiyn));
        args.set("hours", visit.cancellation_hours);
        args.set("link", visit.link.unwrap_or_default());
        args.set("old", self.day(language, "line", visit.moved_from.unwrap_or(visit.start), visit.today));
        set_client(&mut args, Some(visit.client));
        let (message, has_address, has_way_out) = match event {
            Event::Request => ("request", false, true),
            Event::Confirmation => ("confirmation", true, true),
            Event::Moved => ("moved", true, true),
            Event::CancelledByClient => ("cancelled-by-client", false, false),
            Event::CancelledBySalon => ("cancelled-by-salon", false, false),
            Event::Reminder => ("reminder", true, visit.link.is_some()),
            Event::Expired => ("expired", false, false),
        };
        let mut text = self.format(language, message, &args);
        let mut add = |message| {
            text.push('\n');
            text.push_str(&self.format(language, message, &args));
        };
        if has_address && visit.address.is_some() {
            add("address");
        }
        if has_way_out {
            add(if visit.link.is_some() { "how-to-cancel-link" } else { "how-to-cancel" });
        }
        text
    }

    /// What a tenant's template has in the place of a variable. Never more than one line.
    pub(super) fn value(&self, language: Language, variable: Variable, visit: &VisitText<'_>) -> String {
        let day = |message, at| self.day(language, message, at, visit.today);
        let old = |message| visit.moved_from.map(|at| day(message, at)).unwrap_or_default();
        let text = match variable {
            Variable::Client => greeting_name(visit.client).unwrap_or_default(),
            Variable::Service => visit.service.to_owned(),
            Variable::Master => visit.master.to_owned(),
            Variable::When => day("when", visit.start),
            Variable::Date => day("date", visit.start),
            Variable::Weekday => day("weekday", visit.start),
            Variable::Time => clock(visit.start),
            Variable::OldWhen => old("when"),
            Variable::Price => self.price(language, visit.price_tiyn),
            Variable::Address => visit.address.unwrap_or_default().to_owned(),
            Variable::Business => visit.business.to_owned(),
            Variable::Link => visit.link.unwrap_or_default().to_owned(),
            Variable::Hours => visit.cancellation_hours.to_string(),
        };
        text.replace(|character: char| character.is_control(), " ")
    }

    /// A day or a time in words.
    fn day(&self, language: Language, message: &str, at: DateTime, today: Date) -> String {
        self.format(language, message, &Self::day_args(language, at, today))
    }

    pub(super) fn day_args<'a>(language: Language, at: DateTime, today: Date) -> FluentArgs<'a> {
        let date = at.date();
        let mut args = FluentArgs::with_capacity(20);
        args.set("time", clock(at));
        // The time with the ending that "at" takes, in the language that has one.
        args.set(
            "at",
            match language {
                Language::Kk => format!("{}-{}", clock(at), kazakh_locative(at.minute())),
                Language::Ru | Language::En => clock(at),
            },
        );
        args.set("weekday", date.weekday().to_monday_one_offset());
        args.set("day", date.day());
        args.set("month", date.month());
        if date.year() == today.year() {
            args.set("year", 0);
        } else {
            // As text: a number could be grouped like an amount.
            args.set("year", date.year().to_string());
        }
        args.set("days", date.since(today).map_or(0, |span| span.get_days()));
        args
    }
}

/// Hours and minutes on a clock of 24 hours.
fn clock(at: DateTime) -> String {
    at.strftime("%H:%M").to_string()
}

/// The ending of "at" behind a time in Kazakh. It follows the sound of the last number that is read: the minutes, or
/// `нөл` when there are none.
const fn kazakh_locative(minute: i8) -> &'static str {
    match (minute, minute % 10) {
        // қырықта
        (40, _) => "та",
        // онда, жиырмада, отызда; алтыда, тоғызда
        (10 | 20 | 30, _) | (_, 6 | 9) => "да",
        // үште, төртте, бесте
        (_, 3..=5) => "те",
        // нөлде, елуде; бірде, екіде, жетіде, сегізде
        _ => "де",
    }
}

/// What a greeting can say of a name: letters and what stands between them, at most `GREETING_LENGTH` characters, cut
/// behind a word. Nothing for what is no name: anybody can type anything beside somebody else's number, and a salon's
/// greeting must not carry a stranger's link or number.
#[must_use]
pub fn greeting_name(name: &str) -> Option<String> {
    let fits = |character: char| character.is_alphabetic() || matches!(character, ' ' | '-' | '\'' | '’');
    // A dot stands behind an initial only.
    let is_initials = |word: &str| word.chars().count() <= 2 && word.ends_with('.');
    let words: Vec<&str> = name.split_whitespace().filter(|word| !is_initials(word)).collect();
    if words.is_empty() || !words.iter().all(|word| word.chars().all(fits)) {
        return None;
    }
    let mut greeting = String::new();
    for word in words {
        let length = greeting.chars().count() + usize::from(!greeting.is_empty()) + word.chars().count();
        if length > GREETING_LENGTH {
            break;
        }
        if !greeting.is_empty() {
            greeting.push(' ');
        }
        greeting.push_str(word);
    }
    (!greeting.is_empty()).then_some(greeting)
}

/// Shows nothing: it is what a client reads.
impl fmt::Debug for VisitText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitText")
    }
}
