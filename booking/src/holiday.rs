//! Public holidays, as suggestions: salons often work then, so nothing closes by itself.
//!
//! The list is a file, because governments move days within a year; what a salon decided about a date is a row.

use std::collections::BTreeMap;

use db::Connection;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::id::BusinessId;
use crate::localized::Localized;
use crate::platform::Platform;
use crate::schedule::{Attempt, AttemptError, Broken, Intent, Outcome, Scope};
use crate::store::{StoreError, from_store, text_enum};

/// Kazakhstan's days off in 2026, with those that were moved. Source: the government's calendar as published by
/// inform.kz.
const BUILT_IN: &str = include_str!("../data/holidays.json");

/// The most dates of a list.
const MOST_HOLIDAYS: usize = 1_000;

text_enum! {
    /// What a salon does on a holiday.
    HolidayState {
        /// It has not decided: it works as on any other day.
        Undecided = "undecided",
        /// It works.
        Open = "open",
        /// It is closed.
        Closed = "closed",
    }
}

/// A day off for most people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The date.
    pub date: Date,
    /// The holiday whose day off was moved to this date.
    #[serde(default)]
    pub moved_from: Option<Date>,
    /// Its name.
    pub name: Localized<String>,
}

/// A list of holidays, in the order of their dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holidays(Vec<Holiday>);

/// A file is no list of holidays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a list of holidays looks like {{\"holidays\": [{{\"date\": \"2026-01-01\", \"name\": {{\"ru\": \"…\"}}}}]}}, each date once: {0}"
)]
pub struct HolidaysError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    holidays: Vec<Holiday>,
}

impl Holidays {
    /// Reads a list from JSON.
    ///
    /// # Errors
    ///
    /// [`HolidaysError`] says what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, HolidaysError> {
        let file: File = serde_json::from_str(json).map_err(|error| HolidaysError(error.to_string()))?;
        let mut holidays = file.holidays;
        holidays.sort_by_key(|holiday| holiday.date);
        if holidays.len() > MOST_HOLIDAYS {
            return Err(HolidaysError(format!("it has more than {MOST_HOLIDAYS} dates")));
        }
        if let Some(nameless) = holidays.iter().find(|holiday| holiday.name.is_empty()) {
            return Err(HolidaysError(format!("{} has no name", nameless.date)));
        }
        let twice = holidays.iter().zip(holidays.iter().skip(1)).find(|(one, next)| one.date == next.date);
        match twice {
            Some((one, _)) => Err(HolidaysError(format!("{} is there twice", one.date))),
            None => Ok(Self(holidays)),
        }
    }

    /// The holiday on a date.
    #[must_use]
    pub fn on(&self, date: Date) -> Option<&Holiday> {
        self.0.binary_search_by_key(&date, |holiday| holiday.date).ok().and_then(|place| self.0.get(place))
    }

    /// Those of a year, in order.
    pub fn of_year(&self, year: i16) -> impl Iterator<Item = &Holiday> {
        self.0.iter().filter(move |holiday| holiday.date.year() == year)
    }
}

/// The built-in list; a test shows that it can be read.
impl Default for Holidays {
    fn default() -> Self {
        Self::parse(BUILT_IN).unwrap_or(Self(Vec::new()))
    }
}

/// A holiday and what the salon decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The date.
    pub date: Date,
    /// The holiday; none when the list does not have it any more.
    pub holiday: Option<Holiday>,
    /// What the salon does.
    pub state: HolidayState,
}

/// Why a decision was not taken. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HolidayError {
    /// The date is no holiday.
    #[error("the date is no holiday")]
    NotFound,
    /// It would break visits, and nobody confirmed that.
    #[error("the change would break {} visits", .0.count)]
    Breaks(Broken),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(HolidayError);

impl From<AttemptError> for HolidayError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Breaks(visits) => Self::Breaks(visits),
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

/// The holidays of a year and what the salon decided about them, in order.
///
/// # Errors
///
/// [`StoreError`].
pub async fn decisions(
    connection: &mut Connection,
    holidays: &Holidays,
    business_id: BusinessId,
    year: i16,
) -> Result<Vec<Decision>, StoreError> {
    let decided = decided(connection, business_id, year).await?;
    let mut decisions: BTreeMap<Date, Decision> = BTreeMap::new();
    for holiday in holidays.of_year(year) {
        let (date, state) = (holiday.date, HolidayState::Undecided);
        decisions.insert(date, Decision { date, holiday: Some(holiday.clone()), state });
    }
    for (date, state) in decided {
        decisions.entry(date).or_insert(Decision { date, holiday: None, state }).state = state;
    }
    Ok(decisions.into_values().collect())
}

