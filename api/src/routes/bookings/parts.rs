//! The parts of a visit in requests.

use booking::id::{MasterId, ServiceId};
use booking::slots::Part;
use serde::Deserialize;
use utoipa::ToSchema;

/// A part of a visit that is asked for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartIn {
    /// What.
    #[schema(example = 1)]
    service_id: i64,
    /// By whom; absent is whoever is free.
    #[serde(default)]
    #[schema(example = 1)]
    master_id: Option<i64>,
    /// Minutes between the part before and this one; before the first it is nothing.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 240)]
    pause_minutes: u16,
}

impl PartIn {
    /// One service by one master or by anybody.
    #[must_use]
    pub fn one(service_id: i64, master_id: Option<i64>) -> Self {
        Self { service_id, master_id, pause_minutes: 0 }
    }

    /// As the domain has them, in order.
    #[must_use]
    pub fn parts(parts: &[Self]) -> Vec<Part> {
        let part = |part: &Self| Part {
            service_id: ServiceId::new(part.service_id),
            master_id: part.master_id.map(MasterId::new),
            pause_minutes: part.pause_minutes,
        };
        parts.iter().map(part).collect()
    }
}
