//! What holds for every request: its id, its language, who asks, and how its errors are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use booking::access::Origin;
use booking::language::Language;
use scheduler::settings::Network;
use tracing::Instrument;

use super::language::asked_language;
use super::problem::{ApiError, ProblemKind};
use super::texts::Texts;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A request id of a client that is longer is replaced.
const REQUEST_ID_MAX: usize = 64;

/// One request's circumstances, in its extensions.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Names the request in the logs and in answers.
    pub id: String,
    /// The language of texts in the answer.
    pub language: Language,
    /// The one of them that `Accept-Language` names.
    pub asked: Option<Language>,
    /// The client's address, past trusted proxies.
    pub client: IpAddr,
}

impl RequestContext {
    /// From where a change comes, for the audit log; who acts is for the caller to fill in.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { address: Some(self.client), request_id: Some(self.id.clone()), ..Origin::system() }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // The layer below puts it there; a router without it is a defect, not a client's mistake.
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::new(ProblemKind::Internal))
    }
}

/// What the layer needs to know.
#[derive(Debug)]
pub struct ContextSettings {
    /// The problem texts.
    pub texts: Arc<Texts>,
    /// The languages to answer in.
    pub languages: Vec<Language>,
    /// The language where the client names none of them.
    pub default_language: Language,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

/// Gives each request its context, and writes its problem, if it has one, in its language.
pub async fn with_context(State(settings): State<Arc<ContextSettings>>, mut request: Request, next: Next) -> Response {
    let context = settings.context(request.headers(), request.extensions());
    request.extensions_mut().insert(context.clone());
    let span = tracing::info_span!("request", request.id = %context.id, method = %request.method());
    let answer = async {
        let response = settings.tell(&context, next.run(request).await);
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    };
    let mut response = answer.instrument(span).await;
    write_headers(response.headers_mut(), &context);
    response
}

impl ContextSettings {
    fn context(&self, headers: &HeaderMap, extensions: &Extensions) -> RequestContext {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let asked = asked_language(headers, &self.languages);
        RequestContext {
            id: given_id(headers).unwrap_or_else(new_id),
            language: asked.unwrap_or(self.default_language),
            asked,
            client: client_address(peer, headers, &self.trusted_proxies),
        }
    }

    /// Writes the problem that a handler left behind, or one for a bare error status.
    fn tell(&self, context: &RequestContext, mut response: Response) -> Response {
        let status = response.status();
        let error = match response.extensions_mut().remove::<ApiError>() {
            Some(error) => error,
            None if is_bare_error(&response) => ApiError::new(ProblemKind::from_status(status)),
            None => return response,
        };
        if let Some(cause) = error.cause() {
            tracing::error!(code = error.kind().code(), "request failed: {cause}");
        }
        let mut told = error.render(&self.texts, context.language, &context.id);
        // What the router added stays, such as `Allow` beside 405.
        for (name, value) in response.headers() {
            if !told.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
                told.headers_mut().insert(name, value.clone());
            }
        }
        told
    }
}

/// An error that no handler of ours wrote: the router's own, in plain text or without a body.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    (status.is_client_error() || status.is_server_error()) && !is_ours
}

/// The last address of the chain that no trusted proxy reported about itself.
///
/// Each proxy appends the peer it saw, so the chain is read from its end, and an address that a
/// client wrote itself is never reached.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    let chain = headers.get_all(FORWARDED_FOR).into_iter();
    let chain: Vec<&str> = chain.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    for entry in chain.into_iter().rev() {
        if !is_trusted(client) {
            break;
        }
        let Ok(address) = entry.trim().parse() else {
            break;
        };
        client = address;
    }
    client
}

fn given_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_valid = (1..=REQUEST_ID_MAX).contains(&text.len()) && text.chars().all(is_plain);
    is_valid.then(|| text.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "an id only has to differ from the others in the log")]
fn new_id() -> String {
    use rand::RngExt;
    hex::encode(rand::rng().random::<[u8; 12]>())
}

fn write_headers(headers: &mut HeaderMap, context: &RequestContext) {
    if let Ok(id) = HeaderValue::from_str(&context.id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().expect("header"));
        }
        let trusted: Vec<_> = trusted.split(',').filter_map(Network::parse).collect();
        client_address(peer.parse().expect("address"), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client("203.0.113.9", &["10.0.0.1"], "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.2.3.4, 203.0.113.9"], "10.0.0.0/8"), "203.0.113.9");
    }

    #[test]
    fn trusted_proxies_are_passed_over() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 10.0.0.2"], "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "10.0.0.2"], "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["garbage"], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], "10.0.0.0/8"), "10.0.0.1");
    }

    #[test]
    fn only_a_plain_request_id_is_taken_over() {
        let taken = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, value.parse().expect("header"));
            given_id(&headers)
        };
        assert_eq!(taken("abc-123").as_deref(), Some("abc-123"));
        assert_eq!(taken("a b"), None);
        assert_eq!(taken(&"a".repeat(65)), None);
        assert_eq!(new_id().len(), 24);
    }
}
