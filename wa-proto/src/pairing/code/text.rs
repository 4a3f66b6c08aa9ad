use std::fmt;

use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CodeError;

/// Base32 digits without 0, I, O and U, which are hard to tell apart or spell.
const ALPHABET: &[u8; 32] = b"123456789ABCDEFGHJKLMNPQRSTVWXYZ";

/// The eight characters that the user types into the phone.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PairingCode([u8; 8]);

impl PairingCode {
    /// Length in characters, without the dash.
    pub const LENGTH: usize = 8;

    /// Draws a code: 40 random bits.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bits = [0; 5];
        rng.fill_bytes(&mut bits);
        Self::from_bits(bits)
    }

    /// Writes 40 bits as a code.
    #[must_use]
    pub fn from_bits(bits: [u8; 5]) -> Self {
        Self(base32(bits))
    }

    /// Reads a code as people write it: either case, with or without the dash in the middle.
    ///
    /// # Errors
    ///
    /// [`CodeError::MalformedCode`] if it does not have eight characters of the alphabet.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        let (front, back) = match text.split_once('-') {
            Some(halves) => halves,
            None => text.split_at_checked(4).ok_or(CodeError::MalformedCode)?,
        };
        if front.len() != 4 || back.len() != 4 {
            return Err(CodeError::MalformedCode);
        }
        let mut code = [0; 8];
        for (to, from) in code.iter_mut().zip(front.bytes().chain(back.bytes())) {
            *to = from.to_ascii_uppercase();
            if !ALPHABET.contains(to) {
                return Err(CodeError::MalformedCode);
            }
        }
        Ok(Self(code))
    }

    /// Returns the form to show: `XXXX-XXXX`.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut shown = String::with_capacity(9);
        for (position, &character) in self.0.iter().enumerate() {
            if position == 4 {
                shown.push('-');
            }
            shown.push(char::from(character));
        }
        shown
    }

    /// Returns the characters without the dash: what keys are derived from.
    pub(super) const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairingCode(..)")
    }
}

/// Writes 40 bits as eight digits, the most significant first.
pub(super) fn base32(bits: [u8; 5]) -> [u8; 8] {
    let bits = bits.into_iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(byte));
    let mut shift = 40_u32;
    std::array::from_fn(|_| {
        shift = shift.saturating_sub(5);
        let digit = usize::try_from(bits >> shift & 31).unwrap_or_default();
        ALPHABET.get(digit).copied().unwrap_or_default()
    })
}
