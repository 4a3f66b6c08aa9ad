//! The routes of the earlier WhatsApp service, with its request and answer bodies, on a listener of their own.
//!
//! They ask for no token, as they never did: the listener is on loopback unless the operator says otherwise. Messages
//! go through the outbox, so that they are sent by whichever process holds the account, and survive a crash.

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use booking::account::{self, Account};
use booking::business::{self, Business};
use booking::direct::{self, DirectError, MessageText, TextError};
use booking::id::MessageId;
use booking::outbox::{self, MessageState};
use booking::phone::Phone;
use booking::platform::Platform;
use booking::store::StoreError;
use scheduler::desk::{Code, Desk, DeskError, Why};
use scheduler::telemetry::chain;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::extract::BODY_MAX;

/// How long an answer waits for the message to be taken by the server; later it tells that the message is queued.
const WAIT_FOR_SENT: Duration = Duration::from_secs(10);
/// How often the state of a message is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The most recipients of one bulk message.
const RECIPIENTS_MAX: usize = 1000;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct CompatState {
    /// The domain.
    pub platform: Platform,
    /// Where accounts are asked about, whichever process holds them.
    pub desk: Desk,
}

/// Builds the router of the compatible listener.
pub fn router(state: CompatState) -> Router {
    Router::new()
        .route("/health", get(show_health))
        .route("/qr", get(show_qr))
        .route("/send-message", post(send_message))
        .route("/send-bulk", post(send_bulk))
        .route("/check-number", post(check_number))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "Not found", None) })
        .method_not_allowed_fallback(|| async { refusal(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", None) })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(state)
}

#[derive(Deserialize)]
struct MessageIn {
    phone: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct BulkIn {
    phones: Option<Vec<String>>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct NumberIn {
    phone: Option<String>,
}

/// A refused call: a status and `{"error": …}`.
#[derive(Debug)]
struct CompatError {
    status: StatusCode,
    body: Value,
}

type Answer = Result<Json<Value>, CompatError>;

async fn show_health(State(state): State<CompatState>) -> Answer {
    let account = state.account().await?;
    let now = state.platform.clock.real_now();
    let is_ready = account.is_online(now);
    Ok(Json(json!({
        "status": if is_ready { "healthy" } else { "initializing" },
        "service": "whatsapp-service",
        "ready": is_ready,
        "hasQR": !is_ready && state.desk.qr(account.id).await?.is_some(),
        "state": if account.is_held(now) { account.state.as_str() } else { "offline" },
    })))
}

async fn show_qr(State(state): State<CompatState>) -> Answer {
    let account = state.account().await?;
    let answer = if account.is_online(state.platform.clock.real_now()) {
        json!({ "authenticated": true, "message": "WhatsApp is already authenticated" })
    } else if let Some(qr) = state.look_for_phone(&account).await? {
        json!({
            "authenticated": false,
            "qr": qr.text,
            "valid_until": qr.valid_until.to_string(),
            "message": "Scan this QR code with WhatsApp",
        })
    } else {
        json!({ "authenticated": false, "message": "QR code not ready yet, please wait..." })
    };
    Ok(Json(answer))
}

async fn send_message(
    State(state): State<CompatState>,
    body: Result<Json<MessageIn>, JsonRejection>,
) -> Result<Response, CompatError> {
    let Json(form) = body?;
    let (Some(given), Some(text)) = (filled(form.phone), filled(form.message)) else {
        return Err(bad("Phone and message are required"));
    };
    let text = checked_text(&text)?;
    let phone = parse(&given)?;
    let account = state.ready().await?;
    let business = state.business(&account).await?;
    let mut sent = Outcome::planned(state.queue(&business, &phone, &text).await?);
    state.platform.outbox.ring();
    state.settle(&account, [&mut sent]).await?;
    let id = sent.id.get();
    let answer = match sent.state {
        MessageState::Failed | MessageState::Expired | MessageState::Cancelled => {
            let reason = sent.reason.unwrap_or_default();
            let (status, error) = match reason.as_str() {
                "not-on-whatsapp" => (StatusCode::BAD_REQUEST, "Number not registered on WhatsApp"),
                _ => (StatusCode::BAD_GATEWAY, "Failed to send message"),
            };
            let body = json!({ "error": error, "phone": given, "details": reason, "message_id": id });
            (status, Json(body)).into_response()
        }
        MessageState::Planned => {
            let body = json!({
                "success": true, "message": "Message queued", "phone": given, "message_id": id, "status": "queued",
            });
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        MessageState::Sent | MessageState::Delivered | MessageState::Read => Json(json!({
            "success": true,
            "message": "Message sent successfully",
            "phone": given,
            "message_id": id,
            "status": sent.state.as_str(),
        }))
        .into_response(),
    };
    Ok(answer)
}

async fn send_bulk(State(state): State<CompatState>, body: Result<Json<BulkIn>, JsonRejection>) -> Answer {
    let Json(form) = body?;
    let phones = form.phones.filter(|phones| !phones.is_empty()).ok_or_else(|| bad("Phones array is required"))?;
    if phones.len() > RECIPIENTS_MAX {
        return Err(bad("At most 1000 phones at once"));
    }
    let text = checked_text(&filled(form.message).ok_or_else(|| bad("Message is required"))?)?;
    let account = state.ready().await?;
    let business = state.business(&account).await?;
    let mut recipients = Vec::with_capacity(phones.len());
    for given in phones {
        let outcome = match given.parse::<Phone>() {
            Ok(phone) => match direct::relay(&state.platform, &business, &phone, &text).await {
                Ok(id) => Ok(Outcome::planned(id)),
                Err(DirectError::OptedOut) => Err(DirectError::OptedOut.to_string()),
                Err(error) => return Err(error.into()),
            },
            Err(error) => Err(error.to_string()),
        };
        recipients.push((given, outcome));
    }
    state.platform.outbox.ring();
    state.settle(&account, recipients.iter_mut().filter_map(|(_, outcome)| outcome.as_mut().ok())).await?;
    let results: Vec<Value> = recipients.iter().map(|(given, outcome)| bulk_result(given, outcome)).collect();
    let count = |status: &str| results.iter().filter(|result| result["status"] == status).count();
    let (sent, queued) = (count("sent"), count("queued"));
    Ok(Json(json!({
        "success": true,
        "results": results,
        "total": results.len(),
        "sent": sent,
        "queued": queued,
        "failed": results.len().saturating_sub(sent + queued),
    })))
}

fn bulk_result(given: &str, outcome: &Result<Outcome, String>) -> Value {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return json!({ "phone": given, "status": "error", "error": error }),
    };
    let reason = outcome.reason.as_deref().unwrap_or_default();
    match outcome.state {
        MessageState::Sent | MessageState::Delivered | MessageState::Read => {
            json!({ "phone": given, "status": "sent", "message_id": outcome.id.get() })
        }
        MessageState::Planned => json!({ "phone": given, "status": "queued", "message_id": outcome.id.get() }),
        MessageState::Failed if reason == "not-on-whatsapp" => json!({ "phone": given, "status": "not_registered" }),
        MessageState::Failed | MessageState::Expired | MessageState::Cancelled => {
            json!({ "phone": given, "status": "error", "error": reason, "message_id": outcome.id.get() })
        }
    }
}

async fn check_number(State(state): State<CompatState>, body: Result<Json<NumberIn>, JsonRejection>) -> Answer {
    let Json(form) = body?;
    let given = filled(form.phone).ok_or_else(|| bad("Phone is required"))?;
    let phone = parse(&given)?;
    let account = state.ready().await?;
    let checked = state.desk.check(account.id, vec![phone.expose().to_owned()]).await?;
    let registered = checked.first().copied().flatten();
    Ok(Json(json!({ "phone": given, "registered": registered })))
}

/// What became of a message.
struct Outcome {
    id: MessageId,
    state: MessageState,
    reason: Option<String>,
}

impl Outcome {
    fn planned(id: MessageId) -> Self {
        Self { id, state: MessageState::Planned, reason: None }
    }
}

impl CompatState {
    /// The account that these routes act on: the first there is.
    async fn account(&self) -> Result<Account, CompatError> {
        let mut connection = self.platform.db.read().await.map_err(StoreError::from)?;
        let first = account::all(&mut connection, None, 1).await?.pop();
        first.ok_or_else(|| refusal(StatusCode::SERVICE_UNAVAILABLE, "No WhatsApp account", None))
    }

    /// The account, if it is online.
    async fn ready(&self) -> Result<Account, CompatError> {
        let account = self.account().await?;
        if account.is_online(self.platform.clock.real_now()) {
            return Ok(account);
        }
        let hint = Some("Please authenticate WhatsApp first");
        Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "WhatsApp service not ready", hint))
    }

    /// The QR code to scan; asking for it keeps an account without a device looking for a phone.
    async fn look_for_phone(&self, account: &Account) -> Result<Option<Code>, CompatError> {
        if account.is_linked() {
            return Ok(None);
        }
        self.desk.look_for_phone(account.id).await?;
        Ok(self.desk.qr(account.id).await?)
    }

    /// Plans a message for now.
    async fn queue(&self, business: &Business, phone: &Phone, text: &MessageText) -> Result<MessageId, CompatError> {
        Ok(direct::relay(&self.platform, business, phone, text).await?)
    }

    /// The business that an account is of.
    async fn business(&self, account: &Account) -> Result<Business, CompatError> {
        let business_id = account.business_id.ok_or_else(no_business)?;
        let mut connection = self.platform.db.read().await.map_err(StoreError::from)?;
        business::by_id(&mut connection, business_id).await?.ok_or_else(no_business)
    }

    /// Waits until all messages are sent or given up, or for too long.
    async fn settle<'a>(
        &self,
        account: &Account,
        outcomes: impl IntoIterator<Item = &'a mut Outcome>,
    ) -> Result<(), CompatError> {
        let business_id = account.business_id.ok_or_else(no_business)?;
        let deadline = Instant::now() + WAIT_FOR_SENT;
        let mut waiting: Vec<_> = outcomes.into_iter().collect();
        while !waiting.is_empty() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
            let mut connection = self.platform.db.read().await.map_err(StoreError::from)?;
            for outcome in &mut waiting {
                if let Some(status) = outbox::find(&mut connection, business_id, outcome.id).await? {
                    (outcome.state, outcome.reason) = (status.state, status.error);
                }
            }
            waiting.retain(|outcome| outcome.state == MessageState::Planned);
        }
        Ok(())
    }
}

