//! Refused changes of services, masters and schedules.

use booking::access::Staff;
use booking::availability::IntervalError;
use booking::catalogue::OutOfRange;
use booking::holiday::HolidayError;
use booking::master::MasterError;
use booking::schedule::{Broken, ScheduleError};
use booking::service::ServiceError;
use booking::slots::MOST_DAYS;
use booking::template::{MOST_NEW_MASTERS, TemplateError};

use crate::http::broken::BrokenVisitOut;
use crate::http::problem::{ApiError, ProblemKind};

impl From<OutOfRange> for ApiError {
    fn from(error: OutOfRange) -> Self {
        let range = vec![("min", error.least.to_string()), ("max", error.most.to_string())];
        Self::field(error.field, "number-out-of-range", range)
    }
}

/// A refused change of a service.
#[must_use]
pub fn service(error: ServiceError, staff: &Staff) -> ApiError {
    match error {
        ServiceError::NotFound => ApiError::new(ProblemKind::ServiceNotFound),
        ServiceError::NoName => ApiError::field("name", "field-empty", Vec::new()),
        ServiceError::Range(error) => error.into(),
        ServiceError::TooMany => ApiError::new(ProblemKind::CatalogueFull),
        ServiceError::Order => ApiError::field("service_ids", "order-invalid", Vec::new()),
        ServiceError::Breaks(visits) => breaks(&visits, staff),
        ServiceError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

impl From<IntervalError> for ApiError {
    fn from(error: IntervalError) -> Self {
        let code = match error {
            IntervalError::Overlap => "intervals-overlap",
            IntervalError::Order | _ => "interval-invalid",
        };
        Self::field("intervals", code, Vec::new())
    }
}

/// A refused change of a master.
#[must_use]
pub fn master(error: MasterError, staff: &Staff) -> ApiError {
    match error {
        MasterError::NotFound => ApiError::new(ProblemKind::MasterNotFound),
        MasterError::UnknownService => ApiError::field("services", "service-unknown", Vec::new()),
        MasterError::Twice => ApiError::field("services", "service-twice", Vec::new()),
        MasterError::UnknownUser => ApiError::field("user_id", "user-unknown", Vec::new()),
        MasterError::UserTaken => ApiError::field("user_id", "user-taken", Vec::new()),
        MasterError::Range(error) => error.into(),
        MasterError::TooMany => ApiError::new(ProblemKind::CatalogueFull),
        MasterError::Order => ApiError::field("master_ids", "order-invalid", Vec::new()),
        MasterError::Breaks(visits) => breaks(&visits, staff),
        MasterError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

/// A refused change of a schedule.
#[must_use]
pub fn schedule(error: ScheduleError, staff: &Staff) -> ApiError {
    match error {
        ScheduleError::Interval(error) => error.into(),
        ScheduleError::Range(error) => error.into(),
        ScheduleError::UnknownMaster => ApiError::new(ProblemKind::MasterNotFound),
        ScheduleError::UnknownTimeOff => ApiError::new(ProblemKind::TimeOffNotFound),
        ScheduleError::Dates => ApiError::field("to", "dates-invalid", vec![("max", MOST_DAYS.to_string())]),
        ScheduleError::TimeOffRange => ApiError::field("to", "time-off-invalid", Vec::new()),
        ScheduleError::Breaks(visits) => breaks(&visits, staff),
        ScheduleError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

/// A refused decision about a holiday.
#[must_use]
pub fn holiday(error: HolidayError, staff: &Staff) -> ApiError {
    match error {
        HolidayError::NotFound => ApiError::new(ProblemKind::HolidayNotFound),
        HolidayError::Breaks(visits) => breaks(&visits, staff),
        HolidayError::Store(error) => error.into(),
        _ => ApiError::caused(ProblemKind::Internal, &error),
    }
}

impl From<TemplateError> for ApiError {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::NotEmpty => Self::new(ProblemKind::CatalogueNotEmpty),
            TemplateError::TooMany => {
                let range = vec![("min", "0".to_owned()), ("max", MOST_NEW_MASTERS.to_string())];
                Self::field("masters", "count-out-of-range", range)
            }
            TemplateError::Store(error) => error.into(),
            TemplateError::Text(_)
            | TemplateError::Hours(_)
            | TemplateError::Service(_)
            | TemplateError::Schedule(_)
            | _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

fn breaks(broken: &Broken, staff: &Staff) -> ApiError {
    ApiError::new(ProblemKind::BreaksVisits)
        .with("count", broken.count.to_string())
        .with_visits(broken.count, BrokenVisitOut::first(broken, staff))
}
