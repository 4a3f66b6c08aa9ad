//! Visits of several parts in a salon that wants no gaps: the rules are told in [`slots`](crate::slots).
//!
//! What can follow from a part that begins at one instant, and how many gaps the best of it leaves, does not depend on
//! when the visit began. So it is found out once for each part and instant of a date ([`Moment`]), whichever start time
//! comes there first, from the last part backwards; and what comes of one master there depends on the next part only
//! through the best of all masters and the best of the others. The work grows with the start times, the parts and the
//! masters, each by itself; and however many lengths the masters take, a date has 1,440 minutes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::civil::Date;

use crate::availability::{Beside, Bounds, Side, Slot};
use crate::clock::Timestamp;
use crate::id::MasterId;
use crate::slots::Free;
use crate::slots::roster::{Choice, Roster};

/// Times at which a later part may begin, counted from the visit's start, that are looked at for touching a neighbour:
/// more come only from many masters who each take another time for several parts.
const MOST_OFFSETS: usize = 64;
/// Stands for the gaps of what cannot be; there are never as many as a visit has parts and one.
const NEVER: u8 = u8::MAX;

/// A time at which a visit may begin if it is free.
struct Start {
    slot: Slot,
    /// On whose grid it lies.
    on_grid: BTreeSet<MasterId>,
}

/// The free start times of a visit of several parts, in order, each with those who can serve: of a date
/// those that leave the fewest gaps.
pub(super) fn free(roster: &Roster, bounds: Bounds) -> Vec<Free> {
    let mut dates: BTreeMap<Date, Vec<Start>> = BTreeMap::new();
    for start in starts(roster, bounds).into_values() {
        dates.entry(start.slot.wall.date()).or_default().push(start);
    }
    let mut free: Vec<Free> = dates.values().flat_map(|starts| of_date(roster, starts)).collect();
    free.sort_by_key(|free| free.slot.at);
    free
}

fn of_date(roster: &Roster, starts: &[Start]) -> Vec<Free> {
    let mut search = Search::new(roster);
    let counted: Vec<(u8, &Start)> =
        starts.iter().filter_map(|start| Some((search.fewest_gaps(start)?, start))).collect();
    let fewest = counted.iter().map(|(gaps, _)| *gaps).min();
    let offered = counted.into_iter().filter(|(gaps, _)| Some(*gaps) == fewest);
    offered.map(|(gaps, start)| Free { slot: start.slot, masters: search.serving(start, gaps) }).collect()
}

/// How many stretches of a visit that is free at `start` leave a gap: one choice for each part.
pub(super) fn gaps<'a>(roster: &Roster, start: Timestamp, visit: impl Iterator<Item = &'a Choice>) -> u8 {
    let (mut at, mut gaps) = (start, 0);
    let mut under_way: Option<(MasterId, Side, Beside)> = None;
    let end = |stretch: Option<(MasterId, Side, Beside)>| {
        stretch.map_or(0, |(_, before, beside)| u8::from(!before.fills(beside.after)))
    };
    for (index, choice) in visit.enumerate() {
        let Some(beside) = beside(roster, choice, at) else { break };
        let before = match under_way {
            Some((master_id, before, _)) if master_id == choice.master_id => before,
            ended => {
                gaps += end(ended);
                beside.before
            }
        };
        under_way = Some((choice.master_id, before, beside));
        at = at.plus(roster.next_offset(index, choice, 0));
    }
    gaps + end(under_way)
}

/// What a part by a master has beside it; none when they are not free.
fn beside(roster: &Roster, choice: &Choice, at: Timestamp) -> Option<Beside> {
    let calendar = roster.calendars.get(&choice.master_id)?;
    calendar.beside(at, choice.length, roster.shortest(choice.master_id))
}

