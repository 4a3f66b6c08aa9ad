use std::collections::BTreeSet;

use jiff::civil::date;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn hours(date: Date, intervals: &[(u16, u16)]) -> DayHours {
    let intervals = intervals.iter().map(|(start, end)| Interval::new(*start, *end).unwrap()).collect();
    DayHours::new(date, intervals).unwrap()
}

fn visit(duration: u16, buffer_before: u16, buffer_after: u16) -> VisitLength {
    VisitLength { duration, buffer_before, buffer_after }
}

fn bounds(from: Date, to: Date, step_minutes: u16) -> Bounds {
    Bounds {
        from,
        to,
        not_before: Timestamp::from_seconds(i64::MIN),
        not_after: Timestamp::from_seconds(i64::MAX),
        step_minutes,
        mode: Mode::Grid,
    }
}

fn walls(calendar: &Calendar, visit: VisitLength, bounds: Bounds) -> Vec<String> {
    calendar.start_times(visit, bounds).iter().map(|slot| slot.wall.strftime("%d %H:%M").to_string()).collect()
}

#[test]
fn a_visit_fits_between_hours_breaks_and_others() {
    let almaty = zone("Asia/Almaty");
    let day = date(2026, 1, 15);
    let ten = almaty.instant(day.at(10, 0, 0, 0)).unwrap();
    let busy = Busy { from: ten.plus(3_600), to: ten.plus(2 * 3_600) };
    let calendar = Calendar::new(&almaty, vec![hours(day, &[(600, 780), (840, 930)])], vec![busy]);
    let grid = bounds(day, day, 30);
    assert_eq!(walls(&calendar, visit(60, 0, 0), grid), ["15 10:00", "15 12:00", "15 14:00", "15 14:30"]);
    // A buffer touches the busy hour, and not the closing time.
    assert_eq!(walls(&calendar, visit(60, 0, 10), grid), ["15 12:00", "15 14:00", "15 14:30"]);
    assert_eq!(walls(&calendar, visit(60, 10, 0), grid), ["15 10:00", "15 14:00", "15 14:30"]);
    let noon = Bounds { not_before: ten.plus(2 * 3_600), not_after: ten.plus(4 * 3_600), ..grid };
    assert_eq!(walls(&calendar, visit(60, 0, 0), noon), ["15 12:00", "15 14:00"]);
}

#[test]
fn a_salon_without_gaps_offers_what_touches_or_leaves_room() {
    let almaty = zone("Asia/Almaty");
    let day = date(2026, 1, 15);
    let ten = almaty.instant(day.at(10, 0, 0, 0)).unwrap();
    // Open from 10 to 15; 12:10 to 13:00 is taken.
    let busy = Busy { from: ten.plus(130 * 60), to: ten.plus(180 * 60) };
    let calendar = Calendar::new(&almaty, vec![hours(day, &[(600, 900)])], vec![busy]);
    let no_gap = |shortest| Bounds { mode: Mode::NoGap { shortest }, ..bounds(day, day, 30) };
    // At 10:30 half an hour would be left before, and 40 minutes after: room for the shortest. 11:00 leaves ten
    // minutes after it, 11:10 touches.
    let expected = ["15 10:00", "15 10:30", "15 11:10", "15 13:00", "15 13:30", "15 14:00"];
    assert_eq!(walls(&calendar, visit(60, 0, 0), no_gap(30)), expected);
    assert_eq!(walls(&calendar, visit(60, 0, 0), no_gap(45)), ["15 10:00", "15 11:10", "15 13:00", "15 14:00"]);
    // Its buffers belong to the visit, except where they fall outside of the hours.
    assert_eq!(walls(&calendar, visit(60, 10, 5), no_gap(60)), ["15 10:00", "15 11:05", "15 13:10", "15 14:00"]);
    // Where no time is without a gap, those that touch are offered all the same.
    assert_eq!(walls(&calendar, visit(110, 0, 0), no_gap(30)), ["15 10:00", "15 10:20", "15 13:00", "15 13:10"]);
}

