//! The padding of plaintexts before encryption: n bytes of value n, n random in 1…16.

use rand::CryptoRng;

/// Longest padding that [`pad`] adds, in bytes.
pub const MAX_PADDING: usize = 16;

/// The plaintext does not end in a valid padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("plaintext has no valid padding")]
pub struct PaddingError;

/// Appends a fresh random padding to `plaintext`.
///
/// Each device gets its own, so that the lengths of the copies do not tell that they are equal.
pub fn pad<R: CryptoRng + ?Sized>(plaintext: &mut Vec<u8>, rng: &mut R) {
    let mut random = [0];
    rng.fill_bytes(&mut random);
    let [byte] = random;
    append(plaintext, (byte & 0x0f).saturating_add(1));
}

/// Appends `length` bytes of that value.
fn append(plaintext: &mut Vec<u8>, length: u8) {
    plaintext.resize(plaintext.len().saturating_add(usize::from(length)), length);
}

/// Takes the padding off a decrypted text.
///
/// The strict rule: the last byte is n, n is neither 0 nor above the length, and the last n bytes
/// are all n. A padding longer than [`MAX_PADDING`] is accepted, since all peers do so.
///
/// # Errors
///
/// [`PaddingError`] when the rule does not hold.
///
/// Source: vectors `padding`.
pub fn unpad(padded: &[u8]) -> Result<&[u8], PaddingError> {
    let last = *padded.last().ok_or(PaddingError)?;
    let content = padded.len().checked_sub(usize::from(last)).ok_or(PaddingError)?;
    match padded.split_at_checked(content) {
        Some((plain, padding)) if last != 0 && padding.iter().all(|&byte| byte == last) => Ok(plain),
        _ => Err(PaddingError),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn each_length_pads_as_published() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["padding"]["pad"]) {
            let mut plain = vectors::bytes(&case["plain"]);
            append(&mut plain, u8::try_from(case["pad_len"].as_u64().unwrap()).unwrap());
            assert_eq!(plain, vectors::bytes(&case["padded"]));
            assert_eq!(unpad(&plain).unwrap(), vectors::bytes(&case["plain"]));
        }
    }

    #[test]
    fn the_strict_rule_decides_as_published() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["padding"]["unpad"]) {
            let padded = vectors::bytes(&case["padded"]);
            let expected = &case["expected"];
            if expected["error"].as_bool() == Some(true) {
                assert_eq!(unpad(&padded), Err(PaddingError), "{case}");
            } else {
                assert_eq!(unpad(&padded).unwrap(), vectors::bytes(&expected["plain"]), "{case}");
            }
        }
    }

    #[test]
    fn every_length_from_1_to_16_occurs() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut seen = [false; MAX_PADDING + 1];
        for _ in 0..1000 {
            let mut text = Vec::new();
            pad(&mut text, &mut rng);
            seen[text.len()] = true;
        }
        assert_eq!(seen.iter().filter(|&&was_seen| was_seen).count(), MAX_PADDING);
        assert!(!seen[0]);
    }

    proptest! {
        #[test]
        fn what_was_padded_unpads(text in proptest::collection::vec(any::<u8>(), 0..200), seed: u64) {
            let mut padded = text.clone();
            pad(&mut padded, &mut ChaCha20Rng::seed_from_u64(seed));
            prop_assert_eq!(unpad(&padded).unwrap(), &text[..]);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpad(&bytes);
        }
    }
}
