//! What every route shares: problems, languages, limits, tokens, extractors.

pub mod broken;
pub mod context;
pub mod etag;
pub mod extract;
pub mod host;
pub mod idempotency;
pub mod language;
pub mod problem;
pub mod rate_limit;
pub mod slot;
pub mod texts;
pub mod token;
