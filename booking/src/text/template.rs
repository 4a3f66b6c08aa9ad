//! A tenant's own wording: plain text with variables in braces, and nothing else.

use std::fmt;
use std::str::FromStr;

use super::Event;
use crate::store::text_enum;

/// The most characters of a [`Template`].
pub const TEMPLATE_LENGTH: usize = 1_000;

text_enum! {
    /// What can stand in braces in a [`Template`].
    Variable {
        /// Who comes; empty if the name is none that one greets with.
        Client = "client",
        /// What is booked; several with commas.
        Service = "service",
        /// Who serves; several with commas.
        Master = "master",
        /// Weekday, date and time as a sentence has them: `в пятницу, 16 января, в 14:00`.
        When = "when",
        /// Day and month; the year, if it is another one.
        Date = "date",
        /// The day of the week.
        Weekday = "weekday",
        /// Hours and minutes.
        Time = "time",
        /// As `when`, before the visit was moved; only in a text about that.
        OldWhen = "old_when",
        /// The price with its currency.
        Price = "price",
        /// Where; empty if unknown.
        Address = "address",
        /// The salon.
        Business = "business",
        /// Where the client can cancel or move the visit; empty if there is no such page.
        Link = "link",
        /// Hours before the visit up to which it can be cancelled.
        Hours = "hours",
    }
}

impl Variable {
    /// Whether it says anything in a text about `event`.
    #[must_use]
    pub fn fits(self, event: Event) -> bool {
        self != Self::OldWhen || event == Event::Moved
    }
}

/// A text with variables in braces: `{client}, ждём вас {when}!`
///
/// A line whose variables are all empty is left out. Values are put in once and not read again, so that a name with
/// braces in it stays a name.
///
/// ```
/// use booking::text::{Template, TemplateError, Variable};
///
/// let template: Template = "{client}, ждём вас {when}!\nАдрес: {address}".parse()?;
/// let text = template.render(|variable| match variable {
///     Variable::Client => "Айгерим {when}".to_owned(),
///     Variable::When => "в пятницу".to_owned(),
///     _ => String::new(),
/// });
/// assert_eq!(text, "Айгерим {when}, ждём вас в пятницу!");
/// assert_eq!("{cleint}!".parse::<Template>(), Err(TemplateError::Unknown { name: "cleint".to_owned() }));
/// # Ok::<(), TemplateError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    lines: Vec<Vec<Piece>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Variable(Variable),
}

/// Why a text is not a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is nothing but spaces.
    #[error("the text is empty")]
    Empty,
    /// It has more than [`TEMPLATE_LENGTH`] characters.
    #[error("the text is longer than {TEMPLATE_LENGTH} characters")]
    TooLong,
    /// It has control characters or marks that turn the direction of writing.
    #[error("the text has characters that cannot be seen")]
    Invisible,
    /// A brace has no partner.
    #[error("the brace at character {place} has no partner")]
    Unbalanced {
        /// Which character it is, counted from 1.
        place: usize,
    },
    /// There is no such variable, or it says nothing in this text.
    #[error("there is no variable of this name here")]
    Unknown {
        /// What stands in the braces; at most 40 characters of it.
        name: String,
    },
}

impl Template {
    /// Reads a text for `event`.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn for_event(text: &str, event: Event) -> Result<Self, TemplateError> {
        let template: Self = text.parse()?;
        let pieces = template.lines.iter().flatten();
        let stranger = pieces.filter_map(Piece::variable).find(|variable| !variable.fits(event));
        stranger.map_or(Ok(template), |variable| Err(TemplateError::Unknown { name: variable.as_str().to_owned() }))
    }

    /// The text as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Puts values in the places of the variables.
    #[must_use]
    pub fn render(&self, value: impl Fn(Variable) -> String) -> String {
        let mut text = String::with_capacity(self.text.len().saturating_mul(2));
        for line in &self.lines {
            let (mut written, mut variables, mut filled) = (String::new(), 0_usize, 0_usize);
            for piece in line {
                match piece {
                    Piece::Text(plain) => written.push_str(plain),
                    Piece::Variable(variable) => {
                        let value = value(*variable);
                        variables = variables.saturating_add(1);
                        filled = filled.saturating_add(usize::from(!value.is_empty()));
                        written.push_str(&value);
                    }
                }
            }
            if variables > 0 && filled == 0 {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(written.trim_end());
        }
        text
    }
}

impl Piece {
    fn variable(&self) -> Option<Variable> {
        match self {
            Self::Text(_) => None,
            Self::Variable(variable) => Some(*variable),
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let text = text.trim().replace("\r\n", "\n");
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.chars().count() > TEMPLATE_LENGTH {
            return Err(TemplateError::TooLong);
        }
        let turns = |character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if text.chars().any(|character| (character.is_control() && character != '\n') || turns(character)) {
            return Err(TemplateError::Invisible);
        }
        let mut place = 1_usize;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            lines.push(pieces(line, place)?);
            place = place.saturating_add(line.chars().count()).saturating_add(1);
        }
        Ok(Self { text: text.into(), lines })
    }
}

/// Reads a line whose first character is number `place` of the text.
fn pieces(line: &str, place: usize) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = line;
    let at = |rest: &str| {
        let before = line.len().saturating_sub(rest.len());
        place.saturating_add(line.get(..before).map_or(0, |text| text.chars().count()))
    };
    while let Some(start) = rest.find(['{', '}']) {
        let (plain, braced) = rest.split_at(start);
        let unbalanced = TemplateError::Unbalanced { place: at(braced) };
        let Some(inner) = braced.strip_prefix('{') else { return Err(unbalanced) };
        let Some(end) =
            inner.find(['{', '}']).filter(|end| inner.get(*end..).is_some_and(|rest| rest.starts_with('}')))
        else {
            return Err(unbalanced);
        };
        let (name, after) = inner.split_at(end);
        let name = name.trim();
        let unknown = || TemplateError::Unknown { name: name.chars().take(40).collect() };
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        pieces.push(Piece::Variable(Variable::from_text(name).ok_or_else(unknown)?));
        rest = after.strip_prefix('}').unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    Ok(pieces)
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}
