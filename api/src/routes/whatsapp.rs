//! The WhatsApp account of one's own business: how it is, linking and unlinking it, asking about numbers.

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::StatusCode;
use booking::account::{self, Account, Status, status};
use booking::business::Business;
use booking::call_list::{Unreached, call_list};
use booking::clock::Timestamp;
use booking::direct;
use booking::inbound;
use booking::phone::Phone;
use booking::platform::Platform;
use booking::zone::Zone;
use scheduler::desk::Desk;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::{Manager, MessagesRead, MessagesWrite, Tenant};
use crate::errors;
use crate::http::context::RequestContext;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::http::slot::wall_text;
use crate::http::texts::Texts;
use crate::routes::messages::AcceptedOut;
use crate::state::AppState;

/// The most numbers of one question.
const NUMBERS_MAX: usize = 50;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(show_whatsapp))
        .routes(routes!(request_pairing_code))
        .routes(routes!(logout_whatsapp))
        .routes(routes!(reconnect_whatsapp))
        .routes(routes!(test_whatsapp))
        .routes(routes!(check_numbers))
        .routes(routes!(list_calls))
}

/// How an account is, with what shows it.
#[derive(Serialize, ToSchema)]
pub struct WhatsAppOut {
    /// online, connecting, backoff, `waiting_for_scan`, `passkey_required`, unpaired, `logged_out`, banned, replaced;
    /// or offline, while no process is connected for it.
    #[schema(example = "online")]
    state: &'static str,
    /// The same, for people.
    reason: String,
    /// Why it is so, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    /// Since when.
    since: String,
    /// When that ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Whether a phone is linked.
    linked: bool,
    /// The linked number, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// The last sign of life of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    /// When the server last took a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<String>,
    /// Since when a linked account is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    down_since: Option<String>,
    /// Whether that is so for more than two minutes: somebody has to see to it.
    alarm: bool,
    /// What waits to be sent.
    queue: QueueOut,
    /// The day's budget for people who never wrote to this account.
    new_contacts: NewContactsOut,
    /// Messages of clients that are left to a person, and that nobody has seen.
    unread: i64,
    /// The IANA zone of the times.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
}

/// What waits to be sent.
#[derive(Serialize, ToSchema)]
pub struct QueueOut {
    /// Messages whose time has come.
    due: i64,
    /// Messages that are put off, each with its reason.
    waiting: i64,
    /// Messages whose time is to come.
    planned: i64,
    /// Messages of the last 24 hours that were given up.
    failed: i64,
}

/// The day's budget for people who never wrote to an account.
#[derive(Serialize, ToSchema)]
pub struct NewContactsOut {
    /// How many it may write to for the first time, per day.
    per_day: u32,
    /// How many it wrote to today.
    used: u32,
    /// Until when it writes to none: WhatsApp refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_until: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
}

impl WhatsAppOut {
    /// Writes a status with the times of `zone`; `number` is the account's as its reader may see it.
    pub(super) fn new(
        status: Status,
        number: Option<String>,
        unread: i64,
        zone: &Zone,
        (texts, context): (&Texts, &RequestContext),
    ) -> Self {
        let time = |at: Timestamp| zone.rfc_3339(at);
        let state = status.condition.as_str();
        Self {
            state,
            reason: texts.account(context.language, state),
            reason_code: status.account.detail,
            since: time(status.since),
            until: status.account.until.map(time),
            linked: status.account.jid.is_some(),
            number,
            seen_at: status.account.seen_at.map(time),
            acknowledged_at: status.last_ack.map(time),
            down_since: status.down_since.map(time),
            alarm: status.is_alarming,
            queue: QueueOut {
                due: status.queue.due,
                waiting: status.queue.waiting,
                planned: status.queue.planned,
                failed: status.queue.failed,
            },
            new_contacts: NewContactsOut {
                per_day: status.cold.per_day,
                used: status.cold.used,
                stopped_until: status.cold.stopped_until.map(time),
                reason: status.cold.reason.as_deref().map(|code| texts.message_error(context.language, code)),
                reason_code: status.cold.reason,
            },
            unread,
            time_zone: zone.name().to_owned(),
        }
    }
}

