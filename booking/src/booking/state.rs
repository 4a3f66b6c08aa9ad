//! The life of a visit: its states, and what leads from one to another.

use crate::store::text_enum;

text_enum! {
    /// Where a visit is in its life.
    BookingState {
        /// Waits for the staff's word.
        Pending = "pending",
        /// Agreed.
        Confirmed = "confirmed",
        /// The client is there.
        Arrived = "arrived",
        /// Done.
        Completed = "completed",
        /// Called off.
        Cancelled = "cancelled",
        /// The client did not come.
        NoShow = "no_show",
        /// Pending for too long.
        Expired = "expired",
    }
}

text_enum! {
    /// What is done to a visit.
    Action {
        /// The staff agrees to it.
        Confirm = "confirm",
        /// The client has come.
        Arrive = "arrive",
        /// It is over.
        Complete = "complete",
        /// The client has not come.
        NoShow = "no_show",
        /// It is called off.
        Cancel = "cancel",
        /// Nobody confirmed it in time.
        Expire = "expire",
        /// The last step was a mistake.
        Reopen = "reopen",
    }
}

/// Every step there is: what is done, in which state, and where it leads. What is not here is refused.
///
/// A completed visit is reopened to what it was before.
const STEPS: [(Action, BookingState, BookingState); 12] = [
    (Action::Confirm, BookingState::Pending, BookingState::Confirmed),
    (Action::Cancel, BookingState::Pending, BookingState::Cancelled),
    (Action::Expire, BookingState::Pending, BookingState::Expired),
    (Action::Cancel, BookingState::Confirmed, BookingState::Cancelled),
    (Action::Arrive, BookingState::Confirmed, BookingState::Arrived),
    (Action::Complete, BookingState::Confirmed, BookingState::Completed),
    (Action::NoShow, BookingState::Confirmed, BookingState::NoShow),
    (Action::Complete, BookingState::Arrived, BookingState::Completed),
    (Action::Reopen, BookingState::Arrived, BookingState::Confirmed),
    (Action::Reopen, BookingState::Completed, BookingState::Arrived),
    (Action::Reopen, BookingState::Completed, BookingState::Confirmed),
    (Action::Reopen, BookingState::NoShow, BookingState::Confirmed),
];

impl BookingState {
    /// Whether a visit in this state holds its masters' time.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Confirmed | Self::Arrived | Self::Completed => true,
            Self::Cancelled | Self::NoShow | Self::Expired => false,
        }
    }

    /// Whether a visit in this state is still to come: it can be moved, and counts among its client's visits.
    #[must_use]
    pub const fn is_ahead(self) -> bool {
        match self {
            Self::Pending | Self::Confirmed => true,
            Self::Arrived | Self::Completed | Self::Cancelled | Self::NoShow | Self::Expired => false,
        }
    }

    /// Where an action leads from here; `None` when it is not possible. `before` is the state that this one came from,
    /// which an undoing goes back to where there is a choice.
    #[must_use]
    pub fn after(self, action: Action, before: Option<Self>) -> Option<Self> {
        let leads = || STEPS.iter().filter(move |(what, from, _)| (*what, *from) == (action, self)).map(|(.., to)| *to);
        leads().find(|to| Some(*to) == before).or_else(|| leads().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_in_the_table_and_none_leaves_an_end() {
        for state in BookingState::ALL {
            for action in Action::ALL {
                let to = state.after(*action, None);
                assert_ne!(to, Some(*state), "{action} leads nowhere");
                assert_eq!(to.is_some(), STEPS.iter().any(|(what, from, _)| what == action && from == state));
            }
        }
        for end in [BookingState::Cancelled, BookingState::Expired] {
            assert!(Action::ALL.iter().all(|action| end.after(*action, None).is_none()), "{end}");
        }
    }

    #[test]
    fn a_completed_visit_is_reopened_to_what_it_was() {
        let completed = BookingState::Completed;
        let reopened = |before| completed.after(Action::Reopen, Some(before));
        assert_eq!(reopened(BookingState::Confirmed), Some(BookingState::Confirmed));
        assert_eq!(reopened(BookingState::Arrived), Some(BookingState::Arrived));
        // Only what takes a slot back needs it to be free.
        assert!(completed.is_live() && !BookingState::NoShow.is_live());
    }
}
