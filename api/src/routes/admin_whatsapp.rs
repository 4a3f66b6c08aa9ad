//! The operator's own WhatsApp account, which writes for businesses that have linked none (`PLATFORM_ACCOUNT=on`).

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use booking::account::{self, Account, status};
use booking::business::DEFAULT_ZONE;
use booking::platform::Platform;
use booking::zone::Zone;

use super::whatsapp::{PairingCodeIn, PairingCodeOut, WhatsAppOut, pairing_code, reconnect};
use super::whatsapp_qr::{QrEventOut, QrOut, QrQuery, accepted, answer};
use crate::authority::Admin;
use crate::http::context::RequestContext;
use crate::http::extract::{Json, Query};
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::state::AppState;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(show_platform_whatsapp))
        .routes(routes!(show_platform_qr))
        .routes(routes!(request_platform_pairing_code))
        .routes(routes!(logout_platform_whatsapp))
        .routes(routes!(reconnect_platform_whatsapp))
}

/// The operator's account; made when it is first asked for.
async fn find(platform: &Platform) -> Result<Account, ApiError> {
    if let Some(account) = account::of_platform(&mut platform.db.read().await?).await? {
        return Ok(account);
    }
    let mut tx = platform.db.begin().await?;
    account::ensure_platform(&mut tx, platform.clock.real_now()).await?;
    let made = account::of_platform(&mut tx).await?;
    tx.commit().await?;
    made.ok_or(ApiError::new(ProblemKind::Internal))
}

/// Shows how the operator's WhatsApp account is.
#[utoipa::path(
    get, path = "/api/v1/admin/whatsapp", tag = "admin", security(("bearer" = [])),
    responses(
        (status = 200, body = WhatsAppOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_platform_whatsapp(
    State(state): State<AppState>,
    context: RequestContext,
    _admin: Admin,
) -> Result<axum::Json<WhatsAppOut>, ApiError> {
    let account = find(&state.platform).await?;
    let number = account.phone.as_ref().map(|phone| format!("+{}", phone.expose()));
    let status = status(&mut state.platform.db.read().await?, &state.platform, account, None).await?;
    let zone: Zone = DEFAULT_ZONE.parse().map_err(|_| ApiError::new(ProblemKind::Internal))?;
    Ok(axum::Json(WhatsAppOut::new(status, number, 0, &zone, (&state.texts, &context))))
}

/// Shows the QR code that links the operator's account.
///
/// In the forms of `/api/v1/whatsapp/qr`.
#[utoipa::path(
    get, path = "/api/v1/admin/whatsapp/qr", tag = "admin", security(("bearer" = [])), params(QrQuery),
    responses(
        (status = 200, content(
            (QrOut = "application/json"), (Vec<u8> = "image/png"), (String = "image/svg+xml"), (String = "text/plain"),
            (QrEventOut = "text/event-stream"),
        )),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_platform_qr(
    State(state): State<AppState>,
    _admin: Admin,
    Query(query): Query<QrQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = find(&state.platform).await?;
    answer(&state, &account, query.format.unwrap_or_else(|| accepted(&headers))).await
}

/// Asks for a code that links the operator's account without a camera.
#[utoipa::path(
    post, path = "/api/v1/admin/whatsapp/pairing-code", tag = "admin", security(("bearer" = [])),
    request_body = PairingCodeIn,
    responses(
        (status = 200, body = PairingCodeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_platform_pairing_code(
    State(state): State<AppState>,
    _admin: Admin,
    Json(form): Json<PairingCodeIn>,
) -> Result<axum::Json<PairingCodeOut>, ApiError> {
    let account = find(&state.platform).await?;
    pairing_code(&state.desk, &account, &form).await
}

/// Unlinks the operator's account.
///
/// Messages that are planned stay planned.
#[utoipa::path(
    post, path = "/api/v1/admin/whatsapp/logout", tag = "admin", security(("bearer" = [])),
    responses(
        (status = 204, description = "It is unlinked"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn logout_platform_whatsapp(State(state): State<AppState>, admin: Admin) -> Result<StatusCode, ApiError> {
    let account = find(&state.platform).await?;
    state.desk.logout(account.id).await?;
    account::record(&state.platform, &account, &admin.origin, "logout").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets the operator's account connect again that was given up.
#[utoipa::path(
    post, path = "/api/v1/admin/whatsapp/reconnect", tag = "admin", security(("bearer" = [])),
    responses(
        (status = 204, description = "It connects, or looks for a phone if it has none"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn reconnect_platform_whatsapp(State(state): State<AppState>, admin: Admin) -> Result<StatusCode, ApiError> {
    let account = find(&state.platform).await?;
    reconnect(&state, &account).await?;
    account::record(&state.platform, &account, &admin.origin, "reconnect").await?;
    Ok(StatusCode::NO_CONTENT)
}
