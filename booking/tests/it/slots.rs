//! Free times of masters, of any master, and of several parts, as the database has them.

use std::collections::BTreeSet;

use booking::availability::{DayHours, Interval};
use booking::id::MasterId;
use booking::schedule;
use booking::slots::{self, Audience, Free, Item, Part, Wanted};
use db::testing::on_each;
use jiff::civil::date;

use crate::salon::{PUBLIC, Salon};

const DAY: jiff::civil::Date = date(2026, 1, 16);

async fn ask(salon: &Salon, parts: &[Part]) -> Vec<Free> {
    let wanted = Wanted::Visit(parts);
    slots::free(&salon.platform, &salon.business, wanted, (DAY, DAY), Audience::Public).await.unwrap()
}

fn at<'a>(free: &'a [Free], time: &str) -> Option<&'a Free> {
    free.iter().find(|free| free.slot.wall.strftime("%H:%M").to_string() == time)
}

fn any(salon: &Salon, service: usize) -> Part {
    Part { service_id: salon.services[service], master_id: None, pause_minutes: 0 }
}

#[tokio::test]
async fn any_master_is_the_union_of_all_with_who_is_free() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, _] = salon.masters[..] else { panic!("three masters") };
        salon.book("2026-01-16T12:00:00", "87771234567").await.unwrap();
        let free = ask(&salon, &[any(&salon, 0)]).await;
        assert_eq!(at(&free, "09:00").unwrap().masters, [[first]]);
        assert_eq!(at(&free, "10:00").unwrap().masters, [[first, second]]);
        assert_eq!(at(&free, "12:00").unwrap().masters, [[second]]);
        // The second master rests from 14:00 to 15:00.
        assert_eq!(at(&free, "14:00").unwrap().masters, [[first]]);
        // The union is what each of them has.
        let mut each = BTreeSet::new();
        for master_id in [first, second] {
            each.extend(salon.free(Item { service_id: salon.services[0], master_id }, DAY).await);
        }
        let union: BTreeSet<_> = free.iter().map(|free| free.slot.wall.strftime("%H:%M").to_string()).collect();
        assert_eq!(union, each);
        let step = slots::free(&salon.platform, &salon.business, Wanted::Step(None), (DAY, DAY), Audience::Public);
        assert_eq!(at(&step.await.unwrap(), "18:30").unwrap().masters, [[first, second, salon.masters[2]]]);
    })
    .await;
}

#[tokio::test]
async fn several_parts_by_any_masters_fit_with_their_pauses() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, third] = salon.masters[..] else { panic!("three masters") };
        // A cut (first or second master), then a manicure of 90 minutes (first or third; the third rests 13:00 to
        // 14:00).
        let free = ask(&salon, &[any(&salon, 0), any(&salon, 1)]).await;
        assert_eq!(at(&free, "09:00").unwrap().masters, [vec![first], vec![first, third]]);
        assert_eq!(at(&free, "10:00").unwrap().masters, [vec![first, second], vec![first, third]]);
        // The manicure would run from 11:00 to 12:30, or into the rest from 12:00.
        assert_eq!(at(&free, "11:00").unwrap().masters, [vec![first, second], vec![first]]);
        // After a pause of two hours it is past the rest.
        let late = ask(&salon, &[any(&salon, 0), Part { pause_minutes: 120, ..any(&salon, 1) }]).await;
        assert_eq!(at(&late, "11:00").unwrap().masters, [vec![first, second], vec![first, third]]);
        // When the first master is taken, nobody but the others can.
        let taken = Item { service_id: salon.services[2], master_id: first };
        salon.book_items("2026-01-16T10:00:00", "87771234567", &[taken], PUBLIC).await.unwrap();
        let free = ask(&salon, &[any(&salon, 0), any(&salon, 1)]).await;
        assert_eq!(at(&free, "10:00").unwrap().masters, [vec![second], vec![third]]);
        assert!(at(&free, "11:00").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_visit_does_not_stand_in_its_own_way() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        // Colouring has a buffer of 15 minutes after it; a cut by the same master follows at once.
        let both = [2, 0].map(|service| Item { service_id: salon.services[service], master_id: salon.masters[0] });
        let parts = both.map(Part::from);
        assert!(at(&ask(&salon, &parts).await, "10:00").is_some());
        let booked = salon.book_items("2026-01-16T10:00:00", "87771234567", &both, PUBLIC).await.unwrap();
        assert_eq!(booked.ends_at.since(booked.starts_at), 180 * 60);
    })
    .await;
}

#[tokio::test]
async fn who_has_the_least_to_do_comes_first() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let [first, second, third] = salon.masters[..] else { panic!("three masters") };
        let zone = &salon.business.zone;
        let noon = zone.instant(DAY.at(12, 0, 0, 0)).unwrap();
        let found = async |parts: &[Part], at| {
            slots::candidates(&mut db.read().await.unwrap(), &salon.business, parts, at, salon.platform.clock.now())
                .await
                .unwrap()
        };
        assert_eq!(found(&[any(&salon, 0)], noon).await.assignments(), [[first], [second]]);
        salon.book("2026-01-16T15:00:00", "87771234567").await.unwrap();
        assert_eq!(found(&[any(&salon, 0)], noon).await.assignments(), [[second], [first]]);
        let both = [any(&salon, 0), any(&salon, 1)];
        let at_ten = zone.instant(DAY.at(10, 0, 0, 0)).unwrap();
        let expected: [[MasterId; 2]; 4] = [[second, third], [first, first], [first, third], [second, first]];
        assert_eq!(found(&both, at_ten).await.assignments(), expected);
        // Taken, and closed.
        let taken = found(&[salon.cut().into()], zone.instant(DAY.at(15, 30, 0, 0)).unwrap()).await;
        assert!(taken.assignments().is_empty() && taken.open);
        let closed = found(&[any(&salon, 0)], zone.instant(DAY.at(22, 0, 0, 0)).unwrap()).await;
        assert!(closed.assignments().is_empty() && !closed.open);
    })
    .await;
}