#[test]
fn an_hour_that_happens_twice_is_worked_twice_and_offered_once() {
    let almaty = zone("Asia/Almaty");
    let day = date(2024, 2, 29);
    let days = vec![hours(day, &[(1_320, 1_440)]), hours(date(2024, 3, 1), &[])];
    let calendar = Calendar::new(&almaty, days, vec![]);
    let grid = bounds(day, day, 30);
    assert_eq!(walls(&calendar, visit(60, 0, 0), grid), ["29 22:00", "29 22:30", "29 23:00", "29 23:30"]);
    // From 22:00 to midnight are three hours on that day.
    assert_eq!(walls(&calendar, visit(180, 0, 0), grid), ["29 22:00"]);
    let offered: Vec<_> =
        calendar.start_times(visit(60, 0, 0), grid).iter().map(|slot| almaty.rfc_3339(slot.at)).collect();
    assert_eq!(offered.last().unwrap(), "2024-02-29T23:30:00+06:00");
}

#[test]
fn an_hour_that_does_not_happen_is_not_offered() {
    let berlin = zone("Europe/Berlin");
    let day = date(2026, 3, 29);
    let calendar = Calendar::new(&berlin, vec![hours(day, &[(60, 240)])], vec![]);
    let grid = bounds(day, day, 30);
    assert_eq!(walls(&calendar, visit(60, 0, 0), grid), ["29 01:00", "29 01:30", "29 03:00"]);
    assert_eq!(walls(&calendar, visit(150, 0, 0), grid), [""; 0]);
}

#[test]
fn days_of_23_and_24_and_a_half_hours_are_worked_to_their_end() {
    for (name, day, minutes_of_day) in [
        ("Europe/Berlin", date(2026, 3, 29), 23 * 60),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24 * 60 + 30),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23 * 60 + 30),
        ("Asia/Almaty", date(2024, 2, 29), 25 * 60),
    ] {
        let calendar = Calendar::new(&zone(name), vec![hours(day, &[(0, 1_440)])], vec![]);
        let grid = bounds(day, day, 30);
        assert_eq!(walls(&calendar, visit(minutes_of_day, 0, 0), grid).len(), 1, "{name}");
        assert_eq!(walls(&calendar, visit(minutes_of_day + 1, 0, 0), grid).len(), 0, "{name}");
    }
}

#[test]
fn a_visit_may_run_over_midnight_where_both_days_are_worked() {
    let almaty = zone("Asia/Almaty");
    let (friday, saturday) = (date(2026, 1, 16), date(2026, 1, 17));
    let days = vec![hours(friday, &[(1_380, 1_440)]), hours(saturday, &[(0, 60)])];
    let calendar = Calendar::new(&almaty, days, vec![]);
    assert_eq!(walls(&calendar, visit(90, 0, 0), bounds(friday, friday, 30)), ["16 23:00", "16 23:30"]);
}

#[test]
fn nonsense_hours_are_refused() {
    assert_eq!(Interval::new(600, 600), Err(IntervalError::Order));
    assert_eq!(Interval::new(600, 1_441), Err(IntervalError::Order));
    let overlapping = [(600, 700), (699, 800)].map(|(start, end)| Interval::new(start, end).unwrap());
    assert_eq!(DayHours::new(date(2026, 1, 1), overlapping.to_vec()), Err(IntervalError::Overlap));
}

/// The rules of the module, minute by minute.
fn oracle(zone: &Zone, days: &[DayHours], busy: &[Busy], visit: VisitLength, bounds: Bounds) -> Vec<Slot> {
    let minute_of = |wall: DateTime| u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap();
    let interval_at = |wall: DateTime| {
        let of_day = days.iter().find(|day| day.date() == wall.date())?;
        of_day.intervals().iter().find(|i| i.start() <= minute_of(wall) && minute_of(wall) < i.end()).copied()
    };
    let worked = |at: Timestamp| interval_at(zone.wall(at)).is_some();
    let taken = |at: Timestamp| busy.iter().any(|busy| busy.from <= at && at < busy.to);
    let free = |at: Timestamp| worked(at) && !taken(at);
    let on_grid = |wall: DateTime| {
        interval_at(wall).is_some_and(|i| (minute_of(wall) - i.start()).is_multiple_of(bounds.step_minutes))
    };
    let first = as_if_utc(days.first().unwrap().date(), 0).plus(-MOST_OFFSET);
    let last = as_if_utc(days.last().unwrap().date(), MINUTES_A_DAY).plus(MOST_OFFSET);
    let (mut seen, mut slots) = (BTreeSet::new(), Vec::new());
    for at in (first.seconds()..last.seconds()).step_by(60).map(Timestamp::from_seconds) {
        let wall = zone.wall(at);
        if !(bounds.from..=bounds.to).contains(&wall.date()) || !worked(at) || !seen.insert(wall) {
            continue;
        }
        let end = at.plus(minutes(visit.duration));
        let (from, to) = (at.plus(-minutes(visit.buffer_before)), end.plus(minutes(visit.buffer_after)));
        let all_worked = (0..visit.duration).all(|minute| worked(at.plus(minutes(minute))));
        let untouched = (from.seconds()..to.seconds()).step_by(60).all(|at| !taken(Timestamp::from_seconds(at)));
        let offered = match bounds.mode {
            Mode::Grid => on_grid(wall),
            Mode::NoGap { shortest } => {
                let after_opening_or_visit = !worked(at.plus(-60)) || taken(from.plus(-60));
                let before_closing_or_visit = !worked(end) || taken(to);
                let before = (1..=4 * 1_440).take_while(|minute| free(at.plus(-60 * minute))).count();
                let after = (0..4 * 1_440).take_while(|minute| free(end.plus(60 * minute))).count();
                let before = before.saturating_sub(visit.buffer_before.into());
                let after = after.saturating_sub(visit.buffer_after.into());
                let fills = before == 0 || after == 0 || before.min(after) >= shortest.into();
                (on_grid(wall) || after_opening_or_visit || before_closing_or_visit) && fills
            }
        };
        if all_worked && untouched && offered && bounds.not_before <= at && at <= bounds.not_after {
            slots.push(Slot { wall, at });
        }
    }
    slots
}

