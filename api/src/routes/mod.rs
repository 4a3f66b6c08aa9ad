//! The routes, one file per resource.

pub mod admin;
pub mod api_keys;
pub mod audit;
pub mod auth;
pub mod availability;
pub mod bookings;
pub mod client_bookings;
pub mod client_login;
pub mod clients;
pub mod health;
pub mod holidays;
pub mod invitations;
pub mod masters;
pub mod me;
pub mod public;
pub mod schedule;
pub mod services;
pub mod settings;
pub mod templates;
pub mod texts;
pub mod time_off;
pub mod users;
