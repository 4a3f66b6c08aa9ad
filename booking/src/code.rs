//! Codes of six digits that go to a phone over WhatsApp: whoever can tell one back has the phone.
//!
//! A code is good for ten minutes, five tries and one use, and only the newest one counts. What is kept of it is a
//! code of authentication under a key of the program's that the database does not hold: six digits are few, and a thief
//! of the database could try them all against a hash. A row is written also where nobody has the number: limits and
//! answers are the same, and nothing tells who exists.

use std::fmt;
use std::net::IpAddr;

use db::Connection;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::business::Business;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{BusinessId, UserId};
use crate::language::Language;
use crate::outbox::{self, MessageKind, Notice};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, from_store, text_enum};
use crate::text::CodePurpose;

/// How long a code is good for, in minutes.
const MINUTES: u32 = 10;
/// How often one may be guessed.
const TRIES: i64 = 5;
/// How many are sent to one number in so many seconds.
const PER_PHONE: [(i64, i64); 3] = [(1, 60), (5, 3_600), (10, 86_400)];
/// How many are asked for from one address in so many seconds.
const PER_ADDRESS: [(i64, i64); 2] = [(30, 3_600), (100, 86_400)];
/// How long rows are kept to be counted, in seconds.
const KEEP: i64 = 2 * 86_400;

text_enum! {
    /// What a code opens.
    Opens {
        /// A new password for somebody of the staff.
        Password = "password",
        /// A client's own visits.
        Client = "client",
    }
}

/// The key under which codes are kept. `Debug` shows nothing.
#[derive(Clone)]
pub struct CodeKey(Hmac<Sha256>);

impl CodeKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(bytes.iter()).for_each(|(place, byte)| *place = *byte);
        Self(Hmac::new((&*block).into()))
    }

    /// What is kept of a code that opens something to whoever has a number.
    fn seal(&self, salt: &[u8], (opens, phone): (Opens, &Phone), code: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in [salt, opens.as_str().as_bytes(), phone.expose().as_bytes(), code.as_bytes()] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey")
    }
}

/// A code that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct CodeRequest<'a> {
    /// What it is to open.
    pub opens: Opens,
    /// The business in whose name it is sent; none where nobody has the number, and nothing is sent.
    pub business: Option<&'a Business>,
    /// The user whom it is for, if it is for one.
    pub user_id: Option<UserId>,
    /// Whether there is somebody to send it to.
    pub known: bool,
    /// The number.
    pub phone: &'a Phone,
    /// The language of the message.
    pub language: Language,
    /// From where it is asked for.
    pub address: Option<IpAddr>,
}

/// Why no code was made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// Too many were asked for, for this number or from this address.
    #[error("too many codes were asked for")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(CodeError);

/// Makes a code and plans its message, if there is somebody to send it to.
///
/// # Errors
///
/// [`CodeError`].
pub async fn send(platform: &Platform, request: &CodeRequest<'_>) -> Result<(), CodeError> {
    let now = platform.clock.real_now();
    let code = fresh(&platform.entropy);
    let salt: [u8; 16] = platform.entropy.bytes();
    let mut tx = platform.db.begin().await?;
    check_limits(&mut tx, request, now).await?;
    let (id,) = db::fetch_one!(
        &mut tx,
        (i64,),
        "insert into codes (purpose, business_id, user_id, phone, address, salt, code_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
        request.opens.as_str(),
        request.business.map(|business| business.id),
        request.user_id,
        request.phone.expose(),
        request.address.map(|address| address.to_string()),
        salt.as_slice(),
        platform.codes.seal(&salt, (request.opens, request.phone), &code).as_slice(),
        now,
        now.plus(i64::from(MINUTES) * 60),
    )?;
    db::execute!(&mut tx, "delete from codes where created_at < $1", now.plus(-KEEP))?;
    if let Some(business) = request.business.filter(|_| request.known) {
        plan(&mut tx, platform, request, business, id, &code).await?;
    }
    tx.commit().await?;
    platform.outbox.ring();
    Ok(())
}

/// What a right code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Redeemed {
    pub(crate) user_id: Option<UserId>,
}

/// Tries a code and spends it; `None` when it is wrong or worth nothing any more. Commit in both cases: the try counts.
pub(crate) async fn redeem(
    connection: &mut Connection,
    key: &CodeKey,
    opens: Opens,
    business_id: Option<BusinessId>,
    phone: &Phone,
    code: &str,
    now: Timestamp,
) -> Result<Option<Redeemed>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "update codes set tries = tries + 1
         where id = (
             select id from codes
             where purpose = $1 and phone = $2 and ($3 = 0 or business_id = $3) order by id desc limit 1
         ) and tries < $4 and used_at is null and expires_at > $5
         returning id, user_id, salt, code_hash",
        opens.as_str(),
        phone.expose(),
        business_id.map_or(0, BusinessId::get),
        TRIES,
        now,
    )?;
    let digits: Zeroizing<String> = Zeroizing::new(code.chars().filter(char::is_ascii_digit).collect());
    let seal = |row: &Row| key.seal(&row.salt, (opens, phone), &digits);
    let right = |row: &Row| bool::from(row.code_hash.as_slice().ct_eq(&seal(row)));
    let Some(row) = row.filter(right) else { return Ok(None) };
    db::execute!(connection, "update codes set used_at = $2 where id = $1", row.id, now)?;
    Ok(Some(Redeemed { user_id: row.user_id }))
}

