//! Phone numbers: what people type, and the one form that is kept.

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::{DATABASE, Descriptor, Descriptors, Metadata};

mod show;

#[cfg(test)]
mod tests;

/// Digits in a number of country code 7 (Kazakhstan and Russia), the code not counted.
const ZONE_7_DIGITS: usize = 10;
/// The fewest and the most digits of any number, the country code counted. Source: ITU-T E.164; no country has fewer
/// than seven.
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Spaces, dashes and marks of writing direction that come along with a pasted number.
const TYPOGRAPHY: [std::ops::RangeInclusive<char>; 5] = [
    '\u{a0}'..='\u{a0}',
    '\u{2007}'..='\u{2007}',
    '\u{2009}'..='\u{2015}',
    '\u{202a}'..='\u{202f}',
    '\u{2066}'..='\u{2069}',
];

/// A phone number in E.164 form without the plus: 7 to 15 digits, e.g. `393331234567`.
///
/// It parses from what people in Kazakhstan type: `87771234567`, `+77771234567` and `7771234567` are all
/// `77771234567`; a number of another country needs its `+` or `00`, or must be complete and valid without.
/// `Debug` shows the last two digits only; [`expose`](Self::expose) gives the whole number.
///
/// ```
/// use booking::phone::{Phone, PhoneError};
///
/// let phone: Phone = "8 (777) 123-45-67".parse()?;
/// assert_eq!(phone.expose(), "77771234567");
/// assert_eq!(format!("{phone:?}"), "Phone(…67)");
/// assert_eq!("+7 778 123 45 6".parse::<Phone>(), Err(PhoneError::TooShort { missing: 1 }));
/// # Ok::<(), PhoneError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(Box<str>);

/// What a number is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A mobile number, or one that may be.
    Mobile,
    /// A landline: WhatsApp is unlikely, somebody has to call.
    Landline,
    /// The right length, but in no range the library knows; new ranges appear before libraries learn of them, so it is
    /// kept, and whoever typed it is asked to look again.
    Unknown,
}

/// Why a text is not a phone number one can book with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// There is no digit in it.
    #[error("there is no phone number")]
    Empty,
    /// It has something that belongs in no phone number.
    #[error("{character:?} does not belong in a phone number")]
    Unexpected {
        /// The first such character.
        character: char,
    },
    /// Digits are missing.
    #[error("the phone number is {missing} digits too short")]
    TooShort {
        /// How many.
        missing: usize,
    },
    /// There are too many digits.
    #[error("the phone number is {extra} digits too long")]
    TooLong {
        /// How many.
        extra: usize,
    },
    /// No country has this code.
    #[error("no country has this calling code")]
    UnknownCountry,
    /// A toll-free, premium or service number: nobody's own.
    #[error("this is a service number, not a person's")]
    Service,
}

impl Phone {
    /// The digits, country code first, without the plus.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the number is good for.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Country::of(&self.0).map_or(Reach::Unknown, |country| match country.kind() {
            Kind::Landline => Reach::Landline,
            Kind::Person => Reach::Mobile,
            Kind::Service | Kind::Unknown => Reach::Unknown,
        })
    }

    /// What to tell whoever typed it.
    #[must_use]
    pub fn warning(&self) -> Option<PhoneWarning> {
        match self.reach() {
            Reach::Mobile => None,
            Reach::Landline => Some(PhoneWarning::WhatsAppUnlikely),
            Reach::Unknown => Some(PhoneWarning::Unusual),
        }
    }
}

/// What whoever typed a number is told, though it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneWarning {
    /// It is a landline: messages will hardly arrive, somebody has to call.
    WhatsAppUnlikely,
    /// No range of its country has it: a digit may be wrong.
    Unusual,
}

impl PhoneWarning {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhatsAppUnlikely => "whatsapp_unlikely",
            Self::Unusual => "number_unusual",
        }
    }
}

impl FromStr for Phone {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let digits = Digits::read(text)?;
        if let Some(number) = digits.international() {
            return international(number);
        }
        let number = digits.text.as_str();
        match (number.len(), number.as_bytes().first()) {
            (11, Some(b'8')) => zone_7(number.get(1..).unwrap_or_default()),
            (11, Some(b'7')) => international(number),
            // Nine digits behind the trunk prefix, if it is not the service number that fits.
            (10, Some(b'8')) => match zone_7(number) {
                Err(PhoneError::Service) => Err(PhoneError::Service),
                Ok(_) | Err(_) => Err(PhoneError::TooShort { missing: 1 }),
            },
            (10, _) => zone_7(number),
            // A complete number of another country, whose plus was left out.
            _ => match international(number) {
                Ok(phone) if phone.reach() != Reach::Unknown => Ok(phone),
                Err(PhoneError::Service) => Err(PhoneError::Service),
                Ok(_) | Err(_) => {
                    let trunk = usize::from(matches!(number.as_bytes().first(), Some(b'7' | b'8')));
                    Err(off_by(number.len(), ZONE_7_DIGITS.saturating_add(trunk)))
                }
            },
        }
    }
}

/// The digits of a text, and whether a plus stood before them.
struct Digits {
    text: String,
    plus: bool,
}

