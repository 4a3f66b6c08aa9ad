use jiff::civil::date;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::availability::{Busy, DayHours, Interval};
use crate::id::ServiceId;

const DAY: Date = date(2026, 1, 15);
/// The day in minutes, in quarters of an hour.
const QUARTERS: u16 = MINUTES_A_DAY / 15;

/// One master: what is worked and what is taken, by the minute of the day.
#[derive(Debug, Clone)]
struct Minutes {
    worked: Vec<(u16, u16)>,
    taken: Vec<(u16, u16)>,
}

impl Minutes {
    fn works(&self, from: i64, to: i64) -> bool {
        (from..to)
            .all(|minute| self.worked.iter().any(|(start, end)| (i64::from(*start)..i64::from(*end)).contains(&minute)))
    }

    fn is_untouched(&self, from: i64, to: i64) -> bool {
        (from..to)
            .all(|minute| !self.taken.iter().any(|(start, end)| (i64::from(*start)..i64::from(*end)).contains(&minute)))
    }

    fn calendar(&self, zone: &Zone) -> Calendar {
        let midnight = zone.instant(DAY.at(0, 0, 0, 0)).unwrap();
        let at = |minute: u16| midnight.plus(i64::from(minute) * 60);
        let hours = self.worked.iter().map(|(start, end)| Interval::new(*start, *end).unwrap()).collect();
        let busy = self.taken.iter().map(|(start, end)| Busy { from: at(*start), to: at(*end) }).collect();
        Calendar::new(zone, vec![DayHours::new(DAY, hours).unwrap()], busy)
    }
}

fn intervals(most: usize) -> impl Strategy<Value = Vec<(u16, u16)>> {
    proptest::collection::btree_set(0..=QUARTERS, 0..=most * 2).prop_map(|cuts| {
        let cuts: Vec<u16> = cuts.into_iter().map(|quarter| quarter * 15).collect();
        cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    })
}

fn choice(master: usize, part: usize, (duration, before, after): (u16, u16, u16)) -> Choice {
    let (master_id, service_id) =
        (MasterId::new(i64::try_from(master).unwrap()), ServiceId::new(i64::try_from(part).unwrap()));
    let length = VisitLength { duration: duration * 15, buffer_before: before * 5, buffer_after: after * 5 };
    let name: crate::name::Name = "x".parse().unwrap();
    let offer = Offer {
        service_id,
        service: name.clone(),
        master_id,
        master: name,
        length,
        price_tiyn: 0,
        notice_minutes: 0,
        horizon_days: 90,
    };
    Choice { master_id, length, offer: Some(offer) }
}

/// Every choice of a master for each part that fits, by trying all: with the minute at which each part begins.
fn all_visits<'a>(parts: &'a [PartChoices], masters: &[Minutes], start: i64) -> Vec<Vec<&'a Choice>> {
    let mut visits: Vec<(i64, Vec<&Choice>)> = vec![(start, Vec::new())];
    for (index, part) in parts.iter().enumerate() {
        let mut longer = Vec::new();
        for (end, visit) in &visits {
            for choice in &part.choices {
                let from = end + if index == 0 { 0 } else { i64::from(part.pause) };
                let to = from + i64::from(choice.length.duration);
                let master = &masters[usize::try_from(choice.master_id.get()).unwrap()];
                let (before, after) = (i64::from(choice.length.buffer_before), i64::from(choice.length.buffer_after));
                if master.works(from, to) && master.is_untouched(from - before, to + after) {
                    longer.push((to, visit.iter().copied().chain([choice]).collect()));
                }
            }
        }
        visits = longer;
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(0x5107), ..ProptestConfig::with_cases(96) })]
    #[test]
    fn the_search_finds_what_trying_all_finds(
        masters in proptest::collection::vec((intervals(3), intervals(4)), 1..4),
        parts in proptest::collection::vec(
            (0_u16..3, proptest::collection::vec(proptest::option::of((1_u16..9, 0_u16..4, 0_u16..4)), 3)),
            1..4,
        ),
        step in 1_u16..5,
    ) {
        let zone: Zone = "Asia/Almaty".parse().unwrap();
        let masters: Vec<Minutes> =
            masters.into_iter().map(|(worked, taken)| Minutes { worked, taken }).collect();
        let parts: Vec<PartChoices> = parts
            .iter()
            .enumerate()
            .map(|(part, (pause, lengths))| PartChoices {
                pause: if part == 0 { 0 } else { pause * 15 },
                choices: (0..masters.len())
                    .filter_map(|master| Some(choice(master, part, lengths[master]?)))
                    .collect(),
            })
            .collect();
        let calendars = (0_i64..).zip(&masters).map(|(id, of)| (MasterId::new(id), of.calendar(&zone))).collect();
        let roster = Roster { parts, calendars, shortest: BTreeMap::new() };
        let grid = Grid { step_minutes: step * 15, no_gap: false };
        let ever = (Timestamp::from_seconds(i64::MIN), Timestamp::from_seconds(i64::MAX));
        let found = roster.free(grid, (DAY, DAY), ever);
        let midnight = zone.instant(DAY.at(0, 0, 0, 0)).unwrap();

        let mut expected = Vec::new();
        for start in (0..i64::from(MINUTES_A_DAY)).step_by(5) {
            // Whose grid the first part lies on.
            let on_grid = |choice: &Choice| {
                let hours = &masters[usize::try_from(choice.master_id.get()).unwrap()].worked;
                let hours = hours.iter().find(|(from, to)| (i64::from(*from)..i64::from(*to)).contains(&start));
                hours.is_some_and(|(from, _)| (start - i64::from(*from)) % i64::from(grid.step_minutes) == 0)
            };
            let mut visits = all_visits(&roster.parts, &masters, start);
            let at = midnight.plus(start * 60);

            // What a booking would try: all of them, those with the least to do first.
            let tried = roster.visits(&zone, at, usize::MAX);
            let of = |visit: &[MasterId]| visit.to_vec();
            let mut tried: Vec<Vec<MasterId>> =
                tried.iter().map(|visit| of(&visit.legs.iter().map(|leg| leg.master_id).collect::<Vec<_>>())).collect();
            let taken = |id: &MasterId| -> u64 {
                let taken = &masters[usize::try_from(id.get()).unwrap()].taken;
                taken.iter().map(|(from, to)| u64::from(to - from)).sum()
            };
            let load = |visit: &Vec<MasterId>| {
                visit.iter().collect::<BTreeSet<_>>().into_iter().map(taken).sum::<u64>()
            };
            prop_assert!(tried.is_sorted_by_key(|visit| (load(visit), visit.clone())), "{tried:?}");
            let mut all: Vec<Vec<MasterId>> =
                visits.iter().map(|visit| visit.iter().map(|choice| choice.master_id).collect()).collect();
            tried.sort();
            all.sort();
            prop_assert_eq!(tried, all);

            visits.retain(|visit| on_grid(visit[0]));
            if !visits.is_empty() {
                let of_part = |part: usize| {
                    let masters: BTreeSet<_> = visits.iter().map(|visit| visit[part].master_id).collect();
                    masters.into_iter().collect::<Vec<_>>()
                };
                expected.push((at, (0..roster.parts.len()).map(of_part).collect::<Vec<_>>()));
            }
        }
        let found: Vec<_> = found.into_iter().map(|free| (free.slot.at, free.masters)).collect();
        prop_assert_eq!(found, expected);
    }
}