/// The times of the grid of whoever serves the first part, and those at which a part touches its neighbour.
fn starts(roster: &Roster, bounds: Bounds) -> BTreeMap<Timestamp, Start> {
    let mut starts: BTreeMap<Timestamp, Start> = BTreeMap::new();
    let add = |starts: &mut BTreeMap<Timestamp, Start>, slot: Slot, master_id: Option<MasterId>| {
        let start = starts.entry(slot.at).or_insert(Start { slot, on_grid: BTreeSet::new() });
        start.on_grid.extend(master_id);
    };
    for choice in roster.parts.iter().take(1).flat_map(|part| &part.choices) {
        for slot in roster.calendars.get(&choice.master_id).iter().flat_map(|calendar| calendar.grid(bounds)) {
            add(&mut starts, slot, Some(choice.master_id));
        }
    }
    let (mut offsets, mut seen) = (BTreeSet::from([0]), HashSet::new());
    for (index, part) in roster.parts.iter().enumerate() {
        let mut next = BTreeSet::new();
        for choice in &part.choices {
            let Some(calendar) = roster.calendars.get(&choice.master_id) else { continue };
            for offset in &offsets {
                let times = calendar.touching(choice.length).map(|at| at.plus(-offset));
                // Neither its date nor its place on the clock depends on whose calendar it is.
                for slot in times.filter(|at| seen.insert(*at)).filter_map(|at| calendar.slot(at, bounds)) {
                    add(&mut starts, slot, None);
                }
                next.insert(roster.next_offset(index, choice, *offset));
            }
        }
        offsets = next.into_iter().take(MOST_OFFSETS).collect();
    }
    starts
}

/// What is known of the visits that begin on one date.
struct Search<'a> {
    roster: &'a Roster,
    /// For each part where each master stands among its choices.
    places: Vec<BTreeMap<MasterId, usize>>,
    /// For each part what is known of it at the instants that came up.
    moments: Vec<HashMap<Timestamp, Moment>>,
}

/// What comes of a part that begins at one instant.
#[derive(Default)]
struct Moment {
    /// For each who could serve it; none when they are not free.
    outlooks: Vec<Option<Outlook>>,
    /// The best of them if a stretch begins with it: in a visit that touches nothing so far and is on nobody's grid,
    /// and in one that may begin when it does.
    best: [Best; 2],
}

/// What comes of a part by one master.
struct Outlook {
    beside: Beside,
    /// When the next part begins.
    next: Timestamp,
    gaps: Gaps,
}

/// How many gaps the best visit leaves that goes on from a part, those of its stretch included, by what is free before
/// the stretch and whether the visit may begin when it does.
struct Gaps([[u8; 2]; 3]);

/// The fewest gaps, who leaves them, and the fewest that anybody else leaves.
#[derive(Clone, Copy)]
struct Best {
    gaps: u8,
    master_id: Option<MasterId>,
    of_others: u8,
}

/// A part of a visit that leaves the fewest gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    at: Timestamp,
    /// Which choice it is.
    place: usize,
    /// What is free before its stretch.
    before: Side,
    may_begin: bool,
}

impl<'a> Search<'a> {
    fn new(roster: &'a Roster) -> Self {
        let masters = |choices: &[Choice]| choices.iter().map(|choice| choice.master_id).zip(0..).collect();
        Self {
            roster,
            places: roster.parts.iter().map(|part| masters(&part.choices)).collect(),
            moments: roster.parts.iter().map(|_| HashMap::new()).collect(),
        }
    }

    fn moment(&self, index: usize, at: Timestamp) -> Option<&Moment> {
        self.moments.get(index)?.get(&at)
    }

    /// Finds out what comes of a part that begins at an instant, and of all that may follow.
    fn look(&mut self, index: usize, at: Timestamp) {
        let roster = self.roster;
        let Some(part) = roster.parts.get(index) else { return };
        if self.moment(index, at).is_some() {
            return;
        }
        let mut moment = Moment::default();
        for choice in &part.choices {
            let outlook = self.outlook(index, choice, at);
            if let Some(outlook) = &outlook {
                for (best, may_begin) in moment.best.iter_mut().zip([false, true]) {
                    best.weigh(choice.master_id, outlook.begun(may_begin));
                }
            }
            moment.outlooks.push(outlook);
        }
        if let Some(moments) = self.moments.get_mut(index) {
            moments.insert(at, moment);
        }
    }

