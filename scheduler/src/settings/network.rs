//! Addresses: the database's, the sandbox's, the proxies'.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where the database is, in the form that [`db::Db::connect`] takes. `Debug` hides it, because
/// it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Reads `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:relative.db` or
    /// `postgresql://…`, also with a driver named after a plus, as in `postgresql+asyncpg://…`.
    ///
    /// Three slashes before a relative path are how the ancestor's settings are written.
    ///
    /// ```
    /// use scheduler::settings::DatabaseUrl;
    /// let url = DatabaseUrl::parse("sqlite:///data/booking.db").unwrap();
    /// assert_eq!(url.expose(), "sqlite://data/booking.db");
    /// assert!(DatabaseUrl::parse("mysql://host/name").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _driver)| scheme);
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("///").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
                (!path.is_empty()).then(|| Self(format!("sqlite://{path}")))
            }
            "postgres" | "postgresql" => {
                let host = rest.strip_prefix("//")?;
                (!host.is_empty()).then(|| Self(format!("postgresql://{host}")))
            }
            _ => None,
        }
    }

    /// The URL, with whatever password it holds.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is an `SQLite` file.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    /// The password in it, if there is one.
    pub(super) fn password(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let (user, _host) = rest.rsplit_once('@')?;
        user.split_once(':').map(|(_user, password)| password)
    }

    /// The URL without the password that it may hold, for people to read.
    ///
    /// ```
    /// use scheduler::settings::DatabaseUrl;
    /// let url = DatabaseUrl::parse("postgresql://user:hush@host:5432/name").unwrap();
    /// assert_eq!(url.without_password(), "postgresql://user@host:5432/name");
    /// ```
    #[must_use]
    pub fn without_password(&self) -> String {
        let parts = self.0.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
        let Some((scheme, (user, host))) = parts else { return self.0.clone() };
        let user = user.split(':').next().unwrap_or_default();
        format!("{scheme}://{user}@{host}")
    }

    /// The folder in which an `SQLite` file lies; `None` for `PostgreSQL`.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite://")?;
        let path = path.split_once('?').map_or(path, |(path, _options)| path);
        let folder = Path::new(path).parent()?;
        let here = || PathBuf::from(".");
        Some(if folder.as_os_str().is_empty() { here() } else { folder.to_owned() })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split(':').next().unwrap_or_default();
        write!(f, "DatabaseUrl({scheme}:…)")
    }
}

/// The base of a sandbox's addresses, e.g. `127.0.0.1:8080`: a host and a port.
///
/// Always plain HTTP: a sandbox listens on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxUrl(String);

impl SandboxUrl {
    /// Reads `http://host:port`, `ws://host:port/ws/chat` or `host:port`; a path is ignored.
    ///
    /// ```
    /// use scheduler::settings::SandboxUrl;
    /// let url = SandboxUrl::parse("ws://127.0.0.1:8080/ws/chat").unwrap();
    /// assert_eq!(url.http(), "http://127.0.0.1:8080");
    /// assert_eq!(url.chat(), "ws://127.0.0.1:8080/ws/chat");
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = match text.split_once("://") {
            Some(("http" | "ws", rest)) => rest,
            Some(_) => return None,
            None => text,
        };
        let authority = rest.split('/').next()?;
        let (host, port) = authority.rsplit_once(':')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        let is_host = !host.is_empty() && host.chars().all(plain);
        (is_host && port.parse::<u16>().is_ok()).then(|| Self(authority.to_owned()))
    }

    /// The URL of a sandbox that listens on `address`.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        Self(address.to_string())
    }

    /// The base URL of its admin calls and pages, without a slash at the end.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}", self.0)
    }

    /// The URL of its chat WebSocket.
    #[must_use]
    pub fn chat(&self) -> String {
        format!("ws://{}/ws/chat", self.0)
    }
}

/// A network of addresses: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    mask: u128,
}

impl Network {
    /// Reads an address or an address, a slash and a prefix length.
    ///
    /// ```
    /// use scheduler::settings::Network;
    /// let network = Network::parse("10.0.0.0/8").unwrap();
    /// assert!(network.contains("10.1.2.3".parse().unwrap()));
    /// assert!(!network.contains("11.1.2.3".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        // An IPv4 address is compared in its mapped form, whose first 96 bits are fixed.
        let fixed = if address.is_ipv4() { 96 } else { 0 };
        let length = match length {
            Some(length) => length.parse::<u32>().ok()?.checked_add(fixed)?,
            None => 128,
        };
        let host_bits = 128_u32.checked_sub(length)?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        let address = mapped(address) & mask;
        Some(Self { address, mask })
    }

    /// Whether `address` is of this network. IPv4 addresses count in their mapped form too.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        mapped(address) & self.mask == self.address
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_documented_form_of_a_database_url_is_read() {
        let cases = [
            ("sqlite:///data/booking.db", "sqlite://data/booking.db", Some("data")),
            ("sqlite:////var/lib/b.db", "sqlite:///var/lib/b.db", Some("/var/lib")),
            ("sqlite://b.db?mode=rwc", "sqlite://b.db?mode=rwc", Some(".")),
            ("sqlite+aiosqlite:///b.db", "sqlite://b.db", Some(".")),
            ("postgres://u:p@h/n", "postgresql://u:p@h/n", None),
            ("postgresql+psycopg2://u:p@h:5432/n", "postgresql://u:p@h:5432/n", None),
        ];
        for (given, url, folder) in cases {
            let parsed = DatabaseUrl::parse(given).expect(given);
            assert_eq!(parsed.expose(), url);
            assert_eq!(parsed.folder(), folder.map(PathBuf::from));
        }
        for wrong in ["", "sqlite:", "sqlite:///", "postgresql:name", "mysql://h/n", "data.db"] {
            assert_eq!(DatabaseUrl::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let url = DatabaseUrl::parse("postgresql://user:hush@host/name").expect("valid");
        assert_eq!(format!("{url:?}"), "DatabaseUrl(postgresql:…)");
    }

    #[test]
    fn a_sandbox_url_needs_plain_http_and_a_port() {
        for right in ["http://localhost:1", "127.0.0.1:8080", "ws://[::1]:8080/ws/chat"] {
            assert!(SandboxUrl::parse(right).is_some(), "{right}");
        }
        for wrong in ["https://h:1", "wss://h:1/ws/chat", "http://h", "http://:1", "h:99999"] {
            assert!(SandboxUrl::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        let inside = |network: &str, address: &str| {
            let network = Network::parse(network).expect("network");
            network.contains(address.parse().expect("address"))
        };
        assert!(inside("192.168.1.0/24", "192.168.1.77"));
        assert!(inside("192.168.1.0/24", "::ffff:192.168.1.77"));
        assert!(!inside("192.168.1.0/24", "192.168.2.77"));
        assert!(inside("2001:db8::/32", "2001:db8::5"));
        assert!(inside("::/0", "2001:db8::5"));
        assert!(!inside("127.0.0.1", "127.0.0.2"));
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("ten"), None);
    }
}
