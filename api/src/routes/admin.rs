//! The platform's operator: tenants. Nothing here shows clients, visits or messages.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use booking::business::BusinessState;
use booking::id::BusinessId;
use booking::name::Notes;
use booking::platform::Platform;
use booking::tenants::{self, Filter, MOST_DAYS, MOST_ROWS, TenantRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authority::Admin;
use crate::errors;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::token::{AccessTokens, Bearer};
use crate::input;

/// Rows on a page, unless the request says otherwise.
const PAGE: u32 = 50;
/// Life of the token with which the operator acts in an owner's name, in seconds.
const IMPERSONATION_SECONDS: i64 = 15 * 60;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_tenants))
        .routes(routes!(show_tenant))
        .routes(routes!(suspend_tenant))
        .routes(routes!(activate_tenant))
        .routes(routes!(extend_trial))
        .routes(routes!(impersonate_owner))
}

/// Which tenants to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TenantsQuery {
    /// Where the page begins: `next_cursor` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Tenants on the page, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// A scrap of the name, the subdomain or the number.
    #[param(example = "demo", max_length = 100)]
    q: Option<String>,
    /// Only those in this state: trial, active or suspended.
    #[param(pattern = "^(trial|active|suspended)$")]
    state: Option<String>,
}

/// A page of tenants, the newest first.
#[derive(Serialize, ToSchema)]
pub struct TenantsOut {
    /// The tenants.
    businesses: Vec<TenantOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
pub struct TenantOut {
    /// The business.
    id: i64,
    /// Its name.
    name: String,
    /// Its name in addresses.
    #[schema(example = "demo")]
    subdomain: String,
    /// Its number for people, in E.164 form.
    #[schema(example = "+77010000001")]
    phone: String,
    /// The IANA zone of its wall clock.
    time_zone: String,
    /// trial, active or suspended.
    #[schema(example = "trial")]
    state: &'static str,
    /// Whether it takes bookings: not suspended, and no trial that is over.
    is_open: bool,
    /// When its trial ends or ended, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_ends_at: Option<String>,
    /// Why it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_reason: Option<String>,
    /// How many log in to it.
    users: i64,
    /// When it registered, in UTC.
    created_at: String,
}

/// Why the operator does something; the tenant sees it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonIn {
    /// In words.
    #[schema(example = "Оплата не поступила", min_length = 1, max_length = 1000)]
    reason: String,
}

/// By how much a trial is extended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialIn {
    /// Days, 1 to 3650, from the trial's end, or from now if it is over.
    #[schema(example = 14, minimum = 1, maximum = 3650)]
    days: u32,
}

/// A token with which the operator acts in an owner's name.
#[derive(Serialize, ToSchema)]
pub struct ImpersonationOut {
    /// For the header `Authorization: Bearer …`. It cannot be renewed.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Life of the token in seconds.
    #[schema(example = 900)]
    expires_in: i64,
    /// The owner.
    user_id: i64,
}

