//! Secrets that others could guess, which the real network does not start with.

use std::collections::BTreeSet;

use super::error::SettingsError;
use super::network::DatabaseUrl;
use super::source::Source;

/// Words of the values that examples and tutorials have.
const EXAMPLES: [&str; 10] =
    ["change", "secret", "example", "default", "password", "your-", "your_", "12345", "qwerty", "jazyl"];
/// A random secret of 32 bytes, also in hexadecimal digits, has more different characters than this.
const VARIETY_MIN: usize = 9;
/// Passwords of databases that tutorials set.
const DATABASE_PASSWORDS: [&str; 9] =
    ["postgres", "password", "secret", "changeme", "admin", "root", "test", "booking", "jazyl"];

/// Refuses secrets of `source` that others could guess.
pub(super) fn refuse(source: &Source, database: &DatabaseUrl) -> Result<(), SettingsError> {
    let expected = "make it with `openssl rand -hex 32`";
    for name in ["JWT_SECRET_KEY", "SEALING_KEY"] {
        if source.given(name).is_some_and(is_guessable) {
            return Err(SettingsError::Guessable { name, expected });
        }
    }
    let is_known = database
        .password()
        .is_some_and(|password| DATABASE_PASSWORDS.iter().any(|known| password.eq_ignore_ascii_case(known)));
    if is_known { Err(SettingsError::Guessable { name: "DATABASE_URL", expected }) } else { Ok(()) }
}

fn is_guessable(secret: &str) -> bool {
    let lower = secret.to_lowercase();
    let variety: BTreeSet<char> = lower.chars().collect();
    variety.len() < VARIETY_MIN || EXAMPLES.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_guessable_and_random_values_are_not() {
        for secret in ["your-super-long-jwt-key-of-32-bytes!", "CHANGE-ME-CHANGE-ME-CHANGE-ME-1234", &"5a".repeat(32)] {
            assert!(is_guessable(secret), "{secret}");
        }
        for secret in ["f3a81c5be2d94760a1b2c3d4e5f60718", "kP9x-Vq2_mZr8TnWb4LyHs6GdJf0CaXe"] {
            assert!(!is_guessable(secret), "{secret}");
        }
    }
}