fn no_business() -> CompatError {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "The account has no business", None)
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn checked_text(text: &str) -> Result<MessageText, CompatError> {
    text.parse().map_err(|error| match error {
        TextError::TooLong => bad("Message is longer than 4096 characters"),
        TextError::Empty => bad("Message is required"),
        TextError::Invisible | _ => bad("Message has characters that cannot be seen"),
    })
}

fn parse(given: &str) -> Result<Phone, CompatError> {
    given.parse::<Phone>().map_err(|error| {
        let body = json!({ "error": "Phone is not valid", "details": error.to_string(), "phone": given });
        CompatError { status: StatusCode::BAD_REQUEST, body }
    })
}

fn bad(error: &str) -> CompatError {
    refusal(StatusCode::BAD_REQUEST, error, None)
}

fn refusal(status: StatusCode, error: &str, message: Option<&str>) -> CompatError {
    let body = match message {
        Some(message) => json!({ "error": error, "message": message }),
        None => json!({ "error": error }),
    };
    CompatError { status, body }
}

impl IntoResponse for CompatError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<JsonRejection> for CompatError {
    fn from(rejection: JsonRejection) -> Self {
        refusal(rejection.status(), "The body is not the expected JSON", Some(&rejection.body_text()))
    }
}

impl From<DirectError> for CompatError {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::Store(error) => error.into(),
            DirectError::OptedOut => refusal(StatusCode::CONFLICT, "The recipient wants no messages", None),
            error @ (DirectError::NoAccount | _) => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "WhatsApp service not ready", Some(&error.to_string()))
            }
        }
    }
}

impl From<DeskError> for CompatError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Store(error) => error.into(),
            DeskError::NobodyAnswers | DeskError::Refused(Why::NotConnected) => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "WhatsApp service not ready", Some(&error.to_string()))
            }
            error @ (DeskError::Refused(_) | DeskError::Sealed(_) | DeskError::Malformed(_) | _) => {
                tracing::warn!("the account's holder did not do it: {}", chain(&error));
                refusal(StatusCode::BAD_GATEWAY, "WhatsApp did not answer", Some(&error.to_string()))
            }
        }
    }
}

impl From<StoreError> for CompatError {
    fn from(error: StoreError) -> Self {
        tracing::error!("the database failed: {}", chain(&error));
        refusal(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable", None)
    }
}
