//! Delivery: account leases, the dispatcher, everything that time causes.

pub mod pacing;
pub mod retry;
pub mod sandbox;
pub mod settings;
pub mod stop;
pub mod telemetry;
