//! The whole API as one router, which needs no port.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::get;
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;

use crate::docs::{self, Document};
use crate::http::context::{ContextSettings, with_context};
use crate::http::extract::BODY_MAX;
use crate::http::host::HostBusiness;
use crate::http::idempotency::{self, Once};
use crate::http::rate_limit::layer::{Limited, limited};
use crate::metrics;
use crate::outline;
use crate::resource::Resource;
use crate::routes;
use crate::state::AppState;

/// The longest that a request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds the API's router.
///
/// # Errors
///
/// When the program was built without the committed OpenAPI document.
pub fn router(state: AppState, context: ContextSettings) -> Result<Router, serde_json::Error> {
    let operations = outline::operations()?;
    let once = Once::new(state.clone(), &operations);
    let limits = state.rate_limit.clone().map(|limit| Limited::new(limit, state.clone(), &operations));
    let measured = state.metrics.clone();
    let domain = state.platform.policy.public_domain.as_deref();
    let by_host = domain.map(|domain| HostBusiness::new(domain, &operations));
    let served = resources()
        .into_router()
        .layer(middleware::from_fn_with_state(once, idempotency::once))
        .with_state(state)
        .merge(docs::routes())
        .route("/", get(|| async { Redirect::to("/api/docs/") }))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT));
    let served = match limits {
        Some(limits) => served.layer(middleware::from_fn_with_state(limits, limited)),
        None => served,
    };
    let served = served
        .layer(middleware::from_fn_with_state(Arc::new(context), with_context))
        .layer(middleware::from_fn_with_state(measured, metrics::measured));
    Ok(match by_host {
        // Before the routes are matched: a layer of the router itself would come too late.
        Some(by_host) => {
            let named = MapRequestLayer::new(move |request| by_host.name(request));
            Router::new().fallback_service(named.layer(served))
        }
        None => served,
    })
}

/// Makes the OpenAPI document of the router.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    docs::complete(resources().tell(Document::openapi()))
}

fn resources() -> Resource {
    Resource::new()
        .merge(routes::auth::routes())
        .merge(routes::me::routes())
        .merge(routes::users::routes())
        .merge(routes::invitations::routes())
        .merge(routes::settings::routes())
        .merge(routes::api_keys::routes())
        .merge(routes::audit::routes())
        .merge(routes::admin::routes())
        .merge(routes::admin_accounts::routes())
        .merge(routes::client_login::routes())
        .merge(routes::client_bookings::routes())
        .merge(routes::public::routes())
        .merge(routes::availability::routes())
        .merge(routes::services::routes())
        .merge(routes::masters::routes())
        .merge(routes::schedule::routes())
        .merge(routes::time_off::routes())
        .merge(routes::holidays::routes())
        .merge(routes::templates::routes())
        .merge(routes::holds::routes())
        .merge(routes::visit::routes())
        .merge(routes::bookings::routes())
        .merge(routes::clients::routes())
        .merge(routes::texts::routes())
        .merge(routes::whatsapp::routes())
        .merge(routes::whatsapp_qr::routes())
        .merge(routes::messages::routes())
        .merge(routes::bulk::routes())
        .merge(routes::inbound::routes())
        .merge(routes::admin_whatsapp::routes())
        .merge(routes::health::routes())
}
