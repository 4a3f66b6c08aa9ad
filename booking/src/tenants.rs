//! What the operator of the platform does: looks at tenants, closes and opens businesses, extends trials, and acts in
//! an owner's name, which is written down where the owner sees it. How their accounts are is in
//! [`account::health`](crate::account::health).
//!
//! Nothing here reads clients, visits or messages.

use db::Connection;
use serde_json::json;

use crate::access::{Origin, Who};
use crate::audit::{self, Change};
use crate::business::{self, Business, BusinessState, business_columns};
use crate::clock::Timestamp;
use crate::id::{BusinessId, SessionId, UserId};
use crate::name::Notes;
use crate::platform::Platform;
use crate::session::{self, Holder};
use crate::store::{StoreError, from_store};

/// The most tenants of one page.
pub const MOST_ROWS: u32 = 200;
/// The most days by which a trial is extended at once.
pub const MOST_DAYS: u32 = 3_650;

/// Which tenants to list, the newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Only those before this one: the last of the page before.
    pub before: Option<BusinessId>,
    /// A scrap of the name, the subdomain or the number.
    pub search: Option<&'a str>,
    /// Only those in this state.
    pub state: Option<BusinessState>,
    /// At most so many; [`MOST_ROWS`] at most.
    pub limit: u32,
}

/// A tenant as the operator sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TenantRow {
    /// The tenant.
    pub business: Business,
    /// When it registered.
    pub created_at: Timestamp,
    /// Why it is suspended.
    pub suspended_reason: Option<String>,
    /// How many log in to it.
    pub users: i64,
}

/// Why the operator did not do it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// There is no such business.
    #[error("there is no such business")]
    NotFound,
    /// The business is not on a trial.
    #[error("the business is not on a trial")]
    NotOnTrial,
    /// The business has no owner to act for.
    #[error("the business has no owner")]
    NoOwner,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(OperatorError);

/// The tenants that fit the filter.
///
/// # Errors
///
/// [`StoreError`].
pub async fn tenants(connection: &mut Connection, filter: &Filter<'_>) -> Result<Vec<TenantRow>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        concat!(
            "select ",
            business_columns!(),
            ", b.created_at, b.suspended_reason,
                 (select count(*) from users u where u.business_id = b.id and u.deactivated_at is null) as users
             from businesses b
             where b.id < $1 and ($2 = '' or b.search like $2 escape '!') and ($3 = '' or b.state = $3)
             order by b.id desc limit $4"
        ),
        filter.before.map_or(i64::MAX, BusinessId::get),
        filter.search.map(pattern).unwrap_or_default(),
        filter.state.map(BusinessState::as_str).unwrap_or_default(),
        i64::from(filter.limit.min(MOST_ROWS)),
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// One tenant.
///
/// # Errors
///
/// [`StoreError`].
pub async fn tenant(connection: &mut Connection, id: BusinessId) -> Result<Option<TenantRow>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        concat!(
            "select ",
            business_columns!(),
            ", b.created_at, b.suspended_reason,
                 (select count(*) from users u where u.business_id = b.id and u.deactivated_at is null) as users
             from businesses b where b.id = $1"
        ),
        id,
    )?;
    row.map(Row::read).transpose()
}

/// Closes a business: its public pages take no bookings and its staff is shut out, from the next request on.
///
/// # Errors
///
/// [`OperatorError`].
pub async fn suspend(
    platform: &Platform,
    id: BusinessId,
    reason: &Notes,
    origin: &Origin,
) -> Result<TenantRow, OperatorError> {
    set_state(platform, id, BusinessState::Suspended, Some(reason), "suspend", origin).await
}

/// Makes a business a customer, whatever it was: suspended or on trial.
///
/// # Errors
///
/// [`OperatorError`].
pub async fn activate(
    platform: &Platform,
    id: BusinessId,
    reason: &Notes,
    origin: &Origin,
) -> Result<TenantRow, OperatorError> {
    set_state(platform, id, BusinessState::Active, Some(reason), "activate", origin).await
}

/// Lets a trial go on for so many days, counted from its end, or from now if that is over.
///
/// # Errors
///
/// [`OperatorError`].
pub async fn extend_trial(
    platform: &Platform,
    id: BusinessId,
    days: u32,
    origin: &Origin,
) -> Result<TenantRow, OperatorError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let before = business::by_id(&mut tx, id).await?.ok_or(OperatorError::NotFound)?;
    if before.state != BusinessState::Trial {
        return Err(OperatorError::NotOnTrial);
    }
    let from = before.trial_ends_at.unwrap_or(now).max(now);
    let end = from.plus(i64::from(days.min(MOST_DAYS)) * 86_400);
    db::execute!(&mut tx, "update businesses set trial_ends_at = $2, version = version + 1 where id = $1", id, end,)?;
    let change = Change {
        entity: "business",
        entity_id: id.get(),
        action: "extend_trial",
        old: Some(json!({ "trial_ends_at": before.trial_ends_at.map(|at| at.to_string()) })),
        new: Some(json!({ "trial_ends_at": end.to_string() })),
    };
    audit::record(&mut tx, Some(id), origin, &change, now).await?;
    let after = tenant(&mut tx, id).await?.ok_or(OperatorError::NotFound)?;
    tx.commit().await?;
    Ok(after)
}

