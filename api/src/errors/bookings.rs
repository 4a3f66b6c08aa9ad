//! Refused bookings, changes and holds.

use booking::access::Staff;
use booking::availability::Slot;
use booking::booking::{Action, ChangeError, CreateError, MoveError};
use booking::hold::HoldError;
use booking::zone::Zone;

use crate::http::problem::{ApiError, ProblemKind};
use crate::http::slot::SlotOut;
use crate::routes::bookings::BookingOut;

fn slots(nearest: &[Slot], zone: &Zone) -> Vec<SlotOut> {
    nearest.iter().map(|slot| SlotOut::new(slot, zone)).collect()
}

/// A refused booking; times are told on the wall clock of `zone`.
#[must_use]
pub fn create(error: CreateError, zone: &Zone) -> ApiError {
    let wall = |at| zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string();
    match error {
        CreateError::Suspended => ApiError::new(ProblemKind::BusinessClosed),
        CreateError::Blocked => ApiError::new(ProblemKind::ClientBlocked),
        CreateError::Offer(error) => error.into(),
        CreateError::NonExistentTime(_) => ApiError::new(ProblemKind::TimeSkipped),
        CreateError::Past => ApiError::new(ProblemKind::TimePast),
        CreateError::TooSoon { earliest } => ApiError::new(ProblemKind::TimeTooSoon).with("earliest", wall(earliest)),
        CreateError::TooFar { latest } => ApiError::new(ProblemKind::TimeTooFar).with("latest", wall(latest)),
        CreateError::Closed { nearest } => {
            ApiError::new(ProblemKind::OutsideHours).with_alternatives(slots(&nearest, zone))
        }
        CreateError::SlotTaken { nearest } => {
            ApiError::new(ProblemKind::SlotTaken).with_alternatives(slots(&nearest, zone))
        }
        CreateError::MasterNeeded => ApiError::field("items", "master-needed", Vec::new()),
        CreateError::NotTheirs => ApiError::new(ProblemKind::NotAllowed),
        CreateError::UnknownClient => ApiError::new(ProblemKind::ClientNotFound),
        CreateError::Nameless => ApiError::field("client_name", "field-required", Vec::new()),
        CreateError::TooMany { most } => ApiError::new(ProblemKind::TooManyVisits).with("max", most.to_string()),
        CreateError::HoldOver => ApiError::new(ProblemKind::HoldOver),
        CreateError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

/// A change that was refused to somebody of the staff, who had seen the version `sent`.
#[must_use]
pub fn change(error: ChangeError, sent: Option<i64>, staff: &Staff) -> ApiError {
    if let ChangeError::Stale { current } = &error {
        let current = BookingOut::new(current, &staff.access);
        return ApiError::new(ProblemKind::BookingChanged).with_versions(sent, &current);
    }
    change_by_client(error, &staff.business.zone)
}

/// A change that was refused to a client, or whoever sees no more than a client; times are told on the wall clock of
/// `zone`.
#[must_use]
pub fn change_by_client(error: ChangeError, zone: &Zone) -> ApiError {
    match error {
        ChangeError::NotFound => ApiError::new(ProblemKind::BookingNotFound),
        ChangeError::NotPossible { action: Action::Cancel, .. } => ApiError::new(ProblemKind::BookingClosed),
        ChangeError::NotPossible { state, .. } => {
            ApiError::new(ProblemKind::StepNotPossible).with("status", state.as_str())
        }
        ChangeError::TooEarly { .. } => ApiError::new(ProblemKind::VisitNotBegun),
        ChangeError::TooLate { hours, phone, .. } => ApiError::new(ProblemKind::CancellationTooLate)
            .with("hours", hours.to_string())
            .with("phone", format!("+{}", phone.expose())),
        ChangeError::NotAllowed => ApiError::new(ProblemKind::NotAllowed),
        ChangeError::Stale { .. } => ApiError::new(ProblemKind::BookingChanged),
        ChangeError::SlotTaken { nearest } => {
            ApiError::new(ProblemKind::SlotTaken).with_alternatives(slots(&nearest, zone))
        }
        ChangeError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

/// A move that was refused to somebody of the staff, who had seen the version `sent`.
#[must_use]
pub fn moving(error: MoveError, sent: Option<i64>, staff: &Staff) -> ApiError {
    if let MoveError::Stale { current } = &error {
        let current = BookingOut::new(current, &staff.access);
        return ApiError::new(ProblemKind::BookingChanged).with_versions(sent, &current);
    }
    moving_by_client(error, &staff.business.zone)
}

/// A move that was refused to a client; times are told on the wall clock of `zone`.
#[must_use]
pub fn moving_by_client(error: MoveError, zone: &Zone) -> ApiError {
    match error {
        MoveError::NotFound => ApiError::new(ProblemKind::BookingNotFound),
        MoveError::NotPossible { .. } => ApiError::new(ProblemKind::BookingClosed),
        MoveError::TooLate { hours, phone, .. } => ApiError::new(ProblemKind::MoveTooLate)
            .with("hours", hours.to_string())
            .with("phone", format!("+{}", phone.expose())),
        MoveError::NotAllowed => ApiError::new(ProblemKind::NotAllowed),
        MoveError::Stale { .. } => ApiError::new(ProblemKind::BookingChanged),
        MoveError::Visit(error) => create(error, zone),
        MoveError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

/// A time that could not be held; times are told on the wall clock of `zone`.
#[must_use]
pub fn hold(error: HoldError, zone: &Zone) -> ApiError {
    match error {
        HoldError::Create(error) => create(error, zone),
        HoldError::TooMany { retry_after } => {
            ApiError::new(ProblemKind::TooManyHolds).with_retry_after(u64::try_from(retry_after).unwrap_or(0))
        }
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}
