//! `<ack>`: that a stanza arrived, in either direction, and why it was refused.

use std::borrow::Cow;

use crate::jid::Jid;
use crate::node::{Node, NodeRef, ShapeError};
use crate::stanza::Direction;

/// What kind of stanza is acknowledged: its tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AckClass {
    /// A message.
    Message,
    /// A receipt.
    Receipt,
    /// A notification.
    Notification,
    /// A call.
    Call,
    /// Another stanza, by its tag.
    Other(Cow<'static, str>),
}

impl AckClass {
    /// The value of the `class` attribute.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Message => "message",
            Self::Receipt => "receipt",
            Self::Notification => "notification",
            Self::Call => "call",
            Self::Other(tag) => tag,
        }
    }

    /// The class of stanzas with that tag.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        match tag {
            "message" => Self::Message,
            "receipt" => Self::Receipt,
            "notification" => Self::Notification,
            "call" => Self::Call,
            other => Self::Other(Cow::Owned(other.to_owned())),
        }
    }
}

/// Why we refuse a stanza for good: the server takes it off its queue.
///
/// Never for a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The stanza does not have the shape it should have.
    Parsing,
    /// No stanza we know.
    UnknownStanza,
    /// No class we know.
    UnknownClass,
    /// No type we know.
    UnknownType,
    /// The decrypted content is no message.
    InvalidProtobuf,
    /// A stanza of a hosted companion that breaks its rules.
    HostedCompanion,
    /// The secret of the message it belongs to is not known.
    MissingMessageSecret,
    /// The message was encrypted with a key that was used before.
    OldCounter,
    /// The message was deleted at its sender.
    DeletedOnPeer,
    /// Something that is not handled.
    Unhandled,
    /// A revoke of an administrator in a place without any.
    AdminRevoke,
    /// A group by hidden ids that is not supported.
    LidGroup,
    /// Our own store failed.
    Database,
}

impl Rejection {
    /// The value of the `error` attribute.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Parsing => 487,
            Self::UnknownStanza => 488,
            Self::UnknownClass => 489,
            Self::UnknownType => 490,
            Self::InvalidProtobuf => 491,
            Self::HostedCompanion => 493,
            Self::MissingMessageSecret => 495,
            Self::OldCounter => 496,
            Self::DeletedOnPeer => 499,
            Self::Unhandled => 500,
            Self::AdminRevoke => 550,
            Self::LidGroup => 551,
            Self::Database => 552,
        }
    }
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The tag of the stanza.
    pub class: AckClass,
    /// Its id.
    pub id: String,
    /// The other party: `to` on the way up, `from` on the way down.
    pub peer: Jid,
    /// Its `participant`.
    pub participant: Option<Jid>,
    /// Its `recipient`.
    pub recipient: Option<Jid>,
    /// Its `type`.
    pub kind: Option<String>,
    /// Our own device, in acks of messages on the way up.
    pub own_device: Option<Jid>,
    /// The refusal, by its code.
    pub error: Option<u16>,
    /// The server's time in Unix seconds, on the way down: the time of the message.
    pub timestamp: Option<u64>,
    /// The server's hash of the devices that should have been addressed, when it differs.
    pub phash: Option<String>,
    /// The number of a newsletter post.
    pub server_id: Option<u64>,
}

impl Ack {
    /// A plain acknowledgement.
    #[must_use]
    pub fn new(class: AckClass, id: impl Into<String>, peer: Jid) -> Self {
        Self {
            class,
            id: id.into(),
            peer,
            participant: None,
            recipient: None,
            kind: None,
            own_device: None,
            error: None,
            timestamp: None,
            phash: None,
            server_id: None,
        }
    }

    /// The acknowledgement for a stanza from the server, whatever it holds.
    ///
    /// Copies `participant`, `recipient` and `type` as every client does. `own_device` is our device
    /// JID by phone number and only goes into acks of messages.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when the stanza has no id or no sender: then there is nothing to answer.
    pub fn answer(stanza: NodeRef<'_>, own_device: &Jid) -> Result<Self, ShapeError> {
        let class = AckClass::of(stanza.tag());
        let id = stanza.value("id").ok_or(ShapeError::NoAttr { key: "id" })?.to_text().into_owned();
        let own_device = (class == AckClass::Message).then(|| own_device.clone());
        Ok(Self {
            participant: stanza.attr_jid("participant"),
            recipient: stanza.attr_jid("recipient"),
            kind: stanza.attr_str("type").map(str::to_owned),
            own_device,
            ..Self::new(class, id, stanza.require_jid("from")?)
        })
    }

