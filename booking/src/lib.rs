//! The booking domain: people, schedules, availability, bookings, the outbox, message texts.
