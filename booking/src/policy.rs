//! The rules an operator sets for all tenants.

use crate::holiday::Holidays;
use crate::language::Language;
use crate::quiet::QuietHours;

/// What is the same for all tenants unless they set their own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long before a visit its cancellation is still allowed, in hours (`CANCELLATION_HOURS`).
    pub cancellation_hours: u32,
    /// When reminders go out, in hours before the visit (`REMINDER_HOURS`).
    pub reminder_hours: Vec<u32>,
    /// How long a new tenant may try everything, in days (`DEFAULT_TRIAL_DAYS`).
    pub trial_days: u32,
    /// What a client is written to in who has not chosen (`DEFAULT_LANGUAGE`).
    pub default_language: Language,
    /// What clients can choose from (`SUPPORTED_LANGUAGES`).
    pub supported_languages: Vec<Language>,
    /// How long a login lasts without being used, in days (`REFRESH_TOKEN_EXPIRE_DAYS`).
    pub refresh_token_days: u32,
    /// Where clients reach the platform (`PUBLIC_URL`), for links in messages; none sends no links.
    pub public_url: Option<String>,
    /// The domain whose labels are subdomains of businesses (`PUBLIC_DOMAIN`); none leaves the business to paths.
    pub public_domain: Option<String>,
    /// The distance between two start times that are offered, in minutes.
    pub slot_step_minutes: u32,
    /// When clients are left alone.
    pub quiet: QuietHours,
    /// How many people who never wrote to an account it may write to for the first time, per day (`COLD_PER_DAY`).
    pub cold_per_day: u32,
    /// The distance between two messages of a text for many, in seconds.
    pub bulk_interval_seconds: u32,
    /// Whether the operator's account writes for tenants that have linked none (`PLATFORM_ACCOUNT`).
    pub platform_account: bool,
    /// Public holidays, which tenants can close on (`HOLIDAYS_FILE`).
    pub holidays: Holidays,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            cancellation_hours: 2,
            reminder_hours: vec![24, 2],
            trial_days: 30,
            default_language: Language::Ru,
            supported_languages: vec![Language::Ru, Language::En, Language::Kk],
            refresh_token_days: 7,
            public_url: None,
            public_domain: None,
            slot_step_minutes: 30,
            quiet: QuietHours::default(),
            cold_per_day: 20,
            bulk_interval_seconds: 15,
            platform_account: false,
            holidays: Holidays::default(),
        }
    }
}
