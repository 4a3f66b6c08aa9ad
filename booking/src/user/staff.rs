//! The staff of a business, as its owner manages it.

use db::{Connection, Tx};
use serde_json::json;

use crate::access::Origin;
use crate::audit::{self, Change};
use crate::id::{BusinessId, MasterId, UserId};
use crate::platform::Platform;
use crate::session;
use crate::store::{StoreError, from_store};
use crate::user::{Role, Row, User};

/// Somebody of a staff.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Member {
    /// Who.
    pub user: User,
    /// The master they are, if they are one.
    pub master_id: Option<MasterId>,
}

/// What to change of somebody; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaffChange {
    /// Owner, manager or master.
    pub role: Option<Role>,
    /// The master they are; `Some(None)` none any more.
    pub master_id: Option<Option<MasterId>>,
}

/// Why the staff was not changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StaffError {
    /// The business has no such user, or they were removed.
    #[error("the business has no such user")]
    NotFound,
    /// Nobody of a staff has this role.
    #[error("nobody of a staff has this role")]
    Role,
    /// The business has no such master.
    #[error("the business has no such master")]
    UnknownMaster,
    /// Nobody would own the business any more.
    #[error("a business needs an owner")]
    LastOwner,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(StaffError);

/// The staff of a business, the removed not counted.
///
/// # Errors
///
/// [`StoreError`].
pub async fn list(connection: &mut Connection, business_id: BusinessId) -> Result<Vec<Member>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        MemberRow,
        "select id, business_id, email, full_name, phone, role, password_hash, deactivated_at,
             (select min(m.id) from masters m where m.business_id = $1 and m.user_id = users.id) as master_id
         from users where business_id = $1 and deactivated_at is null order by id",
        business_id,
    )?;
    rows.into_iter().map(MemberRow::read).collect()
}

/// Changes somebody's role, or which master they are; it holds from their next request on.
///
/// # Errors
///
/// [`StaffError`].
pub async fn change(
    platform: &Platform,
    business_id: BusinessId,
    user_id: UserId,
    change: &StaffChange,
    origin: &Origin,
) -> Result<Member, StaffError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let before = locked(&mut tx, business_id, user_id).await?;
    if let Some(role) = change.role {
        match role {
            Role::Owner | Role::Manager | Role::Master => {}
            Role::SuperAdmin | Role::Client => return Err(StaffError::Role),
        }
        if before.user.role == Role::Owner && role != Role::Owner {
            check_other_owner(&mut tx, business_id, user_id).await?;
        }
        db::execute!(
            &mut tx,
            "update users set role = $3 where business_id = $1 and id = $2",
            business_id,
            user_id,
            role.as_str(),
        )?;
    }
    if let Some(master_id) = change.master_id {
        link(&mut tx, business_id, user_id, master_id).await?;
    }
    let after = find(&mut tx, business_id, user_id).await?.ok_or(StaffError::NotFound)?;
    let fields = |member: &Member| json!({ "role": member.user.role.as_str(), "master_id": member.master_id });
    let (old, new) = (fields(&before), fields(&after));
    if old != new {
        let change =
            Change { entity: "user", entity_id: user_id.get(), action: "update", old: Some(old), new: Some(new) };
        audit::record(&mut tx, Some(business_id), origin, &change, now).await?;
    }
    tx.commit().await?;
    Ok(after)
}

/// Removes somebody from the staff: they are logged out everywhere and cannot log in. What they did stays theirs.
///
/// # Errors
///
/// [`StaffError`].
pub async fn deactivate(
    platform: &Platform,
    business_id: BusinessId,
    user_id: UserId,
    origin: &Origin,
) -> Result<(), StaffError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let before = locked(&mut tx, business_id, user_id).await?;
    if before.user.role == Role::Owner {
        check_other_owner(&mut tx, business_id, user_id).await?;
    }
    db::execute!(
        &mut tx,
        "update users set deactivated_at = $3 where business_id = $1 and id = $2",
        business_id,
        user_id,
        now,
    )?;
    link(&mut tx, business_id, user_id, None).await?;
    session::end_of_user(&mut tx, user_id, None, now).await?;
    let change = Change {
        entity: "user",
        entity_id: user_id.get(),
        action: "deactivate",
        old: Some(json!({ "role": before.user.role.as_str(), "master_id": before.master_id })),
        new: None,
    };
    audit::record(&mut tx, Some(business_id), origin, &change, now).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business_id, user.id = %user_id, "removed user {user_id} from the staff");
    Ok(())
}

/// Says which master somebody is: one at most, and nobody else is the same.
pub(crate) async fn link(
    connection: &mut Connection,
    business_id: BusinessId,
    user_id: UserId,
    master_id: Option<MasterId>,
) -> Result<(), StaffError> {
    db::execute!(
        connection,
        "update masters set user_id = null where business_id = $1 and user_id = $2",
        business_id,
        user_id,
    )?;
    let Some(master_id) = master_id else { return Ok(()) };
    let linked = db::execute!(
        connection,
        "update masters set user_id = $3 where business_id = $1 and id = $2",
        business_id,
        master_id,
        user_id,
    )?;
    if linked == 0 { Err(StaffError::UnknownMaster) } else { Ok(()) }
}

/// Somebody of the staff; until the end of the transaction nobody else changes the business's staff.
async fn locked(tx: &mut Tx, business_id: BusinessId, user_id: UserId) -> Result<Member, StaffError> {
    db::execute!(
        tx,
        sqlite: "select id from businesses where id = $1",
        postgres: "select id from businesses where id = $1 for update",
        business_id,
    )?;
    find(tx, business_id, user_id).await?.ok_or(StaffError::NotFound)
}

async fn find(
    connection: &mut Connection,
    business_id: BusinessId,
    user_id: UserId,
) -> Result<Option<Member>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        MemberRow,
        "select id, business_id, email, full_name, phone, role, password_hash, deactivated_at,
             (select min(m.id) from masters m where m.business_id = $1 and m.user_id = users.id) as master_id
         from users where business_id = $1 and id = $2 and deactivated_at is null",
        business_id,
        user_id,
    )?;
    row.map(MemberRow::read).transpose()
}

async fn check_other_owner(
    connection: &mut Connection,
    business_id: BusinessId,
    user_id: UserId,
) -> Result<(), StaffError> {
    let other = db::fetch_optional!(
        connection,
        (UserId,),
        "select id from users
         where business_id = $1 and id <> $2 and role = 'OWNER' and deactivated_at is null limit 1",
        business_id,
        user_id,
    )?;
    other.map(drop).ok_or(StaffError::LastOwner)
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    #[sqlx(flatten)]
    user: Row,
    master_id: Option<MasterId>,
}

impl MemberRow {
    fn read(self) -> Result<Member, StoreError> {
        let (user, _) = self.user.read()?;
        Ok(Member { user, master_id: self.master_id })
    }
}
