//! The administrative calls of a sandbox that a demo needs: its clock, its root key, its simulated phones.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::settings::SandboxUrl;

/// A sandbox on loopback answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// A client of one sandbox's administrative calls. A cheap handle.
#[derive(Debug, Clone)]
pub struct SandboxAdmin {
    url: SandboxUrl,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// Why a call to a sandbox failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxCallError {
    /// Nobody answers there; start the sandbox, or correct `SANDBOX_URL`.
    #[error("no sandbox answers")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sandbox did not answer in time.
    #[error("the sandbox did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// The sandbox refused the call.
    #[error("the sandbox refused the call with status {status}")]
    Refused {
        /// Its status.
        status: StatusCode,
    },
    /// The answer is not what a sandbox answers: something else listens there.
    #[error("the answer is not a sandbox's")]
    Unexpected(#[source] serde_json::Error),
}

/// What a sandbox's clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SandboxClock {
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// How far it is ahead of real time, in milliseconds.
    pub offset_ms: i64,
}

#[derive(Deserialize)]
struct Info {
    root_key: String,
}

impl SandboxAdmin {
    /// Makes a client of the sandbox at `url`; nothing is sent yet.
    #[must_use]
    pub fn new(url: SandboxUrl) -> Self {
        Self { url, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The sandbox's address.
    #[must_use]
    pub fn url(&self) -> &SandboxUrl {
        &self.url
    }

    /// The root key of the sandbox's certificate chains, as 32 bytes in hex.
    ///
    /// # Errors
    ///
    /// [`SandboxCallError`], also where something else listens at the address.
    pub async fn root_key(&self) -> Result<String, SandboxCallError> {
        let info: Info = self.json(Method::GET, "/admin/info", Bytes::new()).await?;
        Ok(info.root_key)
    }

    /// What the sandbox's clock shows.
    ///
    /// # Errors
    ///
    /// [`SandboxCallError`], also where something else listens at the address.
    pub async fn clock(&self) -> Result<SandboxClock, SandboxCallError> {
        self.json(Method::GET, "/admin/clock", Bytes::new()).await
    }

    /// Lets the simulated phone with number `phone` (digits) scan a QR code.
    ///
    /// # Errors
    ///
    /// [`SandboxCallError::Refused`] if the code is unknown, used or expired; wait for the next one.
    pub async fn scan_qr(&self, code: &str, phone: &str) -> Result<(), SandboxCallError> {
        let path = format!("/admin/mock-phone/scan-qr?phone={phone}");
        let body = Bytes::copy_from_slice(code.as_bytes());
        self.call(Method::POST, &path, body).await.map(drop)
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, SandboxCallError> {
        let answer = self.call(method, path, body).await?;
        serde_json::from_slice(&answer).map_err(SandboxCallError::Unexpected)
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, SandboxCallError> {
        let exchange = self.exchange(method, path, body);
        tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| SandboxCallError::TimedOut)?
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, SandboxCallError> {
        let unreachable = |error| SandboxCallError::Unreachable(error);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url.http()))
            .body(Full::new(body))
            .map_err(|error| unreachable(error.into()))?;
        let response = self.http.request(request).await.map_err(|error| unreachable(error.into()))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(unreachable)?;
        if status.is_success() { Ok(body.to_bytes()) } else { Err(SandboxCallError::Refused { status }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_sandbox_is_named_as_such() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        let address = listener.local_addr().expect("address").to_string();
        drop(listener);
        let admin = SandboxAdmin::new(SandboxUrl::parse(&address).expect("url"));
        let error = admin.clock().await.expect_err("nobody listens");
        assert!(matches!(error, SandboxCallError::Unreachable(_)), "{error:?}");
    }
}
