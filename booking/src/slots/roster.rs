//! Who could serve the parts of a visit, and when they can: everything about it that is loaded, and the search in it.
//!
//! Three statements load it, however many masters and days there are. The search is a pure function of what was loaded.
//!
//! The parts follow one another: each begins when the one before has ended and the pause between them is over. A master
//! may serve several parts. Each part by itself has to fit into its master's hours and, with its whole buffers, between
//! the visits of others; so whether the rest of a visit fits depends only on the part that comes next and on its time,
//! and no combination of masters is looked at twice.

use std::collections::{BTreeMap, BTreeSet};

use db::Connection;
use jiff::Span;
use jiff::civil::Date;

use crate::availability::{Bounds, Calendar, MINUTES_A_DAY, Mode, Slot, VisitLength};
use crate::business::Business;
use crate::clock::Timestamp;
use crate::id::{BookingId, BusinessId, MasterId};
use crate::master::{self, Offer};
use crate::platform::Platform;
use crate::schedule;
use crate::slots::serving::Serving;
use crate::slots::visit::Visit;
use crate::slots::{Free, Grid, Item, Moved, OfferError, Part, Wanted, gapless, why_not};
use crate::store::StoreError;
use crate::zone::Zone;

/// What can be done by whom, and their calendars.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) parts: Vec<PartChoices>,
    pub(super) calendars: BTreeMap<MasterId, Calendar>,
    /// Whether visits are to leave no gaps.
    no_gap: bool,
    /// How long the shortest service of each master takes, where it matters.
    shortest: BTreeMap<MasterId, u16>,
    /// What a visit that is moved has now.
    kept: Vec<Item>,
}

/// Who could serve a part.
#[derive(Debug)]
pub(super) struct PartChoices {
    /// Minutes between the part before and this one.
    pause: u16,
    /// In the masters' order.
    pub(super) choices: Vec<Choice>,
}

#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) master_id: MasterId,
    pub(super) length: VisitLength,
    offer: Option<Offer>,
}

impl Roster {
    /// Loads what is needed to ask about start times on the dates from `from` to `to`, for a new visit or one that is
    /// moved.
    ///
    /// # Errors
    ///
    /// [`OfferError`] when the business does not offer a part.
    pub(super) async fn load(
        connection: &mut Connection,
        business: &Business,
        wanted: Wanted<'_>,
        grid: Grid,
        (from, to): (Date, Date),
        now: Timestamp,
        moved: Option<Moved<'_>>,
    ) -> Result<Self, OfferError> {
        let parts = match wanted {
            Wanted::Visit(parts) => choices(connection, business.id, parts).await?,
            Wanted::Step(master_id) => vec![steps(connection, business.id, master_id, grid.step_minutes).await?],
        };
        let shortest = if grid.no_gap { master::shortest(connection, business.id).await? } else { BTreeMap::new() };
        let kept = moved.map(|moved| moved.items.to_vec()).unwrap_or_default();
        let mut roster = Self { parts, calendars: BTreeMap::new(), no_gap: grid.no_gap, shortest, kept };
        let except = moved.map(|moved| moved.booking_id);
        roster.load_calendars(connection, business, (from, to), now, except).await?;
        Ok(roster)
    }

    async fn load_calendars(
        &mut self,
        connection: &mut Connection,
        business: &Business,
        (from, to): (Date, Date),
        now: Timestamp,
        except: Option<BookingId>,
    ) -> Result<(), StoreError> {
        let masters: BTreeSet<MasterId> =
            self.parts.iter().flat_map(|part| &part.choices).map(|choice| choice.master_id).collect();
        let only = masters.first().copied().filter(|_| masters.len() == 1);
        // The day before, because a day's work may go on over midnight; after it, as many as the visit may take.
        let minutes: i64 = self.parts.iter().map(PartChoices::longest).sum();
        let days = Span::new().days(minutes / i64::from(MINUTES_A_DAY) + 1);
        let (first, last) = (from.saturating_sub(Span::new().days(1)), to.saturating_add(days));
        let plans = schedule::load(connection, business.id, only, first, last).await?;
        // A day more at both ends, for buffers and for clocks far from UTC.
        let start = business.zone.nearest_instant(first.at(0, 0, 0, 0)).plus(-86_400);
        let end = business.zone.nearest_instant(last.at(0, 0, 0, 0)).plus(2 * 86_400);
        let mut busy = schedule::busy_by_master(connection, business.id, only, (start, end), now, except).await?;
        for master_id in masters {
            let days = plans.days(master_id, first, last)?;
            let busy = busy.remove(&master_id).unwrap_or_default();
            self.calendars.insert(master_id, Calendar::new(&business.zone, days, busy));
        }
        Ok(())
    }

