//! The REST API, its OpenAPI document and its pages.

pub mod accounts;
pub mod authority;
pub mod banner;
pub mod compat;
pub mod docs;
pub mod errors;
pub mod http;
pub mod input;
pub mod money;
pub mod program;
pub mod router;
pub mod routes;
pub mod serve;
pub mod state;
