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

/// A visit: for each part the minute at which it begins, and who serves it.
type Tried<'a> = Vec<(i64, &'a Choice)>;

/// Every choice of a master for each part that fits, by trying all.
fn all_visits<'a>(parts: &'a [PartChoices], masters: &[Minutes], start: i64) -> Vec<Tried<'a>> {
    let mut visits: Vec<(i64, Tried<'a>)> = vec![(start, Vec::new())];
    for (index, part) in parts.iter().enumerate() {
        let mut longer = Vec::new();
        for (end, visit) in &visits {
            for choice in &part.choices {
                let from = end + if index == 0 { 0 } else { i64::from(part.pause) };
                let to = from + i64::from(choice.length.duration);
                let master = &masters[usize::try_from(choice.master_id.get()).unwrap()];
                let (before, after) = (i64::from(choice.length.buffer_before), i64::from(choice.length.buffer_after));
                if master.works(from, to) && master.is_untouched(from - before, to + after) {
                    longer.push((to, visit.iter().copied().chain([(from, choice)]).collect()));
                }
            }
        }
        visits = longer;
    }
    visits.into_iter().map(|(_, visit)| visit).collect()
}

/// How many stretches of a visit leave a gap in their masters' days, and whether one touches its neighbour: minute by
/// minute.
fn stretches(visit: &Tried<'_>, masters: &[Minutes], shortest: &[u16]) -> (u32, bool) {
    let (mut gaps, mut touches) = (0, false);
    for stretch in visit.chunk_by(|(_, one), (_, next)| one.master_id == next.master_id) {
        let ((from, first), (last_from, last)) = (stretch[0], stretch[stretch.len() - 1]);
        let to = last_from + i64::from(last.length.duration);
        let number = usize::try_from(first.master_id.get()).unwrap();
        let (master, shortest) = (&masters[number], usize::from(shortest[number] * 5));
        let (buffer_before, buffer_after) = (first.length.buffer_before, last.length.buffer_after);
        let worked = |minute: i64| master.works(minute, minute + 1);
        let taken = |minute: i64| !master.is_untouched(minute, minute + 1);
        let free = |minute: &i64| worked(*minute) && !taken(*minute);
        let before = (0..from).rev().take_while(free).count().saturating_sub(buffer_before.into());
        let after = (to..i64::from(MINUTES_A_DAY)).take_while(free).count().saturating_sub(buffer_after.into());
        gaps += u32::from(before > 0 && after > 0 && before.min(after) < shortest);
        touches |= !worked(from - 1)
            || taken(from - i64::from(buffer_before) - 1)
            || !worked(to)
            || taken(to + i64::from(buffer_after));
    }
    (gaps, touches)
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
        no_gap in proptest::bool::ANY,
        shortest in proptest::collection::vec(1_u16..24, 3),
        kept in proptest::collection::vec((0_i64..3, 0_i64..3), 0..3),
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
        let roster = Roster {
            parts,
            calendars,
            no_gap,
            shortest: (0_i64..).zip(&shortest).map(|(id, fives)| (MasterId::new(id), fives * 5)).collect(),
            kept: kept
                .into_iter()
                .map(|(part, master)| Item { service_id: ServiceId::new(part), master_id: MasterId::new(master) })
                .collect(),
        };
        let grid = Grid { step_minutes: step * 15, no_gap };
        let ever = (Timestamp::from_seconds(i64::MIN), Timestamp::from_seconds(i64::MAX));
        let found = roster.free(grid, (DAY, DAY), ever);
        let midnight = zone.instant(DAY.at(0, 0, 0, 0)).unwrap();

        let mut offered = Vec::new();
        for start in (0..i64::from(MINUTES_A_DAY)).step_by(5) {
            // Whose grid the first part lies on.
            let on_grid = |choice: &Choice| {
                let hours = &masters[usize::try_from(choice.master_id.get()).unwrap()].worked;
                let hours = hours.iter().find(|(from, to)| (i64::from(*from)..i64::from(*to)).contains(&start));
                hours.is_some_and(|(from, _)| (start - i64::from(*from)) % i64::from(grid.step_minutes) == 0)
            };
            let visits = all_visits(&roster.parts, &masters, start);
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
            let of_masters = |visit: &Vec<MasterId>| {
                let same = |tried: &&Tried<'_>| tried.iter().map(|(_, choice)| choice.master_id).eq(visit.iter().copied());
                visits.iter().find(same).unwrap()
            };
            let rank = |visit: &Vec<MasterId>| {
                let tried = of_masters(visit);
                let kept = |part: i64, master_id: MasterId| {
                    roster.kept.contains(&Item { service_id: ServiceId::new(part), master_id })
                };
                let changed = (0_i64..).zip(visit).filter(|(part, master_id)| !kept(*part, **master_id)).count();
                let gaps = if no_gap { stretches(tried, &masters, &shortest).0 } else { 0 };
                (changed, gaps, load(visit), visit.clone())
            };
            prop_assert!(tried.is_sorted_by_key(rank), "{tried:?}");
            let mut all: Vec<Vec<MasterId>> =
                visits.iter().map(|visit| visit.iter().map(|(_, choice)| choice.master_id).collect()).collect();
            tried.sort();
            all.sort();
            prop_assert_eq!(tried, all);

            for visit in visits {
                let (gaps, touches) = if no_gap { stretches(&visit, &masters, &shortest) } else { (0, false) };
                if on_grid(visit[0].1) || touches {
                    offered.push((gaps, at, visit));
                }
            }
        }
        // Of the day those that leave the fewest gaps.
        let fewest = offered.iter().map(|(gaps, ..)| *gaps).min();
        offered.retain(|(gaps, ..)| Some(*gaps) == fewest);
        let mut expected = Vec::new();
        for of_time in offered.chunk_by(|(_, one, _), (_, next, _)| one == next) {
            let of_part = |part: usize| {
                let masters: BTreeSet<_> = of_time.iter().map(|(.., visit)| visit[part].1.master_id).collect();
                masters.into_iter().collect::<Vec<_>>()
            };
            expected.push((of_time[0].1, (0..roster.parts.len()).map(of_part).collect::<Vec<_>>()));
        }
        let found: Vec<_> = found.into_iter().map(|free| (free.slot.at, free.masters)).collect();
        prop_assert_eq!(found, expected);
    }
}

