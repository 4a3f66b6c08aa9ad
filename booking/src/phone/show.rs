//! How numbers are shown to those who may see them.

use super::Phone;

impl Phone {
    /// The number for people, in groups: `+7 777 123 45 67`.
    #[must_use]
    pub fn display(&self) -> String {
        let digits = self.expose();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        if digits.starts_with('7') && digits.len() == 11 {
            return format!("+7 {} {} {} {}", part(1, 4), part(4, 7), part(7, 9), part(9, 11));
        }
        let plain = format!("+{digits}");
        match phonenumber::parse(None, &plain) {
            Ok(number) => number.format().mode(phonenumber::Mode::International).to_string(),
            Err(_) => plain,
        }
    }
}
