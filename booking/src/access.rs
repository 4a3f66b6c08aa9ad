//! What somebody may do in a business, and from where they do it.

use std::net::IpAddr;

use crate::business::Business;
use crate::id::{ApiKeyId, BusinessId, ClientId, MasterId, UserId};
use crate::idempotency::Ticket;
use crate::phone::Phone;
use crate::settings::Switches;
use crate::user::Role;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Somebody who logged in.
    User {
        /// Who.
        id: UserId,
        /// The operator who acts in their name, if one does.
        impersonator: Option<UserId>,
    },
    /// A client of the business, by code or by link.
    Client(ClientId),
    /// A program of the business.
    ApiKey(ApiKeyId),
    /// The passing of time.
    System,
}

/// Who acts and from where: what the [audit log](crate::audit) keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub who: Who,
    /// The address the request came from, past trusted proxies.
    pub address: Option<IpAddr>,
    /// The request's id in the logs.
    pub request_id: Option<String>,
    /// Under which key they act, if they may repeat the request: what is recorded is done once under it.
    pub ticket: Option<Ticket>,
}

impl Origin {
    /// The program itself.
    #[must_use]
    pub const fn system() -> Self {
        Self { who: Who::System, address: None, request_id: None, ticket: None }
    }
}

/// Somebody of a business's staff, or a program of theirs, with the business as it is now.
#[derive(Debug, Clone)]
pub struct Staff {
    /// What they may do and see.
    pub access: Access,
    /// The business, with its settings.
    pub business: Business,
}

/// What somebody of the staff, or a program of theirs, may do and see in one business.
#[derive(Debug, Clone)]
pub struct Access {
    /// The business.
    pub business_id: BusinessId,
    /// Who, and from where.
    pub origin: Origin,
    /// Their role; a program has one too.
    pub role: Role,
    /// The master they are themselves, if they are one.
    pub master_id: Option<MasterId>,
    /// What they see beyond their own.
    pub sees: Switches,
}

impl Access {
    /// Whether they run the business: its owner or a manager.
    #[must_use]
    pub const fn runs_business(&self) -> bool {
        matches!(self.role, Role::Owner | Role::Manager)
    }

    /// Whether they may see and change visits of this master.
    #[must_use]
    pub fn sees_master(&self, master_id: MasterId) -> bool {
        self.sees.calendars || self.master_id == Some(master_id)
    }

    /// Whether they own the business.
    #[must_use]
    pub const fn owns_business(&self) -> bool {
        matches!(self.role, Role::Owner)
    }

    /// Who it is, where it is a person.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match self.origin.who {
            Who::User { id, .. } => Some(id),
            Who::Client(_) | Who::ApiKey(_) | Who::System => None,
        }
    }

    /// A client's number as they see it: in E.164 form with its plus, or its last two digits.
    #[must_use]
    pub fn phone(&self, phone: &Phone) -> String {
        if self.sees.phones { format!("+{}", phone.expose()) } else { masked(phone) }
    }

    /// A text that somebody wrote, as they see it: with numbers hidden, what looks like one shows its last two digits.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.sees.phones { text.to_owned() } else { without_numbers(text) }
    }

    /// A price or a sum in tiyn, where they see money.
    #[must_use]
    pub const fn money(&self, tiyn: i64) -> Option<i64> {
        if self.sees.money { Some(tiyn) } else { None }
    }
}

/// The fewest digits that are taken for a number: a local one without its area code is nobody's full number.
const NUMBER_DIGITS: usize = 9;

/// A number's last two digits, for those who do not see it whole: `•••67`.
#[must_use]
pub fn masked(phone: &Phone) -> String {
    let digits = phone.expose();
    let last = digits.len().saturating_sub(2);
    format!("•••{}", digits.get(last..).unwrap_or_default())
}

/// The text with every run of [`NUMBER_DIGITS`] or more digits masked, whatever stands between them in a number that
/// people write. A date with a time may go with them: hiding too much is the safe side.
fn without_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_numeric() || c == '+') {
        let (before, from) = rest.split_at(start);
        shown.push_str(before);
        let end = from.find(|c: char| !(c.is_numeric() || is_joint(c))).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        let digits: String = run.chars().filter(|c| c.is_numeric()).collect();
        if digits.chars().count() >= NUMBER_DIGITS {
            let last: String = digits.chars().skip(digits.chars().count().saturating_sub(2)).collect();
            shown.push_str("•••");
            shown.push_str(&last);
            shown.push_str(run.get(run.trim_end_matches(|c: char| !c.is_numeric()).len()..).unwrap_or_default());
        } else {
            shown.push_str(run);
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// What stands between the digits of a number: signs, spaces, dashes and invisible marks, no letters.
fn is_joint(character: char) -> bool {
    matches!(character, '+' | '-' | '(' | ')' | '[' | ']' | '.' | '/' | '_' | '*' | '~' | '·' | '•')
        || (character.is_whitespace() && character != '\n')
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{202a}'..='\u{202f}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '−')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_everything_but_numbers() {
        for (text, expected) in [
            ("Позвонить +7 (777) 123-45-67 после обеда", "Позвонить •••67 после обеда"),
            ("87771234567", "•••67"),
            ("8\u{a0}777\u{a0}123\u{2011}45\u{2011}67, Алия", "•••67, Алия"),
            ("wa.me/77771234567?text=1", "wa.me/•••67?text=1"),
            ("Кабинет 12, аллергия на йод; 5 000 ₸", "Кабинет 12, аллергия на йод; 5 000 ₸"),
            ("1 500 000 ₸", "1 500 000 ₸"),
            ("٠٧٧٧١٢٣٤٥٦٧", "•••٦٧"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(text), expected, "{text}");
        }
    }
}
