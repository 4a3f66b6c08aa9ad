//! What the holder of a token may do, as the database has it at this moment.
//!
//! Tokens only say who asks and in which session. Roles, switches, links to masters, removal and suspension are looked
//! up at each request, in one statement, so that a change of them holds from the next request on.

use db::Connection;
use subtle::ConstantTimeEq;

use crate::access::{Access, Origin, Staff, Who};
use crate::api_key::{self, KeyText, Scope};
use crate::business::{self, Business, business_columns};
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, BusinessId, ClientId, MasterId, SessionId, UserId};
use crate::settings::Switches;
use crate::store::StoreError;
use crate::user::Role;

/// A user in a session that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Present {
    /// What they may do.
    pub role: Role,
    /// Their business; none is the operator.
    pub business_id: Option<BusinessId>,
    /// The operator who acts in their name.
    pub impersonator: Option<UserId>,
}

/// A user by their session; `None` when it has ended or they were removed.
///
/// # Errors
///
/// [`StoreError`].
pub async fn user(
    connection: &mut Connection,
    session_id: SessionId,
    user_id: UserId,
) -> Result<Option<Present>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        (String, Option<BusinessId>, Option<UserId>),
        "select u.role, u.business_id, s.impersonator_id
         from sessions s join users u on u.id = s.user_id
             left join users i on i.id = s.impersonator_id
         where s.id = $1 and s.user_id = $2 and s.ended_at is null and u.deactivated_at is null
             and (i.id is null or (i.deactivated_at is null and i.role = 'SUPER_ADMIN'))",
        session_id,
        user_id,
    )?;
    let Some((role, business_id, impersonator)) = row else { return Ok(None) };
    let role = Role::of_row(&role, "users", user_id.get())?;
    Ok(Some(Present { role, business_id, impersonator }))
}

/// Somebody of a business's staff by their session; `None` when it has ended, or they were removed or are no staff.
///
/// `origin` tells from where they act; who they are is filled in.
///
/// # Errors
///
/// [`StoreError`].
pub async fn staff(
    connection: &mut Connection,
    business_id: BusinessId,
    session_id: SessionId,
    user_id: UserId,
    origin: Origin,
) -> Result<Option<Staff>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        StaffRow,
        concat!(
            "select ",
            business_columns!(),
            ", u.role as user_role, s.impersonator_id,
                 (select min(m.id) from masters m where m.business_id = b.id and m.user_id = u.id) as master_id
             from sessions s
                 join users u on u.id = s.user_id
                 join businesses b on b.id = u.business_id
                 left join users i on i.id = s.impersonator_id
             where s.id = $1 and s.user_id = $2 and b.id = $3 and s.ended_at is null and u.deactivated_at is null
                 and (i.id is null or (i.deactivated_at is null and i.role = 'SUPER_ADMIN'))"
        ),
        session_id,
        user_id,
        business_id,
    )?;
    let Some(row) = row else { return Ok(None) };
    let role = Role::of_row(&row.user_role, "users", user_id.get())?;
    match role {
        Role::Owner | Role::Manager | Role::Master => {}
        Role::SuperAdmin | Role::Client => return Ok(None),
    }
    let business = Business::try_from(row.business)?;
    let access = Access {
        business_id,
        origin: Origin { who: Who::User { id: user_id, impersonator: row.impersonator_id }, ..origin },
        role,
        master_id: row.master_id,
        sees: business.settings.staff.of(role),
    };
    Ok(Some(Staff { access, business }))
}

/// The business of a client by their session; `None` when it has ended.
///
/// # Errors
///
/// [`StoreError`].
pub async fn client(
    connection: &mut Connection,
    business_id: BusinessId,
    session_id: SessionId,
    client_id: ClientId,
) -> Result<Option<Business>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        business::Row,
        concat!(
            "select ",
            business_columns!(),
            " from sessions s
                 join clients c on c.business_id = s.business_id and c.id = s.client_id
                 join businesses b on b.id = s.business_id
             where s.id = $1 and s.client_id = $2 and s.business_id = $3 and s.ended_at is null"
        ),
        session_id,
        client_id,
        business_id,
    )?;
    row.map(Business::try_from).transpose()
}

/// A program by its key.
#[derive(Debug, Clone)]
pub struct Program {
    /// What it may do and see. It runs the business like a manager, within its rights; numbers it sees with
    /// [`Scope::ClientsRead`] alone.
    pub staff: Staff,
    /// Its rights.
    pub scopes: Vec<Scope>,
    /// When its key was last written down as used.
    pub last_used_at: Option<Timestamp>,
    /// Its key.
    pub key_id: ApiKeyId,
}

/// Why a key opens nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not one of ours, or was revoked.
    #[error("the key is not one of ours or was revoked")]
    Unknown,
    /// Its time is over.
    #[error("the key has expired")]
    Expired,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
crate::store::from_store!(KeyError);

/// A program by the key that it sent; `origin` tells from where it acts.
///
/// # Errors
///
/// [`KeyError`].
pub async fn program(
    connection: &mut Connection,
    key: &KeyText<'_>,
    origin: Origin,
    now: Timestamp,
) -> Result<Program, KeyError> {
    let row = db::fetch_optional!(
        connection,
        ProgramRow,
        concat!(
            "select ",
            business_columns!(),
            ", k.id as key_id, k.secret_hash, k.scopes, k.expires_at, k.last_used_at
             from api_keys k join businesses b on b.id = k.business_id
             where k.public = $1 and k.revoked_at is null"
        ),
        key.public,
    )?;
    let row = row.filter(|row| row.secret_hash.as_slice().ct_eq(&key.secret_hash()).into()).ok_or(KeyError::Unknown)?;
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(KeyError::Expired);
    }
    let scopes = api_key::read_scopes(&row.scopes, row.key_id)?;
    let business = Business::try_from(row.business)?;
    let access = Access {
        business_id: business.id,
        origin: Origin { who: Who::ApiKey(row.key_id), ..origin },
        role: Role::Manager,
        master_id: None,
        sees: Switches { phones: scopes.contains(&Scope::ClientsRead), ..Switches::ALL },
    };
    let staff = Staff { access, business };
    Ok(Program { staff, scopes, last_used_at: row.last_used_at, key_id: row.key_id })
}

#[derive(sqlx::FromRow)]
struct ProgramRow {
    #[sqlx(flatten)]
    business: business::Row,
    key_id: ApiKeyId,
    secret_hash: Vec<u8>,
    scopes: String,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct StaffRow {
    #[sqlx(flatten)]
    business: business::Row,
    user_role: String,
    impersonator_id: Option<UserId>,
    master_id: Option<MasterId>,
}