impl Digits {
    fn read(text: &str) -> Result<Self, PhoneError> {
        let mut digits = Self { text: String::with_capacity(16), plus: false };
        for character in text.trim().chars() {
            match character {
                '0'..='9' => digits.text.push(character),
                '+' if digits.text.is_empty() && !digits.plus => digits.plus = true,
                ' ' | '-' | '(' | ')' | '.' | '/' => {}
                // What word processors and contact books put between digits, and marks of writing direction.
                _ if TYPOGRAPHY.iter().any(|range| range.contains(&character)) => {}
                _ => return Err(PhoneError::Unexpected { character }),
            }
        }
        if digits.text.is_empty() { Err(PhoneError::Empty) } else { Ok(digits) }
    }

    /// The number behind a plus or a prefix for calls abroad: `00`, or `8 10` where the trunk prefix is 8.
    fn international(&self) -> Option<&str> {
        if self.plus {
            return Some(&self.text);
        }
        let abroad = self.text.strip_prefix("810").filter(|rest| rest.len() > ZONE_7_DIGITS);
        abroad.or_else(|| self.text.strip_prefix("00"))
    }
}

fn zone_7(national: &str) -> Result<Phone, PhoneError> {
    international(&format!("7{national}"))
}

fn international(digits: &str) -> Result<Phone, PhoneError> {
    let length = digits.len();
    if let Some(national) = digits.strip_prefix('7')
        && national.len() != ZONE_7_DIGITS
    {
        return Err(off_by(national.len(), ZONE_7_DIGITS));
    }
    if length < *E164_DIGITS.start() {
        return Err(off_by(length, *E164_DIGITS.start()));
    }
    if length > *E164_DIGITS.end() {
        return Err(off_by(length, *E164_DIGITS.end()));
    }
    let country = Country::of(digits).ok_or(PhoneError::UnknownCountry)?;
    match country.kind() {
        Kind::Service => Err(PhoneError::Service),
        Kind::Person | Kind::Landline => Ok(Phone(digits.into())),
        Kind::Unknown => country.check_length().map(|()| Phone(digits.into())),
    }
}

/// What the library's tables say about a number.
///
/// Its parser is not used: it takes the 8 of `+7 800…` for a trunk prefix, and does not read `7771234567`.
struct Country<'n> {
    regions: Vec<&'static Metadata>,
    national: &'n str,
}

/// The kinds of number that matter to us.
enum Kind {
    Person,
    Landline,
    Service,
    Unknown,
}

impl<'n> Country<'n> {
    /// Splits a number at its country code. No code is the beginning of another.
    fn of(digits: &'n str) -> Option<Self> {
        (1..=3).find_map(|end| {
            let (code, national) = digits.split_at_checked(end)?;
            let regions = DATABASE.by_code(&code.parse::<u16>().ok()?)?;
            (!regions.is_empty()).then_some(Self { regions, national })
        })
    }

    fn kind(&self) -> Kind {
        let is = |pick: fn(&Descriptors) -> Option<&Descriptor>| {
            self.regions.iter().any(|region| {
                let all = region.descriptors();
                all.general().is_match(self.national)
                    && pick(all).is_some_and(|descriptor| descriptor.is_match(self.national))
            })
        };
        let services = [
            Descriptors::toll_free,
            Descriptors::premium_rate,
            Descriptors::shared_cost,
            Descriptors::uan,
            Descriptors::pager,
            Descriptors::voicemail,
        ];
        if is(Descriptors::mobile) || is(Descriptors::voip) || is(Descriptors::personal_number) {
            Kind::Person
        } else if is(Descriptors::fixed_line) {
            Kind::Landline
        } else if services.into_iter().any(is) {
            Kind::Service
        } else {
            Kind::Unknown
        }
    }

    fn check_length(&self) -> Result<(), PhoneError> {
        let length = self.national.len();
        let possible: Vec<usize> = self.regions.iter().flat_map(|region| lengths(region)).collect();
        if possible.is_empty() || possible.contains(&length) {
            return Ok(());
        }
        let nearest = possible.iter().copied().min_by_key(|right| right.abs_diff(length)).unwrap_or(length);
        Err(off_by(length, nearest))
    }
}

/// The lengths of the numbers people have in a region. The tables give them by kind, not for the region as a whole.
fn lengths(region: &Metadata) -> Vec<usize> {
    let all = region.descriptors();
    let kinds = [all.mobile(), all.fixed_line(), all.voip(), all.personal_number()];
    kinds.into_iter().flatten().flat_map(Descriptor::possible_length).copied().map(usize::from).collect()
}

fn off_by(length: usize, right: usize) -> PhoneError {
    if length < right {
        PhoneError::TooShort { missing: right.saturating_sub(length) }
    } else {
        PhoneError::TooLong { extra: length.saturating_sub(right) }
    }
}

/// Shows the last two digits only.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default();
        write!(f, "Phone(…{tail})")
    }
}

/// Reads what [`Phone::expose`] gave; for a row, which was checked when it was written.
impl TryFrom<String> for Phone {
    type Error = PhoneError;

    fn try_from(digits: String) -> Result<Self, PhoneError> {
        if let Some(character) = digits.chars().find(|character| !character.is_ascii_digit()) {
            return Err(PhoneError::Unexpected { character });
        }
        if !E164_DIGITS.contains(&digits.len()) {
            return Err(off_by(digits.len(), if digits.len() < 7 { 7 } else { 15 }));
        }
        Ok(Self(digits.into()))
    }
}
