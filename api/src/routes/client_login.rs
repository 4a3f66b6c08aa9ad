//! Clients who sign in with their number and a code from WhatsApp.

use crate::resource::{Resource, routes};
use axum::extract::State;
use axum::http::StatusCode;
use booking::client_login;
use booking::id::{BusinessId, ClientId};
use booking::platform::Platform;
use booking::session::{self, RefreshToken};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::context::RequestContext;
use crate::http::extract::Json;
use crate::http::host::HostOf;
use crate::http::problem::{ApiError, Problem};
use crate::http::token::{AccessTokens, Bearer};
use crate::routes::auth::{RefreshIn, TokensOut};

/// The routes of this resource.
pub fn routes() -> Resource {
    Resource::new()
        .routes(routes!(request_client_code))
        .routes(routes!(login_client))
        .routes(routes!(refresh_client_token))
        .routes(routes!(logout_client))
}

/// A client who wants a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCodeIn {
    /// The business whose client they are; absent on a business's own address, `demo.example.kz`, where it may be no
    /// other.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// Their number, as people write it.
    #[schema(example = "87779876543")]
    phone: String,
}

/// A client who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientLoginIn {
    /// The business whose client they are; absent on a business's own address, `demo.example.kz`, where it may be no
    /// other.
    #[serde(default)]
    #[schema(example = "demo")]
    subdomain: Option<String>,
    /// The number that the code went to.
    #[schema(example = "87779876543")]
    phone: String,
    /// The code.
    #[schema(example = "123456")]
    code: String,
}

/// Sends a code to a client's WhatsApp, if the business knows the number.
///
/// The answer does not tell.
#[utoipa::path(
    post, path = "/api/v1/client/code", tag = "client", request_body = ClientCodeIn,
    responses(
        (status = 202, description = "The code is on its way, if the business knows the number"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_client_code(
    State(platform): State<Platform>,
    context: RequestContext,
    host: HostOf,
    Json(form): Json<ClientCodeIn>,
) -> Result<StatusCode, ApiError> {
    let address = Some(context.client);
    let subdomain = host.business(form.subdomain.as_deref())?;
    client_login::request_code(&platform, subdomain, &form.phone, context.asked, address).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Signs a client in.
///
/// A code is good for 10 minutes and 5 tries; the tokens open the client's own visits only.
#[utoipa::path(
    post, path = "/api/v1/client/login", tag = "client", request_body = ClientLoginIn,
    responses(
        (status = 200, body = TokensOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn login_client(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    host: HostOf,
    Json(form): Json<ClientLoginIn>,
) -> Result<axum::Json<TokensOut>, ApiError> {
    let subdomain = host.business(form.subdomain.as_deref())?;
    let (business, client, refresh) = client_login::login(&platform, subdomain, &form.phone, &form.code).await?;
    Ok(axum::Json(sign(&platform, &tokens, (business.id, client), &refresh)?))
}

/// Exchanges a client's refresh token for new tokens.
///
/// A token that comes back a second time ends its session.
#[utoipa::path(
    post, path = "/api/v1/client/refresh-token", tag = "client", request_body = RefreshIn,
    responses(
        (status = 200, body = TokensOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn refresh_client_token(
    State(platform): State<Platform>,
    State(tokens): State<AccessTokens>,
    Json(form): Json<RefreshIn>,
) -> Result<axum::Json<TokensOut>, ApiError> {
    let (business, client, refresh) = session::refresh_client(&platform, &form.refresh_token).await?;
    Ok(axum::Json(sign(&platform, &tokens, (business, client), &refresh)?))
}

/// Ends the session of a client's refresh token, and every access token that was given out in it.
#[utoipa::path(
    post, path = "/api/v1/client/logout", tag = "client", request_body = RefreshIn,
    responses(
        (status = 204, description = "The session has ended, if there was one"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn logout_client(State(platform): State<Platform>, Json(form): Json<RefreshIn>) -> Result<StatusCode, ApiError> {
    session::end(&platform, &form.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn sign(
    platform: &Platform,
    tokens: &AccessTokens,
    (business, client): (BusinessId, ClientId),
    refresh: &RefreshToken,
) -> Result<TokensOut, ApiError> {
    TokensOut::sign(platform, tokens, &Bearer::Client { client, business, session: refresh.session() }, refresh)
}
