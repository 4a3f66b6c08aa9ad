use prost::Message as _;

use super::ClientVersion;
use crate::pairing::qr::ClientType;
use crate::proto::{
    AppVersion, ClientPayload, ConnectReason, ConnectType, DevicePlatform, DeviceProps, HistorySyncConfig,
    ReleaseChannel, UserAgent, UserAgentPlatform, WebInfo, WebSubPlatform,
};

/// The browser that we present ourselves as; the phone shows its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Browser {
    /// Chrome.
    #[default]
    Chrome,
    /// Edge.
    Edge,
    /// Firefox.
    Firefox,
    /// Opera.
    Opera,
    /// Safari.
    Safari,
}

impl Browser {
    /// Returns the name, as linking by code shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Opera => "Opera",
            Self::Safari => "Safari",
        }
    }

    /// Returns the device platform that registrations carry.
    #[must_use]
    pub const fn platform(self) -> DevicePlatform {
        match self {
            Self::Chrome => DevicePlatform::Chrome,
            Self::Edge => DevicePlatform::Edge,
            Self::Firefox => DevicePlatform::Firefox,
            Self::Opera => DevicePlatform::Opera,
            Self::Safari => DevicePlatform::Safari,
        }
    }
}

/// The operating system that we present ourselves as; the server checks the name when linking by code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OperatingSystem {
    /// Linux.
    #[default]
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl OperatingSystem {
    /// Returns the name, as the phone's list of linked devices shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::MacOs => "Mac OS",
            Self::Windows => "Windows",
        }
    }
}

/// What we say about ourselves in every payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProfile {
    /// Version of the web client.
    pub version: ClientVersion,
    /// Browser.
    pub browser: Browser,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Language, ISO 639-1.
    pub language: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
}

impl Default for ClientProfile {
    /// Chrome on Linux, English, at the built-in version.
    fn default() -> Self {
        Self {
            version: ClientVersion::BUILT_IN,
            browser: Browser::default(),
            operating_system: OperatingSystem::default(),
            language: "en".to_owned(),
            country: "US".to_owned(),
        }
    }
}

impl ClientProfile {
    /// Returns how linking by code names us: `Chrome (Linux)`.
    #[must_use]
    pub fn display_name(&self) -> String {
        format!("{} ({})", self.browser.name(), self.operating_system.name())
    }

    /// Returns the character that stands for us in QR codes and when linking by code.
    #[must_use]
    pub const fn client_type(&self) -> ClientType {
        ClientType::from_platform(self.browser.platform())
    }

    /// The part that registrations and logins share.
    pub(super) fn payload(&self) -> ClientPayload {
        ClientPayload {
            user_agent: Some(self.user_agent()),
            web_info: Some(WebInfo { web_sub_platform: Some(WebSubPlatform::WebBrowser.into()), ..WebInfo::default() }),
            connect_type: Some(ConnectType::WifiUnknown.into()),
            connect_reason: Some(ConnectReason::UserActivated.into()),
            ..ClientPayload::default()
        }
    }

    fn user_agent(&self) -> UserAgent {
        let text = |text: &str| Some(text.to_owned());
        UserAgent {
            platform: Some(UserAgentPlatform::Web.into()),
            app_version: Some(self.version.to_wire()),
            mcc: text("000"),
            mnc: text("000"),
            os_version: text("0.1"),
            manufacturer: text(""),
            device: text("Desktop"),
            os_build_number: text("0.1"),
            // One that changes between logins makes the server drop the session.
            phone_id: None,
            release_channel: Some(ReleaseChannel::Release.into()),
            locale_language: Some(self.language.clone()),
            locale_country: Some(self.country.clone()),
        }
    }

    /// What the phone shows about us and how it is to send history.
    pub(super) fn device_props(&self) -> Vec<u8> {
        DeviceProps {
            os: Some(self.operating_system.name().to_owned()),
            version: Some(AppVersion {
                primary: Some(0),
                secondary: Some(1),
                tertiary: Some(0),
                ..AppVersion::default()
            }),
            platform_type: Some(self.browser.platform().into()),
            require_full_sync: Some(false),
            history_sync_config: Some(HistorySyncConfig {
                storage_quota_mb: Some(10_240),
                inline_initial_payload_in_e2ee_msg: Some(true),
                support_call_log_history: Some(true),
                support_bot_user_agent_chat_history: Some(true),
                support_cag_reactions_and_polls: Some(true),
                support_biz_hosted_msg: Some(true),
                support_recent_sync_chunk_message_count_tuning: Some(true),
                support_hosted_group_msg: Some(true),
                support_fbid_bot_chat_history: Some(true),
                support_message_association: Some(true),
                support_group_history: Some(true),
                thumbnail_sync_days_limit: Some(60),
                support_manus_history: Some(true),
                support_hatch_history: Some(true),
                ..HistorySyncConfig::default()
            }),
        }
        .encode_to_vec()
    }
}