#[tokio::test]
async fn a_salon_without_gaps_offers_times_beside_visits() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        salon.business.settings = serde_json::from_str(r#"{"slots": {"mode": "no_gap"}}"#).unwrap();
        let cut = salon.cut();
        let mut tx = db.begin().await.unwrap();
        let day = DayHours::new(DAY, vec![Interval::new(600, 800).unwrap()]).unwrap();
        schedule::set_date(&mut tx, salon.business.id, cut.master_id, &day).await.unwrap();
        tx.commit().await.unwrap();
        // From 10:00 to 13:20; the shortest service takes 30 minutes.
        assert_eq!(salon.free(cut, DAY).await, ["10:00", "10:30", "11:00", "11:30", "12:20"]);
        salon.book("2026-01-16T11:10:00", "87771234567").await.unwrap();
        assert_eq!(salon.free(cut, DAY).await, ["10:00", "10:10", "12:10", "12:20"]);
    })
    .await;
}

#[tokio::test]
async fn each_part_leaves_no_gap_in_its_own_masters_day() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        salon.business.settings = serde_json::from_str(r#"{"slots": {"mode": "no_gap"}}"#).unwrap();
        let [first, _, third] = salon.masters[..] else { panic!("three masters") };
        let mut tx = db.begin().await.unwrap();
        for (master_id, start, end) in [(first, 600, 800), (third, 690, 900)] {
            let day = DayHours::new(DAY, vec![Interval::new(start, end).unwrap()]).unwrap();
            schedule::set_date(&mut tx, salon.business.id, master_id, &day).await.unwrap();
        }
        tx.commit().await.unwrap();
        let times = async |salon: &Salon, parts: &[Part]| -> Vec<String> {
            ask(salon, parts).await.iter().map(|free| free.slot.wall.strftime("%H:%M").to_string()).collect()
        };
        // A cut by the first master, from 10:00 to 13:20, then a manicure by the third, from 11:30 to 15:00, which is
        // also the shortest that the third does. At 10:00 the third does not work yet; at 11:00 and later there would
        // be too little before the manicure or after it.
        let cut = Part { master_id: Some(first), ..any(&salon, 0) };
        let manicure = Part { master_id: Some(third), ..any(&salon, 1) };
        assert_eq!(times(&salon, &[cut, manicure]).await, ["10:30"]);
        // Both by the first master are one stretch.
        let both = [cut, Part { master_id: Some(first), ..manicure }];
        assert_eq!(times(&salon, &both).await, ["10:00", "10:50"]);
        // With that time of the third master taken, either the one or the other leaves a gap, and never both.
        let taken = Item { service_id: salon.services[1], master_id: third };
        salon.book_items("2026-01-16T11:30:00", "87771234567", &[taken], PUBLIC).await.unwrap();
        assert_eq!(times(&salon, &[cut, manicure]).await, ["12:00", "12:20"]);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_left_without_a_gap_comes_before_who_has_less_to_do() {
    on_each(async |db| {
        let mut salon = Salon::open(&db).await;
        let [first, second, _] = salon.masters[..] else { panic!("three masters") };
        let mut tx = db.begin().await.unwrap();
        for (master_id, start, end) in [(first, 600, 800), (second, 720, 1_080)] {
            let day = DayHours::new(DAY, vec![Interval::new(start, end).unwrap()]).unwrap();
            schedule::set_date(&mut tx, salon.business.id, master_id, &day).await.unwrap();
        }
        tx.commit().await.unwrap();
        let taken = Item { service_id: salon.services[0], master_id: second };
        salon.book_items("2026-01-16T17:00:00", "87771234567", &[taken], PUBLIC).await.unwrap();
        // The second master begins at 12:00; the first would be left twenty minutes after 13:00.
        let noon = salon.business.zone.instant(DAY.at(12, 0, 0, 0)).unwrap();
        for (mode, expected) in [("grid", [[first], [second]]), ("no_gap", [[second], [first]])] {
            salon.business.settings = serde_json::from_str(&format!(r#"{{"slots": {{"mode": "{mode}"}}}}"#)).unwrap();
            let (parts, now) = ([any(&salon, 0)], salon.platform.clock.now());
            let mut connection = db.read().await.unwrap();
            let found = slots::candidates(&mut connection, &salon.business, &parts, noon, now).await.unwrap();
            assert_eq!(found.assignments(), expected, "{mode}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_staff_sees_past_notice_and_horizon() {
    on_each(async |db| {
        let salon = Salon::open(&db).await;
        let parts = [any(&salon, 0)];
        let far = date(2026, 12, 1);
        let ask = |audience| slots::free(&salon.platform, &salon.business, Wanted::Visit(&parts), (far, far), audience);
        assert!(ask(Audience::Public).await.unwrap().is_empty());
        assert!(!ask(Audience::Staff).await.unwrap().is_empty());
    })
    .await;
}
