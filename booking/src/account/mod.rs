//! WhatsApp accounts: the numbers that businesses send from, and how they are.
//!
//! A business has one, linked or not; the operator may have one too, which writes for those that have linked none. What
//! links an account, and what its holder is asked to do, goes through the [`desk`]: any process may ask, whoever holds
//! the account's [lease](crate::lease) answers.

pub mod desk;
pub mod health;
mod status;

pub use status::{Cold, Queue, Status, status};

use std::fmt;

use db::{Connection, Db};

use crate::access::Origin;
use crate::audit::{self, Change};
use crate::clock::Timestamp;
use crate::id::{AccountId, BusinessId};
use crate::lease::Lease;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::store::{StoreError, text_enum};

text_enum! {
    /// How an account's connection is, as its holder last saw it.
    AccountState {
        /// No phone was ever paired.
        Unpaired = "unpaired",
        /// A QR or pairing code waits for the phone.
        WaitingForScan = "waiting_for_scan",
        /// The phone asks for its passkey.
        PasskeyRequired = "passkey_required",
        /// Paired; the connection is being made.
        Connecting = "connecting",
        /// Connected, with a recent sign of life.
        Online = "online",
        /// Paired; the next attempt waits until [`Account::until`].
        Backoff = "backoff",
        /// The phone removed us; it has to be paired again.
        LoggedOut = "logged_out",
        /// WhatsApp refuses the number until [`Account::until`], or for good.
        Banned = "banned",
        /// Another program took the connection over.
        Replaced = "replaced",
    }
}

/// How an account is at some time: what its holder saw, or that nobody is there to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// As its holder last saw it, which still holds.
    Seen(AccountState),
    /// It was connected or on its way there, and no process holds it any more.
    Offline,
}

impl Condition {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        AccountState::ALL.iter().copied().map(Self::Seen).chain([Self::Offline])
    }

    /// As it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen(state) => state.as_str(),
            Self::Offline => "offline",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::all().find(|condition| condition.as_str() == text)
    }
}

/// A WhatsApp number of a business, paired or to be paired. `Debug` shows neither the number nor the JIDs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Account {
    /// The row; wa-client's store has its records under the same number.
    pub id: AccountId,
    /// Whose it is; none is the operator's.
    pub business_id: Option<BusinessId>,
    /// The paired number.
    pub phone: Option<Phone>,
    /// The paired device's JID by phone number. Personal: not for logs.
    pub jid: Option<String>,
    /// The paired device's JID by LID. Personal: not for logs.
    pub lid: Option<String>,
    /// How it is.
    pub state: AccountState,
    /// Why it is so, for the owner; no personal data.
    pub detail: Option<String>,
    /// When the state ends by itself.
    pub until: Option<Timestamp>,
    /// The last sign of life from the server.
    pub seen_at: Option<Timestamp>,
    /// When the state was last written.
    pub updated_at: Timestamp,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Since when it is not online, though it has a device.
    pub down_at: Option<Timestamp>,
    /// Until when it looks for a phone, while it has no device.
    pub link_until: Timestamp,
    /// Whether its owner links it themselves, also in a sandbox, whose phones scan by themselves otherwise.
    pub by_hand: bool,
    /// Until when it writes to nobody who never wrote to it.
    pub cold_until: Option<Timestamp>,
    /// Why, as a reason of the dispatcher.
    pub cold_reason: Option<String>,
    /// Until when its connection is somebody's.
    pub held_until: Option<Timestamp>,
}

