//! WhatsApp accounts: the numbers that businesses send from, and how they are.

use std::fmt;

use db::{Connection, Db};

use crate::clock::Timestamp;
use crate::id::{AccountId, BusinessId};
use crate::phone::Phone;
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
}

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

/// The account of a business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of_business(connection: &mut Connection, business_id: BusinessId) -> Result<Option<Account>, StoreError> {
    db::fetch_optional!(
        connection,
        Row,
        "select id, business_id, phone, jid, lid, state, detail, until_at, seen_at, updated_at
         from accounts where business_id = $1",
        business_id,
    )?
    .map(Account::try_from)
    .transpose()
}

/// An account by its number. For the dispatcher and the operator, who serve all tenants.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: AccountId) -> Result<Option<Account>, StoreError> {
    db::fetch_optional!(
        connection,
        Row,
        "select id, business_id, phone, jid, lid, state, detail, until_at, seen_at, updated_at
         from accounts where id = $1",
        id,
    )?
    .map(Account::try_from)
    .transpose()
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
        "select id, business_id, phone, jid, lid, state, detail, until_at, seen_at, updated_at
         from accounts where id > $1 order by id limit $2",
        after.map_or(0, AccountId::get),
        i64::from(limit),
    )?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Writes down how an account is.
///
/// # Errors
///
/// [`StoreError`].
pub async fn set_state(db: &Db, id: AccountId, change: &StateChange<'_>, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    db::execute!(
        &mut tx,
        "update accounts set state = $2, detail = $3, until_at = $4, seen_at = coalesce($5, seen_at), updated_at = $6
         where id = $1",
        id,
        change.state.as_str(),
        change.detail,
        change.until,
        change.seen_at,
        now,
    )?;
    Ok(tx.commit().await?)
}

/// Writes down which phone an account was paired with.
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
        "update accounts set phone = $2, jid = $3, lid = $4, updated_at = $5 where id = $1",
        id,
        phone.expose(),
        jid,
        lid,
        now,
    )?;
    Ok(tx.commit().await?)
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
        })
    }
}
