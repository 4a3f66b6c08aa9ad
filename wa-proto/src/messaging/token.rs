//! Privacy tokens: what shows the server that a contact knows us.
//!
//! A *trusted contact token* was issued to us by the contact; a *client-side token* is computed from
//! an account-wide salt when there is none. Both stand as a child of a one-to-one message. In return
//! we issue a token of our own to each contact we write to, once per [`TokenTiming`] bucket.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::jid::{Jid, Server};

/// Longest token that is kept, in bytes. Real ones have well under a hundred.
pub const MAX_TOKEN: usize = 1024;

/// Length of a client-side token in bytes.
pub const CLIENT_SIDE_TOKEN: usize = 32;

/// The user part of the account of official announcements, which never gets a token.
const ANNOUNCEMENTS: &str = "0";

/// How time is cut into buckets: a token is good for the bucket it is from and some after it.
///
/// Source: vectors `privacy_tokens`; AB properties 865 (duration) and 909 (count).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTiming {
    bucket_seconds: u64,
    buckets: u64,
}

impl Default for TokenTiming {
    fn default() -> Self {
        Self { bucket_seconds: 604_800, buckets: 4 }
    }
}

impl TokenTiming {
    /// Longest bucket the properties may ask for, in seconds: 180 days.
    const MAX_BUCKET_SECONDS: u64 = 15_552_000;

    /// Takes the values of the server's properties, moved into their legal range.
    #[must_use]
    pub fn new(bucket_seconds: u64, buckets: u64) -> Self {
        Self { bucket_seconds: bucket_seconds.clamp(1, Self::MAX_BUCKET_SECONDS), buckets: buckets.max(1) }
    }

    /// Whether a token received with timestamp `timestamp` is no longer good at `now`.
    #[must_use]
    pub fn is_expired(&self, timestamp: u64, now: u64) -> bool {
        let oldest = self.bucket(now).saturating_sub(self.buckets.saturating_sub(1));
        timestamp < oldest.saturating_mul(self.bucket_seconds)
    }

    /// Whether we owe the contact a token at `now`, having last issued one at `issued_at`.
    #[must_use]
    pub fn must_issue(&self, issued_at: Option<u64>, now: u64) -> bool {
        issued_at.is_none_or(|issued_at| self.bucket(now) > self.bucket(issued_at))
    }

    /// The number of the bucket that an instant falls into.
    fn bucket(&self, instant: u64) -> u64 {
        instant.checked_div(self.bucket_seconds).unwrap_or(0)
    }
}

/// A trusted contact token as the contact issued it to us.
#[derive(Clone)]
pub struct TrustedToken {
    /// The token, opaque.
    pub bytes: Vec<u8>,
    /// When it was issued, in Unix seconds.
    pub timestamp: u64,
}

impl std::fmt::Debug for TrustedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedToken").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

/// Everything kept about tokens between us and one contact. Key: the contact's LID when known, else
/// its phone number.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ContactTokens {
    /// The newest token we got from the contact.
    pub received: Option<TrustedToken>,
    /// When we last issued one to the contact, in Unix seconds.
    pub issued_at: Option<u64>,
}

impl ContactTokens {
    /// Takes in a token that arrived; tells whether it changed anything that has to be stored.
    ///
    /// An older token than the one we have, an empty and an oversize one are passed over.
    pub fn receive(&mut self, token: TrustedToken) -> bool {
        let fits = (1..=MAX_TOKEN).contains(&token.bytes.len());
        let newer = self.received.as_ref().is_none_or(|have| token.timestamp > have.timestamp);
        if fits && newer {
            self.received = Some(token);
        }
        fits && newer
    }

    /// Notes that the server took our token of `timestamp`.
    pub fn mark_issued(&mut self, timestamp: u64) {
        self.issued_at = Some(self.issued_at.map_or(timestamp, |have| have.max(timestamp)));
    }

    /// Brings together what was kept under a contact's two names, when its mapping is learnt.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        if let Some(token) = other.received {
            self.receive(token);
        }
        if let Some(issued_at) = other.issued_at {
            self.mark_issued(issued_at);
        }
        self
    }

    /// The timestamp to issue again with after the contact's identity changed: the stored one, if
    /// a token issued then would still be good.
    #[must_use]
    pub fn reissue(&self, timing: TokenTiming, now: u64) -> Option<u64> {
        self.issued_at.filter(|&issued_at| !timing.is_expired(issued_at, now))
    }
}

/// The token child of a message.
#[derive(Clone)]
pub enum StanzaToken {
    /// `<tctoken>`: issued to us by the recipient.
    Trusted(Vec<u8>),
    /// `<cstoken>`: computed from the account's salt.
    ClientSide([u8; CLIENT_SIDE_TOKEN]),
}

impl StanzaToken {
    /// The tag of the child.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Trusted(_) => "tctoken",
            Self::ClientSide(_) => "cstoken",
        }
    }

    /// The content of the child.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Trusted(bytes) => bytes,
            Self::ClientSide(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for StanzaToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.tag())
    }
}