impl Account {
    /// Whether it has a device: whether it was linked, and not unlinked since.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.jid.is_some()
    }

    /// Whether some process holds its connection at `now`, which is real time. The state of one that nobody holds is
    /// what its last holder saw.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.held_until.is_some_and(|until| until > now)
    }

    /// Whether it is connected at `now`, which is real time.
    #[must_use]
    pub fn is_online(&self, now: Timestamp) -> bool {
        self.state == AccountState::Online && self.is_held(now)
    }

    /// How it is at `now`, which is real time.
    #[must_use]
    pub fn condition(&self, now: Timestamp) -> Condition {
        let needs_holder =
            matches!(self.state, AccountState::Online | AccountState::Connecting | AccountState::WaitingForScan);
        if needs_holder && !self.is_held(now) { Condition::Offline } else { Condition::Seen(self.state) }
    }

    /// Since when it is in its [condition](Self::condition), at `now`, which is real time.
    #[must_use]
    pub fn condition_since(&self, now: Timestamp) -> Timestamp {
        match self.condition(now) {
            Condition::Seen(_) => self.since,
            Condition::Offline => self.down_since(now).unwrap_or(self.since),
        }
    }

    /// Whether it is down for so long, at `now`, which is real time, that somebody has to see to it.
    #[must_use]
    pub fn is_alarming(&self, now: Timestamp) -> bool {
        self.down_since(now).is_some_and(|since| now.since(since) >= ALARM_SECONDS)
    }

    /// Since when a linked account is not connected, at `now`, which is real time.
    #[must_use]
    pub fn down_since(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.is_linked() || self.is_online(now) {
            return None;
        }
        // Whoever died with it could not write it down.
        Some(self.down_at.or(self.held_until.filter(|until| until.seconds() > 0)).unwrap_or(self.updated_at))
    }
}

/// How long a linked account may be down before somebody has to be told, in seconds.
pub const ALARM_SECONDS: i64 = 120;

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("business_id", &self.business_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A change of an account's state.
#[derive(Debug, Clone)]
pub struct StateChange<'a> {
    /// The new state.
    pub state: AccountState,
    /// Why, for the owner; no personal data.
    pub detail: Option<&'a str>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The last sign of life from the server; none keeps the one before.
    pub seen_at: Option<Timestamp>,
}

/// Gives a business its account, unpaired, or the one that it has; messages that waited for one are its own now.
///
/// # Errors
///
/// [`StoreError`].
pub async fn ensure(
    connection: &mut Connection,
    business_id: BusinessId,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (AccountId,),
        "insert into accounts (business_id, state, updated_at, created_at) values ($1, 'unpaired', $2, $2)
         on conflict (business_id) do update set business_id = excluded.business_id returning id",
        business_id,
        now,
    )?;
    db::execute!(
        connection,
        "update outbox set account_id = $2 where business_id = $1 and account_id is null and state = 'planned'",
        business_id,
        id,
    )?;
    Ok(id)
}

/// Gives the operator its account, unlinked, or the one that it has.
///
/// # Errors
///
/// [`StoreError`].
pub async fn ensure_platform(connection: &mut Connection, now: Timestamp) -> Result<AccountId, StoreError> {
    let (id,) = db::fetch_one!(
        connection,
        (AccountId,),
        "insert into accounts (state, updated_at, created_at) values ('unpaired', $1, $1)
         on conflict ((business_id is null)) where business_id is null do update set business_id = null returning id",
        now,
    )?;
    Ok(id)
}

/// Selects whole accounts.
macro_rules! accounts {
    ($rest:literal) => {
        concat!(
            "select a.id, a.business_id, a.phone, a.jid, a.lid, a.state, a.detail, a.until_at, a.seen_at, a.updated_at,
                 a.since_at, a.down_at, a.link_until, a.by_hand, a.cold_until, a.cold_reason, l.until_at as held_until
             from accounts a left join account_leases l on l.account_id = a.id ",
            $rest
        )
    };
}

/// The account of a business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_business(connection: &mut Connection, business_id: BusinessId) -> Result<Option<Account>, StoreError> {
    let row = db::fetch_optional!(connection, Row, accounts!("where a.business_id = $1"), business_id)?;
    row.map(Account::try_from).transpose()
}

/// The operator's account, which writes for tenants that have linked none.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_platform(connection: &mut Connection) -> Result<Option<Account>, StoreError> {
    let row = db::fetch_optional!(connection, Row, accounts!("where a.business_id is null"))?;
    row.map(Account::try_from).transpose()
}

