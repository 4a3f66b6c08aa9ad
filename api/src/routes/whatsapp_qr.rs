//! The QR code that links a phone: as JSON, picture, text, and as a stream that follows it.

use std::convert::Infallible;
use std::time::Duration;

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use booking::account::{self, Account};
use booking::id::AccountId;
use futures_util::stream;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use scheduler::desk::{Code, Desk, Watch};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::whatsapp::account_of;
use crate::authority::Manager;
use crate::http::extract::Query;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::state::AppState;

/// How long an answer waits for the first code.
const FIRST: Duration = Duration::from_secs(6);
/// How often a code is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// How long a stream goes on at most: nobody scans after that.
const STREAM: Duration = Duration::from_mins(10);
/// How long a stream waits for a linked account to be online.
const ONLINE_WITHIN: Duration = Duration::from_secs(30);
/// How often a stream says that somebody still looks for the phone.
const STILL_LOOKING: Duration = Duration::from_mins(1);
/// Pixels of a module in the pictures, and modules of light around them. Source: ISO/IEC 18004 §6.3.8 for the latter.
const MODULE: u32 = 8;
const QUIET: u32 = 4;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new().routes(routes!(show_qr))
}

/// How to show the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QrFormat {
    /// `application/json`.
    Json,
    /// `image/png`.
    Png,
    /// `image/svg+xml`.
    Svg,
    /// `text/plain`: half blocks, for a terminal.
    Text,
    /// `text/event-stream`: each code as it comes, until the phone is linked.
    Stream,
}

/// How to show the code, where `Accept` is not to decide.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QrQuery {
    /// json, png, svg, text or stream.
    #[param(inline)]
    pub(super) format: Option<QrFormat>,
}

/// A code to be shown as a QR code.
#[derive(Serialize, ToSchema)]
pub struct QrOut {
    /// What the QR code says. It has secrets: show it to nobody but the phone.
    qr: String,
    /// When the next one replaces it.
    valid_until: String,
    /// The same, in seconds from now.
    seconds_left: i64,
}

/// An event of the stream.
#[derive(Serialize, ToSchema)]
pub struct QrEventOut {
    /// `qr`, `waiting`, `paired`, `online` or `closed`.
    #[schema(example = "qr")]
    event: String,
    /// JSON: with `qr` the text and how long it is valid, with `waiting` the account's state, with `closed` the reason.
    data: String,
}

/// Shows the QR code that links a phone.
///
/// As `Accept` or `format` ask: JSON, PNG, SVG, text, or a stream of events (`qr`, `waiting`, `paired`, `online`,
/// `closed`). It lets the account look for a phone and waits for the first code.
#[utoipa::path(
    get, path = "/api/v1/whatsapp/qr", tag = "whatsapp", security(("bearer" = [])), params(QrQuery),
    responses(
        (status = 200, content(
            (QrOut = "application/json"), (Vec<u8> = "image/png"), (String = "image/svg+xml"), (String = "text/plain"),
            (QrEventOut = "text/event-stream"),
        )),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_qr(
    State(state): State<AppState>,
    manager: Manager,
    Query(query): Query<QrQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = account_of(&mut state.platform.db.read().await?, &manager.business).await?;
    answer(&state, &account, query.format.unwrap_or_else(|| accepted(&headers))).await
}

/// The format that a client accepts first of those there are.
pub(super) fn accepted(headers: &HeaderMap) -> QrFormat {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let formats = accept.split(',').filter_map(|entry| match entry.split(';').next().unwrap_or_default().trim() {
        "application/json" => Some(QrFormat::Json),
        "image/png" => Some(QrFormat::Png),
        "image/svg+xml" => Some(QrFormat::Svg),
        "text/plain" => Some(QrFormat::Text),
        "text/event-stream" => Some(QrFormat::Stream),
        _ => None,
    });
    formats.into_iter().next().unwrap_or(QrFormat::Json)
}

/// Answers in a format.
pub(super) async fn answer(state: &AppState, account: &Account, format: QrFormat) -> Result<Response, ApiError> {
    if format == QrFormat::Stream {
        return follow(state, account.id);
    }
    if account.is_linked() {
        return Err(ApiError::new(ProblemKind::WhatsAppLinked));
    }
    let code = first(&state.desk, account.id).await?;
    let (kind, body) = match format {
        QrFormat::Json | QrFormat::Stream => {
            let left = code.valid_until.since(state.platform.clock.real_now()).max(0);
            let out = QrOut { valid_until: code.valid_until.to_string(), seconds_left: left, qr: code.text };
            ("application/json", serde_json::to_vec(&out).unwrap_or_default())
        }
        QrFormat::Png => ("image/png", png(&code.text).ok_or(ApiError::new(ProblemKind::Internal))?),
        QrFormat::Svg => ("image/svg+xml", svg(&code.text).ok_or(ApiError::new(ProblemKind::Internal))?.into_bytes()),
        QrFormat::Text => {
            let text = text(&code.text).ok_or(ApiError::new(ProblemKind::Internal))?;
            ("text/plain; charset=utf-8", text.into_bytes())
        }
    };
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, body).into_response())
}

