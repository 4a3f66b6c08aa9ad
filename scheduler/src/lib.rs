//! Delivery: account leases, the dispatcher, everything that time causes.

pub mod dispatcher;
pub mod link;
pub mod pacing;
pub mod retry;
pub mod sandbox;
pub mod settings;
pub mod start;
pub mod stop;
pub mod telemetry;
