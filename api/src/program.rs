//! The whole program: the database, the sandbox or the real network, the dispatcher, both listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use booking::clock::Clock;
use booking::demo::{self, DemoError};
use booking::platform::Platform;
use scheduler::dispatcher::{Dispatcher, LiveAccounts};
use scheduler::link::Target;
use scheduler::serve::{ServeError, listen, serve};
use scheduler::settings::{Settings, WhatsAppNetwork};
use scheduler::start::{self, StartError};
use scheduler::timekeeper;
use scheduler::watch::{Readiness, Watch, Watched};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wa_client::store::StoreError;

use crate::compat::{self, CompatState};
use crate::http::context::ContextSettings;
use crate::http::rate_limit::{Limits, RateLimit, RedisUrlError};
use crate::http::texts::Texts;
use crate::http::token::AccessTokens;
use crate::metrics::Metrics;
use crate::router::router;
use crate::state::{AppParts, AppState};

/// Why the program could not start, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The parts could not be put together.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The demo could not be set up.
    #[error("cannot set up the demo")]
    Demo(#[from] DemoError),
    /// The accounts' store could not be opened.
    #[error("cannot open the accounts' store")]
    Accounts(#[from] StoreError),
    /// The setting `REDIS_URL` is wrong.
    #[error(transparent)]
    Redis(#[from] RedisUrlError),
    /// The program was built without its OpenAPI document.
    #[error("api/openapi.json was not a document when this program was built; print it anew and build again")]
    Document(#[from] serde_json::Error),
    /// A port could not be opened or failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The sandbox did not start.
    #[cfg(feature = "sandbox")]
    #[error("cannot start the sandbox on SANDBOX_ADDR; if one runs there already, set SANDBOX_URL=http://{address}")]
    Sandbox {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it did not.
        #[source]
        source: fixtures::sandbox::SandboxError,
    },
    /// This build has no sandbox of its own.
    #[cfg(not(feature = "sandbox"))]
    #[error("this build has no sandbox: set SANDBOX_URL, or WHATSAPP_NETWORK=whatsapp")]
    NoSandbox,
    /// A part of the program ended though nobody told it to.
    #[error("{part} ended by itself")]
    Ended {
        /// Which part.
        part: &'static str,
    },
}

/// The program, started: its ports are open.
#[derive(Debug)]
pub struct Program {
    api: (SocketAddr, TcpListener, axum::Router),
    compat: Option<(SocketAddr, TcpListener, axum::Router)>,
    metrics: Option<(SocketAddr, TcpListener, axum::Router)>,
    readiness: Readiness,
    dispatcher: Option<Dispatcher>,
    platform: Platform,
    network: Network,
    live: LiveAccounts,
}

/// The network and, where it is the sandbox in this process, the sandbox itself.
#[derive(Debug)]
struct Network {
    target: Target,
    #[cfg(feature = "sandbox")]
    sandbox: Option<fixtures::sandbox::Sandbox>,
}

impl Program {
    /// Opens the database, seeds the demo, starts the sandbox and opens the ports; nothing is served yet.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] says what stands in the way and which setting changes it.
    pub async fn start(settings: &Settings) -> Result<Self, ProgramError> {
        let network = Network::start(settings).await?;
        let platform = start::platform(settings, network.clock()).await?;
        start::refuse_demo_logins(settings, &platform).await?;
        if settings.is_demo() {
            demo::seed(&platform).await?;
        }
        let dispatcher = if settings.whatsapp.enabled {
            let parts = start::dispatcher_parts(settings, platform.clone(), network.target.clone());
            Some(Dispatcher::open(parts).await?)
        } else {
            None
        };
        let live = dispatcher.as_ref().map(Dispatcher::live).unwrap_or_default();
        let desk = start::desk(settings, platform.clone());
        let texts = Arc::new(Texts::load());
        let rate_limit = rate_limit(settings).await?;
        let readiness = Readiness { dispatcher: dispatcher.as_ref().map(Dispatcher::pulse), ..Readiness::default() };
        let metrics = Metrics::default();
        let watched = Watched {
            service: "api",
            platform: platform.clone(),
            live: live.clone(),
            tally: dispatcher.as_ref().map(Dispatcher::tally).unwrap_or_default(),
            readiness: readiness.clone(),
        };
        let watch = Watch::new(watched, |registry| metrics.register(registry, rate_limit.clone()));
        let tokens = AccessTokens::new(&settings.tokens);
        let state = AppState::from(AppParts {
            platform: platform.clone().with_code_key(&tokens.derived(&["codes to phones"]).into()),
            tokens,
            live: live.clone(),
            desk: desk.clone(),
            texts: Arc::clone(&texts),
            rate_limit,
            metrics,
            readiness: readiness.clone(),
        });
        let router = router(state, context(settings, texts))?;
        let api = open("API_ADDR", settings.http.api, router).await?;
        let compat = match settings.http.compat {
            Some(address) => {
                let state = CompatState { platform: platform.clone(), desk };
                Some(open("COMPAT_ADDR", address, compat::router(state)).await?)
            }
            None => None,
        };
        let metrics = match settings.http.metrics {
            Some(address) => Some(open("METRICS_ADDR", address, watch.router()).await?),
            None => None,
        };
        Ok(Self { api, compat, metrics, readiness, dispatcher, platform, network, live })
    }

    /// Where the REST API listens.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.api.0
    }

    /// Where the routes of the earlier WhatsApp service listen.
    #[must_use]
    pub fn compat_address(&self) -> Option<SocketAddr> {
        self.compat.as_ref().map(|compat| compat.0)
    }

    /// Where Prometheus finds the metrics.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|metrics| metrics.0)
    }

    /// The network that accounts live on.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.network.target
    }

    /// The accounts that this process holds.
    #[must_use]
    pub fn live(&self) -> LiveAccounts {
        self.live.clone()
    }

    /// The domain.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Serves and delivers until `stop`, then lets what is under way finish: first the requests, then the messages, so
    /// that the last booking's confirmation leaves too. The metrics stay open to the end.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] when a part failed or ended by itself; the others are stopped then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ProgramError> {
        let mut parts: JoinSet<(&'static str, Result<(), ServeError>)> = JoinSet::new();
        let mut late: JoinSet<(&'static str, Result<(), ServeError>)> = JoinSet::new();
        let stop_late = CancellationToken::new();
        let told = (stop.clone(), self.readiness.stopping.clone());
        tokio::spawn(async move {
            told.0.cancelled().await;
            told.1.cancel();
        });
        let (_, listener, router) = self.api;
        let token = stop.clone();
        parts.spawn(async move { ("the API", serve(listener, router, token).await) });
        if let Some((_, listener, router)) = self.compat {
            let token = stop.clone();
            parts.spawn(async move { ("the compatible listener", serve(listener, router, token).await) });
        }
        if let Some((_, listener, router)) = self.metrics {
            let token = stop_late.clone();
            late.spawn(async move { ("the metrics' listener", serve(listener, router, token).await) });
        }
        let (platform, token) = (self.platform.clone(), stop.clone());
        parts.spawn(async move {
            timekeeper::run(platform, token).await;
            ("the timekeeper", Ok(()))
        });
        if let Some(dispatcher) = self.dispatcher {
            let token = stop_late.clone();
            late.spawn(async move {
                dispatcher.run(token).await;
                ("the dispatcher", Ok(()))
            });
        }
        let early = async {
            let outcome = supervise(&mut parts, &stop).await;
            stop_late.cancel();
            outcome
        };
        let (early, late) = tokio::join!(early, async {
            if late.is_empty() {
                stop_late.cancelled().await;
            }
            let outcome = supervise(&mut late, &stop_late).await;
            stop.cancel();
            outcome
        });
        let outcome = early.and(late);
        self.network.shutdown().await;
        self.platform.db.close().await;
        outcome
    }
}

/// Waits for all parts; the first that ends before `stop` ends the others and is the error.
async fn supervise(
    parts: &mut JoinSet<(&'static str, Result<(), ServeError>)>,
    stop: &CancellationToken,
) -> Result<(), ProgramError> {
    let mut outcome = Ok(());
    while let Some(ended) = parts.join_next().await {
        if let Ok((part, _)) = &ended {
            tracing::debug!("{part} has ended");
        }
        let failure = match ended {
            Ok((_, Err(error))) => Some(ProgramError::Serve(error)),
            Ok((_, Ok(()))) if stop.is_cancelled() => None,
            Ok((part, Ok(()))) => Some(ProgramError::Ended { part }),
            Err(_) => Some(ProgramError::Ended { part: "a task" }),
        };
        if let (Some(failure), Ok(())) = (failure, &outcome) {
            outcome = Err(failure);
        }
        stop.cancel();
    }
    outcome
}

async fn open(
    setting: &'static str,
    address: SocketAddr,
    router: axum::Router,
) -> Result<(SocketAddr, TcpListener, axum::Router), ProgramError> {
    let listener = listen(setting, address).await?;
    let address = listener.local_addr().map_err(ServeError::Accept)?;
    Ok((address, listener, router))
}

async fn rate_limit(settings: &Settings) -> Result<Option<RateLimit>, RedisUrlError> {
    let Some(given) = &settings.http.rate_limit else { return Ok(None) };
    let limits = Limits { address: Some(given.address), user: Some(given.user), strict: Some(given.strict) };
    let now = tokio::time::Instant::now();
    Ok(Some(match &given.redis {
        Some(url) => RateLimit::in_redis(limits, url.expose_secret(), now).await?,
        None => RateLimit::in_process(limits, now),
    }))
}

fn context(settings: &Settings, texts: Arc<Texts>) -> ContextSettings {
    ContextSettings {
        texts,
        languages: settings.policy.languages.clone(),
        default_language: settings.policy.default_language,
        trusted_proxies: settings.http.trusted_proxies.clone(),
    }
}

impl Network {
    /// Starts the sandbox in this process, unless there is another network to use.
    #[cfg(feature = "sandbox")]
    async fn start(settings: &Settings) -> Result<Self, ProgramError> {
        use fixtures::sandbox::{Sandbox, SandboxConfig};
        use scheduler::settings::SandboxUrl;

        let WhatsAppNetwork::Sandbox { url: None, listen } = settings.whatsapp.network else {
            return Ok(Self { target: start::target(settings), sandbox: None });
        };
        // Phones that show ticks make the better demo.
        let config = SandboxConfig { listen, no_tls: true, auto_deliver: true, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await;
        let sandbox = sandbox.map_err(|source| ProgramError::Sandbox { address: listen, source })?;
        Ok(Self { target: Target::Sandbox(SandboxUrl::of(sandbox.address())), sandbox: Some(sandbox) })
    }

    #[cfg(not(feature = "sandbox"))]
    #[expect(clippy::unused_async, reason = "with the sandbox there is something to wait for")]
    async fn start(settings: &Settings) -> Result<Self, ProgramError> {
        match &settings.whatsapp.network {
            WhatsAppNetwork::Sandbox { url: None, .. } => Err(ProgramError::NoSandbox),
            WhatsAppNetwork::Sandbox { .. } | WhatsAppNetwork::WhatsApp => Ok(Self { target: start::target(settings) }),
        }
    }

    /// The clock of visits and messages: the sandbox's, where it is in this process.
    #[cfg_attr(not(feature = "sandbox"), expect(clippy::unused_self, reason = "the sandbox has a clock of its own"))]
    fn clock(&self) -> Clock {
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &self.sandbox {
            return Clock::shifted(sandbox.clock().offset());
        }
        Clock::shifted(Arc::new(AtomicI64::new(0)))
    }

    #[cfg_attr(not(feature = "sandbox"), expect(clippy::unused_async, reason = "a sandbox is waited for"))]
    async fn shutdown(self) {
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}
