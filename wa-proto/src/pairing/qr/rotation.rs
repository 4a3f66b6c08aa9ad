use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// How long the first reference of a pair-device stanza is shown.
pub const FIRST_REF_LIFE: Duration = Duration::from_mins(1);
/// How long each further reference is shown. Six references make 160 seconds in all.
pub const NEXT_REF_LIFE: Duration = Duration::from_secs(20);

/// Which reference is valid now. Times are durations since any fixed moment, as in a
/// [`Connection`](crate::connection::Connection).
///
/// ```text
/// new ──► first (60 s) ──► second (20 s) ──► … ──► used up
/// ```
#[derive(Clone)]
pub struct QrRotation {
    current: Option<(String, Duration)>,
    waiting: VecDeque<String>,
}

impl QrRotation {
    /// Starts with the references of a pair-device stanza, in their order.
    #[must_use]
    pub fn new(references: impl IntoIterator<Item = String>, now: Duration) -> Self {
        let mut waiting: VecDeque<String> = references.into_iter().collect();
        let current = waiting.pop_front().map(|reference| (reference, now.saturating_add(FIRST_REF_LIFE)));
        Self { current, waiting }
    }

    /// Returns the reference to show and when it ends; `None` once all are used up.
    #[must_use]
    pub fn current(&self) -> Option<(&str, Duration)> {
        let (reference, until) = self.current.as_ref()?;
        Some((reference, *until))
    }

    /// Moves on to the reference that is valid at `now`; returns whether that is another one than before.
    ///
    /// The life of a reference starts when the one before it ends, however late this is called: the server counts
    /// from the stanza too.
    pub fn advance(&mut self, now: Duration) -> bool {
        let mut has_moved = false;
        while let Some((_, until)) = self.current.take_if(|(_, until)| *until <= now) {
            has_moved = true;
            self.current = self.waiting.pop_front().map(|reference| (reference, until.saturating_add(NEXT_REF_LIFE)));
        }
        has_moved
    }
}

impl fmt::Debug for QrRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrRotation").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