/// The code that is to be scanned now, waited for a little.
async fn first(desk: &Desk, id: AccountId) -> Result<Code, ApiError> {
    desk.look_for_phone(id).await?;
    let until = Instant::now() + FIRST;
    loop {
        if let Some(code) = desk.qr(id).await? {
            return Ok(code);
        }
        if Instant::now() >= until {
            return Err(ApiError::new(ProblemKind::WhatsAppNotReady).with_retry_after(2));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn encode(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, EcLevel::L).ok()
}

fn svg(text: &str) -> Option<String> {
    Some(encode(text)?.render::<svg::Color<'_>>().min_dimensions(320, 320).quiet_zone(true).build())
}

/// Dark modules are drawn light, for terminals are mostly light on dark.
fn text(text: &str) -> Option<String> {
    use unicode::Dense1x2;
    let code = encode(text)?;
    let mut drawn =
        code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build();
    drawn.push('\n');
    Some(drawn)
}

/// One grey byte a pixel.
fn png(text: &str) -> Option<Vec<u8>> {
    let code = encode(text)?;
    let modules = u32::try_from(code.width()).ok()?;
    let side = (modules + 2 * QUIET) * MODULE;
    let colors = code.to_colors();
    let dark = |x: u32, y: u32| {
        let (x, y) = (x.checked_sub(QUIET)?, y.checked_sub(QUIET)?);
        let index = (x < modules && y < modules).then(|| usize::try_from(y * modules + x).ok())??;
        Some(*colors.get(index)? == qrcode::Color::Dark)
    };
    let pixels: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| if dark(x / MODULE, y / MODULE) == Some(true) { 0 } else { 255 })
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

/// Follows the codes of an account until it is linked and online, or for [`STREAM`].
fn follow(state: &AppState, id: AccountId) -> Result<Response, ApiError> {
    let watch = state.desk.watch(id);
    let watch = watch.ok_or_else(|| ApiError::new(ProblemKind::TooManyRequests).with_retry_after(10))?;
    let now = Instant::now();
    let follow = Follow {
        state: state.clone(),
        id,
        _watch: watch,
        until: now + STREAM,
        look_at: now,
        shown: None,
        step: Step::Looking,
    };
    let events = stream::unfold(follow, |mut follow| async move {
        let event = follow.next().await?;
        Some((Ok::<_, Infallible>(event), follow))
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::default());
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], stream).into_response())
}

/// Somebody who follows an account's codes.
struct Follow {
    state: AppState,
    id: AccountId,
    _watch: Watch,
    until: Instant,
    /// When to say again that somebody looks for the phone.
    look_at: Instant,
    shown: Option<Shown>,
    step: Step,
}

/// What was told last.
#[derive(PartialEq)]
enum Shown {
    Code(String),
    Waiting(&'static str),
}

/// How far a stream is.
enum Step {
    /// A phone is looked for.
    Looking,
    /// It is linked; `online` follows.
    Linked { until: Instant },
    /// Everything was told.
    Over,
}

impl Follow {
    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        if matches!(self.step, Step::Over) {
            return None;
        }
        loop {
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(error) => {
                    tracing::warn!(
                        "cannot follow an account's codes: {}",
                        error.cause().unwrap_or(error.kind().code())
                    );
                    return Some(self.end("closed", &json!({ "reason": "unavailable" })));
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Option<Event>, ApiError> {
        let platform = &self.state.platform;
        let account = account::by_id(&mut platform.db.read().await?, self.id).await?;
        let Some(account) = account else { return Ok(Some(self.end("closed", &json!({ "reason": "unavailable" })))) };
        let (now, is_online) = (Instant::now(), account.is_online(platform.clock.real_now()));
        match self.step {
            Step::Looking if account.is_linked() => {
                self.step = Step::Linked { until: now + ONLINE_WITHIN };
                Ok(Some(event("paired", &json!({}))))
            }
            Step::Linked { .. } if is_online => Ok(Some(self.end("online", &json!({})))),
            Step::Linked { until } if now < until => Ok(None),
            Step::Looking if now < self.until => self.show(&account).await,
            Step::Looking | Step::Linked { .. } | Step::Over => {
                Ok(Some(self.end("closed", &json!({ "reason": "timeout" }))))
            }
        }
    }

    /// The code, if it is another than before; a word that there is none, once.
    async fn show(&mut self, account: &Account) -> Result<Option<Event>, ApiError> {
        if Instant::now() >= self.look_at {
            self.state.desk.look_for_phone(self.id).await?;
            self.look_at = Instant::now() + STILL_LOOKING;
        }
        let code = self.state.desk.qr(self.id).await?;
        let (shown, told) = if let Some(code) = code {
            let told = event("qr", &json!({ "qr": code.text, "valid_until": code.valid_until.to_string() }));
            (Shown::Code(code.text), told)
        } else {
            let state = account.state.as_str();
            (Shown::Waiting(state), event("waiting", &json!({ "state": state })))
        };
        if self.shown.as_ref() == Some(&shown) {
            return Ok(None);
        }
        self.shown = Some(shown);
        Ok(Some(told))
    }

    fn end(&mut self, name: &str, data: &serde_json::Value) -> Event {
        self.step = Step::Over;
        event(name, data)
    }
}

fn event(name: &str, data: &serde_json::Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "https://wa.me/settings/linked_devices#2@AbCdEf,1";

    #[test]
    fn a_code_is_drawn_in_every_form() {
        let picture = png(TEXT).expect("png");
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
        let drawn = svg(TEXT).expect("svg");
        assert!(drawn.contains("<svg") && drawn.contains("</svg>"));
        assert!(text(TEXT).expect("text").lines().count() > 10);
        assert_eq!(png(&"x".repeat(10_000)), None, "more than fits");
    }

    #[test]
    fn the_picture_has_its_quiet_zone_and_its_corner() {
        let file = png(TEXT).expect("png");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("readable");
        let mut pixels = vec![0; reader.output_buffer_size().expect("size")];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        let at = |x: u32, y: u32| pixels[usize::try_from(y * info.width + x).expect("index")];
        let quiet = QUIET * MODULE;
        assert_eq!((at(0, 0), at(quiet - 1, quiet - 1), at(quiet, quiet)), (255, 255, 0));
    }

    #[test]
    fn the_first_format_that_is_accepted_wins() {
        let choose = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            accepted(&headers)
        };
        assert_eq!(choose("image/avif,image/png;q=0.9,*/*"), QrFormat::Png);
        assert_eq!(choose("text/event-stream"), QrFormat::Stream);
        assert_eq!(choose("*/*"), QrFormat::Json);
        assert_eq!(accepted(&HeaderMap::new()), QrFormat::Json);
    }
}
