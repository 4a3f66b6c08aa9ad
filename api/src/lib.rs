//! The REST API of the booking platform, its OpenAPI document, and the program around them.
//!
//! [`router::router`] builds the whole API from an [`AppState`](state::AppState); it needs no port, so tests call it
//! directly. A handler extracts, calls one function of [`booking`], and maps: rules live there, and SQL does not live
//! here. Every error is a [`Problem`](http::problem::Problem) in the client's language; who may do what is told by the
//! [`authority`] types in a handler's signature, and a handler without one is public.
//!
//! [`program::Program`] puts the API beside the dispatcher of [`scheduler`], the routes of the earlier WhatsApp service
//! ([`compat`]) and, with the feature `sandbox`, a WhatsApp of its own.
//!
//! ```
//! let document = api::router::document();
//! assert!(document.paths.paths.contains_key("/api/v1/public/booking"));
//! ```

// One request.
pub mod authority;
pub mod errors;
pub mod http;
pub mod input;
pub mod money;
pub mod routes;

// The API.
pub mod docs;
pub mod metrics;
pub mod outline;
pub mod resource;
pub mod router;
pub mod state;

// The program.
pub mod banner;
pub mod command;
pub mod compat;
pub mod program;
