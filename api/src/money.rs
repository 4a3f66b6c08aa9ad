//! Prices in answers.

/// The currency of every price.
pub const CURRENCY: &str = "KZT";

/// A price in tenge, of one in tiyn.
///
/// ```
/// assert_eq!(api::money::tenge(500_050).to_string(), "5000.5");
/// ```
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a price of 2^53 tiyn does not occur, and tiyn are given beside")]
pub fn tenge(tiyn: i64) -> f64 {
    tiyn as f64 / 100.0
}
