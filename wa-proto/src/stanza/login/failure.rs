use std::fmt;
use std::time::Duration;

use crate::node::{Node, NodeRef, ShapeError};

/// The login was refused; the server closes the connection after this stanza.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: FailureReason,
    /// The stanza as received, for reports about reasons that nobody has seen yet.
    pub raw: Node,
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureReason {
    /// The payload was not understood (400).
    BadRequest,
    /// The device was unlinked (401).
    LoggedOut,
    /// The account may not log in for some time (402).
    TemporaryBan {
        /// What it was banned for.
        code: BanCode,
        /// For how long from now, if the server says so.
        expires_in: Option<Duration>,
    },
    /// The account is locked (403).
    Locked,
    /// Our version is too old (405).
    ClientOutdated,
    /// The account is banned, or gone in some other way (406).
    Banned,
    /// The user agent was refused (409).
    BadUserAgent,
    /// A token that only other products have expired or is invalid (413, 414).
    ProductToken,
    /// Not found (415).
    NotFound,
    /// The client is unknown (418).
    ClientUnknown,
    /// Trouble on the server's side (500, 503).
    ServerTrouble,
    /// An experiment of the server (501).
    Experimental,
    /// Any other number, or none.
    Unknown(Option<u16>),
}

/// What an account was banned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BanCode {
    /// Sent to too many people who do not have the account among their contacts (101).
    SentToTooManyStrangers,
    /// Blocked by too many people (102).
    BlockedByUsers,
    /// Made too many groups with strangers (103).
    CreatedTooManyGroups,
    /// Sent one message to too many people (104).
    SentTooManySameMessage,
    /// Sent too much to broadcast lists (106).
    BroadcastList,
    /// Any other number, or none.
    Unknown(Option<u16>),
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureStep {
    /// The keys are useless: stop, and keep chats until the user links again.
    LoggedOut,
    /// Stop and tell the user.
    Stop,
    /// Look for a newer version, then try again.
    UpdateVersion,
    /// Try again, with back-off.
    Reconnect,
}

impl FailureReason {
    /// Returns what to do.
    #[must_use]
    pub const fn step(self) -> FailureStep {
        match self {
            Self::LoggedOut | Self::Locked | Self::Banned => FailureStep::LoggedOut,
            Self::ClientOutdated => FailureStep::UpdateVersion,
            Self::ServerTrouble => FailureStep::Reconnect,
            Self::BadRequest
            | Self::TemporaryBan { .. }
            | Self::BadUserAgent
            | Self::ProductToken
            | Self::NotFound
            | Self::ClientUnknown
            | Self::Experimental
            | Self::Unknown(_) => FailureStep::Stop,
        }
    }

    fn read(node: NodeRef<'_>) -> Self {
        let Some(reason) = number(node, "reason") else {
            return Self::Unknown(None);
        };
        match reason {
            400 => Self::BadRequest,
            401 => Self::LoggedOut,
            402 => Self::TemporaryBan {
                code: BanCode::from_number(number(node, "code")),
                expires_in: node.attr_u64("expire").map(Duration::from_secs),
            },
            403 => Self::Locked,
            405 => Self::ClientOutdated,
            406 => Self::Banned,
            409 => Self::BadUserAgent,
            413 | 414 => Self::ProductToken,
            415 => Self::NotFound,
            418 => Self::ClientUnknown,
            500 | 503 => Self::ServerTrouble,
            501 => Self::Experimental,
            other => Self::Unknown(Some(other)),
        }
    }

    const fn number(self) -> Option<u16> {
        Some(match self {
            Self::BadRequest => 400,
            Self::LoggedOut => 401,
            Self::TemporaryBan { .. } => 402,
            Self::Locked => 403,
            Self::ClientOutdated => 405,
            Self::Banned => 406,
            Self::BadUserAgent => 409,
            Self::ProductToken => 413,
            Self::NotFound => 415,
            Self::ClientUnknown => 418,
            Self::ServerTrouble => 503,
            Self::Experimental => 501,
            Self::Unknown(number) => return number,
        })
    }
}

