//! From errors of the domain to problems: one place, one exhaustive `match` for each.

pub mod bookings;
pub mod catalogue;
pub mod clients;
mod people;
mod whatsapp;

use booking::business::SubdomainError;
use booking::name::NameError;
use booking::phone::PhoneError;
use booking::slots::{LONGEST_PAUSE, MOST_PARTS, OfferError};
use booking::store::StoreError;
use booking::user::RegisterError;

use crate::http::problem::{ApiError, ProblemKind};

/// A wrong phone number in `field`.
#[must_use]
pub fn phone(field: &'static str, error: PhoneError) -> ApiError {
    let (code, parameters) = match error {
        PhoneError::Empty => ("phone-empty", Vec::new()),
        PhoneError::Unexpected { character } => ("phone-unexpected", vec![("character", character.to_string())]),
        PhoneError::TooShort { missing } => ("phone-too-short", vec![("missing", missing.to_string())]),
        PhoneError::TooLong { extra } => ("phone-too-long", vec![("extra", extra.to_string())]),
        PhoneError::UnknownCountry => ("phone-unknown-country", Vec::new()),
        PhoneError::Service => ("phone-service", Vec::new()),
        _ => ("phone-invalid", Vec::new()),
    };
    ApiError::field(field, code, parameters)
}

/// A wrong name, or other line of text, in `field`.
#[must_use]
pub fn name(field: impl Into<String>, error: NameError) -> ApiError {
    match error {
        NameError::Empty => ApiError::field(field, "field-empty", Vec::new()),
        NameError::TooLong { most } => ApiError::field(field, "field-too-long", vec![("max", most.to_string())]),
        NameError::Invisible | _ => ApiError::field(field, "field-invisible", Vec::new()),
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::DoneBefore) {
            Self::new(ProblemKind::DoneBefore)
        } else if error.is_transient() {
            Self::caused(ProblemKind::Unavailable, &error).with_retry_after(1)
        } else {
            Self::caused(ProblemKind::Internal, &error)
        }
    }
}

impl From<db::Error> for ApiError {
    fn from(error: db::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<SubdomainError> for ApiError {
    fn from(error: SubdomainError) -> Self {
        let code = match error {
            SubdomainError::Length => "subdomain-length",
            SubdomainError::Character => "subdomain-character",
            SubdomainError::Reserved | _ => "subdomain-reserved",
        };
        Self::field("subdomain", code, Vec::new())
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Email(_) => Self::field("email", "email-invalid", Vec::new()),
            RegisterError::EmailTaken => Self::new(ProblemKind::EmailTaken),
            RegisterError::Password(error) => error.into(),
            RegisterError::FullName(error) => name("full_name", error),
            RegisterError::Phone(error) => phone("phone", error),
            RegisterError::BusinessName(error) => name("business_name", error),
            RegisterError::Subdomain(error) => error.into(),
            RegisterError::SubdomainTaken => Self::new(ProblemKind::SubdomainTaken),
            RegisterError::Store(error) => error.into(),
            RegisterError::Zone(_) | _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<OfferError> for ApiError {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::UnknownMaster => Self::new(ProblemKind::MasterNotFound),
            OfferError::UnknownService => Self::new(ProblemKind::ServiceNotFound),
            OfferError::NotOffered => Self::new(ProblemKind::ServiceNotOffered),
            OfferError::Suspended => Self::new(ProblemKind::BusinessClosed),
            OfferError::Dates { most } => Self::field("to", "dates-invalid", vec![("max", most.to_string())]),
            OfferError::Parts => {
                let limits = vec![("max", MOST_PARTS.to_string()), ("pause", LONGEST_PAUSE.to_string())];
                Self::field("items", "items-invalid", limits)
            }
            OfferError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}
