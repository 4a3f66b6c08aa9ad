//! The local names of remote devices, under which records are stored and locked.

use std::fmt;
use std::str::FromStr;

use crate::jid::{Jid, JidError, Server};

/// The canonical name of one remote device: one device, one name, whatever form a stanza used.
///
/// Cloud devices are named like the others of their user (their device number is theirs alone), and a user whose LID is
/// known is named by it. `Display` gives the text for the store; the order is the one in which locks are taken. The
/// name never leaves the device.
///
/// ```
/// use wa_proto::jid::Jid;
/// use wa_proto::signal::DeviceAddress;
///
/// let hosted: Jid = "77010000002:99@hosted".parse()?;
/// let address = DeviceAddress::new(&hosted)?;
/// assert_eq!(address.to_string(), "77010000002:99@s.whatsapp.net");
/// let known = address.under_lid(&Jid::lid("990000000000002"));
/// assert_eq!(known.to_string(), "990000000000002:99@lid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceAddress(Jid);

impl DeviceAddress {
    /// Names the device at `jid`.
    ///
    /// # Errors
    ///
    /// [`AddressError::NotADevice`] for groups, broadcasts, channels and servers.
    pub fn new(jid: &Jid) -> Result<Self, AddressError> {
        let device = match jid.server() {
            Server::Group | Server::Broadcast | Server::Newsletter | Server::Call => false,
            Server::Pn
            | Server::Lid
            | Server::Hosted
            | Server::HostedLid
            | Server::Bot
            | Server::Legacy
            | Server::Messenger
            | Server::Interop
            | Server::Other(_) => !jid.is_server(),
        };
        if !device {
            return Err(AddressError::NotADevice);
        }
        Ok(Self(jid.account().with_device(jid.device())))
    }

    /// Renames a device of a phone number to the same device of that user's LID; others stay as they are.
    #[must_use]
    pub fn under_lid(&self, lid: &Jid) -> Self {
        if self.0.is_pn() && lid.is_lid() { Self(lid.account().with_device(self.0.device())) } else { self.clone() }
    }

    /// Returns the address in its canonical form.
    #[must_use]
    pub const fn as_jid(&self) -> &Jid {
        &self.0
    }

    /// Says whether the device is named by a phone number, so that it is to be renamed once the LID is known.
    #[must_use]
    pub fn is_pn(&self) -> bool {
        self.0.is_pn()
    }
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::new(&text.parse()?)
    }
}

/// Why an address does not name a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It names a group, a broadcast list, a channel or a server.
    #[error("address is not that of a device")]
    NotADevice,
    /// It is no address at all.
    #[error("malformed device address")]
    Malformed(#[from] JidError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> DeviceAddress {
        text.parse().unwrap()
    }

    #[test]
    fn one_device_has_one_name() {
        assert_eq!(address("77010000002:5@s.whatsapp.net").to_string(), "77010000002:5@s.whatsapp.net");
        assert_eq!(address("990000000000002:99@hosted.lid"), address("990000000000002:99@lid"));
        assert_eq!(address("77010000002:99@hosted"), address("77010000002:99@s.whatsapp.net"));
        assert_ne!(address("77010000002@lid"), address("77010000002@s.whatsapp.net"));
        assert_ne!(address("77010000002:1@lid"), address("77010000002@lid"));
    }

    #[test]
    fn only_phone_numbers_are_renamed() {
        let lid = Jid::lid("990000000000002").with_device(7);
        let renamed = address("77010000002:5@s.whatsapp.net").under_lid(&lid);
        assert_eq!(renamed, address("990000000000002:5@lid"));
        assert!(!renamed.is_pn());
        let other = address("990000000000003:5@lid");
        assert_eq!(other.under_lid(&lid), other);
        let bot = address("13135550002@bot");
        assert_eq!(bot.under_lid(&lid), bot);
        let phone = address("77010000002@s.whatsapp.net");
        assert_eq!(phone.under_lid(&Jid::pn("1")), phone);
    }

    #[test]
    fn what_is_no_device_has_no_name() {
        for text in ["1-2@g.us", "status@broadcast", "1@newsletter", "s.whatsapp.net"] {
            assert_eq!(text.parse::<DeviceAddress>(), Err(AddressError::NotADevice));
        }
        assert!(matches!("1:x@lid".parse::<DeviceAddress>(), Err(AddressError::Malformed(_))));
    }
}
