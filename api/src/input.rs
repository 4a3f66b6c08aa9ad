//! Reading dates, times and codes of requests, with a field error for what cannot be read.

use booking::availability::MINUTES_A_DAY;
use booking::clock::Timestamp;
use booking::language::Language;
use booking::zone::Zone;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Deserializer};

use crate::http::problem::{ApiError, ProblemKind};

/// A field of a change: left out, `null`, or a value.
#[derive(Debug, Clone, Copy, Default)]
pub enum Patch<T> {
    /// Left out: it stays. With `#[serde(default)]`.
    #[default]
    Absent,
    /// `null`: nothing any more.
    Null,
    /// Something else.
    Value(T),
}

impl<T> Patch<T> {
    /// As use cases take it: `None` stays, `Some(None)` is nothing any more.
    #[must_use]
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Option::deserialize(field).map(|value| value.map_or(Self::Null, Self::Value))
    }
}

/// Reads a date such as `2024-01-15` in `field`.
///
/// # Errors
///
/// A field error that shows the form.
pub fn date(field: &'static str, text: &str) -> Result<Date, ApiError> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = text.parse().ok().filter(|_| is_plain);
    date.ok_or_else(|| ApiError::field(field, "date-invalid", Vec::new()))
}

/// Reads a wall time of `zone` in `field`: `2024-01-15T14:00:00`; with an offset or a `Z`, the wall time of that
/// instant.
///
/// # Errors
///
/// A field error that shows the form.
pub fn wall_time(field: &'static str, text: &str, zone: &Zone) -> Result<DateTime, ApiError> {
    let invalid = || ApiError::field(field, "time-invalid", Vec::new());
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't', ' ']).ok_or_else(invalid)?;
    self::date(field, date).map_err(|_| invalid())?;
    if time.contains('[') {
        // A zone of the client's choice beside the salon's would only contradict it.
        return Err(invalid());
    }
    if time.contains(['+', '-', 'Z', 'z']) {
        let instant: jiff::Timestamp = text.parse().map_err(|_| invalid())?;
        return Ok(zone.wall(Timestamp::from(instant)));
    }
    text.parse().map_err(|_| invalid())
}

/// Reads an instant such as `2024-01-15T14:00:00+05:00` in `field`.
///
/// # Errors
///
/// A field error that shows the form.
pub fn instant(field: &'static str, text: &str) -> Result<Timestamp, ApiError> {
    let invalid = |_| ApiError::field(field, "instant-invalid", Vec::new());
    text.trim().parse::<jiff::Timestamp>().map(Timestamp::from).map_err(invalid)
}

/// Reads the number of a row in a path; `kind` is the answer to what is none.
///
/// # Errors
///
/// `kind`.
pub fn id(text: &str, kind: ProblemKind) -> Result<i64, ApiError> {
    text.parse().ok().filter(|id| *id > 0).ok_or(ApiError::new(kind))
}

/// Reads where a page begins.
///
/// # Errors
///
/// A field error.
pub fn cursor(text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let read = |text: &str| text.parse().ok().filter(|id: &i64| *id > 0);
    let invalid = || ApiError::field("cursor", "cursor-invalid", Vec::new());
    text.map(|text| read(text).ok_or_else(invalid)).transpose()
}

/// Reads how many rows a page has: `default` where none are asked for, `most` at most.
///
/// # Errors
///
/// A field error.
pub fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, ApiError> {
    let limit = asked.unwrap_or(default);
    let invalid = || ApiError::field("limit", "limit-invalid", vec![("max", most.to_string())]);
    Some(limit).filter(|limit| (1..=most).contains(limit)).ok_or_else(invalid)
}

/// Reads a language code in `field`.
///
/// # Errors
///
/// A field error.
pub fn language(field: &'static str, code: &str) -> Result<Language, ApiError> {
    let unknown = |_| ApiError::field(field, "field-invalid", vec![("problem", "ru, kk, en".to_owned())]);
    code.parse().map_err(unknown)
}

/// Reads a time of day such as `09:30`, or `24:00` for its end, in minutes from midnight.
#[must_use]
pub fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| is_plain)
    };
    let minute = number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?;
    (minute <= MINUTES_A_DAY).then_some(minute)
}

/// Writes a time of day as [`minute`] reads it.
#[must_use]
pub fn minute_text(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_dates_are_read() {
        assert_eq!(date("date", "2024-01-15").expect("a date").to_string(), "2024-01-15");
        for wrong in ["", "2024-1-15", "2024-02-30", "20240115", "2024-01-15T10:00", "15.01.2024", "+2024-01-1"] {
            date("date", wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_time_of_day_is_hours_and_minutes() {
        for (text, expected) in [("00:00", 0), ("09:30", 570), ("24:00", 1_440)] {
            assert_eq!(minute(text), Some(expected));
            assert_eq!(minute_text(expected), text);
        }
        for wrong in ["", "9:30", "09:60", "24:01", "25:00", "09:30:00", "+9:30", "0930", "99:99"] {
            assert_eq!(minute(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_is_the_salons_unless_it_says_otherwise() {
        let zone: Zone = "Asia/Almaty".parse().expect("a zone");
        let read = |text: &str| wall_time("booking_date", text, &zone).map(|wall| wall.to_string()).ok();
        let expected = Some("2026-01-15T14:00:00".to_owned());
        assert_eq!(read("2026-01-15T14:00:00"), expected);
        assert_eq!(read("2026-01-15 14:00"), expected);
        assert_eq!(read("2026-01-15T09:00:00Z"), expected);
        assert_eq!(read("2026-01-15T12:00:00+03:00"), expected);
        for wrong in
            ["", "2026-01-15", "14:00", "2026-01-32T14:00:00", "2026-01-15T25:00:00", "2026-01-15T14:00:00[UTC]"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
