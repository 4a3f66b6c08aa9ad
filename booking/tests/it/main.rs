//! The promises of the crate, on both engines.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

mod accounts;
mod bookings;
mod bulk;
mod catalogue;
mod clients;
mod closed;
mod concurrency;
mod crash;
mod delivery;
mod idempotency;
mod inbound;
mod languages;
mod moving;
mod paging;
mod people;
mod reminders;
mod rounds;
mod salon;
mod slots;
mod staff;
mod tenants;
mod upgrade;
mod visits;
mod write_path;
