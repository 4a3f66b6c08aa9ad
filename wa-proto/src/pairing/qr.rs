//! The QR code: its text, and which reference is shown when.
//!
//! [`QrCode`] is what the phone's camera reads: the server's reference to our connection, our public keys, and the adv
//! secret. [`QrRotation`] turns the references of one pair-device stanza into the code that is valid now.

mod rotation;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use self::rotation::{FIRST_REF_LIFE, NEXT_REF_LIFE, QrRotation};
use super::adv::AdvSecret;
use crate::keys::PublicKey;
use crate::proto::DevicePlatform;

/// In front of the fields since phones open the camera's finds as links. Older clients leave it out.
const LINK: &str = "https://wa.me/settings/linked_devices#";

/// What a QR code says. Contains the adv secret: whoever reads it can link the device to their account.
#[derive(Clone)]
pub struct QrCode {
    /// The server's reference to the companion's connection; never contains a comma.
    pub reference: String,
    /// The companion's noise public key.
    pub noise: PublicKey,
    /// The companion's identity public key.
    pub identity: PublicKey,
    /// Authenticates the phone's answer.
    pub adv_secret: AdvSecret,
    /// Kind of companion; absent in old codes, and where it is unknown to us.
    pub client_type: Option<ClientType>,
}

/// Why a QR text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QrError {
    /// Fewer than four fields, or an empty one.
    #[error("a QR text has a reference, two keys and a secret, separated by commas")]
    MissingField,
    /// A key or the secret is not the base64 form of 32 bytes.
    #[error("a key in the QR text is not 32 bytes of base64")]
    MalformedKey,
}

impl QrCode {
    /// Writes the text of the code, about 210 characters.
    ///
    /// Source: observed, vector `qr`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{LINK}{},{},{},{}",
            self.reference,
            STANDARD.encode(self.noise.as_bytes()),
            STANDARD.encode(self.identity.as_bytes()),
            STANDARD.encode(self.adv_secret.expose()),
        );
        if let Some(client_type) = self.client_type {
            text.push(',');
            text.push(client_type.as_char());
        }
        text
    }

    /// Reads the text of a code as a phone does: the link in front is optional, fields after the fifth are ignored.
    ///
    /// # Errors
    ///
    /// [`QrError::MissingField`] or [`QrError::MalformedKey`].
    pub fn parse(text: &str) -> Result<Self, QrError> {
        let text = text.trim();
        let fields = text.split_once('#').map_or(text, |(_, fields)| fields);
        let mut fields = fields.split(',');
        let mut field = || {
            let next = fields.next().filter(|field| !field.is_empty());
            next.ok_or(QrError::MissingField)
        };
        let (reference, noise, identity, secret) = (field()?, field()?, field()?, field()?);
        Ok(Self {
            reference: reference.to_owned(),
            noise: PublicKey::from_bytes(decode(noise)?),
            identity: PublicKey::from_bytes(decode(identity)?),
            adv_secret: AdvSecret::from_bytes(decode(secret)?),
            client_type: field().ok().and_then(ClientType::from_text),
        })
    }
}

impl fmt::Debug for QrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrCode").finish_non_exhaustive()
    }
}

fn decode(field: &str) -> Result<[u8; 32], QrError> {
    let bytes = STANDARD.decode(field).map_err(|_| QrError::MalformedKey)?;
    bytes.try_into().map_err(|_| QrError::MalformedKey)
}

/// Kind of companion as one character, in QR codes and in the hello of linking by code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientType {
    /// Not said; refused by the server when linking by code.
    Unknown,
    /// Chrome.
    Chrome,
    /// Edge.
    Edge,
    /// Firefox.
    Firefox,
    /// Internet Explorer.
    InternetExplorer,
    /// Opera.
    Opera,
    /// Safari.
    Safari,
    /// A desktop program built on a browser.
    Electron,
    /// The Windows program.
    Uwp,
    /// Any other web client.
    OtherWeb,
    /// The macOS program.
    MacOs,
    /// An Android tablet.
    AndroidTablet,
    /// An Android phone as a companion.
    AndroidPhone,
    /// An Android device of unclear kind.
    AndroidAmbiguous,
}

impl ClientType {
    const TABLE: [(Self, char); 14] = [
        (Self::Unknown, '0'),
        (Self::Chrome, '1'),
        (Self::Edge, '2'),
        (Self::Firefox, '3'),
        (Self::InternetExplorer, '4'),
        (Self::Opera, '5'),
        (Self::Safari, '6'),
        (Self::Electron, '7'),
        (Self::Uwp, '8'),
        (Self::OtherWeb, '9'),
        (Self::MacOs, 'c'),
        (Self::AndroidTablet, 'd'),
        (Self::AndroidPhone, 'e'),
        (Self::AndroidAmbiguous, 'f'),
    ];

    /// Chooses the type that goes with the platform of the registration payload.
    ///
    /// Platforms that the server only admits with proof of their hardware count as another web client.
    #[must_use]
    pub const fn from_platform(platform: DevicePlatform) -> Self {
        match platform {
            DevicePlatform::Chrome => Self::Chrome,
            DevicePlatform::Edge => Self::Edge,
            DevicePlatform::Firefox => Self::Firefox,
            DevicePlatform::Ie => Self::InternetExplorer,
            DevicePlatform::Opera => Self::Opera,
            DevicePlatform::Safari => Self::Safari,
            DevicePlatform::Desktop => Self::Electron,
            DevicePlatform::Uwp => Self::Uwp,
            DevicePlatform::Unknown
            | DevicePlatform::Ipad
            | DevicePlatform::AndroidTablet
            | DevicePlatform::Ohana
            | DevicePlatform::Aloha
            | DevicePlatform::Catalina
            | DevicePlatform::TclTv
            | DevicePlatform::IosPhone
            | DevicePlatform::IosCatalyst
            | DevicePlatform::AndroidPhone
            | DevicePlatform::AndroidAmbiguous
            | DevicePlatform::WearOs
            | DevicePlatform::ArWrist
            | DevicePlatform::ArDevice
            | DevicePlatform::Vr
            | DevicePlatform::CloudApi
            | DevicePlatform::Smartglasses => Self::OtherWeb,
        }
    }

    /// Returns the character.
    #[must_use]
    pub fn as_char(self) -> char {
        let row = Self::TABLE.iter().find(|(kind, _)| *kind == self);
        row.map_or('0', |(_, character)| *character)
    }

    /// Reads the character; unknown ones give `None`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, character)| {
            let mut buffer = [0; 4];
            text == character.encode_utf8(&mut buffer)
        });
        row.map(|(kind, _)| *kind)
    }
}