    /// The strictest notice of the parts, in seconds, and the shortest horizon, in days.
    pub(super) fn rules(&self) -> (i64, u32) {
        let offers = || self.parts.iter().flat_map(|part| &part.choices).filter_map(|choice| choice.offer.as_ref());
        let notice = offers().map(|offer| offer.notice_minutes).max().unwrap_or(0);
        (i64::from(notice) * 60, offers().map(|offer| offer.horizon_days).min().unwrap_or(u32::MAX))
    }

    /// The free start times between two dates and two instants, in order, each with those who can serve.
    ///
    /// With several parts, it is the first that lies on the grid; what it is to leave no gaps, [`gapless`] finds out.
    pub(super) fn free(&self, grid: Grid, dates: (Date, Date), instants: (Timestamp, Timestamp)) -> Vec<Free> {
        let Some(first) = self.parts.first() else { return Vec::new() };
        let bounds = Bounds {
            from: dates.0,
            to: dates.1,
            not_before: instants.0,
            not_after: instants.1,
            step_minutes: grid.step_minutes,
            mode: Mode::Grid,
        };
        if self.no_gap && self.parts.len() > 1 {
            return gapless::free(self, bounds);
        }
        let mut found: Vec<(Slot, MasterId)> = Vec::new();
        for choice in &first.choices {
            let Some(calendar) = self.calendars.get(&choice.master_id) else { continue };
            let shortest = self.shortest(choice.master_id);
            let bounds = Bounds { mode: if self.no_gap { Mode::NoGap { shortest } } else { Mode::Grid }, ..bounds };
            found.extend(calendar.start_times(choice.length, bounds).into_iter().map(|slot| (slot, choice.master_id)));
        }
        // Stable: of those who are free at one time the order stays.
        found.sort_by_key(|(slot, _)| slot.at);
        let mut free: Vec<Free> = Vec::with_capacity(found.len());
        for of_date in found.chunk_by(|(one, _), (next, _)| one.wall.date() == next.wall.date()) {
            let mut serving = Serving::new(self);
            for of_time in of_date.chunk_by(|(one, _), (next, _)| one.at == next.at) {
                let Some((slot, _)) = of_time.first() else { continue };
                let masters: Vec<MasterId> = of_time.iter().map(|(_, master_id)| *master_id).collect();
                let masters = if self.parts.len() == 1 { vec![masters] } else { serving.at(slot.at, &masters) };
                if masters.iter().all(|of_part| !of_part.is_empty()) {
                    free.push(Free { slot: *slot, masters });
                }
            }
        }
        free
    }

    /// How much there is to look at for one date: everybody who could serve, once for each part.
    pub(super) fn breadth(&self) -> usize {
        self.parts.iter().map(|part| part.choices.len()).sum()
    }

    /// How long the shortest service of a master takes, in minutes.
    pub(super) fn shortest(&self, master_id: MasterId) -> u16 {
        self.shortest.get(&master_id).copied().unwrap_or_default()
    }

    /// When the part after this one begins, in seconds from the visit's start.
    pub(super) fn next_offset(&self, index: usize, choice: &Choice, offset: i64) -> i64 {
        let pause = self.parts.get(index + 1).map_or(0, |next| next.pause);
        offset + (i64::from(choice.length.duration) + i64::from(pause)) * 60
    }

