//! What a tenant sets for itself. What it leaves open is as the operator's [`Policy`](crate::policy::Policy) has it.
//!
//! Kept as one JSON document in the tenant's row, so that a lookup of the tenant brings its rules along. Numbers are
//! checked by [`Settings::check`] before they are written.

use serde::{Deserialize, Serialize};

use crate::user::Role;

/// All that a tenant can set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// What the staff sees.
    pub staff: StaffSettings,
    /// How visits are booked and changed.
    pub visits: VisitSettings,
    /// Which start times are offered.
    pub slots: SlotSettings,
    /// When clients are written to.
    pub messages: MessageSettings,
}

/// What the staff sees, by role. An owner sees everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StaffSettings {
    /// A manager.
    pub manager: Switches,
    /// A master.
    pub master: Switches,
}

impl Default for StaffSettings {
    fn default() -> Self {
        Self { manager: Switches::ALL, master: Switches::NONE }
    }
}

impl StaffSettings {
    /// What a role sees.
    #[must_use]
    pub const fn of(&self, role: Role) -> Switches {
        match role {
            Role::Owner | Role::SuperAdmin => Switches::ALL,
            Role::Manager => self.manager,
            Role::Master => self.master,
            Role::Client => Switches::NONE,
        }
    }
}

/// What somebody of the staff sees beyond their own visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Full numbers of clients.
    pub phones: bool,
    /// The visits of other masters.
    pub calendars: bool,
    /// Prices and sums.
    pub money: bool,
}

impl Switches {
    /// Everything.
    pub const ALL: Self = Self { phones: true, calendars: true, money: true };
    /// Only one's own visits.
    pub const NONE: Self = Self { phones: false, calendars: false, money: false };
}

/// How visits are booked and changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VisitSettings {
    /// Hours before a visit until which its client may cancel it.
    pub cancel_hours: Option<u32>,
    /// Hours before a visit until which its client may move it.
    pub move_hours: Option<u32>,
    /// Whether a client's booking waits for the staff's word.
    pub staff_confirms: bool,
    /// Hours after which one that waits for it expires, at the visit's start at the latest; 24 if absent.
    pub pending_hours: Option<u32>,
    /// Minutes for which a time is kept free while somebody fills in a form; 10 if absent.
    pub hold_minutes: Option<u32>,
    /// The most visits to come that one client may book by themselves; 5 if absent.
    pub most_active: Option<u32>,
    /// What becomes of a visit whose end nobody recorded.
    pub after_visit: AfterVisit,
    /// Hours after its end that it becomes so; 12 if absent.
    pub after_visit_hours: Option<u32>,
}

/// What becomes of a visit whose end nobody recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterVisit {
    /// It is completed.
    #[default]
    Complete,
    /// It is completed if the client had arrived; else they did not come.
    NoShow,
    /// It stays as it is.
    Leave,
}

impl VisitSettings {
    /// Seconds after which a booking that nobody confirmed expires.
    #[must_use]
    pub fn pending_seconds(&self) -> i64 {
        i64::from(self.pending_hours.unwrap_or(24)) * 3_600
    }

    /// Seconds for which a time is held.
    #[must_use]
    pub fn hold_seconds(&self) -> i64 {
        i64::from(self.hold_minutes.unwrap_or(10)) * 60
    }

    /// The most visits to come that one client may book by themselves.
    #[must_use]
    pub fn most_active(&self) -> u32 {
        self.most_active.unwrap_or(5)
    }

    /// Seconds after its end that a visit is done with by time; `None` when it is left as it is.
    #[must_use]
    pub fn after_visit_seconds(&self) -> Option<i64> {
        match self.after_visit {
            AfterVisit::Complete | AfterVisit::NoShow => Some(i64::from(self.after_visit_hours.unwrap_or(12)) * 3_600),
            AfterVisit::Leave => None,
        }
    }
}

/// Which start times are offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SlotSettings {
    /// The distance between two start times, in minutes.
    pub step_minutes: Option<u16>,
    /// Which of the free times are offered.
    pub mode: SlotMode,
}

/// Which of the free times are offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotMode {
    /// Those of the grid.
    #[default]
    Grid,
    /// Those that leave no gap too short for the master's shortest service.
    NoGap,
}

impl SlotMode {
    pub(crate) const fn is_no_gap(self) -> bool {
        matches!(self, Self::NoGap)
    }
}

/// When clients are written to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MessageSettings {
    /// When reminders go out, in hours before the visit.
    pub reminder_hours: Option<Vec<u32>>,
    /// When clients begin to be left alone, in minutes of the day.
    pub quiet_from: Option<u16>,
    /// When that ends, in minutes of the day; the same as its begin is never.
    pub quiet_to: Option<u16>,
    /// How many people who never wrote to us may be written to for the first time, per day.
    pub cold_per_day: Option<u32>,
}

/// A number is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} is out of its range of {least} to {most}")]
pub struct SettingsError {
    /// The field, as a path in the document.
    pub field: &'static str,
    /// The least value.
    pub least: u32,
    /// The greatest value.
    pub most: u32,
}

impl Settings {
    /// Checks every number.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first that is out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within = |field, value: Option<u32>, least, most| match value {
            Some(value) if !(least..=most).contains(&value) => Err(SettingsError { field, least, most }),
            _ => Ok(()),
        };
        within("visits.cancel_hours", self.visits.cancel_hours, 0, 720)?;
        within("visits.move_hours", self.visits.move_hours, 0, 720)?;
        within("visits.pending_hours", self.visits.pending_hours, 1, 720)?;
        within("visits.hold_minutes", self.visits.hold_minutes, 1, 60)?;
        within("visits.most_active", self.visits.most_active, 1, 100)?;
        within("visits.after_visit_hours", self.visits.after_visit_hours, 0, 168)?;
        within("slots.step_minutes", self.slots.step_minutes.map(u32::from), 5, 240)?;
        within("messages.quiet_from", self.messages.quiet_from.map(u32::from), 0, 1439)?;
        within("messages.quiet_to", self.messages.quiet_to.map(u32::from), 0, 1439)?;
        within("messages.cold_per_day", self.messages.cold_per_day, 0, 1000)?;
        for hours in self.messages.reminder_hours.iter().flatten() {
            within("messages.reminder_hours", Some(*hours), 1, 336)?;
        }
        let reminders =
            self.messages.reminder_hours.as_ref().map(|hours| u32::try_from(hours.len()).unwrap_or(u32::MAX));
        within("messages.reminder_hours", reminders, 0, 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_leaves_everything_to_the_operator() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.staff.of(Role::Master), Switches::NONE);
        assert_eq!(settings.staff.of(Role::Manager), Switches::ALL);
    }

    #[test]
    fn a_number_out_of_range_is_named() {
        let mut settings = Settings::default();
        settings.visits.cancel_hours = Some(721);
        assert_eq!(settings.check().unwrap_err().field, "visits.cancel_hours");
        settings.visits.cancel_hours = Some(0);
        settings.messages.reminder_hours = Some(vec![24; 9]);
        assert_eq!(settings.check().unwrap_err().field, "messages.reminder_hours");
    }
}
