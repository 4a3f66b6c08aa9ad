//! The language of an answer, from `Accept-Language`.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use booking::language::Language;

/// Entries of one header that are looked at; the rest is ignored.
const ENTRIES_MAX: usize = 16;

/// Picks the language that a client likes best of those `offered`, else `default`.
///
/// Source: RFC 9110 §12.5.4; a range such as `ru-KZ` asks for `ru`.
#[must_use]
pub fn negotiate(headers: &HeaderMap, offered: &[Language], default: Language) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE);
    let Some(text) = header.and_then(|value| value.to_str().ok()) else {
        return default;
    };
    let mut best: Option<(u16, Language)> = None;
    for entry in text.split(',').take(ENTRIES_MAX) {
        let Some((quality, language)) = parse_entry(entry, default) else {
            continue;
        };
        let is_better = best.is_none_or(|(best, _)| quality > best);
        if quality > 0 && is_better && offered.contains(&language) {
            best = Some((quality, language));
        }
    }
    best.map_or(default, |(_, language)| language)
}

/// Reads `kk`, `ru-KZ;q=0.8` or `*`; the quality in thousandths.
fn parse_entry(entry: &str, default: Language) -> Option<(u16, Language)> {
    let mut parts = entry.split(';').map(str::trim);
    let range = parts.next()?;
    let primary = range.split('-').next()?;
    let language = match primary {
        "*" => default,
        _ => primary.to_ascii_lowercase().parse().ok()?,
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

    fn chosen(header: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, header.parse().expect("header"));
        negotiate(&headers, &[Language::Ru, Language::En, Language::Kk], Language::Ru)
    }

    #[test]
    fn the_best_liked_of_the_offered_wins() {
        assert_eq!(chosen("en"), Language::En);
        assert_eq!(chosen("kk-KZ,ru;q=0.9,en;q=0.8"), Language::Kk);
        assert_eq!(chosen("de, en;q=0.3, kk;q=0.7"), Language::Kk);
        assert_eq!(chosen("EN;q=1.0"), Language::En);
    }

    #[test]
    fn the_default_answers_everything_else() {
        for header in ["", "de", "*", "en;q=0", "en;q=2", "en;q=0.1234", ";;;,,,", "en;q=x"] {
            assert_eq!(chosen(header), Language::Ru, "{header}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &[], Language::En), Language::En);
    }
}
