//! Visits of several parts in a salon that wants no gaps: the rules are told in [`slots`](crate::slots).

use std::collections::{BTreeMap, BTreeSet};

use crate::availability::{Beside, Bounds, Slot};
use crate::clock::Timestamp;
use crate::id::MasterId;
use crate::slots::Free;
use crate::slots::roster::{Choice, Roster};

/// Times at which a later part may begin, counted from the visit's start, that are looked at for touching a neighbour:
/// more come only from many masters who each take another time for several parts.
const MOST_OFFSETS: usize = 64;

/// The free start times of a visit of several parts, in order, each with those who can serve.
pub(super) fn free(roster: &Roster, bounds: Bounds) -> Vec<Free> {
    let mut found: Vec<(u32, Free)> = Vec::new();
    for (slot, on_grid) in starts(roster, bounds).into_values() {
        let mut search = Search { roster, start: slot.at, on_grid, beside: BTreeMap::new(), least: BTreeMap::new() };
        if let Some((gaps, masters)) = search.serving() {
            found.push((gaps, Free { slot, masters }));
        }
    }
    let mut fewest: BTreeMap<_, u32> = BTreeMap::new();
    for (gaps, free) in &found {
        fewest.entry(free.slot.wall.date()).and_modify(|least| *least = (*least).min(*gaps)).or_insert(*gaps);
    }
    found.retain(|(gaps, free)| fewest.get(&free.slot.wall.date()) == Some(gaps));
    found.into_iter().map(|(_, free)| free).collect()
}

/// How many stretches of a visit that is free at `start` leave a gap: one choice for each part.
pub(super) fn gaps<'a>(roster: &Roster, start: Timestamp, visit: impl Iterator<Item = &'a Choice>) -> u32 {
    let mut search = Search { roster, start, on_grid: Vec::new(), beside: BTreeMap::new(), least: BTreeMap::new() };
    let (mut state, mut gaps) = (State::BEGIN, 0);
    for choice in visit {
        let Some((next, more)) = search.step(state, choice) else { break };
        (state, gaps) = (next, gaps + more);
    }
    gaps + state.end().gaps
}

/// The times at which a visit may begin if it is free, each with those on whose grid it lies.
fn starts(roster: &Roster, bounds: Bounds) -> BTreeMap<Timestamp, (Slot, Vec<MasterId>)> {
    let mut starts: BTreeMap<Timestamp, (Slot, Vec<MasterId>)> = BTreeMap::new();
    let mut offsets = BTreeSet::from([0]);
    for (index, part) in roster.parts.iter().enumerate() {
        let mut next = BTreeSet::new();
        for choice in &part.choices {
            let Some(calendar) = roster.calendars.get(&choice.master_id) else { continue };
            if index == 0 {
                for slot in calendar.grid(bounds) {
                    starts.entry(slot.at).or_insert((slot, Vec::new())).1.push(choice.master_id);
                }
            }
            for offset in &offsets {
                let slots = calendar.touching(choice.length).filter_map(|at| calendar.slot(at.plus(-offset), bounds));
                for slot in slots {
                    starts.entry(slot.at).or_insert((slot, Vec::new()));
                }
                next.insert(roster.next_offset(index, choice, *offset));
            }
        }
        offsets = next.into_iter().take(MOST_OFFSETS).collect();
    }
    starts
}

/// A search for the visits that begin at one instant and leave the fewest gaps.
///
/// What can follow a part depends on the next part and its time, on the stretch that is under way, and on whether the
/// visit may begin then at all: nothing is looked at twice for the same of these.
struct Search<'a> {
    roster: &'a Roster,
    start: Timestamp,
    /// On whose grid the start lies.
    on_grid: Vec<MasterId>,
    /// What is beside a part by a master, so many seconds after the start.
    beside: BTreeMap<(usize, MasterId, i64), Option<Beside>>,
    /// How many gaps the best of what can follow leaves; none when nothing can.
    least: BTreeMap<State, Option<u32>>,
}