async fn check_limits(connection: &mut Connection, request: &CodeRequest<'_>, now: Timestamp) -> Result<(), CodeError> {
    // On PostgreSQL two requests for one number could both count before either writes.
    db::execute!(
        connection,
        sqlite: "select $1",
        postgres: "select pg_advisory_xact_lock(hashtext($1))",
        request.phone.expose(),
    )?;
    let sent = db::fetch_all!(
        connection,
        (Timestamp,),
        "select created_at from codes where phone = $1 and created_at > $2 order by created_at desc limit 20",
        request.phone.expose(),
        now.plus(-86_400),
    )?;
    within(&sent, &PER_PHONE, now)?;
    let Some(address) = request.address else { return Ok(()) };
    let asked = db::fetch_all!(
        connection,
        (Timestamp,),
        "select created_at from codes where address = $1 and created_at > $2 order by created_at desc limit 200",
        address.to_string(),
        now.plus(-86_400),
    )?;
    within(&asked, &PER_ADDRESS, now)
}

/// Whether one more is within all limits; `sent` has the newest first.
fn within(sent: &[(Timestamp,)], limits: &[(i64, i64)], now: Timestamp) -> Result<(), CodeError> {
    for (most, seconds) in limits {
        let place = usize::try_from(most - 1).unwrap_or(usize::MAX);
        if let Some((at,)) = sent.get(place)
            && now.since(*at) < *seconds
        {
            let wait = at.plus(*seconds).since(now);
            return Err(CodeError::TooMany { seconds: wait.unsigned_abs() });
        }
    }
    Ok(())
}

async fn plan(
    connection: &mut Connection,
    platform: &Platform,
    request: &CodeRequest<'_>,
    business: &Business,
    id: i64,
    code: &str,
) -> Result<(), StoreError> {
    let purpose = match request.opens {
        Opens::Password => CodePurpose::Reset,
        Opens::Client => CodePurpose::SignIn,
    };
    let text = platform.texts.code(request.language, business.name.as_str(), purpose, code, MINUTES);
    let notice = Notice {
        kind: MessageKind::Code,
        dedup_key: &format!("code:{id}"),
        phone: request.phone,
        text: &text,
        language: request.language,
        worth_seconds: i64::from(MINUTES) * 60,
    };
    outbox::plan_notice(connection, platform, business.id, &notice).await
}

/// Six digits, each sequence as likely as any other to one in 2^44.
fn fresh(entropy: &Entropy) -> Zeroizing<String> {
    let number = u64::from_be_bytes(entropy.bytes()) % 1_000_000;
    Zeroizing::new(format!("{number:06}"))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    user_id: Option<UserId>,
    salt: Vec<u8>,
    code_hash: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_name_the_wait() {
        let now = Timestamp::from_seconds(100_000);
        let sent = |ages: &[i64]| ages.iter().map(|age| (now.plus(-age),)).collect::<Vec<_>>();
        let wait = |ages: &[i64]| match within(&sent(ages), &PER_PHONE, now) {
            Err(CodeError::TooMany { seconds }) => Some(seconds),
            Ok(()) | Err(CodeError::Store(_)) => None,
        };
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[10]), Some(50));
        assert_eq!(wait(&[60, 120, 180, 240]), None);
        assert_eq!(wait(&[60, 120, 180, 240, 300]), Some(3_300));
    }

    #[test]
    fn what_is_kept_of_a_code_tells_nothing_without_the_key() {
        let key = |byte| CodeKey::new(&Zeroizing::new([byte; 32]));
        let (phone, other): (Phone, Phone) = ("87771234567".parse().unwrap(), "87771234568".parse().unwrap());
        let seal = |byte, salt: &[u8], whose, code| key(byte).seal(salt, whose, code);
        let kept = seal(1, b"salt", (Opens::Client, &phone), "123456");
        assert_eq!(kept, seal(1, b"salt", (Opens::Client, &phone), "123456"));
        for different in [
            seal(2, b"salt", (Opens::Client, &phone), "123456"),
            seal(1, b"Salt", (Opens::Client, &phone), "123456"),
            seal(1, b"salt", (Opens::Password, &phone), "123456"),
            seal(1, b"salt", (Opens::Client, &other), "123456"),
            seal(1, b"salt", (Opens::Client, &phone), "123457"),
        ] {
            assert_ne!(kept, different);
        }
        assert_eq!(format!("{:?}", key(1)), "CodeKey");
    }

    #[test]
    fn a_code_has_six_digits() {
        let entropy = Entropy::seeded(3);
        for _ in 0..50 {
            let code = fresh(&entropy);
            assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{}", *code);
        }
    }
}