/// Picks the token for a one-to-one message to `recipient_lid` at `now`.
///
/// The stored one while it is good, else one made from `salt`, else none (the server may then answer
/// 463). Ask [`takes_tokens`] first.
#[must_use]
pub fn choose(
    tokens: &ContactTokens,
    salt: Option<&[u8]>,
    recipient_lid: Option<&Jid>,
    timing: TokenTiming,
    now: u64,
) -> Option<StanzaToken> {
    let good = tokens.received.as_ref().filter(|token| !timing.is_expired(token.timestamp, now));
    if let Some(token) = good {
        return Some(StanzaToken::Trusted(token.bytes.clone()));
    }
    let salt = salt.filter(|salt| !salt.is_empty())?;
    Some(StanzaToken::ClientSide(client_side_token(salt, recipient_lid?)?))
}

/// Computes the client-side token for a recipient: HMAC-SHA-256 of its bare LID under the salt.
///
/// `None` for anything but a LID. Source: vectors `privacy_tokens.cstoken`.
#[must_use]
pub fn client_side_token(salt: &[u8], recipient_lid: &Jid) -> Option<[u8; CLIENT_SIDE_TOKEN]> {
    if *recipient_lid.server() != Server::Lid {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).ok()?;
    mac.update(recipient_lid.user().as_bytes());
    mac.update(b"@lid");
    Some(mac.finalize().into_bytes().into())
}

/// Whether messages to `recipient` carry tokens and we issue ours to it: only to people.
///
/// Not to ourselves (the caller knows its own names), bots, official announcements, groups and
/// status: the server refuses a token there with 479.
#[must_use]
pub fn takes_tokens(recipient: &Jid) -> bool {
    let person = matches!(recipient.server(), Server::Pn | Server::Lid);
    person && recipient.user() != ANNOUNCEMENTS && !is_phone_number_bot(recipient)
}

/// Whether a JID on the phone-number server is one of the vendor's bots: `1313555` and four digits,
/// or `131655500` and two.
fn is_phone_number_bot(jid: &Jid) -> bool {
    let user = jid.user();
    *jid.server() == Server::Pn && user.len() == 11 && (user.starts_with("1313555") || user.starts_with("131655500"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::vectors;

    #[test]
    fn tokens_expire_and_are_due_as_published() {
        let vectors = vectors::load();
        let timing = TokenTiming::default();
        for case in vectors::cases(&vectors["privacy_tokens"]["tctoken_timing"]) {
            let at = case["timestamp"].as_u64().unwrap();
            let now = case["now"].as_u64().unwrap();
            assert_eq!(timing.is_expired(at, now), case["expired"].as_bool().unwrap(), "{case}");
            let due = case["issue_new_if_sender_ts"].as_bool().unwrap();
            assert_eq!(timing.must_issue(Some(at), now), due, "{case}");
        }
        assert!(timing.must_issue(None, 1_760_000_000));
    }

    #[test]
    fn the_client_side_token_is_the_published_one() {
        let vectors = vectors::load();
        for case in vectors::cases(&vectors["privacy_tokens"]["cstoken"]) {
            let lid: Jid = case["lid"].as_str().unwrap().parse().unwrap();
            let token = client_side_token(&vectors::bytes(&case["salt"]), &lid).unwrap();
            assert_eq!(token.to_vec(), vectors::bytes(&case["token"]));
        }
        let number: Jid = "77010000002@s.whatsapp.net".parse().unwrap();
        assert!(client_side_token(b"salt", &number).is_none());
    }

    #[test]
    fn the_newer_token_is_kept() {
        let mut tokens = ContactTokens::default();
        assert!(tokens.receive(TrustedToken { bytes: vec![1], timestamp: 10 }));
        assert!(!tokens.receive(TrustedToken { bytes: vec![2], timestamp: 9 }));
        assert!(!tokens.receive(TrustedToken { bytes: vec![], timestamp: 99 }));
        assert_eq!(tokens.received.unwrap().bytes, [1]);
    }

    #[test]
    fn a_stored_token_goes_before_a_computed_one_and_expires() {
        let lid: Jid = "990000000000002@lid".parse().unwrap();
        let now = 1_760_000_000;
        let mut tokens = ContactTokens::default();
        tokens.receive(TrustedToken { bytes: vec![7; 16], timestamp: now });
        let timing = TokenTiming::default();
        let pick = |now| choose(&tokens, Some(&[1; 32]), Some(&lid), timing, now);
        assert!(matches!(pick(now), Some(StanzaToken::Trusted(_))));
        assert!(matches!(pick(now + 5 * 604_800), Some(StanzaToken::ClientSide(_))));
        assert!(choose(&ContactTokens::default(), None, Some(&lid), timing, now).is_none());
    }

    #[test]
    fn only_people_take_tokens() {
        let takes = |jid: &str| takes_tokens(&jid.parse().unwrap());
        assert!(takes("77010000002@s.whatsapp.net"));
        assert!(takes("990000000000002@lid"));
        assert!(!takes("0@s.whatsapp.net"));
        assert!(!takes("13135550002@s.whatsapp.net"));
        assert!(!takes("120363000000000001@g.us"));
        assert!(!takes("status@broadcast"));
    }
}