/// Places and days on which the clocks do something odd, and a plain one.
const ODD_DAYS: [(&str, i16, i8, i8); 8] = [
    ("Asia/Almaty", 2024, 2, 29),
    ("Asia/Almaty", 2026, 5, 4),
    ("Europe/Berlin", 2026, 3, 29),
    ("Europe/Berlin", 2026, 10, 25),
    ("Australia/Lord_Howe", 2026, 4, 5),
    ("Pacific/Apia", 2011, 12, 30),
    ("America/Sao_Paulo", 2018, 11, 4),
    ("Africa/Casablanca", 2026, 2, 15),
];

fn day_hours(date: Date) -> impl Strategy<Value = DayHours> {
    proptest::collection::btree_set(0..=MINUTES_A_DAY / 15, 0..=6).prop_map(move |cuts| {
        let cuts: Vec<u16> = cuts.into_iter().map(|quarter| quarter * 15).collect();
        let intervals = cuts.chunks_exact(2).map(|pair| Interval::new(pair[0], pair[1]).unwrap()).collect();
        DayHours::new(date, intervals).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(0x5107), ..ProptestConfig::with_cases(192) })]
    #[test]
    fn the_calendar_agrees_with_the_oracle(
        (name, middle, days) in proptest::sample::select(&ODD_DAYS[..]).prop_flat_map(|(name, year, month, day)| {
            let middle = date(year, month, day);
            let days = (middle.yesterday().unwrap(), middle, middle.tomorrow().unwrap());
            (Just(name), Just(middle), (day_hours(days.0), day_hours(days.1), day_hours(days.2)))
        }),
        busy in proptest::collection::vec((0_i64..4 * 24 * 4, -1_i64..12), 0..8),
        (duration, buffer_before, buffer_after) in (1_u16..36, 0_u16..4, 0_u16..4),
        step in 1_u16..8,
        (late, early) in (0_i64..24, 0_i64..24),
        shortest in proptest::option::of(1_u16..24),
    ) {
        let zone = zone(name);
        let days = vec![days.0, days.1, days.2];
        let origin = as_if_utc(middle, 0).plus(-36 * 3_600);
        let busy: Vec<Busy> = busy
            .into_iter()
            .map(|(from, length)| Busy { from: origin.plus(from * 900), to: origin.plus((from + length) * 900) })
            .collect();
        let visit = visit(duration * 5, buffer_before * 5, buffer_after * 5);
        let bounds = Bounds {
            not_before: origin.plus(late * 3_600),
            not_after: origin.plus(84 * 3_600 - early * 3_600),
            mode: shortest.map_or(Mode::Grid, |shortest| Mode::NoGap { shortest: shortest * 5 }),
            ..bounds(middle.yesterday().unwrap(), middle, step * 5)
        };
        let expected = oracle(&zone, &days, &busy, visit, bounds);
        let calendar = Calendar::new(&zone, days, busy);
        let found = calendar.start_times(visit, bounds);
        for slot in &found {
            prop_assert_eq!(zone.instant(slot.wall), Ok(slot.at));
        }
        prop_assert_eq!(found, expected);
    }
}
