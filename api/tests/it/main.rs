//! Whole flows over the router, on a database of their own.

mod auth;
mod bad_input;
mod bookings;
mod document;
mod limits;
mod public;
mod support;
