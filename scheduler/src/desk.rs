//! Asking about an account from any process: what links it, and what only its holder can do.
//!
//! One way for all: the holder writes what is to be shown into the account's rows, and takes requests from there; who
//! asks reads. Whether both are one process makes no difference but in speed, for a ring of the outbox's bell wakes the
//! own dispatcher at once. Codes, requests and answers are sealed: a QR code has secrets, and a pairing code links.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use booking::account;
use booking::account::desk::{self, CodeKind, ShownCode};
use booking::clock::Timestamp;
use booking::id::{AccountId, RequestId};
use booking::lease::Lease;
use booking::platform::Platform;
use booking::store::StoreError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wa_client::store::{Kind, SealError, SealingKey};

/// How long an account without a device looks for a phone after somebody asked for a code, in seconds.
pub const LOOK_SECONDS: i64 = 300;
/// How long a request may wait for its answer.
const WAIT: Duration = Duration::from_secs(20);
/// How often an answer is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A code that links a phone, with the end of its time.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// What it says. It has secrets: show it, do not log it.
    pub text: String,
    /// When it stops working; real time.
    pub valid_until: Timestamp,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

/// What only the holder of an account can do.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    PairingCode { phone: String },
    Logout,
    Check { phones: Vec<String> },
}

/// What came of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    PairingCode { text: String, valid_until: Timestamp },
    Done,
    Checked { exist: Vec<Option<bool>> },
    Failed { why: Why },
}

/// Why the holder did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The account is linked; log out first.
    AlreadyLinked,
    /// The number is not an international one.
    InvalidNumber,
    /// WhatsApp gives no code now: too many were asked for.
    TooMany,
    /// The account is not connected.
    NotConnected,
    /// WhatsApp answered with an error.
    Refused,
}