/// The parts of a visit before one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// Which part comes next.
    index: usize,
    /// When it begins, in seconds from the visit's start.
    offset: i64,
    stretch: Option<Stretch>,
    /// Whether the visit begins on the grid, or touches a neighbour with a stretch that is over.
    may_begin: bool,
}

/// Parts by one master one after the other, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    master_id: MasterId,
    /// Before its first part, and after the last one so far.
    beside: Beside,
}

/// What the end of a stretch comes to.
struct End {
    may_begin: bool,
    gaps: u32,
}

impl State {
    const BEGIN: Self = Self { index: 0, offset: 0, stretch: None, may_begin: false };

    /// What it comes to if the stretch under way ends here.
    fn end(&self) -> End {
        let Some(Stretch { beside, .. }) = self.stretch else { return End { may_begin: self.may_begin, gaps: 0 } };
        End {
            may_begin: self.may_begin || beside.touches_before || beside.touches_after,
            gaps: u32::from(!beside.before.fills(beside.after)),
        }
    }
}

impl Search<'_> {
    /// The fewest gaps, and for each part those who serve it in some visit that leaves no more.
    fn serving(&mut self) -> Option<(u32, Vec<Vec<MasterId>>)> {
        let roster = self.roster;
        let fewest = self.least(State::BEGIN)?;
        let mut serving = Vec::with_capacity(roster.parts.len());
        let mut states = BTreeSet::from([State::BEGIN]);
        for part in &roster.parts {
            let (mut masters, mut reached) = (Vec::new(), BTreeSet::new());
            for choice in &part.choices {
                let best = states.iter().filter_map(|state| {
                    let (next, gaps) = self.step(*state, choice)?;
                    let all = self.least(next)? + gaps;
                    (self.least(*state) == Some(all)).then_some(next)
                });
                let best: Vec<State> = best.collect();
                if !best.is_empty() {
                    masters.push(choice.master_id);
                }
                reached.extend(best);
            }
            serving.push(masters);
            states = reached;
        }
        Some((fewest, serving))
    }

    /// How many gaps the best visit leaves that goes on from here, those of the stretch under way included; none when
    /// there is no such visit.
    fn least(&mut self, state: State) -> Option<u32> {
        let roster = self.roster;
        let Some(part) = roster.parts.get(state.index) else {
            let end = state.end();
            return end.may_begin.then_some(end.gaps);
        };
        if let Some(known) = self.least.get(&state) {
            return *known;
        }
        let mut least: Option<u32> = None;
        for choice in &part.choices {
            let Some((next, gaps)) = self.step(state, choice) else { continue };
            let Some(rest) = self.least(next) else { continue };
            least = Some(least.map_or(gaps + rest, |least| least.min(gaps + rest)));
        }
        self.least.insert(state, least);
        least
    }

    /// The visit with one part more, and how many gaps are certain by that; none when the master is not free.
    fn step(&mut self, state: State, choice: &Choice) -> Option<(State, u32)> {
        let (roster, at) = (self.roster, self.start.plus(state.offset));
        let key = (state.index, choice.master_id, state.offset);
        let beside = *self.beside.entry(key).or_insert_with(|| {
            let calendar = roster.calendars.get(&choice.master_id)?;
            calendar.beside(at, choice.length, roster.shortest(choice.master_id))
        });
        let beside = beside?;
        let (stretch, End { may_begin, gaps }) = match state.stretch {
            Some(under_way) if under_way.master_id == choice.master_id => {
                let (after, touches_after) = (beside.after, beside.touches_after);
                let beside = Beside { after, touches_after, ..under_way.beside };
                (Stretch { beside, ..under_way }, End { may_begin: state.may_begin, gaps: 0 })
            }
            Some(_) | None => (Stretch { master_id: choice.master_id, beside }, state.end()),
        };
        let is_on_grid = state.index == 0 && self.on_grid.contains(&choice.master_id);
        let next = State {
            index: state.index + 1,
            offset: roster.next_offset(state.index, choice, state.offset),
            stretch: Some(stretch),
            may_begin: may_begin || is_on_grid,
        };
        Some((next, gaps))
    }
}