    fn outlook(&mut self, index: usize, choice: &Choice, at: Timestamp) -> Option<Outlook> {
        let beside = beside(self.roster, choice, at)?;
        let next = at.plus(self.roster.next_offset(index, choice, 0));
        self.look(index + 1, next);
        let following = self.moment(index + 1, next);
        let same = self.of_master(index + 1, next, choice.master_id).map(|(_, same)| same);
        let is_last = index + 1 == self.roster.parts.len();
        let gaps = Gaps::of(|before, may_begin| {
            let (ended, may_begin_then) = end(before, beside, may_begin);
            if is_last {
                return if may_begin_then { ended } else { NEVER };
            }
            let on = same.map_or(NEVER, |same| same.gaps.get(before, may_begin));
            let others = following.map_or(NEVER, |following| following.best(may_begin_then).but(choice.master_id));
            on.min(others.saturating_add(ended))
        });
        Some(Outlook { beside, next, gaps })
    }

    /// What comes of a part by this master, and where they stand among its choices.
    fn of_master(&self, index: usize, at: Timestamp, master_id: MasterId) -> Option<(usize, &Outlook)> {
        let place = *self.places.get(index)?.get(&master_id)?;
        Some((place, self.moment(index, at)?.outlooks.get(place)?.as_ref()?))
    }

    /// The fewest gaps of a visit; none when it cannot begin then.
    fn fewest_gaps(&mut self, start: &Start) -> Option<u8> {
        self.look(0, start.slot.at);
        let begun = self.begun(start).map(|(_, _, gaps)| gaps).min();
        begun.filter(|gaps| *gaps != NEVER)
    }

    /// Who is free for the first part, and how many gaps the best visit leaves that begins with them.
    fn begun(&self, start: &Start) -> impl Iterator<Item = (usize, State, u8)> {
        let choices = self.roster.parts.first().map(|part| part.choices.as_slice()).unwrap_or_default();
        let outlooks = self.moment(0, start.slot.at).map(|moment| moment.outlooks.as_slice()).unwrap_or_default();
        choices.iter().zip(outlooks).enumerate().filter_map(|(place, (choice, outlook))| {
            let (outlook, may_begin) = (outlook.as_ref()?, start.on_grid.contains(&choice.master_id));
            Some((place, outlook.state(start.slot.at, place, may_begin), outlook.begun(may_begin)))
        })
    }

    /// For each part those who serve it in some visit that leaves no more than the fewest gaps.
    fn serving(&self, start: &Start, fewest: u8) -> Vec<Vec<MasterId>> {
        let best = self.begun(start).filter(|(_, _, gaps)| *gaps == fewest);
        let mut states: BTreeSet<State> = best.map(|(_, state, _)| state).collect();
        let mut serving = Vec::with_capacity(self.roster.parts.len());
        for (index, part) in self.roster.parts.iter().enumerate() {
            let places: BTreeSet<usize> = states.iter().map(|state| state.place).collect();
            let masters = places.iter().filter_map(|place| part.choices.get(*place));
            serving.push(masters.map(|choice| choice.master_id).collect());
            states = self.following(index, &states);
        }
        serving
    }

