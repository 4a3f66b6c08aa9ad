//! The usync query: which devices does an account have, is a number registered, what is its LID.
//!
//! ```
//! use wa_proto::jid::Jid;
//! use wa_proto::stanza::usync::{Context, Protocol, UsyncAnswer, UsyncQuery};
//!
//! let query = UsyncQuery::devices("u-18", [&Jid::pn("77010000002")], Context::Message);
//! let iq = query.to_iq("u-17");
//! // … the server answers …
//! # let reply = UsyncAnswer { sid: "u-18".into(), failures: vec![], users: vec![] }.to_iq("u-17", &query);
//! let answer = UsyncAnswer::parse(reply.tree().root())?;
//! assert!(answer.failure(Protocol::Devices).is_none());
//! # Ok::<(), wa_proto::node::ShapeError>(())
//! ```

mod answer;
mod query;

pub use self::answer::{Contact, Registration, UserAnswer, UserError, UsyncAnswer, UsyncFailure};
pub(crate) use self::answer::{device_node, read_device, read_signed_list, signed_list_node};
pub use self::query::{Context, DevicesHint, Mode, Protocol, UserQuery, UsyncQuery};

/// Most users this client puts into one query.
pub const MAX_USERS: usize = 50;

/// Most users that are read from one query or answer; what lies beyond is dropped.
const MAX_USERS_READ: usize = 10_000;
