//! The participant hash: a short fingerprint of a set of devices.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use crate::jid::Jid;

/// How many bytes of the SHA-256 the hash keeps.
const KEPT: usize = 6;

/// What a version 2 hash begins with.
const PREFIX: &str = "2:";

/// The hash of a set of devices, written `2:` and 8 base64 characters.
///
/// Stands in group stanzas, in acks, and beside cached device lists. Two sides that see the same
/// devices get the same hash, so a difference tells that somebody's list is stale.
///
/// Source: vectors `phash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParticipantHash([u8; KEPT]);

/// The text is not a version 2 participant hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not a participant hash of version 2")]
pub struct ParticipantHashError;

impl ParticipantHash {
    /// Hashes a set of devices; order and repeats do not matter.
    ///
    /// The caller decides about the namespace: all JIDs of a set should be in one.
    #[must_use]
    pub fn of<'a>(devices: impl IntoIterator<Item = &'a Jid>) -> Self {
        let mut forms: Vec<String> = devices.into_iter().map(hashed_form).collect();
        forms.sort_unstable();
        forms.dedup();
        let mut digest = Sha256::new();
        for form in &forms {
            digest.update(form);
        }
        let mut kept = [0; KEPT];
        for (to, from) in kept.iter_mut().zip(digest.finalize()) {
            *to = from;
        }
        Self(kept)
    }
}

/// The form that is hashed: `user.0:device@server`, the device also when it is 0.
fn hashed_form(jid: &Jid) -> String {
    format!("{}.0:{}@{}", jid.user(), jid.device(), jid.server())
}

impl fmt::Display for ParticipantHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl std::str::FromStr for ParticipantHash {
    type Err = ParticipantHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.strip_prefix(PREFIX).ok_or(ParticipantHashError)?;
        let bytes = STANDARD_NO_PAD.decode(encoded).map_err(|_| ParticipantHashError)?;
        bytes.try_into().map(Self).map_err(|_| ParticipantHashError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn sets_hash_as_published() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["phash"]["cases"]) {
            let jids: Vec<Jid> =
                case["jids"].as_array().unwrap().iter().map(|jid| jid.as_str().unwrap().parse().unwrap()).collect();
            let hash = ParticipantHash::of(&jids);
            assert_eq!(hash.to_string(), case["phash"].as_str().unwrap(), "{}", case["name"]);
            assert_eq!(case["phash"].as_str().unwrap().parse(), Ok(hash));
        }
    }

    #[test]
    fn order_and_repeats_do_not_matter() {
        let one: Jid = "77010000002:12@s.whatsapp.net".parse().unwrap();
        let two: Jid = "77010000001@s.whatsapp.net".parse().unwrap();
        assert_eq!(ParticipantHash::of([&one, &two]), ParticipantHash::of([&two, &one, &two]));
        assert_ne!(ParticipantHash::of([&one]), ParticipantHash::of([&two]));
    }

    #[test]
    fn other_versions_are_refused() {
        assert_eq!("1:AAAAAAAA".parse::<ParticipantHash>(), Err(ParticipantHashError));
        assert_eq!("2:AAAA".parse::<ParticipantHash>(), Err(ParticipantHashError));
        assert_eq!("2:????????".parse::<ParticipantHash>(), Err(ParticipantHashError));
    }
}
