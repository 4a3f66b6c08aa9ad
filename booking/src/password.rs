//! Passwords: argon2id, a few at a time, off the runtime's threads.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The fewest characters of a password that somebody chooses.
pub const SHORTEST: usize = 8;
/// The most bytes of a password; hashing more would be work for nothing.
pub const LONGEST: usize = 256;

/// Hashes and checks passwords. A cheap handle; clones share the queue.
///
/// Each takes some 20 MiB and tens of milliseconds (19 MiB, 2 passes, 1 lane; Source: OWASP Password Storage Cheat
/// Sheet), so as many run at once as there are permits, and the rest wait.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

/// Why a password cannot be chosen, or could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Fewer than [`SHORTEST`] characters.
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// More than [`LONGEST`] bytes.
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// The machine had no memory or thread for it.
    #[error("the password could not be hashed")]
    Failed,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(2)) }
    }
}

impl Passwords {
    /// Checks a password that somebody chooses.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooShort`] or [`PasswordError::TooLong`].
    pub fn check(password: &str) -> Result<(), PasswordError> {
        if password.len() > LONGEST {
            return Err(PasswordError::TooLong);
        }
        if password.chars().count() < SHORTEST { Err(PasswordError::TooShort) } else { Ok(()) }
    }

    /// Hashes a password to a PHC string.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Failed`].
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, PasswordError> {
        let password = Zeroizing::new(password.to_owned());
        self.run(move || hasher().hash_password_with_salt(password.as_bytes(), &salt).ok().map(|hash| hash.to_string()))
            .await?
            .ok_or(PasswordError::Failed)
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long and says no, so that the time does
    /// not tell who has a login.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Failed`].
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, PasswordError> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let password = Zeroizing::new(password.to_owned());
        self.run(move || {
            let Some(hash) = hash else {
                let _same_time = hasher().hash_password_with_salt(password.as_bytes(), &[0; 16]);
                return false;
            };
            hasher().verify_password(password.as_bytes(), hash.as_str()).is_ok()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        task.await.map_err(|_| PasswordError::Failed)
    }
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse", [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf", Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse", None).await.unwrap());
        assert!(!passwords.verify("correct horse", Some("plain".to_owned())).await.unwrap());
        assert!(!passwords.verify(&"x".repeat(300), None).await.unwrap());
    }

    #[test]
    fn a_chosen_password_has_a_length() {
        assert_eq!(Passwords::check("demo123"), Err(PasswordError::TooShort));
        assert_eq!(Passwords::check(&"x".repeat(257)), Err(PasswordError::TooLong));
        assert_eq!(Passwords::check("құпиясөз"), Ok(()));
    }
}
