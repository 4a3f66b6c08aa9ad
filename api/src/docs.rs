//! The OpenAPI document and its pages.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::http::idempotency;
use crate::outline::DOCUMENT;

/// The parts of the document that no handler has.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Booking platform",
        description = "Bookings for salons, clinics and studios, confirmed over WhatsApp.\n\n\
            Errors are `application/problem+json` (RFC 9457) in the language of `Accept-Language` (ru, kk, en). \
            Every answer carries `X-Request-Id`; answers under a rate limit carry `RateLimit-Limit`, \
            `RateLimit-Remaining` and `RateLimit-Reset`.\n\n\
            Where the operator has set PUBLIC_DOMAIN, a business has a host of its own, and public paths need not name \
            it: `GET /api/v1/public/business/services` on `demo.example.kz` is \
            `GET /api/v1/public/business/demo/services`.",
    ),
    modifiers(&BearerScheme),
    tags(
        (name = "auth", description = "Registering and signing in"),
        (name = "public", description = "What a client of a business sees; no token needed"),
        (name = "catalogue", description = "What a business offers, and by whom"),
        (name = "schedule", description = "When its masters work, and what is free"),
        (name = "bookings", description = "The bookings of one's own business"),
        (name = "staff", description = "Who works in one's own business"),
        (name = "settings", description = "One's own business: settings, keys of programs, what was changed"),
        (name = "client", description = "Clients who sign in with a code, and their own visits"),
        (name = "whatsapp", description = "The WhatsApp account of one's own business, and its messages"),
        (name = "admin", description = "The platform's operator"),
        (name = "clients", description = "Who is served"),
        (name = "texts", description = "What clients are written"),
        (name = "platform", description = "The platform itself"),
    ),
)]
pub struct Document;

struct BearerScheme;

impl utoipa::Modify for BearerScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The access token of POST /api/v1/login, or an API key `bk_…` where its scope allows."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Adds to every operation what does not depend on it: too many requests, a database that is away, a fault of ours,
/// and where a token is needed, none or not the right one.
#[must_use]
pub fn complete(mut document: OpenApi) -> OpenApi {
    idempotency::announce(&mut document);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("A fault on our side, or a busy database")
        .content("application/problem+json", content)
        .build();
    let describe = |description: &str| {
        let mut problem = problem.clone();
        description.clone_into(&mut problem.description);
        problem
    };
    let everywhere = [
        ("429", describe("Over a limit of requests; `Retry-After` tells when to come again")),
        ("503", describe("The database is away or busy; `Retry-After` tells when to come again")),
        ("5XX", problem.clone()),
    ];
    let signed_in = [
        ("401", describe("No token, or none that holds")),
        ("403", describe("Not for this role, or not for this key")),
    ];
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            let needs_token = operation.security.as_ref().is_some_and(|security| !security.is_empty());
            let more = signed_in.iter().filter(|_| needs_token);
            for (status, response) in everywhere.iter().chain(more) {
                responses.entry((*status).to_owned()).or_insert_with(|| response.clone().into());
            }
        }
    }
    document
}

/// Adds `/api/openapi.json` and the Swagger UI at `/api/docs`, whose files are built in.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let config = Config::new(["/api/openapi.json"]).try_it_out_enabled(true).persist_authorization(true);
    Router::new()
        .route("/api/openapi.json", get(|| async { ([(CONTENT_TYPE, "application/json")], DOCUMENT) }))
        .merge(SwaggerUi::new("/api/docs").config(config))
}
