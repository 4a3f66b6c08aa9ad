//! A QR code for a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode};

/// Draws `text` with two modules per character.
///
/// Dark on light is what every camera reads, and terminals are mostly light on dark: so light
/// modules are drawn with the foreground, which needs the quiet zone of light modules around it.
pub(crate) fn draw(text: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairing_text_fits_a_terminal_of_eighty_columns() {
        let text = format!("https://wa.me/settings/linked_devices#2@{},1", "A".repeat(170));
        let drawn = draw(&text).unwrap();
        let widths: Vec<_> = drawn.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0] && *width <= 80));
        assert!(widths.len() <= 40);
    }

    #[test]
    fn the_quiet_zone_is_light() {
        let drawn = draw("x").unwrap();
        assert!(drawn.lines().next().unwrap().chars().all(|c| c == '\u{2588}'));
    }
}