impl BanCode {
    const fn from_number(number: Option<u16>) -> Self {
        match number {
            Some(101) => Self::SentToTooManyStrangers,
            Some(102) => Self::BlockedByUsers,
            Some(103) => Self::CreatedTooManyGroups,
            Some(104) => Self::SentTooManySameMessage,
            Some(106) => Self::BroadcastList,
            other => Self::Unknown(other),
        }
    }

    const fn number(self) -> Option<u16> {
        Some(match self {
            Self::SentToTooManyStrangers => 101,
            Self::BlockedByUsers => 102,
            Self::CreatedTooManyGroups => 103,
            Self::SentTooManySameMessage => 104,
            Self::BroadcastList => 106,
            Self::Unknown(number) => return number,
        })
    }
}

impl Failure {
    /// Reads the stanza. A reason that is missing or no number is unknown, not an error.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Tag`] if it is another stanza.
    pub fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        node.expect_tag("failure")?;
        Ok(Self { reason: FailureReason::read(node), raw: node.to_owned() })
    }

    /// Writes a failure, as the server does.
    #[must_use]
    pub fn node(reason: FailureReason) -> Node {
        let node = Node::new("failure").attr_opt("reason", reason.number()).attr("location", "lla");
        match reason {
            FailureReason::TemporaryBan { code, expires_in } => node
                .attr_opt("code", code.number())
                .attr_opt("expire", expires_in.map(|expires_in| expires_in.as_secs())),
            FailureReason::BadRequest
            | FailureReason::LoggedOut
            | FailureReason::Locked
            | FailureReason::ClientOutdated
            | FailureReason::Banned
            | FailureReason::BadUserAgent
            | FailureReason::ProductToken
            | FailureReason::NotFound
            | FailureReason::ClientUnknown
            | FailureReason::ServerTrouble
            | FailureReason::Experimental
            | FailureReason::Unknown(_) => node,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("reason", &self.reason).finish_non_exhaustive()
    }
}

fn number(node: NodeRef<'_>, key: &str) -> Option<u16> {
    u16::try_from(node.attr_u64(key)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(node: &Node) -> FailureReason {
        Failure::read(node.tree().root()).unwrap().reason
    }

    #[test]
    fn every_number_has_its_reason_and_step() {
        for (number, expected) in [
            (400, FailureStep::Stop),
            (401, FailureStep::LoggedOut),
            (402, FailureStep::Stop),
            (403, FailureStep::LoggedOut),
            (405, FailureStep::UpdateVersion),
            (406, FailureStep::LoggedOut),
            (409, FailureStep::Stop),
            (413, FailureStep::Stop),
            (415, FailureStep::Stop),
            (418, FailureStep::Stop),
            (501, FailureStep::Stop),
            (503, FailureStep::Reconnect),
            (777, FailureStep::Stop),
        ] {
            let read = reason(&Node::new("failure").attr("reason", number));
            assert_eq!(read.step(), expected, "{number}");
            assert_eq!(read.number(), Some(number));
            assert_eq!(reason(&Failure::node(read)), read);
        }
        assert_eq!(reason(&Node::new("failure").attr("reason", "500")), FailureReason::ServerTrouble);
    }

    #[test]
    fn a_missing_or_unreadable_reason_is_unknown() {
        for node in [Node::new("failure"), Node::new("failure").attr("reason", "soon")] {
            assert_eq!(reason(&node), FailureReason::Unknown(None));
        }
    }

    #[test]
    fn a_ban_says_what_for_and_how_long() {
        for code in [101, 102, 103, 104, 106, 199] {
            let ban = FailureReason::TemporaryBan {
                code: BanCode::from_number(Some(code)),
                expires_in: Some(Duration::from_hours(1)),
            };
            assert_eq!(reason(&Failure::node(ban)), ban);
        }
        let bare = Node::new("failure").attr("reason", "402");
        let expected = FailureReason::TemporaryBan { code: BanCode::Unknown(None), expires_in: None };
        assert_eq!(reason(&bare), expected);
    }

    #[test]
    fn the_raw_stanza_is_kept_but_not_printed() {
        let node = Node::new("failure").attr("reason", "777").attr("message", "77010000001");
        let failure = Failure::read(node.tree().root()).unwrap();
        assert_eq!(failure.raw, node);
        assert!(!format!("{failure:?}").contains("7701"));
    }
}
