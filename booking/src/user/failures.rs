//! Failed logins: whoever fails too often waits, longer each time.
//!
//! Counted for the login from one address, for the login from anywhere, and for the address whatever it tries, by what
//! was typed and not by whom it belongs to, so that the answer does not tell who exists. An attempt counts as failed
//! before its password is checked: many at once are no way around.

use std::net::IpAddr;

use db::{Connection, Db};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::store::StoreError;

/// After so long without a failure the count begins anew, in seconds.
const MEMORY: i64 = 86_400;
/// The first wait and the longest, in seconds.
const WAITS: (i64, i64) = (15, 3_600);
/// Failures that cost no wait: of a login from one address, of a login, of an address.
const FREE: [i64; 3] = [5, 20, 50];

/// An attempt that is under way.
pub(super) struct Attempt {
    subjects: Vec<(String, i64)>,
}

/// Why an attempt was not let in.
pub(super) enum Refused {
    /// It has to wait so many seconds.
    Wait(u64),
    /// The database.
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl Attempt {
    /// Lets an attempt in and counts it, or tells how long to wait.
    pub(super) async fn begin(db: &Db, login: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Self, Refused> {
        let login = login.trim().to_lowercase();
        let place = address.map(network);
        let mut subjects = Vec::with_capacity(3);
        if let Some(place) = &place {
            subjects.push((subject(&["both", &login, place]), FREE[0]));
        }
        subjects.push((subject(&["login", &login]), FREE[1]));
        if let Some(place) = &place {
            subjects.push((subject(&["address", place]), FREE[2]));
        }
        let mut tx = db.begin().await?;
        for (subject, _) in &subjects {
            let row = db::fetch_optional!(
                &mut tx,
                (Timestamp,),
                "select blocked_until from login_failures where subject = $1",
                subject.as_str(),
            )?;
            if let Some(wait) = row.map(|(until,)| until.since(now)).filter(|wait| *wait > 0) {
                return Err(Refused::Wait(wait.unsigned_abs()));
            }
        }
        for (subject, free) in &subjects {
            count(&mut tx, subject, *free, now).await?;
        }
        tx.commit().await?;
        Ok(Self { subjects })
    }

    /// The password was right: the login's failures are forgotten, the address's go on without this one.
    pub(super) async fn succeeded(self, db: &Db, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = db.begin().await?;
        for (subject, free) in &self.subjects {
            let shared = *free == FREE[2];
            db::execute!(
                &mut tx,
                "update login_failures set failures = case when $3 then failures - 1 else 0 end, blocked_until = $2
                 where subject = $1 and failures > 0",
                subject.as_str(),
                now,
                shared,
            )?;
        }
        Ok(tx.commit().await?)
    }
}

async fn count(connection: &mut Connection, subject: &str, free: i64, now: Timestamp) -> Result<(), StoreError> {
    let (failures,) = db::fetch_one!(
        connection,
        (i64,),
        "insert into login_failures (subject, failures, last_at, blocked_until) values ($1, 1, $2, 0)
         on conflict (subject) do update set
             failures = case when login_failures.last_at < $3 then 1 else login_failures.failures + 1 end,
             last_at = excluded.last_at
         returning failures",
        subject,
        now,
        now.plus(-MEMORY),
    )?;
    let over = failures.saturating_sub(free);
    if over >= 0 {
        let doublings = u32::try_from(over).unwrap_or(u32::MAX).min(16);
        let wait = WAITS.0.saturating_mul(1_i64 << doublings).min(WAITS.1);
        db::execute!(
            connection,
            "update login_failures set blocked_until = $2 where subject = $1",
            subject,
            now.plus(wait),
        )?;
    }
    db::execute!(connection, "delete from login_failures where last_at < $1", now.plus(-2 * MEMORY))?;
    Ok(())
}

/// A hash: the table holds nobody's address or number.
fn subject(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(parts.join("\n").as_bytes()))
}

/// An IPv6 subscriber has a /64 to try from.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}