    /// Whether this master serves this in the visit that is moved.
    fn keeps(&self, choice: &Choice) -> bool {
        let serves = |item: &Item| {
            item.master_id == choice.master_id
                && choice.offer.as_ref().is_some_and(|offer| offer.service_id == item.service_id)
        };
        self.kept.iter().any(serves)
    }

    /// Up to `limit` visits that are free at `start`: those first in which the fewest parts change their masters, then
    /// those that leave the fewest gaps, where there are to be none, then those whose masters have the fewest minutes
    /// booked on its day, and of equals those whose masters come first.
    pub(super) fn visits(&self, zone: &Zone, start: Timestamp, limit: usize) -> Vec<Visit> {
        let date = zone.date(start);
        let midnight = |date: Date| zone.nearest_instant(date.at(0, 0, 0, 0));
        let (from, to) = (midnight(date), midnight(date.saturating_add(Span::new().days(1))));
        let booked: BTreeMap<MasterId, i64> =
            self.calendars.iter().map(|(id, calendar)| (*id, calendar.busy_minutes(from, to))).collect();
        let load = |choice: &Choice| booked.get(&choice.master_id).copied().unwrap_or_default();
        let ordered: Vec<Vec<(usize, &Choice)>> = self
            .parts
            .iter()
            .map(|part| {
                let mut choices: Vec<_> = part.choices.iter().enumerate().collect();
                choices.sort_by_key(|(place, choice)| (!self.keeps(choice), load(choice), *place));
                choices
            })
            .collect();
        let mut search = Search::new(self, start);
        let mut complete: Vec<Vec<(usize, &Choice)>> = Vec::new();
        search.collect(&ordered, 0, &mut Vec::new(), limit, &mut complete);
        complete.sort_by_cached_key(|visit| {
            let masters: BTreeSet<MasterId> = visit.iter().map(|(_, choice)| choice.master_id).collect();
            let minutes: i64 = masters.iter().filter_map(|id| booked.get(id)).sum();
            let changed = visit.iter().filter(|(_, choice)| !self.keeps(choice)).count();
            let gaps =
                if self.no_gap { gapless::gaps(self, start, visit.iter().map(|(_, choice)| *choice)) } else { 0 };
            (changed, gaps, minutes, visit.iter().map(|(place, _)| *place).collect::<Vec<_>>())
        });
        let offers = |visit: Vec<(usize, &Choice)>| {
            let offers = visit.into_iter().zip(&self.parts);
            Visit::new(offers.filter_map(|((_, choice), part)| Some((part.pause, choice.offer.clone()?))))
        };
        complete.into_iter().map(offers).collect()
    }

    /// Whether somebody works at every part of a visit that begins at `start`, free or not.
    pub(super) fn is_open(&self, start: Timestamp) -> bool {
        let mut search = Search { ignore_busy: true, ..Search::new(self, start) };
        search.rest_fits(0, 0)
    }
}

impl PartChoices {
    /// The most minutes it can take, with its pause.
    fn longest(&self) -> i64 {
        let longest = self.choices.iter().map(|choice| choice.length.duration).max().unwrap_or(0);
        i64::from(longest) + i64::from(self.pause)
    }
}

/// A search for those who can serve a visit that begins at one instant.
struct Search<'a> {
    roster: &'a Roster,
    start: Timestamp,
    /// Only the masters' hours count.
    ignore_busy: bool,
    /// Whether the parts from one on fit, if it begins so many seconds after the start.
    known: BTreeMap<(usize, i64), bool>,
}

impl<'a> Search<'a> {
    fn new(roster: &'a Roster, start: Timestamp) -> Self {
        Self { roster, start, ignore_busy: false, known: BTreeMap::new() }
    }

