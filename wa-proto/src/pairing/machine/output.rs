use std::fmt;
use std::time::Duration;

use crate::connection::RequestError;
use crate::device::DeviceRecord;
use crate::jid::Jid;
use crate::node::Node;
use crate::pairing::adv::AdvSecret;
use crate::pairing::code::PairingCode;
use crate::pairing::qr::QrCode;
use crate::pairing::success::Linked;
use crate::stanza::iq::Request as _;
use crate::stanza::pair::{CompanionFinish, CompanionHello, PairRefusal, PasskeyRequest};

/// The next thing to do for a pairing.
#[derive(Debug)]
pub enum PairingOutput {
    /// To be made durable before the next poll.
    Persist(PairingChange),
    /// To be sent; nobody waits for an answer.
    Transmit(Node),
    /// To be sent with an id; the answer goes to [`handle_response`](super::Pairing::handle_response) with
    /// [`PairingRequest::step`].
    Request(PairingRequest),
    /// Something for the user.
    Event(PairingEvent),
    /// The connection is of no more use: close it.
    Disconnect,
    /// Nothing to do before more arrives, or before that time: [`timed_out`](super::Pairing::timed_out) then.
    Idle {
        /// Time at the latest; `None` if nothing is waited for.
        until: Option<Duration>,
    },
}

/// A change of the device record.
#[derive(Debug, Clone)]
pub enum PairingChange {
    /// A new adv secret.
    AdvSecret(AdvSecret),
    /// The device is linked. The identity and the addresses in it are to be stored in the same commit.
    Linked(Box<Linked>),
}

impl PairingChange {
    /// Makes the change.
    pub fn apply(&self, record: &mut DeviceRecord) {
        match self {
            Self::AdvSecret(secret) => record.keys.adv_secret = secret.clone(),
            Self::Linked(linked) => linked.apply(record),
        }
    }
}

/// A request of linking by code.
#[derive(Debug, Clone)]
pub enum PairingRequest {
    /// Announces a code.
    Hello(CompanionHello),
    /// Hands over the bundle.
    Finish(CompanionFinish),
}

/// Which request an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingStep {
    /// [`PairingRequest::Hello`].
    Hello,
    /// [`PairingRequest::Finish`].
    Finish,
}

impl PairingRequest {
    /// Writes the request with the id that the connection chose.
    #[must_use]
    pub fn to_node(&self, id: &str) -> Node {
        match self {
            Self::Hello(hello) => hello.to_node(id),
            Self::Finish(finish) => finish.to_node(id),
        }
    }

    /// Returns what the answer is to be handed back with.
    #[must_use]
    pub const fn step(&self) -> PairingStep {
        match self {
            Self::Hello(_) => PairingStep::Hello,
            Self::Finish(_) => PairingStep::Finish,
        }
    }
}

/// Something that the user has to see or know.
#[non_exhaustive]
pub enum PairingEvent {
    /// Show this QR code instead of the one before.
    Qr {
        /// The code.
        code: QrCode,
        /// When the next one comes.
        valid_until: Duration,
    },
    /// Show this code, to be typed into the phone.
    Code {
        /// The code.
        code: PairingCode,
        /// When it ends.
        valid_until: Duration,
    },
    /// The code that was shown or asked for is of no more use.
    CodeEnded(CodeEnd),
    /// The server demands a passkey, which needs an authenticator outside of this program.
    PasskeyRequired(PasskeyRequest),
    /// The device is linked and the phone told so. The server now ends the connection; log in then.
    Linked {
        /// Our phone-number JID.
        jid: Jid,
        /// Our LID.
        lid: Jid,
    },
    /// The phone's answer was refused.
    Refused(PairRefusal),
    /// All references are used up and no code is live. A new connection brings new references.
    Exhausted,
}

impl fmt::Debug for PairingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qr { valid_until, .. } => write!(f, "Qr {{ valid_until: {valid_until:?}, .. }}"),
            Self::Code { valid_until, .. } => write!(f, "Code {{ valid_until: {valid_until:?}, .. }}"),
            Self::CodeEnded(end) => f.debug_tuple("CodeEnded").field(end).finish(),
            Self::PasskeyRequired(request) => f.debug_tuple("PasskeyRequired").field(request).finish(),
            Self::Linked { jid, lid } => f.debug_struct("Linked").field("jid", jid).field("lid", lid).finish(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Exhausted => f.write_str("Exhausted"),
        }
    }
}

/// Why a code is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeEnd {
    /// Nobody typed it in time.
    #[error("the pairing code was not used in time")]
    Expired,
    /// The server refused it, or did not answer. Code 400 also means too many requests for the number, 452 that only QR
    /// codes are possible.
    #[error("the server refused the pairing code")]
    Refused(#[source] RequestError),
    /// The server's answer had no reference.
    #[error("the server's answer to the pairing code is incomplete")]
    NoReference,
    /// The phone stayed silent after the last step, as it does if a wrong code was typed.
    #[error("the phone did not finish the pairing: the code may have been mistyped")]
    PhoneSilent,
    /// The server wants a new code.
    #[error("the server wants a new pairing code")]
    RefreshWanted {
        /// Whether the user has to be asked before a new one is made.
        ask_user: bool,
    },
}

/// Why no code was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeRequestError {
    /// The server has not sent its references yet, or the attempt is over.
    #[error("the connection is not ready for a pairing code")]
    NotOpen,
    /// A code is live. A second one would leave the phone with one that does not work.
    #[error("another pairing code is still valid")]
    CodeIsLive,
    /// The number is not international: 7 to 15 digits without leading zero.
    #[error("a phone number for pairing has 7 to 15 digits and no leading zero")]
    MalformedNumber,
}
