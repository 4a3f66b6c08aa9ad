//! Who serves the parts of the visits that begin on one date, where gaps between visits do not matter.
//!
//! What can follow from a part that begins at one instant does not depend on when the visit began. So it is found out
//! once for each part and instant of a date, whichever start time comes there first: the work grows with the parts, the
//! masters and the instants that come up, of which a date has 1,440, and not with the ways that lead through them.

use std::collections::HashMap;
use std::rc::Rc;

use fixedbitset::FixedBitSet;

use crate::clock::Timestamp;
use crate::id::MasterId;
use crate::slots::roster::{Choice, Roster};

/// What is known of the visits that begin on one date.
pub(super) struct Serving<'a> {
    roster: &'a Roster,
    /// The number of the first choice of each part; they are numbered through all parts.
    firsts: Vec<usize>,
    /// For each part, at the instants that came up, who serves it and those after it in some visit that fits; none when
    /// no visit does.
    known: Vec<HashMap<Timestamp, Option<Rc<FixedBitSet>>>>,
}

impl<'a> Serving<'a> {
    pub(super) fn new(roster: &'a Roster) -> Self {
        let mut next = 0;
        let first = |choices: usize| {
            next += choices;
            next - choices
        };
        Self {
            roster,
            firsts: roster.parts.iter().map(|part| part.choices.len()).map(first).collect(),
            known: roster.parts.iter().map(|_| HashMap::new()).collect(),
        }
    }

    /// For each part those who serve it in some visit that fits, if it begins at `start` with one of `first`; nobody
    /// when none fits.
    pub(super) fn at(&mut self, start: Timestamp, first: &[MasterId]) -> Vec<Vec<MasterId>> {
        let found = self.find(0, start, |choice| first.contains(&choice.master_id));
        let parts = self.roster.parts.iter().zip(&self.firsts);
        parts
            .map(|(part, number)| {
                let numbered = part.choices.iter().zip(*number..);
                let serves = |number: usize| found.as_ref().is_some_and(|found| found.contains(number));
                numbered.filter(|(_, number)| serves(*number)).map(|(choice, _)| choice.master_id).collect()
            })
            .collect()
    }

    /// At how many instants parts were looked at.
    #[cfg(test)]
    pub(super) fn looked_at(&self) -> usize {
        self.known.iter().map(HashMap::len).sum()
    }

    /// Who serves a part that begins at an instant, and those after it.
    fn look(&mut self, index: usize, at: Timestamp) -> Option<Rc<FixedBitSet>> {
        if let Some(known) = self.known.get(index)?.get(&at) {
            return known.clone();
        }
        let found = self.find(index, at, |_| true).map(Rc::new);
        if let Some(known) = self.known.get_mut(index) {
            known.insert(at, found.clone());
        }
        found
    }

    fn find(&mut self, index: usize, at: Timestamp, may: impl Fn(&Choice) -> bool) -> Option<FixedBitSet> {
        let roster = self.roster;
        let (part, first) = (roster.parts.get(index)?, *self.firsts.get(index)?);
        let is_last = index + 1 == roster.parts.len();
        let mut serving: Option<FixedBitSet> = None;
        for (choice, number) in part.choices.iter().zip(first..).filter(|(choice, _)| may(choice)) {
            if !roster.calendars.get(&choice.master_id).is_some_and(|calendar| calendar.is_free(at, choice.length)) {
                continue;
            }
            let rest = self.look(index + 1, at.plus(roster.next_offset(index, choice, 0)));
            if rest.is_none() && !is_last {
                continue;
            }
            let serving = serving.get_or_insert_with(|| FixedBitSet::with_capacity(roster.breadth()));
            serving.insert(number);
            if let Some(rest) = rest {
                serving.union_with(&rest);
            }
        }
        serving
    }
}