/// The account that writes for a business: its own, or the operator's while it has linked none and `may_share`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn sender_of(
    connection: &mut Connection,
    business_id: BusinessId,
    may_share: bool,
) -> Result<Option<Account>, StoreError> {
    let own = of_business(connection, business_id).await?;
    if !may_share || own.as_ref().is_some_and(Account::is_linked) {
        return Ok(own);
    }
    let shared = of_platform(connection).await?.filter(Account::is_linked);
    Ok(shared.or(own))
}

/// An account by its number. For the dispatcher and the operator, who serve all tenants.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row = db::fetch_optional!(connection, Row, accounts!("where a.id = $1"), id)?;
    row.map(Account::try_from).transpose()
}

/// All accounts after `after`, by number, at most `limit`. For the dispatcher and the operator, who serve all tenants.
///
/// # Errors
///
/// [`StoreError`].
pub async fn all(
    connection: &mut Connection,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        accounts!("where a.id > $1 order by a.id limit $2"),
        after.map_or(0, AccountId::get),
        i64::from(limit),
    )?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Writes down how an account is, at `now`, which is real time. Nothing is written under a lease that went to somebody
/// else: a holder that was replaced does not speak for the one that replaced it.
///
/// # Errors
///
/// [`StoreError`].
pub async fn set_state(db: &Db, lease: &Lease, change: &StateChange<'_>, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set state = $2, detail = $3, until_at = $4, seen_at = coalesce($5, seen_at), updated_at = $6,
             since_at = case when state = $2 then coalesce(since_at, $6) else $6 end,
             down_at = case when jid is null or $7 then null else coalesce(down_at, $6) end,
             reported_at = case when $7 then null else reported_at end
         where id = $1 and exists (
             select 1 from account_leases where account_id = $1 and holder = $8 and fence = $9
         )",
        lease.account_id,
        change.state.as_str(),
        change.detail,
        change.until,
        change.seen_at,
        now,
        change.state == AccountState::Online,
        lease.holder.as_str(),
        lease.fence,
    )?;
    Ok(tx.commit().await?)
}

/// Writes down which phone an account was linked with, at `now`, which is real time. What waits for its business is its
/// own to send from then on.
///
/// # Errors
///
/// [`StoreError`].
pub async fn set_identity(
    db: &Db,
    id: AccountId,
    phone: &Phone,
    jid: &str,
    lid: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set phone = $2, jid = $3, lid = $4, updated_at = $5, link_until = 0, cold_until = null,
             cold_reason = null
         where id = $1",
        id,
        phone.expose(),
        jid,
        lid,
        now,
    )?;
    db::execute!(
        &mut tx,
        "update outbox set account_id = $1 where state = 'planned' and claim_fence is null
             and (account_id is null or account_id <> $1)
             and business_id = (select business_id from accounts where id = $1)",
        id,
    )?;
    Ok(tx.commit().await?)
}

/// Forgets the device of an account, at `now`, which is real time; its number stays, to be shown, and so do its
/// messages. `by_hand` says that somebody here wanted it, who will link it again themselves. Whoever asks for it and
/// whoever holds the account both write it down; what was asked for in between (a phone is looked for) stays.
///
/// # Errors
///
/// [`StoreError`].
pub async fn forget_device(db: &Db, id: AccountId, by_hand: bool, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set jid = null, lid = null, state = 'logged_out', detail = null, until_at = null,
             since_at = $2, updated_at = $2, down_at = null, reported_at = null, by_hand = (by_hand or $3),
             link_until = case when jid is null then link_until else 0 end
         where id = $1",
        id,
        now,
        by_hand,
    )?;
    db::execute!(&mut tx, "delete from account_codes where account_id = $1", id)?;
    // The keys are gone, and all else that the account's store held.
    db::execute!(&mut tx, "delete from contacts_to_forget where account_id = $1", id)?;
    Ok(tx.commit().await?)
}

