//! Delivery: whichever process holds a WhatsApp account's lease sends the messages that are due for it.
//!
//! [`dispatcher::Dispatcher`] is the whole of it: both programs, `api` and `scheduler`, run one on the same database,
//! and an account moves from one to the other within a lease when a process dies. Beside it stand what both programs
//! share: [`settings`], [`start`], [`serve`], [`watch`], [`supervisor`], [`telemetry`] and [`stop`].
//!
//! It plans nothing (that is the outbox of [`booking`], in the transaction that causes a message) and knows no protocol
//! (that is [`wa_client`]).
//!
//! ```no_run
//! use scheduler::dispatcher::Dispatcher;
//! use scheduler::settings::{Settings, Source};
//! use scheduler::{start, stop};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::parse(&Source::from_process()?)?;
//! let platform = start::platform(&settings, booking::clock::Clock::system()).await?;
//! let parts = start::dispatcher_parts(&settings, platform, start::target(&settings));
//! Dispatcher::open(parts).await?.run(stop::on_signal()?).await;
//! # Ok(()) }
//! ```

// Sending.
pub mod desk;
pub mod dispatcher;
pub mod link;
pub mod pacing;
pub mod retry;
pub mod sandbox;
pub mod timekeeper;

// Programs.
pub mod program;
pub mod serve;
pub mod settings;
pub mod start;
pub mod stop;
pub mod supervisor;
pub mod telemetry;
pub mod watch;
