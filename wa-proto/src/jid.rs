//! Addresses of users, devices, groups and the server.

mod compact;
mod server;

use std::fmt;
use std::str::FromStr;

use self::compact::CompactText;
pub use self::server::Server;

/// An address: `user[:device]@server`, or a bare server name.
///
/// Device 0 is the account's phone, 1 to 255 are companions. The user part is whatever the server sent; for
/// people it is a phone number in E.164 form without the plus, or a LID.
///
/// `Debug` shows at most the last two characters of the user part, because an address names a person;
/// `Display` prints it all.
///
/// ```
/// use wa_proto::jid::{Jid, Server};
///
/// let phone = Jid::pn("77012345678");
/// let companion = phone.with_device(12);
/// assert_eq!(companion.to_string(), "77012345678:12@s.whatsapp.net");
/// assert_eq!("77012345678:12@s.whatsapp.net".parse(), Ok(companion.clone()));
/// assert_eq!(companion.account(), phone);
/// assert_eq!(companion.server(), &Server::Pn);
/// assert!(!format!("{companion:?}").contains("770123"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jid {
    user: CompactText,
    server: Server,
    device: u16,
    integrator: u16,
}

impl Jid {
    /// The server itself: `s.whatsapp.net` without a user.
    pub const SERVER: Self = Self { user: CompactText::EMPTY, server: Server::Pn, device: 0, integrator: 0 };

    /// Makes the address of `user` on `server`, device 0.
    #[must_use]
    pub fn new(user: &str, server: Server) -> Self {
        Self { user: CompactText::new(user), server, device: 0, integrator: 0 }
    }

    /// Makes a phone-number address, device 0: `user` is E.164 without the plus.
    #[must_use]
    pub fn pn(user: &str) -> Self {
        Self::new(user, Server::Pn)
    }

    /// Makes a hidden-user address, device 0.
    #[must_use]
    pub fn lid(user: &str) -> Self {
        Self::new(user, Server::Lid)
    }

    /// Makes a group's address.
    #[must_use]
    pub fn group(user: &str) -> Self {
        Self::new(user, Server::Group)
    }

    /// Returns the same user's device number `device`.
    #[must_use]
    pub fn with_device(&self, device: u16) -> Self {
        Self { device, ..self.clone() }
    }

    /// Returns the same address in the space of interop integrator `integrator`, which only
    /// [`Server::Interop`] has.
    #[must_use]
    pub fn with_integrator(&self, integrator: u16) -> Self {
        Self { integrator, ..self.clone() }
    }

    /// Returns the account this device belongs to: device 0, and `hosted` servers as the server of their user.
    #[must_use]
    pub fn account(&self) -> Self {
        let server = self.server.of_user().unwrap_or_else(|| self.server.clone());
        Self { user: self.user.clone(), server, device: 0, integrator: self.integrator }
    }

    /// Tells whether both are devices of one account. A phone number and a LID are never the same here: that
    /// mapping is learnt, not computed.
    #[must_use]
    pub fn is_same_account(&self, other: &Self) -> bool {
        self.user == other.user && self.account() == other.account()
    }

    /// Returns the part before the `@`, without the device; empty for a server.
    #[must_use]
    pub fn user(&self) -> &str {
        self.user.as_str()
    }

    /// Returns the user part as bytes, which saves looking at it as text.
    pub(crate) fn user_bytes(&self) -> &[u8] {
        self.user.as_bytes()
    }

    /// Returns the part after the `@`.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the device number, 0 for the account's phone.
    #[must_use]
    pub fn device(&self) -> u16 {
        self.device
    }

    /// Returns the interop integrator, 0 for everything else.
    #[must_use]
    pub fn integrator(&self) -> u16 {
        self.integrator
    }

    /// Tells whether this is a bare server name.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.user.as_bytes().is_empty()
    }

    /// Tells whether this is a user or device by phone number.
    #[must_use]
    pub fn is_pn(&self) -> bool {
        matches!(self.server, Server::Pn | Server::Hosted) && !self.is_server()
    }

    /// Tells whether this is a user or device by hidden identifier.
    #[must_use]
    pub fn is_lid(&self) -> bool {
        matches!(self.server, Server::Lid | Server::HostedLid) && !self.is_server()
    }

    /// Tells whether this is a group or community.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.server == Server::Group
    }

    /// Tells whether this is `status@broadcast`, where status updates are posted.
    #[must_use]
    pub fn is_status(&self) -> bool {
        self.server == Server::Broadcast && self.user.as_bytes() == b"status"
    }

    /// Tells whether this device runs in the cloud.
    #[must_use]
    pub fn is_hosted(&self) -> bool {
        matches!(self.server, Server::Hosted | Server::HostedLid)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_server() {
            return f.write_str(self.server.as_str());
        }
        f.write_str(self.user())?;
        if self.device != 0 {
            write!(f, ":{}", self.device)?;
        }
        write!(f, "@{}", self.server)
    }
}

impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f, self.user(), self.device, self.server.as_str())
    }
}

/// Writes an address with all but the last two characters of its user left out.
pub(crate) fn redacted(f: &mut fmt::Formatter<'_>, user: &str, device: u16, server: &str) -> fmt::Result {
    if user.is_empty() {
        return write!(f, "Jid({server})");
    }
    let shown = user.char_indices().rev().nth(1).and_then(|(at, _)| user.get(at..)).filter(|_| user.len() > 4);
    write!(f, "Jid(…{}:{device}@{server})", shown.unwrap_or_default())
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JidError {
    /// There is no text, or nothing after the `@`.
    #[error("address without a server")]
    NoServer,
    /// The device or agent is not a decimal number in range.
    #[error("address with a malformed device number")]
    Device,
}

impl FromStr for Jid {
    type Err = JidError;

    /// Reads `user[.agent][:device]@server` or a bare server name.
    ///
    /// The agent is checked and dropped: what it once said, the server name says now. Only phone-number users
    /// have one, a LID may hold dots. `user.N@s.whatsapp.net` is the old way to write device `N`.
    fn from_str(text: &str) -> Result<Self, JidError> {
        let (local, server) = text.split_once('@').unwrap_or(("", text));
        if server.is_empty() {
            return Err(JidError::NoServer);
        }
        let server = Server::from_name(server);
        let (user, device) = match local.rsplit_once(':') {
            Some((user, device)) => (user, Some(number(device)?)),
            None => (local, None),
        };
        let (user, device) = match (&server, user.split_once('.')) {
            (Server::Pn, Some((user, last))) => {
                let last = number(last)?;
                if device.is_some() && last > u16::from(u8::MAX) {
                    return Err(JidError::Device);
                }
                (user, device.unwrap_or(last))
            }
            _ => (user, device.unwrap_or(0)),
        };
        Ok(Self { user: CompactText::new(user), server, device, integrator: 0 })
    }
}

/// Reads a decimal number, digits only: `u16::from_str` would take a plus sign.
fn number(text: &str) -> Result<u16, JidError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(JidError::Device);
    }
    text.parse().map_err(|_| JidError::Device)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Jid {
        text.parse().expect("a well-formed address")
    }

    #[test]
    fn texts_of_all_kinds_read_and_print_alike() {
        for text in [
            "77012345678@s.whatsapp.net",
            "77012345678:12@s.whatsapp.net",
            "123456789012345:3@lid",
            "12.34@lid",
            "77012345678:99@hosted",
            "120363041234567890@g.us",
            "15551234567-1600000000@g.us",
            "status@broadcast",
            "1@newsletter",
            "12@foo",
            "s.whatsapp.net",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
    }

    #[test]
    fn old_forms_are_understood() {
        assert_eq!(parse("@s.whatsapp.net"), Jid::SERVER);
        assert_eq!(parse("77012345678.0:12@s.whatsapp.net"), Jid::pn("77012345678").with_device(12));
        assert_eq!(parse("77012345678.5@s.whatsapp.net"), Jid::pn("77012345678").with_device(5));
    }

    #[test]
    fn malformed_texts_are_refused() {
        assert_eq!("".parse::<Jid>(), Err(JidError::NoServer));
        assert_eq!("1@".parse::<Jid>(), Err(JidError::NoServer));
        for text in ["1:x@lid", "1:@lid", "1:+2@lid", "1:65536@lid", "1.300:1@s.whatsapp.net", "1.x@s.whatsapp.net"] {
            assert_eq!(text.parse::<Jid>(), Err(JidError::Device), "{text}");
        }
    }

    #[test]
    fn an_account_is_the_address_without_its_device() {
        let hosted = parse("77012345678:99@hosted");
        assert_eq!(hosted.account(), Jid::pn("77012345678"));
        assert!(hosted.is_same_account(&Jid::pn("77012345678").with_device(4)));
        assert!(!hosted.is_same_account(&Jid::lid("77012345678")));
    }

    #[test]
    fn debug_hides_the_person() {
        assert_eq!(format!("{:?}", Jid::pn("77012345678").with_device(2)), "Jid(…78:2@s.whatsapp.net)");
        assert_eq!(format!("{:?}", Jid::pn("123")), "Jid(…:0@s.whatsapp.net)");
        assert_eq!(format!("{:?}", Jid::SERVER), "Jid(s.whatsapp.net)");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_without_panic(text in ".{0,60}") {
            if let Ok(jid) = text.parse::<Jid>() {
                let _ = format!("{jid} {jid:?}");
            }
        }

        #[test]
        fn users_and_devices_survive_printing(user in "[0-9]{5,18}", device in any::<u16>(), lid in any::<bool>()) {
            let jid = if lid { Jid::lid(&user) } else { Jid::pn(&user) }.with_device(device);
            prop_assert_eq!(jid.to_string().parse::<Jid>(), Ok(jid));
        }
    }
}
