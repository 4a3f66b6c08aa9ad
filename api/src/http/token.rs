//! Access tokens: JWTs signed with HMAC-SHA-256.

use std::fmt;
use std::sync::Arc;

use booking::id::{BusinessId, ClientId, SessionId, UserId};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use scheduler::settings::TokenSettings;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The issuer named in every token.
const ISSUER: &str = "booking";

/// What a token says about its bearer: who, and in which session. What they may do is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// Somebody of a staff, or the operator.
    User {
        /// Who signed in.
        user: UserId,
        /// The business they belong to; none for the platform's administrators.
        business: Option<BusinessId>,
        /// The session.
        session: SessionId,
    },
    /// A client of a business.
    Client {
        /// Who signed in.
        client: ClientId,
        /// The business.
        business: BusinessId,
        /// The session.
        session: SessionId,
    },
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The signature, the algorithm or the shape is wrong; sign in again.
    #[error("access token is not one of ours")]
    Forged,
    /// The token was right, and its time is over; refresh it.
    #[error("access token has expired")]
    Expired,
}

/// Issues and verifies access tokens. A cheap handle: every request is given one.
#[derive(Clone)]
pub struct AccessTokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime_seconds: i64,
    /// What keys for other purposes are derived from.
    root: Hmac<Sha256>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// Whose number `sub` is.
    kind: Kind,
    /// The session.
    sid: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<i64>,
    iat: i64,
    exp: i64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    User,
    Client,
}

impl AccessTokens {
    /// Makes the keys of `settings`.
    #[must_use]
    pub fn new(settings: &TokenSettings) -> Self {
        // A second installation in one process finds the same provider in place.
        let _already_installed = PROVIDER.install_default();
        let secret = settings.secret.expose_secret().as_bytes();
        let digest = Sha256::digest(secret);
        let block: [u8; 64] = std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The caller's clock decides about expiry, below.
        validation.validate_exp = false;
        Self(Arc::new(Keys {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            lifetime_seconds: i64::try_from(settings.access.as_secs()).unwrap_or(i64::MAX),
            root: Hmac::new(&block.into()),
        }))
    }

    /// Signs a token for `bearer` at `now`, in Unix seconds.
    ///
    /// # Errors
    ///
    /// Whatever `jsonwebtoken` says; it has no reason to with keys of this type.
    pub fn issue(&self, bearer: &Bearer, now: i64) -> Result<String, Error> {
        self.issue_for(bearer, self.0.lifetime_seconds, now)
    }

    /// Signs a token that lives so many seconds.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn issue_for(&self, bearer: &Bearer, seconds: i64, now: i64) -> Result<String, Error> {
        let (kind, sub, business, session) = match *bearer {
            Bearer::User { user, business, session } => (Kind::User, user.get(), business, session),
            Bearer::Client { client, business, session } => (Kind::Client, client.get(), Some(business), session),
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: sub.to_string(),
            kind,
            sid: session.get(),
            business: business.map(BusinessId::get),
            iat: now,
            exp: now.saturating_add(seconds),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
    }

    /// Verifies `token` at `now`, in Unix seconds.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says whether to refresh or to sign in again.
    pub fn verify(&self, token: &str, now: i64) -> Result<Bearer, TokenError> {
        let forged = |_| TokenError::Forged;
        let data = jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &self.0.validation);
        let claims = data.map_err(|_| TokenError::Forged)?.claims;
        if claims.exp <= now {
            return Err(TokenError::Expired);
        }
        let (id, session) = (claims.sub.parse().map_err(forged)?, SessionId::new(claims.sid));
        let business = claims.business.map(BusinessId::new);
        match (claims.kind, business) {
            (Kind::User, business) => Ok(Bearer::User { user: UserId::new(id), business, session }),
            (Kind::Client, Some(business)) => Ok(Bearer::Client { client: ClientId::new(id), business, session }),
            (Kind::Client, None) => Err(TokenError::Forged),
        }
    }

    /// A key for another purpose than tokens, of the same secret; the parts of a purpose are kept apart.
    #[must_use]
    pub fn derived(&self, purpose: &[&str]) -> [u8; 32] {
        let mut root = self.0.root.clone();
        for part in purpose {
            root.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            root.update(part.as_bytes());
        }
        root.finalize().into_bytes().into()
    }

    /// Life of a token in seconds.
    #[must_use]
    pub fn lifetime_seconds(&self) -> i64 {
        self.0.lifetime_seconds
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").finish_non_exhaustive()
    }
}

/// HMAC-SHA-256 and nothing else, so that no other algorithm can be asked for in a header.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Error> {
        if algorithm != Algorithm::HS256 {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        let mac = Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(mac))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mac = self.0.clone().chain_update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(tag).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn tokens(secret: &str) -> AccessTokens {
        AccessTokens::new(&TokenSettings {
            secret: secret.to_owned().into(),
            access: Duration::from_mins(1),
            refresh_days: 7,
        })
    }

    fn owner() -> Bearer {
        Bearer::User { user: UserId::new(7), business: Some(BusinessId::new(3)), session: SessionId::new(5) }
    }

    #[test]
    fn a_token_names_its_bearer_until_it_expires() {
        let tokens = tokens("0123456789abcdef0123456789abcdef");
        let token = tokens.issue(&owner(), NOW).expect("token is signed");
        assert_eq!(tokens.verify(&token, NOW + 59), Ok(owner()));
        assert_eq!(tokens.verify(&token, NOW + 60), Err(TokenError::Expired));
        let client =
            Bearer::Client { client: ClientId::new(7), business: BusinessId::new(3), session: SessionId::new(5) };
        let token = tokens.issue_for(&client, 5, NOW).expect("token is signed");
        assert_eq!(tokens.verify(&token, NOW + 4), Ok(client));
        assert_eq!(tokens.verify(&token, NOW + 5), Err(TokenError::Expired));
    }

    #[test]
    fn the_signature_is_the_published_one() {
        // Source: RFC 7515 appendix A.1, whose key and payload are verified as they stand.
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz\
                       ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let _already_installed = PROVIDER.install_default();
        let key = EncodingKey::from_urlsafe_base64_secret(key).expect("key");
        let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
        assert_eq!(tag.expect("signed"), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_of_another_secret_is_forged() {
        let token = tokens("another secret of at least 32 bytes").issue(&owner(), NOW);
        let ours = tokens("0123456789abcdef0123456789abcdef");
        assert_eq!(ours.verify(&token.expect("signed"), NOW), Err(TokenError::Forged));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let tokens = tokens("0123456789abcdef0123456789abcdef");
        let token = tokens.issue(&owner(), NOW).expect("token is signed");
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ascii");
            assert_eq!(tokens.verify(&changed, NOW), Err(TokenError::Forged), "{position}");
        }
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        let tokens = tokens("0123456789abcdef0123456789abcdef");
        let token = tokens.issue(&owner(), NOW).expect("token is signed");
        let (_, rest) = token.split_once('.').expect("three parts");
        // {"alg":"none"} and {"alg":"HS512","typ":"JWT"}.
        for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9"] {
            let other = format!("{header}.{rest}");
            assert_eq!(tokens.verify(&other, NOW), Err(TokenError::Forged));
            let payload = rest.split('.').next().expect("payload");
            let unsigned = format!("{header}.{payload}.");
            assert_eq!(tokens.verify(&unsigned, NOW), Err(TokenError::Forged));
        }
    }
}