/// Lets an account that has no device look for a phone until `until`, which is real time.
///
/// # Errors
///
/// [`StoreError`].
pub async fn look_for_phone(db: &Db, id: AccountId, until: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set link_until = $2 where id = $1 and jid is null and link_until < $2",
        id,
        until,
    )?;
    Ok(tx.commit().await?)
}

/// Lets an account that was given up (replaced, banned, put off) connect again; gives whether there was one to.
///
/// # Errors
///
/// [`StoreError`].
pub async fn reconnect(db: &Db, id: AccountId, now: Timestamp) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let changed = db::execute!(
        &mut tx,
        "update accounts set state = 'connecting', detail = null, until_at = null, since_at = $2, updated_at = $2
         where id = $1 and state in ('replaced', 'banned', 'backoff', 'passkey_required')",
        id,
        now,
    )?;
    tx.commit().await?;
    Ok(changed > 0)
}

/// Writes down what somebody did to an account: `logout`, `reconnect`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn record(platform: &Platform, account: &Account, origin: &Origin, action: &str) -> Result<(), StoreError> {
    let change = Change { entity: "account", entity_id: account.id.get(), action, old: None, new: None };
    let mut tx = platform.db.begin().await?;
    audit::record(&mut tx, account.business_id, origin, &change, platform.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// Stops an account's messages to people who never wrote to it, until `until`; a longer stop stays.
///
/// # Errors
///
/// [`StoreError`].
pub async fn stop_cold(db: &Db, id: AccountId, until: Timestamp, reason: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set cold_until = $2, cold_reason = $3
         where id = $1 and (cold_until is null or cold_until < $2)",
        id,
        until,
        reason,
    )?;
    Ok(tx.commit().await?)
}

/// The linked accounts that are down since before `before` and not reported yet: each is given once.
///
/// # Errors
///
/// [`StoreError`].
pub async fn take_alarms(db: &Db, before: Timestamp, now: Timestamp) -> Result<Vec<AccountId>, StoreError> {
    let mut connection = db.read().await?;
    let due = db::fetch_all!(
        &mut connection,
        (AccountId,),
        "select id from accounts where reported_at is null and down_at <= $1 and jid is not null limit 64",
        before,
    )?;
    drop(connection);
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    let taken = db::fetch_all!(
        &mut tx,
        (AccountId,),
        "update accounts set reported_at = $2
         where id in (
             select id from accounts where reported_at is null and down_at <= $1 and jid is not null limit 64
         ) and reported_at is null returning id",
        before,
        now,
    )?;
    tx.commit().await?;
    Ok(taken.into_iter().map(|(id,)| id).collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: AccountId,
    business_id: Option<BusinessId>,
    phone: Option<String>,
    jid: Option<String>,
    lid: Option<String>,
    state: String,
    detail: Option<String>,
    until_at: Option<Timestamp>,
    seen_at: Option<Timestamp>,
    updated_at: Timestamp,
    since_at: Option<Timestamp>,
    down_at: Option<Timestamp>,
    link_until: Timestamp,
    by_hand: bool,
    cold_until: Option<Timestamp>,
    cold_reason: Option<String>,
    held_until: Option<Timestamp>,
}

impl TryFrom<Row> for Account {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.get();
        let broken = |_| StoreError::Row { table: "accounts", id, rule: "phone is not in E.164 form" };
        Ok(Self {
            id: row.id,
            business_id: row.business_id,
            phone: row.phone.map(Phone::try_from).transpose().map_err(broken)?,
            jid: row.jid,
            lid: row.lid,
            state: AccountState::of_row(&row.state, "accounts", id)?,
            detail: row.detail,
            until: row.until_at,
            seen_at: row.seen_at,
            updated_at: row.updated_at,
            since: row.since_at.unwrap_or(row.updated_at),
            down_at: row.down_at,
            link_until: row.link_until,
            by_hand: row.by_hand,
            cold_until: row.cold_until,
            cold_reason: row.cold_reason,
            held_until: row.held_until,
        })
    }
}
