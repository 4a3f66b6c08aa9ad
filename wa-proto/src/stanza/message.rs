//! `<message>`: an encrypted message, as a client sends it and as the server delivers it.

mod enc;
mod incoming;
mod outgoing;

pub use self::enc::{Enc, EncKind};
pub use self::incoming::{IncomingMessage, Unavailable};
pub use self::outgoing::{Addressed, OutgoingMessage, PushPriority};

/// Most devices that are read from one stanza; a stanza that names more is refused.
pub const MAX_ADDRESSED: usize = 8192;