/// An owner in whose name the operator acts now.
#[derive(Debug, Clone, Copy)]
pub struct Impersonation {
    /// The owner.
    pub user_id: UserId,
    /// The session, for an access token; it cannot be renewed.
    pub session: SessionId,
}

/// Begins a session in the name of a business's first owner; it is in the business's own log, with the reason.
///
/// # Errors
///
/// [`OperatorError`].
pub async fn impersonate(
    platform: &Platform,
    id: BusinessId,
    admin: UserId,
    reason: &Notes,
    origin: &Origin,
) -> Result<Impersonation, OperatorError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    business::by_id(&mut tx, id).await?.ok_or(OperatorError::NotFound)?;
    let owner = db::fetch_optional!(
        &mut tx,
        (UserId,),
        "select id from users where business_id = $1 and role = 'OWNER' and deactivated_at is null order by id limit 1",
        id,
    )?;
    let (user_id,) = owner.ok_or(OperatorError::NoOwner)?;
    let holder = Holder::User { id: user_id, business_id: Some(id) };
    let session = session::impersonate(&mut tx, holder, admin, now).await?;
    let origin = Origin { who: Who::User { id: user_id, impersonator: Some(admin) }, ..origin.clone() };
    let change = Change {
        entity: "user",
        entity_id: user_id.get(),
        action: "impersonate",
        old: None,
        new: Some(json!({ "reason": reason.as_str() })),
    };
    audit::record(&mut tx, Some(id), &origin, &change, now).await?;
    tx.commit().await?;
    tracing::warn!(
        business.id = %id, user.id = %user_id, admin.id = %admin, "the operator acts in the name of user {user_id}"
    );
    Ok(Impersonation { user_id, session })
}

async fn set_state(
    platform: &Platform,
    id: BusinessId,
    state: BusinessState,
    reason: Option<&Notes>,
    action: &str,
    origin: &Origin,
) -> Result<TenantRow, OperatorError> {
    let now = platform.clock.real_now();
    let reason = reason.map(Notes::as_str).unwrap_or_default();
    let mut tx = platform.db.begin().await?;
    let before = business::by_id(&mut tx, id).await?.ok_or(OperatorError::NotFound)?;
    let shown = if state == BusinessState::Suspended { Some(reason) } else { None };
    db::execute!(
        &mut tx,
        "update businesses set state = $2, suspended_reason = $3, version = version + 1 where id = $1",
        id,
        state.as_str(),
        shown,
    )?;
    let change = Change {
        entity: "business",
        entity_id: id.get(),
        action,
        old: Some(json!({ "state": before.state.as_str() })),
        new: Some(json!({ "state": state.as_str(), "reason": reason })),
    };
    audit::record(&mut tx, Some(id), origin, &change, now).await?;
    let after = tenant(&mut tx, id).await?.ok_or(OperatorError::NotFound)?;
    tx.commit().await?;
    tracing::info!(business.id = %id, state = state.as_str(), "business {id} is {state} now");
    Ok(after)
}

/// A pattern for `like … escape '!'` that finds the scrap anywhere.
fn pattern(scrap: &str) -> String {
    let scrap = scrap.trim().to_lowercase();
    let digits: String = scrap.chars().filter(char::is_ascii_digit).collect();
    // A number as people write it is looked for by its digits.
    let is_number = digits.len() >= 3 && scrap.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    let scrap = if is_number { digits } else { scrap };
    let mut pattern = String::with_capacity(scrap.len() + 2);
    pattern.push('%');
    for character in scrap.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    business: business::Row,
    created_at: Timestamp,
    suspended_reason: Option<String>,
    users: i64,
}

impl Row {
    fn read(self) -> Result<TenantRow, StoreError> {
        Ok(TenantRow {
            business: self.business.try_into()?,
            created_at: self.created_at,
            suspended_reason: self.suspended_reason,
            users: self.users,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_scrap_is_taken_as_it_stands() {
        assert_eq!(pattern(" Ару "), "%ару%");
        assert_eq!(pattern("100%_!"), "%100!%!_!!%");
        assert_eq!(pattern("+7 (701) 222"), "%7701222%");
    }
}
