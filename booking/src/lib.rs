//! The booking domain: people, schedules, availability, bookings, the outbox, message texts.

pub mod clock;
pub mod entropy;
pub mod id;
pub mod phone;
