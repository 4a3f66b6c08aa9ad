use crate::node::{Node, NodeRef, ShapeError};

/// Why the server ends the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// Connect again with the credentials as they are now: the end of pairing (515).
    RestartRequired,
    /// The device was unlinked (401 with or without a conflict, 516).
    LoggedOut,
    /// Another connection with the same keys took over (conflict, 409).
    Replaced,
    /// Too many connections (429).
    RateLimited,
    /// The server restarts (503).
    ServerRestart,
    /// The server could not read what we sent.
    NotWellFormed,
    /// A stanza was never acknowledged; it will come again.
    Unacknowledged {
        /// Tag of the stanza.
        class: Option<String>,
        /// Id of the stanza.
        id: Option<String>,
    },
    /// Anything else.
    Other {
        /// The code, if there is one.
        code: Option<u16>,
    },
}

/// What to do after a stream error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamErrorStep {
    /// Connect again at once.
    ReconnectNow,
    /// Connect again, with back-off.
    Reconnect,
    /// Connect again, with a back-off that stays long.
    ReconnectSlowly,
    /// The keys are useless: stop.
    LoggedOut,
    /// Stop, so that two programs do not throw each other out in turns.
    StopReplaced,
}

impl StreamError {
    /// Returns what to do.
    #[must_use]
    pub const fn step(&self) -> StreamErrorStep {
        match self {
            Self::RestartRequired => StreamErrorStep::ReconnectNow,
            Self::LoggedOut => StreamErrorStep::LoggedOut,
            Self::Replaced => StreamErrorStep::StopReplaced,
            Self::RateLimited => StreamErrorStep::ReconnectSlowly,
            Self::ServerRestart | Self::NotWellFormed | Self::Unacknowledged { .. } | Self::Other { .. } => {
                StreamErrorStep::Reconnect
            }
        }
    }

    /// Reads the stanza. A conflict counts before the code, because it says more.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Tag`] if it is another stanza.
    pub fn read(node: NodeRef<'_>) -> Result<Self, ShapeError> {
        node.expect_tag("stream:error")?;
        let code = node.attr_u64("code").and_then(|code| u16::try_from(code).ok());
        match node.child("conflict").and_then(|conflict| conflict.attr_str("type")) {
            Some("device_removed") => return Ok(Self::LoggedOut),
            Some("replaced") => return Ok(Self::Replaced),
            Some(_) | None => {}
        }
        if node.child("xml-not-well-formed").is_some() {
            return Ok(Self::NotWellFormed);
        }
        if let Some(ack) = node.child("ack") {
            let attr = |key| ack.attr_str(key).map(str::to_owned);
            return Ok(Self::Unacknowledged { class: attr("class"), id: attr("id") });
        }
        Ok(match code {
            Some(515) => Self::RestartRequired,
            Some(401 | 516) => Self::LoggedOut,
            Some(409) => Self::Replaced,
            Some(429) => Self::RateLimited,
            Some(503) => Self::ServerRestart,
            other => Self::Other { code: other },
        })
    }

    /// Writes the stanza, as the server does.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let node = Node::new("stream:error");
        let conflict = |kind: &'static str| Node::new("conflict").attr("type", kind);
        match self {
            Self::RestartRequired => node.attr("code", "515"),
            Self::LoggedOut => node.attr("code", "401").child(conflict("device_removed")),
            Self::Replaced => node.child(conflict("replaced")),
            Self::RateLimited => node.attr("code", "429"),
            Self::ServerRestart => node.attr("code", "503"),
            Self::NotWellFormed => node.child(Node::new("xml-not-well-formed")),
            Self::Unacknowledged { class, id } => {
                node.child(Node::new("ack").attr_opt("class", class.clone()).attr_opt("id", id.clone()))
            }
            Self::Other { code } => node.attr_opt("code", *code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_written_and_read_and_has_its_step() {
        let unacknowledged =
            StreamError::Unacknowledged { class: Some("receipt".to_owned()), id: Some("3EB0".to_owned()) };
        for (error, step) in [
            (StreamError::RestartRequired, StreamErrorStep::ReconnectNow),
            (StreamError::LoggedOut, StreamErrorStep::LoggedOut),
            (StreamError::Replaced, StreamErrorStep::StopReplaced),
            (StreamError::RateLimited, StreamErrorStep::ReconnectSlowly),
            (StreamError::ServerRestart, StreamErrorStep::Reconnect),
            (StreamError::NotWellFormed, StreamErrorStep::Reconnect),
            (unacknowledged, StreamErrorStep::Reconnect),
            (StreamError::Other { code: Some(777) }, StreamErrorStep::Reconnect),
            (StreamError::Other { code: None }, StreamErrorStep::Reconnect),
        ] {
            assert_eq!(error.step(), step);
            assert_eq!(StreamError::read(error.to_node().tree().root()), Ok(error));
        }
    }

    #[test]
    fn bare_codes_and_unknown_conflicts_are_understood() {
        let read = |node: Node| StreamError::read(node.tree().root()).unwrap();
        let with_code = |code: u16| Node::new("stream:error").attr("code", code);
        assert_eq!(read(with_code(401)), StreamError::LoggedOut);
        assert_eq!(read(with_code(516)), StreamError::LoggedOut);
        assert_eq!(read(with_code(409)), StreamError::Replaced);
        let conflict = |kind: &'static str| Node::new("conflict").attr("type", kind);
        assert_eq!(read(with_code(401).child(conflict("new"))), StreamError::LoggedOut);
        let unknown = Node::new("stream:error").child(conflict("new"));
        assert_eq!(read(unknown), StreamError::Other { code: None });
        assert!(StreamError::read(Node::new("iq").tree().root()).is_err());
    }
}