/// Why a question about an account has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// No process holds the account, or it does not answer in time.
    #[error("nobody answers for the account")]
    NobodyAnswers,
    /// The holder did not do it.
    #[error("the account's holder did not do it: {0:?}")]
    Refused(Why),
    /// A row was sealed under another key: the processes have different `SEALING_KEY`s.
    #[error("a row about the account does not open")]
    Sealed(#[from] SealError),
    /// A row does not have the form it should have.
    #[error("a row about the account cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<db::Error> for DeskError {
    fn from(error: db::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Where accounts are asked about. A cheap handle.
#[derive(Debug, Clone)]
pub struct Desk {
    platform: Platform,
    key: SealingKey,
    watchers: Arc<Mutex<HashMap<AccountId, u32>>>,
}

/// Somebody watches an account's QR codes; until it is dropped.
#[derive(Debug)]
pub struct Watch {
    id: AccountId,
    watchers: Arc<Mutex<HashMap<AccountId, u32>>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = watchers.get_mut(&self.id) {
            *count = count.saturating_sub(1);
        }
        watchers.retain(|_, count| *count > 0);
    }
}

/// The most who watch one account at once, in one process.
const WATCHERS: u32 = 4;

impl Desk {
    /// Opens the desk; `key` is the one that seals accounts.
    #[must_use]
    pub fn new(platform: Platform, key: SealingKey) -> Self {
        Self { platform, key, watchers: Arc::default() }
    }

    /// Begins to watch an account's codes; none when enough do already.
    #[must_use]
    pub fn watch(&self, id: AccountId) -> Option<Watch> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = watchers.entry(id).or_default();
        if *count >= WATCHERS {
            return None;
        }
        *count += 1;
        Some(Watch { id, watchers: Arc::clone(&self.watchers) })
    }

    /// Lets an account that has no device look for a phone for [`LOOK_SECONDS`] from now on.
    ///
    /// # Errors
    ///
    /// [`DeskError::Store`].
    pub async fn look_for_phone(&self, id: AccountId) -> Result<(), DeskError> {
        account::look_for_phone(&self.platform.db, id, self.now().plus(LOOK_SECONDS)).await?;
        self.platform.outbox.ring();
        Ok(())
    }

    /// The QR code that is to be scanned now, if there is one: never one whose time is over.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn qr(&self, id: AccountId) -> Result<Option<Code>, DeskError> {
        let mut connection = self.platform.db.read().await?;
        let shown = desk::shown(&mut connection, id, CodeKind::Qr, self.now()).await?;
        drop(connection);
        let Some(ShownCode { sealed, valid_until }) = shown else { return Ok(None) };
        let text = self.open::<String>(id, CodeKind::Qr.as_str(), &sealed)?;
        Ok(Some(Code { text, valid_until }))
    }

    /// Asks for a code to be typed into the phone with this number: eight characters with a dash in the middle.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn pairing_code(&self, id: AccountId, phone: &str) -> Result<Code, DeskError> {
        self.look_for_phone(id).await?;
        match self.ask(id, &Request::PairingCode { phone: phone.to_owned() }).await? {
            Answer::PairingCode { text, valid_until } => Ok(Code { text, valid_until }),
            Answer::Done | Answer::Checked { .. } | Answer::Failed { .. } => Err(DeskError::NobodyAnswers),
        }
    }

    /// Asks which numbers are on WhatsApp; the answers have the order of the numbers, `None` where WhatsApp does not
    /// say.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn check(&self, id: AccountId, phones: Vec<String>) -> Result<Vec<Option<bool>>, DeskError> {
        match self.ask(id, &Request::Check { phones }).await? {
            Answer::Checked { exist } => Ok(exist),
            Answer::Done | Answer::PairingCode { .. } | Answer::Failed { .. } => Err(DeskError::NobodyAnswers),
        }
    }

    /// Removes the account's device, on WhatsApp if that can be reached, and here. What is planned stays planned, and
    /// its owner links it again by hand.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn logout(&self, id: AccountId) -> Result<(), DeskError> {
        if self.is_held(id).await? {
            match self.ask(id, &Request::Logout).await {
                // The keys are gone also where the server could not be told.
                Ok(_) | Err(DeskError::Refused(_)) => {}
                // Its holder has just let go of it; one that does not answer would go on with the device.
                Err(DeskError::NobodyAnswers) if !self.is_held(id).await? => {}
                Err(error) => return Err(error),
            }
        }
        account::forget_device(&self.platform.db, id, true, self.now()).await?;
        Ok(())
    }

    async fn is_held(&self, id: AccountId) -> Result<bool, DeskError> {
        let account = account::by_id(&mut self.platform.db.read().await?, id).await?;
        Ok(account.is_some_and(|account| account.is_held(self.now())))
    }

    async fn ask(&self, id: AccountId, request: &Request) -> Result<Answer, DeskError> {
        let (now, db) = (self.now(), &self.platform.db);
        let sealed = self.seal(id, REQUEST, request)?;
        let wait = i64::try_from(WAIT.as_secs()).unwrap_or(0);
        let request_id = desk::ask(db, id, &sealed, now, now.plus(wait)).await?;
        self.platform.outbox.ring();
        let answered = tokio::time::timeout(WAIT, async {
            loop {
                if let Some(answer) = desk::answer_to(&mut db.read().await?, request_id).await? {
                    return Ok::<_, DeskError>(answer);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        let answered = answered.await;
        desk::forget(db, request_id).await?;
        let Ok(answer) = answered else { return Err(DeskError::NobodyAnswers) };
        match self.open(id, ANSWER, &answer?)? {
            Answer::Failed { why } => Err(DeskError::Refused(why)),
            answer @ (Answer::PairingCode { .. } | Answer::Done | Answer::Checked { .. }) => Ok(answer),
        }
    }

    /// Shows a QR code in the name of the lease's holder.
    pub(crate) async fn show(&self, lease: &Lease, code: &Code) -> Result<(), DeskError> {
        let sealed = self.seal(lease.account_id, CodeKind::Qr.as_str(), &code.text)?;
        let shown = ShownCode { sealed, valid_until: code.valid_until };
        Ok(desk::show(&self.platform.db, lease, CodeKind::Qr, &shown).await?)
    }

    /// Takes what the lease's account is asked for. A request that does not open is passed over: it runs out.
    pub(crate) async fn take(&self, lease: &Lease) -> Result<Vec<(RequestId, Request)>, DeskError> {
        let taken = desk::take(&self.platform.db, lease, self.now()).await?;
        let open = |(id, sealed): (RequestId, Vec<u8>)| match self.open(lease.account_id, REQUEST, &sealed) {
            Ok(request) => Some((id, request)),
            Err(error) => {
                tracing::error!(account.id = %lease.account_id, "{}", crate::telemetry::chain(&error));
                None
            }
        };
        Ok(taken.into_iter().filter_map(open).collect())
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, account: AccountId, id: RequestId, answer: &Answer) -> Result<(), DeskError> {
        let sealed = self.seal(account, ANSWER, answer)?;
        Ok(desk::answer(&self.platform.db, id, &sealed).await?)
    }

    fn seal<T: Serialize>(&self, id: AccountId, place: &str, value: &T) -> Result<Vec<u8>, DeskError> {
        let mut rng = StdRng::from_seed(self.platform.entropy.bytes());
        let text = zeroize::Zeroizing::new(serde_json::to_vec(value)?);
        Ok(self.key.seal(&mut rng, id.get(), Kind::Setting, place.as_bytes(), &text)?)
    }

    fn open<T: DeserializeOwned>(&self, id: AccountId, place: &str, sealed: &[u8]) -> Result<T, DeskError> {
        let text = self.key.open(id.get(), Kind::Setting, place.as_bytes(), sealed)?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn now(&self) -> Timestamp {
        self.platform.clock.real_now()
    }
}

/// Where a sealed value belongs: it opens nowhere else. No setting of a client has these names.
const REQUEST: &str = "desk request";
const ANSWER: &str = "desk answer";