    /// The same acknowledgement as a refusal.
    #[must_use]
    pub fn rejecting(self, rejection: Rejection) -> Self {
        Self { error: Some(rejection.code()), ..self }
    }

    /// Reads an acknowledgement.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when class, id or the other party is missing.
    pub fn parse(node: NodeRef<'_>, direction: Direction) -> Result<Self, ShapeError> {
        let node = node.expect_tag("ack")?;
        let class = AckClass::of(node.require_str("class")?);
        let id = node.value("id").ok_or(ShapeError::NoAttr { key: "id" })?.to_text().into_owned();
        let error = node.attr_u64("error").or_else(|| node.child("error")?.attr_u64("code"));
        Ok(Self {
            participant: node.attr_jid("participant"),
            recipient: node.attr_jid("recipient"),
            kind: node.attr_str("type").map(str::to_owned),
            own_device: match direction {
                Direction::Up => node.attr_jid("from"),
                Direction::Down => None,
            },
            error: error.map(|code| u16::try_from(code).unwrap_or(u16::MAX)),
            timestamp: node.attr_u64("t"),
            phash: node.attr_str("phash").map(str::to_owned),
            server_id: node.attr_u64("server_id"),
            ..Self::new(class, id, node.require_jid(direction.peer_attr())?)
        })
    }

    /// Writes the acknowledgement.
    #[must_use]
    pub fn to_node(&self, direction: Direction) -> Node {
        let own_device = match direction {
            Direction::Up => self.own_device.as_ref(),
            Direction::Down => None,
        };
        Node::new("ack")
            .attr("class", self.class.as_str().to_owned())
            .attr("id", self.id.clone())
            .attr(direction.peer_attr(), &self.peer)
            .attr_opt("participant", self.participant.as_ref())
            .attr_opt("recipient", self.recipient.as_ref())
            .attr_opt("type", self.kind.clone())
            .attr_opt("from", own_device)
            .attr_opt("t", self.timestamp)
            .attr_opt("phash", self.phash.clone())
            .attr_opt("server_id", self.server_id)
            .attr_opt("error", self.error)
    }

    /// What the server said about a message of ours.
    ///
    /// # Errors
    ///
    /// [`SendRefusal`] when it was refused.
    pub fn outcome(&self) -> Result<(), SendRefusal> {
        self.error.map_or(Ok(()), |code| Err(SendRefusal::from_code(code)))
    }
}

/// Why the server refused a message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendRefusal {
    /// 400: the stanza is malformed or addressed in the wrong namespace.
    #[error("the server found the message malformed or wrongly addressed (400)")]
    Malformed,
    /// 401 or 403: we may not write there: not a member, administrators only, blocked.
    #[error("not allowed to write to this chat ({code})")]
    NotAllowed {
        /// The code.
        code: u16,
    },
    /// 404: the recipient does not exist.
    #[error("the recipient does not exist (404)")]
    NoRecipient,
    /// 405: this kind of message is not allowed for the account.
    #[error("this kind of message is not allowed for the account (405)")]
    KindNotAllowed,
    /// 406: not acceptable, without a known reason.
    #[error("the server does not accept the message (406)")]
    NotAcceptable,
    /// 421: the group has changed its addressing mode.
    #[error("the group's addressing mode has changed (421)")]
    StaleAddressing,
    /// 429: too many messages.
    #[error("the server limits the rate of messages (429)")]
    RateLimited,
    /// 463: no token for a new contact, or the account may not write to new contacts for some time.
    #[error("the account may not write to this new contact (463)")]
    NewContactRefused,
    /// 473: a business shape that is not allowed.
    #[error("the server refuses this business message (473)")]
    ShapeRefused,
    /// 475: the number of new chats in this period is used up.
    #[error("the number of new chats for this period is used up (475)")]
    NewChatsCapped,
    /// 479: a rule about the stanza is broken; an error of the client.
    #[error("the server found the message invalid (479)")]
    Invalid,
    /// 500 or 503: the server failed.
    #[error("the server failed to take the message ({code})")]
    ServerFailed {
        /// The code.
        code: u16,
    },
    /// Any other code.
    #[error("the server refused the message with code {code}")]
    Unknown {
        /// The code.
        code: u16,
    },
}

