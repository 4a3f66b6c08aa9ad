//! How every WhatsApp account of the platform is, for its operator: whose it is, what state it is in, since when, and
//! what shows it. No numbers and no texts.

use crate::resource::{Resource, routes};
use axum::extract::State;
use booking::account::Condition;
use booking::account::health::{self, Filter, Health, MOST_ROWS};
use booking::clock::Timestamp;
use booking::id::{AccountId, BusinessId};
use booking::platform::Platform;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::Admin;
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem};
use crate::input;

/// Rows on a page, unless the request says otherwise.
const PAGE: u32 = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(list_accounts))
}

/// Which accounts to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountsQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Accounts on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those in this state.
    #[param(
        pattern = "^(unpaired|waiting_for_scan|passkey_required|connecting|online|backoff|logged_out|banned|replaced|offline)$"
    )]
    state: Option<String>,
    /// `true` for those that are linked and not connected, `false` for the others.
    down: Option<bool>,
}

/// A page of WhatsApp accounts, by number.
#[derive(Serialize, ToSchema)]
pub struct AccountsOut {
    /// The accounts.
    accounts: Vec<AccountOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// How a WhatsApp account is. All times are in UTC.
#[derive(Serialize, ToSchema)]
pub struct AccountOut {
    /// The account; logs name it `account.id`.
    id: i64,
    /// Whose it is; absent for the operator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    business_id: Option<i64>,
    /// That business's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    business_name: Option<String>,
    /// Its name in addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// online, connecting, backoff, `waiting_for_scan`, `passkey_required`, unpaired, `logged_out`, banned, replaced;
    /// or offline, while no process is connected for it.
    #[schema(example = "online")]
    state: &'static str,
    /// Why it is so, for programs: the last error.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    /// Since when it is so.
    since: String,
    /// When that ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Whether a phone is linked.
    linked: bool,
    /// Whether some process holds its connection at present.
    held: bool,
    /// Since when a linked account is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    down_since: Option<String>,
    /// Whether that is so for more than two minutes: somebody has to see to it.
    alarm: bool,
    /// The last sign of life of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    /// When the server last took a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<String>,
    /// Messages whose time has come and that have not left.
    due_messages: i64,
    /// Messages of the last 24 hours that were given up.
    failed_messages: i64,
    /// Until when it writes to nobody who never wrote to it: WhatsApp refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_contacts_stopped_until: Option<String>,
}

/// Lists how every WhatsApp account is.
///
/// `down=true` gives those that need somebody: linked, and not connected. The list is in the order of their numbers.
#[utoipa::path(
    get, path = "/api/v1/admin/accounts", tag = "admin", params(AccountsQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = AccountsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_accounts(
    State(platform): State<Platform>,
    _admin: Admin,
    Query(query): Query<AccountsQuery>,
) -> Result<axum::Json<AccountsOut>, ApiError> {
    let filter = Filter {
        after: input::cursor(query.cursor.as_deref())?.map(AccountId::new),
        condition: query.state.as_deref().map(condition).transpose()?,
        is_down: query.down,
        limit: input::limit(query.limit, PAGE, MOST_ROWS)?,
    };
    let (now, real_now) = (platform.clock.now(), platform.clock.real_now());
    let accounts = health::list(&mut platform.db.read().await?, &filter, (now, real_now)).await?;
    let is_full = u32::try_from(accounts.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = accounts.last().filter(|_| is_full).map(|last| last.account.id.to_string());
    let accounts = accounts.into_iter().map(|health| AccountOut::new(health, now, real_now)).collect();
    Ok(axum::Json(AccountsOut { accounts, next_cursor }))
}

fn condition(text: &str) -> Result<Condition, ApiError> {
    let known = || Condition::all().map(Condition::as_str).collect::<Vec<_>>().join(", ");
    let invalid = || ApiError::field("state", "field-invalid", vec![("problem", known())]);
    Condition::from_text(text).ok_or_else(invalid)
}

impl AccountOut {
    fn new(health: Health, now: Timestamp, real_now: Timestamp) -> Self {
        let account = health.account;
        Self {
            id: account.id.get(),
            business_id: account.business_id.map(BusinessId::get),
            business_name: health.business_name,
            subdomain: health.subdomain,
            state: account.condition(real_now).as_str(),
            since: account.condition_since(real_now).to_string(),
            until: account.until.map(|at| at.to_string()),
            linked: account.is_linked(),
            held: account.is_held(real_now),
            down_since: account.down_since(real_now).map(|at| at.to_string()),
            alarm: account.is_alarming(real_now),
            seen_at: account.seen_at.map(|at| at.to_string()),
            acknowledged_at: health.last_ack.map(|at| at.to_string()),
            due_messages: health.due,
            failed_messages: health.failed,
            new_contacts_stopped_until: account.cold_until.filter(|until| *until > now).map(|at| at.to_string()),
            reason_code: account.detail,
        }
    }
}