    /// The parts that follow those that are given in visits that leave no more gaps than need be.
    fn following(&self, index: usize, states: &BTreeSet<State>) -> BTreeSet<State> {
        let mut following = BTreeSet::new();
        // Stretches that end: when the next begins and with what, and who does not begin it, if it was one master only.
        let mut ended: BTreeMap<(Timestamp, bool, u8), Option<MasterId>> = BTreeMap::new();
        for state in states {
            let choice = self.roster.parts.get(index).and_then(|part| part.choices.get(state.place));
            let Some(choice) = choice else { continue };
            let Some((_, outlook)) = self.of_master(index, state.at, choice.master_id) else { continue };
            let left = outlook.gaps.get(state.before, state.may_begin);
            if let Some((place, same)) = self.of_master(index + 1, outlook.next, choice.master_id)
                && same.gaps.get(state.before, state.may_begin) == left
            {
                following.insert(State { at: outlook.next, place, ..*state });
            }
            let (gaps, may_begin) = end(state.before, outlook.beside, state.may_begin);
            if let Some(left) = left.checked_sub(gaps) {
                let only = ended.entry((outlook.next, may_begin, left)).or_insert(Some(choice.master_id));
                *only = only.filter(|master_id| *master_id == choice.master_id);
            }
        }
        for ((at, may_begin, left), not_by) in ended {
            let Some(part) = self.roster.parts.get(index + 1) else { break };
            let outlooks = self.moment(index + 1, at).map(|moment| moment.outlooks.as_slice()).unwrap_or_default();
            for (place, (choice, outlook)) in part.choices.iter().zip(outlooks).enumerate() {
                let Some(outlook) = outlook.as_ref().filter(|_| Some(choice.master_id) != not_by) else { continue };
                if outlook.begun(may_begin) == left {
                    following.insert(outlook.state(at, place, may_begin));
                }
            }
        }
        following
    }
}

/// What the end of a stretch comes to: its gap, if it leaves one, and whether the visit may begin when it does.
fn end(before: Side, last: Beside, may_begin: bool) -> (u8, bool) {
    (u8::from(!before.fills(last.after)), may_begin || last.touches_after)
}

impl Moment {
    fn best(&self, may_begin: bool) -> Best {
        let [not_yet, already] = self.best;
        if may_begin { already } else { not_yet }
    }
}

impl Outlook {
    /// The fewest gaps if a stretch begins here.
    fn begun(&self, may_begin: bool) -> u8 {
        self.gaps.get(self.beside.before, may_begin || self.beside.touches_before)
    }

    /// The first part of a stretch.
    fn state(&self, at: Timestamp, place: usize, may_begin: bool) -> State {
        let Beside { before, touches_before, .. } = self.beside;
        State { at, place, before, may_begin: may_begin || touches_before }
    }
}

impl Gaps {
    fn of(mut gaps: impl FnMut(Side, bool) -> u8) -> Self {
        Self([Side::Nothing, Side::Gap, Side::Room].map(|before| [gaps(before, false), gaps(before, true)]))
    }

    fn get(&self, before: Side, may_begin: bool) -> u8 {
        let [nothing, gap, room] = self.0;
        let [not_yet, already] = match before {
            Side::Nothing => nothing,
            Side::Gap => gap,
            Side::Room => room,
        };
        if may_begin { already } else { not_yet }
    }
}

impl Default for Best {
    fn default() -> Self {
        Self { gaps: NEVER, master_id: None, of_others: NEVER }
    }
}

impl Best {
    fn weigh(&mut self, master_id: MasterId, gaps: u8) {
        if gaps < self.gaps {
            *self = Self { gaps, master_id: Some(master_id), of_others: self.gaps };
        } else {
            self.of_others = self.of_others.min(gaps);
        }
    }

    /// The fewest that anybody but this master leaves.
    fn but(self, master_id: MasterId) -> u8 {
        if self.master_id == Some(master_id) { self.of_others } else { self.gaps }
    }
}

/// At how many instants parts were looked at to find the times of all dates.
#[cfg(test)]
pub(super) fn looked_at(roster: &Roster, bounds: Bounds) -> usize {
    let mut dates: BTreeMap<Date, Vec<Start>> = BTreeMap::new();
    for start in starts(roster, bounds).into_values() {
        dates.entry(start.slot.wall.date()).or_default().push(start);
    }
    let of_date = |starts: &Vec<Start>| {
        let mut search = Search::new(roster);
        for start in starts {
            search.fewest_gaps(start);
        }
        search.moments.iter().map(HashMap::len).sum::<usize>()
    };
    dates.values().map(of_date).sum()
}
