//! Until when a visit can be cancelled or moved, and when time acts on it: pure, from the settings.

use std::sync::Arc;

use crate::booking::{Booking, BookingState, Segment};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::platform::Platform;
use crate::policy::Policy;
use crate::service::ServiceName;
use crate::settings::VisitSettings;
use crate::slots::{Item, Part};

/// Hours before a visit until which a service lets its client cancel or move it; none is as the tenant has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Windows {
    /// For cancelling.
    pub cancel_hours: Option<u32>,
    /// For moving.
    pub move_hours: Option<u32>,
}

impl Windows {
    /// What a row of `services` has; the schema bounds it.
    pub(crate) fn of_row(cancel_hours: Option<i64>, move_hours: Option<i64>) -> Self {
        let hours = |hours: Option<i64>| hours.and_then(|hours| u32::try_from(hours).ok());
        Self { cancel_hours: hours(cancel_hours), move_hours: hours(move_hours) }
    }
}

/// What the service of a part is called, and says about changing the visit.
pub(crate) struct Terms {
    pub(super) service: Arc<ServiceName>,
    pub(super) windows: Windows,
}

/// The end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Hours before the visit.
    pub hours: u32,
    /// The last instant.
    pub until: Timestamp,
}

/// Until when its client can change a visit; none of what they can no longer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// Until when they can cancel it.
    pub cancel_until: Option<Timestamp>,
    /// Until when they can move it.
    pub move_until: Option<Timestamp>,
}

impl Booking {
    /// What was booked, by whom, to be asked for again.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let mut end = self.starts_at;
        let part = |segment: &Segment| {
            let pause = segment.starts_at.since(end) / 60;
            end = segment.ends_at;
            Part {
                service_id: segment.service_id,
                master_id: Some(segment.master_id),
                pause_minutes: u16::try_from(pause).unwrap_or(0),
            }
        };
        self.segments.iter().map(part).collect()
    }

    /// What was booked, by whom.
    pub(super) fn items(&self) -> Vec<Item> {
        let item = |segment: &Segment| Item { service_id: segment.service_id, master_id: segment.master_id };
        self.segments.iter().map(item).collect()
    }

    /// Whether it has the same parts by the same masters at the same times as another.
    pub(super) fn is_where(&self, other: &Self) -> bool {
        let place = |segment: &Segment| (segment.service_id, segment.master_id, segment.starts_at, segment.ends_at);
        self.wall_start == other.wall_start && self.segments.iter().map(place).eq(other.segments.iter().map(place))
    }

    /// Until when its client may cancel it: the strictest of its services, then the tenant's rule, then the operator's.
    #[must_use]
    pub fn cancel_deadline(&self, business: &Business, policy: &Policy) -> Deadline {
        let default = business.settings.visits.cancel_hours.unwrap_or(policy.cancellation_hours);
        self.deadline(default, |windows| windows.cancel_hours)
    }

    /// Until when its client may move it: the strictest of its services, then the tenant's rule, then the operator's
    /// for cancelling.
    #[must_use]
    pub fn move_deadline(&self, business: &Business, policy: &Policy) -> Deadline {
        let default = business.settings.visits.move_hours.unwrap_or(policy.cancellation_hours);
        self.deadline(default, |windows| windows.move_hours)
    }

    /// What its client can still do about it.
    #[must_use]
    pub fn choices(&self, business: &Business, platform: &Platform) -> Choices {
        let (policy, now) = (&platform.policy, platform.clock.now());
        let ahead = |deadline: Deadline| (self.state.is_ahead() && now <= deadline.until).then_some(deadline.until);
        let is_open = business.is_open(platform.clock.real_now());
        Choices {
            cancel_until: ahead(self.cancel_deadline(business, policy)),
            move_until: ahead(self.move_deadline(business, policy)).filter(|_| is_open),
        }
    }

    fn deadline(&self, default: u32, of: impl Fn(Windows) -> Option<u32>) -> Deadline {
        let hours = self.segments.iter().map(|segment| of(segment.windows).unwrap_or(default)).max().unwrap_or(default);
        Deadline { hours, until: self.starts_at.plus(-i64::from(hours) * 3_600) }
    }

    /// When time acts on it once it is in `state`; `None` is never.
    pub(super) fn due_at(&self, state: BookingState, settings: &VisitSettings) -> Option<Timestamp> {
        match state {
            BookingState::Pending => Some(self.created_at.plus(settings.pending_seconds()).min(self.starts_at)),
            BookingState::Confirmed | BookingState::Arrived => {
                settings.after_visit_seconds().map(|seconds| self.ends_at.plus(seconds))
            }
            BookingState::Completed | BookingState::Cancelled | BookingState::NoShow | BookingState::Expired => None,
        }
    }
}
