//! A visit to be: its parts one after the other, each by its master.

use std::collections::BTreeMap;

use crate::availability::{Calendar, VisitLength};

use crate::id::MasterId;
use crate::master::Offer;

/// A visit to be: its parts one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) legs: Vec<Leg>,
    /// Seconds before the visit by which it must be booked.
    pub(crate) notice: i64,
    /// Days ahead that it can be booked.
    pub(crate) horizon_days: u32,
}

/// One part of a visit.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    pub(crate) master_id: MasterId,
    /// How long it takes. Between two parts by one master the buffers are cut to the pause, so that a visit never
    /// stands in its own way.
    pub(crate) length: VisitLength,
    /// Seconds from the visit's start.
    pub(crate) offset: i64,
    pub(crate) offer: Option<Offer>,
}

impl Visit {
    /// The offers one after the other, each after a pause of so many minutes; one before the first is nothing.
    pub(crate) fn new(offers: impl IntoIterator<Item = (u16, Offer)>) -> Self {
        let mut visit = Self { legs: Vec::new(), notice: 0, horizon_days: u32::MAX };
        let mut end = 0;
        for (pause, offer) in offers {
            visit.notice = visit.notice.max(i64::from(offer.notice_minutes) * 60);
            visit.horizon_days = visit.horizon_days.min(offer.horizon_days);
            let pause = if visit.legs.is_empty() { 0 } else { pause };
            let (length, offset) = (offer.length, end + i64::from(pause) * 60);
            end = offset + i64::from(length.duration) * 60;
            visit.legs.push(Leg { master_id: offer.master_id, length, offset, offer: Some(offer) });
        }
        visit.cut_buffers();
        visit
    }

    fn cut_buffers(&mut self) {
        for index in 1..self.legs.len() {
            let Some((earlier, [leg, ..])) = self.legs.split_at_mut_checked(index) else { continue };
            let Some(last) = earlier.iter_mut().rev().find(|last| last.master_id == leg.master_id) else { continue };
            let pause = (leg.offset - last.offset) / 60 - i64::from(last.length.duration);
            let pause = u16::try_from(pause).unwrap_or(u16::MAX);
            last.length.buffer_after = last.length.buffer_after.min(pause);
            leg.length.buffer_before = leg.length.buffer_before.min(pause - last.length.buffer_after);
        }
    }

    /// Seconds from the start of the first part to the end of the last.
    pub(crate) fn seconds(&self) -> i64 {
        self.legs.last().map_or(0, |leg| leg.offset + i64::from(leg.length.duration) * 60)
    }

    /// What it costs, in tiyn.
    pub(crate) fn price(&self) -> i64 {
        self.legs.iter().filter_map(|leg| leg.offer.as_ref()).map(|offer| offer.price_tiyn).sum()
    }

    /// Whether something holds for every part and its master's calendar.
    pub(crate) fn all(
        &self,
        calendars: &BTreeMap<MasterId, Calendar>,
        mut holds: impl FnMut(&Calendar, &Leg) -> bool,
    ) -> bool {
        self.legs.iter().all(|leg| calendars.get(&leg.master_id).is_some_and(|calendar| holds(calendar, leg)))
    }
}
