//! Visits that a change of a schedule or of the catalogue breaks, in answers.

use booking::access::Staff;
use booking::schedule::{Broken, BrokenVisit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a visit at whose time its master would not work any more, or which they would not offer any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrokenVisitOut {
    /// The booking.
    pub booking_id: i64,
    /// Whose time.
    pub master_id: i64,
    /// When it begins.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    pub starts_at: String,
    /// When it ends.
    #[schema(example = "2024-01-15T15:00:00+05:00")]
    pub ends_at: String,
    /// The client's first name; empty for a walk-in nobody wrote down.
    #[schema(example = "Айгерим")]
    pub first_name: String,
}

impl BrokenVisitOut {
    /// Writes the first of them, as somebody of the staff sees them.
    #[must_use]
    pub fn first(broken: &Broken, staff: &Staff) -> Vec<Self> {
        let zone = &staff.business.zone;
        let visit = |visit: &BrokenVisit| Self {
            booking_id: visit.booking_id.get(),
            master_id: visit.master_id.get(),
            starts_at: zone.rfc_3339(visit.starts_at),
            ends_at: zone.rfc_3339(visit.ends_at),
            first_name: staff.access.text(&visit.first_name),
        };
        broken.visits.iter().map(visit).collect()
    }
}