/// A salon that wants no gaps, in which everybody does everything, each in a time of their own if lengths `vary`, and
/// is busy four times a day.
fn salon(masters: usize, parts: usize, days: i32, vary: u16) -> Roster {
    let zone: Zone = "Asia/Almaty".parse().unwrap();
    let number = |master: usize| i64::try_from(master).unwrap();
    let calendar = |master: usize| {
        let (mut hours, mut busy) = (Vec::new(), Vec::new());
        for day in 0..days + 2 {
            let date = DAY.saturating_add(Span::new().days(day));
            hours.push(DayHours::new(date, vec![Interval::new(540, 1_260).unwrap()]).unwrap());
            let midnight = zone.instant(date.at(0, 0, 0, 0)).unwrap();
            busy.extend((0..4).map(|visit| midnight.plus((600 + visit * 150 + number(master) * 7) * 60)));
        }
        let busy = busy.into_iter().map(|from| Busy { from, to: from.plus(2_400) }).collect();
        Calendar::new(&zone, hours, busy)
    };
    let part = |part: usize| {
        let one = |master: usize| {
            let mut choice = choice(master, part, (2, 0, 1));
            choice.length.duration = 30 + vary * u16::try_from((master * 7 + part * 3) % 23).unwrap();
            choice
        };
        PartChoices { pause: 0, choices: (0..masters).map(one).collect() }
    };
    Roster {
        parts: (0..parts).map(part).collect(),
        calendars: (0..masters).map(|master| (MasterId::new(number(master)), calendar(master))).collect(),
        no_gap: true,
        shortest: (0..masters).map(|master| (MasterId::new(number(master)), 30)).collect(),
        kept: Vec::new(),
    }
}

fn bounds(days: i32, step_minutes: u16) -> Bounds {
    Bounds {
        from: DAY,
        to: DAY.saturating_add(Span::new().days(days - 1)),
        not_before: Timestamp::from_seconds(i64::MIN),
        not_after: Timestamp::from_seconds(i64::MAX),
        step_minutes,
        mode: Mode::Grid,
    }
}

/// At how many instants parts are looked at to find the times on the grid of so many days.
fn looked_at_on_grid(roster: &Roster, days: i32, step_minutes: u16) -> usize {
    let masters: Vec<MasterId> = roster.calendars.keys().copied().collect();
    let of_date = |day: i32| {
        let mut serving = Serving::new(roster);
        let date = DAY.saturating_add(Span::new().days(day));
        let slots = roster.calendars[&masters[0]].grid(Bounds { from: date, to: date, ..bounds(1, step_minutes) });
        for slot in slots {
            serving.at(slot.at, &masters);
        }
        serving.looked_at()
    };
    (0..days).map(of_date).sum()
}

/// Many masters who each take a time of their own make many thousand ways through a day, and no more minutes of it.
#[test]
fn however_many_ways_lead_through_a_day_each_minute_is_looked_at_once_for_each_part() {
    let without_gaps = |vary, days, step| gapless::looked_at(&salon(8, 6, days, vary), bounds(days, step));
    let on_grid = |vary, days, step| looked_at_on_grid(&salon(8, 6, days, vary), days, step);
    // From the opening at 9:00 to the closing at 21:00, and the end of what begins before that.
    for looked_at in [without_gaps(1, 2, 5), on_grid(1, 2, 5)] {
        assert!((1..=2 * 6 * (720 + 60)).contains(&looked_at), "{looked_at}");
    }
    // Twice the days, twice the work.
    for [two, four] in [[without_gaps(0, 2, 30), without_gaps(0, 4, 30)], [on_grid(0, 2, 30), on_grid(0, 4, 30)]] {
        assert!(four <= 2 * two + 60, "{four} after {two}");
    }
}

#[test]
fn a_question_about_very_many_masters_and_parts_spans_fewer_days() {
    let most = |masters, parts| crate::slots::most_days(&salon(masters, parts, 1, 0));
    assert_eq!([most(200, 1), most(20, 10), most(50, 10), most(200, 10)], [62, 62, 24, 6]);
}
