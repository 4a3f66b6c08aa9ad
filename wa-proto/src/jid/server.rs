//! The server part of an address.

use std::fmt;

/// The part of a [`Jid`](super::Jid) after the `@`: which kind of address it is.
///
/// A name that is not known stays as text, so that a new kind of address never makes a frame unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Server {
    /// `s.whatsapp.net`: a user by phone number; without a user, the server itself.
    Pn,
    /// `lid`: a user by hidden identifier.
    Lid,
    /// `hosted`: a phone-number user's device in the cloud.
    Hosted,
    /// `hosted.lid`: a hidden user's device in the cloud.
    HostedLid,
    /// `g.us`: a group or community.
    Group,
    /// `broadcast`: a broadcast list, or `status@broadcast`.
    Broadcast,
    /// `newsletter`: a channel.
    Newsletter,
    /// `bot`: an automated assistant.
    Bot,
    /// `c.us`: the old name of `s.whatsapp.net`, still hashed into message ids.
    Legacy,
    /// `call`: a call.
    Call,
    /// `msgr`: a Messenger user.
    Messenger,
    /// `interop`: a user of another network.
    Interop,
    /// Any other name.
    Other(Box<str>),
}

impl Server {
    /// Returns the name as it stands after the `@`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pn => "s.whatsapp.net",
            Self::Lid => "lid",
            Self::Hosted => "hosted",
            Self::HostedLid => "hosted.lid",
            Self::Group => "g.us",
            Self::Broadcast => "broadcast",
            Self::Newsletter => "newsletter",
            Self::Bot => "bot",
            Self::Legacy => "c.us",
            Self::Call => "call",
            Self::Messenger => "msgr",
            Self::Interop => "interop",
            Self::Other(name) => name,
        }
    }

    /// Returns the server on which the user of a hosted device is.
    pub(super) fn of_user(&self) -> Option<Self> {
        if *self == Self::Hosted {
            Some(Self::Pn)
        } else if *self == Self::HostedLid {
            Some(Self::Lid)
        } else {
            None
        }
    }

    /// Returns the server of that name; every text has one.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "s.whatsapp.net" => Self::Pn,
            "lid" => Self::Lid,
            "hosted" => Self::Hosted,
            "hosted.lid" => Self::HostedLid,
            "g.us" => Self::Group,
            "broadcast" => Self::Broadcast,
            "newsletter" => Self::Newsletter,
            "bot" => Self::Bot,
            "c.us" => Self::Legacy,
            "call" => Self::Call,
            "msgr" => Self::Messenger,
            "interop" => Self::Interop,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
