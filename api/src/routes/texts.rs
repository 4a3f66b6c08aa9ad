//! The texts that clients are sent, and a business's own wording of them.

use crate::resource::{Resource, routes};
use axum::extract::{Path, State};
use booking::language::Language;
use booking::platform::Platform;
use booking::text::{self, Event, Template, TextsEdit, Variable, Wording, change_wording};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authority::Manager;
use crate::errors::clients::template;
use crate::http::extract::Json;
use crate::http::problem::{ApiError, Problem, ProblemKind};
use crate::input;

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(list_texts))
        .routes(routes!(show_text, change_text, reset_text))
        .routes(routes!(preview_text))
}

/// A business's own wording.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextIn {
    /// Plain text with variables in braces. A line whose variables are all empty is left out.
    #[schema(example = "{client}, ждём вас {when}: {service}. {address}", min_length = 1, max_length = 1000)]
    text: String,
}

/// A text to try out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewIn {
    /// What it is about.
    #[schema(example = "reminder")]
    event: String,
    /// ru, kk or en.
    #[schema(example = "ru", pattern = "^(ru|kk|en)$")]
    language: String,
    /// The wording to try; none shows the one that is used.
    #[serde(default)]
    #[schema(example = "{client}, ждём вас {when}!", max_length = 1000)]
    text: Option<String>,
}

/// All texts about visits.
#[derive(Serialize, ToSchema)]
pub struct TextsOut {
    /// By event and language.
    texts: Vec<TextOut>,
}

/// The text of an event in one language.
#[derive(Serialize, ToSchema)]
pub struct TextOut {
    /// request, confirmation, moved, `cancelled_by_client`, `cancelled_by_salon`, reminder or expired.
    #[schema(example = "reminder")]
    event: &'static str,
    /// ru, kk or en.
    #[schema(example = "ru")]
    language: &'static str,
    /// The business's own wording; absent where the program's is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The variables that it may have.
    variables: Vec<&'static str>,
    /// How it reads for an example visit.
    preview: String,
}

/// Lists the texts of all events and languages, each with an example.
#[utoipa::path(
    get, path = "/api/v1/texts", tag = "texts", security(("bearer" = [])),
    responses(
        (status = 200, body = TextsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_texts(State(platform): State<Platform>, manager: Manager) -> axum::Json<TextsOut> {
    let keys = Event::ALL.iter().flat_map(|event| Language::ALL.iter().map(move |language| (*event, *language)));
    let wording = &manager.business.wording;
    let texts = keys.map(|(event, language)| text_out(&platform, &manager, wording, event, language));
    axum::Json(TextsOut { texts: texts.collect() })
}

/// Shows the text of an event in one language.
#[utoipa::path(
    get, path = "/api/v1/texts/{event}/{language}", tag = "texts", security(("bearer" = [])),
    params(
        ("event" = String, Path, description = "What it is about", example = "reminder"),
        ("language" = String, Path, description = "ru, kk or en", example = "ru"),
    ),
    responses(
        (status = 200, body = TextOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_text(
    State(platform): State<Platform>,
    manager: Manager,
    Path(key): Path<(String, String)>,
) -> Result<axum::Json<TextOut>, ApiError> {
    let (event, language) = parse(&key)?;
    Ok(axum::Json(text_out(&platform, &manager, &manager.business.wording, event, language)))
}

/// Words the text of an event in one language anew.
///
/// An unknown variable or a brace without a partner is named (422).
#[utoipa::path(
    put, path = "/api/v1/texts/{event}/{language}", tag = "texts", request_body = TextIn, security(("bearer" = [])),
    params(
        ("event" = String, Path, description = "What it is about", example = "reminder"),
        ("language" = String, Path, description = "ru, kk or en", example = "ru"),
    ),
    responses(
        (status = 200, body = TextOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change_text(
    State(platform): State<Platform>,
    manager: Manager,
    Path(key): Path<(String, String)>,
    Json(form): Json<TextIn>,
) -> Result<axum::Json<TextOut>, ApiError> {
    let (event, language) = parse(&key)?;
    let wanted = Template::for_event(&form.text, event).map_err(|error| template("text", &error, event))?;
    change(&platform, &manager, event, language, Some(wanted)).await
}

/// Goes back to the program's text of an event in one language.
#[utoipa::path(
    delete, path = "/api/v1/texts/{event}/{language}", tag = "texts", security(("bearer" = [])),
    params(
        ("event" = String, Path, description = "What it is about", example = "reminder"),
        ("language" = String, Path, description = "ru, kk or en", example = "ru"),
    ),
    responses(
        (status = 200, body = TextOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn reset_text(
    State(platform): State<Platform>,
    manager: Manager,
    Path(key): Path<(String, String)>,
) -> Result<axum::Json<TextOut>, ApiError> {
    let (event, language) = parse(&key)?;
    change(&platform, &manager, event, language, None).await
}

/// Shows how a wording reads for an example visit; nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/texts/preview", tag = "texts", request_body = PreviewIn, security(("bearer" = [])),
    responses(
        (status = 200, body = TextOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn preview_text(
    State(platform): State<Platform>,
    manager: Manager,
    Json(form): Json<PreviewIn>,
) -> Result<axum::Json<TextOut>, ApiError> {
    let unknown = || {
        let known = Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
        ApiError::field("event", "field-invalid", vec![("problem", known)])
    };
    let event = Event::from_text(&form.event).ok_or_else(unknown)?;
    let language = input::language("language", &form.language)?;
    let wording = match &form.text {
        Some(text) => {
            let wanted = Template::for_event(text, event).map_err(|error| template("text", &error, event))?;
            manager.business.wording.with(event, language, wanted)
        }
        None => manager.business.wording.clone(),
    };
    Ok(axum::Json(text_out(&platform, &manager, &wording, event, language)))
}

async fn change(
    platform: &Platform,
    manager: &Manager,
    event: Event,
    language: Language,
    wanted: Option<Template>,
) -> Result<axum::Json<TextOut>, ApiError> {
    let edit = TextsEdit { event, language, template: wanted };
    let wording = change_wording(platform, &manager.access, &edit).await?;
    Ok(axum::Json(text_out(platform, manager, &wording, event, language)))
}

fn parse((event, language): &(String, String)) -> Result<(Event, Language), ApiError> {
    let key = Event::from_text(event).zip(Language::from_text(language));
    key.ok_or(ApiError::new(ProblemKind::TextNotFound))
}

fn text_out(platform: &Platform, manager: &Manager, wording: &Wording, event: Event, language: Language) -> TextOut {
    let variables = Variable::ALL.iter().filter(|variable| variable.fits(event));
    TextOut {
        event: event.as_str(),
        language: language.as_str(),
        text: wording.find(event, language).map(|template| template.as_str().to_owned()),
        variables: variables.map(|variable| variable.as_str()).collect(),
        preview: text::example(platform, &manager.business, wording, event, language),
    }
}
