//! What every handler is given.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use booking::platform::Platform;
use scheduler::desk::Desk;
use scheduler::dispatcher::LiveAccounts;
use scheduler::watch::Readiness;

use crate::http::rate_limit::RateLimit;
use crate::http::texts::Texts;
use crate::http::token::AccessTokens;
use crate::metrics::Metrics;

/// The parts that handlers work with. A cheap handle: each layer and each handler of a request has one.
#[derive(Debug, Clone)]
pub struct AppState(Arc<AppParts>);

/// The parts themselves.
#[derive(Debug)]
pub struct AppParts {
    /// The domain.
    pub platform: Platform,
    /// Issues and verifies access tokens.
    pub tokens: AccessTokens,
    /// The WhatsApp accounts whose connection is in this process.
    pub live: LiveAccounts,
    /// Where accounts are asked about, whichever process holds them.
    pub desk: Desk,
    /// The texts of problems.
    pub texts: Arc<Texts>,
    /// How much somebody may ask, if there is a limit.
    pub rate_limit: Option<RateLimit>,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether requests should come to this process.
    pub readiness: Readiness,
}

impl From<AppParts> for AppState {
    fn from(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl FromRef<AppState> for Platform {
    fn from_ref(state: &AppState) -> Self {
        state.platform.clone()
    }
}

impl FromRef<AppState> for LiveAccounts {
    fn from_ref(state: &AppState) -> Self {
        state.live.clone()
    }
}

impl FromRef<AppState> for Desk {
    fn from_ref(state: &AppState) -> Self {
        state.desk.clone()
    }
}

impl FromRef<AppState> for AccessTokens {
    fn from_ref(state: &AppState) -> Self {
        state.tokens.clone()
    }
}
