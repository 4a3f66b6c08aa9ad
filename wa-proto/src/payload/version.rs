use std::fmt;
use std::str::FromStr;

use md5::{Digest as _, Md5};

use crate::proto::AppVersion;

/// Version of the web client that we present ourselves as, e.g. `2.3000.1045649367`.
///
/// The server refuses outdated ones with failure 405. The last number is the web client's revision; a newer one
/// can be found with [`find_client_revision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientVersion {
    /// First number.
    pub primary: u32,
    /// Second number.
    pub secondary: u32,
    /// Third number: the revision.
    pub tertiary: u32,
}

/// The text is not three numbers separated by points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client version is three numbers separated by points")]
pub struct MalformedVersion;

impl ClientVersion {
    /// The version to start with; known to be accepted when this was written.
    pub const BUILT_IN: Self = Self::web(1_045_649_367);

    /// Returns the version of the web client with this revision.
    #[must_use]
    pub const fn web(revision: u32) -> Self {
        Self { primary: 2, secondary: 3000, tertiary: revision }
    }

    /// Returns the MD5 of the version's text, which registrations carry as their build hash.
    #[must_use]
    pub fn build_hash(self) -> [u8; 16] {
        Md5::digest(self.to_string()).into()
    }

    /// Returns the wire form.
    #[must_use]
    pub const fn to_wire(self) -> AppVersion {
        AppVersion {
            primary: Some(self.primary),
            secondary: Some(self.secondary),
            tertiary: Some(self.tertiary),
            quaternary: None,
            quinary: None,
        }
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { primary, secondary, tertiary } = self;
        write!(f, "{primary}.{secondary}.{tertiary}")
    }
}

impl FromStr for ClientVersion {
    type Err = MalformedVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let (Some(primary), Some(secondary), Some(tertiary), None) = (next(), next(), next(), next()) else {
            return Err(MalformedVersion);
        };
        if text.matches('.').count() != 2 {
            return Err(MalformedVersion);
        }
        Ok(Self { primary, secondary, tertiary })
    }
}

/// Finds the revision of the current web client in the page or service worker that the vendor serves.
///
/// Looks for the name `client_revision`, then for a number after quotes (escaped or not), colons and spaces.
#[must_use]
pub fn find_client_revision(page: &str) -> Option<u32> {
    page.split("client_revision").skip(1).find_map(|after| {
        let number = after.trim_start_matches(['"', '\\', ':', ' ']);
        let end = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
        number.get(..end)?.parse().ok()
    })
}
