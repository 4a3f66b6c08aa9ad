//! The language that a client asks for, from `Accept-Language`.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use booking::language::Language;

/// Entries of one header that are looked at; the rest is ignored.
const ENTRIES_MAX: usize = 16;

/// The language that a client likes best of those `offered`; none if it names none of them, or likes any as much.
///
/// Source: RFC 9110 §12.5.4; a range such as `ru-KZ` asks for `ru`.
#[must_use]
pub fn asked_language(headers: &HeaderMap, offered: &[Language]) -> Option<Language> {
    let text = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(u16, Option<Language>)> = None;
    for entry in text.split(',').take(ENTRIES_MAX) {
        let Some((quality, language)) = parse_entry(entry) else {
            continue;
        };
        let is_better = best.is_none_or(|(best, _)| quality > best);
        if quality > 0 && is_better && language.is_none_or(|language| offered.contains(&language)) {
            best = Some((quality, language));
        }
    }
    best.and_then(|(_, language)| language)
}

/// Reads `kk`, `ru-KZ;q=0.8` or `*`, which is none; the quality in thousandths.
fn parse_entry(entry: &str) -> Option<(u16, Option<Language>)> {
    let mut parts = entry.split(';').map(str::trim);
    let range = parts.next()?;
    let primary = range.split('-').next()?;
    let language = match primary {
        "*" => None,
        _ => Some(primary.to_ascii_lowercase().parse().ok()?),
    };
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    Some((quality.map_or(Some(1000), thousandths)?, language))
}

/// Reads `0`, `1`, or `0.` and up to three digits.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(header: &str) -> Option<Language> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, header.parse().expect("header"));
        asked_language(&headers, &[Language::Ru, Language::En, Language::Kk])
    }

    #[test]
    fn the_best_liked_of_the_offered_wins() {
        assert_eq!(asked("en"), Some(Language::En));
        assert_eq!(asked("kk-KZ,ru;q=0.9,en;q=0.8"), Some(Language::Kk));
        assert_eq!(asked("de, en;q=0.3, kk;q=0.7"), Some(Language::Kk));
        assert_eq!(asked("EN;q=1.0"), Some(Language::En));
        assert_eq!(asked("de, en;q=0.3, *;q=0.1"), Some(Language::En));
    }

    #[test]
    fn everything_else_asks_for_none() {
        for header in ["", "de", "*", "*, en;q=0.5", "en;q=0", "en;q=2", "en;q=0.1234", ";;;,,,", "en;q=x"] {
            assert_eq!(asked(header), None, "{header}");
        }
        assert_eq!(asked_language(&HeaderMap::new(), Language::ALL), None);
        let offered = [Language::Ru];
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, "kk".parse().expect("header"))]);
        assert_eq!(asked_language(&headers, &offered), None);
    }
}
