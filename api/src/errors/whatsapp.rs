//! Accounts and messages.

use booking::bulk::{BulkError, MOST_RECIPIENTS};
use booking::direct::{DirectError, TextError};
use scheduler::desk::{DeskError, Why};

use crate::http::problem::{ApiError, ProblemKind};

/// Seconds after which a refused pairing code may be asked for again: so long a code is valid.
const CODE_AGAIN: u64 = 180;

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NobodyAnswers | DeskError::Refused(Why::NotConnected) => {
                Self::new(ProblemKind::WhatsAppNotReady)
            }
            DeskError::Refused(Why::AlreadyLinked) => Self::new(ProblemKind::WhatsAppLinked),
            DeskError::Refused(Why::InvalidNumber) => Self::field("phone", "phone-invalid", Vec::new()),
            DeskError::Refused(Why::TooMany) => Self::new(ProblemKind::PairingCodesUsedUp).with_retry_after(CODE_AGAIN),
            DeskError::Refused(_) => Self::new(ProblemKind::WhatsAppRefused),
            DeskError::Store(error) => error.into(),
            DeskError::Sealed(_) | DeskError::Malformed(_) | _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<DirectError> for ApiError {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::OptedOut => Self::new(ProblemKind::RecipientOptedOut),
            DirectError::NoConsent => Self::new(ProblemKind::RecipientNoConsent),
            DirectError::NoAccount => Self::new(ProblemKind::WhatsAppNotReady),
            DirectError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<BulkError> for ApiError {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::NotAllowed => Self::new(ProblemKind::NotAllowed),
            BulkError::Nobody => Self::field("phones", "recipients-nobody", Vec::new()),
            BulkError::TooMany => {
                Self::field("phones", "recipients-too-many", vec![("max", MOST_RECIPIENTS.to_string())])
            }
            BulkError::NoAccount => Self::new(ProblemKind::WhatsAppNotReady),
            BulkError::NotFound => Self::new(ProblemKind::BulkNotFound),
            BulkError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<TextError> for ApiError {
    fn from(error: TextError) -> Self {
        let code = match error {
            TextError::Empty => "text-empty",
            TextError::TooLong => "text-too-long",
            TextError::Invisible | _ => "text-invisible",
        };
        Self::field("text", code, Vec::new())
    }
}