/// Shows how the business's WhatsApp account is.
///
/// Its state with what shows it, its queue, and its budget.
#[utoipa::path(
    get, path = "/api/v1/whatsapp", tag = "whatsapp", security(("bearer" = [])),
    responses(
        (status = 200, body = WhatsAppOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_whatsapp(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesRead>,
) -> Result<axum::Json<WhatsAppOut>, ApiError> {
    let business = &manager.business;
    let mut connection = state.platform.db.read().await?;
    let account = account_of(&mut connection, business).await?;
    let number = account.phone.as_ref().map(|phone| manager.access.phone(phone));
    let status = status(&mut connection, &state.platform, account, Some(business)).await?;
    let unread = inbound::unread(&mut connection, business.id).await?;
    Ok(axum::Json(WhatsAppOut::new(status, number, unread, &business.zone, (&state.texts, &context))))
}

/// The account of a business.
pub(super) async fn account_of(connection: &mut db::Connection, business: &Business) -> Result<Account, ApiError> {
    let account = account::of_business(connection, business.id).await?;
    account.ok_or(ApiError::new(ProblemKind::WhatsAppNotReady))
}

/// Whose phone is to be linked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingCodeIn {
    /// The number of the phone, in any form.
    #[schema(example = "+7 777 123 45 67")]
    phone: String,
}

/// A code to be typed into the phone.
#[derive(Serialize, ToSchema)]
pub struct PairingCodeOut {
    /// Eight characters with a dash in the middle, for "Link with phone number instead" in WhatsApp.
    #[schema(example = "ABCD-EFGH")]
    code: String,
    /// When it stops working.
    valid_until: String,
}

/// Asks for a code that links a phone without a camera: for people who read this on that phone.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/pairing-code", tag = "whatsapp", security(("bearer" = [])),
    request_body = PairingCodeIn,
    responses(
        (status = 200, body = PairingCodeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_pairing_code(
    State(state): State<AppState>,
    manager: Manager,
    Json(form): Json<PairingCodeIn>,
) -> Result<axum::Json<PairingCodeOut>, ApiError> {
    let account = account_of(&mut state.platform.db.read().await?, &manager.business).await?;
    pairing_code(&state.desk, &account, &form).await
}

pub(super) async fn pairing_code(
    desk: &Desk,
    account: &Account,
    form: &PairingCodeIn,
) -> Result<axum::Json<PairingCodeOut>, ApiError> {
    let phone: Phone = form.phone.parse().map_err(|error| errors::phone("phone", error))?;
    if account.is_linked() {
        return Err(ApiError::new(ProblemKind::WhatsAppLinked));
    }
    let code = desk.pairing_code(account.id, phone.expose()).await?;
    Ok(axum::Json(PairingCodeOut { code: code.text, valid_until: code.valid_until.to_string() }))
}

/// Unlinks the account: its device is removed on the phone and here.
///
/// Messages that are planned stay planned.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/logout", tag = "whatsapp", security(("bearer" = [])),
    responses(
        (status = 204, description = "It is unlinked"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn logout_whatsapp(State(state): State<AppState>, manager: Manager) -> Result<StatusCode, ApiError> {
    let account = account_of(&mut state.platform.db.read().await?, &manager.business).await?;
    state.desk.logout(account.id).await?;
    account::record(&state.platform, &account, manager.origin(), "logout").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets an account connect again that was given up.
///
/// It was given up because another program took it over, or WhatsApp refused it.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/reconnect", tag = "whatsapp", security(("bearer" = [])),
    responses(
        (status = 204, description = "It connects, or looks for a phone if it has none"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn reconnect_whatsapp(State(state): State<AppState>, manager: Manager) -> Result<StatusCode, ApiError> {
    let account = account_of(&mut state.platform.db.read().await?, &manager.business).await?;
    reconnect(&state, &account).await?;
    account::record(&state.platform, &account, manager.origin(), "reconnect").await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn reconnect(state: &AppState, account: &Account) -> Result<(), ApiError> {
    account::reconnect(&state.platform.db, account.id, state.platform.clock.real_now()).await?;
    Ok(state.desk.look_for_phone(account.id).await?)
}

/// Sends a test message to the account's own number.
///
/// Its state is under `messages/{message_id}`.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/test", tag = "whatsapp", security(("bearer" = [])),
    responses(
        (status = 202, body = AcceptedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn test_whatsapp(
    State(platform): State<Platform>,
    context: RequestContext,
    manager: Manager,
) -> Result<(StatusCode, axum::Json<AcceptedOut>), ApiError> {
    let id = direct::test(&platform, &manager.business, context.language).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(AcceptedOut::new(id))))
}

/// Which numbers to ask about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumbersIn {
    /// 1 to 50 numbers in any form.
    #[schema(min_items = 1, max_items = 50)]
    phones: Vec<String>,
}

/// Which numbers are on WhatsApp.
#[derive(Serialize, ToSchema)]
pub struct NumbersOut {
    /// In the order of the question.
    numbers: Vec<NumberOut>,
}

/// Whether a number is on WhatsApp.
#[derive(Serialize, ToSchema)]
pub struct NumberOut {
    /// The number as it was given.
    given: String,
    /// The number in E.164 form; absent if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// Whether it is on WhatsApp; absent if it is no number, or WhatsApp does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
}

/// Asks which numbers are on WhatsApp.
///
/// Ask rarely: WhatsApp punishes accounts that ask much.
#[utoipa::path(
    post, path = "/api/v1/whatsapp/check", tag = "whatsapp", security(("bearer" = [])), request_body = NumbersIn,
    responses(
        (status = 200, body = NumbersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn check_numbers(
    State(state): State<AppState>,
    manager: Manager<MessagesWrite>,
    Json(form): Json<NumbersIn>,
) -> Result<axum::Json<NumbersOut>, ApiError> {
    if form.phones.is_empty() || form.phones.len() > NUMBERS_MAX {
        return Err(ApiError::field("phones", "recipients-too-many", vec![("max", NUMBERS_MAX.to_string())]));
    }
    let may_share = state.platform.policy.platform_account;
    let mut connection = state.platform.db.read().await?;
    let account = account::sender_of(&mut connection, manager.business.id, may_share).await?;
    drop(connection);
    let account = account.filter(|account| account.is_online(state.platform.clock.real_now()));
    let account = account.ok_or(ApiError::new(ProblemKind::WhatsAppNotReady))?;
    let phones: Vec<Option<Phone>> = form.phones.iter().map(|given| given.parse().ok()).collect();
    let asked: Vec<String> = phones.iter().flatten().map(|phone| phone.expose().to_owned()).collect();
    let mut answers =
        if asked.is_empty() { Vec::new() } else { state.desk.check(account.id, asked).await? }.into_iter();
    let numbers = form.phones.into_iter().zip(phones).map(|(given, phone)| NumberOut {
        exists: phone.as_ref().and_then(|_| answers.next().flatten()),
        phone: phone.map(|phone| manager.access.phone(&phone)),
        given: manager.access.text(&given),
    });
    Ok(axum::Json(NumbersOut { numbers: numbers.collect() }))
}

/// Whom to call.
#[derive(Serialize, ToSchema)]
pub struct CallListOut {
    /// In the order of their visits.
    calls: Vec<CallOut>,
    /// The IANA zone of the salon's wall clock.
    #[schema(example = "Asia/Almaty")]
    time_zone: String,
}

/// A visit whose client was not reached.
#[derive(Serialize, ToSchema)]
pub struct CallOut {
    /// The visit.
    booking_id: i64,
    /// Whom it is for, if somebody wrote it down.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    /// Their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_phone: Option<String>,
    /// The start on the salon's wall clock.
    #[schema(example = "2024-01-15T14:00:00")]
    booking_date: String,
    /// The start as an instant.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    starts_at: String,
    /// Why they were not reached, for programs.
    #[schema(example = "not-on-whatsapp")]
    reason_code: String,
    /// Why they were not reached, for people.
    reason: String,
}

/// Lists whom to call.
///
/// The visits of the next 24 hours whose last message to the client did not arrive, unless the client said that they
/// come.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/call-list", tag = "whatsapp", security(("bearer" = [])),
    responses(
        (status = 200, body = CallListOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_calls(
    State(state): State<AppState>,
    context: RequestContext,
    manager: Manager<MessagesRead>,
) -> Result<axum::Json<CallListOut>, ApiError> {
    let mut connection = state.platform.db.read().await?;
    let unreached = call_list(&mut connection, manager.business.id, state.platform.clock.now()).await?;
    let calls = unreached.into_iter().map(|visit| CallOut::new(visit, &manager, &state.texts, &context));
    Ok(axum::Json(CallListOut { calls: calls.collect(), time_zone: manager.business.zone.name().to_owned() }))
}

impl CallOut {
    fn new<S>(visit: Unreached, tenant: &Tenant<S>, texts: &Texts, context: &RequestContext) -> Self {
        Self {
            booking_id: visit.booking_id.get(),
            client_name: visit.client_name.as_deref().map(|name| tenant.access.text(name)),
            client_phone: visit.phone.as_ref().map(|phone| tenant.access.phone(phone)),
            booking_date: wall_text(visit.wall_start),
            starts_at: tenant.business.zone.rfc_3339(visit.starts_at),
            reason: texts.message_error(context.language, &visit.reason),
            reason_code: visit.reason,
        }
    }
}