    /// Whether a master can serve a part, and others the rest after it.
    fn fits(&mut self, index: usize, choice: &Choice, offset: i64) -> bool {
        let at = self.start.plus(offset);
        let can = self.roster.calendars.get(&choice.master_id).is_some_and(|calendar| {
            if self.ignore_busy { calendar.is_open(at, choice.length) } else { calendar.is_free(at, choice.length) }
        });
        can && self.rest_fits(index + 1, self.roster.next_offset(index, choice, offset))
    }

    fn rest_fits(&mut self, index: usize, offset: i64) -> bool {
        let Some(part) = self.roster.parts.get(index) else { return true };
        if let Some(known) = self.known.get(&(index, offset)) {
            return *known;
        }
        let fits = part.choices.iter().any(|choice| self.fits(index, choice, offset));
        self.known.insert((index, offset), fits);
        fits
    }

    /// Adds to `complete` what goes on from `begun`, until there are `limit` of them.
    fn collect(
        &mut self,
        ordered: &[Vec<(usize, &'a Choice)>],
        offset: i64,
        begun: &mut Vec<(usize, &'a Choice)>,
        limit: usize,
        complete: &mut Vec<Vec<(usize, &'a Choice)>>,
    ) {
        let index = begun.len();
        let Some(choices) = ordered.get(index) else {
            complete.push(begun.clone());
            return;
        };
        for (place, choice) in choices {
            if complete.len() >= limit {
                return;
            }
            if self.fits(index, choice, offset) {
                begun.push((*place, choice));
                let next = self.roster.next_offset(index, choice, offset);
                self.collect(ordered, next, begun, limit, complete);
                begun.pop();
            }
        }
    }
}

/// Who offers each part.
async fn choices(
    connection: &mut Connection,
    business_id: BusinessId,
    parts: &[Part],
) -> Result<Vec<PartChoices>, OfferError> {
    let first = parts.first().map(|part| part.service_id);
    let only = first.filter(|first| parts.iter().all(|part| part.service_id == *first));
    let offers = master::offers(connection, business_id, only).await?;
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        let wanted = |offer: &&Offer| {
            offer.service_id == part.service_id && part.master_id.is_none_or(|id| id == offer.master_id)
        };
        let choice =
            |offer: &Offer| Choice { master_id: offer.master_id, length: offer.length, offer: Some(offer.clone()) };
        let choices: Vec<Choice> = offers.iter().filter(wanted).map(choice).collect();
        if choices.is_empty() {
            return Err(match part.master_id {
                Some(master_id) => {
                    why_not(connection, business_id, Item { service_id: part.service_id, master_id }).await?
                }
                None if crate::service::is_active(connection, business_id, part.service_id).await? => {
                    OfferError::NotOffered
                }
                None => OfferError::UnknownService,
            });
        }
        found.push(PartChoices { pause: if found.is_empty() { 0 } else { part.pause_minutes }, choices });
    }
    Ok(found)
}

/// A step of the grid, by one master or by any.
async fn steps(
    connection: &mut Connection,
    business_id: BusinessId,
    master_id: Option<MasterId>,
    step_minutes: u16,
) -> Result<PartChoices, OfferError> {
    let length = VisitLength { duration: step_minutes, buffer_before: 0, buffer_after: 0 };
    let masters = master::active_ids(connection, business_id).await?;
    let wanted = masters.into_iter().filter(|id| master_id.is_none_or(|wanted| wanted == *id));
    let choices: Vec<Choice> = wanted.map(|master_id| Choice { master_id, length, offer: None }).collect();
    if choices.is_empty() && master_id.is_some() {
        return Err(OfferError::UnknownMaster);
    }
    Ok(PartChoices { pause: 0, choices })
}

impl Grid {
    /// What the business has set, or else the operator.
    pub(super) fn of(platform: &Platform, business: &Business) -> Self {
        let operators = || u16::try_from(platform.policy.slot_step_minutes).unwrap_or(u16::MAX);
        let slots = &business.settings.slots;
        Self { step_minutes: slots.step_minutes.unwrap_or_else(operators), no_gap: slots.mode.is_no_gap() }
    }
}

#[cfg(test)]
mod tests;
