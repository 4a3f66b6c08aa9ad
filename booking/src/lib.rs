//! The booking domain: people, schedules, availability, bookings, the outbox, message texts.
//!
//! It knows neither HTTP nor WhatsApp. [`platform::Platform`] is what every use case needs; `api` calls the use cases,
//! and `scheduler` sends what they leave in the [`outbox`], under a [`lease`] of the [`account`].

pub mod clock;
pub mod entropy;
pub mod id;
pub mod language;
pub mod phone;
pub mod platform;
pub mod policy;
pub mod schema;
pub mod store;

pub mod account;
pub mod lease;
pub mod outbox;