/// Lists and searches the tenants.
#[utoipa::path(
    get, path = "/api/v1/admin/businesses", tag = "admin", params(TenantsQuery), security(("bearer" = [])),
    responses(
        (status = 200, body = TenantsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_tenants(
    State(platform): State<Platform>,
    _admin: Admin,
    Query(query): Query<TenantsQuery>,
) -> Result<axum::Json<TenantsOut>, ApiError> {
    let state = query.state.as_deref().map(|text| {
        let invalid =
            || ApiError::field("state", "field-invalid", vec![("problem", "trial, active, suspended".into())]);
        BusinessState::from_text(text).ok_or_else(invalid)
    });
    let filter = Filter {
        before: input::cursor(query.cursor.as_deref())?.map(BusinessId::new),
        search: query.q.as_deref(),
        state: state.transpose()?,
        limit: input::limit(query.limit, PAGE, MOST_ROWS)?,
    };
    let rows = tenants::tenants(&mut platform.db.read().await?, &filter).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= filter.limit);
    let next_cursor = rows.last().filter(|_| is_full).map(|last| last.business.id.to_string());
    let businesses = rows.iter().map(|row| TenantOut::new(row, &platform)).collect();
    Ok(axum::Json(TenantsOut { businesses, next_cursor }))
}

/// Shows a tenant.
#[utoipa::path(
    get, path = "/api/v1/admin/businesses/{business_id}", tag = "admin", security(("bearer" = [])),
    params(("business_id" = i64, Path, description = "The business")),
    responses(
        (status = 200, body = TenantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_tenant(
    State(platform): State<Platform>,
    _admin: Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<TenantOut>, ApiError> {
    let row = tenants::tenant(&mut platform.db.read().await?, business(&id)?).await?;
    let row = row.ok_or(ApiError::new(ProblemKind::TenantNotFound))?;
    Ok(axum::Json(TenantOut::new(&row, &platform)))
}

/// Suspends a tenant: it takes no bookings and its staff is shut out, from the next request on.
#[utoipa::path(
    post, path = "/api/v1/admin/businesses/{business_id}/suspend", tag = "admin", request_body = ReasonIn,
    security(("bearer" = [])), params(("business_id" = i64, Path, description = "The business")),
    responses(
        (status = 200, body = TenantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn suspend_tenant(
    State(platform): State<Platform>,
    admin: Admin,
    Path(id): Path<String>,
    Json(form): Json<ReasonIn>,
) -> Result<axum::Json<TenantOut>, ApiError> {
    let row = tenants::suspend(&platform, business(&id)?, &reason(&form)?, &admin.origin).await?;
    Ok(axum::Json(TenantOut::new(&row, &platform)))
}

/// Makes a tenant a customer, whether it was suspended or on a trial.
#[utoipa::path(
    post, path = "/api/v1/admin/businesses/{business_id}/activate", tag = "admin", request_body = ReasonIn,
    security(("bearer" = [])), params(("business_id" = i64, Path, description = "The business")),
    responses(
        (status = 200, body = TenantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn activate_tenant(
    State(platform): State<Platform>,
    admin: Admin,
    Path(id): Path<String>,
    Json(form): Json<ReasonIn>,
) -> Result<axum::Json<TenantOut>, ApiError> {
    let row = tenants::activate(&platform, business(&id)?, &reason(&form)?, &admin.origin).await?;
    Ok(axum::Json(TenantOut::new(&row, &platform)))
}

/// Lets a tenant's trial go on.
#[utoipa::path(
    post, path = "/api/v1/admin/businesses/{business_id}/trial", tag = "admin", request_body = TrialIn,
    security(("bearer" = [])), params(("business_id" = i64, Path, description = "The business")),
    responses(
        (status = 200, body = TenantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn extend_trial(
    State(platform): State<Platform>,
    admin: Admin,
    Path(id): Path<String>,
    Json(form): Json<TrialIn>,
) -> Result<axum::Json<TenantOut>, ApiError> {
    if !(1..=MOST_DAYS).contains(&form.days) {
        return Err(ApiError::field("days", "limit-invalid", vec![("max", MOST_DAYS.to_string())]));
    }
    let row = tenants::extend_trial(&platform, business(&id)?, form.days, &admin.origin).await?;
    Ok(axum::Json(TenantOut::new(&row, &platform)))
}

/// Gives a token to act in the name of a tenant's owner for 15 minutes.
///
/// The owner sees it in the audit log, with the reason and every change made.
#[utoipa::path(
    post, path = "/api/v1/admin/businesses/{business_id}/impersonate", tag = "admin", request_body = ReasonIn,
    security(("bearer" = [])), params(("business_id" = i64, Path, description = "The business")),
    responses(
        (status = 201, body = ImpersonationOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn impersonate_owner(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    admin: Admin,
    Path(id): Path<String>,
    Json(form): Json<ReasonIn>,
) -> Result<(StatusCode, axum::Json<ImpersonationOut>), ApiError> {
    let id = business(&id)?;
    let begun = tenants::impersonate(&platform, id, admin.user, &reason(&form)?, &admin.origin).await?;
    let bearer = Bearer::User { user: begun.user_id, business: Some(id), session: begun.session };
    let token = tokens.issue_for(&bearer, IMPERSONATION_SECONDS, platform.clock.real_now().seconds());
    let out = ImpersonationOut {
        access_token: token.map_err(|error| ApiError::caused(ProblemKind::Internal, &error))?,
        token_type: "bearer",
        expires_in: IMPERSONATION_SECONDS,
        user_id: begun.user_id.get(),
    };
    Ok((StatusCode::CREATED, axum::Json(out)))
}

fn business(id: &str) -> Result<BusinessId, ApiError> {
    input::id(id, ProblemKind::TenantNotFound).map(BusinessId::new)
}

fn reason(form: &ReasonIn) -> Result<Notes, ApiError> {
    let reason: Notes = form.reason.parse().map_err(|error| errors::name("reason", error))?;
    let empty = || ApiError::field("reason", "field-empty", Vec::new());
    Some(reason).filter(|reason| !reason.as_str().is_empty()).ok_or_else(empty)
}

impl TenantOut {
    fn new(row: &TenantRow, platform: &Platform) -> Self {
        let business = &row.business;
        Self {
            id: business.id.get(),
            name: business.name.as_str().to_owned(),
            subdomain: business.subdomain.to_string(),
            phone: format!("+{}", business.phone.expose()),
            time_zone: business.zone.name().to_owned(),
            state: business.state.as_str(),
            is_open: business.is_open(platform.clock.real_now()),
            trial_ends_at: business.trial_ends_at.map(|at| at.to_string()),
            suspended_reason: row.suspended_reason.clone(),
            users: row.users,
            created_at: row.created_at.to_string(),
        }
    }
}
