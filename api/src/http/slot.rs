//! Free start times in answers.

use booking::availability::Slot;
use booking::zone::Zone;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A free start time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotOut {
    /// The start on the salon's wall clock, as `POST /api/v1/public/booking` takes it.
    #[schema(example = "2024-01-15T14:00:00")]
    pub booking_date: String,
    /// The hour and minute alone, to show to people.
    #[schema(example = "14:00")]
    pub time: String,
    /// The start as an instant, RFC 3339 with the salon's offset.
    #[schema(example = "2024-01-15T14:00:00+05:00")]
    pub starts_at: String,
}

impl SlotOut {
    /// Writes a slot in the salon's zone.
    #[must_use]
    pub fn new(slot: &Slot, zone: &Zone) -> Self {
        Self {
            booking_date: wall_text(slot.wall),
            time: slot.wall.strftime("%H:%M").to_string(),
            starts_at: zone.rfc_3339(slot.at),
        }
    }
}

/// A wall time to the second, as the API writes it: `2024-01-15T14:00:00`.
#[must_use]
pub fn wall_text(wall: DateTime) -> String {
    wall.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
