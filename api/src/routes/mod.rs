//! The routes, one file per resource.

pub mod auth;
pub mod availability;
pub mod bookings;
pub mod health;
pub mod public;