/// Decides what the salon does on a holiday, unless that breaks visits and `intent` is to ask first.
///
/// # Errors
///
/// [`HolidayError`].
pub async fn decide(
    platform: &Platform,
    staff: &Staff,
    date: Date,
    state: HolidayState,
    intent: Intent,
) -> Result<Outcome, HolidayError> {
    let business_id = staff.business.id;
    let mut attempt = Attempt::begin(platform, staff, Scope::Business).await?;
    let tx = &mut attempt.tx;
    let decided = decided(tx, business_id, date.year()).await?;
    let before = decided.iter().find(|(decided, _)| *decided == date).map(|(_, state)| *state);
    if before.is_none() && platform.policy.holidays.on(date).is_none() {
        return Err(HolidayError::NotFound);
    }
    db::execute!(tx, "delete from holidays where business_id = $1 and date = $2", business_id, date.to_string(),)?;
    if state != HolidayState::Undecided {
        db::execute!(
            tx,
            "insert into holidays (business_id, date, closed) values ($1, $2, $3)",
            business_id,
            date.to_string(),
            state == HolidayState::Closed,
        )?;
    }
    let before = before.unwrap_or(HolidayState::Undecided);
    if before != state {
        let told = |state: HolidayState| Some(json!({ "date": date.to_string(), "state": state.as_str() }));
        // A date has no number of its own: 2026-03-22 is 20260322.
        let number = i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day());
        let entry =
            Change { entity: "holiday", entity_id: number, action: "update", old: told(before), new: told(state) };
        audit::record(tx, Some(business_id), &staff.access.origin, &entry, attempt.now).await?;
    }
    Ok(attempt.finish(intent).await?)
}

async fn decided(
    connection: &mut Connection,
    business_id: BusinessId,
    year: i16,
) -> Result<Vec<(Date, HolidayState)>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        (String, bool),
        "select date, closed from holidays where business_id = $1 and date between $2 and $3 order by date",
        business_id,
        format!("{year:04}-01-01"),
        format!("{year:04}-12-31"),
    )?;
    let read = |(date, closed): (String, bool)| {
        let broken = |_| StoreError::Row { table: "holidays", id: business_id.get(), rule: "a date is malformed" };
        let state = if closed { HolidayState::Closed } else { HolidayState::Open };
        Ok((date.parse().map_err(broken)?, state))
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_built_in_list_is_whole() {
        let holidays = Holidays::parse(BUILT_IN).unwrap();
        assert_eq!(holidays.of_year(2026).count(), 21);
        let moved = holidays.on(date(2026, 3, 9)).unwrap();
        assert_eq!(moved.moved_from, Some(date(2026, 3, 8)));
        for holiday in holidays.of_year(2026) {
            assert!(holiday.name.ru.is_some() && holiday.name.kk.is_some() && holiday.name.en.is_some());
            // What is moved falls on a weekend, and is moved to a working day.
            let weekend = |date: Date| date.weekday().to_monday_one_offset() > 5;
            assert!(holiday.moved_from.is_none_or(|from| weekend(from) && !weekend(holiday.date)));
        }
        assert_eq!(holidays.on(date(2026, 3, 10)), None);
    }

    #[test]
    fn a_list_of_ones_own_is_checked() {
        for wrong in [
            "",
            "[]",
            r#"{"holidays": [{"date": "2026-13-01", "name": {"ru": "a"}}]}"#,
            r#"{"holidays": [{"date": "2026-01-01", "name": {}}]}"#,
            r#"{"holidays": [{"date": "2026-01-01", "name": {"ru": "a"}}, {"date": "2026-01-01", "name": {"ru": "b"}}]}"#,
        ] {
            Holidays::parse(wrong).unwrap_err();
        }
        assert_eq!(Holidays::parse(r#"{"holidays": []}"#).unwrap().of_year(2026).count(), 0);
    }
}