/// What to do after a refusal. The message keeps its id in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReaction {
    /// Encrypt and send once more in the other namespace; then give up.
    OtherNamespace,
    /// Fetch the group's metadata, encrypt and send once more; then give up.
    RefreshGroup,
    /// Stop all sending for a minute at least, longer each time.
    BackOff,
    /// Send again after a delay, three times at most.
    RetryLater,
    /// Give up; forget the recipient's devices and names.
    ForgetRecipient,
    /// Give up, and pause messages to contacts that never wrote.
    PauseNewContacts,
    /// Give up and ask for the own device list once: broken sessions with own devices may be behind it.
    RefreshOwnDevices,
    /// Give up.
    Fail,
}

impl SendRefusal {
    /// The refusal behind a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            400 => Self::Malformed,
            401 | 403 => Self::NotAllowed { code },
            404 => Self::NoRecipient,
            405 => Self::KindNotAllowed,
            406 => Self::NotAcceptable,
            421 => Self::StaleAddressing,
            429 => Self::RateLimited,
            463 => Self::NewContactRefused,
            473 => Self::ShapeRefused,
            475 => Self::NewChatsCapped,
            479 => Self::Invalid,
            500 | 503 => Self::ServerFailed { code },
            code => Self::Unknown { code },
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NoRecipient => 404,
            Self::KindNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::StaleAddressing => 421,
            Self::RateLimited => 429,
            Self::NewContactRefused => 463,
            Self::ShapeRefused => 473,
            Self::NewChatsCapped => 475,
            Self::Invalid => 479,
            Self::NotAllowed { code } | Self::ServerFailed { code } | Self::Unknown { code } => code,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn reaction(self) -> RefusalReaction {
        match self {
            Self::Malformed => RefusalReaction::OtherNamespace,
            Self::NoRecipient => RefusalReaction::ForgetRecipient,
            Self::StaleAddressing => RefusalReaction::RefreshGroup,
            Self::RateLimited => RefusalReaction::BackOff,
            Self::NewContactRefused | Self::NewChatsCapped => RefusalReaction::PauseNewContacts,
            Self::Invalid => RefusalReaction::RefreshOwnDevices,
            Self::ServerFailed { .. } => RefusalReaction::RetryLater,
            Self::NotAllowed { .. }
            | Self::KindNotAllowed
            | Self::NotAcceptable
            | Self::ShapeRefused
            | Self::Unknown { .. } => RefusalReaction::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(ack: &Ack, direction: Direction) -> Ack {
        let wire = ack.to_node(direction).encode().unwrap();
        let tree = crate::node::decode(&wire).unwrap();
        Ack::parse(tree.root(), direction).unwrap()
    }

    #[test]
    fn a_server_ack_comes_back() {
        let mut ack = Ack::new(AckClass::Message, "3EB0A1", Jid::lid("990000000000002"));
        ack.timestamp = Some(1_760_000_001);
        ack.phash = Some("2:AbCdEfGh".into());
        assert_eq!(round_trip(&ack, Direction::Down), ack);
        assert_eq!(ack.outcome(), Ok(()));
        ack.error = Some(463);
        let read = round_trip(&ack, Direction::Down);
        assert_eq!(read.outcome(), Err(SendRefusal::NewContactRefused));
    }

    #[test]
    fn an_answer_echoes_the_stanza() {
        let own: Jid = "77010000001:7@s.whatsapp.net".parse().unwrap();
        let from: Jid = "77010000002:3@s.whatsapp.net".parse().unwrap();
        let stanza = Node::new("message").attr("id", "A").attr("from", &from).attr("type", "text");
        let ack = Ack::answer(stanza.tree().root(), &own).unwrap().rejecting(Rejection::Parsing);
        assert_eq!(ack.own_device.as_ref(), Some(&own));
        assert_eq!((ack.kind.as_deref(), ack.error), (Some("text"), Some(487)));
        assert_eq!(round_trip(&ack, Direction::Up), ack);
        let stanza = Node::new("notification").attr("id", "A").attr("from", &from).attr("type", "devices");
        assert_eq!(Ack::answer(stanza.tree().root(), &own).unwrap().own_device, None);
    }

    #[test]
    fn codes_survive_and_some_are_never_retried() {
        for code in [400, 401, 403, 404, 405, 406, 421, 429, 463, 473, 475, 479, 500, 503, 999] {
            assert_eq!(SendRefusal::from_code(code).code(), code);
        }
        for code in [405, 463, 473, 475, 479] {
            let reaction = SendRefusal::from_code(code).reaction();
            let retries = [
                RefusalReaction::OtherNamespace,
                RefusalReaction::RefreshGroup,
                RefusalReaction::BackOff,
                RefusalReaction::RetryLater,
            ];
            assert!(!retries.contains(&reaction), "{code}");
        }
    }
}
