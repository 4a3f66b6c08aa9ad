//! Problems with people: logins, codes, invitations, the staff, keys, the business's own settings, tenants.

use booking::api_key::CreateKeyError;
use booking::authority::KeyError;
use booking::client_login::ClientLoginError;
use booking::invitation::{AcceptError, InviteError};
use booking::password::PasswordError;
use booking::profile::ProfileError;
use booking::session::SessionError;
use booking::tenants::OperatorError;
use booking::user::{ChangePasswordError, LoginError, ResetError, StaffError};

use super::{name, phone};
use crate::http::problem::{ApiError, ProblemKind};

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Rejected => Self::new(ProblemKind::WrongCredentials),
            LoginError::TooMany { seconds } => too_many_attempts(seconds),
            LoginError::Store(error) => error.into(),
            LoginError::Password(_) | _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended | SessionError::Reused => Self::new(ProblemKind::RefreshTokenInvalid),
            SessionError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::new(ProblemKind::TokenInvalid),
            KeyError::Expired => Self::new(ProblemKind::TokenExpired),
            KeyError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Wrong => Self::field("current_password", "password-wrong", Vec::new()),
            ChangePasswordError::TooMany { seconds } => too_many_attempts(seconds),
            ChangePasswordError::Password(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<ResetError> for ApiError {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Phone(error) => phone("phone", error),
            ResetError::TooMany { seconds } => too_many_codes(seconds),
            ResetError::Code => Self::new(ProblemKind::CodeWrong),
            ResetError::Password(error) => error.into(),
            ResetError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<ClientLoginError> for ApiError {
    fn from(error: ClientLoginError) -> Self {
        match error {
            ClientLoginError::UnknownBusiness => Self::new(ProblemKind::BusinessNotFound),
            ClientLoginError::Phone(error) => phone("phone", error),
            ClientLoginError::TooMany { seconds } => too_many_codes(seconds),
            ClientLoginError::Code => Self::new(ProblemKind::CodeWrong),
            ClientLoginError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<StaffError> for ApiError {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::NotFound => Self::new(ProblemKind::UserNotFound),
            StaffError::Role => role(),
            StaffError::UnknownMaster => Self::new(ProblemKind::MasterNotFound),
            StaffError::LastOwner => Self::new(ProblemKind::LastOwner),
            StaffError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<InviteError> for ApiError {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::Role => role(),
            InviteError::UnknownMaster => Self::new(ProblemKind::MasterNotFound),
            InviteError::PhoneTaken => Self::new(ProblemKind::PhoneTaken),
            InviteError::TooMany => Self::new(ProblemKind::TooManyInvitations),
            InviteError::NoAddress => Self::new(ProblemKind::NoPublicAddress),
            InviteError::NotAPerson => Self::new(ProblemKind::NotAllowed),
            InviteError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Gone => Self::new(ProblemKind::InvitationNotFound),
            AcceptError::Suspended => Self::new(ProblemKind::BusinessSuspended),
            AcceptError::FullName(error) => name("full_name", error),
            AcceptError::Password(error) => error.into(),
            AcceptError::Email(_) => Self::field("email", "email-invalid", Vec::new()),
            AcceptError::EmailTaken => Self::new(ProblemKind::EmailTaken),
            AcceptError::PhoneTaken => Self::new(ProblemKind::PhoneTaken),
            AcceptError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<ProfileError> for ApiError {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::NotFound => Self::new(ProblemKind::BusinessNotFound),
            ProfileError::Changed { .. } => Self::new(ProblemKind::SettingsChanged),
            ProfileError::Name(error) => name("name", error),
            ProfileError::Address(error) => name("address", error),
            ProfileError::Phone(error) => phone("phone", error),
            ProfileError::Zone => Self::field("time_zone", "zone-unknown", Vec::new()),
            ProfileError::Malformed { problem } => Self::field("settings", "field-invalid", vec![("problem", problem)]),
            ProfileError::Range(error) => {
                let range = vec![("min", error.least.to_string()), ("max", error.most.to_string())];
                Self::field(format!("settings.{}", error.field), "number-out-of-range", range)
            }
            ProfileError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<CreateKeyError> for ApiError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::NoScope => Self::field("scopes", "field-empty", Vec::new()),
            CreateKeyError::Past => Self::field("expires_at", "instant-past", Vec::new()),
            CreateKeyError::TooMany => Self::new(ProblemKind::TooManyKeys),
            CreateKeyError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<OperatorError> for ApiError {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NotFound => Self::new(ProblemKind::TenantNotFound),
            OperatorError::NotOnTrial => Self::new(ProblemKind::NotOnTrial),
            OperatorError::NoOwner => Self::new(ProblemKind::UserNotFound),
            OperatorError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        let field = "password";
        match error {
            PasswordError::TooShort => {
                let least = booking::password::SHORTEST.to_string();
                Self::field(field, "password-too-short", vec![("min", least)])
            }
            PasswordError::TooLong => Self::field(field, "password-too-long", Vec::new()),
            PasswordError::Failed | _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

fn too_many_attempts(seconds: u64) -> ApiError {
    ApiError::new(ProblemKind::TooManyAttempts).with_retry_after(seconds)
}

fn too_many_codes(seconds: u64) -> ApiError {
    ApiError::new(ProblemKind::TooManyCodes).with_retry_after(seconds)
}

fn role() -> ApiError {
    ApiError::field("role", "field-invalid", vec![("problem", "OWNER, MANAGER, MASTER".to_owned())])
}
